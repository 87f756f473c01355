//! Whoever wants a document comes here: from what is served, or by asking the upstreams, once for
//! all who wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bulla_collateral::{EnclaveId, Selector, Series, Slot};
use bulla_pki::Timestamp;
use bulla_protocol::pcs::{Answer, CrlFile, EncodedCrl, Request};
use bulla_store::Documents as _;
use bulla_store::documents::SetAside;
use bulla_upstream::{Failure, SingleFlight, Supplied, Upstreams};
use bulla_verifier::arrival::Received;

use crate::clock;
use crate::collection::{Admission, Change, Collection, ROLLED_BACK, Rejection};
use crate::freshness::Freshness;
use crate::held::Held;
use crate::turns::{self, Chance};
use crate::vain::Vain;
use crate::want::{Choice, Want};

/// How long an upstream's "there is no such thing" is believed, in seconds: a platform that is
/// registered now must not wait long, and a fleet that asks for a wrong FMSPC must not be a load.
const BELIEVE_MISSING: u64 = 60;

/// Most such answers that are remembered; FMSPCs there are about fifty.
const MOST_MISSING: usize = 1_024;

/// When to come again where no upstream said so, in seconds.
pub(crate) const COME_AGAIN: u32 = 30;

/// What is said where upstreams are not asked because of that.
pub(crate) const TOO_MUCH_IN_VAIN: &str =
    "clients have asked for too much of late that could not be had, and upstreams are spared";

/// When upstreams are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the three modes of the PCCS")]
pub enum Mode {
    /// Whenever something is missing, and to stay current.
    Lazy,
    /// When platforms register, and to stay current.
    Req,
    /// Never.
    Offline,
}

impl Mode {
    /// `lazy`, `req` or `offline`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lazy => "lazy",
            Self::Req => "req",
            Self::Offline => "offline",
        }
    }
}

/// Why there is nothing to serve. Three different things, with different remedies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "every dialect answers each of them"
)]
pub enum Absent {
    /// There is no such thing, as far as is known.
    #[error("{0}")]
    Missing(
        /// Who says so.
        String,
    ),
    /// The vendor no longer signs this.
    #[error("{0}")]
    Gone(
        /// Who says so.
        String,
    ),
    /// There was one, and it has ended.
    #[error("{what} ended on {since}, and no later issue could be had: {reason}")]
    Expired {
        /// What was wanted.
        what: String,
        /// The last instant at which it was good.
        since: Timestamp,
        /// What the upstreams did.
        reason: String,
        /// Seconds after which to ask again.
        retry_after: u32,
    },
    /// It may exist, and cannot be had now.
    #[error("{reason}")]
    Unavailable {
        /// What the upstreams did.
        reason: String,
        /// Seconds after which to ask again.
        retry_after: u32,
    },
}

/// Why nothing new can be had while the store that nodes share is out of reach.
const STORE_OUT_OF_REACH: &str = "the store is out of reach";

/// Who fetches what is missing and keeps current what is there.
pub struct Keeper {
    collection: Arc<Collection>,
    upstreams: Arc<Upstreams>,
    mode: Mode,
    flights: SingleFlight<Want, Result<Arc<Held>, Absent>>,
    missing: Mutex<HashMap<Want, (Absent, Timestamp)>>,
    vain: Vain,
    counters: Counters,
    serve_expired: AtomicBool,
}

/// What happened since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Questions to upstreams.
    pub asked: AtomicU64,
    /// Documents that arrived, by what they changed, in the order of [`Change`].
    pub arrived: [AtomicU64; 4],
    /// Documents that were refused on arrival.
    pub refused: AtomicU64,
    /// Questions that no upstream answered.
    pub unanswered: AtomicU64,
}

impl Keeper {
    /// Somebody who keeps `collection`, asking `upstreams` when `mode` allows it.
    pub fn new(collection: Arc<Collection>, upstreams: Arc<Upstreams>, mode: Mode) -> Self {
        Self {
            collection,
            upstreams,
            mode,
            flights: SingleFlight::default(),
            missing: Mutex::default(),
            vain: Vain::default(),
            counters: Counters::default(),
            serve_expired: AtomicBool::new(false),
        }
    }

    /// Has clients served with documents that have ended where no later issue can be had. Only an
    /// operator decides that, by name; every such answer carries `Warning: 110` and its age.
    pub fn serve_expired(&self, allowed: bool) {
        self.serve_expired.store(allowed, Ordering::Relaxed);
    }

