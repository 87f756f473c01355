//! Roots: a vendor's, and those that somebody brought along.

use std::sync::Arc;

use bulla_appraisal::{Appraisal, Policy, Reason, Severity, appraise};
use bulla_issuer::{NO_ADDRESS, Seed, Vendor};
use bulla_pki::{TrustAnchor, TrustAnchors};
use bulla_verifier::{Code, Finding, Stage, Verdict};

use crate::support::*;

fn simulated_root() -> TrustAnchor {
    let vendor = Vendor::new(&Seed::from(1), NO_ADDRESS, time("2026-01-01T00:00:00Z"));
    let anchors = TrustAnchors::vendors()
        .with_simulated(&vendor.root_certificate())
        .unwrap();
    let simulated = anchors.iter().find(|anchor| !anchor.is_genuine());
    simulated.unwrap().clone()
}

fn ends_in(root: TrustAnchor) -> Verdict {
    Verdict {
        trust_anchor: Some(Arc::new(root)),
        ..sgx_verdict()
    }
}

#[test]
fn by_default_only_a_vendors_root_is_accepted() {
    assert_accepted(&sgx_verdict(), "");
    assert_refused(
        &ends_in(simulated_root()),
        "",
        &[Reason::TrustAnchorNotAccepted],
    );
}

#[test]
fn a_simulated_root_passes_only_by_the_digest_of_its_key_and_says_simulated() {
    let root = simulated_root();
    let digest = hex::encode(root.public_key_sha256());
    let verdict = ends_in(root);
    let listed = format!("trust_anchors = [\"{digest}\"]");
    assert_accepted_with(
        &verdict,
        &listed,
        &[(Severity::Warning, Reason::TrustAnchorNotGenuine)],
    );
    assert!(
        decide(&verdict, &listed).findings()[0]
            .message
            .starts_with("SIMULATED")
    );
    for text in [
        "trust_anchors = [\"intel-sgx-root\"]".to_owned(),
        listed.replace(&digest[..2], "00"),
    ] {
        assert_refused(&verdict, &text, &[Reason::TrustAnchorNotAccepted]);
    }
}

#[test]
fn a_vendors_root_can_be_left_out_of_the_list() {
    let digest = hex::encode(simulated_root().public_key_sha256());
    let only_simulated = format!("trust_anchors = [\"{digest}\"]");
    assert_refused(
        &sgx_verdict(),
        &only_simulated,
        &[Reason::TrustAnchorNotAccepted],
    );
    let both = format!("trust_anchors = [\"intel-sgx-root\", \"{digest}\"]");
    assert_accepted(&sgx_verdict(), &both);
}

#[test]
fn what_failed_verification_is_refused_for_that_reason_alone() {
    let failure = Finding {
        code: Code::QuoteSignatureInvalid,
        severity: bulla_verifier::Severity::Failure,
        stage: Stage::Quote,
        subject: "signature",
        message: String::new(),
        expected: None,
        actual: None,
    };
    let failed = Verdict {
        findings: vec![failure],
        ..ends_in(simulated_root())
    };
    let no_root = Verdict {
        trust_anchor: None,
        ..sgx_verdict()
    };
    let no_evidence = Verdict {
        evidence: None,
        ..sgx_verdict()
    };
    let no_level = Verdict {
        tcb: None,
        ..sgx_verdict()
    };
    for verdict in [&failed, &no_root, &no_evidence, &no_level] {
        let decision = appraise(verdict, &Policy::default());
        assert_eq!(decision.appraisal(), Appraisal::Refused);
        assert_eq!(decision.findings().len(), 1);
        assert_eq!(decision.findings()[0].reason, Reason::VerificationFailed);
    }
    let said = &appraise(&failed, &Policy::default()).findings()[0]
        .message
        .clone();
    assert!(said.contains("QuoteSignatureInvalid"), "{said}");
}
