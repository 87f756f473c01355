//! The fixed structures of SGX and TDX evidence.
//!
//! Fields bear the vendor's names in snake case. Integers are little-endian and every
//! structure has alignment 1, so that it can be borrowed from any place of a buffer and
//! written back as it is. `new_zeroed()`, of [`zerocopy::FromZeros`], starts a structure to
//! be filled in; `as_bytes()`, of [`zerocopy::IntoBytes`], gives its encoding.
//!
//! Sizes and offsets in the documentation of the fields are in bytes, from the start of the
//! structure, as `offset/size`.

mod certification;
mod flags;
mod header;
mod sgx;
mod tdx;
mod tdx_report;

#[cfg(test)]
mod offsets;

pub use certification::{
    EncryptedPpid2048, EncryptedPpid3072, PpidData, PpidRecord, certification_type,
};
pub use flags::{sgx_attributes, td_attributes};
pub use header::{ATTESTATION_KEY_ECDSA_P256, BodyDescriptor, QE_VENDOR_INTEL, QuoteHeader};
pub use sgx::{SgxAttributes, SgxReport, SgxReportBody};
pub use tdx::{TdReport10, TdReport15, TdReport15Ex};
pub use tdx_report::{ReportMac, ReportType, TdInfo, TdReport, TeeTcbInfo};
