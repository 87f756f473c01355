//! Why two images differ: each single difference is found, and nothing else.

use std::sync::LazyLock;

use bulla_enclave::image::{Difference, Side, demonstration, difference};
use bulla_processor::sgxs::{Image, ImagePage, Size};
use bulla_processor::structures::SecinfoFlags;
use bulla_processor::{Enclave, EnclaveSigner, ErrorCode, Grants, Sigstruct, StartParameters};
use proptest::prelude::*;

fn pages() -> Vec<ImagePage> {
    let data: Vec<u8> = (0..4096_u32).map(|i| (i * 7 % 251 + 1) as u8).collect();
    vec![
        ImagePage::measured(0, SecinfoFlags::CODE, &data),
        ImagePage::measured(0x1000, SecinfoFlags::DATA, &data),
        ImagePage::unmeasured(0x3000, SecinfoFlags::DATA),
    ]
}

fn image(pages: Vec<ImagePage>) -> Image {
    Image::new(1, pages).expect("pages that rise")
}

#[track_caller]
fn found(change: impl FnOnce(&mut Vec<ImagePage>)) -> Vec<Difference> {
    let mut changed = pages();
    change(&mut changed);
    let (left, right) = (image(pages()), image(changed));
    let found = difference(&left, &right);
    let measured = found.iter().any(Difference::is_measured);
    assert_eq!(left.mrenclave() != right.mrenclave(), measured, "{found:?}");
    found
}

#[test]
fn images_that_are_the_same_have_no_difference() {
    assert_eq!(found(|_| ()), []);
}

#[test]
fn pages_that_only_one_has_are_told_in_runs() {
    let more = |pages: &mut Vec<ImagePage>| {
        pages.insert(2, ImagePage::measured(0x2000, SecinfoFlags::DATA, &[]));
        pages.insert(0, pages[0].clone());
        pages[0].flags = SecinfoFlags::DATA;
        pages.remove(0);
    };
    let missing = |offset, only, flags| Difference::PagesMissing {
        offset,
        pages: 1,
        only,
        flags,
    };
    assert_eq!(
        found(more),
        [missing(0x2000, Side::Right, SecinfoFlags::DATA)]
    );
    let fewer = |pages: &mut Vec<ImagePage>| drop(pages.remove(0));
    assert_eq!(found(fewer), [missing(0, Side::Left, SecinfoFlags::CODE)]);

    let longer = |offset| ImagePage::unmeasured(offset, SecinfoFlags::DATA);
    let [small, large] =
        [1, 40].map(|count| image((0..count).map(|i| longer(i * 0x1000)).collect()));
    let run = Difference::PagesMissing {
        offset: 0x1000,
        pages: 39,
        only: Side::Right,
        flags: SecinfoFlags::DATA,
    };
    let size = Difference::Size {
        left: Size::Bytes(0x2000),
        right: Size::Bytes(0x4_0000),
    };
    assert_eq!(difference(&small, &large), [size, run]);
}

#[test]
fn flags_chunks_and_their_order_are_told_apart() {
    let flags = found(|pages| pages[1].flags = SecinfoFlags::CONSTANTS);
    assert_eq!(
        flags,
        [Difference::Flags {
            offset: 0x1000,
            left: SecinfoFlags::DATA,
            right: SecinfoFlags::CONSTANTS,
        }]
    );
    let all: Vec<u8> = (0..16).collect();
    let swapped: Vec<u8> = [1, 0].into_iter().chain(2..16).collect();
    let order = found(|pages| pages[0].measured = swapped.clone());
    assert_eq!(
        order,
        [Difference::Order {
            offset: 0,
            left: all.clone(),
            right: swapped,
        }]
    );
    let fewer = found(|pages| pages[0].measured.truncate(15));
    assert_eq!(
        fewer,
        [Difference::Measured {
            offset: 0,
            left: all,
            right: (0..15).collect(),
        }]
    );
}

