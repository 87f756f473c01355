//! Windows, ages and evaluation data numbers of the collateral.

use bulla_appraisal::policy::DOCUMENT_NAMES;
use bulla_appraisal::{Reason, Severity};

use crate::support::*;

const EXCEPTION: &str = r#"
[[expired_documents]]
documents = ["pck_crl", "tcb_info"]
until = "2026-11-23T00:00:00Z"
reason = "OPS-4720"
"#;

#[test]
fn every_expired_document_is_refused_by_name() {
    let mut verdict = sgx_verdict();
    for name in DOCUMENT_NAMES {
        verdict = with_window(
            verdict,
            name,
            "2026-10-01T00:00:00Z",
            "2026-11-22T23:59:59Z",
        );
    }
    assert_refused(
        &verdict,
        "",
        &[Reason::CollateralExpired; DOCUMENT_NAMES.len()],
    );
    let decision = decide(&verdict, "");
    let checks: Vec<&str> = decision.refusals().map(|f| f.check.as_str()).collect();
    assert_eq!(
        checks,
        DOCUMENT_NAMES.map(|name| format!("collateral.{name}"))
    );
}

#[test]
fn both_ends_of_a_window_belong_to_it() {
    assert_accepted(&with_window(sgx_verdict(), "pck_crl", NOW, NOW), "");
}

#[test]
fn an_exception_counts_to_its_last_second_and_for_its_documents_only() {
    let expired = |name| {
        with_window(
            sgx_verdict(),
            name,
            "2026-10-01T00:00:00Z",
            "2026-11-01T00:00:00Z",
        )
    };
    let note = [(Severity::Note, Reason::ExceptionApplied)];
    assert_accepted_with(&expired("pck_crl"), EXCEPTION, &note);
    assert_accepted_with(&expired("tcb_info"), EXCEPTION, &note);
    assert_refused(
        &expired("qe_identity"),
        EXCEPTION,
        &[Reason::CollateralExpired],
    );

    let mut verdict = expired("pck_crl");
    verdict.at = verdict.at.saturating_add(1);
    assert_refused(&verdict, EXCEPTION, &[Reason::CollateralExpired]);
    let said = decide(&verdict, EXCEPTION).findings()[0].message.clone();
    assert!(
        said.contains("exception for it ended at 2026-11-23T00:00:00Z"),
        "{said}"
    );
}

#[test]
fn a_document_that_is_not_valid_yet_is_never_excepted() {
    let verdict = with_window(
        sgx_verdict(),
        "pck_crl",
        "2026-11-23T00:00:01Z",
        "2026-12-01T00:00:00Z",
    );
    assert_refused(&verdict, EXCEPTION, &[Reason::CollateralNotYetValid]);
}

#[test]
fn a_window_counts_even_where_the_list_of_expired_documents_forgets_it() {
    let mut verdict = with_window(
        sgx_verdict(),
        "root_ca",
        "2026-10-01T00:00:00Z",
        "2026-11-01T00:00:00Z",
    );
    verdict.collateral.expired.clear();
    assert_refused(&verdict, "", &[Reason::CollateralExpired]);
}

#[test]
fn an_expired_document_without_a_window_is_never_excepted() {
    let mut verdict = sgx_verdict();
    verdict
        .collateral
        .documents
        .retain(|document| document.name != "pck_crl");
    verdict.collateral.expired.push("pck_crl");
    assert_refused(&verdict, EXCEPTION, &[Reason::CollateralExpired]);

    let mut contradictory = sgx_verdict();
    contradictory.collateral.expired.push("pck_crl");
    assert_refused(&contradictory, EXCEPTION, &[Reason::CollateralExpired]);
}

#[test]
fn the_oldest_accepted_issue_is_itself_accepted() {
    for (field, names, reason) in [
        (
            "minimum_issue_date",
            ["tcb_info", "qe_identity"],
            Reason::DocumentTooOld,
        ),
        (
            "minimum_crl_this_update",
            ["pck_crl", "root_ca_crl"],
            Reason::CrlTooOld,
        ),
    ] {
        assert_accepted(
            &sgx_verdict(),
            &format!("{field} = \"2026-11-01T00:00:00Z\""),
        );
        let later = format!("{field} = \"2026-11-01T00:00:01Z\"");
        assert_refused(&sgx_verdict(), &later, &[reason; 2]);
        for name in names {
            let mut verdict = sgx_verdict();
            verdict
                .collateral
                .documents
                .retain(|document| document.name != name);
            assert_accepted(&verdict, "");
            assert_refused(&verdict, &later, &{
                let mut reasons = [reason, Reason::CollateralMissing];
                reasons.rotate_left(usize::from(name == names[0]));
                reasons
            });
        }
    }
}

#[test]
fn both_evaluation_numbers_must_reach_the_lowest_accepted() {
    let numbers = |tcb_info, qe_identity| {
        let mut verdict = sgx_verdict();
        let tcb = verdict.tcb.as_mut().unwrap();
        tcb.tcb_info_evaluation_data_number = tcb_info;
        tcb.qe_identity_evaluation_data_number = qe_identity;
        verdict
    };
    let text = "minimum_evaluation_data_number = 19";
    assert_accepted(&numbers(19, 20), text);
    assert_refused(&numbers(18, 19), text, &[Reason::EvaluationNumberTooLow]);
    assert_refused(&numbers(19, 18), text, &[Reason::EvaluationNumberTooLow]);
    assert_refused(&numbers(17, 18), text, &[Reason::EvaluationNumberTooLow; 2]);
    assert_accepted(&numbers(0, 0), "");

    let text = "equal_evaluation_data_numbers = true";
    assert_accepted(&numbers(18, 18), text);
    assert_refused(&numbers(18, 19), text, &[Reason::EvaluationNumbersNotEqual]);
    assert_accepted(&numbers(18, 19), "equal_evaluation_data_numbers = false");
    assert_accepted(&numbers(18, 19), "");
}
