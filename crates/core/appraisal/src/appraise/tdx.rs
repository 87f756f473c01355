//! What a trust domain says of itself.

use bulla_evidence::Body;
use bulla_evidence::layout::{TdReport10, td_attributes};

use super::measurement::one_of;
use crate::decision::{Finding, Reason, Severity};
use crate::policy::{Demand, HexBytes, TdxPolicy, Tolerance};

const NO_SERVICE_TDS: [u8; 48] = [0; 48];

pub(super) fn check(body: Body<'_>, demands: &TdxPolicy, findings: &mut Vec<Finding>) {
    let Some(report) = body.td10() else {
        return;
    };
    check_attributes(report.tdattributes.get(), demands, findings);
    check_measurements(report, demands, findings);
    check_service_tds(
        body.td15().map(|report| report.mrservicetd),
        demands,
        findings,
    );
}

/// An attribute that takes protection away, and the policy's word on it.
struct Attribute {
    mask: u64,
    tolerance: Tolerance,
    /// How much it weighs where it is tolerated.
    tolerated: Severity,
    reason: Reason,
    field: &'static str,
    /// What follows from the attribute, and what to do about it.
    consequence: &'static str,
}

fn check_attributes(bits: u64, demands: &TdxPolicy, findings: &mut Vec<Finding>) {
    let attributes = [
        Attribute {
            mask: td_attributes::DEBUG,
            tolerance: demands.debug,
            tolerated: Severity::Warning,
            reason: Reason::DebugTd,
            field: "tdx.debug",
            consequence: "The TD is in debug mode: whoever runs the host reads its memory; \
                          launch it without debugging.",
        },
        Attribute {
            mask: td_attributes::PROFILING,
            tolerance: demands.profiling,
            tolerated: Severity::Warning,
            reason: Reason::TdProfiling,
            field: "tdx.profiling",
            consequence: "The host may profile the TD, and so learn what it works on; \
                          launch it without profiling.",
        },
        Attribute {
            mask: td_attributes::MUST_BE_ZERO,
            tolerance: demands.reserved_attributes,
            tolerated: Severity::Warning,
            reason: Reason::TdReservedAttributes,
            field: "tdx.reserved_attributes",
            consequence: "The TD has attribute bits that must be zero; \
                          look for a newer bulla that knows them.",
        },
        Attribute {
            mask: td_attributes::MIGRATABLE,
            tolerance: demands.migratable,
            tolerated: Severity::Note,
            reason: Reason::Migratable,
            field: "tdx.migratable",
            consequence: "The TD can move to another platform, which this evidence says nothing \
                          about; launch it without migration if it should stay.",
        },
        Attribute {
            mask: td_attributes::SERVTD_EXT,
            tolerance: demands.service_td_extension,
            tolerated: Severity::Note,
            reason: Reason::ServiceTdExtension,
            field: "tdx.service_td_extension",
            consequence: "The TD has the attribute SERVTD_EXT; launch it without service TDs if \
                          none should act on it.",
        },
    ];
    for attribute in attributes {
        let set = bits & attribute.mask;
        if set != 0 {
            let severity = weigh(attribute.tolerance, attribute.tolerated);
            let message = attribute.consequence.to_owned();
            findings.push(
                Finding::new(severity, attribute.reason, attribute.field, message).sides(
                    "no such attribute",
                    format!("tdattributes {bits:#018x}, bits {set:#x}"),
                ),
            );
        }
    }

    if bits & td_attributes::SEPT_VE_DISABLE == 0 {
        let severity = match demands.sept_ve_disable {
            Demand::Required => Severity::Refusal,
            Demand::Any => Severity::Note,
        };
        let message = "SEPT_VE_DISABLE is not set: the host can inject exceptions into the TD \
                       through pending pages; launch it with that attribute.";
        let reason = Reason::SeptVeDisableClear;
        findings.push(Finding::new(
            severity,
            reason,
            "tdx.sept_ve_disable",
            message.to_owned(),
        ));
    }
}

fn check_measurements(report: &TdReport10, demands: &TdxPolicy, findings: &mut Vec<Finding>) {
    let measurements = [
        (&demands.mrtd, report.mrtd, Reason::MrtdMismatch, "tdx.mrtd"),
        (
            &demands.mrseam,
            report.mrseam,
            Reason::MrseamMismatch,
            "tdx.mrseam",
        ),
        (
            &demands.mrsignerseam,
            report.mrsignerseam,
            Reason::MrsignerseamMismatch,
            "tdx.mrsignerseam",
        ),
        (
            &demands.mrconfigid,
            report.mrconfigid,
            Reason::MrconfigidMismatch,
            "tdx.mrconfigid",
        ),
        (
            &demands.mrowner,
            report.mrowner,
            Reason::MrownerMismatch,
            "tdx.mrowner",
        ),
        (
            &demands.mrownerconfig,
            report.mrownerconfig,
            Reason::MrownerconfigMismatch,
            "tdx.mrownerconfig",
        ),
        (
            &demands.rtmr0,
            report.rtmr0,
            Reason::Rtmr0Mismatch,
            "tdx.rtmr0",
        ),
        (
            &demands.rtmr1,
            report.rtmr1,
            Reason::Rtmr1Mismatch,
            "tdx.rtmr1",
        ),
        (
            &demands.rtmr2,
            report.rtmr2,
            Reason::Rtmr2Mismatch,
            "tdx.rtmr2",
        ),
        (
            &demands.rtmr3,
            report.rtmr3,
            Reason::Rtmr3Mismatch,
            "tdx.rtmr3",
        ),
    ];
    for (accepted, actual, reason, field) in measurements {
        one_of(
            accepted.as_ref(),
            &HexBytes(actual),
            reason,
            field,
            findings,
        );
    }
    one_of(
        demands.xfam.as_ref(),
        &HexBytes(report.xfam.to_bytes()),
        Reason::XfamMismatch,
        "tdx.xfam",
        findings,
    );
}

/// `mrservicetd` is absent where the body is a TD report 1.0, which has no such field.
fn check_service_tds(
    mrservicetd: Option<[u8; 48]>,
    demands: &TdxPolicy,
    findings: &mut Vec<Finding>,
) {
    let Some(mrservicetd) = mrservicetd else {
        if demands.service_td == Tolerance::Refused || demands.mrservicetd.is_some() {
            let message = "A TD report 1.0 does not tell which service TDs are bound to the TD, \
                           and the policy asks; collect a quote with a TD report 1.5.";
            let reason = Reason::ServiceTdUnknown;
            findings.push(Finding::refusal(
                reason,
                "tdx.service_td",
                message.to_owned(),
            ));
        }
        return;
    };
    if mrservicetd != NO_SERVICE_TDS {
        let message = "Service TDs are bound to the TD and may act on it, for example move it; \
                       launch it without them, or list theirs in `tdx.mrservicetd`.";
        findings.push(
            Finding::new(
                weigh(demands.service_td, Severity::Note),
                Reason::ServiceTdBound,
                "tdx.service_td",
                message.to_owned(),
            )
            .sides(HexBytes(NO_SERVICE_TDS), HexBytes(mrservicetd)),
        );
    }
    one_of(
        demands.mrservicetd.as_ref(),
        &HexBytes(mrservicetd),
        Reason::MrservicetdMismatch,
        "tdx.mrservicetd",
        findings,
    );
}

fn weigh(tolerance: Tolerance, tolerated: Severity) -> Severity {
    match tolerance {
        Tolerance::Refused => Severity::Refusal,
        Tolerance::Any => tolerated,
    }
}
