//! What a node hears of the others with the same store, and what it knows of the store itself.
//!
//! A node serves from memory. Once a second it looks how far the store has come, and takes up what
//! others have put there: documents, decisions on baselines, the gate's policies and keys, families
//! of platforms. One that does not reach the store goes on with what it knows, says so, and takes up
//! what it has missed when it reaches the store again.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_store::nodes::Marks;
use bulla_store::{Nodes as _, StoreError};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::baselines::Baselines;
use crate::collection::Collection;
use crate::fleet::Fleet;
use crate::gate::Gate;
use crate::gauges::family;

/// How often a node looks.
const LOOK: Duration = Duration::from_secs(1);

/// How far the clock may be from that of the database before somebody is told, in seconds. Both are
/// read in whole seconds, so that clocks which agree can differ by one.
pub(crate) const SKEW: i64 = 2;

/// What is known of a store that others have too.
#[derive(Debug, Default)]
pub struct Nodes {
    /// Whether the store cannot be reached.
    is_lost: AtomicBool,
    /// Since when, in seconds since 1970.
    lost_since: AtomicU64,
    /// By how many seconds the clock is ahead of the database's.
    ahead: AtomicI64,
    /// How far everything was taken up.
    taken_up: Mutex<Marks>,
}

/// Who is to hear of what others did.
pub(crate) struct Hearers {
    pub(crate) collection: Arc<Collection>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) baselines: Arc<Baselines>,
    pub(crate) gate: Option<Arc<Gate>>,
}

impl Nodes {
    /// Since when the store is out of reach, in seconds since 1970; absent where it is not.
    pub(crate) fn lost_since(&self) -> Option<u64> {
        let is_lost = self.is_lost.load(Ordering::Relaxed);
        is_lost.then(|| self.lost_since.load(Ordering::Relaxed))
    }

    /// By how many seconds the clock is ahead of the database's, or behind it where negative; 0
    /// where it is so little that it may be reading both.
    pub(crate) fn skew(&self) -> i64 {
        let ahead = self.ahead.load(Ordering::Relaxed);
        if ahead.abs() > SKEW { ahead } else { 0 }
    }

    /// Looks every second, for ever.
    pub(crate) async fn run(self: Arc<Self>, hearers: Hearers) {
        let hearers = Arc::new(hearers);
        loop {
            tokio::time::sleep(LOOK).await;
            let (nodes, hearers) = (Arc::clone(&self), Arc::clone(&hearers));
            let looked = tokio::task::spawn_blocking(move || nodes.look(&hearers)).await;
            if looked.is_err() {
                tracing::error!("the look at what other nodes did was broken off; it is repeated");
            }
        }
    }

    /// Looks once. Blocks.
    pub(crate) fn look(&self, hearers: &Hearers) {
        let collection = &hearers.collection;
        let before = collection.clock();
        match collection.store().marks(collection.realm().id()) {
            Ok(marks) => {
                let after = collection.clock();
                self.compare_clocks(before, after, marks);
                self.found();
                self.take_up(hearers, marks);
            }
            Err(error) => self.lost(before.unix_seconds(), &error),
        }
    }

    fn take_up(&self, hearers: &Hearers, marks: Marks) {
        let mut known = self.taken_up.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.documents != known.documents || marks.selections != known.selections {
            match hearers.collection.catch_up() {
                Ok(()) => {
                    known.documents = marks.documents;
                    known.selections = marks.selections;
                }
                Err(error) => tracing::error!(%error, "documents of other nodes are not taken up"),
            }
        }
        if marks.platforms != known.platforms {
            match hearers.fleet.keep_families() {
                Ok(()) => known.platforms = marks.platforms,
                Err(error) => tracing::error!(%error, "platforms of other nodes are not taken up"),
            }
        }
        if marks.decisions != known.decisions {
            let baselines = hearers.baselines.catch_up();
            let baselines = baselines.map_err(|error| error.to_string());
            let gate = hearers.gate.as_ref().map_or(Ok(()), |gate| gate.catch_up());
            match baselines.and(gate) {
                Ok(()) => known.decisions = marks.decisions,
                Err(error) => tracing::error!(error, "decisions of other nodes are not taken up"),
            }
        }
    }

    fn compare_clocks(&self, before: Timestamp, after: Timestamp, marks: Marks) {
        let Some(theirs) = marks.clock else { return };
        let whole = |at: Timestamp| i64::try_from(at.unix_seconds()).unwrap_or(i64::MAX);
        // What lies between the two readings of our clock is no difference.
        let ahead = match (whole(before) - whole(theirs), whole(after) - whole(theirs)) {
            (before, _) if before > 0 => before,
            (_, after) if after < 0 => after,
            _ => 0,
        };
        let known = self.ahead.swap(ahead, Ordering::Relaxed);
        if ahead.abs() > SKEW && known.abs() <= SKEW {
            tracing::warn!(
                seconds = ahead,
                "the clock is not that of the database: rollouts take effect at different times on \
                 different nodes; set the clocks by NTP"
            );
        }
    }

    fn lost(&self, now: u64, error: &StoreError) {
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            self.lost_since.store(now, Ordering::Relaxed);
            tracing::error!(
                %error,
                "the store is out of reach: what is known is served, nothing is registered, released \
                 or decided; start the database, or mend the way to it, and this node goes on by itself"
            );
        }
    }

    fn found(&self) {
        if self.is_lost.swap(false, Ordering::Relaxed) {
            tracing::info!("the store is within reach again");
        }
    }
}

/// The counts of a store that others have too.
pub(crate) struct NodeGauges(pub(crate) Arc<Nodes>);

impl fmt::Debug for NodeGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeGauges").finish_non_exhaustive()
    }
}

impl Collector for NodeGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let is_reached = i64::from(self.0.lost_since().is_none());
        let help = "Whether the store that nodes share can be reached";
        family(&mut encoder, "store_reached", help, &[(vec![], is_reached)])?;
        let ahead = self.0.ahead.load(Ordering::Relaxed);
        let help = "Seconds by which the clock is ahead of the database's; negative where behind";
        family(
            &mut encoder,
            "clock_ahead_of_database_seconds",
            help,
            &[(vec![], ahead)],
        )
    }
}
