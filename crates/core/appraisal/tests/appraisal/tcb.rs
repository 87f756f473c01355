//! TCB statuses, dates, advisories and their exceptions.

use bulla_appraisal::{Appraisal, Policy, Reason, Severity, appraise};
use bulla_collateral::TcbStatus::{self, *};

use crate::support::*;

const EXCEPTION: &str = r#"
[[allowed_advisories]]
id = "INTEL-SA-00828"
until = "2026-11-23T00:00:00Z"
reason = "OPS-4711"
"#;

#[test]
fn only_up_to_date_passes_by_default() {
    for status in TcbStatus::ALL {
        let verdict = at_level(sgx_verdict(), status, &["INTEL-SA-00828"]);
        match status {
            UpToDate => assert_accepted(&verdict, ""),
            Revoked => assert_refused(&verdict, "", &[Reason::TcbRevoked]),
            _ => assert_refused(&verdict, "", &[Reason::TcbStatusNotAccepted]),
        }
    }
}

#[test]
fn each_listed_status_passes_and_no_other() {
    for accepted in TcbStatus::ALL
        .into_iter()
        .filter(|status| *status != Revoked)
    {
        let policy = Policy::default()
            .with_accepted_statuses(vec![accepted])
            .unwrap();
        for status in TcbStatus::ALL {
            let decision = appraise(&at_level(sgx_verdict(), status, &[]), &policy);
            let passes = decision.appraisal() == Appraisal::Accepted;
            assert_eq!(
                passes,
                status == accepted,
                "{status} where {accepted} is accepted"
            );
        }
    }
}

#[test]
fn revoked_anywhere_is_refused_whatever_the_policy_says() {
    let lax = "accepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n".to_owned() + EXCEPTION;
    let revoked = |edit: fn(&mut bulla_verifier::TcbFacts)| {
        let mut verdict = sgx_verdict();
        edit(verdict.tcb.as_mut().unwrap());
        verdict
    };
    for verdict in [
        at_level(sgx_verdict(), Revoked, &["INTEL-SA-00828"]),
        revoked(|tcb| tcb.status = Revoked),
        revoked(|tcb| tcb.launch_status = Revoked),
        revoked(|tcb| tcb.current_status = Revoked),
        revoked(|tcb| tcb.platform_level = level(Revoked, &[])),
        revoked(|tcb| tcb.tdx_module_level = Some(level(Revoked, &[]))),
        revoked(|tcb| tcb.qe_level = level(Revoked, &[])),
    ] {
        assert_refused(&verdict, &lax, &[Reason::TcbRevoked]);
    }
}

#[test]
fn an_exception_counts_to_its_last_second() {
    let mut verdict = at_level(sgx_verdict(), OutOfDate, &["INTEL-SA-00828"]);
    assert_accepted_with(
        &verdict,
        EXCEPTION,
        &[(Severity::Note, Reason::ExceptionApplied)],
    );
    let note = &decide(&verdict, EXCEPTION).findings()[0].message.clone();
    assert!(
        note.contains("OPS-4711") && note.contains("2026-11-23T00:00:00Z"),
        "{note}"
    );

    verdict.at = verdict.at.saturating_add(1);
    let reasons = [Reason::TcbStatusNotAccepted, Reason::AdvisoryNotAccepted];
    assert_refused(&verdict, EXCEPTION, &reasons);
    let said = decide(&verdict, EXCEPTION).findings()[1].message.clone();
    assert!(said.contains("ended at 2026-11-23T00:00:00Z"), "{said}");
}

#[test]
fn of_two_exceptions_for_one_advisory_the_longer_counts() {
    let longer = EXCEPTION.replace("11-23", "12-23");
    let mut verdict = at_level(sgx_verdict(), OutOfDate, &["INTEL-SA-00828"]);
    verdict.at = verdict.at.saturating_add(1);
    assert_accepted(&verdict, &(EXCEPTION.to_owned() + &longer));
}

