//! The collection of the vendor's documents: what is known, and how something new enters.
//!
//! There is one way in, [`Collection::admit`], for whatever comes from an upstream, an import or a
//! client, and the same checks run over what the store gives back at start. What fails is kept
//! aside and never served; what is good stays.

mod enter;
mod take_up;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, ArcSwapOption};
use bulla_collateral::Slot;
use bulla_pki::certificate::Certificate;
use bulla_pki::{Timestamp, pem};
use bulla_store::{Store, StoreError};
use bulla_verifier::arrival::{self, Arrival, Received, RevocationList};

use crate::clock::{self, Clock, Instant};
use crate::held::{Held, Parts, Snapshot};
use crate::nodes::Nodes;
use crate::realm::Realm;
use crate::want::Want;

pub(crate) use enter::ROLLED_BACK;

/// The collection under one trust anchor.
pub struct Collection {
    realm: Realm,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while something enters: what is decided rests on what is there.
    entering: Mutex<()>,
    /// The root's CRL that is in force; absent until one has arrived.
    revocations: ArcSwapOption<RevocationList>,
    /// The number up to which documents of the store were looked at.
    looked_at: AtomicI64,
    nodes: Arc<Nodes>,
}

/// Something that entered.
#[derive(Clone, Debug)]
pub struct Admission {
    /// What is served in its place from now on.
    pub held: Arc<Held>,
    /// What it changed.
    pub change: Change,
}

/// What an admission changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers count each of them")]
pub enum Change {
    /// The first issue in its slot.
    First,
    /// A later issue than the one before.
    Newer,
    /// The very same document.
    Same,
    /// A genuine copy, a little older than what is there: it changes nothing.
    Older,
}

impl Change {
    /// `first`, `newer`, `same` or `older`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Newer => "newer",
            Self::Same => "same",
            Self::Older => "older",
        }
    }
}

/// Why something did not enter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It is not what it should be; it was kept aside.
    #[error("{reason}")]
    Refused {
        /// Stable name of the reason.
        code: &'static str,
        /// The reason in words.
        reason: String,
    },
    /// It is good, and could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Collection {
    /// Takes up what the store has, after checking it as if it had arrived now; what fails is
    /// left in the store and not served. Blocks.
    pub fn open(
        realm: Realm,
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let collection = Self {
            realm,
            store,
            clock,
            snapshot: ArcSwap::default(),
            entering: Mutex::default(),
            revocations: ArcSwapOption::empty(),
            looked_at: AtomicI64::new(0),
            nodes: Arc::default(),
        };
        collection.take_up()?;
        Ok(collection)
    }

    /// What is served at present.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Calls `look` with what is served at present, without a reference count.
    pub fn look<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> T {
        look(&self.snapshot.load())
    }

    /// The anchor and what follows from it.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// The root's CRL that is in force; absent until one has arrived.
    pub fn revocations(&self) -> Option<Arc<RevocationList>> {
        self.revocations.load_full()
    }

    /// Where the root in force says that its CRL is published; absent where it does not say, or no
    /// document has brought the root yet.
    pub fn root_crl_uri(&self) -> Option<String> {
        self.look(|snapshot| {
            let chain = &snapshot.documents().next()?.issuer_chain;
            let blocks = pem::decode(chain, "CERTIFICATE", 3).ok()?;
            let root = Certificate::parse(blocks.last()?).ok()?;
            root.extensions().crl_distribution_point?.map(str::to_owned)
        })
    }

    /// Whether the root in force says that its CRL is published there. The case of letters does not count,
    /// as Azure's client writes all of them small.
    pub fn has_root_crl_at(&self, uri: &str) -> bool {
        self.root_crl_uri()
            .is_some_and(|named| named.eq_ignore_ascii_case(uri))
    }

    /// Where everything is kept.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What is known of the store where others have it too.
    pub fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// What the clock says, whether that can be or not.
    pub(crate) fn clock(&self) -> Timestamp {
        self.clock.now()
    }

    /// When somebody was last asked for a want with success, as far as is known here.
    pub(crate) fn asked(&self, want: Want) -> Option<Timestamp> {
        self.look(|snapshot| {
            let held = snapshot.find(want)?;
            let selected = want
                .selector()
                .zip(held.slot.series())
                .and_then(|(selector, series)| snapshot.selected(series, selector));
            Some(selected.map_or(held.age().asked, |selected| selected.asked))
        })
    }

    /// The time to judge by.
    pub fn now(&self) -> Instant {
        self.look(|snapshot| clock::judge(self.clock.now(), snapshot.latest_issue()))
    }

    /// Everything that must hold before a document is kept.
    fn check(
        &self,
        received: Received<'_>,
        wanted: Option<Want>,
        now: Timestamp,
    ) -> Result<Arrival, (&'static str, String)> {
        let list = self.revocations.load();
        let arrival = arrival::receive(received, self.realm.anchors(), list.as_deref(), now)
            .map_err(|refusal| (refusal.code().as_str(), refusal.to_string()))?;
        if arrival.anchor.public_key_sha256() != &self.realm.id().0 {
            let reason = format!(
                "The document is signed under {}; this service works under {}.",
                arrival.anchor.name(),
                self.realm.anchor().name()
            );
            return Err(("AnchorsDiffer", reason));
        }
        match wanted {
            Some(wanted) if !wanted.is_met_by(arrival.slot) => Err((
                "DocumentNotAsked",
                format!("{wanted} was asked for, {} was given.", arrival.slot),
            )),
            _ => Ok(arrival),
        }
    }
}

fn hold(id: i64, arrival: Arrival, arrived: Timestamp, source: &str) -> Result<Held, Rejection> {
    let parts = Parts {
        slot: arrival.slot,
        id,
        body: arrival.body,
        sha256: arrival.sha256,
        issuer_chain: arrival.issuer_chain,
        window: arrival.window,
        chain_until: arrival.chain_until,
        arrived,
        source: source.to_owned(),
    };
    Held::new(parts).ok_or(Rejection::Refused {
        code: "ChainMalformed",
        reason: "The chain cannot stand in a header.".to_owned(),
    })
}

fn received(held: &Held) -> Received<'_> {
    received_parts(held.slot, &held.body, &held.issuer_chain)
}

/// What is in a slot, as it is received.
pub(crate) fn received_parts<'a>(
    slot: Slot,
    body: &'a [u8],
    issuer_chain: &'a [u8],
) -> Received<'a> {
    match slot {
        Slot::PckCrl(_) => Received::PckCrl {
            crl: body,
            issuer_chain,
        },
        Slot::RootCaCrl => Received::RootCaCrl {
            crl: body,
            root: issuer_chain,
        },
        _ => Received::Signed {
            document: body,
            issuer_chain,
        },
    }
}
