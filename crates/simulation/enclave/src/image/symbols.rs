//! What the standard library of the target leaves open, to be filled in by whoever lays the
//! enclave out: see `library/std/src/sys/pal/sgx/abi` of the Rust sources.

use super::elf::{Elf, Relocations, Segment, Symbol};
use super::error::ConvertError;

/// The section of the note about the toolchain, and the note.
const NOTE_SECTION: &str = ".note.x86_64-fortanix-unknown-sgx";
const NOTE: &[u8] = b"toolchain-version";

/// The highest version of the toolchain that is understood.
const TOOLCHAIN: u32 = 1;

/// Bytes in the file to be replaced.
pub(super) struct Patch {
    pub(super) name: &'static str,
    pub(super) address: u64,
    pub(super) value: Vec<u8>,
}

/// What the layout settles.
pub(super) struct Settled {
    pub(super) heap_base: u64,
    pub(super) heap_size: u64,
    pub(super) memory_size: u64,
    pub(super) enclave_size: u64,
    pub(super) debug: bool,
}

/// The symbols of a program for the target.
pub(super) struct Symbols<'a> {
    all: Vec<Symbol<'a>>,
    relocations: Relocations,
    text: (u64, u64),
    frames: (u64, u64),
    frames_header: (u64, u64),
}

impl<'a> Symbols<'a> {
    pub(super) fn of(elf: &Elf<'a>, segments: &[Segment<'_>]) -> Result<Self, ConvertError> {
        check_toolchain(elf)?;
        let section = |section| {
            let place = elf.section(section);
            place.ok_or(ConvertError::SectionMissing { section })
        };
        Ok(Self {
            all: elf.symbols()?,
            relocations: elf.relocations(segments)?,
            text: section(".text")?,
            frames: section(".eh_frame")?,
            frames_header: section(".eh_frame_hdr")?,
        })
    }

    /// Where threads enter.
    pub(super) fn entry(&self) -> Result<u64, ConvertError> {
        let symbol = "sgx_entry";
        let found = self.find(symbol)?;
        found
            .map(|symbol| symbol.address)
            .ok_or(ConvertError::SymbolMissing { symbol })
    }

    /// Everything that is filled in.
    pub(super) fn patches(&self, settled: &Settled) -> Result<Vec<Patch>, ConvertError> {
        let size = self.required("ENCLAVE_SIZE", settled.enclave_size)?;
        if size.address % 8 != 0 {
            return Err(ConvertError::SymbolUnaligned {
                symbol: size.name,
                address: size.address,
            });
        }
        let mut patches = vec![
            size,
            self.required("HEAP_BASE", settled.heap_base)?,
            self.required("HEAP_SIZE", settled.heap_size)?,
            self.required("RELA", self.relocations.address)?,
            self.required("RELACOUNT", self.relocations.count)?,
            self.required("CFGDATA_BASE", settled.memory_size)?,
            self.required("TEXT_BASE", self.text.0)?,
            self.required("TEXT_SIZE", self.text.1)?,
            self.byte("DEBUG", settled.debug.into())?,
        ];
        // Earlier standard libraries know only the header of the frames.
        let older = [
            ("EH_FRM_HDR_BASE", self.frames_header.0),
            ("EH_FRM_HDR_SIZE", self.frames_header.1),
        ];
        let newer = [
            ("EH_FRM_OFFSET", self.frames.0),
            ("EH_FRM_LEN", self.frames.1),
            ("EH_FRM_HDR_OFFSET", self.frames_header.0),
            ("EH_FRM_HDR_LEN", self.frames_header.1),
        ];
        let is_older = self.find("EH_FRM_HDR_BASE")?.is_some();
        let frames: &[(&'static str, u64)] = if is_older { &older } else { &newer };
        for (symbol, value) in frames {
            patches.push(self.required(symbol, *value)?);
        }
        Ok(patches)
    }

    fn required(&self, symbol: &'static str, value: u64) -> Result<Patch, ConvertError> {
        self.patch(symbol, value.to_le_bytes().to_vec())
    }

    fn byte(&self, symbol: &'static str, value: u8) -> Result<Patch, ConvertError> {
        self.patch(symbol, vec![value])
    }

    fn patch(&self, symbol: &'static str, value: Vec<u8>) -> Result<Patch, ConvertError> {
        let found = self.find(symbol)?;
        let found = found.ok_or(ConvertError::SymbolMissing { symbol })?;
        let expected = value.len() as u64;
        if found.size != expected {
            return Err(ConvertError::SymbolSize {
                symbol,
                size: found.size,
                expected,
            });
        }
        Ok(Patch {
            name: symbol,
            address: found.address,
            value,
        })
    }

    fn find(&self, symbol: &'static str) -> Result<Option<&Symbol<'a>>, ConvertError> {
        let mut found = self.all.iter().filter(|s| s.name == symbol.as_bytes());
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(ConvertError::SymbolTwice { symbol }),
            (found, None) => Ok(found),
        }
    }
}

fn check_toolchain(elf: &Elf<'_>) -> Result<(), ConvertError> {
    let section = NOTE_SECTION;
    let version = elf.note(section, NOTE)?;
    match version.ok_or(ConvertError::NoteInvalid { section })? {
        0..=TOOLCHAIN => Ok(()),
        version => Err(ConvertError::ToolchainUnknown {
            version,
            known: TOOLCHAIN,
        }),
    }
}
