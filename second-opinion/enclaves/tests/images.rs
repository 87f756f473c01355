//! MRENCLAVE: the demonstrations, the model's own enclaves, what the converter makes, and golden
//! values.

// The converter's own test program; not all of its places are needed here.
#[allow(dead_code)]
#[path = "../../../crates/simulation/enclave/tests/common/mod.rs"]
mod common;

use bulla_enclave::image::{Memory, convert, demonstration};
use bulla_processor::SmallEnclave;
use bulla_processor::architectural::Role;
use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::SecinfoFlags;
use independent_measurements::{mrenclave, rewritten};

/// What the other tool says of an image, once bulla says the same, and once it has written the same
/// bytes again.
#[track_caller]
fn agreed(image: &Image) -> String {
    let bytes = image.write();
    let theirs = mrenclave(&bytes).expect("an image");
    assert_eq!(image.mrenclave(), Some(theirs));
    assert!(rewritten(&bytes).expect("an image") == bytes);
    hex::encode(theirs)
}

#[test]
fn the_demonstration_measures_the_same() {
    agreed(&demonstration::image());
}

#[test]
fn the_enclaves_of_the_model_measure_the_same() {
    for role in [
        Role::Certification,
        Role::QuotingEnclaves,
        Role::QuotingDomains,
    ] {
        for version in [1, 2, 11] {
            agreed(&role.enclave(version).image());
        }
    }
    // More than a page, exactly a page, and nothing.
    for code in ["c".repeat(5000), "c".repeat(4096), String::new()] {
        agreed(&SmallEnclave::new(&code).image());
    }
}

#[test]
fn what_the_converter_makes_measures_the_same() {
    let mut overwritten = common::elf();
    let size = common::section(".text_no_sgx") + 32;
    common::put(&mut overwritten, size, 0x20, 8);
    let mut measured = Vec::new();
    for (elf, threads, debug) in [
        (common::elf(), 2, false),
        (common::elf(), 1, true),
        (overwritten, 2, false),
    ] {
        let memory = Memory {
            heap_size: 0x3000,
            stack_size: 0x2000,
            threads,
            debug,
        };
        measured.push(agreed(&convert(&elf, memory).expect("a program")));
    }
    assert_eq!(
        measured,
        [
            "24cd64e5c298e582e600b929802264e4b6b954bd34307e6a7dcdd8b2aa077c04",
            "cfda328a3bfa00522f4ece5cfed755e08bd59b34f5e4f1fa52bb38b4a01568c4",
            "e519294918cb1cee87daed70270d39121c2bdcf8d1a68f4b4d95043a5e94b8fe",
        ]
    );
}

#[test]
fn the_golden_image_measures_as_it_is_known_to() {
    let data: Vec<u8> = (0..4096_u32).map(|i| (i * 7 % 251) as u8).collect();
    let backwards: Vec<u8> = data.iter().rev().copied().collect();
    let mut last = ImagePage::measured(0x3000, SecinfoFlags::DATA, &backwards);
    last.measured = vec![0, 15];
    let pages = vec![
        ImagePage::measured(0, SecinfoFlags::CODE, &data),
        ImagePage::unmeasured(0x1000, SecinfoFlags::DATA),
        last,
    ];
    let image = Image::new(1, pages).expect("pages that rise");
    // It has contents that are not measured, which the other tool loads and does not write.
    let theirs = mrenclave(&image.write()).expect("an image");
    assert_eq!(image.mrenclave(), Some(theirs));
    assert_eq!(
        hex::encode(theirs),
        "78c5cffb96b2c26f05c09628b7b0fe1fe73bbf1f947aaf87dfb44cb91d175ca6"
    );
}

#[test]
fn a_difference_is_seen() {
    let image = demonstration::image();
    let mut bytes = image.write();
    // The size of a frame, place and flags of the first page, contents, flags of the last page.
    let last_page = bytes.len() - 64;
    for at in [8, 64 + 8, 64 + 16, 300, last_page + 16] {
        bytes[at] ^= 1;
        let theirs = mrenclave(&bytes).ok();
        assert_ne!(theirs, image.mrenclave(), "{at}");
        bytes[at] ^= 1;
    }
    assert_eq!(mrenclave(&bytes).ok(), image.mrenclave());
}
