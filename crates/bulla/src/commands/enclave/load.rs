//! Images from files, whichever form they have.

use std::fs;
use std::path::Path;

use bulla_enclave::image::{self, Memory, SectionPlace};
use bulla_processor::sgxs::{self, Image};

use crate::args::MemoryArgs;
use crate::error::{Error, Result};
use crate::input;
use crate::inspect::MAX_IMAGE_SIZE;

/// An image, and where it came from.
pub(super) struct Loaded {
    pub(super) image: Image,
    /// The sections of the program; none of what was an image before.
    pub(super) sections: Vec<SectionPlace>,
}

impl Loaded {
    /// Reads an image, or makes one of a program.
    pub(super) fn read(path: &Path, memory: &MemoryArgs) -> Result<Self> {
        let bytes = input::read("image", path, MAX_IMAGE_SIZE)?;
        Self::of(&bytes, path, memory)
    }

    /// Makes an image of a program, and reads nothing else.
    pub(super) fn read_program(path: &Path, memory: &MemoryArgs) -> Result<Self> {
        let bytes = input::read("program", path, MAX_IMAGE_SIZE)?;
        Self::of_program(&bytes, path, memory)
    }

    pub(super) fn of(bytes: &[u8], path: &Path, memory: &MemoryArgs) -> Result<Self> {
        if image::is_elf(bytes) {
            return Self::of_program(bytes, path, memory);
        }
        if !sgxs::is_image(bytes) {
            return Err(Error::ImageInvalid {
                path: path.to_owned(),
                reason: "this is neither an SGXS enclave image nor an ELF file".to_owned(),
            });
        }
        Ok(Self {
            image: Image::parse(bytes).map_err(|error| invalid(path, &error))?,
            sections: Vec::new(),
        })
    }

    fn of_program(bytes: &[u8], path: &Path, memory: &MemoryArgs) -> Result<Self> {
        let memory = Memory {
            heap_size: size("--heap", &memory.heap)?,
            stack_size: size("--stack", &memory.stack)?,
            threads: memory.threads,
            debug: memory.debug,
        };
        let invalid = |error| invalid(path, &error);
        Ok(Self {
            image: image::convert(bytes, memory).map_err(invalid)?,
            sections: image::sections(bytes).map_err(invalid)?,
        })
    }

    /// What the image measures as.
    pub(super) fn mrenclave(&self, path: &Path) -> Result<[u8; 32]> {
        self.image.mrenclave().ok_or_else(|| Error::ImageInvalid {
            path: path.to_owned(),
            reason: "the size of the enclave is open, so that nothing can be measured".to_owned(),
        })
    }

    /// The section that holds an offset.
    pub(super) fn section(&self, offset: u64) -> Option<&str> {
        let holds = |section: &&SectionPlace| {
            offset
                .checked_sub(section.start)
                .is_some_and(|inside| inside < section.size)
        };
        self.sections.iter().find(holds).map(|s| s.name.as_str())
    }
}

/// Writes what was made.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|source| Error::FileUnwritable {
        path: path.to_owned(),
        source,
    })
}

fn invalid(path: &Path, error: &dyn std::error::Error) -> Error {
    Error::ImageInvalid {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// A number of bytes, decimal or hexadecimal.
fn size(option: &'static str, text: &str) -> Result<u64> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| Error::ArgumentInvalid {
        option,
        reason: format!("`{text}` is no number of bytes, decimal or with 0x hexadecimal"),
    })
}
