//! What `EINIT` and the instructions before it refuse, and with which code.

use std::sync::LazyLock;

use bulla_evidence::layout::sgx_attributes;
use bulla_processor::structures::{SecinfoFlags, Secs, Tcs};
use bulla_processor::{
    Enclave, EnclaveBuild, EnclaveSigner, ErrorCode, Failure, Grants, Sigstruct, SmallEnclave,
    StartParameters,
};
use proptest::prelude::*;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

const CODE: &str = "an enclave to be initialised";

/// An enclave whose pages are all there, and the SIGSTRUCT that suits it.
fn ready(enclave: &SmallEnclave, parameters: &StartParameters) -> (EnclaveBuild, Sigstruct) {
    let image = enclave.image();
    let bulla_processor::sgxs::Size::Bytes(size) = image.size() else {
        panic!("the size is known");
    };
    let mut build = EnclaveBuild::ecreate(secs(size, parameters)).expect("a good SECS");
    for page in image.pages() {
        build
            .eadd(page.offset, page.flags, &page.data)
            .expect("a good page");
        for chunk in &page.measured {
            let offset = page.offset + u64::from(*chunk) * 256;
            build.eextend(offset).expect("there is a page");
        }
    }
    (build, enclave.sigstruct(&EnclaveSigner::demonstration()))
}

fn secs(size: u64, parameters: &StartParameters) -> Secs {
    let mut secs = Secs::new_zeroed();
    secs.size = size.into();
    secs.ssa_frame_size = 1.into();
    secs.attributes = parameters.attributes;
    secs.miscselect = parameters.miscselect.into();
    secs.configid = parameters.configid;
    secs.configsvn = parameters.configsvn.into();
    secs
}

fn plain() -> (EnclaveBuild, Sigstruct) {
    ready(&SmallEnclave::new(CODE), &StartParameters::new(0))
}

fn code(result: Result<Enclave, Failure>) -> Option<ErrorCode> {
    result.err().and_then(|failure| failure.error_code())
}

/// The code for a change of the byte at this offset. What is signed is checked after the form and
/// before everything else.
fn expected(offset: usize) -> ErrorCode {
    let form = [
        0..20,
        24..40,
        44..128,
        512..516,
        910..912,
        992..1008,
        1028..1040,
    ];
    match form.iter().any(|range| range.contains(&offset)) {
        true => ErrorCode::InvalidSigStruct,
        // Without KSS these are zero; that is looked at with the form.
        false if (912..928).contains(&offset) || (1008..1024).contains(&offset) => {
            ErrorCode::InvalidSigStruct
        }
        false => ErrorCode::InvalidSignature,
    }
}

static PLAIN: LazyLock<(EnclaveBuild, Sigstruct)> = LazyLock::new(plain);

proptest! {
    #[test]
    fn a_changed_sigstruct_is_refused_with_the_code_of_its_place(
        offset in 0usize..1808,
        change in 1u8..=255,
    ) {
        let (build, sigstruct) = &*PLAIN;
        let mut bytes = sigstruct.as_bytes().to_vec();
        bytes[offset] ^= change;
        let changed = Sigstruct::read_from_bytes(&bytes).expect("1808 bytes");
        prop_assert_eq!(code(build.clone().einit(&changed, Grants::default())), Some(expected(offset)));
    }
}

#[test]
fn a_good_enclave_is_initialised() {
    let (build, sigstruct) = plain();
    let enclave = build
        .einit(&sigstruct, Grants::default())
        .expect("it starts");
    let secs = enclave.secs();
    assert!(secs.has(sgx_attributes::INIT));
    assert_eq!(secs.mrenclave, sigstruct.enclavehash);
    assert_eq!(secs.mrsigner, EnclaveSigner::demonstration().mrsigner());
    assert_eq!((secs.isvprodid.get(), secs.isvsvn.get()), (1, 1));
    let (flags, page) = enclave.page(0).expect("the code is there");
    assert_eq!(flags, SecinfoFlags::CODE);
    assert!(page.starts_with(CODE.as_bytes()));
    assert!(enclave.page(0x10_0000).is_none());
}

