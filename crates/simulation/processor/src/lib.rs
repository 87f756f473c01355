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
mod processor;
mod rsa_key;
mod signer;
mod sigstruct;

pub use enclave::{Enclave, EnclaveBuild, Grants, StartParameters};
pub use error::{ErrorCode, Failure};
pub use fuses::{Fuses, FusesError};
pub use kdf::Key;
pub use measurement::Measurement;
pub use processor::Processor;
pub use signer::EnclaveSigner;
pub use sigstruct::{SIGSTRUCT_SIZE, Sigstruct};
