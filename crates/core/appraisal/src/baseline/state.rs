//! The objects as they stand at one moment, and what they mean at an instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulla_pki::Timestamp;
use serde::Serialize;

use super::demand::Demand;
use super::name::Name;
use super::objects::{Changes, Exception, Ring, Rollout};
use super::requirement::Baseline;

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

/// Where a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "there is no fifth")]
pub enum Phase {
    /// It has not begun.
    Planned,
    /// Its ring follows it.
    InForce,
    /// Its ring follows another that began later.
    Superseded,
    /// It is held, and its deadline, if it has one, lies ahead.
    Held,
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

    /// The baseline that counts for a ring at an instant; absent where it is the one that is always
    /// there.
    pub fn baseline(&self, ring: &Name, at: Timestamp) -> Option<&Arc<Baseline>> {
        let (_, rollout) = self.rollout(ring, at)?;
        let (_, baseline) = self.baselines.get(&rollout.baseline)?;
        Some(baseline)
    }

    /// The rollouts that will count for a ring after an instant, each with its first second, in the
    /// order of these, by what is decided until now.
    pub fn coming(&self, ring: &Name, after: Timestamp) -> Vec<(Timestamp, &Name, &Rollout)> {
        let mut coming: Vec<_> = self
            .rollouts
            .iter()
            .filter(|(_, rollout)| rollout.ring == *ring)
            .filter_map(|(name, rollout)| Some((rollout.begins()?, name, rollout)))
            .filter(|(begins, name, _)| {
                let counts = || {
                    self.rollout(ring, *begins)
                        .is_some_and(|(it, _)| it == *name)
                };
                *begins > after && counts()
            })
            .collect();
        coming.sort_by_key(|(begins, ..)| *begins);
        coming
    }

    /// Where a rollout stands at an instant; absent where there is none of this name.
    pub fn phase(&self, name: &Name, at: Timestamp) -> Option<Phase> {
        let rollout = self.rollouts.get(name)?;
        let counting = self.rollout(&rollout.ring, at);
        Some(match rollout.in_force(at) {
            true if counting.is_some_and(|(it, _)| it == name) => Phase::InForce,
            true => Phase::Superseded,
            false if rollout.held.is_some() => Phase::Held,
            false => Phase::Planned,
        })
    }

    /// What would be demanded of a ring that followed a baseline of this content, with the exceptions
    /// of these objects that are in force at an instant. `name` is what it is called in reasons.
    pub fn demand_of(&self, name: Name, baseline: Arc<Baseline>, at: Timestamp) -> Demand {
        let in_force = self.exceptions.iter();
        let in_force = in_force.filter(|(_, exception)| exception.in_force(at));
        Demand {
            ring: Name::default_ring(),
            name,
            decision: None,
            rollout: None,
            baseline,
            exceptions: in_force
                .map(|(name, exception)| (name.clone(), exception.clone()))
                .collect(),
        }
    }

    /// What these objects demand of a ring at an instant; absent where there is no such ring.
    pub fn demand(&self, ring: &Name, at: Timestamp) -> Option<Demand> {
        if !self.has_ring(ring) {
            return None;
        }
        let rollout = self.rollout(ring, at);
        let followed = rollout.and_then(|(_, rollout)| {
            let (decision, baseline) = self.baselines.get(&rollout.baseline)?;
            let name = rollout.baseline.clone();
            Some((name, Some(*decision), Arc::clone(baseline)))
        });
        let (name, decision, baseline) =
            followed.unwrap_or_else(|| (Name::standard(), None, Arc::default()));
        Some(Demand {
            ring: ring.clone(),
            decision,
            rollout: rollout.map(|(name, _)| name.clone()),
            ..self.demand_of(name, baseline, at)
        })
    }
}
