//! Enclave images: made from ELF files, and compared.
//!
//! * [`convert`] makes the image of a program for the target `x86_64-fortanix-unknown-sgx`;
//! * [`difference`] says why two images measure differently;
//! * [`demonstration`] is a small enclave that needs no toolchain.
//!
//! Reading, writing and measuring images is in [`bulla_processor::sgxs`].

pub mod demonstration;

mod convert;
mod difference;
mod elf;
mod error;
mod functions;
mod layout;
mod symbols;

pub use convert::{Memory, convert};
pub use difference::{Bytes, Difference, Side, difference};
pub use elf::{Program, SectionPlace, SegmentPlace, is_elf, program, sections};
pub use error::ConvertError;
pub use functions::Functions;

/// Largest enclave that is made, in bytes: as much protected memory as the smaller servers have.
/// Every page of an image is held in memory while it is measured.
pub const MAX_ENCLAVE_SIZE: u64 = 1 << 30;
