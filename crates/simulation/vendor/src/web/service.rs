//! From a request to a response, with whatever befalls it. No sockets here.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use bulla_pki::Timestamp;
use bulla_protocol::pcs::{Answer, Refusal, Request, Response};
use bulla_protocol::value::RequestId;
use bulla_protocol::wire::{RequestParts, ResponseParts, Status};
use tokio::time::Instant;

use super::books::{Books, BooksError};
use super::fault::{Fault, FaultError, Faults, Misfortune};
use super::rate::{Rate, RateLimit};
use super::spoil;
use crate::answer::{answer, manifest_refusal, refusal, registration};
use crate::charter::PublicUrl;
use crate::platform::Registration;
use crate::state::StateError;
use crate::vendor::Vendor;

/// Stands in every answer of the service.
pub const SIMULATED_HEADER: &str = "Bulla-Simulated";

/// Names the faults that befell an answer.
pub const FAULT_HEADER: &str = "Bulla-Fault";

/// The time by which a service lives.
type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// A vendor's web service, apart from its sockets.
pub struct Service {
    books: Books,
    clock: Clock,
    faults: Faults,
    rate: Option<Rate>,
    names: RequestIds,
}

impl Service {
    /// A service without faults and limits, for which it is whatever time `clock` says.
    pub fn new(books: Books, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            books,
            clock: Box::new(clock),
            faults: Faults::default(),
            rate: None,
            names: RequestIds::default(),
        }
    }

    /// The same with a limit of requests.
    #[must_use]
    pub fn limited(mut self, limit: RateLimit) -> Self {
        self.rate = Some(Rate::new(limit));
        self
    }

    /// Sets these faults and no others.
    pub fn set_faults(&self, faults: Vec<Fault>) -> Result<(), FaultError> {
        self.faults.set(faults)
    }

    /// The faults that are set, with the counts that are left.
    pub fn faults(&self) -> Vec<Fault> {
        self.faults.list()
    }

    /// The path below the vendor's public address. Whoever asks for it as the certificates name
    /// it, and whoever comes through a proxy that cuts the start off, mean the same.
    pub(super) fn local_path(&self, path: &str) -> String {
        let Ok(vendor) = self.books.vendor() else {
            return path.to_owned();
        };
        let base = base_path(&vendor.charter().public_url);
        match path.strip_prefix(base) {
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            _ => path.to_owned(),
        }
    }

    pub(super) fn befall(&self, path: &str, query: &str) -> Misfortune {
        self.faults.befall(path, query)
    }

    /// Answers a request, whatever befalls it but latency, reset and truncation. May read and
    /// write files, and signs.
    pub(super) fn respond(
        &self,
        parts: RequestParts,
        misfortune: &mut Misfortune,
    ) -> ResponseParts {
        let outcome = self.outcome(parts, misfortune);
        if outcome.is_err() {
            misfortune.spared_contents();
        }
        let parts = self.complete(outcome);
        if parts.body.is_empty() {
            misfortune.spared("truncate");
        }
        parts
    }

    /// A response that says why there is none.
    pub(super) fn refuse(&self, status: Status, message: &str) -> ResponseParts {
        self.complete(Err(refusal(status, message)))
    }

    fn complete(&self, outcome: Result<Answer, Refusal>) -> ResponseParts {
        let response = Response {
            request_id: Some(self.names.next()),
            warning: None,
            outcome,
        };
        let mut parts = response.write();
        parts.headers.add(SIMULATED_HEADER, "true");
        parts
    }

    fn outcome(&self, parts: RequestParts, misfortune: &mut Misfortune) -> Result<Answer, Refusal> {
        if let Some(status) = misfortune.status {
            return Err(on_request(status));
        }
        if let Some(rate) = &self.rate {
            rate.admit(Instant::now()).map_err(|seconds| {
                refusal(
                    Status::TOO_MANY_REQUESTS,
                    "the limit of requests is used up",
                )
                .retry_after(seconds)
            })?;
        }
        let request = Request::read(parts).map_err(|error| error.refusal())?;
        let at = (self.clock)();
        if let Some((manifest, how)) = registration(&request) {
            self.register(manifest.as_bytes(), how, at)?;
        }
        let vendor = self.books.vendor().map_err(|error| unready(&error))?;
        carry_out(&vendor, &request, at, misfortune)
    }

    fn register(&self, manifest: &[u8], how: Registration, at: Timestamp) -> Result<(), Refusal> {
        self.books
            .register(manifest, how, at)
            .map_err(|error| match error {
                BooksError::State(error) => unready(&error),
                BooksError::Manifest(error) => manifest_refusal(&error),
            })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

/// The path in an address, without a slash at its end; empty where there is none.
fn base_path(url: &PublicUrl) -> &str {
    let host = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
    host.find('/').map_or("", |start| &host[start..])
}

/// The answer, or what is made of it. Of the misfortune stays what befell.
fn carry_out(
    vendor: &Vendor,
    request: &Request,
    at: Timestamp,
    misfortune: &mut Misfortune,
) -> Result<Answer, Refusal> {
    if let Some(age) = misfortune.stale {
        return match stale(vendor, request, at, age) {
            Some(instant) => tell(vendor, request, instant, misfortune),
            None => {
                misfortune.spared("stale");
                tell(vendor, request, at, misfortune)
            }
        };
    }
    tell(vendor, request, at, misfortune)
}

fn tell(
    vendor: &Vendor,
    request: &Request,
    at: Timestamp,
    misfortune: &mut Misfortune,
) -> Result<Answer, Refusal> {
    let other = match misfortune.other_platform {
        true => spoil::about_another(vendor, request, at),
        false => None,
    };
    let mut answer = match other {
        Some(other) => other?,
        None => {
            misfortune.spared("other_platform");
            answer(vendor, request, at)?
        }
    };
    if misfortune.wrong_signature && !spoil::forge(&mut answer) {
        misfortune.spared("wrong_signature");
    }
    Ok(answer)
}

/// The instant `age` seconds ago, or the first one since at which the request had an answer;
/// `None` for what is not issued anew from time to time.
fn stale(vendor: &Vendor, request: &Request, at: Timestamp, age: u64) -> Option<Timestamp> {
    match request {
        Request::TcbInfo { .. }
        | Request::EnclaveIdentity { .. }
        | Request::EvaluationDataNumbers(_)
        | Request::PckCrl { .. }
        | Request::RootCaCrl(_) => {}
        _ => return None,
    }
    let founded = vendor.charter().founded;
    let start = at.saturating_sub(age).max(founded);
    let events = vendor.history().until(at).map(|occurrence| occurrence.at);
    let made = vendor.platforms().iter().map(|platform| platform.made());
    let mut instants: Vec<Timestamp> = events
        .chain(made)
        .filter(|instant| start < *instant && *instant < at)
        .chain([start])
        .collect();
    instants.sort_unstable();
    instants
        .into_iter()
        .find(|instant| answer(vendor, request, *instant).is_ok())
}

/// The status that the operator of the box asked for.
fn on_request(status: Status) -> Refusal {
    let refusal = refusal(status, "a fault that was asked for");
    match status {
        Status::TOO_MANY_REQUESTS | Status::SERVICE_UNAVAILABLE => refusal.retry_after(1),
        _ => refusal,
    }
}

/// The vendor's directory cannot be used, for now or at all.
fn unready(error: &StateError) -> Refusal {
    match error {
        StateError::Locked(_) => {
            let message = "the vendor is being changed";
            refusal(Status::SERVICE_UNAVAILABLE, message).retry_after(1)
        }
        other => refusal(Status::INTERNAL_SERVER_ERROR, &other.to_string()),
    }
}

/// Names for exchanges: not to be guessed, and none twice.
#[derive(Debug, Default)]
struct RequestIds {
    key: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> RequestId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut octets = [0; 16];
        let (high, low) = octets.split_at_mut(8);
        high.copy_from_slice(&count.to_be_bytes());
        low.copy_from_slice(&self.key.hash_one(count).to_be_bytes());
        high.iter_mut()
            .zip(low)
            .for_each(|(high, low)| *high ^= *low);
        RequestId(octets)
    }
}
