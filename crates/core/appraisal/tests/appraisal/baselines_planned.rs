//! Plans, decisions and what they mean later.

use std::collections::BTreeSet;

use bulla_appraisal::baseline::{
    Applied, Changes, Demand, Governance, KnownNumbers, Name, Number, Refused, Technology,
};

use crate::support::time;

const PLAN: &str = r#"
[baselines.level-20]
sgx.number = 20
tdx.number = 20

[rings.prod]
hosts = ["prod.example"]

[rings.canary]
tokens = ["canary"]

[rollouts.canary-20]
ring = "canary"
baseline = "level-20"
from = "2026-12-01T00:00:00Z"

[rollouts.prod-20]
ring = "prod"
baseline = "level-20"
from = "2027-01-15T00:00:00Z"
deadline = "2027-03-01T00:00:00Z"

[exceptions.rack-12]
advisory = "INTEL-SA-00828"
until = "2027-01-31T23:59:59Z"
reason = "OPS-4711"
author = "k.lindt"
"#;

const START: &str = "2026-11-23T00:00:00Z";

fn changes(text: &str) -> Changes {
    Changes::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn known() -> KnownNumbers {
    let numbers = Some(BTreeSet::from([19, 20, 21]));
    KnownNumbers {
        sgx: numbers.clone(),
        tdx: numbers,
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn apply(governance: Governance, text: &str, at: &str) -> Governance {
    let plan = governance.plan(changes(text), &known(), time(at)).unwrap();
    let decision = governance
        .decision(changes(text), &plan.digest, &known(), time(at), "k.lindt")
        .unwrap();
    governance.with(decision).unwrap()
}

fn decide(governance: Governance, changes: Changes, at: &str) -> Governance {
    let decision = Applied {
        at: time(at),
        author: "k.lindt".to_owned(),
        changes,
    };
    governance.with(decision).unwrap()
}

fn planned() -> Governance {
    apply(Governance::default(), PLAN, START)
}

fn codes<T: std::fmt::Debug>(outcome: Result<T, Refused>) -> Vec<&'static str> {
    let refused = outcome.expect_err("it cannot be");
    refused
        .refusals()
        .iter()
        .map(|refusal| refusal.code)
        .collect()
}

fn number(governance: &Governance, ring: &str, at: &str) -> Number {
    let demand = governance.in_force(&name(ring), time(at)).unwrap();
    demand
        .requirement(Technology::Sgx, &"000000000000".parse().unwrap())
        .number
}

#[test]
fn without_any_object_there_is_one_ring_with_what_the_vendor_enforces() {
    let nothing = Governance::default();
    let demand = nothing.in_force(&name("default"), time(START)).unwrap();
    assert_eq!(demand, Demand::default());
    assert_eq!(nothing.in_force(&name("prod"), time(START)), None);
}

#[test]
fn a_rollout_takes_effect_at_its_instant_without_anybody_doing_anything() {
    let governance = planned();
    let number = |ring, at| number(&governance, ring, at);
    assert_eq!(number("canary", "2026-11-30T23:59:59Z"), Number::Standard);
    assert_eq!(number("canary", "2026-12-01T00:00:00Z"), Number::Pinned(20));
    assert_eq!(number("prod", "2027-01-14T23:59:59Z"), Number::Standard);
    assert_eq!(number("prod", "2027-01-15T00:00:00Z"), Number::Pinned(20));
    assert_eq!(number("default", "2027-01-15T00:00:00Z"), Number::Standard);
}

#[test]
fn an_exception_is_in_force_to_its_last_second() {
    let governance = planned();
    let count = |at| {
        governance
            .in_force(&name("prod"), time(at))
            .unwrap()
            .exceptions
            .len()
    };
    assert_eq!(count("2027-01-31T23:59:59Z"), 1);
    assert_eq!(count("2027-02-01T00:00:00Z"), 0);
    assert_eq!(count(START), 1);
    assert!(
        governance
            .in_force(&name("prod"), time("2026-11-22T23:59:59Z"))
            .is_none()
    );
}

#[test]
fn a_plan_needs_its_digest_and_can_be_applied_once() {
    let nothing = Governance::default();
    let plan = nothing.plan(changes(PLAN), &known(), time(START)).unwrap();
    assert_eq!(plan.difference.len(), 6, "{:#?}", plan.difference);
    let decide = |governance: &Governance, digest: &str| {
        governance.decision(changes(PLAN), digest, &known(), time(START), "k.lindt")
    };
    assert_eq!(codes(decide(&nothing, &"0".repeat(64))), ["plan-moved"]);
    let once = nothing
        .clone()
        .with(decide(&nothing, &plan.digest).unwrap())
        .unwrap();
    assert_eq!(codes(decide(&once, &plan.digest)), ["plan-moved"]);
    // Something else was decided since.
    let moved = apply(nothing, "[rings.lab]\n", START);
    assert_eq!(codes(decide(&moved, &plan.digest)), ["plan-moved"]);
    // What is planned anew is what is left to do.
    assert_eq!(
        codes(once.plan(changes(PLAN), &known(), time(START))),
        ["nothing-changes"]
    );
}

#[test]
fn a_plan_whose_day_has_passed_before_it_was_applied_is_refused() {
    let nothing = Governance::default();
    let plan = nothing.plan(changes(PLAN), &known(), time(START)).unwrap();
    let late = time("2026-12-01T00:00:01Z");
    let late = nothing.decision(changes(PLAN), &plan.digest, &known(), late, "k.lindt");
    assert_eq!(codes(late), ["in-the-past"]);
}

#[test]
fn without_an_instant_a_rollout_begins_when_it_is_applied() {
    let text =
        "[baselines.b]\nsgx.number = 20\n[rollouts.now]\nring = \"default\"\nbaseline = \"b\"\n";
    let governance = apply(Governance::default(), text, START);
    assert_eq!(number(&governance, "default", START), Number::Pinned(20));
    // The same file again changes nothing.
    let again = governance.plan(changes(text), &known(), time("2026-12-24T00:00:00Z"));
    assert_eq!(codes(again), ["nothing-changes"]);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let rollout =
        |rest: &str| format!("[rollouts.a]\nring = \"prod\"\nbaseline = \"level-20\"\n{rest}");
    let cases = [
        ("in-the-past", rollout("from = \"2026-11-24T23:59:59Z\"")),
        (
            "in-the-past",
            rollout("deadline = \"2026-11-24T23:59:59Z\""),
        ),
        ("contradiction", rollout("from = \"2027-01-15T00:00:00Z\"")),
        (
            "contradiction",
            rollout("from = \"2027-02-01T00:00:00Z\"\ndeadline = \"2027-01-31T00:00:00Z\""),
        ),
        ("unknown-ring", rollout("").replace("prod", "nowhere")),
        (
            "unknown-baseline",
            rollout("").replace("level-20", "nothing"),
        ),
        ("unknown-ring", "[remove]\nrings = [\"prod\"]".to_owned()),
        (
            "unknown-object",
            "[remove]\nrings = [\"nowhere\"]".to_owned(),
        ),
        (
            "contradiction",
            "[rings.prod]\n[remove]\nrings = [\"prod\"]".to_owned(),
        ),
        (
            "contradiction",
            "[rings.other]\nhosts = [\"prod.example\"]".to_owned(),
        ),
        (
            "host-name",
            "[rings.other]\nhosts = [\"Prod.example:443\"]".to_owned(),
        ),
        (
            "number-unknown",
            "[baselines.b]\nsgx.number = 22".to_owned(),
        ),
        (
            "number-unknown",
            "[baselines.b.families.00806F050000]\ntdx.number = 18".to_owned(),
        ),
        (
            "reserved-name",
            "[baselines.standard]\nsgx.number = 20".to_owned(),
        ),
        (
            "in-the-past",
            PLAN.split_once("[exceptions")
                .map(|(_, rest)| format!("[exceptions{rest}"))
                .unwrap()
                .replace("2027-01-31T23:59:59Z", "2026-11-24T23:59:59Z"),
        ),
    ];
    for (code, text) in cases {
        let outcome = planned().plan(changes(&text), &known(), time("2026-11-25T00:00:00Z"));
        let found = codes(outcome);
        assert!(found.contains(&code), "{code}: {found:?}\n{text}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = "[baselines.b]\nsgx.number = 22\ntdx.number = 23\n[rollouts.a]\nring = \"x\"\nbaseline = \"y\"\n";
    let found = codes(planned().plan(changes(text), &known(), time(START)));
    let all = [
        "number-unknown",
        "number-unknown",
        "unknown-ring",
        "unknown-baseline",
    ];
    assert_eq!(found, all);
}

#[test]
fn where_the_vendors_list_is_not_known_any_number_can_be_planned() {
    let text = "[baselines.b]\nsgx.number = 22";
    let nobody = KnownNumbers::default();
    assert!(planned().plan(changes(text), &nobody, time(START)).is_ok());
}

#[test]
fn a_baseline_that_somebody_follows_stays_as_it_is() {
    let text = "[baselines.level-20]\nsgx.number = 21";
    let before = planned().plan(changes(text), &known(), time("2026-11-30T00:00:00Z"));
    assert!(before.is_ok());
    let after = planned().plan(changes(text), &known(), time("2026-12-01T00:00:00Z"));
    assert_eq!(codes(after), ["baseline-in-force"]);
}

#[test]
fn a_rollout_that_has_begun_stays_as_it_was() {
    let later = "[rollouts.canary-20]\nring = \"canary\"\nbaseline = \"level-20\"\nfrom = \"2027-06-01T00:00:00Z\"";
    let before = planned().plan(changes(later), &known(), time("2026-11-30T00:00:00Z"));
    assert!(before.is_ok());
    let after = planned().plan(changes(later), &known(), time("2026-12-01T00:00:00Z"));
    assert_eq!(codes(after), ["rollout-begun"]);
}

#[test]
fn a_clock_that_was_set_back_is_noticed() {
    let early = time("2026-11-22T23:59:59Z");
    let governance = planned();
    assert_eq!(
        codes(governance.plan(changes("[rings.lab]"), &known(), early)),
        ["clock-behind"]
    );
    assert_eq!(
        codes(governance.pause(&name("prod-20"), "x", early)),
        ["clock-behind"]
    );
    assert_eq!(
        codes(governance.roll_back(&name("prod"), "x", early)),
        ["clock-behind"]
    );
    let decision = Applied {
        at: early,
        author: "k".to_owned(),
        changes: Changes::default(),
    };
    assert_eq!(codes(governance.with(decision)), ["clock-behind"]);
}

#[test]
fn a_paused_rollout_counts_from_its_deadline_on_and_a_resumed_one_from_its_begin() {
    let paused = planned()
        .pause(&name("prod-20"), "OPS-1", time(START))
        .unwrap();
    let paused = decide(planned(), paused, START);
    assert_eq!(
        number(&paused, "prod", "2027-02-28T23:59:59Z"),
        Number::Standard
    );
    assert_eq!(
        number(&paused, "prod", "2027-03-01T00:00:00Z"),
        Number::Pinned(20)
    );
    assert_eq!(
        codes(paused.pause(&name("prod-20"), "x", time(START))),
        ["rollout-held"]
    );
    let resumed = paused.resume(&name("prod-20"), time(START)).unwrap();
    let resumed = decide(paused, resumed, START);
    assert_eq!(
        number(&resumed, "prod", "2027-01-15T00:00:00Z"),
        Number::Pinned(20)
    );
    assert_eq!(
        codes(resumed.resume(&name("prod-20"), time(START))),
        ["rollout-not-held"]
    );
}

#[test]
fn a_rollback_brings_the_baseline_before_back_until_the_deadline() {
    let governance = planned();
    let day = "2027-01-20T00:00:00Z";
    assert_eq!(
        codes(governance.pause(&name("prod-20"), "x", time(day))),
        ["rollout-begun"]
    );
    assert_eq!(
        codes(governance.roll_back(&name("default"), "x", time(day))),
        ["nothing-in-force"]
    );
    assert_eq!(
        codes(governance.roll_back(&name("prod"), " ", time(day))),
        ["reason-missing"]
    );
    let back = governance
        .roll_back(&name("prod"), "OPS-2", time(day))
        .unwrap();
    let back = decide(governance, back, day);
    assert_eq!(
        number(&back, "prod", "2027-01-19T23:59:59Z"),
        Number::Pinned(20),
        "as it was"
    );
    assert_eq!(number(&back, "prod", day), Number::Standard);
    assert_eq!(
        number(&back, "prod", "2027-03-01T00:00:00Z"),
        Number::Pinned(20)
    );
    let late = time("2027-03-01T00:00:00Z");
    assert_eq!(
        codes(back.roll_back(&name("prod"), "x", late)),
        ["deadline-passed"]
    );
}

#[test]
fn an_unknown_rollout_is_told() {
    assert_eq!(
        codes(planned().pause(&name("nothing"), "x", time(START))),
        ["rollout-unknown"]
    );
}

#[test]
fn decisions_survive_being_written_down() {
    let text = serde_json::to_string(planned().decisions()).unwrap();
    let read: Vec<Applied> = serde_json::from_str(&text).unwrap();
    let read = Governance::of(read).unwrap();
    assert_eq!(read, planned());
    assert_eq!(read.digest(), planned().digest());
}
