//! The gate: platforms attest, and get what is theirs.

mod attestation;
mod bad_input;
mod client_configfs;
mod client_gramine;
mod client_library;
mod end_to_end;
mod faults;
mod release;
mod roots;
