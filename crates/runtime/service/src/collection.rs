//! The collection of the vendor's documents: what is known, and how something new enters.
//!
//! There is one way in, [`Collection::admit`], for whatever comes from an upstream, an import or a
//! client, and the same checks run over what the store gives back at start. What fails is kept
//! aside and never served; what is good stays.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use bulla_collateral::{Selector, Series, Slot};
use bulla_pki::certificate::Certificate;
use bulla_pki::{Timestamp, pem};
use bulla_store::audit::Event;
use bulla_store::documents::{NewDocument, Selection, SetAside, StoredDocument};
use bulla_store::{Audit, Documents, Nodes as _, Store, StoreError};
use bulla_verifier::arrival::{
    self, Arrival, Known, Received, RevocationList, Succession, selector_step, succession,
};

use crate::clock::{self, Clock, Instant};
use crate::held::{Held, Parts, Selected, Snapshot};
use crate::nodes::Nodes;
use crate::realm::Realm;
use crate::want::Want;

/// The code of a genuine copy that was replaced long ago.
pub(crate) const ROLLED_BACK: &str = "DocumentRolledBack";

/// How much older than what is there a copy may be, in seconds, and still be taken for one that
/// came late: a day. The vendor's machines sign the same document minutes apart, and other caches
/// ask about daily. What lies further back is refused, so that whoever else can be asked is asked.
const LATE: u64 = 24 * 3_600;

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

    /// Notes that another node has asked for a want, and that what is here is the latest.
    pub(crate) fn confirm(&self, want: Want, asked: Timestamp) {
        let _alone = self.entering.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let Some(held) = snapshot.find(want) else {
            return;
        };
        let mut next = Snapshot::clone(&snapshot).with(Arc::new(held.confirmed(asked)));
        if let Some((selector, series)) = want.selector().zip(held.slot.series())
            && let Some(selected) = snapshot.selected(series, selector)
        {
            let confirmed = Selected { asked, ..*selected };
            next = next.with_selected(series, selector, confirmed);
        }
        self.snapshot.store(Arc::new(next));
    }

    /// The time to judge by.
    pub fn now(&self) -> Instant {
        self.look(|snapshot| clock::judge(self.clock.now(), snapshot.latest_issue()))
    }

    /// Checks what arrived and, if it is good, keeps and serves it. Blocks.
    ///
    /// `wanted` is what was asked for; absent for what comes unasked, as in an import. `source`
    /// is for people.
    pub fn admit(
        &self,
        received: Received<'_>,
        wanted: Option<Want>,
        source: &str,
    ) -> Result<Admission, Rejection> {
        let selector = wanted.and_then(|wanted| wanted.selector());
        self.enter(received, wanted, selector.as_slice(), source)
    }

    /// The same for a document that is given as that of its number, together with the names under which
    /// the vendor gave it out. They count unless what is here is later. Blocks.
    pub fn admit_selected(
        &self,
        received: Received<'_>,
        wanted: Want,
        selectors: &[Selector],
        source: &str,
    ) -> Result<Admission, Rejection> {
        self.enter(received, Some(wanted), selectors, source)
    }

    fn enter(
        &self,
        received: Received<'_>,
        wanted: Option<Want>,
        selectors: &[Selector],
        source: &str,
    ) -> Result<Admission, Rejection> {
        let _alone = self.entering.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now().at;
        let arrival = self
            .check(received, wanted, now)
            .map_err(|refusal| self.set_aside(refusal, received, wanted, source, now))?;
        let slot = arrival.slot;
        let snapshot = self.snapshot();
        if let Some(refusal) = rolled_back(&arrival, snapshot.get(slot)) {
            return Err(self.set_aside(refusal, received, wanted, source, now));
        }
        let kept = snapshot.get(slot).map(|held| Known {
            window: held.window,
            sha256: held.sha256,
        });
        let given = Known {
            window: arrival.window,
            sha256: arrival.sha256,
        };
        let change = match succession(kept.as_ref(), &given) {
            Succession::First => Change::First,
            Succession::Same => Change::Same,
            Succession::Newer => Change::Newer,
            Succession::Older => Change::Older,
        };
        let is_asked_by_selector = wanted.is_some_and(|wanted| wanted.selector().is_some());
        let selectors = match change {
            Change::Older if !is_asked_by_selector => &[],
            _ => selectors,
        };
        let selected: Vec<(Selected, Selection)> = selectors
            .iter()
            .filter_map(|selector| selected_by(*selector, &arrival, &snapshot, now))
            .collect();
        for (_, row) in &selected {
            self.report_step_back(row, arrival.window.from, &snapshot, source)?;
        }
        let rows: Vec<Selection> = selected.iter().map(|(_, row)| *row).collect();
        let list = arrival.revocations.clone();
        let held = match snapshot.get(slot) {
            Some(held) if matches!(change, Change::Same | Change::Older) => {
                if !rows.is_empty() {
                    let document = stored(&arrival, now, source);
                    self.store.add_document(self.realm.id(), &document, &rows)?;
                }
                Arc::new(held.confirmed(now))
            }
            _ => {
                let document = stored(&arrival, now, source);
                let id = self.store.add_document(self.realm.id(), &document, &rows)?;
                Arc::new(hold(id, arrival, now, source)?)
            }
        };
        let mut next = Snapshot::clone(&snapshot).with(Arc::clone(&held));
        for (number, row) in selected {
            next = next.with_selected(row.series, row.selector, number);
        }
        self.snapshot.store(Arc::new(next));
        if slot == Slot::RootCaCrl && matches!(change, Change::First | Change::Newer) {
            self.revocations.store(list.map(Arc::new));
            self.drop_revoked(now)?;
        }
        Ok(Admission { held, change })
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

    /// Keeps aside what failed. That it could not be kept changes nothing about the refusal.
    fn set_aside(
        &self,
        (code, reason): (&'static str, String),
        received: Received<'_>,
        wanted: Option<Want>,
        source: &str,
        now: Timestamp,
    ) -> Rejection {
        let body = match received {
            Received::Signed { document, .. } => document,
            Received::PckCrl { crl, .. } | Received::RootCaCrl { crl, .. } => crl,
        };
        let what = wanted.map_or_else(|| "unasked".to_owned(), |wanted| wanted.to_string());
        let refused = SetAside {
            arrived: now,
            source: source.to_owned(),
            what,
            code: code.to_owned(),
            reason: reason.clone(),
            body: body.to_vec(),
        };
        match self.store.set_aside(self.realm.id(), &refused) {
            Ok(()) => Rejection::Refused { code, reason },
            Err(error) => Rejection::Refused {
                code,
                reason: format!("{reason} It could not be kept for inspection: {error}."),
            },
        }
    }

    /// A selector that goes back, to a smaller number or a much older issue, is genuine and still
    /// worth a look: the vendor does not do that.
    fn report_step_back(
        &self,
        row: &Selection,
        issued: Timestamp,
        snapshot: &Snapshot,
        source: &str,
    ) -> Result<(), StoreError> {
        let Some(before) = snapshot.selected(row.series, row.selector) else {
            return Ok(());
        };
        let Some(held) = snapshot.get(Slot::Numbered(row.series, before.number)) else {
            return Ok(());
        };
        let step = selector_step(
            Some(&arrival::Selection {
                number: before.number,
                issued: held.window.from,
            }),
            &arrival::Selection {
                number: row.number,
                issued,
            },
        );
        if !step.is_backward() {
            return Ok(());
        }
        let details = serde_json::json!({
            "from": before.number,
            "to": row.number,
            "source": source,
        });
        self.store.record(&Event {
            at: row.seen,
            actor: "service".to_owned(),
            action: "selection.back".to_owned(),
            subject: format!("{}/{}", row.series, row.selector.as_str()),
            details: details.to_string(),
        })?;
        Ok(())
    }

    /// Stops serving what was signed by somebody whom the root has revoked.
    fn drop_revoked(&self, now: Timestamp) -> Result<(), StoreError> {
        let snapshot = self.snapshot();
        let mut next = Snapshot::clone(&snapshot);
        for held in snapshot.documents() {
            let at = now.min(held.until());
            let Err((code, reason)) = self.check(received(held), None, at) else {
                continue;
            };
            next = next.without(held.slot);
            self.store.record(&Event {
                at: now,
                actor: "service".to_owned(),
                action: "document.withdrawn".to_owned(),
                subject: held.slot.to_string(),
                details: serde_json::json!({ "code": code, "reason": reason }).to_string(),
            })?;
        }
        self.snapshot.store(Arc::new(next));
        Ok(())
    }

    fn take_up(&self) -> Result<(), StoreError> {
        let _alone = self.entering.lock().unwrap_or_else(PoisonError::into_inner);
        let documents = self.store.latest_documents(self.realm.id())?;
        self.take_up_all(Snapshot::default(), documents)
    }

    /// Takes up what other nodes have put into the store, after the same checks. Blocks.
    pub(crate) fn catch_up(&self) -> Result<(), StoreError> {
        let _alone = self.entering.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.looked_at.load(Ordering::Relaxed);
        let documents = self.store.documents_after(self.realm.id(), known)?;
        let snapshot = self.snapshot();
        let new: Vec<_> = documents
            .into_iter()
            .filter(|stored| {
                let held = snapshot.get(stored.document.slot);
                held.is_none_or(|held| {
                    let (here, there) = (held.window.from, stored.document.window.from);
                    held.id != stored.id && here <= there
                })
            })
            .collect();
        let has_root_crl = new
            .iter()
            .any(|stored| stored.document.slot == Slot::RootCaCrl);
        self.take_up_all(Snapshot::clone(&snapshot), new)?;
        if has_root_crl {
            self.drop_revoked(self.now().at)?;
        }
        Ok(())
    }

    /// Puts documents of the store on top of what is served, and what the selectors say now.
    fn take_up_all(
        &self,
        mut snapshot: Snapshot,
        mut documents: Vec<StoredDocument>,
    ) -> Result<(), StoreError> {
        let issued = documents
            .iter()
            .map(|stored| stored.document.window.from)
            .chain(snapshot.latest_issue())
            .max();
        let now = clock::judge(self.clock.now(), issued);
        let last = documents.iter().map(|stored| stored.id).max();
        // The root's CRL first: the others are looked up in it.
        documents.sort_by_key(|stored| stored.document.slot != Slot::RootCaCrl);
        for stored in documents {
            let document = stored.document;
            let at = now.at.min(document.window.until);
            let received = received_parts(document.slot, &document.body, &document.issuer_chain);
            let checked = self.check(received, None, at).and_then(|arrival| {
                let is_there = arrival.slot == document.slot && arrival.window == document.window;
                is_there.then_some(arrival).ok_or_else(|| {
                    let reason = "What is kept under this name is another document.".to_owned();
                    ("DocumentNotAsked", reason)
                })
            });
            let arrival = match checked {
                Ok(arrival) => arrival,
                Err((code, reason)) => {
                    let slot = tracing::field::display(document.slot);
                    tracing::error!(slot, code, reason, "a document of the store is not served");
                    continue;
                }
            };
            if document.slot == Slot::RootCaCrl {
                let list = arrival.revocations.clone();
                self.revocations.store(list.map(Arc::new));
            }
            if let Ok(held) = hold(stored.id, arrival, document.arrived, &document.source) {
                snapshot = snapshot.with(Arc::new(held));
            }
        }
        for row in self.store.selections(self.realm.id())? {
            let selected = Selected {
                number: row.number,
                since: row.since,
                asked: row.seen,
            };
            snapshot = snapshot.with_selected(row.series, row.selector, selected);
        }
        self.snapshot.store(Arc::new(snapshot));
        if let Some(last) = last {
            self.looked_at.fetch_max(last, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Why a genuine copy is no use: there is one that was issued long after it.
fn rolled_back(arrival: &Arrival, held: Option<&Arc<Held>>) -> Option<(&'static str, String)> {
    let held = held?;
    let (here, given) = (held.window.from, arrival.window.from);
    (given.saturating_add(LATE) < here).then(|| {
        let reason = format!(
            "{} of {given} was given, long after that of {here} was.",
            arrival.slot
        );
        (ROLLED_BACK, reason)
    })
}

/// What the vendor gives out under a selector; absent for a late copy: one that was issued before the
/// document that is selected now.
fn selected_by(
    selector: Selector,
    arrival: &Arrival,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Option<(Selected, Selection)> {
    let series: Series = arrival.slot.series()?;
    let number = arrival.slot.number()?;
    let before = snapshot.selected(series, selector);
    let since = match before {
        Some(before) if before.number == number => before.since,
        Some(before) => {
            let present = snapshot.get(Slot::Numbered(series, before.number));
            if present.is_some_and(|held| held.window.from > arrival.window.from) {
                return None;
            }
            now
        }
        None => now,
    };
    let selected = Selected {
        number,
        since,
        asked: now,
    };
    let row = Selection {
        series,
        selector,
        number,
        since,
        seen: now,
    };
    Some((selected, row))
}

fn stored(arrival: &Arrival, arrived: Timestamp, source: &str) -> NewDocument {
    NewDocument {
        slot: arrival.slot,
        body: arrival.body.clone(),
        sha256: arrival.sha256,
        issuer_chain: arrival.issuer_chain.clone(),
        window: arrival.window,
        arrived,
        source: source.to_owned(),
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
