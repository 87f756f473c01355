//! From evidence to a token that counts, and each way it must not.

#![allow(clippy::unwrap_used)]

mod properties;
mod result;
mod support;
mod verify;
