//! What is counted of the gate.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
    /// The first reason; empty where nothing was refused.
    reason: String,
}

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    challenges: Counter,
    attestations: Family<Outcome, Counter>,
    releases: Family<Outcome, Counter>,
}

impl Counters {
    /// Has them shown with the others.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "gate_challenges",
            "Nonces that were given out",
            self.challenges.clone(),
        );
        registry.register(
            "gate_attestations",
            "Attestations, by outcome and first reason",
            self.attestations.clone(),
        );
        registry.register(
            "gate_releases",
            "Wishes for a secret, by outcome and reason",
            self.releases.clone(),
        );
    }

    pub(super) fn challenged(&self) {
        self.challenges.inc();
    }

    pub(super) fn attested(&self, outcome: &'static str, reason: Option<&str>) {
        count(&self.attestations, outcome, reason);
    }

    pub(super) fn released(&self, outcome: &'static str, reason: Option<&str>) {
        count(&self.releases, outcome, reason);
    }
}

fn count(family: &Family<Outcome, Counter>, outcome: &'static str, reason: Option<&str>) {
    let reason = reason.unwrap_or_default().to_owned();
    family.get_or_create(&Outcome { outcome, reason }).inc();
}
