//! A verdict in the words of Intel's Quote Verification Library: one status for each stage.

use bulla_collateral::TcbStatus;
use bulla_verifier::{Code, DocumentKind, Finding, Severity, Stage, Verdict};

use crate::cases::Expect;

/// What Intel's library would answer for what `verdict` found.
pub fn answer(verdict: &Verdict) -> Expect {
    let stage = |stage| {
        let first = verdict
            .findings
            .iter()
            .find(|f| f.severity == Severity::Failure && f.stage == stage);
        first.map_or("STATUS_OK", status_of)
    };
    let json: Vec<_> = verdict
        .collateral
        .documents
        .iter()
        .filter(|document| document.kind == DocumentKind::Json)
        .map(|document| document.window)
        .collect();
    let quote = match stage(Stage::Quote) {
        "STATUS_OK" => verdict
            .tcb
            .as_ref()
            .map_or("STATUS_OK", |tcb| tcb_status(tcb.status)),
        failed => failed,
    };
    let tcb = verdict.tcb.as_ref();
    Expect {
        pck_chain: stage(Stage::PckChain).to_owned(),
        tcb_info: stage(Stage::TcbInfo).to_owned(),
        qe_identity: stage(Stage::QeIdentity).to_owned(),
        quote: quote.to_owned(),
        launch_status: tcb.map_or("", |tcb| tcb.launch_status.as_str()).to_owned(),
        current_status: tcb.map_or("", |tcb| tcb.current_status.as_str()).to_owned(),
        advisories: tcb.map_or(Vec::new(), |tcb| {
            tcb.advisory_ids.iter().map(|id| id.to_string()).collect()
        }),
        tcb_date: tcb.map_or(0, |tcb| tcb.date.unix_seconds()),
        tcb_eval_min: tcb.map_or(0, |tcb| tcb.evaluation_data_number()),
        issue_min: tcb
            .and(json.iter().map(|w| w.from.unix_seconds()).min())
            .unwrap_or(0),
        issue_max: tcb
            .and(json.iter().map(|w| w.from.unix_seconds()).max())
            .unwrap_or(0),
        expiration_min: tcb
            .and(json.iter().map(|w| w.until.unix_seconds()).min())
            .unwrap_or(0),
    }
}

fn tcb_status(status: TcbStatus) -> &'static str {
    match status {
        TcbStatus::UpToDate => "STATUS_OK",
        TcbStatus::SWHardeningNeeded => "STATUS_TCB_SW_HARDENING_NEEDED",
        TcbStatus::ConfigurationNeeded => "STATUS_TCB_CONFIGURATION_NEEDED",
        TcbStatus::ConfigurationAndSWHardeningNeeded => {
            "STATUS_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED"
        }
        TcbStatus::OutOfDate => "STATUS_TCB_OUT_OF_DATE",
        TcbStatus::OutOfDateConfigurationNeeded => "STATUS_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED",
        TcbStatus::TDRelaunchAdvised => "STATUS_TCB_TD_RELAUNCH_ADVISED",
        TcbStatus::TDRelaunchAdvisedConfigurationNeeded => {
            "STATUS_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED"
        }
        TcbStatus::Revoked => "STATUS_TCB_REVOKED",
    }
}

/// The status of Intel's library for a finding; those it does not look for have a name of bulla's.
fn status_of(finding: &Finding) -> &'static str {
    match (finding.stage, finding.code, finding.subject) {
        (Stage::PckChain, Code::RootSignatureInvalid, _) => "STATUS_SGX_ROOT_CA_INVALID_ISSUER",
        (Stage::PckChain, Code::RootUntrusted, _) => "STATUS_SGX_PCK_CERT_CHAIN_UNTRUSTED",
        (
            Stage::Quote,
            Code::TcbLevelNotFound | Code::TdxModuleTcbLevelNotFound | Code::QeTcbLevelNotFound,
            _,
        ) => "STATUS_TCB_NOT_SUPPORTED",
        _ => "bulla: other",
    }
}
