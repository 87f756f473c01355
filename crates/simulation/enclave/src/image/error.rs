//! Why a program cannot become an enclave.

use bulla_processor::sgxs::SgxsError;
use thiserror::Error;

/// Why an ELF file cannot become an enclave image. Addresses are those of the file, which are
/// offsets in the enclave.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// Not ELF, or not in order.
    #[error("the {part} of the ELF file cannot be read: {reason}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// ELF for something else.
    #[error("{found}; an enclave is a 64-bit little-endian position-independent file for x86-64")]
    OtherKind {
        /// What the file is.
        found: &'static str,
    },
    /// A section is missing.
    #[error(
        "there is no section `{section}`; build for the target x86_64-fortanix-unknown-sgx, and do \
         not strip sections"
    )]
    SectionMissing {
        /// Its name.
        section: &'static str,
    },
    /// The note about the toolchain is not what it must be.
    #[error("the section `{section}` does not hold one note `toolchain-version` of 4 bytes")]
    NoteInvalid {
        /// The section of the note.
        section: &'static str,
    },
    /// The standard library's interface is newer than the converter.
    #[error("the file has toolchain version {version}; versions up to {known} are understood")]
    ToolchainUnknown {
        /// The version in the file.
        version: u32,
        /// The highest that is understood.
        known: u32,
    },
    /// A dynamic symbol is missing.
    #[error("there is no dynamic symbol `{symbol}`; the standard library of the target defines it")]
    SymbolMissing {
        /// Its name.
        symbol: &'static str,
    },
    /// A dynamic symbol is there twice.
    #[error("the dynamic symbol `{symbol}` is defined twice")]
    SymbolTwice {
        /// Its name.
        symbol: &'static str,
    },
    /// A dynamic symbol is to come from elsewhere.
    #[error("the dynamic symbol `{symbol}` is undefined; an enclave is linked with nothing later")]
    SymbolUndefined {
        /// Its name.
        symbol: String,
    },
    /// A dynamic symbol of another size.
    #[error("the dynamic symbol `{symbol}` has {size} bytes instead of {expected}")]
    SymbolSize {
        /// Its name.
        symbol: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The size it must have.
        expected: u64,
    },
    /// A dynamic symbol that lies in no segment, or across the end of one.
    #[error("the symbol or section `{name}` at {address:#x} does not lie in one segment")]
    Outside {
        /// Its name.
        name: &'static str,
        /// Where it is.
        address: u64,
    },
    /// The place of the enclave's size is not aligned.
    #[error("the dynamic symbol `{symbol}` at {address:#x} is not aligned to 8 bytes")]
    SymbolUnaligned {
        /// Its name.
        symbol: &'static str,
        /// Where it is.
        address: u64,
    },
    /// Something for a dynamic linker, which no enclave has.
    #[error("the dynamic entry {tag:#x} asks for {what}, which nobody does for an enclave")]
    DynamicUnsupported {
        /// The tag of the entry.
        tag: i64,
        /// What it asks for.
        what: &'static str,
    },
    /// A dynamic entry is there twice.
    #[error("the dynamic entry {entry} is there twice")]
    DynamicTwice {
        /// Its name.
        entry: &'static str,
    },
    /// One of two entries that belong together.
    #[error("of DT_RELA and DT_RELACOUNT there is only one")]
    DynamicIncomplete,
    /// A relocation of another kind.
    #[error(
        "the relocation at {offset:#x} has type {kind} and symbol {symbol}; only R_X86_64_RELATIVE \
         (8) without symbol can be carried out"
    )]
    RelocationKind {
        /// What it changes.
        offset: u64,
        /// Its type.
        kind: u32,
        /// Number of its symbol.
        symbol: u32,
    },
    /// A relocation of what cannot be written.
    #[error("the relocation at {offset:#x} is outside of the writable segments")]
    RelocationOutside {
        /// What it changes.
        offset: u64,
    },
    /// More or fewer relocations than are told to the program.
    #[error("there are {found} relocations, but DT_RELACOUNT says {stated}")]
    RelocationCount {
        /// How many there are.
        found: u64,
        /// How many there should be.
        stated: u64,
    },
    /// Nothing to load.
    #[error("the file has no segment to load")]
    SegmentsMissing,
    /// A segment that breaks its bounds, or the order.
    #[error(
        "the segment at {start:#x} is not behind the segment before it, on pages of its own, or is \
         larger in the file than in memory"
    )]
    SegmentMisplaced {
        /// Where it starts.
        start: u64,
    },
    /// The first page can be executed.
    #[error(
        "the first page is executable, which invites load value injection; link the code behind it"
    )]
    FirstPageExecutable,
    /// A size that is not one of whole pages.
    #[error("the {what} of {size:#x} bytes is not a number of pages of 4096 bytes above zero")]
    SizeInvalid {
        /// Of what.
        what: &'static str,
        /// The size in bytes.
        size: u64,
    },
    /// No thread.
    #[error("an enclave needs at least one thread")]
    ThreadsMissing,
    /// More memory than an enclave is given here.
    #[error("the enclave would have {size:#x} bytes; at most {limit:#x} are made")]
    TooLarge {
        /// The size in bytes, or the largest number where it is larger than that.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// What came out is no image.
    #[error(transparent)]
    Image(#[from] SgxsError),
}
