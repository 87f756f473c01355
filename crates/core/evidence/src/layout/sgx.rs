//! The report of an SGX enclave.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The attributes of an enclave, 16 bytes: how it may run and be debugged.
///
/// Intel SDM volume 3D, "ATTRIBUTES".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct SgxAttributes {
    /// 0/8: flags; see [`sgx_attributes`](super::sgx_attributes).
    pub flags: U64,
    /// 8/8: the processor state components that the enclave may use, as in `XCR0`.
    pub xfrm: U64,
}

/// What a processor reports of an SGX enclave, 384 bytes: the body of an SGX quote, and the
/// quoting enclave's own report in every quote.
///
/// The fields of key separation and sharing (`isvextprodid`, `configid`, `configsvn`,
/// `isvfamilyid`) are zero unless the enclave has the attribute `KSS`.
///
/// Intel SDM volume 3D, "REPORT".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct SgxReportBody {
    /// 0/16: security version of the processor, opaque: it is compared, never ordered.
    pub cpusvn: [u8; 16],
    /// 16/4: which extra information the processor saves when the enclave is left by a fault.
    pub miscselect: U32,
    /// 20/1: which control-flow enforcement the enclave uses; 0 without.
    pub cet_attributes: u8,
    /// 21/11: reserved, zero.
    pub reserved1: [u8; 11],
    /// 32/16: extended product id.
    pub isvextprodid: [u8; 16],
    /// 48/16: attributes: flags, then XFRM.
    pub attributes: SgxAttributes,
    /// 64/32: SHA-256 measurement of code, data and layout.
    pub mrenclave: [u8; 32],
    /// 96/32: reserved, zero.
    pub reserved2: [u8; 32],
    /// 128/32: SHA-256 of the modulus of the key that signed the enclave.
    pub mrsigner: [u8; 32],
    /// 160/32: reserved, zero.
    pub reserved3: [u8; 32],
    /// 192/64: configuration id, chosen by whoever started the enclave.
    pub configid: [u8; 64],
    /// 256/2: product id, chosen by the signer.
    pub isvprodid: U16,
    /// 258/2: security version of the enclave, chosen by the signer.
    pub isvsvn: U16,
    /// 260/2: security version of the configuration.
    pub configsvn: U16,
    /// 262/42: reserved, zero.
    pub reserved4: [u8; 42],
    /// 304/16: product family id.
    pub isvfamilyid: [u8; 16],
    /// 320/64: data of the enclave's choice.
    pub reportdata: [u8; 64],
}

/// A report as the instruction `EREPORT` leaves it, 432 bytes, for another enclave on the
/// same processor.
///
/// Intel SDM volume 3D, "REPORT".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct SgxReport {
    /// 0/384: what is reported.
    pub body: SgxReportBody,
    /// 384/32: which report key was used; changes with every start of the processor.
    pub keyid: [u8; 32],
    /// 416/16: AES-128-CMAC of the body under the report key of the target enclave.
    pub mac: [u8; 16],
}
