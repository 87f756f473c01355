//! What enclaves and TDs say of themselves.

use bulla_appraisal::{Reason, Severity};
use bulla_evidence::layout::{TdReport15Ex, sgx_attributes, td_attributes};
use bulla_verifier::{OwnedBody, Verdict};
use zerocopy::FromZeros;

use crate::support::*;

#[test]
fn each_value_of_an_enclave_must_be_listed_where_there_is_a_list() {
    let zeros = |digits: usize| format!("\"{}\"", "0".repeat(digits));
    for (field, listed, other, reason) in [
        (
            "mrenclave",
            format!("\"{}\"", "11".repeat(32)),
            zeros(64),
            Reason::MrenclaveMismatch,
        ),
        (
            "mrsigner",
            format!("\"{}\"", "22".repeat(32)),
            zeros(64),
            Reason::MrsignerMismatch,
        ),
        (
            "isvprodid",
            "7".into(),
            "8".into(),
            Reason::IsvprodidMismatch,
        ),
        (
            "isvextprodid",
            zeros(32),
            "1".repeat(32).into_quotes(),
            Reason::IsvextprodidMismatch,
        ),
        (
            "isvfamilyid",
            zeros(32),
            "1".repeat(32).into_quotes(),
            Reason::IsvfamilyidMismatch,
        ),
        (
            "configid",
            zeros(128),
            "1".repeat(128).into_quotes(),
            Reason::ConfigidMismatch,
        ),
    ] {
        assert_accepted(&sgx_verdict(), &format!("[sgx]\n{field} = [{listed}]"));
        assert_accepted(
            &sgx_verdict(),
            &format!("[sgx]\n{field} = [{other}, {listed}]"),
        );
        let text = format!("[sgx]\n{field} = [{other}]");
        assert_refused(&sgx_verdict(), &text, &[reason]);
        let finding = decide(&sgx_verdict(), &text).findings()[0].clone();
        assert_eq!(finding.check, format!("sgx.{field}"));
        assert_eq!(finding.expected.as_deref(), Some(other.trim_matches('"')));
        assert_eq!(finding.actual.as_deref(), Some(listed.trim_matches('"')));
    }
}

trait IntoQuotes {
    fn into_quotes(self) -> String;
}

impl IntoQuotes for String {
    fn into_quotes(self) -> String {
        format!("\"{self}\"")
    }
}

#[test]
fn the_lowest_accepted_security_version_is_itself_accepted() {
    assert_accepted(&sgx_verdict(), "[sgx]\nminimum_isvsvn = 3");
    assert_refused(
        &sgx_verdict(),
        "[sgx]\nminimum_isvsvn = 4",
        &[Reason::IsvsvnTooLow],
    );
}

#[test]
fn a_debug_enclave_is_refused_unless_the_policy_tolerates_it() {
    let verdict = edit_sgx(sgx_verdict(), |report| {
        report.attributes.flags = (sgx_attributes::INIT | sgx_attributes::DEBUG).into();
    });
    for text in ["", "[sgx]", "[sgx]\ndebug = \"refused\""] {
        assert_refused(&verdict, text, &[Reason::DebugEnclave]);
    }
    let warning = [(Severity::Warning, Reason::DebugEnclave)];
    assert_accepted_with(&verdict, "[sgx]\ndebug = \"any\"", &warning);
    assert_accepted_with(&sgx_verdict(), "[sgx]\ndebug = \"any\"", &[]);
}

#[test]
fn attributes_are_required_and_forbidden_by_name() {
    let with = |flags: u64| edit_sgx(sgx_verdict(), |r| r.attributes.flags = flags.into());
    let required = "[sgx]\nrequired_attributes = [\"KSS\", \"CET\"]";
    assert_accepted(&with(sgx_attributes::KSS | sgx_attributes::CET), required);
    assert_refused(
        &with(sgx_attributes::KSS),
        required,
        &[Reason::EnclaveAttributeMissing],
    );
    assert_refused(&with(0), required, &[Reason::EnclaveAttributeMissing; 2]);
    let forbidden = "[sgx]\nforbidden_attributes = [\"PROVISION_KEY\"]";
    assert_accepted(&with(sgx_attributes::KSS), forbidden);
    let provisioning = with(sgx_attributes::PROVISION_KEY);
    assert_refused(
        &provisioning,
        forbidden,
        &[Reason::EnclaveAttributeForbidden],
    );
}

