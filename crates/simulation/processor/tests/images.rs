//! Enclave images: reading, writing, measuring; and public images of others.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;

use bulla_processor::sgxs::{Image, ImagePage, Record, SgxsError, Size, records};
use bulla_processor::structures::SecinfoFlags;
use bulla_processor::{Sigstruct, SmallEnclave, TdBuild, TdParameters, TdxModule};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

prop_compose! {
    fn pages()(
        places in prop::collection::btree_set(0u64..64, 1..8),
        contents in prop::collection::vec(
            (any::<[u8; 16]>(), prop::collection::btree_set(0u8..16, 0..16), 0usize..4), 8),
    ) -> Vec<ImagePage> {
        let kinds = [SecinfoFlags::CODE, SecinfoFlags::DATA, SecinfoFlags::CONSTANTS, SecinfoFlags::TCS];
        places
            .into_iter()
            .zip(contents)
            .map(|(place, (bytes, measured, kind)): (u64, ([u8; 16], BTreeSet<u8>, usize))| {
                // One byte in every chunk, so that those that are not measured matter too.
                let mut data = vec![0; 4096];
                for (chunk, byte) in data.chunks_mut(256).zip(bytes) {
                    chunk[7] = byte;
                }
                let mut page = ImagePage::measured(place * 4096, kinds[kind], &data);
                page.measured = measured.into_iter().rev().collect();
                page
            })
            .collect()
    }
}

proptest! {
    #[test]
    fn an_image_comes_back_and_is_measured_as_its_records(pages in pages()) {
        let image = Image::new(1, pages.clone()).expect("pages that rise");
        prop_assert_eq!(image.pages(), &pages[..]);
        let bytes = image.write();
        let again = Image::parse(&bytes);
        prop_assert_eq!(again.as_ref(), Ok(&image));

        let measured: Vec<u8> = records(&bytes)
            .map(|record| record.expect("well formed"))
            .filter(Record::is_measured)
            .flat_map(|record| [&record.header()[..], record.data()].concat())
            .collect();
        let expected: [u8; 32] = Sha256::digest(&measured).into();
        prop_assert_eq!(image.mrenclave(), Some(expected));
    }

    #[test]
    fn whatever_bytes_come_the_reader_answers(
        bytes in prop::collection::vec(any::<u8>(), 0..700),
        at in 0usize..2000,
        flip in any::<u8>(),
    ) {
        let _ = Image::parse(&bytes);
        let mut image = SmallEnclave::new("code").image().write();
        image[at] ^= flip;
        let _ = Image::parse(&image);
    }

    #[test]
    fn a_cut_image_is_refused_or_a_shorter_one(at in 0usize..10_000) {
        let bytes = SmallEnclave::new("code").image().write();
        prop_assume!(at < bytes.len());
        if let Ok(image) = Image::parse(&bytes[..at]) {
            prop_assert_eq!(image.write().len(), at);
        }
    }
}

/// An image of these records.
fn image(records: &[Record<'_>]) -> Result<Image, SgxsError> {
    let bytes: Vec<u8> = records
        .iter()
        .flat_map(|record| [&record.header()[..], record.data()].concat())
        .collect();
    Image::parse(&bytes)
}

const CREATE: Record<'_> = Record::Create {
    ssa_frame_size: 1,
    size: 0x4000,
};
const PAGE: Record<'_> = page(0x1000);

const fn page(offset: u64) -> Record<'static> {
    Record::Add {
        offset,
        flags: SecinfoFlags::DATA,
    }
}

const fn measured(offset: u64) -> Record<'static> {
    Record::Extend {
        offset,
        data: &[1; 256],
    }
}

