//! Signed results: what evidence is bound to, what is said about it, and for how long.
//!
//! [`binding`] says which 64 bytes evidence must carry so that it belongs to a nonce and a key.
//! [`attestation_result`] makes [`Claims`] of what verification and appraisal found: an EAT
//! attestation result (EAR), for whoever holds that key. A [`TokenKey`] signs them as a JWT, and
//! [`verify`] believes one only under a key of a [`KeySet`], for one issuer, one audience and one
//! instant.
//!
//! Everything is pure: instants, keys and random bytes are arguments.

#![forbid(unsafe_code)]
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

pub mod binding;
pub mod claims;
mod encoding;
mod key;
mod key_set;
mod result;
pub mod trust;
mod verify;

pub use claims::Claims;
pub use key::{SignError, TokenKey, key_id};
pub use key_set::{
    JwksError, KeySet, KeySetError, KeyState, MAX_JWKS_SIZE, MAX_KEYS, TokenPublicKey,
};
pub use result::{Appraised, ResultError, Terms, attestation_result};
pub use trust::{Status, TrustVector};
pub use verify::{Expected, TokenError, verify};

/// Longest token that is read, in bytes: those of today have some 4 KiB, and long lists of
/// advisories need room.
pub const MAX_TOKEN_SIZE: usize = 16 * 1024;
