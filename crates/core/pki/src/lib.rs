//! Signatures, digests, codes, sealing, and the X.509 profile of the vendors.
//!
//! The only crate that calls the crypto library. Everything here is pure: no I/O, no clock; time
//! and trust anchors are arguments. Types that exist are well formed; whether a signature holds is
//! a separate question that is always asked of a key.
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::exhaustive_enums,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

pub mod anchor;
pub mod certificate;
pub mod crl;
mod der;
pub mod digest;
#[cfg(test)]
mod encode;
pub mod error;
#[cfg(feature = "hpke")]
pub mod hpke;
pub mod mac;
pub mod pem;
pub mod seal;
pub mod sgx_extension;
pub mod signature;
pub mod signing;
pub mod time;
pub mod x509;

pub use anchor::{AnchorError, AnchorKind, TrustAnchor, TrustAnchors};
pub use certificate::Certificate;
pub use crl::Crl;
pub use der::DerError;
pub use error::{CertificateError, CrlError};
pub use mac::MacKey;
pub use seal::SealingKey;
pub use sgx_extension::SgxExtension;
pub use signature::{PublicKey, Signature, SignatureError};
pub use signing::SigningKey;
pub use time::{Timestamp, Window};
pub use x509::{Name, Serial};
