//! What stands before the body of a quote.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{BodyType, QuoteVersion, Tee};

/// The attestation key type of ECDSA over P-256 with SHA-256, the only one in use.
pub const ATTESTATION_KEY_ECDSA_P256: u16 = 2;

/// The vendor id of Intel's quoting enclaves, a UUID in the order of its text form.
pub const QE_VENDOR_INTEL: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];

/// The header of a quote, 48 bytes, the same in versions 3, 4 and 5.
///
/// Intel SGX and TDX DCAP quoting library references, "Quote Header".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct QuoteHeader {
    /// 0/2: version of the quote: 3, 4 or 5.
    pub version: U16,
    /// 2/2: kind of the key that signed the quote; see [`ATTESTATION_KEY_ECDSA_P256`].
    pub attestation_key_type: U16,
    /// 4/4: 0 for SGX, 0x81 for TDX; see [`Tee::tee_type`]. Reserved, hence 0, in version 3.
    pub tee_type: U32,
    /// 8/2: security version of the quoting enclave; reserved in versions 4 and 5. Not fit for
    /// TCB matching: the certified value is in the QE report.
    pub qe_svn: U16,
    /// 10/2: security version of the provisioning certification enclave; reserved in versions
    /// 4 and 5. Not fit for TCB matching: the certified value is in the PCK certificate.
    pub pce_svn: U16,
    /// 12/16: vendor of the quoting enclave; see [`QE_VENDOR_INTEL`].
    pub qe_vendor_id: [u8; 16],
    /// 28/20: data of the quoting enclave's choice. Intel's puts the QE-ID, which names the
    /// platform, into the first 16 bytes, and zeros behind it.
    pub user_data: [u8; 20],
}

impl QuoteHeader {
    /// A header of Intel's quoting enclave for an ECDSA P-256 key, with all else zero.
    #[must_use]
    pub fn new(version: QuoteVersion, tee: Tee) -> Self {
        Self {
            version: version.number().into(),
            attestation_key_type: ATTESTATION_KEY_ECDSA_P256.into(),
            tee_type: tee.tee_type().into(),
            qe_vendor_id: QE_VENDOR_INTEL,
            ..Self::new_zeroed()
        }
    }
}

/// What stands between header and body in version 5, 6 bytes; covered by the signature.
///
/// Intel TDX DCAP quoting library reference, version 5 quotes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct BodyDescriptor {
    /// 0/2: kind of the body, 1 to 4; see [`BodyType`].
    pub body_type: U16,
    /// 2/4: size of the body in bytes, which its kind determines.
    pub size: U32,
}

impl BodyDescriptor {
    /// The descriptor of a body of this kind.
    #[must_use]
    pub fn new(body_type: BodyType) -> Self {
        Self {
            body_type: body_type.number().into(),
            size: body_type.size().into(),
        }
    }
}
