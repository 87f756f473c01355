//! Scenarios of the issuer, judged: what a test changes, and what it asks of the verdict.
//!
//! Every judgement here is passed at all three speeds, and they must say the same.

use std::sync::Arc;

use bulla_appraisal::{Appraisal, Policy, Reason, appraise};
use bulla_collateral::{CollateralSet, SignedText, TcbStatus};
use bulla_issuer::{
    CertificateSpec, Documents, IsvLevelSpec, QuoteKind, Scenario, Seed, StatusSpec, sign_text,
};
use bulla_pki::digest::sha256;
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_verifier::{
    Code, KnownPlatforms, PreparedCollateral, Severity, TcbFacts, Verdict, Verification,
};

/// The quotes of trust domains.
pub const TDX_KINDS: [QuoteKind; 4] = [
    QuoteKind::Td10V4,
    QuoteKind::Td10V5,
    QuoteKind::Td15V5,
    QuoteKind::Td15ExV5,
];

/// The quotes of enclaves.
pub const SGX_KINDS: [QuoteKind; 3] = [QuoteKind::SgxV3, QuoteKind::SgxV4, QuoteKind::SgxV5];

/// The words that a level of a platform may have.
pub const PLATFORM_WORDS: [TcbStatus; 7] = [
    TcbStatus::UpToDate,
    TcbStatus::SWHardeningNeeded,
    TcbStatus::ConfigurationNeeded,
    TcbStatus::ConfigurationAndSWHardeningNeeded,
    TcbStatus::OutOfDate,
    TcbStatus::OutOfDateConfigurationNeeded,
    TcbStatus::Revoked,
];

/// The words that a level of a TDX module or a quoting enclave may have.
pub const PART_WORDS: [TcbStatus; 3] = [
    TcbStatus::UpToDate,
    TcbStatus::OutOfDate,
    TcbStatus::Revoked,
];

/// A certificate of the hierarchy under the Processor CA, to change, and the names under which it
/// is found wanting: a PCK CA stands in quote and collateral, a TCB signer behind TCB info and
/// identity.
pub type Holder = (
    fn(&mut Scenario) -> &mut CertificateSpec,
    &'static [&'static str],
);

/// Every certificate that another one has signed.
pub const BELOW_THE_ROOT: [Holder; 3] = [
    (|s| &mut s.pck_certificate, &["pck_certificate"]),
    (
        |s| &mut s.vendor.processor_ca.certificate,
        &["pck_ca", "pck_crl_ca"],
    ),
    (
        |s| &mut s.vendor.tcb_signer.certificate,
        &["tcb_info_signer", "qe_identity_signer"],
    ),
];

/// One code for each of these subjects.
pub fn each(code: Code, subjects: &[&'static str]) -> Vec<(Code, &'static str)> {
    subjects.iter().map(|subject| (code, *subject)).collect()
}

/// The status of a level with this word, since now and without advisories.
pub fn said(word: TcbStatus) -> StatusSpec {
    StatusSpec {
        word: word.as_str().to_owned(),
        ..StatusSpec::up_to_date(now())
    }
}

/// A level of a TDX module or a quoting enclave.
pub fn isv_level(isvsvn: u32, word: TcbStatus) -> IsvLevelSpec {
    IsvLevelSpec {
        isvsvn,
        status: said(word),
    }
}

/// The levels of the TDX module that the TD was launched on: of the last one in the list.
///
/// # Panics
///
/// If the scenario's TCB info has no module identities.
pub fn module_levels(scenario: &mut Scenario) -> &mut Vec<IsvLevelSpec> {
    let identities = scenario.tcb_info.tdx_module_identities.as_mut();
    &mut identities
        .expect("TDX has identities")
        .last_mut()
        .expect("of its own version")
        .levels
}

/// The instant at which everything in an unchanged scenario is valid.
pub fn now() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().expect("a time")
}

/// A consistent scenario in which everything is up to date.
pub fn scenario(kind: QuoteKind) -> Scenario {
    Scenario::new(&Seed::from("pitfalls"), kind, now())
}

/// The same with a change.
pub fn changed(kind: QuoteKind, change: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = scenario(kind);
    change(&mut scenario);
    scenario
}

/// The vendors' roots and the simulated root of this certificate.
pub fn trusting(root_certificate: &[u8]) -> TrustAnchors {
    TrustAnchors::vendors()
        .with_simulated(root_certificate)
        .expect("a simulated root")
}

/// Judges at every speed.
///
/// # Panics
///
/// If the speeds differ in anything.
pub fn judge_bytes(
    quote: &[u8],
    collateral: &CollateralSet,
    anchors: &TrustAnchors,
    at: Timestamp,
) -> Verdict {
    let cold = bulla_verifier::verify(quote, collateral, anchors, at);
    let prepared = Arc::new(PreparedCollateral::new(collateral, anchors));
    let known = KnownPlatforms::new(Arc::clone(&prepared), 2.try_into().expect("not zero"));
    let text = format!("{cold:?}");
    assert_eq!(format!("{:?}", prepared.verify(quote, at)), text);
    assert_eq!(
        format!("{:?}", known.verify(quote, at)),
        text,
        "seen for the first time"
    );
    assert_eq!(
        format!("{:?}", known.verify(quote, at)),
        text,
        "seen before"
    );
    cold
}