#[test]
fn parameters_of_the_whole_are_told() {
    let (left, right) = (
        image(pages()),
        Image::new(2, pages()).expect("pages that rise"),
    );
    let frames = Difference::SsaFrameSize { left: 1, right: 2 };
    assert_eq!(difference(&left, &right), [frames]);
}

proptest! {
    #[test]
    fn every_planted_byte_is_found_where_it_is(
        page in 0usize..3,
        at in 0usize..4096,
        flip in 1u8..,
    ) {
        let found = found(|pages| pages[page].data[at] ^= flip);
        let offset = pages()[page].offset + at as u64;
        let [Difference::Content { offset: told, count: 1, measured, left, right }] = &found[..] else {
            return Err(TestCaseError::fail(format!("{found:?}")));
        };
        prop_assert_eq!(*told, offset);
        // Of the third page nothing is measured.
        prop_assert_eq!(*measured, page != 2);
        prop_assert_eq!(left[0] ^ right[0], flip);
        prop_assert_eq!(&left[1..], &right[1..]);
    }

    #[test]
    fn sides_change_with_the_arguments(at in 0usize..4096, gone in 0usize..3) {
        let mut other = pages();
        other[0].data[at] ^= 1;
        other.remove(gone);
        let (left, right) = (image(pages()), image(other));
        prop_assert_eq!(difference(&left, &right).len(), difference(&right, &left).len());
        prop_assert_eq!(difference(&left, &left), []);
    }
}

/// The demonstration, its SIGSTRUCT, and whether it may be debugged.
fn started(image: &Image, sigstruct: &Sigstruct, flags: u64) -> Option<ErrorCode> {
    let started = Enclave::load(
        image,
        sigstruct,
        &StartParameters::new(flags),
        Grants::default(),
    );
    started.err().and_then(|failure| failure.error_code())
}

fn sigstruct(image: &Image, signer: &EnclaveSigner) -> Sigstruct {
    let mut sigstruct = Sigstruct::new(image.mrenclave().expect("the size is known"));
    sigstruct.attributes = StartParameters::new(0).attributes;
    sigstruct.attribute_mask.flags = u64::MAX.into();
    signer.sign(&mut sigstruct);
    sigstruct
}

#[test]
fn einit_takes_what_was_signed_and_names_what_was_not() {
    const DEBUG: u64 = 2;
    let (ours, other) = (
        EnclaveSigner::demonstration(),
        EnclaveSigner::architectural(),
    );
    let image = demonstration::image();
    let signed = sigstruct(&image, &ours);
    assert_eq!(started(&image, &signed, 0), None);
    assert_eq!(
        started(&image, &signed, DEBUG),
        Some(ErrorCode::InvalidAttribute)
    );

    // Whoever cannot sign puts his own key, or nothing but his own words.
    let mut changed = signed.clone();
    changed.modulus = sigstruct(&image, &other).modulus;
    assert_eq!(
        started(&image, &changed, 0),
        Some(ErrorCode::InvalidSignature)
    );
    let mut changed = signed.clone();
    changed.isvsvn = 9.into();
    assert_eq!(
        started(&image, &changed, 0),
        Some(ErrorCode::InvalidSignature)
    );
    let theirs = sigstruct(&image, &other);
    assert_eq!(
        started(&image, &theirs, 0),
        None,
        "another signer is another MRSIGNER"
    );
    assert_ne!(theirs.mrsigner(), signed.mrsigner());
}

static SIGNED: LazyLock<Sigstruct> =
    LazyLock::new(|| sigstruct(&demonstration::image(), &EnclaveSigner::demonstration()));

proptest! {
    #[test]
    fn a_flipped_byte_of_what_is_measured_never_starts(page in 0usize..3, at in 0usize..4096, flip in 1u8..) {
        // Of the thread's page most bytes are refused before.
        prop_assume!(page != 2);
        let image = demonstration::image();
        let mut pages = image.pages().to_vec();
        pages[page].data[at] ^= flip;
        let flipped = Image::new(1, pages).expect("pages that rise");
        prop_assert_eq!(started(&flipped, &SIGNED, 0), Some(ErrorCode::InvalidMeasurement));
    }
}
