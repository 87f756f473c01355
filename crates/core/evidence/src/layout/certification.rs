//! How a quoting enclave's platform is named when the quote does not carry its certificate.

use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The types of certification data.
///
/// Intel SGX DCAP quoting library reference, "QE Certification Data".
pub mod certification_type {
    /// The platform's PPID in the clear: [`PpidData`](super::PpidData).
    pub const PPID_CLEAR: u16 = 1;
    /// The PPID, encrypted: [`EncryptedPpid2048`](super::EncryptedPpid2048).
    pub const PPID_RSA_2048: u16 = 2;
    /// The PPID, encrypted: [`EncryptedPpid3072`](super::EncryptedPpid3072).
    pub const PPID_RSA_3072: u16 = 3;
    /// The PCK certificate alone.
    pub const PCK_LEAF: u16 = 4;
    /// The PCK certificate chain in PEM: leaf, intermediate, root.
    pub const PCK_CHAIN: u16 = 5;
    /// The quoting enclave's report with certification data of its own: the wrapper that
    /// versions 4 and 5 put around what version 3 holds directly.
    pub const QE_REPORT: u16 = 6;
    /// The manifest by which a platform of several processors is registered.
    pub const PLATFORM_MANIFEST: u16 = 7;
}

/// Names a platform and its TCB, to look up the PCK certificate: `N` bytes of PPID, 20 bytes
/// behind it.
///
/// Intel SGX DCAP quoting library reference, "QE Certification Data", types 1 to 3.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct PpidRecord<const N: usize> {
    /// 0/N: the platform provisioning id, in the clear or encrypted to a key of the vendor.
    pub ppid: [u8; N],
    /// N/16: security version of the processor, opaque.
    pub cpusvn: [u8; 16],
    /// N+16/2: security version of the provisioning certification enclave.
    pub pcesvn: U16,
    /// N+18/2: id of the provisioning certification enclave; 0 for Intel's.
    pub pceid: U16,
}

/// Certification data of type 1, 36 bytes: the PPID in the clear.
pub type PpidData = PpidRecord<16>;

/// Certification data of type 2, 276 bytes: the PPID by RSA-2048 with OAEP.
pub type EncryptedPpid2048 = PpidRecord<256>;

/// Certification data of type 3, 404 bytes: the PPID by RSA-3072 with OAEP.
pub type EncryptedPpid3072 = PpidRecord<384>;
