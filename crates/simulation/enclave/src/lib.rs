//! Enclaves on the simulated processor.
//!
//! * [`image`]: from an ELF file to what the processor measures, and why two builds measure
//!   differently;
//! * [`machine`]: what executes an enclave where no processor does: its entries, its exits, and
//!   the instructions it may use;
//! * [`runner`]: the program outside, which does what an enclave for Fortanix EDP asks for;
//! * [`aesm`]: quotes, through the interface that programs use on hardware.
//!
//! This is isolation for development, not confidentiality: whoever owns the computer can read every
//! enclave here. `unsafe` stands in one module, `machine/ptrace/system.rs`, and nowhere else in
//! bulla.

pub mod aesm;
pub mod image;
pub mod machine;
pub mod runner;