#[test]
fn every_open_advisory_needs_an_exception() {
    let verdict = at_level(
        sgx_verdict(),
        OutOfDate,
        &["INTEL-SA-00615", "INTEL-SA-00828"],
    );
    let reasons = [Reason::TcbStatusNotAccepted, Reason::AdvisoryNotAccepted];
    assert_refused(&verdict, EXCEPTION, &reasons);
    let said = decide(&verdict, EXCEPTION).findings()[1].message.clone();
    assert!(said.contains("INTEL-SA-00615"), "{said}");
    assert_accepted(
        &verdict,
        &(EXCEPTION.to_owned() + &EXCEPTION.replace("00828", "00615")),
    );
}

#[test]
fn a_status_without_advisories_cannot_be_excepted() {
    let verdict = at_level(sgx_verdict(), OutOfDate, &[]);
    assert_refused(&verdict, EXCEPTION, &[Reason::TcbStatusNotAccepted]);
}

#[test]
fn a_quoting_enclave_out_of_date_is_not_covered_by_an_advisory_of_the_platform() {
    let mut verdict = at_level(sgx_verdict(), SWHardeningNeeded, &["INTEL-SA-00828"]);
    let tcb = verdict.tcb.as_mut().unwrap();
    tcb.status = OutOfDate;
    tcb.qe_level = level(OutOfDate, &[]);
    assert_refused(&verdict, EXCEPTION, &[Reason::TcbStatusNotAccepted]);
    let said = decide(&verdict, EXCEPTION).findings()[0].message.clone();
    assert!(said.contains("none is named for quoting enclave"), "{said}");

    verdict.tcb.as_mut().unwrap().qe_level = level(OutOfDate, &["INTEL-SA-00828"]);
    assert_accepted(&verdict, EXCEPTION);
}

#[test]
fn a_level_whose_own_status_is_accepted_needs_no_advisory() {
    let mut verdict = at_level(sgx_verdict(), SWHardeningNeeded, &[]);
    let tcb = verdict.tcb.as_mut().unwrap();
    tcb.status = OutOfDate;
    tcb.advisory_ids = vec!["INTEL-SA-00828".into()];
    tcb.qe_level = level(OutOfDate, &["INTEL-SA-00828"]);
    assert_refused(&verdict, EXCEPTION, &[Reason::TcbStatusNotAccepted]);
    let accepted = "accepted_tcb_statuses = [\"UpToDate\", \"SWHardeningNeeded\"]\n";
    assert_accepted(&verdict, &(accepted.to_owned() + EXCEPTION));
}

#[test]
fn advisories_beside_an_accepted_status_need_no_exception() {
    assert_accepted_with(
        &at_level(sgx_verdict(), UpToDate, &["INTEL-SA-00999"]),
        EXCEPTION,
        &[],
    );
}

#[test]
fn a_rejected_advisory_is_refused_beside_an_accepted_status() {
    let text = "rejected_advisories = [\"INTEL-SA-00657\"]";
    let open = at_level(sgx_verdict(), UpToDate, &["INTEL-SA-00657"]);
    assert_refused(&open, text, &[Reason::AdvisoryRejected]);
    assert_accepted(
        &at_level(sgx_verdict(), UpToDate, &["INTEL-SA-00658"]),
        text,
    );
    assert_accepted(&open, "");
}

#[test]
fn the_oldest_accepted_tcb_date_is_itself_accepted() {
    let verdict = sgx_verdict();
    assert_accepted(&verdict, "minimum_tcb_date = 2025-05-14T00:00:00Z");
    let later = "minimum_tcb_date = \"2025-05-14T00:00:01Z\"";
    assert_refused(&verdict, later, &[Reason::TcbDateTooOld]);
    let finding = decide(&verdict, later).findings()[0].clone();
    assert_eq!(finding.actual.as_deref(), Some("2025-05-14T00:00:00Z"));
    assert_eq!(
        finding.expected.as_deref(),
        Some("2025-05-14T00:00:01Z or later")
    );
}
