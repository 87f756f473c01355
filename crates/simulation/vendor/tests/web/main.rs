//! The vendor's web service over real sockets of this machine.
#![allow(
    clippy::unwrap_used,
    reason = "what cannot be unwrapped fails the test"
)]

mod documentation;
mod endpoints;
mod faults;
mod limits;
mod world;
