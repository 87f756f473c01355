//! Why bytes are not a certificate or CRL of the vendor's profile.

use crate::der::DerError;

/// Why bytes are not a certificate of the vendor's profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Longer than [`crate::certificate::MAX_CERTIFICATE_SIZE`].
    #[error("{size} bytes are too long for a certificate (at most {limit})")]
    TooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// The encoding is not strict DER of the expected structure.
    #[error("not strict DER of an X.509 version 3 certificate, {0}")]
    Der(#[from] DerError),
    /// A signature or key algorithm other than ECDSA with SHA-256 on P-256.
    #[error("the algorithm is not ECDSA with SHA-256 on P-256")]
    AlgorithmUnsupported,
    /// The public key is no point of the curve, or a signature is out of range.
    #[error(transparent)]
    Signature(#[from] crate::signature::SignatureError),
    /// The same extension stands twice.
    #[error("extension {oid} stands twice")]
    ExtensionRepeated {
        /// The extension's object identifier.
        oid: String,
    },
    /// The serial number is zero or longer than 20 octets (RFC 5280, section 4.1.2.2).
    #[error("the serial number is zero or longer than 20 octets")]
    SerialOutOfRange,
}

/// Why bytes are not a CRL of the vendor's profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// Longer than [`crate::crl::MAX_CRL_SIZE`].
    #[error("{size} bytes are too long for a CRL (at most {limit})")]
    TooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// Neither DER nor one PEM block nor hexadecimal digits.
    #[error("neither DER, nor one PEM block `X509 CRL`, nor hexadecimal DER")]
    EncodingUnknown,
    /// The encoding is not strict DER of the expected structure.
    #[error("not strict DER of an X.509 version 2 CRL, {0}")]
    Der(#[from] DerError),
    /// A signature algorithm other than ECDSA with SHA-256.
    #[error("the algorithm is not ECDSA with SHA-256")]
    AlgorithmUnsupported,
    /// The signature is out of range.
    #[error(transparent)]
    Signature(#[from] crate::signature::SignatureError),
    /// A serial number is zero or longer than 20 octets (RFC 5280, section 4.1.2.2).
    #[error("a serial number is zero or longer than 20 octets")]
    SerialOutOfRange,
    /// The same extension stands twice.
    #[error("extension {oid} stands twice")]
    ExtensionRepeated {
        /// The extension's object identifier.
        oid: String,
    },
    /// CRL number or authority key identifier is missing.
    #[error("the extension {name} is missing")]
    ExtensionMissing {
        /// Name of the extension.
        name: &'static str,
    },
    /// A critical extension that this profile does not know, or one that makes the list partial:
    /// it may mean something else than all revoked certificates.
    #[error("the extension {oid} may change what the list means")]
    CriticalExtensionUnknown {
        /// The extension's object identifier.
        oid: String,
    },
    /// A CRL number beyond 64 bits; the vendor's are 1.
    #[error("the CRL number does not fit 64 bits")]
    NumberOutOfRange,
}
