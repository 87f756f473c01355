//! From a program to an image, and what is refused on the way.

mod common;

use bulla_enclave::image::{ConvertError, MAX_ENCLAVE_SIZE, Memory, convert, program};
use bulla_processor::sgxs::{Image, Size};
use bulla_processor::structures::{SecinfoFlags, Tcs};
use common::*;
use proptest::prelude::*;
use zerocopy::FromBytes;

const MEMORY: Memory = Memory {
    heap_size: 0x3000,
    stack_size: 0x2000,
    threads: 2,
    debug: false,
};

fn word(image: &Image, at: u64) -> u64 {
    let page = image.pages().iter().find(|p| p.offset == at - at % 4096);
    let data = &page.expect("there is a page").data;
    let at = (at % 4096) as usize;
    u64::from_le_bytes(data[at..at + 8].try_into().expect("eight bytes"))
}

fn symbol_value(image: &Image, name: &str) -> u64 {
    let index = SYMBOLS.iter().position(|(title, _)| *title == name);
    word(image, (SYMBOLS_AT + 8 * index.expect("a symbol")) as u64)
}

#[test]
fn the_layout_is_the_documented_one() {
    let image = convert(&elf(), MEMORY).expect("a program");
    assert_eq!(image.size(), Size::Bytes(0x4_0000));
    let places: Vec<(u64, u64, usize)> = image
        .pages()
        .iter()
        .map(|page| (page.offset, page.flags.0, page.measured.len()))
        .collect();
    let thread = |start: u64| {
        [
            (start, 0x203, 0),
            (start + 0x1000, 0x203, 0),
            (start + 0x2000, 0x203, 16),
            (start + 0x3000, 0x100, 16),
            (start + 0x4000, 0x203, 0),
        ]
    };
    let program = [
        (0, 0x201, 16),
        (0x1000, 0x205, 16),
        (0x2000, 0x203, 16),
        (0x3000, 0x203, 16),
    ];
    let heap = [0x4000, 0x5000, 0x6000].map(|at| (at, 0x203, 0));
    let expected = [&program[..], &heap, &thread(0x1_7000), &thread(0x2_c000)].concat();
    assert_eq!(places, expected);

    for (symbol, value) in [
        ("HEAP_BASE", 0x4000),
        ("HEAP_SIZE", 0x3000),
        ("RELA", RELA_AT as u64),
        ("RELACOUNT", 2),
        ("ENCLAVE_SIZE", 0x4_0000),
        ("CFGDATA_BASE", 0x3_1000),
        ("TEXT_BASE", TEXT_AT as u64),
        ("TEXT_SIZE", 0x100),
        ("EH_FRM_OFFSET", 0xd00),
        ("EH_FRM_LEN", 0x20),
        ("EH_FRM_HDR_OFFSET", 0xd80),
        ("EH_FRM_HDR_LEN", 0x10),
        ("DEBUG", 0),
    ] {
        assert_eq!(symbol_value(&image, symbol), value, "{symbol}");
    }
    let tcs = |at: u64| {
        let page = image.pages().iter().find(|page| page.offset == at);
        Tcs::read_from_bytes(&page.expect("a page").data[..]).expect("a page")
    };
    for (at, secondary) in [(0x1_a000, 0), (0x2_f000, 1)] {
        let tcs = tcs(at);
        assert_eq!(tcs.oentry.get(), 0x1010);
        assert_eq!(tcs.ossa.get(), at + 0x1000);
        assert_eq!(
            (tcs.ofsbase.get(), tcs.ogsbase.get()),
            (at - 0x1000, at - 0x1000)
        );
        assert_eq!(
            (tcs.nssa.get(), tcs.fslimit.get(), tcs.gslimit.get()),
            (1, 0xfff, 0xfff)
        );
        assert_eq!(word(&image, at - 0x1000), at - 0x1000, "top of the stack");
        assert_eq!(word(&image, at - 0xff8), secondary);
    }
}

