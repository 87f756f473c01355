//! All that was decided, and what it means at an instant.

use std::collections::BTreeMap;

use bulla_pki::Timestamp;
use bulla_pki::digest::sha256_of;
use serde::{Deserialize, Serialize};

use super::demand::Demand;
use super::name::Name;
use super::objects::{Changes, Hold, Rollout, text};
use super::refusal::{Refusal, Refused};
use super::state::State;
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
        self.state_after(self.decisions_until(at))
    }

    /// How many decisions were made until an instant.
    pub fn decisions_until(&self, at: Timestamp) -> usize {
        self.decisions.partition_point(|decision| decision.at <= at)
    }

    /// The objects as they stood after so many decisions.
    pub fn state_after(&self, count: usize) -> State {
        if count >= self.decisions.len() {
            return self.latest.clone();
        }
        let mut state = State::default();
        for (number, decision) in (1..).zip(self.decisions.iter().take(count)) {
            state.change(number, &decision.changes);
        }
        state
    }

    /// Every decision with its number, counted from 1, and what it changed, one line for each
    /// change; the first first.
    pub fn history(&self) -> Vec<(u32, &Applied, Vec<String>)> {
        let mut state = State::default();
        let mut history = Vec::with_capacity(self.decisions.len());
        for (number, decision) in (1..).zip(&self.decisions) {
            history.push((number, decision, state.difference(&decision.changes)));
            state.change(number, &decision.changes);
        }
        history
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
