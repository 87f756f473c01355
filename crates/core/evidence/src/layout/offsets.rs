//! Size and place of every field of every structure, as the vendor's documents give them.

use std::mem::offset_of;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use super::*;

/// Checks that the fields have these offsets and sizes, follow each other without a gap and
/// fill the structure.
macro_rules! assert_layout {
    ($structure:ty, $size:expr, { $($field:ident: $kind:ty = $offset:expr, $width:expr;)+ }) => {{
        let mut end = 0;
        $(
            // The binding fails to compile when the field is of another type.
            let _: fn(&$structure) -> &$kind = |structure| &structure.$field;
            let name = concat!(stringify!($structure), ".", stringify!($field));
            assert_eq!(offset_of!($structure, $field), $offset, "offset of {name}");
            assert_eq!(size_of::<$kind>(), $width, "size of {name}");
            assert_eq!(end, $offset, "gap before {name}");
            end = $offset + $width;
        )+
        assert_eq!(end, $size, "fields of {}", stringify!($structure));
        assert_eq!(size_of::<$structure>(), $size, "size of {}", stringify!($structure));
        assert_eq!(align_of::<$structure>(), 1, "alignment of {}", stringify!($structure));
    }};
}

#[test]
fn quote_header() {
    assert_layout!(QuoteHeader, 48, {
        version: U16 = 0, 2;
        attestation_key_type: U16 = 2, 2;
        tee_type: U32 = 4, 4;
        qe_svn: U16 = 8, 2;
        pce_svn: U16 = 10, 2;
        qe_vendor_id: [u8; 16] = 12, 16;
        user_data: [u8; 20] = 28, 20;
    });
}

#[test]
fn body_descriptor() {
    assert_layout!(BodyDescriptor, 6, {
        body_type: U16 = 0, 2;
        size: U32 = 2, 4;
    });
}

#[test]
fn sgx_report() {
    assert_layout!(SgxAttributes, 16, {
        flags: U64 = 0, 8;
        xfrm: U64 = 8, 8;
    });
    assert_layout!(SgxReportBody, 384, {
        cpusvn: [u8; 16] = 0, 16;
        miscselect: U32 = 16, 4;
        cet_attributes: u8 = 20, 1;
        reserved1: [u8; 11] = 21, 11;
        isvextprodid: [u8; 16] = 32, 16;
        attributes: SgxAttributes = 48, 16;
        mrenclave: [u8; 32] = 64, 32;
        reserved2: [u8; 32] = 96, 32;
        mrsigner: [u8; 32] = 128, 32;
        reserved3: [u8; 32] = 160, 32;
        configid: [u8; 64] = 192, 64;
        isvprodid: U16 = 256, 2;
        isvsvn: U16 = 258, 2;
        configsvn: U16 = 260, 2;
        reserved4: [u8; 42] = 262, 42;
        isvfamilyid: [u8; 16] = 304, 16;
        reportdata: [u8; 64] = 320, 64;
    });
    assert_layout!(SgxReport, 432, {
        body: SgxReportBody = 0, 384;
        keyid: [u8; 32] = 384, 32;
        mac: [u8; 16] = 416, 16;
    });
}

#[test]
fn td_quote_bodies() {
    assert_layout!(TdReport10, 584, {
        tee_tcb_svn: [u8; 16] = 0, 16;
        mrseam: [u8; 48] = 16, 48;
        mrsignerseam: [u8; 48] = 64, 48;
        seamattributes: U64 = 112, 8;
        tdattributes: U64 = 120, 8;
        xfam: U64 = 128, 8;
        mrtd: [u8; 48] = 136, 48;
        mrconfigid: [u8; 48] = 184, 48;
        mrowner: [u8; 48] = 232, 48;
        mrownerconfig: [u8; 48] = 280, 48;
        rtmr0: [u8; 48] = 328, 48;
        rtmr1: [u8; 48] = 376, 48;
        rtmr2: [u8; 48] = 424, 48;
        rtmr3: [u8; 48] = 472, 48;
        reportdata: [u8; 64] = 520, 64;
    });
    assert_layout!(TdReport15, 648, {
        td10: TdReport10 = 0, 584;
        tee_tcb_svn2: [u8; 16] = 584, 16;
        mrservicetd: [u8; 48] = 600, 48;
    });
    assert_layout!(TdReport15Ex, 885, {
        td15: TdReport15 = 0, 648;
        vmid: u8 = 648, 1;
        tdid: [u8; 32] = 649, 32;
        devinfo: [u8; 48] = 681, 48;
        init_servtd_hash: [u8; 48] = 729, 48;
        init_servtd_attributes: U64 = 777, 8;
        init_cpusvn: [u8; 16] = 785, 16;
        init_tee_tcb_svn: [u8; 16] = 801, 16;
        init_tee_fmspc: [u8; 12] = 817, 12;
        cur_servtd_hash: [u8; 48] = 829, 48;
        cur_servtd_attributes: U64 = 877, 8;
    });
}

