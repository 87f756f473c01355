//! All that was decided, and what it means at an instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulla_pki::Timestamp;
use bulla_pki::digest::sha256_of;
use serde::{Deserialize, Serialize};

use super::demand::Demand;
use super::name::Name;
use super::objects::{Changes, Exception, Hold, Ring, Rollout, text};
use super::refusal::{Refusal, Refused};
use super::requirement::Baseline;
use crate::policy::value::instant;

/// A decision: changes that were applied, all at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "who decided what, and when")]
pub struct Applied {
    /// Since when it is so.
    #[serde(deserialize_with = "instant", serialize_with = "text")]
    pub at: Timestamp,
    /// Who decided it.
    pub author: String,
    /// What.
    pub changes: Changes,
}

/// All decisions, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governance {
    decisions: Vec<Applied>,
    latest: State,
}

/// The objects as they stand at an instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Baselines by name, each with the decision that gave it its content, counted from 1. Without
    /// the one that is always there.
    pub baselines: BTreeMap<Name, (u32, Arc<Baseline>)>,
    /// Rings by name. Without the one that is always there, unless somebody follows it by name.
    pub rings: BTreeMap<Name, Ring>,
    /// Exceptions by name, ended ones included.
    pub exceptions: BTreeMap<Name, Exception>,
    /// Rollouts by name.
    pub rollouts: BTreeMap<Name, Rollout>,
}

impl State {
    pub(super) fn change(&mut self, number: u32, changes: &Changes) {
        for (name, baseline) in &changes.baselines {
            let entry = (number, Arc::new(baseline.clone()));
            self.baselines.insert(name.clone(), entry);
        }
        self.rings.extend(changes.rings.clone());
        self.exceptions.extend(changes.exceptions.clone());
        self.rollouts.extend(changes.rollouts.clone());
        let gone = &changes.remove;
        self.baselines
            .retain(|name, _| !gone.baselines.contains(name));
        self.rings.retain(|name, _| !gone.rings.contains(name));
        self.exceptions
            .retain(|name, _| !gone.exceptions.contains(name));
        self.rollouts
            .retain(|name, _| !gone.rollouts.contains(name));
    }

    /// Whether there is such a ring.
    pub fn has_ring(&self, ring: &Name) -> bool {
        ring.as_str() == Name::DEFAULT_RING || self.rings.contains_key(ring)
    }

    /// Every ring, the one that is always there first.
    pub fn ring_names(&self) -> Vec<Name> {
        let default = Name::default_ring();
        let others = self.rings.keys().filter(|name| **name != default).cloned();
        std::iter::once(default.clone()).chain(others).collect()
    }

    /// The ring that claims this, if one does.
    pub fn ring_by(&self, kind: &str, value: &str) -> Option<&Name> {
        let mut rings = self.rings.iter();
        rings
            .find(|(_, ring)| ring.claims().any(|claim| claim == (kind, value)))
            .map(|(name, _)| name)
    }

    /// The rollout that counts for a ring at an instant.
    pub fn rollout(&self, ring: &Name, at: Timestamp) -> Option<(&Name, &Rollout)> {
        self.rollouts
            .iter()
            .filter(|(_, rollout)| rollout.ring == *ring && rollout.in_force(at))
            .max_by_key(|(_, rollout)| rollout.from)
    }

    /// What these objects demand of a ring at an instant; absent where there is no such ring.
    pub fn demand(&self, ring: &Name, at: Timestamp) -> Option<Demand> {
        if !self.has_ring(ring) {
            return None;
        }
        let rollout = self.rollout(ring, at);
        let (name, decision, baseline) = match rollout {
            Some((_, rollout)) => match self.baselines.get(&rollout.baseline) {
                Some((decision, baseline)) => (
                    rollout.baseline.clone(),
                    Some(*decision),
                    Arc::clone(baseline),
                ),
                None => (Name::standard(), None, Arc::default()),
            },
            None => (Name::standard(), None, Arc::default()),
        };
        Some(Demand {
            ring: ring.clone(),
            name,
            decision,
            rollout: rollout.map(|(name, _)| name.clone()),
            baseline,
            exceptions: self
                .exceptions
                .iter()
                .filter(|(_, exception)| exception.in_force(at))
                .map(|(name, exception)| (name.clone(), exception.clone()))
                .collect(),
        })
    }
}

impl Governance {
    /// All that was decided so far, in its order; an error where an instant goes back.
    pub fn of(decisions: Vec<Applied>) -> Result<Self, Refused> {
        let mut all = Self::default();
        for decision in decisions {
            all = all.with(decision)?;
        }
        Ok(all)
    }

    /// The same, and one decision more; an error where it lies before the last.
    pub fn with(mut self, decision: Applied) -> Result<Self, Refused> {
        self.check_clock(decision.at)?;
        let number = self.next_number();
        self.latest.change(number, &decision.changes);
        self.decisions.push(decision);
        Ok(self)
    }

