//! The measurement of an enclave.

use sha2::{Digest, Sha256};

use crate::sgxs::Record;

/// The SHA-256 of the records so far: what `ECREATE`, `EADD` and `EEXTEND` build up in a SECS.
#[derive(Clone, Debug, Default)]
pub struct Measurement(Sha256);

impl Measurement {
    /// Measures a record and the data behind it. [`Record::is_measured`] tells which records the
    /// processor measures.
    pub fn record(&mut self, record: &Record<'_>) {
        self.0.update(record.header());
        self.0.update(record.data());
    }

    /// The measurement so far, which `EINIT` makes final.
    pub fn mrenclave(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}
