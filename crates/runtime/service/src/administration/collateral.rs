//! The documents: list, history, the documents themselves, what was refused, asking anew.

use bulla_collateral::{Selector, Slot};
use bulla_pki::{Timestamp, Window};
use bulla_protocol::wire::Status;
use bulla_store::Documents as _;
use bulla_store::documents::StoredDocument;
use serde::{Serialize, Serializer};

use super::{Administration, MOST, Outcome, Problem, Query, json};
use crate::held::Held;
use crate::keeper::Mode;
use crate::want::{Choice, Want};

/// An instant as RFC 3339.
fn time(at: Timestamp) -> String {
    at.to_string()
}

fn text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// The documents that are kept.
#[derive(Serialize)]
pub(crate) struct Listing<'a> {
    pub(crate) now: String,
    pub(crate) trust_anchor: Anchor<'a>,
    pub(crate) mode: &'static str,
    pub(crate) documents: Vec<Row>,
}

/// Under which root.
#[derive(Serialize)]
pub(crate) struct Anchor<'a> {
    pub(crate) name: &'a str,
    pub(crate) genuine: bool,
    pub(crate) simulated: bool,
    pub(crate) public_key_sha256: String,
}

/// A document in the list.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) slot: String,
    /// The names under which the vendor gives it out at present.
    pub(crate) selected_as: Vec<&'static str>,
    pub(crate) freshness: &'static str,
    #[serde(serialize_with = "text")]
    pub(crate) issued: Timestamp,
    #[serde(serialize_with = "text")]
    pub(crate) next_update: Timestamp,
    /// The last second at which it may be used: its own end or that of its chain.
    #[serde(serialize_with = "text")]
    pub(crate) until: Timestamp,
    #[serde(serialize_with = "text")]
    pub(crate) arrived: Timestamp,
    /// When an upstream was last asked, with success.
    #[serde(serialize_with = "text")]
    pub(crate) asked: Timestamp,
    pub(crate) source: String,
    pub(crate) size: usize,
    pub(crate) sha256: String,
}

/// An issue in a history, or with its bytes.
#[derive(Serialize)]
struct Issue {
    slot: String,
    issued: String,
    next_update: String,
    arrived: String,
    source: String,
    size: usize,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_chain: Option<String>,
}

/// What was refused on arrival.
#[derive(Serialize)]
pub(crate) struct Refused {
    pub(crate) arrived: String,
    pub(crate) source: String,
    pub(crate) what: String,
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) size: usize,
    pub(crate) sha256: String,
}

/// What became of asking the upstreams.
#[derive(Serialize)]
pub(crate) struct Refreshed {
    pub(crate) asked: usize,
    pub(crate) failed: Vec<Failed>,
}

/// What could not be had.
#[derive(Serialize)]
pub(crate) struct Failed {
    pub(crate) what: String,
    pub(crate) reason: String,
}

impl Administration {
    pub(super) fn collateral(&self) -> Outcome {
        json(&self.listing())
    }

