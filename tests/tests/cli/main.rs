//! The real binary, from outside: what each command prints, writes and ends with.

// The tiny enclaves of the machine's own tests, and their assembler.
#[path = "../../../crates/simulation/enclave/tests/common/buffers.rs"]
#[allow(dead_code)]
mod buffers;
#[path = "../../../crates/simulation/enclave/tests/machine/program.rs"]
#[allow(dead_code)]
mod program;
#[path = "../../../crates/simulation/enclave/tests/machine/world.rs"]
#[allow(dead_code)]
mod world;

mod archive;
mod baseline;
mod collateral;
mod demo;
mod doctor;
mod doctor_lies;
mod enclave;
mod enclave_aesm;
mod enclave_run;
mod errors;
mod explain;
mod explain_past;
mod gate;
mod gate_run;
mod generate;
mod help;
mod inspect;
mod lines;
mod platform_lists;
mod serve;
mod serve_config;
mod vendor;
mod vendor_serve;
mod verify;
mod verify_baseline;
mod verify_past;
mod verify_service;
