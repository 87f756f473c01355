//! The documents: list, history, the documents themselves, what was refused, asking anew.

use std::collections::BTreeMap;

use bulla_collateral::{Selector, Slot};
use bulla_pki::{Timestamp, Window};
use bulla_protocol::wire::Status;
use bulla_store::audit::Event;
use bulla_store::documents::StoredDocument;
use bulla_store::{Audit as _, Documents as _};
use bulla_upstream::{Breaker, UpstreamHealth};
use serde::Serialize;

use super::{Administration, Outcome, Problem, Query, json};
use crate::freshness::Freshness;
use crate::held::Held;
use crate::http::health::Condition;
use crate::keeper::Mode;

/// Most issues, refusals or audit entries in one answer.
const MOST: usize = 1_000;

/// The last seconds of every instant are written as RFC 3339.
fn time(at: Timestamp) -> String {
    at.to_string()
}

#[derive(Serialize)]
struct Listing<'a> {
    now: String,
    trust_anchor: Anchor<'a>,
    mode: &'static str,
    documents: Vec<Row>,
}

#[derive(Serialize)]
struct Anchor<'a> {
    name: &'a str,
    genuine: bool,
    simulated: bool,
    public_key_sha256: String,
}

/// A document in the list.
#[derive(Serialize)]
struct Row {
    slot: String,
    /// The names under which the vendor gives it out at present.
    selected_as: Vec<&'static str>,
    freshness: &'static str,
    issued: String,
    next_update: String,
    /// The last second at which it may be used: its own end or that of its chain.
    until: String,
    arrived: String,
    /// When an upstream was last asked, with success.
    asked: String,
    source: String,
    size: usize,
    sha256: String,
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

#[derive(Serialize)]
struct Refused {
    arrived: String,
    source: String,
    what: String,
    code: String,
    reason: String,
    size: usize,
    sha256: String,
}

#[derive(Serialize)]
struct Refreshed {
    asked: usize,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    what: String,
    reason: String,
}

#[derive(Serialize)]
struct Entry {
    sequence: u64,
    at: String,
    actor: String,
    action: String,
    subject: String,
    details: serde_json::Value,
    sha256: String,
}

#[derive(Serialize)]
struct Upstream {
    name: String,
    kind: &'static str,
    breaker: &'static str,
    /// Seconds for which it is still left alone because it asked for that.
    held_for: Option<u64>,
    /// Seconds since an answer was accepted.
    last_success: Option<u64>,
    /// Seconds since a failure, and what it was.
    last_failure: Option<u64>,
    last_failure_reason: Option<String>,
    counts: BTreeMap<&'static str, u64>,
}

impl Administration {
    pub(super) fn collateral(&self) -> Outcome {
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
        json(&Listing {
            now: time(now),
            trust_anchor: Anchor {
                name: anchor.name(),
                genuine: anchor.is_genuine(),
                simulated: collection.realm().is_simulated(),
                public_key_sha256: hex::encode(anchor.public_key_sha256()),
            },
            mode: self.keeper.mode().as_str(),
            documents,
        })
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
        let slot: Slot = query.required("slot")?;
        let collection = self.keeper.collection();
        let at = query.at()?.unwrap_or(collection.now().at);
        let found = collection
            .store()
            .document_at(collection.realm().id(), slot, at)?;
        let stored = found
            .ok_or_else(|| Problem::not_found(&format!("nothing of {slot} had arrived by {at}")))?;
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

    pub(super) fn refused(&self, query: &Query) -> Outcome {
        query.only(&["limit"])?;
        let collection = self.keeper.collection();
        let all = collection
            .store()
            .all_set_aside(collection.realm().id(), query.limit(MOST)?)?;
        let rows: Vec<Refused> = all
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
        json(&rows)
    }

    /// Asks for everything that is kept, or for what is in one slot.
    pub(super) async fn renew(&self, query: &Query, actor: &str) -> Outcome {
        query.only(&["slot"])?;
        let slot: Option<Slot> = query.typed("slot")?;
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
        json(&Refreshed {
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

    pub(super) fn upstreams(&self) -> Outcome {
        let health = self.keeper.upstreams().health();
        let rows: Vec<Upstream> = health.iter().map(upstream).collect();
        json(&rows)
    }

    pub(super) fn audit(&self, query: &Query) -> Outcome {
        query.only(&["after", "limit"])?;
        let after: u64 = query.typed("after")?.unwrap_or(0);
        let store = self.keeper.collection().store();
        let entries: Vec<Entry> = store
            .entries(after, query.limit(MOST)?)?
            .into_iter()
            .map(|entry| Entry {
                sequence: entry.sequence,
                at: time(entry.event.at),
                actor: entry.event.actor,
                action: entry.event.action,
                subject: entry.event.subject,
                details: serde_json::from_str(&entry.event.details)
                    .unwrap_or(serde_json::Value::String(entry.event.details)),
                sha256: hex::encode(entry.sha256),
            })
            .collect();
        json(&entries)
    }

    /// What has to hold for the service to be of use.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        let collection = self.keeper.collection();
        let now = collection.now();
        let snapshot = collection.snapshot();
        let expired: Vec<String> = snapshot
            .documents()
            .filter(|held| held.freshness(now.at) == Freshness::Expired)
            .filter(|held| is_in_use(&snapshot, held))
            .map(|held| held.slot.to_string())
            .collect();
        let store = collection.store().head();
        vec![
            Condition {
                name: "store",
                met: store.is_ok(),
                detail: match store {
                    Ok(_) => String::new(),
                    Err(_) => "the store does not answer; see the log".to_owned(),
                },
            },
            Condition {
                name: "clock",
                met: now.behind == 0,
                detail: match now.behind {
                    0 => String::new(),
                    behind => format!(
                        "the clock is {behind} seconds behind what the vendor has signed: set it"
                    ),
                },
            },
            Condition {
                name: "collateral",
                met: expired.is_empty(),
                detail: match expired.is_empty() {
                    true => String::new(),
                    false => format!("ended, without a later issue: {}", expired.join(", ")),
                },
            },
        ]
    }

    /// Notes who did what.
    pub(super) fn note(
        &self,
        actor: &str,
        action: &str,
        subject: String,
        details: &serde_json::Value,
    ) -> Result<(), Problem> {
        let collection = self.keeper.collection();
        collection.store().record(&Event {
            at: collection.now().at,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject,
            details: details.to_string(),
        })?;
        Ok(())
    }
}

fn upstream(health: &UpstreamHealth) -> Upstream {
    Upstream {
        name: health.name.to_string(),
        kind: health.kind,
        breaker: match health.breaker {
            Breaker::Closed => "closed",
            Breaker::HalfOpen => "half-open",
            _ => "open",
        },
        held_for: health.held_for.map(|time| time.as_secs()),
        last_success: health.last_success.map(|time| time.as_secs()),
        last_failure: health.last_failure.as_ref().map(|last| last.age.as_secs()),
        last_failure_reason: health.last_failure.as_ref().map(|last| last.reason.clone()),
        counts: health.counts.named().into_iter().collect(),
    }
}

/// Whether a document is what clients get who do not ask for a number: that of a number which the
/// vendor no longer signs is allowed to end.
fn is_in_use(snapshot: &crate::held::Snapshot, held: &Held) -> bool {
    match held.slot.series() {
        None => true,
        Some(series) => snapshot.selections().any(|(other, selector, selected)| {
            selector == Selector::Standard
                && other == series
                && Some(selected.number) == held.slot.number()
        }),
    }
}

fn row(held: &Held, selected_as: Vec<&'static str>, now: Timestamp) -> Row {
    let Window { from, until } = held.window;
    Row {
        slot: held.slot.to_string(),
        selected_as,
        freshness: held.freshness(now).as_str(),
        issued: time(from),
        next_update: time(until),
        until: time(held.until()),
        arrived: time(held.arrived),
        asked: time(held.asked),
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
