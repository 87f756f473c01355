//! The same for programs that wait in their threads.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use crate::attested::Attested;
use crate::client::{self, Attestation, Settings};
use crate::error::GateError;
use crate::evidence::EvidenceProvider;

/// A client of one gate. It must not be used inside asynchronous code, which has
/// [`crate::Client`].
#[derive(Debug)]
pub struct Client {
    client: client::Client,
    runtime: Runtime,
}

impl Client {
    /// A client with evidence from `provider`; asks nobody yet.
    pub fn new(settings: Settings, provider: Arc<dyn EvidenceProvider>) -> Result<Self, GateError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            client: client::Client::new(settings, provider)?,
            runtime: runtime.map_err(|error| GateError::Setting {
                setting: "waiting",
                reason: error.to_string(),
            })?,
        })
    }

    /// As [`client::Client::attest`].
    pub fn attest(&self) -> Result<Attestation, GateError> {
        self.runtime.block_on(self.client.attest())
    }

    /// As [`client::Client::release`].
    pub fn release(
        &self,
        attestation: &Attestation,
        secret: &str,
    ) -> Result<Attested<Vec<u8>>, GateError> {
        self.runtime
            .block_on(self.client.release(attestation, secret))
    }
}
