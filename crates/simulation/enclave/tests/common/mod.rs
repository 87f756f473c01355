//! A program for enclaves, as small as one can be, whose every field is in reach of a test.

/// Where its parts are: in the file and in memory alike.
pub(crate) const SYMBOLS_AT: usize = 0x400;
pub(crate) const NOTE_AT: usize = 0x500;
pub(crate) const DYNSYM_AT: usize = 0x600;
pub(crate) const RELA_AT: usize = 0xc00;
pub(crate) const TEXT_AT: usize = 0x1000;
pub(crate) const NO_SGX_AT: usize = 0x1100;
pub(crate) const DATA_AT: usize = 0x2000;
pub(crate) const DYNAMIC_AT: usize = 0x2100;
pub(crate) const PROGRAMS_AT: usize = 64;
pub(crate) const SECTIONS_AT: usize = 0x3000;

/// Behind the data, in memory only.
pub(crate) const MEMORY_END: usize = 0x3800;

/// Name and size of each dynamic symbol, in the order of their places.
pub(crate) const SYMBOLS: &[(&str, u64)] = &[
    ("HEAP_BASE", 8),
    ("HEAP_SIZE", 8),
    ("RELA", 8),
    ("RELACOUNT", 8),
    ("ENCLAVE_SIZE", 8),
    ("CFGDATA_BASE", 8),
    ("TEXT_BASE", 8),
    ("TEXT_SIZE", 8),
    ("EH_FRM_OFFSET", 8),
    ("EH_FRM_LEN", 8),
    ("EH_FRM_HDR_OFFSET", 8),
    ("EH_FRM_HDR_LEN", 8),
    ("DEBUG", 1),
    ("sgx_entry", 0),
];

/// Name, type, address and size of each section, in the order of their headers from 1 on; the
/// string tables follow.
const SECTIONS: &[(&str, u32, usize, usize)] = &[
    (".note.x86_64-fortanix-unknown-sgx", 7, NOTE_AT, 36),
    (".dynsym", 11, DYNSYM_AT, 24 * 15),
    (".rela.dyn", 4, RELA_AT, 48),
    (".eh_frame", 1, 0xd00, 0x20),
    (".eh_frame_hdr", 1, 0xd80, 0x10),
    (".text", 1, TEXT_AT, 0x100),
    (".text_no_sgx", 1, NO_SGX_AT, 0x40),
    (".data", 1, DATA_AT, 0x100),
];

/// Places a number, little-endian.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: u64, size: usize) {
    bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
}

