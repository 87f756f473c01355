//! What of an ELF file an enclave is made of.

use bulla_processor::structures::{PAGE_SIZE, SecinfoFlags};
use object::LittleEndian;
use object::elf::{
    DT_FINI, DT_FINI_ARRAY, DT_FINI_ARRAYSZ, DT_INIT, DT_INIT_ARRAY, DT_INIT_ARRAYSZ, DT_JMPREL,
    DT_NULL, DT_PLTREL, DT_PLTRELSZ, DT_REL, DT_RELA, DT_RELACOUNT, DT_RELCOUNT, DT_RELENT,
    DT_RELSZ, EM_X86_64, ET_DYN, FileHeader64, PF_R, PF_W, PF_X, PT_DYNAMIC, PT_LOAD,
    ProgramHeader64, R_X86_64_RELATIVE, SHT_DYNSYM, SHT_NOTE, SHT_NULL, SHT_SYMTAB, STT_FUNC,
};
use object::read::elf::{
    Dyn, FileHeader as _, ProgramHeader as _, Rela as _, SectionHeader as _, SectionTable, Sym as _,
};

use super::MAX_ENCLAVE_SIZE;
use super::error::ConvertError;

type Header = FileHeader64<LittleEndian>;

const ENDIAN: LittleEndian = LittleEndian;

/// Bytes of a relocation in the file.
const RELOCATION_SIZE: u64 = 24;

/// Whether a file begins as ELF does.
pub fn is_elf(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF")
}

/// A section that takes part in the enclave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionPlace {
    /// Its name.
    pub name: String,
    /// Where it starts, in bytes from the start of the enclave.
    pub start: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// The named sections of an ELF file that are loaded, in the order of the file.
///
/// # Errors
///
/// When the file is not ELF of the right kind.
pub fn sections(bytes: &[u8]) -> Result<Vec<SectionPlace>, ConvertError> {
    let elf = Elf::parse(bytes)?;
    let loaded = elf
        .sections
        .iter()
        .filter(|section| section.sh_type(ENDIAN) != SHT_NULL && section.sh_addr.get(ENDIAN) != 0);
    let places = loaded.map(|section| {
        let name = elf.sections.section_name(ENDIAN, section);
        let name = name.map_err(malformed("names of the sections"))?;
        Ok(SectionPlace {
            name: String::from_utf8_lossy(name).into_owned(),
            start: section.sh_addr.get(ENDIAN),
            size: section.sh_size.get(ENDIAN),
        })
    });
    places.collect()
}

/// What of an ELF file matters for an enclave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What is loaded, by rising address.
    pub segments: Vec<SegmentPlace>,
    /// The sections in them.
    pub sections: Vec<SectionPlace>,
    /// Name, address and size of each dynamic symbol.
    pub symbols: Vec<(String, u64, u64)>,
    /// How many addresses the program changes when it starts.
    pub relocations: u64,
}

/// A segment that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentPlace {
    /// Where it starts, in bytes from the start of the enclave.
    pub start: u64,
    /// Bytes in memory.
    pub size: u64,
    /// Bytes of them in the file; the rest is zero.
    pub file_size: u64,
    /// Type and permissions of its pages.
    pub flags: SecinfoFlags,
}

/// Reads what [`convert`](super::convert()) works from.
///
/// # Errors
///
/// When it is not in order. That the program is one for enclaves is not asked.
pub fn program(bytes: &[u8]) -> Result<Program, ConvertError> {
    let elf = Elf::parse(bytes)?;
    let segments = elf.segments()?;
    let relocations = elf.relocations(&segments)?.count;
    let place = |segment: &Segment<'_>| SegmentPlace {
        start: segment.start,
        size: segment.end - segment.start,
        file_size: segment.data.len() as u64,
        flags: segment.flags,
    };
    let named = |symbol: Symbol<'_>| {
        let name = String::from_utf8_lossy(symbol.name).into_owned();
        (name, symbol.address, symbol.size)
    };
    Ok(Program {
        segments: segments.iter().map(place).collect(),
        sections: sections(bytes)?,
        symbols: elf.symbols()?.into_iter().map(named).collect(),
        relocations,
    })
}