    /// The document that has ended, where the operator allows to serve it in place of nothing.
    pub fn ended_but_allowed(&self, want: Want, absent: &Absent) -> Option<Arc<Held>> {
        let is_allowed = self.serve_expired.load(Ordering::Relaxed);
        match absent {
            Absent::Expired { .. } if is_allowed => self
                .collection
                .look(|snapshot| snapshot.find(want).map(Arc::clone)),
            _ => None,
        }
    }

    /// What is kept.
    pub fn collection(&self) -> &Arc<Collection> {
        &self.collection
    }

    /// Who is asked.
    pub fn upstreams(&self) -> &Arc<Upstreams> {
        &self.upstreams
    }

    /// When upstreams are asked.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What happened since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What is served for a want now, if that is good: the way of nearly every request.
    pub fn at_hand(&self, want: Want) -> Option<Arc<Held>> {
        let now = self.collection.now().at;
        self.collection.look(|snapshot| {
            let held = snapshot.find(want)?;
            (now <= held.until()).then(|| Arc::clone(held))
        })
    }

    /// The document that is wanted, never an expired one. In [`Mode::Lazy`] upstreams are asked
    /// for what is missing, if clients have not asked for too much in vain of late; `insist` has
    /// them asked also in [`Mode::Req`], and in any case.
    pub async fn get(self: &Arc<Self>, want: Want, insist: bool) -> Result<Arc<Held>, Absent> {
        if let Some(held) = self.at_hand(want) {
            return Ok(held);
        }
        if let Some(gone) = self.retired(want) {
            return Err(gone);
        }
        let may_ask = match self.mode {
            Mode::Lazy => true,
            Mode::Req => insist,
            Mode::Offline => false,
        };
        if !may_ask {
            return Err(self.not_asked(want));
        }
        if let Some(absent) = self.believed_missing(want) {
            return Err(absent);
        }
        if insist {
            return self.fetch(want).await;
        }
        let keeper = Arc::clone(self);
        self.flights
            .run(want, || async move { keeper.ask_measured(want).await })
            .await
    }

    /// Asks for a client, if that is granted.
    async fn ask_measured(&self, want: Want) -> Result<Arc<Held>, Absent> {
        self.measure()
            .map_err(|wait| self.unavailable(want, TOO_MUCH_IN_VAIN.to_owned(), wait))?;
        let found = self.ask(want).await;
        if found.is_ok() {
            self.was_not_in_vain();
        }
        found
    }

    /// Has a question of a client granted that may come to nothing; otherwise the seconds until
    /// another is.
    pub(crate) fn measure(&self) -> Result<(), u32> {
        self.vain.take(self.collection.now().at)
    }

    /// What was granted came to something.
    pub(crate) fn was_not_in_vain(&self) {
        self.vain.give_back();
    }

    /// Asks the upstreams, whatever is at hand. Equal questions at one time are one.
    pub async fn fetch(self: &Arc<Self>, want: Want) -> Result<Arc<Held>, Absent> {
        let keeper = Arc::clone(self);
        self.flights
            .run(want, || async move { keeper.ask(want).await })
            .await
    }

    /// Asks when it is this node's turn, where others have the same store.
    async fn ask(&self, want: Want) -> Result<Arc<Held>, Absent> {
        let (store, anchor) = (self.collection.store(), self.collection.realm().id());
        if !store.is_shared() {
            return self.ask_alone(want).await;
        }
        let what = want.to_string();
        let mut known = self.collection.asked(want);
        loop {
            let chance = turns::take(store, anchor, &what, known).await;
            // What cannot be kept is not asked for.
            let chance = chance.map_err(|error| {
                tracing::error!(%error, "nothing is asked for without the store");
                self.unavailable(want, STORE_OUT_OF_REACH.to_owned(), COME_AGAIN)
            })?;
            match chance {
                Chance::Ask(mut turn) => {
                    let answer = turn.hold(self.ask_alone(want)).await;
                    turn.end(answer.as_ref().ok().map(|held| held.age().asked));
                    return answer;
                }
                Chance::Asked(at) => {
                    if let Err(error) = unhurried(|| self.collection.catch_up()) {
                        tracing::error!(%error, "documents of other nodes are not taken up");
                    }
                    self.collection.confirm(want, at);
                    let held = self
                        .collection
                        .look(|snapshot| snapshot.find(want).cloned());
                    if let Some(held) = held {
                        return Ok(held);
                    }
                    known = Some(at);
                }
            }
        }
    }

