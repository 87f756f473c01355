//! Baselines in force: which TCB level is mandatory, for whom and from when on.
//!
//! All that an administrator decided is kept in the store, each decision with its entry in the
//! audit, and held here as one value that is replaced as a whole. What is in force follows from that
//! value and the time alone, so that a rollout takes effect at its instant without anybody doing
//! anything.

mod answers;
mod census;
mod claims;
mod decisions;
mod forecast;
mod outlook;
mod pins;
mod preview;
pub(crate) mod ring;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use bulla_appraisal::baseline::{Applied, Changes, Governance, KnownNumbers, Refused};
use bulla_collateral::TcbInfoId;
use bulla_pki::Timestamp;
use bulla_store::{Governance as _, Store, StoreError};

use crate::clock::TOLERANCE;
use crate::collection::Collection;
use crate::keeper::{Keeper, Mode};
use crate::refresh::Refresh;
use crate::want::Want;

pub use answers::{Action, LONGEST_PLAN};
pub(crate) use answers::{Coming, Shown};
pub use claims::Claimable;
pub use decisions::{Decided, NotDecided};
pub(crate) use outlook::{BaselineGauges, Outlook, Prospect};
pub(crate) use preview::Reason;
use preview::documents_of;
pub use ring::Followed;

/// Under which kind and name the decisions are kept: the versions of one object, so that none can
/// be left out.
pub(crate) const KIND: &str = "baselines";

/// What the operator decided, and what it means now.
pub struct Baselines {
    /// Keeps the documents that are demanded.
    refresh: Arc<Refresh>,
    governance: ArcSwap<Governance>,
    /// What rings can claim; empty where nobody said.
    claimable: OnceLock<Claimable>,
    /// Held while something is decided: whether it can be rests on what was decided before.
    deciding: Mutex<()>,
    /// What would become of the fleet, as of the last look.
    outlook: ArcSwap<Outlook>,
}

/// Why what was decided cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselinesError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A decision cannot be understood. Without it nobody knows what is in force.
    #[error(
        "decision {number} on baselines cannot be read: {reason}; use the version of bulla that \
         made it or a later one, or restore a backup"
    )]
    Malformed {
        /// Which, counted from 1.
        number: u32,
        /// What is wrong.
        reason: String,
    },
    /// The decisions contradict each other.
    #[error("the decisions on baselines cannot be followed: {0}; restore a backup")]
    Contradictory(#[from] Refused),
}

impl Baselines {
    /// Reads what the store has; `refresh` keeps the documents. Blocks.
    pub fn open(refresh: Arc<Refresh>) -> Result<Self, BaselinesError> {
        let governance = read(refresh.keeper().collection().store())?;
        Ok(Self {
            refresh,
            governance: ArcSwap::from_pointee(governance),
            claimable: OnceLock::new(),
            deciding: Mutex::default(),
            outlook: ArcSwap::default(),
        })
    }

    /// Reads anew what was decided, by whatever node. Blocks.
    pub(crate) fn catch_up(&self) -> Result<(), BaselinesError> {
        let _alone = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let store = self.collection().store();
        let known = self.governance.load().decisions().len();
        if usize::try_from(store.decision_version(KIND, KIND)?).is_ok_and(|last| last == known) {
            return Ok(());
        }
        self.governance.store(Arc::new(read(store)?));
        Ok(())
    }

    /// Has rings claim only tokens and listeners that there are. Said once, at the start.
    pub fn limit_claims(&self, claimable: Claimable) {
        // What was said first stays.
        let _ = self.claimable.set(claimable);
    }

    fn check_claims(&self, wanted: &Changes) -> Result<(), Refused> {
        self.claimable
            .get()
            .map_or(Ok(()), |claimable| claimable.check(wanted))
    }

    fn keeper(&self) -> &Arc<Keeper> {
        self.refresh.keeper()
    }

    fn collection(&self) -> &Collection {
        self.keeper().collection()
    }

    /// All that was decided so far.
    pub fn governance(&self) -> Arc<Governance> {
        self.governance.load_full()
    }

    /// The time to judge by. It is at least that of the last decision, whatever the clock says: one
    /// that was set back must not undo a decision, or let an exception that has ended live again.
    pub fn now(&self) -> Timestamp {
        let now = self.collection().now().at;
        self.last_decision().map_or(now, |last| now.max(last))
    }

    /// By how many seconds the clock is behind the last decision; 0 where it is not, or so little
    /// that clocks may differ by it.
    pub fn clock_behind(&self) -> u64 {
        let now = self.collection().now().at.unix_seconds();
        let behind = self
            .last_decision()
            .map_or(0, |last| last.unix_seconds().saturating_sub(now));
        if behind > TOLERANCE { behind } else { 0 }
    }

    fn last_decision(&self) -> Option<Timestamp> {
        let governance = self.governance.load();
        governance.decisions().last().map(|last| last.at)
    }

    /// The numbers that the vendor signs, by its own lists.
    fn known_numbers(&self) -> KnownNumbers {
        self.collection().look(|snapshot| KnownNumbers {
            sgx: snapshot.numbers(TcbInfoId::Sgx),
            tdx: snapshot.numbers(TcbInfoId::Tdx),
        })
    }

    /// Asks for the vendor's lists anew where these changes name numbers that are not on those at hand:
    /// these are asked for once a day, and who plans with a number may have read of it an hour ago.
    /// Where nobody answers, the lists at hand are what is known.
    async fn look_up_numbers(&self, wanted: &Changes) {
        let lists: BTreeSet<Want> = wanted
            .unlisted(&self.known_numbers())
            .map(|technology| Want::EvaluationDataNumbers(documents_of(technology).0))
            .collect();
        if lists.is_empty() || self.keeper().mode() == Mode::Offline {
            return;
        }
        let (_, failures) = self.refresh.all(|want| lists.contains(&want)).await;
        for (what, reason) in failures {
            tracing::warn!(%what, %reason, "a plan is held against the list at hand");
        }
    }
}

/// Every decision that the store has.
fn read(store: &Store) -> Result<Governance, BaselinesError> {
    let mut kept = store.decision_history(KIND, KIND)?;
    kept.reverse();
    let decisions: Result<Vec<Applied>, BaselinesError> = kept
        .into_iter()
        .map(|decision| {
            let body = decision.body.as_deref().unwrap_or_default();
            let changes: Changes =
                serde_json::from_str(body).map_err(|error| BaselinesError::Malformed {
                    number: decision.version,
                    reason: error.to_string(),
                })?;
            Ok(Applied {
                at: decision.at,
                author: decision.author,
                changes,
            })
        })
        .collect();
    Ok(Governance::of(decisions?)?)
}

#[cfg(test)]
mod tests;