/// The file.
pub(crate) fn elf() -> Vec<u8> {
    let mut bytes = vec![0; 0x4000];
    bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    for (at, value, size) in [
        (16, 3, 2),  // position-independent
        (18, 62, 2), // x86-64
        (20, 1, 4),  // version
        (32, PROGRAMS_AT as u64, 8),
        (40, SECTIONS_AT as u64, 8),
        (52, 64, 2),
        (54, 56, 2),
        (56, 4, 2), // program headers
        (58, 64, 2),
        (60, SECTIONS.len() as u64 + 3, 2),
        (62, SECTIONS.len() as u64 + 2, 2),
    ] {
        put(&mut bytes, at, value, size);
    }
    let data_size = 0x200;
    for (index, (kind, flags, at, size, memory)) in [
        (1, 4, 0, 0xe00, 0xe00),
        (1, 5, TEXT_AT, 0x140, 0x140),
        (1, 6, DATA_AT, data_size, MEMORY_END - DATA_AT),
        (2, 6, DYNAMIC_AT, 48, 48),
    ]
    .into_iter()
    .enumerate()
    {
        let header = PROGRAMS_AT + 56 * index;
        put(&mut bytes, header, kind, 4);
        put(&mut bytes, header + 4, flags, 4);
        for (field, value) in [
            (8, at),
            (16, at),
            (24, at),
            (32, size),
            (40, memory),
            (48, 0x1000),
        ] {
            put(&mut bytes, header + field, value as u64, 8);
        }
    }
    // The note: sizes of name and description, type, name, version 1.
    for (at, value) in [(0, 18), (4, 4), (8, 0), (32, 1)] {
        put(&mut bytes, NOTE_AT + at, value, 4);
    }
    bytes[NOTE_AT + 12..NOTE_AT + 29].copy_from_slice(b"toolchain-version");
    // Dynamic symbols, their names at 0x900.
    let mut name = 0x901;
    for (index, (symbol, size)) in SYMBOLS.iter().enumerate() {
        let at = DYNSYM_AT + 24 * (index + 1);
        let address = match *symbol {
            "sgx_entry" => TEXT_AT + 0x10,
            _ => SYMBOLS_AT + 8 * index,
        };
        put(&mut bytes, at, name as u64 - 0x900, 4);
        bytes[at + 4] = 0x11;
        put(&mut bytes, at + 6, 6, 2);
        put(&mut bytes, at + 8, address as u64, 8);
        put(&mut bytes, at + 16, *size, 8);
        bytes[name..name + symbol.len()].copy_from_slice(symbol.as_bytes());
        name += symbol.len() + 1;
    }
    for index in 0..2 {
        put(
            &mut bytes,
            RELA_AT + 24 * index,
            (DATA_AT + 8 * index) as u64,
            8,
        );
        put(&mut bytes, RELA_AT + 24 * index + 8, 8, 8);
        put(&mut bytes, RELA_AT + 24 * index + 16, TEXT_AT as u64, 8);
    }
    for (index, (tag, value)) in [(7, RELA_AT as u64), (0x6fff_fff9, 2), (0, 0)]
        .into_iter()
        .enumerate()
    {
        put(&mut bytes, DYNAMIC_AT + 16 * index, tag, 8);
        put(&mut bytes, DYNAMIC_AT + 16 * index + 8, value, 8);
    }
    for (at, byte) in (TEXT_AT..TEXT_AT + 0x140).zip((1..=251).cycle()) {
        bytes[at] = byte;
    }
    sections(&mut bytes);
    bytes
}

fn sections(bytes: &mut [u8]) {
    let mut name = 0x3c01;
    let last = SECTIONS.len() + 1;
    let tables = [
        (".dynstr", 3, 0x900, 0x200),
        (".shstrtab", 3, 0x3c00, 0x200),
    ];
    for (index, (title, kind, at, size)) in SECTIONS.iter().chain(&tables).enumerate() {
        let header = SECTIONS_AT + 64 * (index + 1);
        put(bytes, header, name as u64 - 0x3c00, 4);
        put(bytes, header + 4, (*kind).into(), 4);
        for field in [16, 24] {
            put(bytes, header + field, *at as u64, 8);
        }
        put(bytes, header + 32, *size as u64, 8);
        put(bytes, header + 48, if *kind == 7 { 4 } else { 8 }, 8);
        let entry = match kind {
            11 | 4 => 24,
            _ => 0,
        };
        put(bytes, header + 56, entry, 8);
        if *kind == 11 {
            put(bytes, header + 40, last as u64, 4);
        }
        bytes[name..name + title.len()].copy_from_slice(title.as_bytes());
        name += title.len() + 1;
    }
    // The table of the sections' names is not loaded.
    put(bytes, SECTIONS_AT + 64 * (SECTIONS.len() + 2) + 16, 0, 8);
}

/// Where the header of a section is.
pub(crate) fn section(name: &str) -> usize {
    let index = SECTIONS.iter().position(|(title, ..)| *title == name);
    SECTIONS_AT + 64 * (index.expect("a section of this name") + 1)
}

/// Where the entry of a dynamic symbol is.
pub(crate) fn symbol(name: &str) -> usize {
    let index = SYMBOLS.iter().position(|(title, _)| *title == name);
    DYNSYM_AT + 24 * (index.expect("a symbol of this name") + 1)
}