    async fn ask_alone(&self, want: Want) -> Result<Arc<Held>, Absent> {
        let answer = match want {
            Want::RootCaCrl => self.ask_for_root_crl().await,
            _ => self.ask_for(want, None).await,
        };
        if let Err(absent @ (Absent::Missing(_) | Absent::Gone(_))) = &answer {
            self.remember_missing(want, absent.clone());
        }
        answer
    }

    /// The CRL of the root comes without a chain: the root stands in the chain of any other
    /// document, of which one is fetched where there is none yet.
    async fn ask_for_root_crl(&self) -> Result<Arc<Held>, Absent> {
        let chain = || {
            self.collection.look(|snapshot| {
                let first = snapshot.documents().next()?;
                Some(first.issuer_chain.clone())
            })
        };
        let root = match chain() {
            Some(root) => root,
            None => {
                let series = Series::EnclaveIdentity(EnclaveId::Qe);
                let identity = Want::Series(series, Choice::Selected(Selector::Standard));
                Box::pin(self.ask(identity)).await?.issuer_chain.clone()
            }
        };
        self.ask_for(Want::RootCaCrl, Some(&root)).await
    }

    async fn ask_for(&self, want: Want, root: Option<&[u8]>) -> Result<Arc<Held>, Absent> {
        let Some(request) = self.request(want) else {
            return Err(Absent::Gone(format!(
                "{want}: the vendor no longer offers documents of this version."
            )));
        };
        self.counters.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self
            .upstreams
            .ask(&request, |supplied| {
                unhurried(|| self.examine(want, root, &supplied))
            })
            .await;
        answer.map_err(|failure| self.absent(want, failure))
    }

    /// How the vendor is asked. The file of the root's CRL has the name that the root says.
    fn request(&self, want: Want) -> Option<Request> {
        let request = want.request()?;
        let named = || {
            let uri = self.collection.root_crl_uri()?;
            CrlFile::new(uri.rsplit_once('/')?.1).ok()
        };
        match request {
            Request::RootCaCrl(usual) => Some(Request::RootCaCrl(named().unwrap_or(usual))),
            other => Some(other),
        }
    }

    /// Whether what an upstream gave can enter.
    fn examine(
        &self,
        want: Want,
        root: Option<&[u8]>,
        supplied: &Supplied,
    ) -> Result<Arc<Held>, String> {
        let received = match (&supplied.answer, root) {
            (
                Answer::TcbInfo(issued)
                | Answer::EnclaveIdentity(issued)
                | Answer::EvaluationDataNumbers(issued),
                _,
            ) => Received::Signed {
                document: &issued.document,
                issuer_chain: issued.issuer_chain.as_str().as_bytes(),
            },
            (Answer::PckCrl { crl, issuer_chain }, _) => Received::PckCrl {
                crl: bytes_of(crl),
                issuer_chain: issuer_chain.as_str().as_bytes(),
            },
            (Answer::RootCaCrl(crl), Some(root)) => Received::RootCaCrl {
                crl: bytes_of(crl),
                root,
            },
            _ => return Err("the answer is not what was asked for".to_owned()),
        };
        let admission = self
            .admit(received, want, &supplied.upstream)
            .map_err(|rejection| match rejection {
                // What the disk says is for the operator; this is told to clients.
                Rejection::Store(error) => {
                    tracing::error!(%error, what = %want, "a document cannot be kept");
                    "it cannot be kept".to_owned()
                }
                refused => refused.to_string(),
            })?;
        let held = admission.held;
        // An upstream that stands still must not keep the next from being asked.
        let now = self.collection.now().at;
        let is_later = matches!(admission.change, Change::First | Change::Newer);
        match held.freshness(now) {
            Freshness::Overdue if !is_later => Err(format!(
                "{} ends on {}, and there is no later issue",
                held.slot,
                held.until()
            )),
            _ => Ok(held),
        }
    }

    /// Has a document enter that is given as `want`, and counts what became of it. Blocks.
    pub fn admit(
        &self,
        received: Received<'_>,
        want: Want,
        source: &str,
    ) -> Result<Admission, Rejection> {
        self.counted(self.collection.admit(received, Some(want), source))
    }

    /// The same of a document that is given as that of its number, with the names under which the vendor
    /// gave it out. Blocks.
    pub fn admit_selected(
        &self,
        received: Received<'_>,
        want: Want,
        selectors: &[Selector],
        source: &str,
    ) -> Result<Admission, Rejection> {
        let admitted = self
            .collection
            .admit_selected(received, want, selectors, source);
        self.counted(admitted)
    }

