//! Where things stand: what a ring will follow, the phases of its rollouts, and what was decided.

use bulla_appraisal::baseline::{Applied, Changes, Governance, Name, Phase, Rollout, State};

use crate::support::time;

const START: &str = "2026-11-23T00:00:00Z";

const PLAN: &str = r#"
[baselines.level-19]
sgx.number = 19
[baselines.level-20.sgx]
number = 20
accepted_tcb_statuses = ["UpToDate", "SWHardeningNeeded"]
minimum_this_update = "2026-11-01T00:00:00Z"
floor = { pcesvn = 11 }

[rings.prod]
hosts = ["prod.example"]

[rollouts.first]
ring = "prod"
baseline = "level-19"
from = "2026-12-01T00:00:00Z"
[rollouts.second]
ring = "prod"
baseline = "level-20"
from = "2027-01-01T00:00:00Z"
deadline = "2027-02-01T00:00:00Z"

[exceptions.rack-12]
advisory = "INTEL-SA-00828"
group = { families = ["00806F050000"] }
until = "2027-01-31T23:59:59Z"
reason = "OPS-4711"
author = "k.lindt"
"#;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn decided(governance: Governance, changes: Changes, at: &str) -> Governance {
    let applied = Applied {
        at: time(at),
        author: "k.lindt".to_owned(),
        changes,
    };
    governance.with(applied).unwrap()
}

fn planned() -> Governance {
    let changes = Changes::from_toml(PLAN).unwrap();
    decided(Governance::default(), changes, START)
}

/// The instants and names of what a ring will follow.
fn coming(state: &State, after: &str) -> Vec<(String, String)> {
    let coming = state.coming(&name("prod"), time(after)).into_iter();
    coming
        .map(|(begins, name, rollout)| {
            let _: &Rollout = rollout;
            (begins.to_string(), name.to_string())
        })
        .collect()
}

fn pair(begins: &str, name: &str) -> (String, String) {
    (begins.to_owned(), name.to_owned())
}

#[test]
fn what_a_ring_will_follow_comes_in_the_order_of_its_instants() {
    let governance = planned();
    let state = governance.latest();
    let first = pair("2026-12-01T00:00:00Z", "first");
    let second = pair("2027-01-01T00:00:00Z", "second");
    assert_eq!(coming(state, START), [first, second.clone()]);
    assert_eq!(coming(state, "2026-12-01T00:00:00Z"), [second]);
    assert_eq!(coming(state, "2027-01-01T00:00:00Z"), []);
    assert_eq!(state.coming(&name("default"), time(START)), []);
    // Held, it comes by its deadline; without one, not at all.
    let held = governance.pause(&name("second"), "freeze", time(START));
    let governance = decided(governance.clone(), held.unwrap(), START);
    let deadline = pair("2027-02-01T00:00:00Z", "second");
    assert_eq!(
        coming(governance.latest(), "2026-12-01T00:00:00Z"),
        [deadline]
    );
    let held = governance.pause(&name("first"), "freeze", time(START));
    let governance = decided(governance.clone(), held.unwrap(), START);
    assert_eq!(coming(governance.latest(), START).len(), 1);
}

#[test]
fn what_would_begin_behind_a_later_one_never_comes() {
    let governance = planned();
    let held = governance.pause(&name("second"), "freeze", time(START));
    let governance = decided(governance.clone(), held.unwrap(), START);
    let later = "[rollouts.third]\nring = \"prod\"\nbaseline = \"standard\"\n\
                 from = \"2027-01-15T00:00:00Z\"\n";
    let later = Changes::from_toml(later).unwrap();
    let governance = decided(governance, later, START);
    let third = pair("2027-01-15T00:00:00Z", "third");
    assert_eq!(coming(governance.latest(), "2026-12-01T00:00:00Z"), [third]);
}

#[test]
fn a_rollout_is_planned_in_force_superseded_or_held() {
    let governance = planned();
    let phase = |governance: &Governance, rollout: &str, at: &str| {
        governance.latest().phase(&name(rollout), time(at))
    };
    assert_eq!(phase(&governance, "none", START), None);
    for (at, first, second) in [
        ("2026-11-30T23:59:59Z", Phase::Planned, Phase::Planned),
        ("2026-12-01T00:00:00Z", Phase::InForce, Phase::Planned),
        ("2027-01-01T00:00:00Z", Phase::Superseded, Phase::InForce),
    ] {
        assert_eq!(phase(&governance, "first", at), Some(first), "{at}");
        assert_eq!(phase(&governance, "second", at), Some(second), "{at}");
    }
    let back = governance.roll_back(&name("prod"), "OPS", time("2027-01-02T00:00:00Z"));
    let back = decided(governance.clone(), back.unwrap(), "2027-01-02T00:00:00Z");
    for (at, first, second) in [
        ("2027-01-31T23:59:59Z", Phase::InForce, Phase::Held),
        ("2027-02-01T00:00:00Z", Phase::Superseded, Phase::InForce),
    ] {
        assert_eq!(phase(&back, "first", at), Some(first), "{at}");
        assert_eq!(phase(&back, "second", at), Some(second), "{at}");
    }
}

#[test]
fn the_history_says_what_each_decision_changed_and_what_stood_after_it() {
    let governance = planned();
    let held = governance.pause(&name("second"), "freeze", time(START));
    let governance = decided(governance.clone(), held.unwrap(), START);
    let history = governance.history();
    let numbers: Vec<u32> = history.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, [1, 2]);
    let expected = [
        "+ baseline level-19: sgx 19, tdx standard",
        "+ baseline level-20: sgx 20 (UpToDate or SWHardeningNeeded) with CRLs from \
         2026-11-01T00:00:00Z with a floor, tdx standard",
        "+ ring prod: path /ring/prod, host prod.example",
        "+ exception rack-12: INTEL-SA-00828 until 2027-01-31T23:59:59Z on 00806F050000",
        "+ rollout first: ring prod follows level-19 from 2026-12-01T00:00:00Z",
        "+ rollout second: ring prod follows level-20 from 2027-01-01T00:00:00Z, deadline \
         2027-02-01T00:00:00Z",
    ];
    assert_eq!(history[0].2, expected);
    let expected = "~ rollout second: ring prod follows level-20 from 2027-01-01T00:00:00Z, \
                    deadline 2027-02-01T00:00:00Z, held: freeze";
    assert_eq!(history[1].2, [expected]);
    assert_eq!(governance.state_after(0), State::default());
    assert_eq!(governance.state_after(1), *planned().latest());
    assert_eq!(governance.state_after(9), *governance.latest());
    assert_eq!(governance.decisions_until(time(START)), 2);
    assert_eq!(governance.decisions_until(time("2026-11-22T23:59:59Z")), 0);
}
