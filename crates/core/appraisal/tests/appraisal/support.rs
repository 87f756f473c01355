//! Verdicts to appraise, and what to ask of the decision.

use std::sync::Arc;

use bulla_appraisal::policy::DOCUMENT_NAMES;
use bulla_appraisal::{Appraisal, Decision, Policy, Reason, Severity, appraise};
use bulla_collateral::TcbStatus;
use bulla_evidence::layout::{
    QuoteHeader, SgxReportBody, TdReport10, TdReport15, sgx_attributes, td_attributes,
};
use bulla_evidence::{QuoteVersion, Tee};
use bulla_pki::{Timestamp, TrustAnchor, TrustAnchors, Window};
use bulla_verifier::{
    CollateralFacts, DocumentFacts, DocumentKind, EvidenceFacts, OwnedBody, PckCa, PlatformFacts,
    ReachedLevel, TcbFacts, Verdict,
};
use zerocopy::FromZeros;

/// The instant of every verdict made here.
pub(crate) const NOW: &str = "2026-11-23T00:00:00Z";
pub(crate) const PPID: [u8; 16] = [0xa1; 16];
pub(crate) const INSTANCE: [u8; 16] = [0xb2; 16];

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn genuine_root() -> Arc<TrustAnchor> {
    Arc::new(TrustAnchors::vendors().iter().next().unwrap().clone())
}

/// A genuine, up-to-date enclave in production, with collateral from the first of the month.
pub(crate) fn sgx_verdict() -> Verdict {
    let mut report = SgxReportBody::new_zeroed();
    report.attributes.flags = (sgx_attributes::INIT | sgx_attributes::MODE64).into();
    report.mrenclave = [0x11; 32];
    report.mrsigner = [0x22; 32];
    report.isvprodid = 7.into();
    report.isvsvn = 3.into();
    verdict(QuoteVersion::V3, Tee::Sgx, OwnedBody::Sgx(report))
}

/// A genuine, up-to-date TD 1.5 with nothing that deserves a note.
pub(crate) fn tdx_verdict() -> Verdict {
    let mut report = TdReport15::new_zeroed();
    report.td10 = td10();
    verdict(QuoteVersion::V5, Tee::Tdx, OwnedBody::Td15(report))
}

/// The same as a TD report 1.0.
pub(crate) fn tdx10_verdict() -> Verdict {
    verdict(QuoteVersion::V4, Tee::Tdx, OwnedBody::Td10(td10()))
}

fn td10() -> TdReport10 {
    let mut report = TdReport10::new_zeroed();
    report.tdattributes = td_attributes::SEPT_VE_DISABLE.into();
    report.mrtd = [0x33; 48];
    report.rtmr2 = [0x77; 48];
    report
}

fn verdict(version: QuoteVersion, tee: Tee, body: OwnedBody) -> Verdict {
    let platform = PlatformFacts {
        fmspc: [0; 6],
        pce_id: [0; 2],
        ppid: PPID,
        components: [0; 16],
        pcesvn: 0,
        platform_instance_id: Some(INSTANCE),
        dynamic_platform: Some(false),
        cached_keys: Some(false),
        smt_enabled: Some(false),
        ca: PckCa::Platform,
    };
    Verdict {
        at: time(NOW),
        trust_anchor: Some(genuine_root()),
        evidence: Some(EvidenceFacts {
            quote_version: version,
            header: QuoteHeader::new(version, tee),
            body,
            qe_report: SgxReportBody::new_zeroed(),
            platform: Some(platform),
        }),
        tcb: Some(TcbFacts {
            status: TcbStatus::UpToDate,
            launch_status: TcbStatus::UpToDate,
            current_status: TcbStatus::UpToDate,
            date: time("2025-05-14T00:00:00Z"),
            advisory_ids: Vec::new(),
            tcb_info_evaluation_data_number: 19,
            qe_identity_evaluation_data_number: 19,
            platform_level: level(TcbStatus::UpToDate, &[]),
            tdx_module_level: None,
            qe_level: level(TcbStatus::UpToDate, &[]),
        }),
        collateral: CollateralFacts {
            documents: DOCUMENT_NAMES.map(document).to_vec(),
            ..CollateralFacts::default()
        },
        findings: Vec::new(),
    }
}