    fn counted(&self, outcome: Result<Admission, Rejection>) -> Result<Admission, Rejection> {
        match &outcome {
            Ok(admission) => {
                if let Some(counter) = self.counters.arrived.get(place(admission.change)) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
            // Genuine, and long replaced: whoever lags behind is no forger.
            Err(Rejection::Refused { code, .. }) if *code == ROLLED_BACK => {
                if let Some(counter) = self.counters.arrived.get(place(Change::Older)) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(Rejection::Refused { .. }) => {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        outcome
    }

    /// Counts something that was refused, and keeps it aside. That it could not be kept changes
    /// nothing about the refusal. Blocks.
    pub(crate) fn set_aside(&self, refused: SetAside) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        let anchor = self.collection.realm().id();
        if let Err(error) = self.collection.store().set_aside(anchor, &refused) {
            tracing::error!(%error, what = refused.what, "a refusal cannot be kept aside");
        }
    }

    fn absent(&self, want: Want, failure: Failure) -> Absent {
        self.counters.unanswered.fetch_add(1, Ordering::Relaxed);
        let retry_after = match &failure {
            Failure::Unavailable { retry_after, .. } => retry_after.unwrap_or(COME_AGAIN),
            _ => COME_AGAIN,
        };
        let reason = failure.to_string();
        match failure {
            Failure::NotFound { .. } => Absent::Missing(format!("{want}: {reason}.")),
            Failure::Gone { .. } => Absent::Gone(format!("{want}: {reason}.")),
            _ => self.unavailable(want, reason, retry_after),
        }
    }

    /// It cannot be had now, and perhaps there is one that has ended.
    fn unavailable(&self, want: Want, reason: String, retry_after: u32) -> Absent {
        match self.ended(want) {
            Some(since) => Absent::Expired {
                what: want.to_string(),
                since,
                reason,
                retry_after,
            },
            None => Absent::Unavailable {
                reason: format!("{want}: {reason}."),
                retry_after,
            },
        }
    }

    /// What is said when upstreams are not asked.
    fn not_asked(&self, want: Want) -> Absent {
        match self.ended(want) {
            Some(since) => Absent::Expired {
                what: want.to_string(),
                since,
                reason: "upstreams are not asked in this mode".to_owned(),
                retry_after: COME_AGAIN,
            },
            None => Absent::Missing(format!(
                "{want} is not here, and upstreams are not asked in this mode."
            )),
        }
    }

    /// That the vendor no longer signs a number, where its own list says so.
    fn retired(&self, want: Want) -> Option<Absent> {
        let Want::Series(series, Choice::Number(number)) = want else {
            return None;
        };
        let slot = Slot::Numbered(series, number);
        let is_retired = self
            .collection
            .look(|snapshot| snapshot.retired().contains(slot));
        is_retired.then(|| {
            Absent::Gone(format!(
                "{want}: the vendor no longer signs this number, as its list says."
            ))
        })
    }

    /// Since when the document at hand is no longer good; absent where there is none, or it is.
    fn ended(&self, want: Want) -> Option<Timestamp> {
        let now = self.collection.now().at;
        self.collection.look(|snapshot| {
            let held = snapshot.find(want)?;
            (held.freshness(now) == Freshness::Expired).then(|| held.until())
        })
    }

    /// An answer that is still believed, if it was that there is no such thing.
    pub(crate) fn believed_missing(&self, want: Want) -> Option<Absent> {
        let now = self.collection.now().at;
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let (absent, until) = missing.get(&want)?;
        clock::is_waiting(now, *until, BELIEVE_MISSING).then(|| absent.clone())
    }

    fn remember_missing(&self, want: Want, absent: Absent) {
        let now = self.collection.now().at;
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.retain(|_, (_, until)| clock::is_waiting(now, *until, BELIEVE_MISSING));
        if missing.len() < MOST_MISSING {
            missing.insert(want, (absent, now.saturating_add(BELIEVE_MISSING)));
        }
    }
}

const fn place(change: Change) -> usize {
    match change {
        Change::First => 0,
        Change::Newer => 1,
        Change::Same => 2,
        Change::Older => 3,
    }
}

fn bytes_of(crl: &EncodedCrl) -> &[u8] {
    match crl {
        EncodedCrl::Pem(text) => text.as_str().as_bytes(),
        EncodedCrl::Der(der) => der,
    }
}

/// Does something that waits for a disk without holding others up, where there are others.
pub(crate) fn unhurried<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
