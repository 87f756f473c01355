//! Keeping current what is there: each document by its own validity, none because of another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bulla_collateral::{EnclaveId, PckCa, Selector, Series, TcbInfoId};
use bulla_pki::Timestamp;

use crate::clock;
use crate::freshness::{self, Age, LONGEST_RETRY, jitter};
use crate::held::Snapshot;
use crate::keeper::{Absent, Keeper, Mode};
use crate::want::{Choice, Want};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(15);

/// Most documents that are asked for at one look: with a look every 15 seconds a service that
/// comes back after a long time asks forty times a minute, and has all of a large fleet's three
/// hundred documents in eight.
const MOST_AT_ONCE: usize = 10;

/// How long to leave in peace what an upstream does not have, in seconds: a day.
const ABSENT_REST: u64 = 24 * 3_600;

/// What is kept whether somebody asked for it or not.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Families of platforms whose TCB info is kept, in addition to those of the fleet.
    pub families: BTreeSet<[u8; 6]>,
    /// Whether the vendor's newest set (`early`) is kept beside the one that it enforces.
    pub early: bool,
}

/// What a look did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Documents that were asked for.
    pub asked: usize,
    /// Of these, those that could not be had.
    pub failed: usize,
    /// Documents that are due and were left for the next look.
    pub left: usize,
}

/// The plan of refreshing.
pub struct Refresh {
    keeper: Arc<Keeper>,
    standing: Mutex<Standing>,
    /// What is kept besides because something rests on it.
    needed: Mutex<BTreeSet<Want>>,
    attempts: Mutex<Attempts>,
}

#[derive(Default)]
struct Attempts {
    /// Failures in a row of one document, and when to try again.
    of: BTreeMap<Want, (u32, Timestamp)>,
    /// The same of all upstreams together.
    upstreams: Option<(u32, Timestamp)>,
}

impl Refresh {
    /// A plan for what `keeper` keeps, and `standing` besides.
    pub fn new(keeper: Arc<Keeper>, standing: Standing) -> Self {
        Self {
            keeper,
            standing: Mutex::new(standing),
            needed: Mutex::default(),
            attempts: Mutex::default(),
        }
    }

    /// Whose documents.
    pub fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// Has TCB info of a family kept from now on.
    pub fn keep_family(&self, fmspc: [u8; 6]) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.families.insert(fmspc);
    }

    /// Has the vendor's newest set kept beside the one that it enforces from now on.
    pub fn keep_early(&self) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.early = true;
    }

    /// Has these documents kept, in place of those that were named before. What is there stays
    /// current in any case.
    pub fn keep(&self, needed: BTreeSet<Want>) {
        *self.needed.lock().unwrap_or_else(PoisonError::into_inner) = needed;
    }

    /// The families whose TCB info is kept.
    pub fn families(&self) -> BTreeSet<[u8; 6]> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.families.clone()
    }

    /// Looks every now and then, for ever.
    pub async fn run(&self) {
        if self.keeper.mode() == Mode::Offline {
            return std::future::pending().await;
        }
        loop {
            self.look().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Asks for what is due now, the most urgent first.
    pub async fn look(&self) -> Look {
        let now = self.keeper.collection().now().at;
        if self.keeper.mode() == Mode::Offline || self.is_resting(now) {
            return Look::default();
        }
        let due = self.due(now);
        let mut look = Look {
            left: due.len(),
            ..Look::default()
        };
        for (_, want) in due.into_iter().take(MOST_AT_ONCE) {
            look.left -= 1;
            // A client, or another node, may have had it asked for meanwhile.
            if self.wants().get(&want).is_none_or(|due| *due > now) {
                continue;
            }
            look.asked += 1;
            let outcome = self.keeper.fetch(want).await.map(drop);
            look.failed += usize::from(outcome.is_err());
            if self.learn(want, outcome, now) == Upstreams::Down {
                break;
            }
        }
        look
    }

    /// Asks for all that is kept and chosen, due or not; what failed and why.
    pub async fn all(&self, chosen: impl Fn(Want) -> bool) -> (usize, Vec<(Want, Absent)>) {
        let wants: Vec<Want> = self
            .wants()
            .into_keys()
            .filter(|want| chosen(*want))
            .collect();
        let mut failures = Vec::new();
        let asked = wants.len();
        for want in wants {
            let now = self.keeper.collection().now().at;
            let outcome = self.keeper.fetch(want).await.map(drop);
            self.learn(want, outcome.clone(), now);
            if let Err(absent) = outcome {
                failures.push((want, absent));
            }
        }
        (asked, failures)
    }

    /// What is due, the most urgent first: what has never been there, then by its time.
    fn due(&self, now: Timestamp) -> Vec<(Timestamp, Want)> {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due: Vec<(Timestamp, Want)> = self
            .wants()
            .into_iter()
            .filter(|(want, due)| {
                let resting = attempts
                    .of
                    .get(want)
                    .is_some_and(|(_, next)| clock::is_waiting(now, *next, ABSENT_REST));
                *due <= now && !resting
            })
            .map(|(want, due)| (due, want))
            .collect();
        due.sort_unstable();
        due
    }

    /// Everything that is kept, and when it is due; at once where it has never been there.
    fn wants(&self) -> BTreeMap<Want, Timestamp> {
        let now = self.keeper.collection().now().at;
        let standing = self
            .standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.keeper.collection().look(|snapshot| {
            let mut wants = kept(snapshot, now);
            for want in standing_wants(&standing) {
                wants.entry(want).or_insert_with(at_once);
            }
            let needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
            // What is there is kept already, perhaps under another name.
            let missing = needed.iter().filter(|want| snapshot.find(**want).is_none());
            for want in missing {
                wants.entry(*want).or_insert_with(at_once);
            }
            wants
        })
    }

    fn is_resting(&self, now: Timestamp) -> bool {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts
            .upstreams
            .is_some_and(|(_, next)| clock::is_waiting(now, next, LONGEST_RETRY))
    }

    fn learn(&self, want: Want, outcome: Result<(), Absent>, now: Timestamp) -> Upstreams {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = |before: Option<&(u32, Timestamp)>| before.map_or(0, |(n, _)| *n) + 1;
        let spread = jitter(&want.to_string());
        match outcome {
            Ok(()) => {
                attempts.of.remove(&want);
                attempts.upstreams = None;
                Upstreams::Up
            }
            Err(Absent::Missing(_) | Absent::Gone(_)) => {
                let next = now.saturating_add(ABSENT_REST);
                attempts.of.insert(want, (0, next));
                attempts.upstreams = None;
                Upstreams::Up
            }
            Err(Absent::Expired { retry_after, .. } | Absent::Unavailable { retry_after, .. }) => {
                let number = failures(attempts.of.get(&want));
                let wait = freshness::retry_after(number, spread).max(u64::from(retry_after));
                attempts.of.insert(want, (number, now.saturating_add(wait)));
                let number = failures(attempts.upstreams.as_ref());
                // One document that is refused must not keep the others from being fetched; three
                // in a row are no longer about the document.
                if number >= 3 {
                    let wait = freshness::retry_after(number - 2, spread);
                    attempts.upstreams = Some((number, now.saturating_add(wait)));
                    return Upstreams::Down;
                }
                attempts.upstreams = Some((number, now));
                Upstreams::Up
            }
        }
    }
}

/// Whether it makes sense to go on asking.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Upstreams {
    Up,
    Down,
}

