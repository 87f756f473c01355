//! Simulated evidence is never taken for genuine, nor genuine for simulated: over every form of a
//! quote, with the mark of simulation critical or not, and with documents of both sides mixed.

use bulla_appraisal::{Appraisal, Policy, Reason, appraise};
use bulla_collateral::CollateralSet;
use bulla_issuer::{CertificationKind, QuoteKind, Scenario, Seed};
use bulla_pki::{AnchorKind, TrustAnchors};
use bulla_tests::scenarios::{
    assert_accepted, assert_genuine, assert_refused, failures, judge_bytes, now, policy, trusting,
};
use bulla_tests::{cases, vectors};
use bulla_verifier::{Code, Verdict, Verification};

/// Every way in which a quote refers to the certificate of its platform.
const CERTIFICATIONS: [CertificationKind; 5] = [
    CertificationKind::PpidClear,
    CertificationKind::PpidRsa2048,
    CertificationKind::PpidRsa3072,
    CertificationKind::PckLeaf,
    CertificationKind::PckChain,
];

/// Every form of simulated evidence.
fn simulated() -> impl Iterator<Item = Scenario> {
    QuoteKind::ALL.into_iter().flat_map(|kind| {
        CERTIFICATIONS.into_iter().flat_map(move |certification| {
            [false, true].map(|critical| {
                let mut scenario = Scenario::new(&Seed::from("root separation"), kind, now());
                scenario.certification = certification;
                if critical {
                    scenario.vendor.mark_critically();
                }
                scenario
            })
        })
    })
}

#[track_caller]
fn assert_untrusted(verdict: &Verdict) {
    assert_eq!(verdict.verification(), Verification::Failed);
    let untrusted = |(code, _): &(Code, &str)| *code == Code::RootUntrusted;
    assert!(
        failures(verdict).iter().any(untrusted),
        "{:#?}",
        verdict.findings
    );
    assert!(verdict.trust_anchor.is_none());
    let decision = appraise(verdict, &Policy::default());
    assert_eq!(decision.appraisal(), Appraisal::Refused);
}

#[test]
fn no_form_of_simulated_evidence_is_genuine() {
    for scenario in simulated() {
        let attestation = scenario.build();
        let (quote, collateral) = (&attestation.quote, &attestation.collateral);
        assert_untrusted(&judge_bytes(
            quote,
            collateral,
            &TrustAnchors::vendors(),
            now(),
        ));

        let root = trusting(&scenario.vendor.root_certificate());
        let verdict = judge_bytes(quote, collateral, &root, now());
        assert_genuine(&verdict);
        let anchor = verdict.trust_anchor.as_ref().expect("an anchor");
        assert!(!anchor.is_genuine());
        assert_eq!(anchor.kind(), AnchorKind::Simulated);
        let reasons = [Reason::TrustAnchorNotAccepted];
        assert_refused(&verdict, &Policy::default(), &reasons);
        assert_accepted(&verdict, &policy(&scenario, ""));
    }
}

/// A genuine quote, its documents and a time at which they are in order; one for each kind of
/// quote that there is.
fn genuine(test: &str) -> Option<Vec<(Vec<u8>, CollateralSet, bulla_pki::Timestamp)>> {
    let folder = vectors::folder(test)?;
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for case in cases::read_all(&folder) {
        let kind = (case.tee.clone(), case.quote_version);
        if seen.contains(&kind) {
            continue;
        }
        let (quote, set) = (case.quote(&folder), case.collateral(&folder));
        let verdict = judge_bytes(&quote, &set, &TrustAnchors::vendors(), case.at());
        if verdict.verification() == Verification::Ok {
            seen.push(kind);
            found.push((quote, set, case.at()));
        }
    }
    assert!(found.len() >= 2, "SGX and TDX: {seen:?}");
    Some(found)
}

#[test]
fn genuine_evidence_ends_in_its_own_root_whatever_simulated_ones_are_known() {
    let Some(cases) = genuine("root separation") else {
        return;
    };
    for (quote, set, at) in cases {
        let simulated = Scenario::new(&Seed::from("root separation"), QuoteKind::SgxV3, at);
        let anchors = trusting(&simulated.vendor.root_certificate());
        let verdict = judge_bytes(&quote, &set, &anchors, at);
        assert_genuine(&verdict);
        assert!(
            verdict
                .trust_anchor
                .as_ref()
                .is_some_and(|a| a.is_genuine())
        );
        let decision = appraise(&verdict, &policy(&simulated, ""));
        let mut refusals = decision.refusals();
        assert!(refusals.any(|finding| finding.reason == Reason::TrustAnchorNotAccepted));
    }
}

/// Each document of the other side in its turn, for quotes of either side.
#[test]
fn documents_of_both_sides_are_not_mixed() {
    let Some(cases) = genuine("root separation, mixed") else {
        return;
    };
    for (quote, set, at) in cases {
        let version = bulla_evidence::Quote::parse(&quote)
            .expect("a quote")
            .version();
        let kinds = QuoteKind::ALL
            .into_iter()
            .filter(|kind| kind.version() == version);
        for kind in kinds {
            let scenario = Scenario::new(&Seed::from("root separation"), kind, at);
            let anchors = trusting(&scenario.vendor.root_certificate());
            let simulated = scenario.build();
            for (quote, own, other) in [
                (&quote, &set, &simulated.collateral),
                (&simulated.quote, &simulated.collateral, &set),
            ] {
                assert_genuine(&judge_bytes(quote, own, &anchors, at));
                for exchange in EXCHANGES {
                    let mut mixed = own.clone();
                    exchange(&mut mixed, other.clone());
                    let verdict = judge_bytes(quote, &mixed, &anchors, at);
                    assert_eq!(verdict.verification(), Verification::Failed);
                    assert!(verdict.tcb.is_none());
                }
            }
        }
    }
}

const EXCHANGES: [fn(&mut CollateralSet, CollateralSet); 5] = [
    |set, other| {
        set.tcb_info = other.tcb_info;
        set.tcb_info_issuer_chain = other.tcb_info_issuer_chain;
    },
    |set, other| {
        set.qe_identity = other.qe_identity;
        set.qe_identity_issuer_chain = other.qe_identity_issuer_chain;
    },
    |set, other| {
        set.pck_crl = other.pck_crl;
        set.pck_crl_issuer_chain = other.pck_crl_issuer_chain;
    },
    |set, other| set.root_ca_crl = other.root_ca_crl,
    |set, other| *set = other,
];
