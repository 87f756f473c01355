//! The vendor's web service: HTTP/1.1 in plain text on an address of this machine.
//!
//! TLS is left to whatever stands in front of it. Names of headers leave in small letters, as HTTP
//! libraries write them; they count in any case.
//!
//! Everything that is answered carries [`SIMULATED_HEADER`]. What the operator set as a
//! [`Fault`] befalls requests for the vendor's paths, and is named in [`FAULT_HEADER`] where there
//! is an answer; faults are set at the start, or at run time on [`FAULTS_PATH`].

mod administration;
mod body;
mod books;
mod connection;
mod exchange;
mod fault;
mod rate;
mod server;
mod service;
mod spoil;

pub use administration::FAULTS_PATH;
pub use books::Books;
pub use fault::{Fault, FaultError, FaultKind, FaultStatus, Milliseconds, Pattern};
pub use rate::RateLimit;
pub use server::{Reach, Server, ServerError, termination};
pub use service::{FAULT_HEADER, SIMULATED_HEADER, Service};