#[test]
fn what_was_signed_for_something_else_is_refused() {
    let signer = EnclaveSigner::demonstration();
    let refused = |change: &dyn Fn(&mut Sigstruct), expected| {
        let (build, mut sigstruct) = plain();
        change(&mut sigstruct);
        signer.sign(&mut sigstruct);
        assert_eq!(
            code(build.einit(&sigstruct, Grants::default())),
            Some(expected)
        );
    };
    use ErrorCode::{InvalidAttribute, InvalidMeasurement, InvalidSigStruct};
    refused(&|s| s.enclavehash[0] ^= 1, InvalidMeasurement);
    refused(
        &|s| s.attributes.flags |= sgx_attributes::DEBUG,
        InvalidAttribute,
    );
    refused(&|s| s.miscselect = 1.into(), InvalidAttribute);
    refused(&|s| s.isvfamilyid[0] = 1, InvalidSigStruct);
    refused(&|s| s.isvextprodid[0] = 1, InvalidSigStruct);
    refused(&|s| s.vendor = 0x8087.into(), InvalidSigStruct);
    refused(
        &|s| {
            s.attributes.xfrm = 7.into();
            s.attribute_mask.xfrm = 4.into();
        },
        InvalidAttribute,
    );
    refused(
        &|s| {
            s.cet_attributes = 1;
            s.cet_attributes_mask = 1;
        },
        InvalidAttribute,
    );
}

#[test]
fn what_the_mask_leaves_open_may_differ() {
    let signer = EnclaveSigner::demonstration();
    let enclave = SmallEnclave::new(CODE);
    let mut parameters = StartParameters::new(sgx_attributes::DEBUG);
    parameters.attributes.xfrm = 0xe7.into();
    parameters.miscselect = 1;
    let (build, mut sigstruct) = ready(&enclave, &parameters);
    sigstruct.attribute_mask.flags = (!sgx_attributes::DEBUG).into();
    sigstruct.attribute_mask.xfrm = (!0xe4).into();
    sigstruct.misc_mask = (!1).into();
    sigstruct.vendor = 0x8086.into();
    signer.sign(&mut sigstruct);
    assert!(build.einit(&sigstruct, Grants::default()).is_ok());
}

#[test]
fn provisioning_and_launch_keys_need_a_grant() {
    let signer = EnclaveSigner::demonstration();
    for flag in [
        sgx_attributes::PROVISION_KEY,
        sgx_attributes::EINITTOKEN_KEY,
    ] {
        let enclave = SmallEnclave {
            flags: flag,
            ..SmallEnclave::new(CODE)
        };
        assert!(enclave.start(&signer).is_ok(), "granted");
        let (build, sigstruct) = ready(&enclave, &enclave.parameters());
        assert_eq!(
            code(build.einit(&sigstruct, Grants::default())),
            Some(ErrorCode::InvalidAttribute)
        );
    }
}

#[test]
fn key_separation_carries_its_ids_into_the_enclave() {
    let enclave = SmallEnclave {
        flags: sgx_attributes::KSS,
        isvfamilyid: [3; 16],
        isvextprodid: [4; 16],
        ..SmallEnclave::new(CODE)
    };
    let parameters = StartParameters {
        configid: [5; 64],
        configsvn: 6,
        ..enclave.parameters()
    };
    let (build, sigstruct) = ready(&enclave, &parameters);
    let started = build
        .einit(&sigstruct, Grants::default())
        .expect("it starts");
    let report = started.secs().report_body([0; 16], [0; 64]);
    assert_eq!(report.isvfamilyid, [3; 16]);
    assert_eq!(report.isvextprodid, [4; 16]);
    assert_eq!(report.configid, [5; 64]);
    assert_eq!(report.configsvn.get(), 6);
}

