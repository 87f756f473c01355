//! Whatever executes the code of an enclave and catches its `ENCLU` instructions.

use std::io;

use thiserror::Error;

use super::event::Event;
use super::registers::Registers;

/// Executes code in an address space that holds the enclave, at [`Self::base`], and the memory
/// that it shares with the outside, at [`Self::arena`]; nothing else.
///
/// The machine above does not know how instructions are caught. One thread at a time.
pub trait Backend {
    /// Where the enclave starts.
    fn base(&self) -> u64;

    /// Where the shared memory starts, and its size in bytes.
    fn arena(&self) -> (u64, u64);

    /// The extended state that the processor has enabled (`XCR0`).
    fn xcr0(&self) -> u64;

    /// Whether `CPUID` faults inside, as it must.
    fn cpuid_faults(&self) -> bool;

    /// Reads memory of enclave or arena, whatever its permissions.
    ///
    /// # Errors
    ///
    /// When the range is not in either.
    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), BackendError>;

    /// Writes memory of enclave or arena, whatever its permissions.
    ///
    /// # Errors
    ///
    /// When the range is not in either, and when the host has no memory left.
    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), BackendError>;

    /// The extended state in the standard form of `XSAVE`, as large as the processor's.
    ///
    /// # Errors
    ///
    /// When whatever executes is gone.
    fn extended_state(&self) -> Result<Vec<u8>, BackendError>;

    /// Sets the extended state, in the same form and size.
    ///
    /// # Errors
    ///
    /// When whatever executes is gone, or the processor refuses the state.
    fn set_extended_state(&mut self, state: &[u8]) -> Result<(), BackendError>;

    /// Executes from these registers until something happens, and says what, with the registers
    /// at the instruction that caused it. System calls are never made: they are exceptions.
    ///
    /// # Errors
    ///
    /// When whatever executes is gone.
    fn run(&mut self, registers: &Registers) -> Result<(Registers, Event), BackendError>;
}

/// Why nothing can be executed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The processor has SGX.
    #[error(
        "this machine has SGX (`{device}`): run the enclave on it, or insist on the simulation"
    )]
    HardwarePresent {
        /// The device file that says so.
        device: String,
    },
    /// The operating system does not do what is needed.
    #[error("the enclave's process cannot be made: {what}: {source}")]
    Unavailable {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The enclave is too large, or has too many kinds of pages in turn.
    #[error("the enclave cannot be placed: {reason}")]
    Unplaceable {
        /// Why.
        reason: &'static str,
    },
    /// The process of the enclave has ended.
    #[error("the enclave's process is gone: {reason}")]
    Gone {
        /// How.
        reason: String,
    },
    /// The host has no memory left for a page of the enclave.
    #[error("the host has no memory left for a page of the enclave")]
    MemoryExhausted,
    /// Memory outside of enclave and arena.
    #[error(
        "{length} bytes at {address:#x} are neither in the enclave nor in the memory it shares"
    )]
    OutOfBounds {
        /// Where.
        address: u64,
        /// How many.
        length: usize,
    },
    /// The processor refuses an extended state.
    #[error("the processor refuses the extended state")]
    StateRefused,
}
