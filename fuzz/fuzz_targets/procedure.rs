//! The whole procedure: nothing that no trusted key signed can be accepted or change a fact, and
//! all speeds say the same.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use bulla_appraisal::{Appraisal, Policy, appraise};
use bulla_collateral::{CollateralSet, TcbStatus};
use bulla_evidence::Quote;
use bulla_fuzz::bases::{Base, Bases, Owner};
use bulla_fuzz::edits::{Edited, Input, Instant};
use bulla_verifier::{DocumentFacts, KnownPlatforms, PreparedCollateral, Verdict, Verification};
use libfuzzer_sys::fuzz_target;

static BASES: LazyLock<Bases> = LazyLock::new(|| {
    let vectors = std::env::var_os("BULLA_VECTORS");
    Bases::new(vectors.as_deref().map(Path::new))
});

/// The default policy, but for the simulated root.
static NAMES_THE_ROOT: LazyLock<Policy> = LazyLock::new(|| {
    let root = BASES.anchors.iter().last().expect("a simulated root");
    let digest = hex::encode(root.public_key_sha256());
    let text = format!("trust_anchors = [\"intel-sgx-root\", \"{digest}\"]");
    Policy::from_toml(&text).expect("a policy")
});

fuzz_target!(|input: Input| {
    let edited = Edited::new(&input, &BASES);
    let verdict = at_every_speed(&edited);
    check_appraisal(&verdict);
    match verdict.verification() {
        Verification::Ok => check_accepted(&edited, &verdict),
        Verification::Failed => assert!(verdict.tcb.is_none()),
    }
    if input.edits.is_empty() && matches!(input.at, Instant::Its) {
        assert_eq!(format!("{verdict:?}"), format!("{:?}", edited.base.verdict));
    }
});

/// The verdict, which is the same from every speed.
fn at_every_speed(edited: &Edited<'_>) -> Verdict {
    let (quote, at) = (&edited.quote, edited.at);
    let collateral = edited
        .collateral
        .as_ref()
        .unwrap_or(&edited.base.collateral);
    let cold = bulla_verifier::verify(quote, collateral, &BASES.anchors, at);
    let expected = format!("{cold:?}");
    let prepared = match &edited.collateral {
        Some(set) => Arc::new(PreparedCollateral::new(set, &BASES.anchors)),
        None => Arc::clone(&edited.base.prepared),
    };
    assert_eq!(format!("{:?}", prepared.verify(quote, at)), expected);
    let known = KnownPlatforms::new(prepared, 2.try_into().expect("not zero"));
    // What is remembered of the platform as it was must not help what it was made into.
    known.verify(&edited.base.quote, edited.base.at);
    assert_eq!(
        format!("{:?}", known.verify(quote, at)),
        expected,
        "for the first time"
    );
    assert_eq!(format!("{:?}", known.verify(quote, at)), expected, "again");
    cold
}

fn check_appraisal(verdict: &Verdict) {
    let accepts = |policy: &Policy| appraise(verdict, policy).appraisal() == Appraisal::Accepted;
    let is_genuine = verdict
        .trust_anchor
        .as_ref()
        .is_some_and(|root| root.is_genuine());
    assert!(
        is_genuine || !accepts(&Policy::default()),
        "a simulated root"
    );
    if accepts(&NAMES_THE_ROOT) {
        assert_eq!(verdict.verification(), Verification::Ok);
        assert!(verdict.collateral.expired.is_empty());
        let level = verdict.tcb.as_ref().expect("a level");
        assert_eq!(level.status, TcbStatus::UpToDate);
    }
}

/// Whatever is accepted was signed by a trusted vendor, piece by piece, and says what it said.
fn check_accepted(edited: &Edited<'_>, verdict: &Verdict) {
    let quote = Quote::parse(&edited.quote).expect("it was accepted");
    let is_of = |base: &&Base| {
        let original = base.parsed();
        original.signed() == quote.signed()
            && original.auth().qe_report == quote.auth().qe_report
            && original.auth().qe_auth == quote.auth().qe_auth
            && original.auth().attestation_key == quote.auth().attestation_key
    };
    let trusted = || {
        BASES
            .iter()
            .filter(|base| !matches!(base.owner, Owner::Outside))
    };
    let signed = trusted().find(is_of).expect("nobody signed this quote");
    assert_eq!(
        format!("{:?}", verdict.evidence),
        format!("{:?}", signed.verdict.evidence)
    );

    // Every document and certificate is one of those that were issued.
    let documents = &verdict.collateral.documents;
    let is_same = |a: &DocumentFacts, b: &DocumentFacts| {
        (a.kind, a.window, a.sha256) == (b.kind, b.window, b.sha256)
    };
    for document in documents {
        let was_issued = trusted().any(|base| {
            let issued = &base.verdict.collateral.documents;
            issued.iter().any(|issued| is_same(issued, document))
        });
        assert!(was_issued, "nobody issued this {}", document.name);
    }
    let expired = documents
        .iter()
        .filter(|document| !document.window.contains(verdict.at));
    let expired: Vec<&str> = expired.map(|document| document.name).collect();
    assert_eq!(verdict.collateral.expired, expired);

    // With those documents, as they were issued, the facts are the same.
    let source = |name: &str| -> &CollateralSet {
        let document = verdict.collateral.document(name).expect(name);
        let base = trusted().find(|base| {
            let issued = base.verdict.collateral.document(name);
            issued.is_some_and(|issued| is_same(issued, document))
        });
        &base.expect(name).collateral
    };
    let whole = CollateralSet {
        tcb_info: source("tcb_info").tcb_info.clone(),
        tcb_info_issuer_chain: source("tcb_info").tcb_info_issuer_chain.clone(),
        qe_identity: source("qe_identity").qe_identity.clone(),
        qe_identity_issuer_chain: source("qe_identity").qe_identity_issuer_chain.clone(),
        pck_crl: source("pck_crl").pck_crl.clone(),
        pck_crl_issuer_chain: source("pck_crl").pck_crl_issuer_chain.clone(),
        root_ca_crl: source("root_ca_crl").root_ca_crl.clone(),
        pck_certificate_chain: signed.collateral.pck_certificate_chain.clone(),
    };
    let original = bulla_verifier::verify(&signed.quote, &whole, &BASES.anchors, edited.at);
    assert_eq!(
        original.verification(),
        Verification::Ok,
        "{:?}",
        original.findings
    );
    assert_eq!(original.tcb, verdict.tcb);
    assert_eq!(original.trust_anchor, verdict.trust_anchor);
    assert_eq!(
        original.collateral.document("pck_certificate"),
        verdict.collateral.document("pck_certificate")
    );
}
