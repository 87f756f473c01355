//! Signatures, digests and the X.509 profile of the vendors.
#![forbid(unsafe_code)]

pub mod time;

pub use time::{Timestamp, Window};
