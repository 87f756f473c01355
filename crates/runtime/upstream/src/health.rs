//! How upstreams are, for metrics and pages.

use std::sync::Arc;
use std::time::Duration;

use crate::gate::Breaker;

/// How one upstream is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamHealth {
    /// Its name in the settings.
    pub name: Arc<str>,
    /// `pcs`, `pccs` or `directory`.
    pub kind: &'static str,
    /// Its circuit breaker.
    pub breaker: Breaker,
    /// For how long it is still left alone because it asked for that (`Retry-After`); absent where
    /// it did not, or the time has passed.
    pub held_for: Option<Duration>,
    /// How long ago it last gave an answer that was accepted; absent where it never did.
    pub last_success: Option<Duration>,
    /// What it last failed with; absent where it never did.
    pub last_failure: Option<LastFailure>,
    /// What became of the questions.
    pub counts: Counts,
    /// Exchanges with it since the start, attempts counted each.
    pub exchanges: u64,
}

/// What an upstream last failed with. That it had nothing is no failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastFailure {
    /// How long ago.
    pub age: Duration,
    /// What it was.
    pub reason: String,
}

/// What became of the questions to an upstream since the start: each counts once, but for those
/// that the asker gave up or that this kind of upstream is not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Its answer was accepted.
    pub accepted: u64,
    /// Its answer was refused by whoever asked.
    pub refused: u64,
    /// It has no such thing (404), or does not understand (400).
    pub not_found: u64,
    /// It no longer signs this number (410).
    pub gone: u64,
    /// It asked to be left alone for a while (429, 503 with `Retry-After`).
    pub throttled: u64,
    /// It could not be reached, or did not answer as it should.
    pub failed: u64,
    /// It did not answer in time.
    pub timed_out: u64,
    /// It was not asked, because it is left alone, or too many were waiting.
    pub withheld: u64,
}

impl Counts {
    /// Each count with the name that it has in metrics.
    pub fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("accepted", self.accepted),
            ("refused", self.refused),
            ("not_found", self.not_found),
            ("gone", self.gone),
            ("throttled", self.throttled),
            ("failed", self.failed),
            ("timed_out", self.timed_out),
            ("withheld", self.withheld),
        ]
    }
}
