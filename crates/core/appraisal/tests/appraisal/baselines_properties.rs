//! What holds for every history of plans, holds, exceptions and times.

use std::collections::BTreeMap;

use bulla_appraisal::baseline::{Applied, Changes, Demand, Governance, KnownNumbers, Name};
use bulla_appraisal::{Appraisal, Policy, appraise_under};
use bulla_collateral::TcbStatus;
use bulla_pki::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::*;

const ADVISORY: &str = "INTEL-SA-00828";

/// Something that an operator does, some seconds after what he did before.
#[derive(Clone, Debug)]
enum Step {
    Exception {
        name: u8,
        lasts: u64,
    },
    EndException {
        name: u8,
    },
    Rollout {
        name: u8,
        lenient: bool,
        in_seconds: u64,
        deadline: Option<u64>,
    },
    RemoveRollout {
        name: u8,
    },
    Pause {
        name: u8,
    },
    Resume {
        name: u8,
    },
    RollBack,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let name = || 0..3_u8;
    let seconds = || 0..40_u64;
    let step = prop_oneof![
        (name(), seconds()).prop_map(|(name, lasts)| Step::Exception { name, lasts }),
        name().prop_map(|name| Step::EndException { name }),
        (
            name(),
            any::<bool>(),
            seconds(),
            prop::option::of(seconds())
        )
            .prop_map(|(name, lenient, in_seconds, deadline)| Step::Rollout {
                name,
                lenient,
                in_seconds,
                deadline
            }),
        name().prop_map(|name| Step::RemoveRollout { name }),
        name().prop_map(|name| Step::Pause { name }),
        name().prop_map(|name| Step::Resume { name }),
        Just(Step::RollBack),
    ];
    prop::collection::vec((select(vec![0_u64, 1, 7]), step), 0..24)
}

const SETUP: &str = "[baselines.lenient]\nsgx.accepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n\
                     [baselines.strict]\n[rings.prod]\n";

fn prod() -> Name {
    "prod".parse().unwrap()
}

fn wanted(governance: &Governance, step: &Step, now: Timestamp) -> Option<Changes> {
    let text = match step {
        Step::Exception { name, lasts } => format!(
            "[exceptions.e{name}]\nadvisory = \"{ADVISORY}\"\nuntil = \"{}\"\nreason = \"r\"\n\
             author = \"a\"\n",
            now.saturating_add(*lasts)
        ),
        Step::EndException { name } => format!("[remove]\nexceptions = [\"e{name}\"]\n"),
        Step::Rollout {
            name,
            lenient,
            in_seconds,
            deadline,
        } => {
            let from = now.saturating_add(*in_seconds);
            let baseline = if *lenient { "lenient" } else { "strict" };
            let deadline = deadline.map_or_else(String::new, |seconds| {
                format!("deadline = \"{}\"\n", from.saturating_add(seconds))
            });
            format!(
                "[rollouts.r{name}]\nring = \"prod\"\nbaseline = \"{baseline}\"\n\
                 from = \"{from}\"\n{deadline}"
            )
        }
        Step::RemoveRollout { name } => format!("[remove]\nrollouts = [\"r{name}\"]\n"),
        Step::Pause { name } => {
            return governance
                .pause(&format!("r{name}").parse().unwrap(), "r", now)
                .ok();
        }
        Step::Resume { name } => {
            return governance
                .resume(&format!("r{name}").parse().unwrap(), now)
                .ok();
        }
        Step::RollBack => return governance.roll_back(&prod(), "r", now).ok(),
    };
    let changes = Changes::from_toml(&text).unwrap();
    let known = KnownNumbers::default();
    let plan = governance.plan(changes.clone(), &known, now).ok()?;
    let decision = governance
        .decision(changes, &plan.digest, &known, now, "a")
        .unwrap();
    Some(decision.changes)
}