fn document(name: &'static str) -> DocumentFacts {
    DocumentFacts {
        name,
        kind: match name {
            "tcb_info" | "qe_identity" => DocumentKind::Json,
            "pck_crl" | "root_ca_crl" => DocumentKind::Crl,
            _ => DocumentKind::Certificate,
        },
        window: Window {
            from: time("2026-11-01T00:00:00Z"),
            until: time("2026-12-01T00:00:00Z"),
        },
        sha256: [0; 32],
    }
}

pub(crate) fn level(status: TcbStatus, advisories: &[&str]) -> ReachedLevel {
    ReachedLevel {
        status,
        date: time("2025-05-14T00:00:00Z"),
        advisory_ids: advisories.iter().map(|id| Arc::from(*id)).collect(),
    }
}

/// Puts the platform at another level.
pub(crate) fn at_level(mut verdict: Verdict, status: TcbStatus, advisories: &[&str]) -> Verdict {
    let tcb = verdict.tcb.as_mut().unwrap();
    tcb.status = status;
    tcb.launch_status = status;
    tcb.current_status = status;
    tcb.advisory_ids = advisories.iter().map(|id| Arc::from(*id)).collect();
    tcb.platform_level = level(status, advisories);
    verdict
}

/// Moves the end of a document's window, as the verifier would list it.
pub(crate) fn with_window(
    mut verdict: Verdict,
    name: &'static str,
    from: &str,
    until: &str,
) -> Verdict {
    let documents = verdict.collateral.documents.iter_mut();
    let document = documents.into_iter().find(|d| d.name == name).unwrap();
    document.window = Window {
        from: time(from),
        until: time(until),
    };
    if !document.window.contains(verdict.at) {
        verdict.collateral.expired.push(name);
    }
    verdict
}

pub(crate) fn edit_sgx(mut verdict: Verdict, edit: impl FnOnce(&mut SgxReportBody)) -> Verdict {
    match &mut verdict.evidence.as_mut().unwrap().body {
        OwnedBody::Sgx(report) => edit(report),
        body => panic!("not an enclave: {body:?}"),
    }
    verdict
}

pub(crate) fn edit_td(mut verdict: Verdict, edit: impl FnOnce(&mut TdReport10)) -> Verdict {
    match &mut verdict.evidence.as_mut().unwrap().body {
        OwnedBody::Td10(report) => edit(report),
        OwnedBody::Td15(report) => edit(&mut report.td10),
        body => panic!("not a TD: {body:?}"),
    }
    verdict
}

pub(crate) fn edit_td15(mut verdict: Verdict, edit: impl FnOnce(&mut TdReport15)) -> Verdict {
    match &mut verdict.evidence.as_mut().unwrap().body {
        OwnedBody::Td15(report) => edit(report),
        body => panic!("not a TD report 1.5: {body:?}"),
    }
    verdict
}

pub(crate) fn policy(text: &str) -> Policy {
    Policy::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Appraises by a policy file.
pub(crate) fn decide(verdict: &Verdict, text: &str) -> Decision {
    appraise(verdict, &policy(text))
}

#[track_caller]
pub(crate) fn assert_accepted(verdict: &Verdict, text: &str) {
    let decision = decide(verdict, text);
    assert_eq!(
        decision.appraisal(),
        Appraisal::Accepted,
        "{:#?}",
        decision.findings()
    );
}

/// The evidence is refused for these reasons and no other.
#[track_caller]
pub(crate) fn assert_refused(verdict: &Verdict, text: &str, reasons: &[Reason]) {
    let decision = decide(verdict, text);
    assert_eq!(decision.appraisal(), Appraisal::Refused);
    let refusals: Vec<Reason> = decision.refusals().map(|finding| finding.reason).collect();
    assert_eq!(refusals, reasons, "{:#?}", decision.findings());
}

/// The evidence is accepted, and these things are said about it.
#[track_caller]
pub(crate) fn assert_accepted_with(verdict: &Verdict, text: &str, said: &[(Severity, Reason)]) {
    assert_accepted(verdict, text);
    let decision = decide(verdict, text);
    let findings = decision.findings().iter();
    assert_eq!(
        findings.map(|f| (f.severity, f.reason)).collect::<Vec<_>>(),
        said
    );
}
