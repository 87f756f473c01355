//! From a file to a decision: what would change, whether it can be, and the digest that binds
//! what was reviewed to what happens.

use std::collections::{BTreeMap, BTreeSet};

use bulla_pki::Timestamp;
use bulla_pki::digest::sha256_of;
use serde::Serialize;

use super::Technology;
use super::governance::{Applied, Governance};
use super::name::Name;
use super::number::Number;
use super::objects::{Changes, Rollout};
use super::refusal::{Refusal, Refused};
use super::requirement::{Baseline, Requirement};
use super::state::State;

/// The numbers that the vendor signs at present, where that is known; absent: not known, and every
/// number passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the two lists of the vendor")]
pub struct KnownNumbers {
    /// For SGX.
    pub sgx: Option<BTreeSet<u32>>,
    /// For TDX.
    pub tdx: Option<BTreeSet<u32>>,
}

impl KnownNumbers {
    /// The number that a requirement pins, with the list that lacks it.
    fn lacks(
        &self,
        technology: Technology,
        requirement: &Requirement,
    ) -> Option<(u32, &BTreeSet<u32>)> {
        let Number::Pinned(number) = requirement.number else {
            return None;
        };
        let signed = match technology {
            Technology::Sgx => &self.sgx,
            Technology::Tdx => &self.tdx,
        };
        let signed = signed.as_ref()?;
        (!signed.contains(&number)).then_some((number, signed))
    }
}

impl Changes {
    /// The technologies for which a baseline pins a number that the vendor's list lacks; one may come
    /// several times.
    pub fn unlisted(&self, known: &KnownNumbers) -> impl Iterator<Item = Technology> {
        let requirements = self.baselines.values().flat_map(Baseline::requirements);
        requirements.filter_map(|(_, technology, requirement)| {
            known.lacks(technology, requirement).map(|_| technology)
        })
    }
}

/// Changes that can be made to the decisions as they stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// What really changes: objects that are there already as they are wanted, are left out.
    pub changes: Changes,
    /// One line for each change, for people.
    pub difference: Vec<String>,
    /// The objects as they would stand if it were applied now.
    #[serde(skip)]
    pub after: State,
    /// 64 hexadecimal digits over the decisions so far and the changes. Whoever applies the plan
    /// gives it; after any other decision it is another.
    pub digest: String,
}

impl Governance {
    /// Holds changes against what was decided, at the instant `now`; everything that cannot be is
    /// told at once.
    pub fn plan(
        &self,
        wanted: Changes,
        known: &KnownNumbers,
        now: Timestamp,
    ) -> Result<Plan, Refused> {
        self.check_clock(now)?;
        let before = self.latest();
        let mut refusals = Vec::new();
        check_removals(before, &wanted, &mut refusals);
        let changes = only_new(before, wanted);
        let mut after = before.clone();
        after.change(self.next_number(), &settled(&changes, now));
        check_baselines(before, &changes, known, now, &mut refusals);
        check_rings(&after, &changes, &mut refusals);
        check_exceptions(&changes, now, &mut refusals);
        check_rollouts(before, &after, &changes, now, &mut refusals);
        Refused::all(refusals)?;
        if changes.is_empty() {
            let message =
                "everything is as the plan wants it; there is nothing to apply".to_owned();
            return Err(Refused::one(Refusal::new(
                "nothing-changes",
                "plan",
                message,
            )));
        }
        let text = serde_json::to_vec(&changes).unwrap_or_default();
        let state = self.digest();
        let digest = sha256_of(&[b"bulla baseline plan", state.as_bytes(), &text]);
        Ok(Plan {
            difference: before.difference(&changes),
            after,
            changes,
            digest: hex::encode(digest),
        })
    }

    /// The decision that a reviewed plan is, by its digest; refused if anything was decided since
    /// it was reviewed, this plan itself included, or if an instant in it has passed.
    pub fn decision(
        &self,
        wanted: Changes,
        digest: &str,
        known: &KnownNumbers,
        now: Timestamp,
        author: &str,
    ) -> Result<Applied, Refused> {
        let moved = |found: &str| {
            let message = format!(
                "the plan that was reviewed has the digest {digest}, and this one has {found}: \
                 something was decided since, or the file was changed; plan again"
            );
            Refused::one(Refusal::new("plan-moved", "plan", message))
        };
        let plan = match self.plan(wanted, known, now) {
            Ok(plan) => plan,
            // Applied once, nothing is left of it.
            Err(refused)
                if refused
                    .refusals()
                    .iter()
                    .any(|r| r.code == "nothing-changes") =>
            {
                return Err(moved("none, as nothing would change"));
            }
            Err(refused) => return Err(refused),
        };
        if plan.digest != digest {
            return Err(moved(&plan.digest));
        }
        Ok(Applied {
            at: now,
            author: author.to_owned(),
            changes: settled(&plan.changes, now),
        })
    }
}

