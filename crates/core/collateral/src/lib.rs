//! The vendor's signed documents as types.
#![forbid(unsafe_code)]

pub mod set;

pub use set::{CollateralSet, SignedText};
