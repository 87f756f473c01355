//! Why bytes are not a quote, and why a quote cannot be written.

use thiserror::Error;

/// Why bytes are not a quote. Offsets count from the first byte of the quote.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuoteError {
    /// The bytes end before the quote does.
    #[error(
        "the quote is truncated: {field} at offset {offset} needs {needed} bytes, {available} are \
         left; check that the whole quote was copied"
    )]
    QuoteTruncated {
        /// What does not fit.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// Its size.
        needed: usize,
        /// What is left from its start to the end of the bytes.
        available: usize,
    },

    /// The version is none of 3, 4 and 5.
    #[error(
        "quote version {actual} at offset {offset} is not supported, only 3, 4 and 5 are; check \
         that these bytes are an SGX or TDX quote"
    )]
    QuoteVersionUnsupported {
        /// Where the version is.
        offset: usize,
        /// The version.
        actual: u16,
    },

    /// The quote is not signed with ECDSA over P-256.
    #[error(
        "attestation key type {actual} at offset {offset} is not supported, only {expected} (ECDSA \
         P-256) is"
    )]
    AttestationKeyTypeUnsupported {
        /// Where the type is.
        offset: usize,
        /// The one that is supported.
        expected: u16,
        /// The type.
        actual: u16,
    },

    /// The TEE type is unknown, or not 0 in version 3.
    #[error(
        "TEE type {actual:#x} at offset {offset} is not supported in a quote of version {version}: \
         0x0 is SGX in all versions, 0x81 is TDX in versions 4 and 5"
    )]
    TeeTypeUnsupported {
        /// Where the type is.
        offset: usize,
        /// The version of the quote.
        version: u16,
        /// The type.
        actual: u32,
    },

    /// The quoting enclave is of an unknown vendor.
    #[error(
        "QE vendor {} at offset {offset} is unknown, expected {} (Intel)",
        hex::encode(actual),
        hex::encode(expected)
    )]
    QeVendorUnknown {
        /// Where the vendor is.
        offset: usize,
        /// The one that is known.
        expected: [u8; 16],
        /// The vendor.
        actual: [u8; 16],
    },

    /// The body type of a version 5 quote is unknown.
    #[error(
        "body type {actual} at offset {offset} is not supported: 1 is an SGX enclave report, 2 to 4 \
         are TD reports"
    )]
    BodyTypeUnsupported {
        /// Where the type is.
        offset: usize,
        /// The type.
        actual: u16,
    },

    /// The body type of a version 5 quote contradicts the size beside it or the TEE type.
    #[error(
        "the quote announces a body {body}, for which {field} at offset {offset} must be \
         {expected} ({expected:#x}), not {actual} ({actual:#x})"
    )]
    BodyDescriptorMismatch {
        /// Name of the announced body.
        body: &'static str,
        /// Which field contradicts it.
        field: &'static str,
        /// Where that field is.
        offset: usize,
        /// What the body determines.
        expected: u32,
        /// What the field says.
        actual: u32,
    },

    /// The announced size of the auth data is too small for one of its parts.
    #[error(
        "the auth data is too small: {field} at offset {offset} needs {needed} bytes, {available} \
         are left up to the announced end"
    )]
    AuthDataSizeMismatch {
        /// What does not fit.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// Its size.
        needed: usize,
        /// What is left from its start to the announced end of the auth data.
        available: usize,
    },

    /// The type of certification data is unknown, or not allowed in its place.
    #[error(
        "certification data type {actual} at offset {offset} is not supported here, expected \
         {expected}"
    )]
    CertificationTypeUnsupported {
        /// Where the type is.
        offset: usize,
        /// Which types are allowed there.
        expected: &'static str,
        /// The type.
        actual: u16,
    },

    /// The certification data does not end where the auth data ends, or has not the size that
    /// its type determines.
    #[error(
        "the size of certification data of type {kind} at offset {offset} must be {expected}, not \
         {actual}"
    )]
    CertificationSizeMismatch {
        /// Type of the certification data.
        kind: u16,
        /// Where the size is.
        offset: usize,
        /// The size that fits.
        expected: usize,
        /// The announced size.
        actual: usize,
    },
}

impl QuoteError {
    /// The name of the error, stable across releases.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::QuoteTruncated { .. } => "QuoteTruncated",
            Self::QuoteVersionUnsupported { .. } => "QuoteVersionUnsupported",
            Self::AttestationKeyTypeUnsupported { .. } => "AttestationKeyTypeUnsupported",
            Self::TeeTypeUnsupported { .. } => "TeeTypeUnsupported",
            Self::QeVendorUnknown { .. } => "QeVendorUnknown",
            Self::BodyTypeUnsupported { .. } => "BodyTypeUnsupported",
            Self::BodyDescriptorMismatch { .. } => "BodyDescriptorMismatch",
            Self::AuthDataSizeMismatch { .. } => "AuthDataSizeMismatch",
            Self::CertificationTypeUnsupported { .. } => "CertificationTypeUnsupported",
            Self::CertificationSizeMismatch { .. } => "CertificationSizeMismatch",
        }
    }

    /// Where in the quote the error is, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> usize {
        match *self {
            Self::QuoteTruncated { offset, .. }
            | Self::QuoteVersionUnsupported { offset, .. }
            | Self::AttestationKeyTypeUnsupported { offset, .. }
            | Self::TeeTypeUnsupported { offset, .. }
            | Self::QeVendorUnknown { offset, .. }
            | Self::BodyTypeUnsupported { offset, .. }
            | Self::BodyDescriptorMismatch { offset, .. }
            | Self::AuthDataSizeMismatch { offset, .. }
            | Self::CertificationTypeUnsupported { offset, .. }
            | Self::CertificationSizeMismatch { offset, .. } => offset,
        }
    }
}

/// Why a quote cannot be written.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    /// Quotes of this version have no place for this body.
    #[error("a quote of version {version} cannot hold a body {body}")]
    BodyUnsupported {
        /// The version of the quote.
        version: u16,
        /// Name of the body.
        body: &'static str,
    },

    /// The header contradicts the version or the body that it is written with.
    #[error("{field} in the quote header must be {expected:#x}, not {actual:#x}")]
    HeaderMismatch {
        /// The field of the header.
        field: &'static str,
        /// What version and body determine.
        expected: u32,
        /// What the header says.
        actual: u32,
    },

    /// The signed part does not start with a version that is known.
    #[error("the signed part of a quote starts with its version, 3, 4 or 5")]
    VersionUnknown,

    /// A part of the auth data is too long for the field that holds its size.
    #[error("{field} can be {maximum} bytes long, not {actual}")]
    TooLong {
        /// What is too long.
        field: &'static str,
        /// The size it may have.
        maximum: usize,
        /// The size it has.
        actual: usize,
    },
}

impl WriteError {
    /// The name of the error, stable across releases.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BodyUnsupported { .. } => "BodyUnsupported",
            Self::HeaderMismatch { .. } => "HeaderMismatch",
            Self::VersionUnknown => "VersionUnknown",
            Self::TooLong { .. } => "TooLong",
        }
    }
}
