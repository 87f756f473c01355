//! A vendor's own evidence at a gate whose policy names a simulated root.
//!
//! No recorded quote can be bound to a nonce that is given out today, so the way through the gate
//! ends at the binding. What lies behind that is walked here in the gate's own steps: the verdict of
//! the service, then the policy. The other direction, simulated evidence under a policy that does
//! not name its root, goes the whole way in `gate_attestation.rs`.

use bulla_appraisal::{Policy, Reason, appraise};
use bulla_collateral::{CollateralSet, EnclaveId, Selector, Series, TcbInfoId};
use bulla_evidence::{Quote, Tee};
use bulla_issuer::DocumentKind;
use bulla_pki::hpke::KeyPair;
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_service::judging::{Need, NoVerdict};
use bulla_service::keeper::Mode;
use bulla_service::realm::Realm;
use bulla_service::want::{Choice, Want};
use bulla_tests::gatehouse::{Attempt, Gatehouse};
use bulla_tests::scenarios::{assert_genuine, judge_bytes};
use bulla_tests::service::{Keeping, standard, store, tcb_info};
use bulla_tests::site::Clock;
use bulla_tests::{cases, vectors};
use bulla_verifier::arrival::Received;
use bulla_verifier::{Verdict, Verification};

const STANDARD: Choice = Choice::Selected(Selector::Standard);

/// A genuine quote of each technology, its collateral, and a time at which all of it is in order.
fn genuine(test: &str) -> Option<Vec<(Vec<u8>, CollateralSet, Timestamp)>> {
    let folder = vectors::folder(test)?;
    let cases = cases::read_all(&folder);
    let of = |tee: &str| {
        let named = cases.iter().filter(|case| case.tee == tee);
        let mut read = named.map(|case| (case.quote(&folder), case.collateral(&folder), case.at()));
        read.find(|(quote, set, at)| {
            let verdict = judge_bytes(quote, set, &TrustAnchors::vendors(), *at);
            let current = verdict.collateral.expired.is_empty();
            verdict.verification() == Verification::Ok && current
        })
    };
    let found = ["SGX", "TDX"].map(|tee| of(tee).unwrap_or_else(|| panic!("no case of {tee}")));
    Some(found.into())
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// What the service says of a quote, without asking what it is bound to.
fn judge(keeping: &Keeping, quote: &[u8]) -> Result<Verdict, NoVerdict> {
    let parsed = Quote::parse(quote)?;
    let need = keeping.fleet.need(&parsed, STANDARD)?;
    assert_eq!(need, Need::of(&parsed, STANDARD)?);
    let remembered = keeping.fleet.need(&parsed, STANDARD)?;
    assert_eq!(remembered, need);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(keeping.fleet.judge(quote, need))
}

#[test]
fn at_a_simulated_gate_it_is_bound_to_nothing_and_there_is_nothing_to_judge_it_by() {
    let Some(genuine) = genuine("gate, genuine evidence") else {
        return;
    };
    let house = Gatehouse::open();
    let (before, asked) = (house.front.state(), house.front.keeping.exchanges());
    for (quote, ..) in &genuine {
        let (nonce, key) = (house.nonce(), key());
        let reply = house.attest(&Attempt::new(&nonce, quote, &key));
        assert_eq!(
            (reply.status(), &reply.json()["code"]),
            (403, &"binding-mismatch".into())
        );
    }
    assert_eq!(house.front.keeping.exchanges(), asked, "nobody was asked");
    // Were it bound: nothing here was issued for a genuine platform.
    for (quote, ..) in &genuine {
        let judged = judge(&house.front.keeping, quote);
        assert!(matches!(judged, Err(NoVerdict::Absent(_))), "{judged:?}");
    }
    assert_eq!(house.front.state(), before, "nothing of it is kept");
}

#[test]
fn where_it_is_genuine_a_policy_that_names_a_simulated_root_refuses_it_for_its_root() {
    let Some(genuine) = genuine("policy, genuine evidence") else {
        return;
    };
    let simulated = Gatehouse::open().naming_root("");
    for (quote, set, at) in genuine {
        let clock = Clock::at(&at.to_string());
        let realm = Realm::vendor().expect("the vendor's root");
        let keeping = Keeping::under(realm, &clock, &store(), Vec::new(), Mode::Offline);
        admit(&keeping, &quote, &set);
        let verdict = judge(&keeping, &quote).expect("a verdict");
        assert_genuine(&verdict);
        let refused_for_its_root = |text: &str| {
            let policy = Policy::from_toml(text).expect("a policy");
            let decision = appraise(&verdict, &policy);
            let mut refusals = decision.refusals();
            refusals.any(|finding| finding.reason == Reason::TrustAnchorNotAccepted)
        };
        assert!(refused_for_its_root(&simulated));
        assert!(!refused_for_its_root(
            "trust_anchors = [\"intel-sgx-root\"]\n"
        ));
    }
}

/// Has the service keep the collateral of a quote as what the vendor enforces.
fn admit(keeping: &Keeping, quote: &[u8], set: &CollateralSet) {
    let parsed = Quote::parse(quote).expect("a quote");
    let need = Need::of(&parsed, STANDARD).expect("a certificate");
    let (id, enclave) = match parsed.tee() {
        Tee::Sgx => (TcbInfoId::Sgx, EnclaveId::Qe),
        Tee::Tdx => (TcbInfoId::Tdx, EnclaveId::TdQe),
    };
    let info = DocumentKind::TcbInfo.served(&set.tcb_info);
    let identity = DocumentKind::EnclaveIdentity.served(&set.qe_identity);
    let signed = |document, issuer_chain| Received::Signed {
        document,
        issuer_chain,
    };
    let (crl, issuer_chain) = (&set.pck_crl[..], &set.pck_crl_issuer_chain[..]);
    let pck_crl = Received::PckCrl { crl, issuer_chain };
    let root_crl = Received::RootCaCrl {
        crl: &set.root_ca_crl,
        root: issuer_chain,
    };
    let series = Series::EnclaveIdentity(enclave);
    let collection = keeping.keeper.collection();
    for (received, want) in [
        (root_crl, Want::RootCaCrl),
        (pck_crl, Want::PckCrl(need.ca)),
        (
            signed(&info, &set.tcb_info_issuer_chain),
            standard(tcb_info(id, need.fmspc)),
        ),
        (
            signed(&identity, &set.qe_identity_issuer_chain),
            standard(series),
        ),
    ] {
        let admitted = collection.admit(received, Some(want), "a recording");
        admitted.unwrap_or_else(|refused| panic!("{want:?}: {refused}"));
    }
}
