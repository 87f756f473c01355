//! What authenticates a quote: signature, attestation key, and who vouches for that key.

use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::layout::{
    EncryptedPpid2048, EncryptedPpid3072, PpidData, SgxReportBody, certification_type,
};
use crate::reader::Reader;
use crate::{QuoteError, QuoteVersion};

/// The auth data of a quote, without its lengths.
///
/// Versions 4 and 5 put everything from `qe_report` on into a wrapper, certification data of
/// type 6, which adds nothing. It is taken off when a quote is parsed and put on when one is
/// written, so that the fields are the same in all versions.
///
/// Intel SGX and TDX DCAP quoting library references, "Quote Signature Data Structure".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthData<'a> {
    /// ECDSA P-256 signature with SHA-256, by the attestation key, over the signed bytes of the
    /// quote: r, then s, each 32 bytes, big-endian.
    pub signature: &'a [u8; 64],
    /// The attestation key: x, then y, each 32 bytes, big-endian. Not checked to be on the curve.
    pub attestation_key: &'a [u8; 64],
    /// The report of the quoting enclave. The first half of its report data is the SHA-256 of
    /// `attestation_key` and `qe_auth`.
    pub qe_report: &'a SgxReportBody,
    /// ECDSA P-256 signature with SHA-256, by the PCK, over `qe_report`: r, then s, each 32
    /// bytes, big-endian.
    pub qe_report_signature: &'a [u8; 64],
    /// Data of the quoting enclave's choice, up to 65,535 bytes; may be empty.
    pub qe_auth: &'a [u8],
    /// Where the PCK certificate is or is to be found.
    pub certification: CertificationData<'a>,
}

impl<'a> AuthData<'a> {
    /// Reads the auth data, which must end exactly where the reader ends.
    pub(crate) fn read(version: QuoteVersion, mut reader: Reader<'a>) -> Result<Self, QuoteError> {
        let signature = reader.read("the quote signature")?;
        let attestation_key = reader.read("the attestation key")?;
        if version.wraps_certification() {
            read_wrapper(&mut reader)?;
        }
        let qe_report = reader.read("the QE report")?;
        let qe_report_signature = reader.read("the QE report signature")?;
        let qe_auth_size: &U16 = reader.read("the size of the QE auth data")?;
        let qe_auth = reader.take("the QE auth data", usize::from(qe_auth_size.get()))?;
        let certification = CertificationData::read(&mut reader)?;
        Ok(Self {
            signature,
            attestation_key,
            qe_report,
            qe_report_signature,
            qe_auth,
            certification,
        })
    }
}

/// What certifies the key that signed the QE report, or names that certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificationData<'a> {
    /// Type 1: the platform's PPID in the clear.
    PpidClear(&'a PpidData),
    /// Type 2: the PPID, encrypted with RSA-2048.
    PpidRsa2048(&'a EncryptedPpid2048),
    /// Type 3: the PPID, encrypted with RSA-3072.
    PpidRsa3072(&'a EncryptedPpid3072),
    /// Type 4: the PCK certificate alone, as it came.
    PckLeaf(&'a [u8]),
    /// Type 5: the PCK certificate chain in PEM, as it came: leaf, intermediate, root, and
    /// perhaps a NUL byte.
    PckChain(&'a [u8]),
    /// Type 7: the platform manifest, opaque.
    PlatformManifest(&'a [u8]),
}

impl<'a> CertificationData<'a> {
    /// The number of the type: 1 to 5 or 7. Type 6 never occurs: see [`AuthData`].
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Self::PpidClear(_) => certification_type::PPID_CLEAR,
            Self::PpidRsa2048(_) => certification_type::PPID_RSA_2048,
            Self::PpidRsa3072(_) => certification_type::PPID_RSA_3072,
            Self::PckLeaf(_) => certification_type::PCK_LEAF,
            Self::PckChain(_) => certification_type::PCK_CHAIN,
            Self::PlatformManifest(_) => certification_type::PLATFORM_MANIFEST,
        }
    }

    /// The data, without type and size.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match *self {
            Self::PpidClear(data) => data.as_bytes(),
            Self::PpidRsa2048(data) => data.as_bytes(),
            Self::PpidRsa3072(data) => data.as_bytes(),
            Self::PckLeaf(data) | Self::PckChain(data) | Self::PlatformManifest(data) => data,
        }
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, QuoteError> {
        let offset = reader.offset();
        let kind: &U16 = reader.read("the type of the certification data")?;
        let kind = kind.get();
        Ok(match kind {
            certification_type::PPID_CLEAR => Self::PpidClear(read_record(kind, reader)?),
            certification_type::PPID_RSA_2048 => Self::PpidRsa2048(read_record(kind, reader)?),
            certification_type::PPID_RSA_3072 => Self::PpidRsa3072(read_record(kind, reader)?),
            certification_type::PCK_LEAF => Self::PckLeaf(read_to_end(kind, reader)?),
            certification_type::PCK_CHAIN => Self::PckChain(read_to_end(kind, reader)?),
            certification_type::PLATFORM_MANIFEST => {
                Self::PlatformManifest(read_to_end(kind, reader)?)
            }
            actual => {
                return Err(QuoteError::CertificationTypeUnsupported {
                    offset,
                    expected: "1 to 5 or 7",
                    actual,
                });
            }
        })
    }
}

/// Reads type and size of the wrapper of versions 4 and 5. What it wraps ends with it.
fn read_wrapper(reader: &mut Reader<'_>) -> Result<(), QuoteError> {
    let offset = reader.offset();
    let kind: &U16 = reader.read("the type of the outer certification data")?;
    if *kind != certification_type::QE_REPORT {
        return Err(QuoteError::CertificationTypeUnsupported {
            offset,
            expected: "6",
            actual: kind.get(),
        });
    }
    read_size_to_end(kind.get(), reader)
}

/// Reads certification data behind its type: the size, then a structure of that size.
fn read_record<'a, T>(kind: u16, reader: &mut Reader<'a>) -> Result<&'a T, QuoteError>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    let offset = reader.offset();
    let bytes = read_to_end(kind, reader)?;
    T::ref_from_bytes(bytes).map_err(|_| QuoteError::CertificationSizeMismatch {
        kind,
        offset,
        expected: size_of::<T>(),
        actual: bytes.len(),
    })
}

/// Reads certification data behind its type: the size, then as many bytes.
fn read_to_end<'a>(kind: u16, reader: &mut Reader<'a>) -> Result<&'a [u8], QuoteError> {
    read_size_to_end(kind, reader)?;
    reader.take("the certification data", reader.available())
}

/// Reads the size of certification data, which must reach to the end of the auth data.
fn read_size_to_end(kind: u16, reader: &mut Reader<'_>) -> Result<(), QuoteError> {
    let offset = reader.offset();
    let actual = reader.size("the size of the certification data")?;
    let expected = reader.available();
    if actual != expected {
        return Err(QuoteError::CertificationSizeMismatch {
            kind,
            offset,
            expected,
            actual,
        });
    }
    Ok(())
}
