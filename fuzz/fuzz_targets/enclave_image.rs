//! Enclave images and the programs they are made of: an image that is read measures what its
//! records say, and a program becomes its segments, a heap and threads, and nothing else.

#![no_main]

use bulla_enclave::image::{Difference, Memory, Program, convert, difference, program};
use bulla_processor::Measurement;
use bulla_processor::sgxs::{Image, ImagePage, Record, Size, is_image, records};
use bulla_processor::structures::{PAGE_SIZE, PageType};
use libfuzzer_sys::fuzz_target;

const MEMORY: Memory = Memory {
    heap_size: 2 * PAGE_SIZE,
    stack_size: PAGE_SIZE,
    threads: 1,
    debug: false,
};

/// Pages of that: heap, stack, thread-local data, control structure, state save area.
const MEMORY_PAGES: usize = 2 + 1 + 1 + 1 + 1;

/// Largest program that is converted, in bytes of the enclave: larger ones only take longer.
const MAX_PROGRAM_SIZE: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    match Image::parse(bytes) {
        Ok(image) => is_read(bytes, &image),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match program(bytes) {
        Ok(program) if end(&program) <= MAX_PROGRAM_SIZE => is_converted(bytes, &program),
        Ok(_) => (),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(convert(bytes, MEMORY).is_err(), "{error}");
        }
    }
});

fn is_read(bytes: &[u8], image: &Image) {
    assert!(is_image(bytes));
    let written = image.write();
    assert_eq!(Image::parse(&written).as_ref(), Ok(image));
    assert_eq!(measured(&written), measured(bytes));
    let Size::Bytes(size) = image.size() else {
        assert_eq!(image.mrenclave(), None);
        return is_open(image);
    };
    let mut measurement = Measurement::default();
    for record in measured(bytes) {
        measurement.record(&record);
    }
    assert_eq!(image.mrenclave(), Some(measurement.mrenclave()));
    let pages = image.pages();
    assert!(pages.iter().all(|page| page.offset < size));
    assert_eq!(difference(image, image), []);
    if let Some((_, fewer)) = pages.split_last()
        && let Ok(fewer) = Image::new(image.ssa_frame_size(), fewer.to_vec())
    {
        let found = difference(image, &fewer);
        assert!(found.iter().any(Difference::is_measured));
        assert_ne!(image.mrenclave(), fewer.mrenclave());
    }
}

/// What the processor measures of a file, in its order.
fn measured(bytes: &[u8]) -> Vec<Record<'_>> {
    let records = records(bytes).map(|record| record.expect("the file was read"));
    records.filter(Record::is_measured).collect()
}

/// An image whose size is open measures something only once it has one, and keeps that.
fn is_open(image: &Image) {
    for size in [2 * PAGE_SIZE, MAX_PROGRAM_SIZE, 1 << 63] {
        let Ok(sized) = image.clone().with_size(size) else {
            continue;
        };
        assert_eq!(sized.size(), Size::Bytes(size));
        assert!(sized.mrenclave().is_some());
        assert_eq!(sized.clone().with_size(size).as_ref(), Ok(&sized));
        assert!(sized.with_size(4 * PAGE_SIZE).is_err());
    }
}

fn end(program: &Program) -> u64 {
    let last = program.segments.last().expect("a program has segments");
    last.start + last.size
}

fn is_converted(bytes: &[u8], program: &Program) {
    let Ok(image) = convert(bytes, MEMORY) else {
        return;
    };
    assert_eq!(convert(bytes, MEMORY).as_ref(), Ok(&image));
    assert_eq!(Image::parse(&image.write()).as_ref(), Ok(&image));
    assert!(image.mrenclave().is_some());
    let heap = end(program).next_multiple_of(PAGE_SIZE);
    let (loaded, added): (Vec<&ImagePage>, _) =
        image.pages().iter().partition(|page| page.offset < heap);
    assert_eq!(added.len(), MEMORY_PAGES);
    let is_thread = |page: &&ImagePage| page.flags.page_type() == Some(PageType::Tcs);
    assert_eq!(added.into_iter().filter(is_thread).count(), 1);
    for page in loaded {
        let is_of = program.segments.iter().any(|segment| {
            page.flags == segment.flags
                && page.offset + PAGE_SIZE > segment.start
                && page.offset < segment.start + segment.size
        });
        assert!(is_of, "{:#x} is of no segment", page.offset);
        assert_eq!(page.measured.len(), 16);
    }
}