#[test]
fn each_measurement_of_a_td_must_be_listed_where_there_is_a_list() {
    let zeros = "00".repeat(48);
    for (field, actual, reason) in [
        ("mrtd", "33".repeat(48), Reason::MrtdMismatch),
        ("mrseam", zeros.clone(), Reason::MrseamMismatch),
        ("mrsignerseam", zeros.clone(), Reason::MrsignerseamMismatch),
        ("mrconfigid", zeros.clone(), Reason::MrconfigidMismatch),
        ("mrowner", zeros.clone(), Reason::MrownerMismatch),
        (
            "mrownerconfig",
            zeros.clone(),
            Reason::MrownerconfigMismatch,
        ),
        ("rtmr0", zeros.clone(), Reason::Rtmr0Mismatch),
        ("rtmr1", zeros.clone(), Reason::Rtmr1Mismatch),
        ("rtmr2", "77".repeat(48), Reason::Rtmr2Mismatch),
        ("rtmr3", zeros.clone(), Reason::Rtmr3Mismatch),
        ("mrservicetd", zeros.clone(), Reason::MrservicetdMismatch),
        ("xfam", "00".repeat(8), Reason::XfamMismatch),
    ] {
        let other = "ff".repeat(actual.len() / 2);
        assert_accepted(
            &tdx_verdict(),
            &format!("[tdx]\n{field} = [\"{other}\", \"{actual}\"]"),
        );
        let text = format!("[tdx]\n{field} = [\"{other}\"]");
        assert_refused(&tdx_verdict(), &text, &[reason]);
        let finding = decide(&tdx_verdict(), &text).findings()[0].clone();
        assert_eq!(finding.check, format!("tdx.{field}"));
        assert_eq!(finding.actual, Some(actual));
    }
}

#[test]
fn xfam_is_in_the_order_of_the_quote() {
    let verdict = edit_td(tdx_verdict(), |report| report.xfam = 0x0602e7.into());
    assert_accepted(&verdict, "[tdx]\nxfam = [\"e702060000000000\"]");
}

#[test]
fn each_attribute_of_a_td_has_its_rule() {
    let set = |bit: u64| {
        edit_td(tdx_verdict(), |report| {
            report.tdattributes = (report.tdattributes.get() | bit).into();
        })
    };
    let refused_by_default = [
        (1, "debug", Reason::DebugTd),
        (1 << 4, "profiling", Reason::TdProfiling),
        (1 << 5, "profiling", Reason::TdProfiling),
        (1 << 6, "profiling", Reason::TdProfiling),
        (1 << 1, "reserved_attributes", Reason::TdReservedAttributes),
        (1 << 61, "reserved_attributes", Reason::TdReservedAttributes),
    ];
    for (bit, field, reason) in refused_by_default {
        assert_refused(&set(bit), "", &[reason]);
        assert_refused(&set(bit), "[tdx]", &[reason]);
        let any = format!("[tdx]\n{field} = \"any\"");
        assert_accepted_with(&set(bit), &any, &[(Severity::Warning, reason)]);
    }
    let noted_by_default = [
        (td_attributes::MIGRATABLE, "migratable", Reason::Migratable),
        (
            td_attributes::SERVTD_EXT,
            "service_td_extension",
            Reason::ServiceTdExtension,
        ),
    ];
    for (bit, field, reason) in noted_by_default {
        assert_accepted_with(&set(bit), "", &[(Severity::Note, reason)]);
        assert_refused(
            &set(bit),
            &format!("[tdx]\n{field} = \"refused\""),
            &[reason],
        );
    }
    for bit in [
        td_attributes::PKS,
        td_attributes::KL,
        td_attributes::PERFMON,
        td_attributes::LASS,
    ] {
        assert_accepted_with(&set(bit), "", &[]);
    }
}

