//! How something new enters, and what it takes the place of.

use std::sync::{Arc, PoisonError};

use bulla_collateral::{Selector, Series, Slot};
use bulla_pki::Timestamp;
use bulla_store::audit::Event;
use bulla_store::documents::{NewDocument, Selection, SetAside};
use bulla_store::{Audit as _, Documents as _, StoreError};
use bulla_verifier::arrival::{
    self, Arrival, Known, Received, Succession, selector_step, succession,
};

use super::{Admission, Change, Collection, Rejection, hold, received};
use crate::held::{Held, Selected, Snapshot};
use crate::want::Want;

/// The code of a genuine copy that was replaced long ago.
pub(crate) const ROLLED_BACK: &str = "DocumentRolledBack";

/// How much older than what is there a copy may be, in seconds, and still be taken for one that
/// came late: a day. The vendor's machines sign the same document minutes apart, and other caches
/// ask about daily. What lies further back is refused, so that whoever else can be asked is asked.
const LATE: u64 = 24 * 3_600;

impl Collection {
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
    pub(super) fn drop_revoked(&self, now: Timestamp) -> Result<(), StoreError> {
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
