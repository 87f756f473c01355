//! Attestation evidence as bytes: quotes and reports of Intel SGX and TDX, read and written.
//!
//! Nothing here is checked cryptographically. A [`Quote`] that exists is well formed: every
//! length meets its neighbour and every type is one that is known. Whether it is genuine is
//! the business of the verifier.
//!
//! * [`layout`]: the fixed structures, byte for byte;
//! * [`Quote`]: a quote, borrowed from the bytes it was parsed from;
//! * [`signed_part`] and [`write_quote`]: the way back, by the same layouts;
//! * [`report`]: reports that no quoting enclave has signed yet;
//! * [`input`]: evidence as people hand it over: raw, hex or base64.
//!
//! ```
//! use bulla_evidence::{Quote, QuoteError};
//!
//! let error = Quote::parse(&[0xff; 2000]).unwrap_err();
//! assert_eq!(error.code(), "QuoteVersionUnsupported");
//! assert_eq!(error.offset(), 0);
//! ```

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod input;
pub mod layout;
pub mod report;

mod auth;
mod body;
mod error;
mod quote;
mod reader;
mod write;

#[cfg(test)]
mod properties;

pub use auth::{AuthData, CertificationData};
pub use body::{Body, BodyType};
pub use error::{QuoteError, WriteError};
pub use quote::{Quote, QuoteVersion, Tee};
pub use write::{signed_part, write_quote};
