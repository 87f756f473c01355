//! The SGX and TDX processor as a model: measurement, initialisation, reports, keys, quotes.

#![forbid(unsafe_code)]

pub mod architectural;
pub mod sgxs;
pub mod structures;

mod derivation;
mod enclave;
mod error;
mod fuses;
mod kdf;
mod keys;
mod mac;
mod measurement;
mod platform;
mod processor;
mod provisioning;
mod random;
mod rsa_key;
mod signer;
mod sigstruct;
mod small;
mod td;

#[cfg(test)]
mod properties;

pub use enclave::{Enclave, EnclaveBuild, Grants, StartParameters};
pub use error::{ErrorCode, Failure};
pub use fuses::{Fuses, FusesError};
pub use kdf::Key;
pub use measurement::Measurement;
pub use platform::{Downgrade, PckTcb, Platform, Tcb, Workload};
pub use processor::Processor;
pub use provisioning::{ProvisioningError, ProvisioningKey, ProvisioningPublicKey};
pub use signer::EnclaveSigner;
pub use sigstruct::{SIGSTRUCT_SIZE, Sigstruct};
pub use small::SmallEnclave;
pub use td::{TD_CHUNK_SIZE, TdBuild, TdError, TdParameters, TdReportForm, TdxModule, TrustDomain};