/// Plays a history; gives the decisions at every stage, and the last instant.
fn play(steps: &[(u64, Step)]) -> (Vec<Governance>, Timestamp) {
    let mut now = time(NOW);
    let decided = |changes| Applied {
        at: now,
        author: "a".to_owned(),
        changes,
    };
    let first = decided(Changes::from_toml(SETUP).unwrap());
    let mut stages = vec![Governance::default().with(first).unwrap()];
    for (pause, step) in steps {
        now = now.saturating_add(*pause);
        let governance = stages.last().unwrap();
        if let Some(changes) = wanted(governance, step, now) {
            let decision = Applied {
                at: now,
                author: "a".to_owned(),
                changes,
            };
            stages.push(governance.clone().with(decision).unwrap());
        }
    }
    (stages, now)
}

fn passes(demand: &Demand, at: Timestamp) -> bool {
    let mut verdict = at_level(sgx_verdict(), TcbStatus::OutOfDate, &[ADVISORY]);
    // Documents that hold far longer than any history here.
    verdict.at = at;
    for document in &mut verdict.collateral.documents {
        document.window.until = Timestamp::MAX;
    }
    appraise_under(&verdict, &Policy::default(), demand).appraisal() == Appraisal::Accepted
}

/// The same question, answered from the decisions alone in another way: the last word on every
/// object until then, then the rollout, then the exceptions.
fn expected(decisions: &[Applied], at: Timestamp) -> bool {
    let mut rollouts = BTreeMap::new();
    let mut exceptions = BTreeMap::new();
    for decision in decisions.iter().filter(|decision| decision.at <= at) {
        let changes = &decision.changes;
        rollouts.extend(changes.rollouts.iter());
        exceptions.extend(changes.exceptions.iter());
        rollouts.retain(|name, _| !changes.remove.rollouts.contains(*name));
        exceptions.retain(|name, _| !changes.remove.exceptions.contains(*name));
    }
    let last = rollouts
        .values()
        .filter(|rollout| rollout.from.unwrap() <= at)
        .filter(|rollout| rollout.held.is_none() || rollout.deadline.is_some_and(|d| d <= at))
        .max_by_key(|rollout| rollout.from);
    let lenient = last.is_some_and(|rollout| rollout.baseline.as_str() == "lenient");
    lenient || exceptions.values().any(|exception| at <= exception.until)
}

proptest! {
    #[test]
    fn a_decision_depends_on_the_objects_in_force_at_its_time_alone(
        steps in steps(),
        moments in prop::collection::vec(0..120_u64, 8),
    ) {
        let (stages, last) = play(&steps);
        let whole = stages.last().unwrap();
        for moment in moments {
            let at = time(NOW).saturating_add(moment);
            let demand = whole.in_force(&prod(), at).unwrap();
            prop_assert_eq!(passes(&demand, at), expected(whole.decisions(), at), "at {}", at);
            // What was decided later has no part in it: the last stage of that time says the same.
            let then = stages.iter().rev().find(|stage| {
                stage.decisions().last().is_some_and(|decision| decision.at <= at)
            });
            prop_assert_eq!(then.unwrap().in_force(&prod(), at).unwrap(), demand);
        }
        prop_assert!(whole.in_force(&prod(), last).is_some());
    }

    #[test]
    fn no_order_of_operations_lets_an_ended_exception_live(steps in steps(), later in 0..60_u64) {
        let (stages, last) = play(&steps);
        let at = last.saturating_add(later);
        for stage in &stages {
            let demand = stage.in_force(&prod(), at).unwrap();
            for exception in demand.exceptions.values() {
                prop_assert!(at <= exception.until);
            }
        }
    }

    #[test]
    fn an_exception_holds_at_its_end_and_not_a_second_longer(lasts in 0..1_000_000_u64) {
        let now = time(NOW);
        let until = now.saturating_add(lasts);
        let step = Step::Exception { name: 0, lasts };
        let (stages, _) = play(&[(0, step)]);
        let whole = stages.last().unwrap();
        let at_end = whole.in_force(&prod(), until).unwrap();
        prop_assert!(passes(&at_end, until));
        let after = until.saturating_add(1);
        prop_assert!(!passes(&whole.in_force(&prod(), after).unwrap(), after));
        // Nor does a demand that was asked for before the end outlive it.
        prop_assert!(!passes(&at_end, after));
    }
}
