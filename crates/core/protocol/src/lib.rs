//! The grammar of the vendor's and the caches' web interfaces: requests, answers, headers,
//! encodings.
//!
//! Shared by whoever serves and whoever asks, so that both mean the same. Everything here is pure:
//! no sockets, no clock. A module for each dialect: [`pcs`] is Intel's own service, [`pccs`] that
//! of Intel's cache, [`thim`] Azure's. What all of them share stands beside it: [`wire`] has messages as any HTTP
//! library hands them over, [`value`] what stands in parameters and headers, [`caching`] how long
//! an answer may be kept, [`client`] what clients ask themselves. [`problem`] is for the routes that are bulla's own,
//! [`gate`] those of attestation and release among them.
//!
//! Certificates, CRLs and signed documents are carried byte for byte and not looked into; whoever
//! relies on them verifies them.
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

pub mod caching;
pub mod client;
pub mod gate;
pub mod pccs;
pub mod pcs;
pub mod percent;
pub mod problem;
pub mod thim;
pub mod value;
pub mod wire;