#[test]
fn what_is_not_canonical_is_refused() {
    use SgxsError::*;
    assert!(image(&[CREATE, PAGE, measured(0x1100), measured(0x1000)]).is_ok());
    assert_eq!(image(&[]), Err(Empty));
    assert_eq!(image(&[PAGE]), Err(RecordMisplaced { at: 0 }));
    assert_eq!(image(&[CREATE, CREATE]), Err(RecordMisplaced { at: 64 }));
    for size in [0, 0x1000, 0x3000] {
        let create = Record::Create {
            ssa_frame_size: 1,
            size,
        };
        assert_eq!(image(&[create]), Err(SizeInvalid { size }));
    }
    for wrong in [0x800, 0x1000, 0x4000] {
        let refused = image(&[CREATE, PAGE, page(wrong)]);
        let expected = PageMisplaced {
            at: 128,
            page: wrong,
        };
        assert_eq!(refused, Err(expected));
    }
    let tcs = Record::Add {
        offset: 0,
        flags: SecinfoFlags(SecinfoFlags::TCS.0 | SecinfoFlags::R),
    };
    assert_eq!(image(&[CREATE, tcs]), Err(TcsPermissions { at: 64 }));
    for chunk in [0x0f00, 0x1080, 0x2000] {
        let refused = image(&[CREATE, PAGE, measured(chunk)]);
        assert_eq!(refused, Err(ChunkMisplaced { at: 128, chunk }));
    }
    let twice = image(&[CREATE, PAGE, measured(0x1000), measured(0x1000)]);
    let expected = ChunkMisplaced {
        at: 128 + 320,
        chunk: 0x1000,
    };
    assert_eq!(twice, Err(expected));
    let nowhere = image(&[CREATE, measured(0)]);
    assert_eq!(nowhere, Err(ChunkMisplaced { at: 64, chunk: 0 }));

    let mut bytes = CREATE.header();
    bytes[63] = 1;
    assert_eq!(Image::parse(&bytes), Err(ReservedNotZero { at: 0 }));
    bytes[0] = b'e';
    let tag = *b"eCREATE\0";
    assert_eq!(Image::parse(&bytes), Err(RecordUnknown { at: 0, tag }));
    assert_eq!(Image::parse(&bytes[..63]), Err(RecordCut { at: 0 }));
    let cut = [&CREATE.header()[..], &measured(0).header()].concat();
    assert_eq!(Image::parse(&cut), Err(DataCut { at: 64 }));
}

#[test]
fn an_open_size_is_written_into_the_image() {
    let create = Record::Unsized {
        ssa_frame_size: 1,
        size_at: 0x1010,
    };
    let open = image(&[create, PAGE, measured(0x1000)]).expect("canonical");
    assert_eq!(
        (open.mrenclave(), open.size()),
        (None, Size::Open { size_at: 0x1010 })
    );
    assert_eq!(Image::parse(&open.write()).as_ref(), Ok(&open));
    let sized = open.clone().with_size(0x8000).expect("a power of two");
    assert_eq!(sized.pages()[0].data[0x10..0x18], 0x8000_u64.to_le_bytes());
    assert!(sized.mrenclave().is_some());
    assert!(sized.with_size(0x10000).is_err(), "it is known");
    for size in [0x1000, 0x9000] {
        let refused = open.clone().with_size(size);
        assert_eq!(refused, Err(SgxsError::SizeInvalid { size }));
    }
    let homeless = Record::Unsized {
        ssa_frame_size: 1,
        size_at: 0x1ffc,
    };
    let refused = image(&[homeless, PAGE]).and_then(|image| image.with_size(0x8000));
    assert_eq!(refused, Err(SgxsError::SizeHomeless { size_at: 0x1ffc }));
}

/// A public image and what it is known to measure as.
struct Golden {
    image: Option<&'static str>,
    sigstruct: &'static str,
    mrenclave: &'static str,
    mrsigner: &'static str,
}