#[test]
fn a_byte_or_a_page_more_is_another_measurement() {
    let enclave = SmallEnclave::new(CODE);
    let (mut build, sigstruct) = ready(&enclave, &enclave.parameters());
    build
        .eadd(0x6000, SecinfoFlags::CONSTANTS, &[0; 4096])
        .expect("there is room");
    assert_eq!(
        code(build.einit(&sigstruct, Grants::default())),
        Some(ErrorCode::InvalidMeasurement)
    );

    let (mut build, sigstruct) = ready(&enclave, &enclave.parameters());
    build.eextend(0).expect("there is a page");
    assert_eq!(
        code(build.einit(&sigstruct, Grants::default())),
        Some(ErrorCode::InvalidMeasurement)
    );
}

#[test]
fn a_control_structure_that_breaks_its_format_faults() {
    let create = |change: &dyn Fn(&mut Secs)| {
        let mut secs = secs(0x8000, &StartParameters::new(0));
        change(&mut secs);
        EnclaveBuild::ecreate(secs)
    };
    assert!(create(&|_| ()).is_ok());
    assert!(create(&|s| s.base_addr = 0x8000.into()).is_ok());
    let faults: [&dyn Fn(&mut Secs); 14] = [
        &|s| s.size = 0x9000.into(),
        &|s| s.size = 0x1000.into(),
        &|s| s.base_addr = 0x4000.into(),
        &|s| s.ssa_frame_size = 0.into(),
        &|s| s.attributes.flags |= sgx_attributes::INIT,
        &|s| s.attributes.flags |= 8,
        &|s| s.attributes.xfrm = 1.into(),
        &|s| s.attributes.xfrm = (1 << 40 | 3).into(),
        // AMX tiles need three pages.
        &|s| s.attributes.xfrm = 0x6_00e7.into(),
        &|s| s.miscselect = 2.into(),
        &|s| s.configsvn = 1.into(),
        &|s| s.cet_attributes = 1,
        &|s| s.mrsigner[0] = 1,
        &|s| s.reserved4[100] = 1,
    ];
    for (index, change) in faults.iter().enumerate() {
        let failure = create(*change).expect_err("it must fault");
        assert_eq!(failure.error_code(), None, "change {index}: {failure}");
    }
}

#[test]
fn pages_that_no_enclave_has_fault() {
    let mut build = EnclaveBuild::ecreate(secs(0x8000, &StartParameters::new(0))).expect("good");
    let empty = [0; 4096];
    let mut add = |offset, flags, data: &[u8; 4096]| build.eadd(offset, flags, data).is_ok();
    assert!(add(0, SecinfoFlags::CODE, &empty));
    assert!(!add(0, SecinfoFlags::CODE, &empty), "there is one");
    assert!(!add(0x800, SecinfoFlags::CODE, &empty), "not aligned");
    assert!(!add(0x8000, SecinfoFlags::CODE, &empty), "outside");
    assert!(
        !add(0x1000, SecinfoFlags(0x202), &empty),
        "write without read"
    );
    assert!(!add(0x1000, SecinfoFlags(0x20b), &empty), "pending");
    assert!(!add(0x1000, SecinfoFlags(0x000), &empty), "a SECS");
    assert!(!add(0x1000, SecinfoFlags(0x101), &empty), "a readable TCS");

    let tcs = |change: &dyn Fn(&mut Tcs)| -> [u8; 4096] {
        let mut tcs = Tcs::new_zeroed();
        tcs.fslimit = 0xfff.into();
        tcs.gslimit = 0xfff.into();
        change(&mut tcs);
        tcs.as_bytes().try_into().expect("a page")
    };
    assert!(!add(0x1000, SecinfoFlags::TCS, &empty), "limits of zero");
    let faults: [&dyn Fn(&mut Tcs); 5] = [
        &|t| t.flags = Tcs::DBGOPTIN.into(),
        &|t| t.flags = 4.into(),
        &|t| t.cssa = 1.into(),
        &|t| t.ossa = 0x10.into(),
        &|t| t.reserved[0] = 1,
    ];
    for change in faults {
        assert!(!add(0x1000, SecinfoFlags::TCS, &tcs(change)));
    }
    assert!(add(0x1000, SecinfoFlags::TCS, &tcs(&|_| ())));
    assert!(build.eextend(0x2000).is_err(), "no page");
    assert!(build.eextend(0x1001).is_err(), "not aligned");
    assert!(build.eextend(0x1f00).is_ok());
}