/// The verdict on a scenario under its own root.
pub fn judge(scenario: &Scenario) -> Verdict {
    judge_at(scenario, scenario.at)
}

/// The same at another instant.
pub fn judge_at(scenario: &Scenario, at: Timestamp) -> Verdict {
    let attestation = scenario.build();
    let anchors = trusting(&scenario.vendor.root_certificate());
    judge_bytes(&attestation.quote, &attestation.collateral, &anchors, at)
}

/// The verdict on a consistent scenario with a change that was signed.
pub fn judge_changed(kind: QuoteKind, change: impl FnOnce(&mut Scenario)) -> Verdict {
    judge(&changed(kind, change))
}

/// The verdict on a scenario whose documents were changed after they had been signed.
pub fn judge_tampered(scenario: &Scenario, tamper: impl FnOnce(&mut Documents)) -> Verdict {
    let mut documents = scenario.documents();
    tamper(&mut documents);
    let attestation = documents.assemble();
    let anchors = trusting(&scenario.vendor.root_certificate());
    judge_bytes(
        &attestation.quote,
        &attestation.collateral,
        &anchors,
        scenario.at,
    )
}

/// The verdict on a scenario whose quote was changed after it had been written.
pub fn judge_quote(scenario: &Scenario, tamper: impl FnOnce(&mut Vec<u8>)) -> Verdict {
    let mut attestation = scenario.build();
    tamper(&mut attestation.quote);
    let anchors = trusting(&scenario.vendor.root_certificate());
    judge_bytes(
        &attestation.quote,
        &attestation.collateral,
        &anchors,
        scenario.at,
    )
}

/// The verdict where the vendor signed another text as TCB info.
pub fn judge_tcb_info_text(scenario: &Scenario, rewrite: impl FnOnce(String) -> String) -> Verdict {
    judge_tampered(scenario, |documents| {
        let text = rewrite(scenario.tcb_info.to_json());
        documents.collateral.tcb_info = vendor_signed(scenario, text);
    })
}

/// The verdict where the vendor signed another text as identity of the quoting enclave.
pub fn judge_identity_text(scenario: &Scenario, rewrite: impl FnOnce(String) -> String) -> Verdict {
    judge_tampered(scenario, |documents| {
        let text = rewrite(scenario.qe_identity.to_json());
        documents.collateral.qe_identity = vendor_signed(scenario, text);
    })
}

/// A text with the signature of the scenario's TCB signer.
pub fn vendor_signed(scenario: &Scenario, text: impl Into<Vec<u8>>) -> SignedText {
    sign_text(text, &scenario.vendor.tcb_signer.key)
}

/// What made verification fail, in the order of the procedure: code and subject.
pub fn failures(verdict: &Verdict) -> Vec<(Code, &'static str)> {
    verdict
        .failures()
        .map(|finding| (finding.code, finding.subject))
        .collect()
}

/// The warnings and notes of a verdict, in the order of the procedure.
pub fn remarks(verdict: &Verdict) -> Vec<Code> {
    let remarks = verdict
        .findings
        .iter()
        .filter(|f| f.severity != Severity::Failure);
    remarks.map(|finding| finding.code).collect()
}

/// Verification fails for exactly these reasons, in this order, and claims no level.
#[track_caller]
pub fn assert_fails(verdict: &Verdict, expected: &[(Code, &str)]) {
    assert_eq!(failures(verdict), expected, "{:#?}", verdict.findings);
    assert_eq!(verdict.verification(), Verification::Failed);
    assert_eq!(verdict.tcb, None);
}

/// The evidence is genuine; gives the level.
#[track_caller]
pub fn assert_genuine(verdict: &Verdict) -> &TcbFacts {
    assert_eq!(failures(verdict), [], "{:#?}", verdict.findings);
    assert_eq!(
        verdict.verification(),
        Verification::Ok,
        "{:#?}",
        verdict.findings
    );
    verdict.tcb.as_ref().expect("a level")
}

/// The evidence is genuine, and this is its status.
#[track_caller]
pub fn assert_status(verdict: &Verdict, expected: TcbStatus) {
    assert_eq!(assert_genuine(verdict).status, expected);
}

/// The default policy, but for the root of the scenario, and these lines of a policy file.
pub fn policy(scenario: &Scenario, lines: &str) -> Policy {
    let root = hex::encode(sha256(&scenario.vendor.root.key.public_key()));
    let text = format!("trust_anchors = [\"{root}\"]\n{lines}");
    Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The policy accepts the genuine evidence.
#[track_caller]
pub fn assert_accepted(verdict: &Verdict, policy: &Policy) {
    assert_genuine(verdict);
    let decision = appraise(verdict, policy);
    assert_eq!(
        decision.appraisal(),
        Appraisal::Accepted,
        "{:#?}",
        decision.findings()
    );
}

/// The policy refuses the genuine evidence for exactly these reasons.
#[track_caller]
pub fn assert_refused(verdict: &Verdict, policy: &Policy, expected: &[Reason]) {
    assert_genuine(verdict);
    let decision = appraise(verdict, policy);
    let reasons: Vec<Reason> = decision.refusals().map(|finding| finding.reason).collect();
    assert_eq!(reasons, expected, "{:#?}", decision.findings());
}
