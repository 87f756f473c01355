//! Verdicts held against a policy and a baseline.

use bulla_appraisal::baseline::{Baseline, Changes, Demand, Name};
use bulla_appraisal::{Appraisal, Policy, Reason, appraise, appraise_under};
use bulla_collateral::TcbStatus::{self, *};
use bulla_verifier::Verdict;

use crate::support::*;

fn demand(text: &str) -> Demand {
    let name: Name = "level-20".parse().unwrap();
    Demand::from_toml(name, text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refusals(verdict: &Verdict, policy: &str, baseline: &str) -> Vec<Reason> {
    let policy = Policy::from_toml(policy).unwrap();
    let decision = appraise_under(verdict, &policy, &demand(baseline));
    decision.refusals().map(|finding| finding.reason).collect()
}

const EXCEPTION: &str = r#"
[exceptions.rack-12]
advisory = "INTEL-SA-00828"
until = "2026-11-23T00:00:00Z"
reason = "OPS-4711"
author = "k.lindt"
"#;

#[test]
fn the_default_demand_changes_nothing() {
    for status in TcbStatus::ALL {
        let verdict = at_level(sgx_verdict(), status, &["INTEL-SA-00828"]);
        let plain = appraise(&verdict, &Policy::default());
        let under = appraise_under(&verdict, &Policy::default(), &Demand::default());
        assert_eq!(plain.appraisal(), under.appraisal(), "{status}");
    }
}

#[test]
fn a_baseline_takes_the_place_of_what_a_policy_says_by_default() {
    let verdict = at_level(sgx_verdict(), SWHardeningNeeded, &["INTEL-SA-00828"]);
    let lenient = "[sgx]\naccepted_tcb_statuses = [\"UpToDate\", \"SWHardeningNeeded\"]";
    assert_eq!(refusals(&verdict, "", lenient), []);
    // For the other technology it says nothing.
    let other = lenient.replace("sgx", "tdx");
    assert_eq!(
        refusals(&verdict, "", &other),
        [Reason::TcbStatusNotAccepted]
    );
}

#[test]
fn what_a_policy_says_itself_binds_beside_the_baseline() {
    let verdict = at_level(sgx_verdict(), SWHardeningNeeded, &["INTEL-SA-00828"]);
    let lenient = "[sgx]\naccepted_tcb_statuses = [\"UpToDate\", \"SWHardeningNeeded\"]";
    let strict = "accepted_tcb_statuses = [\"UpToDate\"]";
    assert_eq!(
        refusals(&verdict, strict, lenient),
        [Reason::TcbStatusNotAccepted]
    );
    let lax = "accepted_tcb_statuses = [\"UpToDate\", \"SWHardeningNeeded\"]";
    assert_eq!(refusals(&verdict, lax, ""), [Reason::TcbStatusNotAccepted]);
    assert_eq!(refusals(&verdict, lax, lenient), []);
    let rejected = "rejected_advisories = [\"INTEL-SA-00828\"]";
    assert_eq!(
        refusals(&verdict, rejected, lenient),
        [Reason::AdvisoryRejected]
    );
}

#[test]
fn where_nothing_was_rolled_out_a_policy_with_a_word_on_levels_has_the_only_one() {
    let silent = Policy::default();
    let own = Policy::from_toml("accepted_tcb_statuses = [\"OutOfDate\"]").unwrap();
    let nothing = Demand::default();
    assert!(nothing.binds_beside(&silent));
    assert!(!nothing.binds_beside(&own));
    let mut rolled_out = Demand::default();
    rolled_out.rollout = Some(Name::standard());
    assert!(rolled_out.binds_beside(&silent) && rolled_out.binds_beside(&own));
}

#[test]
fn an_exception_counts_at_its_last_second_and_not_a_second_longer() {
    let mut verdict = at_level(sgx_verdict(), OutOfDate, &["INTEL-SA-00828"]);
    assert_eq!(refusals(&verdict, "", EXCEPTION), []);
    verdict.at = verdict.at.saturating_add(1);
    let ended = [Reason::TcbStatusNotAccepted, Reason::AdvisoryNotAccepted];
    assert_eq!(refusals(&verdict, "", EXCEPTION), ended);
}

#[test]
fn an_exception_is_for_its_group_alone() {
    let verdict = at_level(sgx_verdict(), OutOfDate, &["INTEL-SA-00828"]);
    let digest = hex::encode(bulla_pki::digest::sha256(&PPID));
    for (group, is_in) in [
        ("group = {}".to_owned(), true),
        ("group = { families = [\"000000000000\"] }".to_owned(), true),
        (
            "group = { families = [\"00806F050000\"] }".to_owned(),
            false,
        ),
        (format!("group = {{ platforms = [\"{digest}\"] }}"), true),
        (
            format!("group = {{ platforms = [\"{}\"] }}", "00".repeat(32)),
            false,
        ),
    ] {
        let refused = refusals(&verdict, "", &format!("{EXCEPTION}{group}"));
        assert_eq!(refused.is_empty(), is_in, "{group}");
    }
}

#[test]
fn revoked_passes_under_no_baseline() {
    let verdict = at_level(sgx_verdict(), Revoked, &["INTEL-SA-00828"]);
    assert_eq!(refusals(&verdict, "", EXCEPTION), [Reason::TcbRevoked]);
    let error = Baseline::from_toml("[sgx]\naccepted_tcb_statuses = [\"Revoked\"]").unwrap_err();
    assert_eq!(error.field(), Some("sgx.accepted_tcb_statuses[0]"));
}

#[test]
fn documents_of_an_older_number_are_refused_and_of_a_newer_one_are_not() {
    let too_low = [Reason::EvaluationNumberTooLow; 2];
    assert_eq!(refusals(&sgx_verdict(), "", "sgx.number = 20"), too_low);
    for number in ["19", "18", "\"standard\"", "\"early\""] {
        assert_eq!(
            refusals(&sgx_verdict(), "", &format!("sgx.number = {number}")),
            []
        );
    }
}

#[test]
fn a_family_can_have_its_own_requirement() {
    let own = "[sgx]\nnumber = 20\n[families.000000000000.sgx]\nnumber = 19\n";
    assert_eq!(refusals(&sgx_verdict(), "", own), []);
    let of_another = own.replace("000000000000", "00806F050000");
    let too_low = [Reason::EvaluationNumberTooLow; 2];
    assert_eq!(refusals(&sgx_verdict(), "", &of_another), too_low);
}

#[test]
fn old_revocation_lists_are_refused() {
    let since = |at| format!("sgx.minimum_this_update = \"{at}\"");
    assert_eq!(
        refusals(&sgx_verdict(), "", &since("2026-11-01T00:00:00Z")),
        []
    );
    let too_old = [Reason::CrlTooOld; 2];
    assert_eq!(
        refusals(&sgx_verdict(), "", &since("2026-11-01T00:00:01Z")),
        too_old
    );
}

#[test]
fn a_floor_holds_for_each_component() {
    let verdict = || {
        let mut verdict = tdx_verdict();
        let evidence = verdict.evidence.as_mut().unwrap();
        let platform = evidence.platform.as_mut().unwrap();
        platform.components = [5; 16];
        platform.pcesvn = 11;
        evidence.qe_report.isvsvn = 4.into();
        if let bulla_verifier::OwnedBody::Td15(td) = &mut evidence.body {
            td.td10.tee_tcb_svn = [7; 16];
            td.tee_tcb_svn2 = [6; 16];
        }
        verdict
    };
    let sixteen = |byte: &str| byte.repeat(16);
    for (floor, refused) in [
        (format!("sgx_components = \"{}\"", sixteen("05")), 0),
        (format!("sgx_components = \"{}06\"", "05".repeat(15)), 1),
        (format!("tdx_components = \"{}\"", sixteen("06")), 0),
        (format!("tdx_components = \"07{}\"", "06".repeat(15)), 1),
        ("pcesvn = 11\nqe_isvsvn = 4".to_owned(), 0),
        ("pcesvn = 12\nqe_isvsvn = 5".to_owned(), 2),
    ] {
        let refused_for = refusals(&verdict(), "", &format!("[tdx.floor]\n{floor}"));
        assert_eq!(refused_for, vec![Reason::TcbBelowFloor; refused], "{floor}");
    }
}

#[test]
fn an_unproven_verdict_is_refused_for_that_alone() {
    let mut verdict = sgx_verdict();
    verdict.trust_anchor = None;
    assert_eq!(
        refusals(&verdict, "", "sgx.number = 99"),
        [Reason::VerificationFailed]
    );
    let decision = appraise_under(&verdict, &Policy::default(), &Demand::default());
    assert_eq!(decision.appraisal(), Appraisal::Refused);
}

#[test]
fn errors_say_where() {
    let error = |text: &str| {
        let error = Changes::from_toml(text).unwrap_err();
        (
            error.line(),
            error.column(),
            error.field().map(str::to_owned),
        )
    };
    let at = |line, column, field: &str| (line, column, Some(field.to_owned()));
    let exception = "[exceptions.a]\nadvisory = \"INTEL-SA-1\"\nuntil = \"2027-01-31T23:59:59Z\"\n";
    let whole = format!("{exception}reason = \"x\"\nauthor = \"y\"\n");
    assert!(Changes::from_toml(&whole).is_ok());
    let blank = format!("{exception}reason = \" \"\nauthor = \"y\"\n");
    assert_eq!(error(&blank), at(4, 10, "exceptions.a.reason"));
    let nobody = format!("{exception}reason = \"x\"\n");
    assert_eq!(error(&nobody).2.as_deref(), Some("exceptions.a"));
    assert_eq!(
        error("[rollouts.a]\nring = \"prod\"\nbaseline = \"b\"\nfrom = \"tomorrow\"\n"),
        at(4, 8, "rollouts.a.from")
    );
    assert_eq!(error("[rings.a]\nhost = []\n"), at(2, 1, "rings.a.host"));
    assert_eq!(
        error("[baselines.a.sgx]\nnumber = -1\n"),
        at(2, 10, "baselines.a.sgx.number")
    );
    assert_eq!(error("[rings.\"A b\"]\n").0, 1);
}