    /// Every document that is kept, each with how fresh it is.
    pub(crate) fn listing(&self) -> Listing<'_> {
        let collection = self.keeper.collection();
        let now = collection.now().at;
        let anchor = collection.realm().anchor();
        let snapshot = collection.snapshot();
        let documents = snapshot
            .documents()
            .map(|held| {
                let selected_as = snapshot
                    .selections()
                    .filter(|(series, _, selected)| {
                        held.slot == Slot::Numbered(*series, selected.number)
                    })
                    .map(|(_, selector, _): (_, Selector, _)| selector.as_str())
                    .collect();
                row(held, selected_as, now)
            })
            .collect();
        Listing {
            now: time(now),
            trust_anchor: Anchor {
                name: anchor.name(),
                genuine: anchor.is_genuine(),
                simulated: collection.realm().is_simulated(),
                public_key_sha256: hex::encode(anchor.public_key_sha256()),
            },
            mode: self.keeper.mode().as_str(),
            documents,
        }
    }

    pub(super) fn history(&self, query: &Query) -> Outcome {
        query.only(&["slot", "limit"])?;
        let slot: Slot = query.required("slot")?;
        let collection = self.keeper.collection();
        let history = collection.store().document_history(
            collection.realm().id(),
            slot,
            query.limit(MOST)?,
        )?;
        let issues: Vec<Issue> = history.iter().map(issue).collect();
        json(&issues)
    }

    /// The document as it was served at an instant, or as it is now.
    pub(super) fn document(&self, query: &Query) -> Outcome {
        query.only(&["slot", "at"])?;
        let want: Want = query.required("slot")?;
        let collection = self.keeper.collection();
        let at = query.at()?.unwrap_or(collection.now().at);
        let slot = self.slot_at(want, at)?;
        let found = collection
            .store()
            .document_at(collection.realm().id(), slot, at)?;
        let stored = match found {
            Some(stored) => stored,
            None => return Err(self.not_kept(slot, at)?),
        };
        let text = String::from_utf8(stored.document.body.clone());
        let is_json = slot.number().is_some() || matches!(slot, Slot::EvaluationDataNumbers(_));
        let (document, document_hex) = match text {
            Ok(text) if is_json => (Some(text), None),
            _ => (None, Some(hex::encode(&stored.document.body))),
        };
        let chain = String::from_utf8_lossy(&stored.document.issuer_chain).into_owned();
        json(&Issue {
            document,
            document_hex,
            issuer_chain: Some(chain),
            ..issue(&stored)
        })
    }

    /// Where something stood at an instant.
    fn slot_at(&self, want: Want, at: Timestamp) -> Result<Slot, Problem> {
        let collection = self.keeper.collection();
        let history = match want {
            Want::Series(series, Choice::Selected(_)) => collection
                .store()
                .selection_history(collection.realm().id(), series)?,
            _ => Vec::new(),
        };
        let selected = |_, selector| {
            let mut latest_first = history.iter();
            let found = latest_first.find(|one| one.selector == selector && one.since <= at);
            found.map(|one| one.number)
        };
        want.slot(selected)
            .ok_or_else(|| Problem::not_found(&format!("nothing of {want} had arrived by {at}")))
    }

    /// Why there is no document of an instant: it had not arrived, or is kept no more.
    fn not_kept(&self, slot: Slot, at: Timestamp) -> Result<Problem, Problem> {
        let collection = self.keeper.collection();
        let issues = collection
            .store()
            .document_history(collection.realm().id(), slot, MOST)?;
        let earliest = issues.iter().map(|issue| issue.document.arrived).min();
        let detail = match earliest {
            None => format!("nothing of {slot} is kept, of whatever time"),
            Some(earliest) => format!(
                "nothing of {slot} is kept that had arrived by {at}; the earliest that is arrived \
                 {earliest}"
            ),
        };
        Ok(Problem::not_found(&detail))
    }

    pub(super) fn refused(&self, query: &Query) -> Outcome {
        query.only(&["limit"])?;
        json(&self.latest_refused(query.limit(MOST)?)?)
    }

    /// What was refused on arrival, the latest first.
    pub(crate) fn latest_refused(&self, limit: usize) -> Result<Vec<Refused>, Problem> {
        let collection = self.keeper.collection();
        let all = collection
            .store()
            .all_set_aside(collection.realm().id(), limit)?;
        let rows = all
            .into_iter()
            .map(|refused| Refused {
                arrived: time(refused.arrived),
                source: refused.source,
                what: refused.what,
                code: refused.code,
                reason: refused.reason,
                size: refused.body.len(),
                sha256: hex::encode(bulla_pki::digest::sha256(&refused.body)),
            })
            .collect();
        Ok(rows)
    }

    pub(super) async fn renew(&self, query: &Query, actor: &str) -> Outcome {
        query.only(&["slot"])?;
        json(&self.ask_anew(query.typed("slot")?, actor).await?)
    }

    /// Asks for everything that is kept, or for what is in one slot.
    pub(crate) async fn ask_anew(
        &self,
        slot: Option<Slot>,
        actor: &str,
    ) -> Result<Refreshed, Problem> {
        if self.keeper.mode() == Mode::Offline {
            let title = "Upstreams are not asked in this mode.";
            let status = Status::CONFLICT;
            return Err(Problem::new(status, "offline", title));
        }
        let snapshot = self.keeper.collection().snapshot();
        let chosen = |want| match slot {
            None => true,
            Some(slot) => snapshot.find(want).is_some_and(|held| held.slot == slot),
        };
        let (asked, failures) = self.refresh.all(chosen).await;
        if asked == 0 {
            return Err(Problem::not_found("no document of this name is kept"));
        }
        let subject = slot.map_or_else(|| "all".to_owned(), |slot| slot.to_string());
        let details = serde_json::json!({ "asked": asked, "failed": failures.len() });
        self.note(actor, "collateral.refresh", subject, &details)?;
        Ok(Refreshed {
            asked,
            failed: failures
                .into_iter()
                .map(|(want, absent)| Failed {
                    what: want.to_string(),
                    reason: absent.to_string(),
                })
                .collect(),
        })
    }
}

fn row(held: &Held, selected_as: Vec<&'static str>, now: Timestamp) -> Row {
    let Window { from, until } = held.window;
    Row {
        slot: held.slot.to_string(),
        selected_as,
        freshness: held.freshness(now).as_str(),
        issued: from,
        next_update: until,
        until: held.until(),
        arrived: held.arrived,
        asked: held.asked,
        source: held.source.to_string(),
        size: held.body.len(),
        sha256: hex::encode(held.sha256),
    }
}

fn issue(stored: &StoredDocument) -> Issue {
    let document = &stored.document;
    Issue {
        slot: document.slot.to_string(),
        issued: time(document.window.from),
        next_update: time(document.window.until),
        arrived: time(document.arrived),
        source: document.source.clone(),
        size: document.body.len(),
        sha256: hex::encode(document.sha256),
        document: None,
        document_hex: None,
        issuer_chain: None,
    }
}