#[test]
fn code_that_is_not_for_enclaves_is_cut_or_overwritten() {
    let image = convert(&elf(), MEMORY).expect("a program");
    let code = &image.pages()[1].data;
    assert_ne!(code[0xff], 0);
    assert_eq!(code[0x100..], [0; 0xf00], "cut at the end of its segment");

    let mut bytes = elf();
    put(&mut bytes, section(".text_no_sgx") + 32, 0x20, 8);
    let image = convert(&bytes, MEMORY).expect("a program");
    let code = &image.pages()[1].data;
    assert_eq!(
        code[0x100..0x120],
        [0x90; 0x20],
        "overwritten before other code"
    );
    assert_eq!(code[0x120..0x140], bytes[0x1120..0x1140]);
}

/// By `ftxsgx-elf2sgxs` of `fortanix-sgx-tools` 0.6.4, of the same files with the same arguments.
#[test]
fn another_converter_makes_what_measures_the_same() {
    let mut overwritten = elf();
    put(&mut overwritten, section(".text_no_sgx") + 32, 0x20, 8);
    let debug = Memory {
        debug: true,
        threads: 1,
        ..MEMORY
    };
    for (bytes, memory, expected) in [
        (
            elf(),
            MEMORY,
            "24cd64e5c298e582e600b929802264e4b6b954bd34307e6a7dcdd8b2aa077c04",
        ),
        (
            elf(),
            debug,
            "cfda328a3bfa00522f4ece5cfed755e08bd59b34f5e4f1fa52bb38b4a01568c4",
        ),
        (
            overwritten,
            MEMORY,
            "e519294918cb1cee87daed70270d39121c2bdcf8d1a68f4b4d95043a5e94b8fe",
        ),
    ] {
        let image = convert(&bytes, memory).expect("a program");
        let mrenclave = image.mrenclave().expect("the size is known");
        let digits: String = mrenclave.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digits, expected);
    }
}

#[track_caller]
fn refused(change: &dyn Fn(&mut Vec<u8>)) -> ConvertError {
    let mut bytes = elf();
    change(&mut bytes);
    convert(&bytes, MEMORY).expect_err("no program")
}