    pub(super) fn check_clock(&self, now: Timestamp) -> Result<(), Refused> {
        match self.decisions.last() {
            Some(last) if now < last.at => Err(Refused::one(Refusal::new(
                "clock-behind",
                "clock",
                format!(
                    "the last decision was made at {}, and it is {now}: set the clock",
                    last.at
                ),
            ))),
            _ => Ok(()),
        }
    }

    pub(super) fn next_number(&self) -> u32 {
        u32::try_from(self.decisions.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }

    /// Every decision, the first first.
    pub fn decisions(&self) -> &[Applied] {
        &self.decisions
    }

    /// The objects after the last decision.
    pub fn latest(&self) -> &State {
        &self.latest
    }

    /// The objects as they stood at an instant: what was decided until then.
    pub fn state_at(&self, at: Timestamp) -> State {
        let mut state = State::default();
        for (number, decision) in (1..).zip(&self.decisions) {
            if decision.at <= at {
                state.change(number, &decision.changes);
            }
        }
        state
    }

    /// What was, or is, or will be demanded of a ring at an instant, by what was decided until then;
    /// absent where there is no such ring.
    ///
    /// This is the whole meaning of the objects: nothing else, neither the order of questions nor
    /// who asks, has a part in it.
    pub fn in_force(&self, ring: &Name, at: Timestamp) -> Option<Demand> {
        match self.decisions.last() {
            Some(last) if at < last.at => self.state_at(at).demand(ring, at),
            _ => self.latest.demand(ring, at),
        }
    }

    /// A digest over every decision, in 64 hexadecimal digits: two that have the same, are the same.
    pub fn digest(&self) -> String {
        let mut digest = [0; 32];
        for decision in &self.decisions {
            let text = serde_json::to_vec(decision).unwrap_or_default();
            digest = sha256_of(&[b"bulla baseline decision", &digest, &text]);
        }
        hex::encode(digest)
    }

    /// Holds a rollout that has not begun. It counts from its deadline on, if it has one.
    pub fn pause(&self, name: &Name, reason: &str, now: Timestamp) -> Result<Changes, Refused> {
        let rollout = self.rollout(name, now)?;
        if let Some(from) = rollout.from.filter(|from| *from <= now) {
            let message = format!("it began at {from} and cannot be paused; roll its ring back");
            return Err(refused("rollout-begun", name, message));
        }
        self.hold(name, rollout, reason, now)
    }

    /// Lets a rollout that is held count again.
    pub fn resume(&self, name: &Name, now: Timestamp) -> Result<Changes, Refused> {
        let rollout = self.rollout(name, now)?;
        if rollout.held.is_none() {
            let message = "it is not held, so that there is nothing to resume".to_owned();
            return Err(refused("rollout-not-held", name, message));
        }
        Ok(put(
            name,
            Rollout {
                held: None,
                ..rollout.clone()
            },
        ))
    }

    /// Holds the rollout that counts for a ring, so that the one before it counts again, until the
    /// deadline if it has one.
    pub fn roll_back(&self, ring: &Name, reason: &str, now: Timestamp) -> Result<Changes, Refused> {
        self.check_clock(now)?;
        match self.latest.rollout(ring, now) {
            Some((name, rollout)) => self.hold(name, rollout, reason, now),
            None => Err(Refused::one(Refusal::new(
                "nothing-in-force",
                format!("rings.{ring}"),
                "no rollout has begun for it, so that there is nothing to roll back".to_owned(),
            ))),
        }
    }

    fn rollout(&self, name: &Name, now: Timestamp) -> Result<&Rollout, Refused> {
        self.check_clock(now)?;
        let unknown = || {
            refused(
                "rollout-unknown",
                name,
                "there is no such rollout".to_owned(),
            )
        };
        self.latest.rollouts.get(name).ok_or_else(unknown)
    }

    fn hold(
        &self,
        name: &Name,
        rollout: &Rollout,
        reason: &str,
        now: Timestamp,
    ) -> Result<Changes, Refused> {
        if let Some(deadline) = rollout.deadline.filter(|deadline| *deadline <= now) {
            let message = format!("its deadline was {deadline}, and from then on it counts");
            return Err(refused("deadline-passed", name, message));
        }
        if rollout.held.is_some() {
            return Err(refused(
                "rollout-held",
                name,
                "it is held already".to_owned(),
            ));
        }
        if reason.trim().is_empty() {
            let message = "a reason is needed, for whoever wonders later".to_owned();
            return Err(refused("reason-missing", name, message));
        }
        Ok(put(
            name,
            Rollout {
                held: Some(Hold {
                    reason: reason.to_owned(),
                }),
                ..rollout.clone()
            },
        ))
    }
}

fn put(name: &Name, rollout: Rollout) -> Changes {
    Changes {
        rollouts: BTreeMap::from([(name.clone(), rollout)]),
        ..Changes::default()
    }
}

fn refused(code: &'static str, rollout: &Name, message: String) -> Refused {
    Refused::one(Refusal::new(code, format!("rollouts.{rollout}"), message))
}
