//! What is counted, and its text for Prometheus.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::durations::Durations;

/// Kinds of answers whose counters are found without a lock. Routes and outcomes are names of the
/// program, some thirty of each with a handful of combinations; what is beyond is only slower.
const KINDS: usize = 512;

/// The counts of a service. Further ones are added to them with [`Self::register`].
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Kind, Counter>,
    durations: Family<Route, Durations>,
    kinds: Box<[OnceLock<Counted>]>,
    /// Requests that are being answered.
    pub(super) in_flight: Gauge,
    /// Connections that are open.
    pub(super) connections: Gauge,
    /// Connections that were accepted.
    pub(super) accepted: Family<At, Counter>,
    /// Connections that the server ended for a reason.
    pub(super) broken_off: Family<Because, Counter>,
    /// Attempts to take over changed certificate files.
    pub(super) tls_reloads: Family<Reload, Counter>,
    /// Requests with a wrong token, or without one where one is needed.
    pub(super) unauthorised: Family<Access, Counter>,
}

/// What kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    route: &'static str,
    status: u16,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

/// At which listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct At {
    pub(super) listener: String,
}

/// With what result at which listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reload {
    pub(super) listener: String,
    pub(super) result: &'static str,
}

/// Why a connection was ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Because {
    pub(super) reason: &'static str,
}

/// What access was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Access {
    pub(super) role: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, PartialEq, Eq, Hash)]
struct Build {
    version: &'static str,
}

/// The counters of one kind of answer.
#[derive(Clone, Debug)]
struct Counted {
    kind: Kind,
    requests: Counter,
    durations: Durations,
}

impl Metrics {
    /// Counts that stand at nothing. If `simulated`, each of them says so in a label.
    pub fn new(version: &'static str, simulated: bool) -> Self {
        let labels: &[(&'static str, &'static str)] = match simulated {
            true => &[("simulated", "true")],
            false => &[],
        };
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix_and_labels("bulla", labels)),
            requests: Family::default(),
            durations: Family::default(),
            kinds: std::iter::repeat_with(OnceLock::new).take(KINDS).collect(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            accepted: Family::default(),
            broken_off: Family::default(),
            tls_reloads: Family::default(),
            unauthorised: Family::default(),
        };
        metrics.register(|registry| metrics.register_own(registry, version, simulated));
        metrics
    }

    /// Adds to what is counted. Names get the prefix `bulla_`, and counters the ending `_total`.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All counts, in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }

    /// Counts an answer.
    pub(super) fn answered(
        &self,
        route: &'static str,
        status: u16,
        outcome: &'static str,
        duration: Duration,
    ) {
        let kind = Kind {
            route,
            status,
            outcome,
        };
        match self.find(kind) {
            Some(counted) => counted.count(duration),
            None => self.count_of(kind).count(duration),
        }
    }

    /// Where the counters of this kind are at hand; `None` when there are too many kinds.
    fn find(&self, kind: Kind) -> Option<&Counted> {
        let start = kind.route.as_ptr().addr() ^ kind.outcome.as_ptr().addr() << 3;
        let start = start.wrapping_add(usize::from(kind.status));
        (0..KINDS)
            .filter_map(|step| self.kinds.get(start.wrapping_add(step) % KINDS))
            .map(|place| place.get_or_init(|| self.count_of(kind)))
            .find(|counted| counted.kind.stands_where(&kind))
    }

    fn count_of(&self, kind: Kind) -> Counted {
        Counted {
            kind,
            requests: self.requests.get_or_create_owned(&kind),
            durations: self
                .durations
                .get_or_create_owned(&Route { route: kind.route }),
        }
    }

    fn register_own(&self, registry: &mut Registry, version: &'static str, simulated: bool) {
        registry.register(
            "http_requests",
            "Requests that were answered",
            self.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from the head of a request to its answer",
            self.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests that are being answered",
            self.in_flight.clone(),
        );
        registry.register(
            "http_connections",
            "Connections that are open",
            self.connections.clone(),
        );
        registry.register(
            "http_connections_accepted",
            "Connections that were accepted",
            self.accepted.clone(),
        );
        registry.register(
            "http_connections_broken_off",
            "Connections that the server ended for a reason",
            self.broken_off.clone(),
        );
        registry.register(
            "tls_reloads",
            "Attempts to take over changed certificate files",
            self.tls_reloads.clone(),
        );
        registry.register(
            "unauthorised_requests",
            "Requests without the token that they need",
            self.unauthorised.clone(),
        );
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&Build { version }).set(1);
        registry.register("build", "The version of the program", build);
        registry.register(
            "simulated",
            "1 if everything here is a simulation",
            ConstGauge::new(i64::from(simulated)),
        );
    }
}

impl Kind {
    /// Whether it is the same, to the very place of its names in the program. A name that stands in
    /// two places has two entries with the same counters.
    fn stands_where(&self, other: &Self) -> bool {
        self.status == other.status
            && std::ptr::eq(self.route, other.route)
            && std::ptr::eq(self.outcome, other.outcome)
    }
}

impl Counted {
    fn count(&self, duration: Duration) {
        self.requests.inc();
        self.durations.observe(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_kind_wherever_their_names_stand() {
        let metrics = Metrics::new("0", true);
        let copy: &'static str = Box::leak(String::from("tcb").into_boxed_str());
        for route in ["tcb", copy, "tcb"] {
            metrics.answered(route, 200, "hit", Duration::from_micros(30));
        }
        metrics.answered("tcb", 404, "", Duration::from_millis(2));
        let text = metrics.text();
        for line in [
            "bulla_http_requests_total{simulated=\"true\",route=\"tcb\",status=\"200\",outcome=\"hit\"} 3",
            "bulla_http_requests_total{simulated=\"true\",route=\"tcb\",status=\"404\",outcome=\"\"} 1",
            "bulla_http_request_duration_seconds_count{simulated=\"true\",route=\"tcb\"} 4",
            "bulla_http_request_duration_seconds_bucket{simulated=\"true\",le=\"0.000025\",route=\"tcb\"} 0",
            "bulla_http_request_duration_seconds_bucket{simulated=\"true\",le=\"0.00005\",route=\"tcb\"} 3",
            "bulla_http_request_duration_seconds_bucket{simulated=\"true\",le=\"+Inf\",route=\"tcb\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn more_kinds_than_there_are_places_are_counted_all_the_same() {
        let metrics = Metrics::new("0", false);
        let statuses = 0..u16::try_from(KINDS).unwrap() + 100;
        for status in statuses.clone().chain(statuses) {
            metrics.answered("any", status, "", Duration::ZERO);
        }
        let twice =
            |line: &&str| line.starts_with("bulla_http_requests_total") && line.ends_with(" 2");
        assert_eq!(metrics.text().lines().filter(twice).count(), KINDS + 100);
    }
}
