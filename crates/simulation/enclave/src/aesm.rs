//! Quotes through the interface that real programs use: the vendor's Architectural Enclave Service
//! Manager (AESM), over a Unix socket.
//!
//! A message is its length, 4 bytes in the order of the processor, and a protocol buffer
//! (`linux-sgx`, `messages.proto`). Answered are the six requests by which programs get quotes of
//! DCAP; those of the older scheme, EPID, and launch tokens are not. A connection may carry several
//! requests one after another, where the vendor's service has one.

mod message;
mod server;
mod service;
mod wire;

pub use server::Server;
pub use service::{Quoter, Service};