#[test]
fn what_is_no_program_for_an_enclave_is_refused_with_its_place() {
    use ConvertError::*;
    let text = |change: &dyn Fn(&mut Vec<u8>)| refused(change).to_string();
    assert!(matches!(
        refused(&|b| b.truncate(10)),
        Malformed { part: "header", .. }
    ));
    for (at, value) in [(5, 2), (18, 183), (16, 2)] {
        assert!(
            matches!(refused(&|b| b[at] = value), OtherKind { .. }),
            "{at}"
        );
    }
    let note = ".note.x86_64-fortanix-unknown-sgx";
    let gone = |name: &'static str| move |b: &mut Vec<u8>| put(b, section(name), 0, 4);
    for section in [note, ".text", ".eh_frame", ".eh_frame_hdr"] {
        assert_eq!(refused(&gone(section)), SectionMissing { section });
    }
    assert_eq!(
        refused(&|b| b[NOTE_AT + 12] = b'x'),
        NoteInvalid { section: note }
    );
    assert_eq!(
        refused(&|b| b[NOTE_AT + 4] = 2),
        NoteInvalid { section: note }
    );
    assert_eq!(
        refused(&|b| b[NOTE_AT + 32] = 2),
        ToolchainUnknown {
            version: 2,
            known: 1
        }
    );
    let name = |b: &mut Vec<u8>, symbol_name| put(b, symbol(symbol_name), 0, 4);
    for (missing, _) in SYMBOLS {
        assert_eq!(
            refused(&|b| name(b, missing)),
            SymbolMissing { symbol: missing }
        );
    }
    let same_name = |b: &mut Vec<u8>| {
        let at = symbol("RELA");
        let name = b[at..at + 4].to_vec();
        let other = symbol("HEAP_SIZE");
        b[other..other + 4].copy_from_slice(&name);
    };
    assert_eq!(
        refused(&same_name),
        SymbolMissing {
            symbol: "HEAP_SIZE"
        }
    );
    let twice = |b: &mut Vec<u8>| {
        let at = symbol("HEAP_BASE");
        let name = b[at..at + 4].to_vec();
        let other = symbol("EH_FRM_LEN");
        b[other..other + 4].copy_from_slice(&name);
    };
    assert_eq!(
        refused(&twice),
        SymbolTwice {
            symbol: "HEAP_BASE"
        }
    );
    assert_eq!(
        refused(&|b| put(b, symbol("DEBUG") + 6, 0, 2)),
        SymbolUndefined {
            symbol: "DEBUG".to_owned()
        }
    );
    assert_eq!(
        refused(&|b| put(b, symbol("DEBUG") + 16, 8, 8)),
        SymbolSize {
            symbol: "DEBUG",
            size: 8,
            expected: 1
        }
    );
    assert_eq!(
        refused(&|b| put(b, symbol("DEBUG") + 8, 0xe00, 8)),
        Outside {
            name: "DEBUG",
            address: 0xe00
        }
    );
    assert_eq!(
        refused(&|b| put(b, symbol("ENCLAVE_SIZE") + 8, 0x404, 8)),
        SymbolUnaligned {
            symbol: "ENCLAVE_SIZE",
            address: 0x404
        }
    );
    assert_eq!(
        refused(&|b| put(b, section(".text_no_sgx") + 32, 0x41, 8)),
        Outside {
            name: ".text_no_sgx",
            address: NO_SGX_AT as u64
        }
    );
    for tag in [2, 20, 23, 12, 25, 27, 13, 26, 28, 17, 18, 19, 0x6fff_fffa] {
        let refused = refused(&|b| put(b, DYNAMIC_AT + 32, tag, 8));
        assert!(
            matches!(refused, DynamicUnsupported { tag: t, .. } if t == tag as i64),
            "{tag}"
        );
    }
    for (tag, entry) in [(7, "DT_RELA"), (0x6fff_fff9, "DT_RELACOUNT")] {
        assert_eq!(
            refused(&|b| put(b, DYNAMIC_AT + 32, tag, 8)),
            DynamicTwice { entry }
        );
    }
    assert_eq!(refused(&|b| put(b, DYNAMIC_AT, 30, 8)), DynamicIncomplete);
    assert_eq!(
        refused(&|b| put(b, DYNAMIC_AT + 24, 3, 8)),
        RelocationCount {
            found: 2,
            stated: 3
        }
    );
    assert_eq!(
        refused(&|b| put(b, RELA_AT + 8, 1 << 32 | 6, 8)),
        RelocationKind {
            offset: DATA_AT as u64,
            kind: 6,
            symbol: 1
        }
    );
    for offset in [TEXT_AT as u64, MEMORY_END as u64 - 7, u64::MAX] {
        assert_eq!(
            refused(&|b| put(b, RELA_AT, offset, 8)),
            RelocationOutside { offset }
        );
    }
    let segment = |index: usize| PROGRAMS_AT + 56 * index;
    assert_eq!(refused(&|b| b[segment(0) + 4] = 5), FirstPageExecutable);
    assert_eq!(
        refused(&|b| put(b, segment(2) + 16, 0x1ff0, 8)),
        SegmentMisplaced { start: 0x1ff0 }
    );
    assert_eq!(
        refused(&|b| put(b, segment(1) + 16, 0x0fff, 8)),
        SegmentMisplaced { start: 0x0fff }
    );
    assert_eq!(
        refused(&|b| put(b, segment(2) + 40, 0x1ff, 8)),
        SegmentMisplaced {
            start: DATA_AT as u64
        }
    );
    assert!(matches!(
        refused(&|b| put(b, segment(2) + 40, 1 << 40, 8)),
        TooLarge { .. }
    ));
    assert!(matches!(
        refused(&|b| put(b, segment(2) + 32, 1 << 20, 8)),
        Malformed {
            part: "segment",
            ..
        }
    ));
    let nothing = |b: &mut Vec<u8>| (0..3).for_each(|index| b[segment(index)] = 6);
    assert_eq!(refused(&nothing), SegmentsMissing);
    assert!(text(&gone(".text")).contains("`.text`"));
    assert!(text(&|b| put(b, RELA_AT, 0x1000, 8)).contains("0x1000"));
}

