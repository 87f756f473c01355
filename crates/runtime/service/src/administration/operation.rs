//! The service itself: what has to hold, how the upstreams are, who did what.

use std::collections::BTreeMap;

use bulla_collateral::Selector;
use bulla_pki::Timestamp;
use bulla_store::Audit as _;
use bulla_store::audit::Event;
use bulla_upstream::{Breaker, UpstreamHealth};
use serde::Serialize;

use super::{Administration, MOST, Outcome, Problem, Query, json};
use crate::freshness::Freshness;
use crate::held::{Held, Snapshot};
use crate::http::health::Condition;

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

/// How an upstream is.
#[derive(Serialize)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) breaker: &'static str,
    /// Seconds for which it is still left alone because it asked for that.
    pub(crate) held_for: Option<u64>,
    /// Seconds since an answer was accepted.
    pub(crate) last_success: Option<u64>,
    /// Seconds since a failure, and what it was.
    pub(crate) last_failure: Option<u64>,
    pub(crate) last_failure_reason: Option<String>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

/// Under which root the service works, and how, at a moment.
pub(crate) struct House<'a> {
    pub(crate) now: Timestamp,
    pub(crate) anchor: &'a str,
    pub(crate) is_simulated: bool,
    pub(crate) mode: &'static str,
}

impl Administration {
    /// What holds for every answer of this moment.
    pub(crate) fn house(&self) -> House<'_> {
        let collection = self.keeper.collection();
        House {
            now: collection.now().at,
            anchor: collection.realm().anchor().name(),
            is_simulated: collection.realm().is_simulated(),
            mode: self.keeper.mode().as_str(),
        }
    }

    pub(super) fn upstreams(&self) -> Outcome {
        json(&self.upstream_states())
    }

    /// How each upstream is, in the order in which they are asked.
    pub(crate) fn upstream_states(&self) -> Vec<Upstream> {
        let health = self.keeper.upstreams().health();
        health.iter().map(upstream).collect()
    }

    pub(super) fn audit(&self, query: &Query) -> Outcome {
        query.only(&["after", "limit"])?;
        let after = query.number("after")?.unwrap_or(0);
        let store = self.keeper.collection().store();
        let entries: Vec<Entry> = store
            .entries(after, query.limit(MOST)?)?
            .into_iter()
            .map(|entry| Entry {
                sequence: entry.sequence,
                at: entry.event.at.to_string(),
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
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        let collection = self.keeper.collection();
        let now = collection.now();
        let behind_decision = self.baselines.clock_behind();
        let snapshot = collection.snapshot();
        let expired: Vec<String> = snapshot
            .documents()
            .filter(|held| held.freshness(now.at) == Freshness::Expired)
            .filter(|held| is_in_use(&snapshot, held))
            .map(|held| held.slot.to_string())
            .collect();
        let store = collection.store();
        let lost = collection.nodes().lost_since();
        let skew = collection.nodes().skew();
        // Whether a shared store answers is looked at once a second anyway. A node that has lost it is of
        // use all the same: were it not, a database that is away would take all nodes with it.
        let head = if store.is_shared() {
            Ok(None)
        } else {
            store.head()
        };
        let trouble = match (head, store.takes_changes()) {
            _ if lost.is_some() => "",
            (Err(_), _) => "the store does not answer; see the log",
            (Ok(_), false) => {
                "the store takes no changes, as on a full disk; see the log. What is there is served"
            }
            (Ok(_), true) => "",
        };
        vec![
            Condition {
                name: "store",
                met: trouble.is_empty(),
                detail: match lost {
                    None => trouble.to_owned(),
                    Some(since) => format!(
                        "out of reach for {} seconds; see the log. What is known is served, nothing is \
                         registered, released or decided",
                        collection.clock().unix_seconds().saturating_sub(since)
                    ),
                },
            },
            Condition {
                name: "clock",
                met: now.behind == 0 && behind_decision == 0,
                detail: match (now.behind, behind_decision) {
                    (0, 0) if skew > 0 => {
                        format!("the clock is {skew} seconds ahead of the database's: set it")
                    }
                    (0, 0) if skew < 0 => {
                        format!(
                            "the clock is {} seconds behind the database's: set it",
                            -skew
                        )
                    }
                    (0, 0) => String::new(),
                    (0, behind) => format!(
                        "the clock is {behind} seconds behind the last decision on baselines: set it"
                    ),
                    (behind, _) => format!(
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
fn is_in_use(snapshot: &Snapshot, held: &Held) -> bool {
    match held.slot.series() {
        None => true,
        Some(series) => snapshot.selections().any(|(other, selector, selected)| {
            selector == Selector::Standard
                && other == series
                && Some(selected.number) == held.slot.number()
        }),
    }
}
