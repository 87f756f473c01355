//! The SGX and TDX processor as a model: measurement, initialisation, reports, keys, quotes.

#![forbid(unsafe_code)]

pub mod architectural;
pub mod structures;

mod derivation;
mod error;
mod fuses;
mod kdf;
mod keys;
mod mac;
mod rsa_key;

pub use error::{ErrorCode, Failure};
pub use fuses::{Fuses, FusesError};
pub use kdf::Key;
