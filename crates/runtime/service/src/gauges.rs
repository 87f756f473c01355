//! What is counted of documents, fleet and upstreams, read at the moment of asking.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bulla_store::Fleet as _;
use bulla_upstream::Breaker;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::collection::Change;
use crate::freshness::Freshness;
use crate::keeper::Keeper;

/// The gauges of what a keeper keeps.
pub struct Gauges {
    keeper: Arc<Keeper>,
}

impl Gauges {
    /// Those of `keeper`.
    pub fn new(keeper: Arc<Keeper>) -> Self {
        Self { keeper }
    }

    fn documents(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.keeper.collection().now();
        let snapshot = self.keeper.collection().snapshot();
        let retired = snapshot.retired();
        let states = Freshness::ALL.map(|state| {
            let in_state = snapshot
                .documents()
                // Nothing follows these, and nobody is to be woken for it.
                .filter(|held| !retired.contains(held.slot))
                .filter(|held| held.freshness(now.at) == state);
            (
                vec![("state", state.as_str().to_owned())],
                whole(in_state.count()),
            )
        });
        family(encoder, "documents", "Documents by freshness", &states)?;
        let left: Vec<_> = snapshot
            .documents()
            .map(|held| {
                let until = i64::try_from(held.until().unix_seconds()).unwrap_or(i64::MAX);
                let now = i64::try_from(now.at.unix_seconds()).unwrap_or(i64::MAX);
                (
                    vec![("slot", held.slot.to_string())],
                    until.saturating_sub(now),
                )
            })
            .collect();
        let help = "Seconds until a document, or its chain, ends; negative once it has";
        family(encoder, "document_seconds_left", help, &left)?;
        let numbers: Vec<_> = snapshot
            .selections()
            .map(|(series, selector, selected)| {
                let labels = vec![
                    ("series", series.to_string()),
                    ("selector", selector.as_str().to_owned()),
                ];
                (labels, i64::from(selected.number))
            })
            .collect();
        let help = "The evaluation data number that the vendor gives out under a selector";
        family(encoder, "evaluation_data_number", help, &numbers)?;
        let behind = i64::try_from(now.behind).unwrap_or(i64::MAX);
        let help = "Seconds by which the clock is behind what the vendor has signed";
        family(encoder, "clock_behind_seconds", help, &[(vec![], behind)])
    }

    fn arrivals(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counters = self.keeper.counters();
        let changes = [Change::First, Change::Newer, Change::Same, Change::Older];
        let arrived: Vec<_> = changes
            .iter()
            .zip(&counters.arrived)
            .map(|(change, count)| {
                let labels = vec![("change", change.as_str().to_owned())];
                (labels, count.load(Ordering::Relaxed))
            })
            .collect();
        let help = "Documents that arrived and were verified, by what they changed";
        counts(encoder, "documents_arrived", help, &arrived)?;
        let single = |count: u64| [(Vec::new(), count)];
        let refused = counters.refused.load(Ordering::Relaxed);
        let help = "Documents that were refused on arrival";
        counts(encoder, "documents_refused", help, &single(refused))?;
        let asked = counters.asked.load(Ordering::Relaxed);
        let help = "Questions to the upstreams as a whole";
        counts(encoder, "questions", help, &single(asked))
    }

    fn upstreams(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let health = self.keeper.upstreams().health();
        let outcomes: Vec<_> = health
            .iter()
            .flat_map(|upstream| {
                upstream.counts.named().map(|(outcome, count)| {
                    let labels = vec![
                        ("upstream", upstream.name.to_string()),
                        ("outcome", outcome.to_owned()),
                    ];
                    (labels, count)
                })
            })
            .collect();
        let help = "Questions to an upstream, by what became of them";
        counts(encoder, "upstream_questions", help, &outcomes)?;
        let open: Vec<_> = health
            .iter()
            .map(|upstream| {
                let is_open = !matches!(upstream.breaker, Breaker::Closed);
                (
                    vec![("upstream", upstream.name.to_string())],
                    i64::from(is_open),
                )
            })
            .collect();
        let help = "Whether an upstream is left alone after failures";
        family(encoder, "upstream_breaker_open", help, &open)
    }

    fn fleet(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let collection = self.keeper.collection();
        let (store, anchor) = (collection.store(), collection.realm().id());
        let takes = [(vec![], i64::from(store.takes_changes()))];
        let help = "Whether the disk took the last change of the store";
        family(encoder, "store_takes_changes", help, &takes)?;
        // A store that does not answer shows in readiness; its gauges are absent then.
        if collection.nodes().lost_since().is_some() {
            return Ok(());
        }
        if let Ok(count) = store.platform_count(anchor) {
            let rows = [(vec![], i64::try_from(count).unwrap_or(i64::MAX))];
            family(encoder, "platforms", "Platforms that are registered", &rows)?;
        }
        if let Ok(count) = store.queue_length(anchor) {
            let rows = [(vec![], i64::try_from(count).unwrap_or(i64::MAX))];
            let help = "Registrations that wait for certificates from outside";
            family(encoder, "registrations_waiting", help, &rows)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.documents(&mut encoder)?;
        self.arrivals(&mut encoder)?;
        self.upstreams(&mut encoder)?;
        self.fleet(&mut encoder)
    }
}

pub(crate) type Labels = Vec<(&'static str, String)>;

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A family of gauges.
pub(crate) fn family(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: &[(Labels, i64)],
) -> fmt::Result {
    let mut metrics = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        metrics.encode_family(labels)?.encode_gauge(value)?;
    }
    Ok(())
}

/// A family of counters.
fn counts(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: &[(Labels, u64)],
) -> fmt::Result {
    let mut metrics = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in rows {
        metrics
            .encode_family(labels)?
            .encode_counter::<NoLabelSet, _, u64>(value, None)?;
    }
    Ok(())
}