#[test]
fn td_report() {
    assert_layout!(ReportType, 4, {
        tee_type: u8 = 0, 1;
        subtype: u8 = 1, 1;
        version: u8 = 2, 1;
        reserved: u8 = 3, 1;
    });
    assert_layout!(ReportMac, 256, {
        report_type: ReportType = 0, 4;
        reserved1: [u8; 12] = 4, 12;
        cpusvn: [u8; 16] = 16, 16;
        tee_tcb_info_hash: [u8; 48] = 32, 48;
        tee_info_hash: [u8; 48] = 80, 48;
        reportdata: [u8; 64] = 128, 64;
        reserved2: [u8; 32] = 192, 32;
        mac: [u8; 32] = 224, 32;
    });
    assert_layout!(TeeTcbInfo, 239, {
        valid: U64 = 0, 8;
        tee_tcb_svn: [u8; 16] = 8, 16;
        mrseam: [u8; 48] = 24, 48;
        mrsignerseam: [u8; 48] = 72, 48;
        attributes: U64 = 120, 8;
        tee_tcb_svn2: [u8; 16] = 128, 16;
        reserved: [u8; 95] = 144, 95;
    });
    assert_layout!(TdInfo, 512, {
        attributes: U64 = 0, 8;
        xfam: U64 = 8, 8;
        mrtd: [u8; 48] = 16, 48;
        mrconfigid: [u8; 48] = 64, 48;
        mrowner: [u8; 48] = 112, 48;
        mrownerconfig: [u8; 48] = 160, 48;
        rtmr: [[u8; 48]; 4] = 208, 192;
        servtd_hash: [u8; 48] = 400, 48;
        tdid: [u8; 32] = 448, 32;
        reserved1: [u8; 24] = 480, 24;
        vmid: u8 = 504, 1;
        reserved2: [u8; 3] = 505, 3;
        valid: U32 = 508, 4;
    });
    assert_layout!(TdReport, 1024, {
        report_mac: ReportMac = 0, 256;
        tee_tcb_info: TeeTcbInfo = 256, 239;
        reserved: [u8; 17] = 495, 17;
        td_info: TdInfo = 512, 512;
    });
}

#[test]
fn certification_data() {
    assert_layout!(PpidData, 36, {
        ppid: [u8; 16] = 0, 16;
        cpusvn: [u8; 16] = 16, 16;
        pcesvn: U16 = 32, 2;
        pceid: U16 = 34, 2;
    });
    assert_layout!(EncryptedPpid2048, 276, {
        ppid: [u8; 256] = 0, 256;
        cpusvn: [u8; 16] = 256, 16;
        pcesvn: U16 = 272, 2;
        pceid: U16 = 274, 2;
    });
    assert_layout!(EncryptedPpid3072, 404, {
        ppid: [u8; 384] = 0, 384;
        cpusvn: [u8; 16] = 384, 16;
        pcesvn: U16 = 400, 2;
        pceid: U16 = 402, 2;
    });
}

#[test]
fn integers_are_little_endian() {
    let descriptor = BodyDescriptor::new(crate::BodyType::Td15Ex);
    assert_eq!(descriptor.as_bytes(), [4, 0, 0x75, 3, 0, 0]);
}

#[test]
fn body_types_have_the_sizes_of_their_structures() {
    let sizes = [
        size_of::<SgxReportBody>(),
        size_of::<TdReport10>(),
        size_of::<TdReport15>(),
        size_of::<TdReport15Ex>(),
    ];
    assert_eq!(crate::BodyType::ALL.map(|kind| kind.size() as usize), sizes);
}
