//! What the enclave answers.
//!
//! | Request | Does |
//! |---|---|
//! | `PUT /state` | takes the state that an earlier run gave out |
//! | `POST /batch` | asks the gate for the key of the next batch, computes this one, answers with the summary |
//! | `GET /state` | gives the state out, sealed |
//!
//! Batch `n` needs the secret `batch-n` of the gate: the owner's key, released once. So whoever runs
//! the enclave can neither compute a batch again nor go back to an older state, and learn from the
//! difference between two summaries what one record says. All batches of a state are sealed under
//! one key, and a state goes on with no other: whoever poses as the gate has no part in it.

use std::io::{Read, Write};

use bulla_protocol::gate::Name;
use thiserror::Error;

use crate::batch::{BatchError, DataKey};
use crate::gate::{Attester, Gate, GateError};
use crate::http::{self, Message};
use crate::record::Summary;
use crate::state::{Processor, SEALED, State, StateError};

/// Longest batch, in bytes: some ten thousand records. All of it lies in the enclave's heap.
pub const MAX_BATCH: usize = 512 * 1024;

/// Why a request is not carried out.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The state that was put is not taken.
    #[error("the state is not taken: {0}")]
    State(#[from] StateError),
    /// The gate gives no key. `batch` is which one it was asked for.
    #[error("no key for batch {batch}: {error}")]
    NoKey {
        /// Number of the batch.
        batch: u64,
        /// Why.
        error: GateError,
    },
    /// What the gate gave is no key of the owner.
    #[error("no key for batch {0}: what was released is the key of somebody else than the owner")]
    OtherOwner(u64),
    /// The batch is not what its owner sealed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// No such request.
    #[error("there is no {0:?} here")]
    Unknown(String),
}

impl Refusal {
    fn status(&self) -> &'static str {
        match self {
            Self::State(_) | Self::Batch(_) => "400 Bad Request",
            Self::NoKey {
                error: GateError::Refused(_),
                ..
            }
            | Self::OtherOwner(_) => "403 Forbidden",
            Self::NoKey { .. } => "503 Service Unavailable",
            Self::Unknown(_) => "404 Not Found",
        }
    }
}

/// The service, and all that it remembers.
#[derive(Debug)]
pub struct Service<E> {
    enclave: E,
    gate: Gate,
    state: State,
}

impl<E: Processor + Attester> Service<E> {
    /// A service that has computed nothing yet.
    pub fn new(enclave: E, gate: Gate) -> Self {
        Self {
            enclave,
            gate,
            state: State::default(),
        }
    }

    /// Answers one request. What comes from outside may be anything and ends nothing.
    pub fn serve(&mut self, mut stream: impl Read + Write) {
        let answer = match http::read(&mut stream, MAX_BATCH, true) {
            Ok(request) => self.answer(&request).map_err(|refusal| {
                let text = format!("{refusal}\n");
                (refusal.status(), text)
            }),
            Err(error) => Err(("400 Bad Request", format!("{error}\n"))),
        };
        let (status, media, body) = match answer {
            Ok((media, body)) => ("200 OK", media, body),
            Err((status, text)) => (status, "text/plain", text.into_bytes()),
        };
        // Whoever does not read the answer can ask again.
        let _ = http::write(stream, &format!("HTTP/1.1 {status}"), media, &body);
    }

    fn answer(&mut self, request: &Message) -> Result<(&'static str, Vec<u8>), Refusal> {
        let line = request.start.strip_suffix(" HTTP/1.1");
        match line.unwrap_or(&request.start) {
            "PUT /state" => {
                self.state = State::open(&request.body, &self.enclave)?;
                Ok(("text/plain", Vec::new()))
            }
            "GET /state" => {
                let sealed = self.state.seal(&self.enclave)?;
                debug_assert_eq!(sealed.len(), SEALED);
                Ok(("application/octet-stream", sealed))
            }
            "POST /batch" => {
                let summary = self.compute(&request.body)?;
                Ok(("text/plain", summary.to_string().into_bytes()))
            }
            line => Err(Refusal::Unknown(line.to_owned())),
        }
    }

    /// Computes the next batch. The state changes with success, and not otherwise.
    fn compute(&mut self, sealed: &[u8]) -> Result<Summary, Refusal> {
        let batch = self.state.batches + 1;
        let secret: Name = format!("batch-{batch}").parse().expect("a short name");
        let released = self.gate.release(&self.enclave, &secret);
        let released = released.map_err(|error| Refusal::NoKey { batch, error })?;
        let key = DataKey::new(&released)?;
        let owner = key.owner();
        if batch > 1 && owner != self.state.owner {
            return Err(Refusal::OtherOwner(batch));
        }
        let records = key.open(batch, sealed)?;
        let mut summary = self.state.summary;
        for line in records.split(|byte| *byte == b'\n') {
            if !line.is_empty() {
                // What is not text is no record, and is counted as such.
                summary.add(&String::from_utf8_lossy(line));
            }
        }
        self.state = State {
            owner,
            batches: batch,
            summary,
        };
        Ok(summary)
    }
}
