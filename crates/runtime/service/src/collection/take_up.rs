//! What the store has, taken up as if it had arrived now: at the start, and what other nodes put there.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use bulla_collateral::Slot;
use bulla_store::documents::StoredDocument;
use bulla_store::{Documents as _, Nodes as _, StoreError};

use super::{Collection, hold, received_parts};
use crate::clock;
use crate::held::{Selected, Snapshot};

impl Collection {
    /// Takes up what the store has. Blocks.
    pub(super) fn take_up(&self) -> Result<(), StoreError> {
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
