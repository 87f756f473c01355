//! Deciding: each decision enters the store with its entry in the audit, in one step, and is in
//! force from then on.

use std::sync::{Arc, PoisonError};

use bulla_appraisal::baseline::{Applied, Changes, Exception, Governance, Name, Refused};
use bulla_pki::Timestamp;
use bulla_store::audit::Event;
use bulla_store::governance::Decision;
use bulla_store::{Governance as _, StoreError};
use serde_json::json;

use super::{Baselines, BaselinesError, KIND, read};

/// A decision that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decided {
    /// Its number, counted from 1.
    pub number: u32,
    /// Since when it is so.
    pub at: Timestamp,
    /// What it changed, one line for each change.
    pub difference: Vec<String>,
}

/// Why something was not decided. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotDecided {
    /// It cannot be; each reason.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Another hand decided something in the store.
    #[error("something else was decided in the same moment; look at it and ask again")]
    Changed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store has now cannot be read.
    #[error(transparent)]
    Unreadable(#[from] BaselinesError),
}

impl Baselines {
    /// Carries out a plan that was reviewed, by its digest. Blocks.
    pub fn apply(
        &self,
        wanted: Changes,
        digest: &str,
        author: &str,
    ) -> Result<Decided, NotDecided> {
        self.check_claims(&wanted)?;
        let known = self.known_numbers();
        self.decide("baselines.apply", digest, |governance, now| {
            governance.decision(wanted, digest, &known, now, author)
        })
    }

    /// Holds a rollout that has not begun. Blocks.
    pub fn pause(&self, rollout: &Name, reason: &str, author: &str) -> Result<Decided, NotDecided> {
        self.decide("baselines.pause", rollout.as_str(), |governance, now| {
            applied(governance.pause(rollout, reason, now)?, now, author)
        })
    }

    /// Lets a rollout that is held count again. Blocks.
    pub fn resume(&self, rollout: &Name, author: &str) -> Result<Decided, NotDecided> {
        self.decide("baselines.resume", rollout.as_str(), |governance, now| {
            applied(governance.resume(rollout, now)?, now, author)
        })
    }

    /// Holds the rollout that a ring follows, so that the one before it counts again. Blocks.
    pub fn roll_back(
        &self,
        ring: &Name,
        reason: &str,
        author: &str,
    ) -> Result<Decided, NotDecided> {
        self.decide("baselines.rollback", ring.as_str(), |governance, now| {
            applied(governance.roll_back(ring, reason, now)?, now, author)
        })
    }

    /// Grants an exception, in place of the one of its name. Blocks.
    pub fn grant(
        &self,
        name: &Name,
        exception: Exception,
        author: &str,
    ) -> Result<Decided, NotDecided> {
        let mut wanted = Changes::default();
        wanted.exceptions.insert(name.clone(), exception);
        self.decide_at_once("baselines.exception.grant", name, wanted, author)
    }

    /// Ends an exception before its time. Blocks.
    pub fn end(&self, name: &Name, author: &str) -> Result<Decided, NotDecided> {
        let mut wanted = Changes::default();
        wanted.remove.exceptions.insert(name.clone());
        self.decide_at_once("baselines.exception.end", name, wanted, author)
    }

    /// A plan so small that asking for it is its review.
    fn decide_at_once(
        &self,
        action: &str,
        name: &Name,
        wanted: Changes,
        author: &str,
    ) -> Result<Decided, NotDecided> {
        let known = self.known_numbers();
        self.decide(action, name.as_str(), |governance, now| {
            let plan = governance.plan(wanted, &known, now)?;
            applied(plan.changes, now, author)
        })
    }

    fn decide(
        &self,
        action: &str,
        subject: &str,
        decision: impl FnOnce(&Governance, Timestamp) -> Result<Applied, Refused>,
    ) -> Result<Decided, NotDecided> {
        let _alone = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.governance();
        let applied = decision(&before, self.collection().now().at)?;
        let difference = before.latest().difference(&applied.changes);
        let number = u32::try_from(before.decisions().len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let (at, author) = (applied.at, applied.author.clone());
        let kept = Decision {
            kind: KIND.to_owned(),
            name: KIND.to_owned(),
            version: number,
            body: Some(json!(applied.changes).to_string()),
            at,
            author: author.clone(),
        };
        let event = Event {
            at,
            actor: author,
            action: action.to_owned(),
            subject: subject.to_owned(),
            details: json!({ "decision": number, "difference": difference }).to_string(),
        };
        let after = Governance::clone(&before).with(applied)?;
        let store = self.collection().store();
        if !store.enact(&kept, &event)? {
            self.governance.store(Arc::new(read(store)?));
            return Err(NotDecided::Changed);
        }
        self.governance.store(Arc::new(after));
        Ok(Decided {
            number,
            at,
            difference,
        })
    }
}

fn applied(changes: Changes, at: Timestamp, author: &str) -> Result<Applied, Refused> {
    Ok(Applied {
        at,
        author: author.to_owned(),
        changes,
    })
}
