//! The shadow: another cache is asked what clients ask, and its answers are compared with those that
//! the clients were given. It happens beside the requests, and what does not fit into a short queue is
//! left out and counted.

mod compare;

use std::time::{Duration, Instant};

use bulla_protocol::wire::{Headers, ResponseParts};
use bulla_upstream::{MIRRORED, Mirror};
use bytes::Bytes;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::http::{HeaderMap, Reply, StatusCode};

/// How many answers wait to be compared at most: some seconds of a fleet that starts, and with 10 KB
/// each a few megabytes.
const QUEUE: usize = 512;

/// How many differences get a line in the log within [`PERIOD`]; all are counted.
const LINES: u32 = 20;

/// See [`LINES`].
const PERIOD: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: &'static str,
    outcome: &'static str,
}

/// An answer that a client was given.
struct Given {
    route: &'static str,
    path: String,
    query: String,
    status: u16,
    headers: Headers,
    body: Bytes,
}

/// Where answers go to be compared.
pub struct Shadow {
    queue: Sender<Given>,
    counts: Family<Labels, Counter>,
}

/// Who compares them.
pub struct Comparing {
    mirror: Mirror,
    queue: Receiver<Given>,
    counts: Family<Labels, Counter>,
}

/// A shadow of this cache, and who has to run for it.
pub fn shadow(mirror: Mirror) -> (Shadow, Comparing) {
    let (sender, receiver) = channel(QUEUE);
    let counts = Family::default();
    let comparing = Comparing {
        mirror,
        queue: receiver,
        counts: Family::clone(&counts),
    };
    let shadow = Shadow {
        queue: sender,
        counts,
    };
    (shadow, comparing)
}

impl Shadow {
    /// Has the counts shown with the others.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "shadow_answers",
            "Answers that were compared with those of another cache, by route and outcome",
            Family::clone(&self.counts),
        );
    }

    /// Takes a copy of the answer to a request with these headers, unless that is a copy itself, or its
    /// answer is what the client has already. Nobody is kept waiting.
    pub(crate) fn take(&self, asked: &HeaderMap, path: &str, query: &str, reply: &Reply) {
        if asked.contains_key(MIRRORED) || reply.status == StatusCode::NOT_MODIFIED {
            return;
        }
        let headers = compare::NAMES.iter().fold(Headers::new(), |headers, name| {
            match reply.headers.get(*name).and_then(|it| it.to_str().ok()) {
                Some(value) => headers.with(*name, value),
                None => headers,
            }
        });
        let given = Given {
            route: reply.route,
            path: path.to_owned(),
            query: query.to_owned(),
            status: reply.status.as_u16(),
            headers,
            body: reply.body.clone(),
        };
        if let Err(TrySendError::Full(given) | TrySendError::Closed(given)) =
            self.queue.try_send(given)
        {
            count(&self.counts, given.route, "skipped");
        }
    }
}

impl Given {
    fn outcome(&self, others: &ResponseParts, lines: &mut Lines) -> &'static str {
        match compare::compare(self.status, &self.headers, &self.body, others) {
            Ok(()) => "same",
            Err(difference) if difference.is_another_issue() => "another_issue",
            Err(difference) => {
                lines.tell(self.route, "another answer", &difference.to_string());
                "different"
            }
        }
    }
}

impl Comparing {
    /// Compares for ever, one answer at a time: the other cache serves clients too.
    pub async fn run(self) {
        let Self {
            mirror,
            mut queue,
            counts,
        } = self;
        let mut lines = Lines::new();
        while let Some(given) = queue.recv().await {
            let outcome = match mirror.get(&given.path, &given.query).await {
                Err(reason) => {
                    lines.tell(given.route, "no answer", &reason);
                    "failed"
                }
                Ok(others) => given.outcome(&others, &mut lines),
            };
            count(&counts, given.route, outcome);
        }
    }
}

fn count(counts: &Family<Labels, Counter>, route: &'static str, outcome: &'static str) {
    counts.get_or_create(&Labels { route, outcome }).inc();
}

/// Lines of the log, so many in a period. Queries are not in them: they can name a machine.
struct Lines {
    since: Instant,
    told: u32,
}

impl Lines {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            told: 0,
        }
    }

    fn tell(&mut self, route: &'static str, what: &'static str, reason: &str) {
        if self.since.elapsed() >= PERIOD {
            *self = Self::new();
        }
        self.told = self.told.saturating_add(1);
        match self.told {
            told if told < LINES => {
                tracing::warn!(route, reason, "the shadow gave {what}");
            }
            LINES => tracing::warn!("the shadow differs more often; only counted for a minute"),
            _ => {}
        }
    }
}
