//! One upstream: when it is asked, how often, for how long, and what its answers mean.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulla_protocol::pcs::{Answer, Refusal, Request, Selection};
use bulla_protocol::wire::Status;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff;
use crate::gate::{Gate, Shut, UNREADABLE_HOLD};
use crate::health::{Counts, LastFailure, UpstreamHealth};
use crate::settings::{
    LONGEST_DEADLINE, LONGEST_NAME, MOST_ATTEMPTS, MOST_CONCURRENCY, SettingsError,
    UpstreamSettings,
};
use crate::source::Source;
use crate::trouble::Trouble;

/// Why an upstream gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// It is of a kind that cannot be asked for this.
    NotAsked(&'static str),
    /// It cannot be reached, or does not answer as it should.
    Unavailable {
        reason: String,
        /// How long it is not worth asking again; absent where that is not known.
        wait: Option<Duration>,
        /// Whether it may have done what it was asked for all the same.
        perhaps_done: bool,
    },
    /// 410 to a number.
    Gone,
    /// It has no such thing, or does not understand.
    NotFound {
        reason: String,
        /// Whether it understood what it was asked for.
        is_understood: bool,
    },
}

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
        check(settings)?;
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
                        None => self.fail(miss, |counts| &mut counts.withheld),
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
            return Err(Ended::NotBegun(unavailable(reason)));
        };
        let pass = self
            .gate
            .enter()
            .map_err(|shut| Ended::NotBegun(shut.into()))?;
        self.record().exchanges += 1;
        let outcome = timeout_at(deadline, self.source.exchange(request)).await;
        drop(turn);
        let trouble = match outcome {
            Ok(Ok(answer)) => {
                pass.succeeded();
                return Ok(answer);
            }
            Ok(Err(trouble)) => trouble,
            Err(_) => {
                pass.failed();
                let miss = Miss::Unavailable {
                    reason: format!("no answer within {:?}", self.deadline),
                    wait: None,
                    perhaps_done: !is_repeatable(request),
                };
                return Err(Ended::Finally(miss, |counts| &mut counts.timed_out));
            }
        };
        match trouble {
            Trouble::Connection { reason, sent } => {
                pass.failed();
                let perhaps_done = sent && !is_repeatable(request);
                let miss = Miss::Unavailable {
                    reason,
                    wait: None,
                    perhaps_done,
                };
                Err(match perhaps_done {
                    true => Ended::Finally(miss, |counts| &mut counts.failed),
                    false => Ended::ForNow(miss),
                })
            }
            Trouble::Malformed(reason) => {
                pass.failed();
                let miss = Miss::Unavailable {
                    reason,
                    wait: None,
                    perhaps_done: !is_repeatable(request),
                };
                Err(Ended::Finally(miss, |counts| &mut counts.failed))
            }
            Trouble::Refusal { refusal, says_when } => {
                Err(match meaning(&refusal, says_when, request) {
                    Meaning::Nothing(miss, count) => {
                        pass.succeeded();
                        Ended::Finally(miss, count)
                    }
                    Meaning::Wait(wait) => {
                        pass.held(wait);
                        let miss = Miss::Unavailable {
                            reason: said(&refusal),
                            wait: self.gate.state().1,
                            perhaps_done: false,
                        };
                        Ended::Finally(miss, |counts| &mut counts.throttled)
                    }
                    Meaning::Trouble if is_repeatable(request) => {
                        pass.failed();
                        Ended::ForNow(unavailable(said(&refusal)))
                    }
                    Meaning::Trouble => {
                        pass.failed();
                        let miss = Miss::Unavailable {
                            reason: said(&refusal),
                            wait: None,
                            perhaps_done: true,
                        };
                        Ended::Finally(miss, |counts| &mut counts.failed)
                    }
                    Meaning::Unusable(reason) => {
                        pass.failed();
                        let miss = unavailable(format!("{}: {reason}", said(&refusal)));
                        Ended::Finally(miss, |counts| &mut counts.failed)
                    }
                })
            }
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

/// Which count a question goes to.
type Count = fn(&mut Counts) -> &mut u64;

/// How an attempt ended without an answer.
enum Ended {
    /// It was not made.
    NotBegun(Miss),
    /// Another one would end the same way.
    Finally(Miss, Count),
    /// Another one may help.
    ForNow(Miss),
}

/// What a refusal means.
enum Meaning {
    /// The upstream works, and does not have it.
    Nothing(Miss, Count),
    /// It wants to be left alone.
    Wait(Duration),
    /// It is in trouble.
    Trouble,
    /// It is not what it was taken for, or does not take us for a customer.
    Unusable(&'static str),
}

fn meaning(refusal: &Refusal, says_when: bool, request: &Request) -> Meaning {
    let wait = refusal.retry_after.map_or(UNREADABLE_HOLD, |seconds| {
        Duration::from_secs(seconds.into())
    });
    match refusal.status() {
        Status::GONE if names_number(request) => {
            Meaning::Nothing(Miss::Gone, |counts| &mut counts.gone)
        }
        // 461 and 462 are a cache's: an unknown platform, no certificates.
        status if [400, 404, 410, 461, 462].contains(&status.number()) => Meaning::Nothing(
            Miss::NotFound {
                reason: said(refusal),
                is_understood: status != Status::BAD_REQUEST,
            },
            |counts| &mut counts.not_found,
        ),
        Status::TOO_MANY_REQUESTS => Meaning::Wait(wait),
        Status::SERVICE_UNAVAILABLE if says_when => Meaning::Wait(wait),
        status => match status.number() {
            300..=399 => Meaning::Unusable("redirects are not followed: name the final address"),
            401 | 403 => Meaning::Unusable("it wants an api_key that it knows, or none"),
            407 => Meaning::Unusable("the proxy wants a name and password"),
            400..=499 => Meaning::Unusable("it does not take what it was asked"),
            _ => Meaning::Trouble,
        },
    }
}

/// A refusal in words.
fn said(refusal: &Refusal) -> String {
    let mut text = format!("status {}", refusal.status());
    if let Some(code) = &refusal.error_code {
        text = format!("{text}, {}", code.as_str());
    }
    if let Some(message) = &refusal.message {
        text = format!("{text}: {message}");
    }
    text
}

/// Whether asking twice does the same as asking once.
pub(crate) fn is_repeatable(request: &Request) -> bool {
    !matches!(
        request,
        Request::RegisterPlatform(_) | Request::AddPackage { .. }
    )
}

fn names_number(request: &Request) -> bool {
    match request {
        Request::TcbInfo { selection, .. } | Request::EnclaveIdentity { selection, .. } => {
            matches!(selection, Selection::Number(_))
        }
        _ => false,
    }
}

fn unavailable(reason: String) -> Miss {
    Miss::Unavailable {
        reason,
        wait: None,
        perhaps_done: false,
    }
}

impl From<Shut> for Miss {
    fn from(shut: Shut) -> Self {
        let (reason, wait) = match shut {
            Shut::Held(wait) => ("it asked to be left alone", Some(wait)),
            Shut::Open(wait) => ("it failed too often of late", Some(wait)),
            Shut::OnTrial => ("it failed too often of late, and is on trial", None),
        };
        Self::Unavailable {
            reason: match wait {
                Some(wait) => format!("{reason}, for {} seconds more", whole_seconds(wait)),
                None => reason.to_owned(),
            },
            wait,
            perhaps_done: false,
        }
    }
}

/// Seconds after which a time has passed.
pub(crate) fn whole_seconds(time: Duration) -> u32 {
    let more = u64::from(time.subsec_nanos() > 0);
    u32::try_from(time.as_secs().saturating_add(more)).unwrap_or(u32::MAX)
}

fn check(settings: &UpstreamSettings) -> Result<(), SettingsError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let name = &settings.name;
    if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(SettingsError::Name { name: name.clone() });
    }
    let wrong = |setting, problem| {
        Err(SettingsError::Value {
            name: name.clone(),
            setting,
            problem,
        })
    };
    if !(Duration::from_millis(1)..=LONGEST_DEADLINE).contains(&settings.deadline) {
        return wrong(
            "deadline",
            format!("must be more than nothing and at most {LONGEST_DEADLINE:?}"),
        );
    }
    if !(1..=MOST_ATTEMPTS).contains(&settings.attempts) {
        return wrong("attempts", format!("must be 1 to {MOST_ATTEMPTS}"));
    }
    if !(1..=MOST_CONCURRENCY).contains(&settings.concurrency) {
        return wrong("concurrency", format!("must be 1 to {MOST_CONCURRENCY}"));
    }
    Ok(())
}