/// With an instant for rollouts that begin when they are applied.
fn settled(changes: &Changes, now: Timestamp) -> Changes {
    let mut settled = changes.clone();
    for rollout in settled.rollouts.values_mut() {
        rollout.from.get_or_insert(now);
    }
    settled
}

/// Leaves out what is so already.
fn only_new(before: &State, wanted: Changes) -> Changes {
    let mut changes = wanted;
    let known = |name: &Name| before.baselines.get(name).map(|(_, baseline)| &**baseline);
    changes
        .baselines
        .retain(|name, new| known(name) != Some(new));
    changes
        .rings
        .retain(|name, new| before.rings.get(name) != Some(new));
    changes
        .exceptions
        .retain(|name, new| before.exceptions.get(name) != Some(new));
    changes.rollouts.retain(|name, new| {
        let old = before.rollouts.get(name);
        !old.is_some_and(|old| is_same(old, new))
    });
    changes
}

/// A rollout without an instant, or without a word on being held, is the one that is there.
fn is_same(old: &Rollout, new: &Rollout) -> bool {
    let filled = Rollout {
        from: new.from.or(old.from),
        held: new.held.clone().or(old.held.clone()),
        ..new.clone()
    };
    *old == filled
}

fn check_removals(before: &State, wanted: &Changes, refusals: &mut Vec<Refusal>) {
    let gone = &wanted.remove;
    let mut check = |kind: &str, name: &Name, is_there: bool, is_put: bool| {
        let subject = format!("remove.{kind}.{name}");
        if is_put {
            let message = "the plan both puts and removes it; decide for one".to_owned();
            refusals.push(Refusal::new("contradiction", subject, message));
        } else if !is_there {
            let message = "there is no such object".to_owned();
            refusals.push(Refusal::new("unknown-object", subject, message));
        }
    };
    for name in &gone.baselines {
        let put = wanted.baselines.contains_key(name);
        check("baselines", name, before.baselines.contains_key(name), put);
    }
    for name in &gone.rings {
        check(
            "rings",
            name,
            before.rings.contains_key(name),
            wanted.rings.contains_key(name),
        );
    }
    for name in &gone.exceptions {
        let put = wanted.exceptions.contains_key(name);
        check(
            "exceptions",
            name,
            before.exceptions.contains_key(name),
            put,
        );
    }
    for name in &gone.rollouts {
        let put = wanted.rollouts.contains_key(name);
        check("rollouts", name, before.rollouts.contains_key(name), put);
    }
}

fn check_baselines(
    before: &State,
    changes: &Changes,
    known: &KnownNumbers,
    now: Timestamp,
    refusals: &mut Vec<Refusal>,
) {
    for (name, baseline) in &changes.baselines {
        let subject = format!("baselines.{name}");
        if name.as_str() == Name::STANDARD {
            let message = "this one is always what the vendor enforces; give yours another name";
            refusals.push(Refusal::new("reserved-name", &*subject, message.to_owned()));
        }
        let followed = before.ring_names().into_iter().find(|ring| {
            let rollout = before.rollout(ring, now);
            rollout.is_some_and(|(_, rollout)| rollout.baseline == *name)
        });
        if let Some(ring) = followed {
            let message = format!(
                "the ring {ring} follows it now, and would follow the change at once; give the \
                 new one another name and roll it out"
            );
            refusals.push(Refusal::new("baseline-in-force", &*subject, message));
        }
        for (place, technology, requirement) in baseline.requirements() {
            if let Some((number, signed)) = known.lacks(technology, requirement) {
                let list: Vec<String> = signed.iter().map(u32::to_string).collect();
                let message = format!(
                    "the number {number} for {} is not on the vendor's list that is known, which has {}",
                    technology.as_str(),
                    list.join(", ")
                );
                let subject = format!("{subject}.{place}.number");
                refusals.push(Refusal::new("number-unknown", subject, message));
            }
        }
    }
}