/// An ELF file for an enclave's processor, its headers read.
pub(super) struct Elf<'a> {
    bytes: &'a [u8],
    sections: SectionTable<'a, Header>,
    programs: &'a [ProgramHeader64<LittleEndian>],
}

/// A segment to be loaded. It starts and ends anywhere in its pages, and ends within the largest
/// enclave.
pub(super) struct Segment<'a> {
    /// Its first address.
    pub(super) start: u64,
    /// Behind its last address.
    pub(super) end: u64,
    /// What it starts with; zeros follow.
    pub(super) data: &'a [u8],
    /// Type and permissions of its pages.
    pub(super) flags: SecinfoFlags,
}

impl Segment<'_> {
    /// The start of its first page.
    pub(super) fn first_page(&self) -> u64 {
        self.start - self.start % PAGE_SIZE
    }
}

/// A symbol that is defined.
pub(super) struct Symbol<'a> {
    pub(super) name: &'a [u8],
    pub(super) address: u64,
    pub(super) size: u64,
}

/// Where the relocations are, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Relocations {
    pub(super) address: u64,
    pub(super) count: u64,
}

impl<'a> Elf<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, ConvertError> {
        let other = |found| Err(ConvertError::OtherKind { found });
        let header = Header::parse(bytes).map_err(malformed("header"))?;
        if !header.is_class_64() || !header.is_little_endian() {
            return other("this ELF file is not 64-bit little-endian");
        }
        if header.e_machine(ENDIAN) != EM_X86_64 {
            return other("this ELF file is for another processor");
        }
        if header.e_type(ENDIAN) != ET_DYN {
            return other("this ELF file is not position-independent");
        }
        let sections = header
            .sections(ENDIAN, bytes)
            .map_err(malformed("section table"))?;
        let mut names = Names::of(bytes, "names of the sections");
        for section in sections.iter() {
            names.take(sections.section_name(ENDIAN, section))?;
        }
        Ok(Self {
            bytes,
            sections,
            programs: header
                .program_headers(ENDIAN, bytes)
                .map_err(malformed("program headers"))?,
        })
    }

    /// Address and size of a section.
    pub(super) fn section(&self, name: &str) -> Option<(u64, u64)> {
        let (_, section) = self.sections.section_by_name(ENDIAN, name.as_bytes())?;
        Some((section.sh_addr.get(ENDIAN), section.sh_size.get(ENDIAN)))
    }

    /// The description of the one note in a section: `None` where the note is another.
    pub(super) fn note(
        &self,
        section: &'static str,
        name: &[u8],
    ) -> Result<Option<u32>, ConvertError> {
        let found = self.sections.section_by_name(ENDIAN, section.as_bytes());
        let (_, header) = found.ok_or(ConvertError::SectionMissing { section })?;
        if header.sh_type(ENDIAN) != SHT_NOTE {
            return Ok(None);
        }
        let note = header
            .notes(ENDIAN, self.bytes)
            .and_then(|notes| notes.map_or(Ok(None), |mut notes| notes.next()))
            .map_err(malformed("note of the toolchain"))?;
        Ok(note
            .filter(|note| note.name() == name)
            .and_then(|note| Some(u32::from_le_bytes(note.desc().try_into().ok()?))))
    }

    /// The segments to be loaded, which rise and share no page.
    pub(super) fn segments(&self) -> Result<Vec<Segment<'a>>, ConvertError> {
        let mut segments: Vec<Segment<'a>> = Vec::new();
        for program in self.programs {
            if program.p_type(ENDIAN) != PT_LOAD {
                continue;
            }
            let start = program.p_vaddr.get(ENDIAN);
            let size = program.p_memsz.get(ENDIAN);
            let data = program
                .data(ENDIAN, self.bytes)
                .map_err(|()| ConvertError::Malformed {
                    part: "segment",
                    reason: format!("the file ends within the segment at {start:#x}"),
                })?;
            let end = start.saturating_add(size);
            if end > MAX_ENCLAVE_SIZE {
                return Err(ConvertError::TooLarge {
                    size: end,
                    limit: MAX_ENCLAVE_SIZE,
                });
            }
            let permissions = [
                (PF_R, SecinfoFlags::R),
                (PF_W, SecinfoFlags::W),
                (PF_X, SecinfoFlags::X),
            ];
            let flags = permissions
                .iter()
                .filter(|(flag, _)| program.p_flags(ENDIAN).contains(*flag))
                .fold(0x200, |flags, (_, permission)| flags | permission);
            let segment = Segment {
                start,
                end,
                data,
                flags: SecinfoFlags(flags),
            };
            let behind = segments
                .last()
                .is_none_or(|last| segment.first_page() >= last.end);
            if !behind || data.len() as u64 > size {
                return Err(ConvertError::SegmentMisplaced { start });
            }
            if segment.start < PAGE_SIZE && segment.flags.has(SecinfoFlags::X) {
                return Err(ConvertError::FirstPageExecutable);
            }
            if size > 0 {
                segments.push(segment);
            }
        }
        match segments.is_empty() {
            true => Err(ConvertError::SegmentsMissing),
            false => Ok(segments),
        }
    }

    /// All dynamic symbols. None of them is undefined.
    pub(super) fn symbols(&self) -> Result<Vec<Symbol<'a>>, ConvertError> {
        let table = self
            .sections
            .symbols(ENDIAN, self.bytes, SHT_DYNSYM)
            .map_err(malformed("dynamic symbol table"))?;
        let strings = table.strings();
        let mut names = Names::of(self.bytes, "names of the dynamic symbols");
        let mut symbols = Vec::new();
        for symbol in table.iter().skip(1) {
            let name = names.take(symbol.name(ENDIAN, strings))?;
            if symbol.is_undefined(ENDIAN) {
                return Err(ConvertError::SymbolUndefined {
                    symbol: String::from_utf8_lossy(name).into_owned(),
                });
            }
            symbols.push(Symbol {
                name,
                address: symbol.st_value.get(ENDIAN),
                size: symbol.st_size.get(ENDIAN),
            });
        }
        Ok(symbols)
    }

    /// The functions that the symbol table names; none where it was stripped.
    pub(super) fn functions(&self) -> Result<Vec<Symbol<'a>>, ConvertError> {
        let table = self
            .sections
            .symbols(ENDIAN, self.bytes, SHT_SYMTAB)
            .map_err(malformed("symbol table"))?;
        let strings = table.strings();
        let mut names = Names::of(self.bytes, "names of the symbols");
        let functions = table
            .iter()
            .filter(|symbol| symbol.st_type() == STT_FUNC && !symbol.is_undefined(ENDIAN));
        functions
            .map(|symbol| {
                Ok(Symbol {
                    name: names.take(symbol.name(ENDIAN, strings))?,
                    address: symbol.st_value.get(ENDIAN),
                    size: symbol.st_size.get(ENDIAN),
                })
            })
            .collect()
    }

    /// What the program is told of its relocations, each of which was looked at.
    pub(super) fn relocations(
        &self,
        segments: &[Segment<'_>],
    ) -> Result<Relocations, ConvertError> {
        let stated = self.dynamic()?;
        let mut found = 0;
        for section in self.sections.iter() {
            let relocations = section
                .rela(ENDIAN, self.bytes)
                .map_err(malformed("relocations"))?;
            let Some((relocations, _)) = relocations else {
                continue;
            };
            found += relocations.len() as u64;
            // Each stands in the file once.
            if found > self.bytes.len() as u64 / RELOCATION_SIZE {
                return Err(ConvertError::RelocationCount {
                    found,
                    stated: stated.count,
                });
            }
            for relocation in relocations {
                let offset = relocation.r_offset(ENDIAN);
                let kind = relocation.r_type(ENDIAN, false);
                let symbol = relocation.r_sym(ENDIAN, false);
                if kind != R_X86_64_RELATIVE || symbol != 0 {
                    return Err(ConvertError::RelocationKind {
                        offset,
                        kind: kind.0,
                        symbol,
                    });
                }
                let at = segments.partition_point(|segment| segment.end <= offset);
                let writable = segments.get(at).is_some_and(|segment| {
                    segment.flags.has(SecinfoFlags::W)
                        && offset >= segment.start
                        && offset.checked_add(8).is_some_and(|end| end <= segment.end)
                });
                if !writable {
                    return Err(ConvertError::RelocationOutside { offset });
                }
            }
        }
        match found == stated.count {
            true => Ok(stated),
            false => Err(ConvertError::RelocationCount {
                found,
                stated: stated.count,
            }),
        }
    }

    /// What the dynamic section says of relocations. It asks for nothing else.
    fn dynamic(&self) -> Result<Relocations, ConvertError> {
        let mut dynamic = self
            .programs
            .iter()
            .filter(|program| program.p_type(ENDIAN) == PT_DYNAMIC);
        let entries = match dynamic.next() {
            None => return Ok(Relocations::default()),
            Some(program) => program
                .dynamic(ENDIAN, self.bytes)
                .map_err(malformed("dynamic section"))?
                .unwrap_or_default(),
        };
        let (mut address, mut count) = (None, None);
        for entry in entries {
            let (tag, value) = (entry.tag(ENDIAN), entry.val(ENDIAN));
            let what = match tag {
                DT_NULL => break,
                DT_RELA if address.replace(value).is_some() => {
                    return Err(ConvertError::DynamicTwice { entry: "DT_RELA" });
                }
                DT_RELACOUNT if count.replace(value).is_some() => {
                    return Err(ConvertError::DynamicTwice {
                        entry: "DT_RELACOUNT",
                    });
                }
                DT_PLTRELSZ | DT_PLTREL | DT_JMPREL => "a procedure linkage table",
                DT_INIT | DT_INIT_ARRAY | DT_INIT_ARRAYSZ => "functions called at the start",
                DT_FINI | DT_FINI_ARRAY | DT_FINI_ARRAYSZ => "functions called at the end",
                DT_REL | DT_RELSZ | DT_RELENT | DT_RELCOUNT => {
                    "relocations whose addends stand in the code"
                }
                _ => continue,
            };
            return Err(ConvertError::DynamicUnsupported { tag: tag.0, what });
        }
        match (address, count) {
            (Some(address), Some(count)) => Ok(Relocations { address, count }),
            (None, None) => Ok(Relocations::default()),
            _ => Err(ConvertError::DynamicIncomplete),
        }
    }
}

/// The names in a file, which together are no longer than the file. Without that limit many that
/// share their end would be read again and again, and take far more memory than the file.
struct Names {
    part: &'static str,
    left: usize,
}

impl Names {
    fn of(bytes: &[u8], part: &'static str) -> Self {
        let left = bytes.len();
        Self { part, left }
    }

    fn take<'a>(&mut self, name: object::read::Result<&'a [u8]>) -> Result<&'a [u8], ConvertError> {
        let name = name.map_err(malformed(self.part))?;
        let left = self.left.checked_sub(name.len() + 1);
        self.left = left.ok_or_else(|| ConvertError::Malformed {
            part: self.part,
            reason: "together they are longer than the file".to_owned(),
        })?;
        Ok(name)
    }
}

fn malformed(part: &'static str) -> impl Fn(object::read::Error) -> ConvertError {
    move |error| ConvertError::Malformed {
        part,
        reason: error.to_string(),
    }
}
