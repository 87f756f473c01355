//! The report of a trust domain before it is made into a quote.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What kind of report follows, 4 bytes.
///
/// Intel TDX module specification, "REPORTTYPE".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct ReportType {
    /// 0/1: 0x81 for TDX.
    pub tee_type: u8,
    /// 1/1: 0.
    pub subtype: u8,
    /// 2/1: 0, or 1 when service trust domains are bound to this one.
    pub version: u8,
    /// 3/1: reserved, zero.
    pub reserved: u8,
}

impl ReportType {
    /// The value of `tee_type` in the report of a trust domain.
    pub const TDX: u8 = 0x81;
}

/// The part of a TD report that the processor authenticates, 256 bytes.
///
/// Intel TDX module specification, "REPORTMACSTRUCT".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct ReportMac {
    /// 0/4: kind of the report.
    pub report_type: ReportType,
    /// 4/12: reserved, zero.
    pub reserved1: [u8; 12],
    /// 16/16: security version of the processor, opaque.
    pub cpusvn: [u8; 16],
    /// 32/48: SHA-384 of the 239 bytes of [`TeeTcbInfo`].
    pub tee_tcb_info_hash: [u8; 48],
    /// 80/48: SHA-384 of the 512 bytes of [`TdInfo`].
    pub tee_info_hash: [u8; 48],
    /// 128/64: data of the trust domain's choice.
    pub reportdata: [u8; 64],
    /// 192/32: reserved, zero.
    pub reserved2: [u8; 32],
    /// 224/32: HMAC-SHA-256 of the bytes before it, under a key of the processor.
    pub mac: [u8; 32],
}

/// What a TD report says of the TDX module, 239 bytes.
///
/// Intel TDX module specification, "TEE_TCB_INFO".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TeeTcbInfo {
    /// 0/8: which of the fields below are filled in; the module defines the bits.
    pub valid: U64,
    /// 8/16: security versions of the TDX components at the launch of the trust domain.
    pub tee_tcb_svn: [u8; 16],
    /// 24/48: SHA-384 measurement of the TDX module.
    pub mrseam: [u8; 48],
    /// 72/48: SHA-384 of the module's signer; zero for modules signed by Intel.
    pub mrsignerseam: [u8; 48],
    /// 120/8: attributes of the TDX module.
    pub attributes: U64,
    /// 128/16: security versions of the TDX components now; zero before TDX 1.5.
    pub tee_tcb_svn2: [u8; 16],
    /// 144/95: reserved, zero.
    pub reserved: [u8; 95],
}

/// What a TD report says of the trust domain, 512 bytes.
///
/// Intel TDX module specification, "TDINFO_STRUCT".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TdInfo {
    /// 0/8: attributes of the trust domain; see [`td_attributes`](super::td_attributes).
    pub attributes: U64,
    /// 8/8: the processor state components that the trust domain may use.
    pub xfam: U64,
    /// 16/48: SHA-384 measurement of the trust domain's initial contents.
    pub mrtd: [u8; 48],
    /// 64/48: configuration id, chosen by whoever started the trust domain.
    pub mrconfigid: [u8; 48],
    /// 112/48: owner, chosen likewise.
    pub mrowner: [u8; 48],
    /// 160/48: owner's configuration, chosen likewise.
    pub mrownerconfig: [u8; 48],
    /// 208/192: measurement registers 0 to 3, extended at run time.
    pub rtmr: [[u8; 48]; 4],
    /// 400/48: SHA-384 over the service trust domains bound to this one; zero without any.
    pub servtd_hash: [u8; 48],
    /// 448/32: id of the trust domain; zero where the module does not report it.
    pub tdid: [u8; 32],
    /// 480/24: reserved, zero.
    pub reserved1: [u8; 24],
    /// 504/1: number of the virtual machine inside the trust domain; 0 without partitioning.
    pub vmid: u8,
    /// 505/3: reserved, zero.
    pub reserved2: [u8; 3],
    /// 508/4: which of the fields from `tdid` on are filled in; zero where the module reports
    /// none of them.
    pub valid: U32,
}

/// A report as `TDCALL[TDG.MR.REPORT]` leaves it, 1024 bytes, for the quoting enclave on the
/// same processor.
///
/// Intel TDX module specification, "TDREPORT_STRUCT".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TdReport {
    /// 0/256: what the processor authenticates: report data, and digests of the other parts.
    pub report_mac: ReportMac,
    /// 256/239: the TDX module.
    pub tee_tcb_info: TeeTcbInfo,
    /// 495/17: reserved, zero.
    pub reserved: [u8; 17],
    /// 512/512: the trust domain.
    pub td_info: TdInfo,
}
