//! What an enclave says of itself.

use bulla_evidence::layout::{SgxReportBody, sgx_attributes};

use super::measurement::one_of;
use crate::decision::{Finding, Reason, Severity};
use crate::policy::{HexBytes, SgxPolicy, Tolerance};

pub(super) fn check(report: &SgxReportBody, demands: &SgxPolicy, findings: &mut Vec<Finding>) {
    check_attributes(report.attributes.flags.get(), demands, findings);
    one_of(
        demands.mrenclave.as_ref(),
        &HexBytes(report.mrenclave),
        Reason::MrenclaveMismatch,
        "sgx.mrenclave",
        findings,
    );
    one_of(
        demands.mrsigner.as_ref(),
        &HexBytes(report.mrsigner),
        Reason::MrsignerMismatch,
        "sgx.mrsigner",
        findings,
    );
    one_of(
        demands.isvprodid.as_ref(),
        &report.isvprodid.get(),
        Reason::IsvprodidMismatch,
        "sgx.isvprodid",
        findings,
    );
    if let Some(minimum) = demands.minimum_isvsvn {
        findings.extend(isvsvn_too_low(report.isvsvn.get(), minimum));
    }
    one_of(
        demands.isvextprodid.as_ref(),
        &HexBytes(report.isvextprodid),
        Reason::IsvextprodidMismatch,
        "sgx.isvextprodid",
        findings,
    );
    one_of(
        demands.isvfamilyid.as_ref(),
        &HexBytes(report.isvfamilyid),
        Reason::IsvfamilyidMismatch,
        "sgx.isvfamilyid",
        findings,
    );
    one_of(
        demands.configid.as_ref(),
        &HexBytes(report.configid),
        Reason::ConfigidMismatch,
        "sgx.configid",
        findings,
    );
}

fn check_attributes(flags: u64, demands: &SgxPolicy, findings: &mut Vec<Finding>) {
    if flags & sgx_attributes::DEBUG != 0 {
        let (severity, remedy) = match demands.debug {
            Tolerance::Refused => (Severity::Refusal, "build it for production"),
            Tolerance::Any => (Severity::Warning, "the policy tolerates that"),
        };
        let message = format!(
            "The enclave is in debug mode: whoever runs the host reads its memory; {remedy}."
        );
        findings.push(Finding::new(
            severity,
            Reason::DebugEnclave,
            "sgx.debug",
            message,
        ));
    }

    let required = demands.required_attributes.flags();
    for name in sgx_attributes::names(required & !flags) {
        let message = format!(
            "The enclave lacks the attribute {name}, which the policy requires; build it with \
             that attribute."
        );
        let check = "sgx.required_attributes";
        findings.push(Finding::refusal(
            Reason::EnclaveAttributeMissing,
            check,
            message,
        ));
    }
    let forbidden = demands.forbidden_attributes.flags();
    for name in sgx_attributes::names(forbidden & flags) {
        let message = format!(
            "The enclave has the attribute {name}, which the policy forbids; build it without \
             that attribute."
        );
        let check = "sgx.forbidden_attributes";
        findings.push(Finding::refusal(
            Reason::EnclaveAttributeForbidden,
            check,
            message,
        ));
    }
}

fn isvsvn_too_low(actual: u16, minimum: u16) -> Option<Finding> {
    (actual < minimum).then(|| {
        let message = format!(
            "The security version of the enclave is {actual}, and the policy asks for {minimum} \
             or higher; deploy a newer build."
        );
        Finding::refusal(Reason::IsvsvnTooLow, "sgx.isvsvn", message)
            .sides(format!("{minimum} or higher"), actual)
    })
}
