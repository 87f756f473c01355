//! ELF files of enclaves.

use bulla_enclave::image::{self, SectionPlace, SegmentPlace};

use super::enclave::permissions;
use super::{Described, Description, Malformed};
use crate::describe::Fields;

/// Most dynamic symbols that are listed: programs for enclaves have some twenty.
const MAX_SYMBOLS: usize = 256;

/// An ELF file, by what an enclave would be made of.
pub(super) fn describe(bytes: &[u8]) -> Described {
    let program = image::program(bytes).map_err(|error| Malformed::new("an ELF file", error))?;
    let segments: Vec<Fields> = program.segments.iter().map(segment).collect();
    let sections: Vec<Fields> = program.sections.iter().map(section).collect();
    let symbols = program.symbols.iter().take(MAX_SYMBOLS);
    let symbols: Vec<Fields> = symbols.map(symbol).collect();
    let fields = Fields::new()
        .with("relocations", program.relocations)
        .with("symbol_count", program.symbols.len())
        .with("segments", segments)
        .with("sections", sections)
        .with("symbols", symbols);
    Ok(Description::new("elf_program", fields))
}

fn segment(segment: &SegmentPlace) -> Fields {
    Fields::new()
        .with("offset", format!("{:#x}", segment.start))
        .with("size", segment.size)
        .with("file_size", segment.file_size)
        .with("permissions", permissions(segment.flags))
}

fn section(section: &SectionPlace) -> Fields {
    Fields::new()
        .with("name", section.name.as_str())
        .with("offset", format!("{:#x}", section.start))
        .with("size", section.size)
}

fn symbol((name, address, size): &(String, u64, u64)) -> Fields {
    Fields::new()
        .with("name", name.as_str())
        .with("offset", format!("{address:#x}"))
        .with("size", *size)
}
