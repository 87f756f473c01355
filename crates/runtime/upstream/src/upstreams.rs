//! The list of upstreams, asked in its order.

use std::sync::Arc;

use bulla_protocol::pcs::{Answer, Request};

use crate::Failure;
use crate::health::UpstreamHealth;
use crate::meaning::{Miss, is_repeatable, whole_seconds};
use crate::settings::{SettingsError, UpstreamSettings};
use crate::upstream::Upstream;

/// An ordered list of upstreams, to be shared in an [`Arc`].
#[derive(Debug)]
pub struct Upstreams(Vec<Upstream>);

/// What an upstream gave. Nothing of it has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an answer and where it came from"
)]
pub struct Supplied {
    /// The answer.
    pub answer: Answer,
    /// Name of the upstream in the settings.
    pub upstream: Arc<str>,
}

impl Upstreams {
    /// The upstreams in their order; without any, every question ends in
    /// [`Failure::Unavailable`]. Reads CA files and, where HTTPS is used without them, what the
    /// system trusts; asks nobody.
    pub fn new(settings: Vec<UpstreamSettings>) -> Result<Self, SettingsError> {
        let mut all: Vec<Upstream> = Vec::with_capacity(settings.len());
        for one in &settings {
            let upstream = Upstream::new(one)?;
            if all.iter().any(|other| other.name == upstream.name) {
                return Err(SettingsError::NameTwice {
                    name: one.name.clone(),
                });
            }
            all.push(upstream);
        }
        Ok(Self(all))
    }

    /// Asks one upstream after the other until `examine` accepts what one gave; `examine` says in
    /// words why it does not.
    ///
    /// Takes at most the sum of the deadlines. Can be dropped at any time. The search ends before
    /// the list does where an upstream with the last word has nothing, and where a registration,
    /// which is not to be made twice, may have been made.
    pub async fn ask<T>(
        &self,
        request: &Request,
        examine: impl Fn(Supplied) -> Result<T, String> + Send + Sync,
    ) -> Result<T, Failure> {
        let mut search = Search::default();
        for upstream in &self.0 {
            let name = &upstream.name;
            match upstream.ask(request).await {
                Ok(answer) => {
                    let supplied = Supplied {
                        answer,
                        upstream: name.clone(),
                    };
                    match examine(supplied) {
                        Ok(accepted) => {
                            upstream.accepted();
                            return Ok(accepted);
                        }
                        Err(reason) => {
                            upstream.refused(&reason);
                            search.refused.push(format!("{name}: {reason}"));
                            if !is_repeatable(request) {
                                break;
                            }
                        }
                    }
                }
                Err(miss) => {
                    if search.missed(upstream, miss) {
                        break;
                    }
                }
            }
        }
        Err(search.failure())
    }

    /// How each upstream is, in their order.
    pub fn health(&self) -> Vec<UpstreamHealth> {
        self.0.iter().map(Upstream::health).collect()
    }

    #[cfg(test)]
    pub(crate) fn over(all: Vec<Upstream>) -> Self {
        Self(all)
    }
}

/// What a search has met so far.
#[derive(Debug, Default)]
struct Search {
    /// What an upstream with the last word said.
    settled: Option<Failure>,
    not_found: Option<Failure>,
    gone: Option<Failure>,
    refused: Vec<String>,
    unavailable: Vec<String>,
    /// Reasons that weigh nothing by themselves.
    others: Vec<String>,
    wait: Option<Wait>,
}

/// How long it is not worth asking again.
#[derive(Debug)]
enum Wait {
    /// Every unavailable upstream is known to be so for this many seconds at least.
    Seconds(u32),
    /// One of them may be back at any time.
    Unknown,
}

impl Search {
    /// Takes note; whether the search ends.
    fn missed(&mut self, upstream: &Upstream, miss: Miss) -> bool {
        let name = &upstream.name;
        match miss {
            Miss::NotAsked(reason) => {
                self.others.push(format!("{name}: not asked, {reason}"));
                false
            }
            Miss::Unavailable {
                reason,
                wait,
                perhaps_done,
            } => {
                self.unavailable.push(format!("{name}: {reason}"));
                self.wait = Some(match (&self.wait, wait.map(whole_seconds)) {
                    (Some(Wait::Seconds(other)), Some(wait)) => Wait::Seconds(wait.min(*other)),
                    (None, Some(wait)) => Wait::Seconds(wait),
                    _ => Wait::Unknown,
                });
                perhaps_done
            }
            Miss::Gone => {
                self.others.push(format!("{name}: status 410"));
                let failure = Failure::Gone {
                    upstream: name.to_string(),
                };
                if upstream.has_last_word {
                    self.settled = Some(failure);
                    return true;
                }
                self.gone.get_or_insert(failure);
                false
            }
            Miss::NotFound {
                reason,
                error_code,
                is_understood,
            } => {
                self.others.push(format!("{name}: {reason}"));
                let failure = Failure::NotFound {
                    upstream: name.to_string(),
                    reason,
                    error_code,
                };
                if upstream.has_last_word && is_understood {
                    self.settled = Some(failure);
                    return true;
                }
                self.not_found.get_or_insert(failure);
                false
            }
        }
    }

    /// Whoever is not the source is believed about what does not exist only where nobody else
    /// could have known better.
    fn failure(self) -> Failure {
        if let Some(failure) = self.settled {
            return failure;
        }
        let all = |first: Vec<String>| [first, self.others.clone()].concat().join("; ");
        if !self.refused.is_empty() {
            let reasons = [self.refused, self.unavailable].concat();
            return Failure::Refused {
                reason: all(reasons),
            };
        }
        if !self.unavailable.is_empty() {
            return Failure::Unavailable {
                reason: all(self.unavailable),
                retry_after: match self.wait {
                    Some(Wait::Seconds(seconds)) => Some(seconds),
                    Some(Wait::Unknown) | None => None,
                },
            };
        }
        self.not_found
            .or(self.gone)
            .unwrap_or(Failure::Unavailable {
                reason: match self.others.is_empty() {
                    true => "none is set".to_owned(),
                    false => self.others.join("; "),
                },
                retry_after: None,
            })
    }
}
