//! One upstream: when it is asked, how often, for how long, and what its answers mean.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulla_protocol::pcs::{Answer, Request};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff;
use crate::gate::{Gate, Pass};
use crate::health::{Counts, LastFailure, UpstreamHealth};
use crate::meaning::{Count, Meaning, Miss, is_repeatable, meaning, said};
use crate::settings::{SettingsError, UpstreamSettings};
use crate::source::Source;
use crate::trouble::Trouble;

#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: Arc<str>,
    pub(crate) has_last_word: bool,
    source: Source,
    deadline: Duration,
    attempts: u32,
    turns: Semaphore,
    gate: Gate,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    counts: Counts,
    exchanges: u64,
    last_success: Option<Instant>,
    last_failure: Option<(Instant, String)>,
}

impl Upstream {
    pub(crate) fn new(settings: &UpstreamSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::over(Source::new(settings)?, settings))
    }

    pub(crate) fn over(source: Source, settings: &UpstreamSettings) -> Self {
        Self {
            name: settings.name.as_str().into(),
            has_last_word: settings.has_last_word.unwrap_or(source.is_intels()),
            source,
            deadline: settings.deadline,
            attempts: settings.attempts,
            turns: Semaphore::new(settings.concurrency),
            gate: Gate::default(),
            record: Mutex::default(),
        }
    }

    /// Asks, within the deadline. What the answer is worth is for the asker to say, who then calls
    /// [`Self::accepted`] or [`Self::refused`].
    pub(crate) async fn ask(&self, request: &Request) -> Result<Answer, Miss> {
        if let Some(reason) = self.source.cannot(request) {
            return Err(Miss::NotAsked(reason));
        }
        let deadline = Instant::now() + self.deadline;
        let mut attempt = 1;
        let mut last: Option<Miss> = None;
        loop {
            let exchange = match self.exchange(request, deadline).await {
                Ok(answer) => return Ok(answer),
                // Why there was no further attempt says less than how the last one ended.
                Err(Ended::NotBegun(miss)) => {
                    return Err(match last {
                        Some(miss) => self.fail(miss, |counts| &mut counts.failed),
                        None => {
                            self.record().counts.withheld += 1;
                            miss
                        }
                    });
                }
                Err(Ended::Finally(miss, count)) => return Err(self.fail(miss, count)),
                Err(Ended::ForNow(miss)) => miss,
            };
            let pause = backoff::pause(attempt);
            if attempt >= self.attempts || Instant::now() + pause >= deadline {
                return Err(self.fail(exchange, |counts| &mut counts.failed));
            }
            last = Some(exchange);
            attempt += 1;
            sleep(pause).await;
        }
    }

    /// One attempt, when it is its turn.
    async fn exchange(&self, request: &Request, deadline: Instant) -> Result<Answer, Ended> {
        self.gate
            .check()
            .map_err(|shut| Ended::NotBegun(shut.into()))?;
        let Ok(turn) = timeout_at(deadline, self.turns.acquire()).await else {
            let reason = format!("no turn within {:?}", self.deadline);
            return Err(Ended::NotBegun(Miss::unavailable(reason, false)));
        };
        let pass = self
            .gate
            .enter()
            .map_err(|shut| Ended::NotBegun(shut.into()))?;
        self.record().exchanges += 1;
        let outcome = timeout_at(deadline, self.source.exchange(request)).await;
        drop(turn);
        match outcome {
            Ok(Ok(answer)) => {
                pass.succeeded();
                Ok(answer)
            }
            Ok(Err(trouble)) => Err(self.judge(trouble, pass, request)),
            Err(_) => {
                pass.failed();
                let reason = format!("no answer within {:?}", self.deadline);
                let miss = Miss::unavailable(reason, !is_repeatable(request));
                Err(Ended::Finally(miss, |counts| &mut counts.timed_out))
            }
        }
    }

    /// What follows from an exchange without an answer.
    fn judge(&self, trouble: Trouble, pass: Pass<'_>, request: &Request) -> Ended {
        let is_once = !is_repeatable(request);
        let failed: Count = |counts| &mut counts.failed;
        let (miss, may_pass) = match trouble {
            Trouble::Connection { reason, sent } => {
                (Miss::unavailable(reason, sent && is_once), true)
            }
            Trouble::Malformed(reason) => (Miss::unavailable(reason, is_once), false),
            Trouble::Refusal { refusal, says_when } => {
                let said = said(&refusal);
                match meaning(&refusal, says_when, request) {
                    Meaning::Nothing(miss, count) => {
                        pass.succeeded();
                        return Ended::Finally(miss, count);
                    }
                    Meaning::Wait(wait) => {
                        pass.held(wait);
                        let miss = Miss::Unavailable {
                            reason: said,
                            wait: self.gate.state().1,
                            perhaps_done: false,
                        };
                        return Ended::Finally(miss, |counts| &mut counts.throttled);
                    }
                    Meaning::Trouble => (Miss::unavailable(said, is_once), true),
                    Meaning::Unusable(reason) => {
                        let reason = format!("{said}: {reason}");
                        (Miss::unavailable(reason, false), false)
                    }
                }
            }
        };
        pass.failed();
        let perhaps_done = matches!(
            miss,
            Miss::Unavailable {
                perhaps_done: true,
                ..
            }
        );
        match may_pass && !perhaps_done {
            true => Ended::ForNow(miss),
            false => Ended::Finally(miss, failed),
        }
    }

    /// Whoever asked took the answer.
    pub(crate) fn accepted(&self) {
        let mut record = self.record();
        record.counts.accepted += 1;
        record.last_success = Some(Instant::now());
    }

    /// Whoever asked did not take it.
    pub(crate) fn refused(&self, reason: &str) {
        let mut record = self.record();
        record.counts.refused += 1;
        record.last_failure = Some((Instant::now(), format!("refused: {reason}")));
    }

    pub(crate) fn health(&self) -> UpstreamHealth {
        let (breaker, held_for) = self.gate.state();
        let record = self.record();
        UpstreamHealth {
            name: self.name.clone(),
            kind: self.source.kind(),
            breaker,
            held_for,
            last_success: record.last_success.map(|at| at.elapsed()),
            last_failure: record
                .last_failure
                .as_ref()
                .map(|(at, reason)| LastFailure {
                    age: at.elapsed(),
                    reason: reason.clone(),
                }),
            counts: record.counts,
            exchanges: record.exchanges,
        }
    }

    fn fail(&self, miss: Miss, count: Count) -> Miss {
        let mut record = self.record();
        *count(&mut record.counts) += 1;
        if let Miss::Unavailable { reason, .. } = &miss {
            record.last_failure = Some((Instant::now(), reason.clone()));
        }
        miss
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Nothing here panics half-way.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an attempt ended without an answer.
enum Ended {
    /// It was not made.
    NotBegun(Miss),
    /// Another one would end the same way.
    Finally(Miss, Count),
    /// Another one may help.
    ForNow(Miss),
}