#[test]
fn memory_that_no_enclave_has_is_refused() {
    use ConvertError::*;
    let convert = |change: &dyn Fn(&mut Memory)| {
        let mut memory = MEMORY;
        change(&mut memory);
        convert(&elf(), memory).map(|_| ())
    };
    let invalid = |what, size| Err(SizeInvalid { what, size });
    assert_eq!(convert(&|m| m.heap_size = 0), invalid("heap", 0));
    assert_eq!(convert(&|m| m.heap_size = 0x1800), invalid("heap", 0x1800));
    assert_eq!(convert(&|m| m.stack_size = 1), invalid("stack", 1));
    assert_eq!(convert(&|m| m.threads = 0), Err(ThreadsMissing));
    let limit = MAX_ENCLAVE_SIZE;
    let too_large = |size| Err(TooLarge { size, limit });
    let largest = u64::MAX - 0xfff;
    assert_eq!(convert(&|m| m.stack_size = largest), too_large(u64::MAX));
    assert_eq!(
        convert(&|m| m.threads = u32::MAX),
        too_large(u64::from(u32::MAX) * 0x1_5000 + 0x7000)
    );
}

#[test]
fn a_program_is_described() {
    let program = program(&elf()).expect("a program");
    assert_eq!(program.relocations, 2);
    assert_eq!(program.symbols.len(), SYMBOLS.len());
    assert_eq!(program.segments[1].flags, SecinfoFlags::CODE);
    assert!(
        program
            .sections
            .iter()
            .any(|s| s.name == ".text" && s.start == 0x1000)
    );
}

/// A small file must not become large in memory, nor be read over and over.
#[test]
fn what_is_told_more_often_than_it_stands_there_is_refused() {
    let end = elf().len();
    let long = [vec![b'a'; 1 << 16], vec![0]].concat();
    // The names are all the same text, begun a little later each.
    let with_names = |table: usize, names: &dyn Fn(usize) -> usize, count: usize| {
        let mut bytes = elf();
        bytes.extend_from_slice(&long);
        put(&mut bytes, table + 24, end as u64, 8);
        put(&mut bytes, table + 32, long.len() as u64, 8);
        for index in 1..=count {
            put(&mut bytes, names(index), index as u64, 4);
        }
        program(&bytes).expect_err("names beyond measure")
    };
    let last = section(".data");
    let of_symbols = with_names(last + 64, &|index| DYNSYM_AT + 24 * index, SYMBOLS.len());
    let of_sections = with_names(last + 128, &|index| SECTIONS_AT + 64 * index, 10);
    for (error, part) in [(of_symbols, "dynamic symbols"), (of_sections, "sections")] {
        let told = error.to_string();
        assert!(
            told.contains(part) && told.contains("longer than the file"),
            "{told}"
        );
    }

    // Two tables in one place.
    let count = 2000;
    let mut bytes = elf();
    for _ in 0..count {
        bytes.extend_from_within(RELA_AT..RELA_AT + 24);
    }
    for name in [".rela.dyn", ".data"] {
        let header = section(name);
        put(&mut bytes, header + 4, 4, 4);
        put(&mut bytes, header + 24, end as u64, 8);
        put(&mut bytes, header + 32, 24 * count, 8);
        put(&mut bytes, header + 56, 24, 8);
    }
    put(&mut bytes, DYNAMIC_AT + 24, 2 * count, 8);
    assert_eq!(
        program(&bytes).expect_err("too many"),
        ConvertError::RelocationCount {
            found: 2 * count,
            stated: 2 * count,
        }
    );
}

proptest! {
    #[test]
    fn whatever_was_changed_the_converter_answers(
        changes in prop::collection::vec((0usize..0x4000, any::<u8>()), 1..6),
        header in prop::collection::vec((0usize..0x400, any::<u8>()), 0..3),
    ) {
        let mut bytes = elf();
        for (at, value) in changes.into_iter().chain(header) {
            bytes[at] = value;
        }
        if let Ok(image) = convert(&bytes, MEMORY) {
            let again = Image::parse(&image.write());
            prop_assert_eq!(again.as_ref(), Ok(&image));
        }
    }

    #[test]
    fn a_cut_program_is_refused_or_lacks_only_what_is_not_loaded(at in 0usize..0x4000) {
        prop_assume!(at < 0x3a00);
        prop_assert!(convert(&elf()[..at], MEMORY).is_err());
    }

    #[test]
    fn a_byte_of_what_is_loaded_changes_the_measurement(at in TEXT_AT..NO_SGX_AT, flip in 1u8..) {
        let mut bytes = elf();
        bytes[at] ^= flip;
        let [whole, changed] = [&elf(), &bytes].map(|b| convert(b, MEMORY).expect("a program").mrenclave());
        prop_assert_ne!(whole, changed);
    }
}
