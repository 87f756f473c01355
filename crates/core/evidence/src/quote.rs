//! A quote as a whole: header, body, and what signs them.

use std::mem::offset_of;

use crate::layout::{ATTESTATION_KEY_ECDSA_P256, BodyDescriptor, QE_VENDOR_INTEL, QuoteHeader};
use crate::reader::Reader;
use crate::{AuthData, Body, BodyType, QuoteError};

/// A technology that yields evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tee {
    /// Intel Software Guard Extensions: enclaves.
    Sgx,
    /// Intel Trust Domain Extensions: virtual machines.
    Tdx,
}

impl Tee {
    /// The name, stable across releases: `sgx` or `tdx`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sgx => "sgx",
            Self::Tdx => "tdx",
        }
    }

    /// The number that stands in the header of a quote.
    #[must_use]
    pub fn tee_type(self) -> u32 {
        match self {
            Self::Sgx => 0,
            Self::Tdx => 0x81,
        }
    }
}

/// A version of the quote format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuoteVersion {
    /// Version 3: SGX only.
    V3,
    /// Version 4: SGX and TDX 1.0.
    V4,
    /// Version 5: SGX, TDX 1.0 and 1.5; a descriptor says which.
    V5,
}

impl QuoteVersion {
    /// All versions, by their number.
    pub const ALL: [Self; 3] = [Self::V3, Self::V4, Self::V5];

    /// The version of this number; `None` if there is none.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.number() == number)
    }

    /// The number that stands in the header of a quote.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
            Self::V5 => 5,
        }
    }

    /// Whether a quote of this version can hold such a body.
    #[must_use]
    pub fn admits(self, body: BodyType) -> bool {
        match self {
            Self::V3 => body == BodyType::Sgx,
            Self::V4 => matches!(body, BodyType::Sgx | BodyType::Td10),
            Self::V5 => true,
        }
    }

    /// Whether what certifies the attestation key stands inside certification data of type 6.
    pub(crate) fn wraps_certification(self) -> bool {
        self != Self::V3
    }
}

/// A well-formed quote, borrowed from the bytes it was parsed from.
///
/// Intel SGX and TDX DCAP quoting library references, "Quote Format".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    version: QuoteVersion,
    header: &'a QuoteHeader,
    body: Body<'a>,
    signed: &'a [u8],
    auth: AuthData<'a>,
    encoded: &'a [u8],
    trailing: &'a [u8],
}

impl<'a> Quote<'a> {
    /// Parses a quote of version 3, 4 or 5. Nothing is copied, whatever the lengths in the
    /// quote say.
    ///
    /// # Errors
    ///
    /// The first departure from the format, in the order of the bytes. Bytes behind the quote
    /// are none: see [`Quote::trailing`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, QuoteError> {
        let mut reader = Reader::new(bytes);

        let header: &QuoteHeader = reader.read("the header")?;
        let (version, tee) = check_header(header)?;
        let body_type = match version {
            QuoteVersion::V3 | QuoteVersion::V4 => implied_body_type(tee),
            QuoteVersion::V5 => described_body_type(tee, &mut reader)?,
        };
        let body = Body::read(body_type, &mut reader)?;
        let signed = reader.consumed();

        let auth_size = reader.size("the size of the auth data")?;
        let auth = AuthData::read(version, reader.auth_data(auth_size)?)?;

        Ok(Self {
            version,
            header,
            body,
            signed,
            auth,
            encoded: reader.consumed(),
            trailing: reader.rest(),
        })
    }

    /// The version of the quote.
    #[must_use]
    pub fn version(&self) -> QuoteVersion {
        self.version
    }

    /// The technology that the quote is of.
    #[must_use]
    pub fn tee(&self) -> Tee {
        self.body.tee()
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &'a QuoteHeader {
        self.header
    }

    /// The body: what is attested.
    #[must_use]
    pub fn body(&self) -> Body<'a> {
        self.body
    }

    /// The bytes that the signature of the quote covers: header and body, and the descriptor
    /// between them in version 5.
    #[must_use]
    pub fn signed(&self) -> &'a [u8] {
        self.signed
    }

    /// What authenticates the signed bytes.
    #[must_use]
    pub fn auth(&self) -> &AuthData<'a> {
        &self.auth
    }

    /// The bytes of the quote, without what follows it.
    #[must_use]
    pub fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// The bytes that follow the quote; often none. Some interfaces hand out a quote in a
    /// buffer of fixed size that is filled up with zeros. No signature covers them.
    #[must_use]
    pub fn trailing(&self) -> &'a [u8] {
        self.trailing
    }
}

fn check_header(header: &QuoteHeader) -> Result<(QuoteVersion, Tee), QuoteError> {
    let version = QuoteVersion::from_number(header.version.get()).ok_or(
        QuoteError::QuoteVersionUnsupported {
            offset: offset_of!(QuoteHeader, version),
            actual: header.version.get(),
        },
    )?;
    if header.attestation_key_type != ATTESTATION_KEY_ECDSA_P256 {
        return Err(QuoteError::AttestationKeyTypeUnsupported {
            offset: offset_of!(QuoteHeader, attestation_key_type),
            expected: ATTESTATION_KEY_ECDSA_P256,
            actual: header.attestation_key_type.get(),
        });
    }
    let tee = match (version, header.tee_type.get()) {
        (_, 0) => Tee::Sgx,
        (QuoteVersion::V4 | QuoteVersion::V5, 0x81) => Tee::Tdx,
        (_, actual) => {
            return Err(QuoteError::TeeTypeUnsupported {
                offset: offset_of!(QuoteHeader, tee_type),
                version: version.number(),
                actual,
            });
        }
    };
    if header.qe_vendor_id != QE_VENDOR_INTEL {
        return Err(QuoteError::QeVendorUnknown {
            offset: offset_of!(QuoteHeader, qe_vendor_id),
            expected: QE_VENDOR_INTEL,
            actual: header.qe_vendor_id,
        });
    }
    Ok((version, tee))
}

/// The body of a quote that has no descriptor.
fn implied_body_type(tee: Tee) -> BodyType {
    match tee {
        Tee::Sgx => BodyType::Sgx,
        Tee::Tdx => BodyType::Td10,
    }
}

/// The body that the descriptor announces, which must fit the header and its own size.
fn described_body_type(tee: Tee, reader: &mut Reader<'_>) -> Result<BodyType, QuoteError> {
    let start = reader.offset();
    let descriptor: &BodyDescriptor = reader.read("the body descriptor")?;
    let number = descriptor.body_type.get();
    let body_type = BodyType::from_number(number).ok_or(QuoteError::BodyTypeUnsupported {
        offset: start,
        actual: number,
    })?;
    if body_type.tee() != tee {
        return Err(QuoteError::BodyDescriptorMismatch {
            body: body_type.name(),
            field: "the TEE type",
            offset: offset_of!(QuoteHeader, tee_type),
            expected: body_type.tee().tee_type(),
            actual: tee.tee_type(),
        });
    }
    if descriptor.size != body_type.size() {
        return Err(QuoteError::BodyDescriptorMismatch {
            body: body_type.name(),
            field: "the size of the body",
            offset: start.saturating_add(offset_of!(BodyDescriptor, size)),
            expected: body_type.size(),
            actual: descriptor.size.get(),
        });
    }
    Ok(body_type)
}