fn check_rings(after: &State, changes: &Changes, refusals: &mut Vec<Refusal>) {
    let mut claimed: BTreeMap<(&str, &str), &Name> = BTreeMap::new();
    for (name, ring) in &after.rings {
        for claim in ring.claims() {
            let Some(other) = claimed.insert(claim, name) else {
                continue;
            };
            let (kind, value) = claim;
            let message = format!(
                "the {kind} `{value}` is claimed by the rings {other} and {name}; it can follow one"
            );
            refusals.push(Refusal::new(
                "contradiction",
                format!("rings.{name}"),
                message,
            ));
        }
    }
    for (name, ring) in &changes.rings {
        for host in &ring.hosts {
            let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.".contains(&c);
            if host.is_empty() || !host.bytes().all(plain) {
                let message =
                    format!("`{host}` is no host name in lower case and without port").to_owned();
                let subject = format!("rings.{name}.hosts");
                refusals.push(Refusal::new("host-name", subject, message));
            }
        }
    }
}

fn check_exceptions(changes: &Changes, now: Timestamp, refusals: &mut Vec<Refusal>) {
    for (name, exception) in &changes.exceptions {
        if !exception.in_force(now) {
            let message = format!(
                "it would have ended at {}, and it is {now}",
                exception.until
            );
            refusals.push(Refusal::new(
                "in-the-past",
                format!("exceptions.{name}.until"),
                message,
            ));
        }
    }
}

fn check_rollouts(
    before: &State,
    after: &State,
    changes: &Changes,
    now: Timestamp,
    refusals: &mut Vec<Refusal>,
) {
    for (name, rollout) in &changes.rollouts {
        let subject = |field: &str| format!("rollouts.{name}{field}");
        let begun = before
            .rollouts
            .get(name)
            .and_then(|old| old.from)
            .filter(|from| *from <= now);
        if let Some(from) = begun {
            let message = format!("it began at {from} and stays as it was; plan another rollout");
            refusals.push(Refusal::new("rollout-begun", subject(""), message));
            continue;
        }
        if let Some(from) = rollout.from.filter(|from| *from < now) {
            let message = format!("{from} is in the past, it is {now}; leave it out for at once");
            refusals.push(Refusal::new("in-the-past", subject(".from"), message));
        }
        if let Some(deadline) = rollout.deadline {
            let from = rollout.from.unwrap_or(now);
            if deadline < now {
                let message = format!("{deadline} is in the past, it is {now}");
                refusals.push(Refusal::new("in-the-past", subject(".deadline"), message));
            } else if deadline < from {
                let message = format!("{deadline} is before its begin, {from}");
                refusals.push(Refusal::new("contradiction", subject(".deadline"), message));
            }
        }
    }
    check_references(after, refusals);
    check_begins(after, changes, refusals);
}

/// Every rollout needs its ring and its baseline, those that are not changed included.
fn check_references(after: &State, refusals: &mut Vec<Refusal>) {
    for (name, rollout) in &after.rollouts {
        if !after.has_ring(&rollout.ring) {
            let message = format!("there is no ring {}; put it into the plan", rollout.ring);
            refusals.push(Refusal::new(
                "unknown-ring",
                format!("rollouts.{name}.ring"),
                message,
            ));
        }
        let baseline = &rollout.baseline;
        let is_there =
            baseline.as_str() == Name::STANDARD || after.baselines.contains_key(baseline);
        if !is_there {
            let message = format!("there is no baseline {baseline}; put it into the plan");
            let subject = format!("rollouts.{name}.baseline");
            refusals.push(Refusal::new("unknown-baseline", subject, message));
        }
    }
}

/// Two rollouts of a ring that begin together contradict each other.
fn check_begins(after: &State, changes: &Changes, refusals: &mut Vec<Refusal>) {
    let mut begins: BTreeMap<(&Name, Option<Timestamp>), &Name> = BTreeMap::new();
    for (name, rollout) in &after.rollouts {
        let Some(other) = begins.insert((&rollout.ring, rollout.from), name) else {
            continue;
        };
        let changed = match changes.rollouts.contains_key(name) {
            true => name,
            false => other,
        };
        let message = format!(
            "{other} and {name} begin at the same second for the ring {}; which counts?",
            rollout.ring
        );
        refusals.push(Refusal::new(
            "contradiction",
            format!("rollouts.{changed}.from"),
            message,
        ));
    }
}