#[test]
fn sept_ve_disable_is_noted_or_required() {
    let clear = edit_td(tdx_verdict(), |report| report.tdattributes = 0.into());
    assert_accepted_with(&clear, "", &[(Severity::Note, Reason::SeptVeDisableClear)]);
    let required = "[tdx]\nsept_ve_disable = \"required\"";
    assert_refused(&clear, required, &[Reason::SeptVeDisableClear]);
    assert_accepted(&tdx_verdict(), required);
}

#[test]
fn service_tds_are_noted_refused_or_listed() {
    let bound = edit_td15(tdx_verdict(), |report| report.mrservicetd = [0x55; 48]);
    let refused = "[tdx]\nservice_td = \"refused\"";
    let listed = format!("[tdx]\nmrservicetd = [\"{}\"]", "55".repeat(48));
    assert_accepted_with(&bound, "", &[(Severity::Note, Reason::ServiceTdBound)]);
    assert_refused(&bound, refused, &[Reason::ServiceTdBound]);
    assert_accepted(&bound, &listed);
    assert_accepted(&tdx_verdict(), refused);
    assert_refused(&tdx_verdict(), &listed, &[Reason::MrservicetdMismatch]);
    assert_accepted_with(&tdx10_verdict(), "", &[]);
    assert_refused(&tdx10_verdict(), refused, &[Reason::ServiceTdUnknown]);
    assert_refused(&tdx10_verdict(), &listed, &[Reason::ServiceTdUnknown]);
}

#[test]
fn the_extended_report_is_appraised_like_the_others() {
    let mut extended = TdReport15Ex::new_zeroed();
    extended.td15.td10.tdattributes =
        (td_attributes::DEBUG | td_attributes::SEPT_VE_DISABLE).into();
    extended.td15.mrservicetd = [0x55; 48];
    let mut verdict = tdx_verdict();
    verdict.evidence.as_mut().unwrap().body = OwnedBody::Td15Ex(extended);
    let text = "[tdx]\nservice_td = \"refused\"";
    assert_refused(&verdict, text, &[Reason::DebugTd, Reason::ServiceTdBound]);
}

#[test]
fn a_policy_for_one_technology_refuses_the_other() {
    let (sgx, tdx) = (sgx_verdict(), tdx_verdict());
    let refusal = [Reason::TechnologyNotAccepted];
    assert_accepted(&sgx, "[sgx]");
    assert_refused(&tdx, "[sgx]", &refusal);
    assert_refused(&tdx10_verdict(), "[sgx]", &refusal);
    assert_accepted(&tdx, "[tdx]");
    assert_refused(&sgx, "[tdx]", &refusal);
    for text in ["", "[sgx]\n[tdx]"] {
        assert_accepted(&sgx, text);
        assert_accepted(&tdx, text);
    }
}

#[test]
fn report_data_is_compared_whole_and_for_both_technologies() {
    let mut data = [0; 64];
    data[0] = 1;
    let bound: [Verdict; 3] = [
        edit_sgx(sgx_verdict(), |report| report.reportdata = data),
        edit_td(tdx_verdict(), |report| report.reportdata = data),
        edit_td(tdx10_verdict(), |report| report.reportdata = data),
    ];
    let listed = format!("report_data = [\"{}\"]", hex::encode(data));
    for verdict in &bound {
        assert_accepted(verdict, &listed);
        assert_accepted(verdict, "");
    }
    assert_refused(&sgx_verdict(), &listed, &[Reason::ReportDataMismatch]);
    assert_refused(&tdx_verdict(), &listed, &[Reason::ReportDataMismatch]);
}

#[test]
fn all_reasons_are_reported_not_only_the_first() {
    let verdict = edit_sgx(sgx_verdict(), |report| {
        report.attributes.flags = sgx_attributes::DEBUG.into();
    });
    let text = "minimum_evaluation_data_number = 20\nminimum_tcb_date = 2026-01-01T00:00:00Z\n\
                [sgx]\nisvprodid = [1]\nminimum_isvsvn = 9\n";
    assert_refused(
        &verdict,
        text,
        &[
            Reason::EvaluationNumberTooLow,
            Reason::EvaluationNumberTooLow,
            Reason::TcbDateTooOld,
            Reason::DebugEnclave,
            Reason::IsvprodidMismatch,
            Reason::IsvsvnTooLow,
        ],
    );
}
