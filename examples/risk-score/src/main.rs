//! The enclave: `risk-score GATE POLICY LISTEN`, the first and last being host and port.

#[cfg(target_env = "sgx")]
mod enclave;

use std::process::ExitCode;

#[cfg(target_env = "sgx")]
fn main() -> ExitCode {
    match enclave::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_env = "sgx"))]
fn main() -> ExitCode {
    eprintln!("this program is an enclave: see docs/first-enclave.md for how to build and run it");
    ExitCode::FAILURE
}
