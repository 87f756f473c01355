//! Enclaves on the simulated processor.
//!
//! * [`image`]: from an ELF file to what the processor measures, and why two builds measure
//!   differently.

pub mod image;