/// What is there, by the way it is to be asked for again, and when.
fn kept(snapshot: &Snapshot, now: Timestamp) -> BTreeMap<Want, Timestamp> {
    let mut wants = BTreeMap::new();
    let mut selected = BTreeSet::new();
    for (series, selector, number) in snapshot.selections() {
        let want = Want::Series(series, Choice::Selected(selector));
        // Of what was withdrawn, the name under which it was given out stays.
        let due = snapshot.find(want).map_or_else(at_once, |held| {
            selected.insert(held.slot);
            let mut age = held.age();
            age.asked = number.asked;
            due(want, age, now)
        });
        wants.insert(want, due);
    }
    let retired = snapshot.retired();
    for held in snapshot.documents() {
        let has_ended = held.until() < now;
        if selected.contains(&held.slot) || has_ended && retired.contains(held.slot) {
            continue;
        }
        let want = Want::of(held.slot);
        wants.insert(want, due(want, held.age(), now));
    }
    // What the vendor has not offered for years is only kept.
    wants.retain(|want, _| want.request().is_some());
    wants
}

/// When something is due that should be there already: before anything else.
fn at_once() -> Timestamp {
    Timestamp::from_unix_seconds(0).unwrap_or(Timestamp::MAX)
}

/// When a document is due. What was asked for in the future, by a clock that was ahead, is due now.
fn due(want: Want, age: Age, now: Timestamp) -> Timestamp {
    match age.asked > now {
        true => at_once(),
        false => age.due(jitter(&want.to_string())),
    }
}

fn standing_wants(standing: &Standing) -> Vec<Want> {
    let selectors = match standing.early {
        true => [Selector::Standard, Selector::Early].as_slice(),
        false => [Selector::Standard].as_slice(),
    };
    let mut wants = vec![
        Want::RootCaCrl,
        Want::PckCrl(PckCa::Processor),
        Want::PckCrl(PckCa::Platform),
        Want::EvaluationDataNumbers(TcbInfoId::Sgx),
        Want::EvaluationDataNumbers(TcbInfoId::Tdx),
    ];
    for selector in selectors {
        let choice = Choice::Selected(*selector);
        for id in [EnclaveId::Qe, EnclaveId::TdQe, EnclaveId::Qve] {
            wants.push(Want::Series(Series::EnclaveIdentity(id), choice));
        }
        for fmspc in &standing.families {
            for id in [TcbInfoId::Sgx, TcbInfoId::Tdx] {
                let series = Series::TcbInfo {
                    id,
                    fmspc: *fmspc,
                    version: 3,
                };
                wants.push(Want::Series(series, choice));
            }
        }
    }
    wants
}