const GOLDEN: [Golden; 2] = [
    Golden {
        image: Some("test_enclave.sgxs"),
        sigstruct: "test_enclave.sig",
        mrenclave: "784acfd7d5096a8f0fbd3265760bff21b120f62407a9a9e5ba31aa3c8ed198fc",
        mrsigner: "fb4bab3d6036ac1d730fa83d7366df1dd2dfeac194ef335d6854d8a6c6475542",
    },
    Golden {
        image: None,
        sigstruct: "le_prod_css.bin",
        mrenclave: "7881af9f9def547da9908c008f29cde9bd78064e36ac7e14c83c294ca4806150",
        mrsigner: "acb77012053e05a63d413b8bbae8fb6c5d73b3f2996d91c43bbbf90959c0f8d4",
    },
];

/// Both by Python's hashlib and struct, from the records as the manuals describe them.
#[test]
fn measurements_that_another_program_computed() {
    let data: Vec<u8> = (0..4096_u32).map(|i| (i * 7 % 251) as u8).collect();
    let backwards: Vec<u8> = data.iter().rev().copied().collect();
    let mut last = ImagePage::measured(0x3000, SecinfoFlags::DATA, &backwards);
    last.measured = vec![0, 15];
    let pages = vec![
        ImagePage::measured(0, SecinfoFlags::CODE, &data),
        ImagePage::unmeasured(0x1000, SecinfoFlags::DATA),
        last,
    ];
    let mrenclave = Image::new(1, pages).expect("pages that rise").mrenclave();
    assert_eq!(
        hex::encode(mrenclave.expect("the size is known")),
        "78c5cffb96b2c26f05c09628b7b0fe1fe73bbf1f947aaf87dfb44cb91d175ca6"
    );

    let mut build = TdBuild::new(&TdParameters::default()).expect("parameters that fit");
    build.add_page(0).expect("aligned");
    for (chunk, gpa) in data.as_chunks().0.iter().zip((0..).step_by(256)) {
        build.extend(gpa, chunk).expect("aligned");
    }
    build.add_page(0x1000).expect("aligned");
    let domain = build.finalize(&TdxModule::new([0; 16]));
    assert_eq!(
        hex::encode(domain.info().mrtd),
        "4129fb22848d5e3e4240f908909f47b35a78ac5be77ac3522fc2d42c384c065189a4ec5fceb38dc9a6699f9490d69680"
    );
}

/// The file in the folder that `BULLA_ENCLAVES` names. Where it is missing, a line says so, and
/// with `enclaves` in `BULLA_REQUIRE` the test fails.
fn public_file(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("BULLA_ENCLAVES").map(PathBuf::from);
    let bytes = folder.and_then(|folder| std::fs::read(folder.join(name)).ok());
    if bytes.is_none() {
        let required = std::env::var("BULLA_REQUIRE").unwrap_or_default();
        let required = required.split(',').any(|word| word.trim() == "enclaves");
        assert!(!required, "{name} is not in the folder BULLA_ENCLAVES");
        // Not by `eprintln!`, which the test runner keeps to itself where a test passes.
        let line = format!("SKIPPED {name}: it is not in the folder that BULLA_ENCLAVES names\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    bytes
}

#[test]
fn public_enclaves_measure_as_they_are_known_to() {
    for golden in GOLDEN {
        if let Some(bytes) = public_file(golden.sigstruct) {
            let sigstruct = Sigstruct::parse(&bytes).expect("a SIGSTRUCT");
            assert_eq!(hex::encode(sigstruct.enclavehash), golden.mrenclave);
            assert_eq!(hex::encode(sigstruct.mrsigner()), golden.mrsigner);
            assert_eq!(sigstruct.check_format(), Ok(()));
            assert_eq!(sigstruct.check_signature(), Ok(()));
        }
        if let Some(bytes) = golden.image.and_then(public_file) {
            let image = Image::parse(&bytes).expect("canonical");
            let mrenclave = image.mrenclave().expect("the size is known");
            assert_eq!(hex::encode(mrenclave), golden.mrenclave);
        }
    }
}
