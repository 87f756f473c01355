//! X.509 certificates of the vendor's profile: version 3, P-256, ECDSA with SHA-256.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, Tagged};

use crate::digest::sha256;
use crate::error::CertificateError;
use crate::signature::{PublicKey, Signature, SignatureError};
use crate::time::Window;
use crate::x509::{self, Extension, Name, Serial, decode_all};

/// Largest certificate that is read, in bytes. Genuine ones have 650 to 1,300.
pub const MAX_CERTIFICATE_SIZE: usize = 8 * 1024;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
const SGX_EXTENSIONS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");

/// bulla's mark of a simulated vendor. The arc is the one that RFC 5612 sets aside for
/// documentation: bulla has no enterprise number of its own.
const SIMULATED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1.1");

/// A certificate, borrowed from its encoding.
///
/// One that exists is strict DER of version 3, with a key and a signature of P-256. Whether the key
/// lies on the curve, whether the signature holds, and for which role the certificate may serve
/// are checks of their own.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    der: &'a [u8],
    signed: &'a [u8],
    sha256: [u8; 32],
    serial: Serial,
    issuer: Name<'a>,
    subject: Name<'a>,
    validity: Window,
    public_key: &'a [u8; 65],
    extensions: Extensions<'a>,
    signature: Signature,
}

/// The extensions that this profile reads (RFC 5280, section 4.2).
#[derive(Clone, Debug, Default)]
pub struct Extensions<'a> {
    /// Key identifier of the issuer; absent if the extension or the field is.
    pub authority_key_identifier: Option<&'a [u8]>,
    /// Key identifier of this key; absent if the extension is.
    pub subject_key_identifier: Option<&'a [u8]>,
    /// Whether the extension for CRL distribution points is there, and the first URI in it.
    pub crl_distribution_point: Option<Option<&'a str>>,
    /// Purposes of the key; absent if the extension is.
    pub key_usage: Option<KeyUsage>,
    /// Whether this is a CA; absent if the extension is.
    pub basic_constraints: Option<BasicConstraints>,
    /// Content of Intel's SGX extension; absent if the extension is.
    pub sgx: Option<&'a [u8]>,
    /// Whether bulla's mark of a simulated vendor is there.
    pub simulated: bool,
    /// Object identifier of the first critical extension that this profile does not know.
    pub unknown_critical: Option<ObjectIdentifierText>,
}

/// An object identifier in dotted form.
pub type ObjectIdentifierText = String;

/// Purposes of a key (RFC 5280, section 4.2.1.3); only those that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage {
    /// The key may sign other things than certificates and CRLs.
    pub digital_signature: bool,
    /// The key may sign certificates.
    pub key_cert_sign: bool,
    /// The key may sign CRLs.
    pub crl_sign: bool,
}

/// Whether a certificate is a CA's (RFC 5280, section 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// The key may sign certificates.
    pub ca: bool,
    /// How many CAs may stand between this one and the leaf; absent means any number.
    pub path_length: Option<u8>,
}

impl<'a> Certificate<'a> {
    /// Reads one certificate that fills `der` exactly.
    ///
    /// ```text
    /// Certificate ::= SEQUENCE { tbsCertificate TBSCertificate,
    ///     signatureAlgorithm AlgorithmIdentifier, signatureValue BIT STRING }
    /// ```
    pub fn parse(der: &'a [u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE_SIZE {
            return Err(CertificateError::TooLong {
                size: der.len(),
                limit: MAX_CERTIFICATE_SIZE,
            });
        }
        let (signed, algorithm, signature) = decode_all(der, |reader| {
            reader.sequence(|fields| {
                Ok((
                    fields.tlv_bytes()?,
                    x509::decode_is_ecdsa_with_sha256(fields)?,
                    BitStringRef::decode(fields)?,
                ))
            })
        })?;
        if !algorithm {
            return Err(CertificateError::AlgorithmUnsupported);
        }
        let signature = signature.as_bytes().ok_or(SignatureError::Malformed)?;
        let fields = decode_all(signed, Fields::decode)?;
        if !fields.algorithm {
            return Err(CertificateError::AlgorithmUnsupported);
        }
        Ok(Self {
            der,
            signed,
            sha256: sha256(der),
            serial: fields.serial.ok_or(CertificateError::SerialOutOfRange)?,
            issuer: fields.issuer,
            subject: fields.subject,
            validity: fields.validity,
            public_key: fields
                .public_key
                .ok_or(CertificateError::AlgorithmUnsupported)?,
            extensions: Extensions::read(fields.extensions)?,
            signature: Signature::from_der(signature)?,
        })
    }

    /// The whole encoding.
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// SHA-256 of the whole encoding.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The serial number.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// Who signed it.
    pub fn issuer(&self) -> Name<'a> {
        self.issuer
    }

    /// Whom it is for.
    pub fn subject(&self) -> Name<'a> {
        self.subject
    }

    /// `notBefore` to `notAfter`.
    pub fn validity(&self) -> Window {
        self.validity
    }

    /// The certified key as encoded: `04`, x, y, big-endian. It may not be a point of the curve.
    pub fn public_key_bytes(&self) -> &'a [u8; 65] {
        self.public_key
    }

    /// The certified key; an error where it is not a point of the curve.
    pub fn public_key(&self) -> Result<PublicKey, SignatureError> {
        PublicKey::from_uncompressed(self.public_key)
    }

    /// The extensions that this profile reads.
    pub fn extensions(&self) -> &Extensions<'a> {
        &self.extensions
    }

    /// Checks the signature under the issuer's key.
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), SignatureError> {
        issuer.verify(self.signed, &self.signature)
    }
}

/// ```text
/// TBSCertificate ::= SEQUENCE { version [0] EXPLICIT INTEGER, serialNumber INTEGER,
///     signature AlgorithmIdentifier, issuer Name, validity SEQUENCE { Time, Time },
///     subject Name, subjectPublicKeyInfo SEQUENCE { AlgorithmIdentifier, BIT STRING },
///     extensions [3] EXPLICIT SEQUENCE OF Extension }
/// ```
struct Fields<'a> {
    serial: Option<Serial>,
    algorithm: bool,
    issuer: Name<'a>,
    validity: Window,
    subject: Name<'a>,
    public_key: Option<&'a [u8; 65]>,
    extensions: &'a [u8],
}

impl<'a> Fields<'a> {
    fn decode(reader: &mut SliceReader<'a>) -> der::Result<Self> {
        reader.sequence(|fields| {
            let version = x509::decode_context(fields, 0)?.unwrap_or_default();
            let version = decode_all(version, u8::decode)?;
            if version != 2 {
                return Err(Tag::Integer.value_error().into());
            }
            let serial = x509::decode_serial(fields)?;
            let algorithm = x509::decode_is_ecdsa_with_sha256(fields)?;
            let issuer = Name::decode(fields)?;
            let validity = fields.sequence(|times| {
                Ok::<_, der::Error>(Window {
                    from: x509::decode_time(times)?,
                    until: x509::decode_time(times)?,
                })
            })?;
            let subject = Name::decode(fields)?;
            let public_key = fields.sequence(decode_public_key)?;
            let extensions = x509::decode_context(fields, 3)?.unwrap_or_default();
            Ok(Self {
                serial,
                algorithm,
                issuer,
                validity,
                subject,
                public_key,
                extensions,
            })
        })
    }
}

/// `None` where the key is not one on P-256 in uncompressed form.
fn decode_public_key<'a>(fields: &mut SliceReader<'a>) -> der::Result<Option<&'a [u8; 65]>> {
    let algorithm = AnyRef::decode(fields)?;
    let key = BitStringRef::decode(fields)?;
    let oids = algorithm.sequence(|oids| {
        Ok::<_, der::Error>((
            ObjectIdentifier::decode(oids)?,
            ObjectIdentifier::decode(oids)?,
        ))
    });
    Ok(match oids {
        Ok((EC_PUBLIC_KEY, PRIME256V1)) => key.as_bytes().and_then(|bytes| bytes.try_into().ok()),
        _ => None,
    })
}

impl<'a> Extensions<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, CertificateError> {
        let mut found = Self::default();
        let mut seen = Vec::new();
        decode_all(bytes, |reader| {
            reader.sequence(|list| {
                while !list.is_finished() {
                    let extension = Extension::decode(list)?;
                    found.take(&extension)?;
                    seen.push(extension.oid);
                }
                Ok::<_, der::Error>(())
            })
        })?;
        seen.sort_unstable();
        match seen
            .iter()
            .zip(seen.iter().skip(1))
            .find(|(one, next)| one == next)
        {
            Some((oid, _)) => Err(CertificateError::ExtensionRepeated {
                oid: oid.to_string(),
            }),
            None => Ok(found),
        }
    }

    fn take(&mut self, extension: &Extension<'a>) -> der::Result<()> {
        let value = extension.value;
        match extension.oid {
            x509::AUTHORITY_KEY_IDENTIFIER => {
                self.authority_key_identifier = x509::decode_authority_key_identifier(value)?;
            }
            SUBJECT_KEY_IDENTIFIER => {
                let identifier = decode_all(value, <&OctetStringRef>::decode)?;
                self.subject_key_identifier = Some(identifier.as_bytes());
            }
            KEY_USAGE => self.key_usage = Some(decode_all(value, KeyUsage::decode)?),
            BASIC_CONSTRAINTS => {
                self.basic_constraints = Some(decode_all(value, BasicConstraints::decode)?);
            }
            CRL_DISTRIBUTION_POINTS => self.crl_distribution_point = Some(first_uri(value)),
            SGX_EXTENSIONS => self.sgx = Some(value),
            SIMULATED => self.simulated = true,
            other if extension.critical => {
                self.unknown_critical
                    .get_or_insert_with(|| other.to_string());
            }
            _ => {}
        }
        Ok(())
    }
}

impl KeyUsage {
    /// ```text
    /// KeyUsage ::= BIT STRING { digitalSignature (0), ..., keyCertSign (5), cRLSign (6), ... }
    /// ```
    fn decode(reader: &mut SliceReader<'_>) -> der::Result<Self> {
        let bits = BitStringRef::decode(reader)?;
        let first = bits.raw_bytes().first().copied().unwrap_or_default();
        Ok(Self {
            digital_signature: first & 0x80 != 0,
            key_cert_sign: first & 0x04 != 0,
            crl_sign: first & 0x02 != 0,
        })
    }
}

impl BasicConstraints {
    /// ```text
    /// BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE,
    ///                                 pathLenConstraint INTEGER (0..MAX) OPTIONAL }
    /// ```
    ///
    /// A `cA` of `FALSE` that is written out is read: some genuine leaves hold one.
    fn decode(reader: &mut SliceReader<'_>) -> der::Result<Self> {
        reader.sequence(|fields| {
            let next_is = |fields: &SliceReader<'_>, tag: u8| fields.peek_byte() == Some(tag);
            let ca = next_is(fields, 1) && bool::decode(fields)?;
            let path_length = match next_is(fields, 2) {
                true => Some(u8::decode(fields)?),
                false => None,
            };
            Ok(Self { ca, path_length })
        })
    }
}

/// The first `uniformResourceIdentifier [6]` in a list of distribution points, found by walking
/// into `DistributionPoint.distributionPoint [0].fullName [0]`.
fn first_uri(value: &[u8]) -> Option<&str> {
    let read = || -> der::Result<Option<&str>> {
        let point = decode_all(value, |reader| reader.sequence(AnyRef::decode))?;
        let mut fields = SliceReader::new(point.value())?;
        let Some(name) = x509::decode_context(&mut fields, 0)? else {
            return Ok(None);
        };
        let Some(full_name) = x509::decode_context(&mut SliceReader::new(name)?, 0)? else {
            return Ok(None);
        };
        let general_name = AnyRef::decode(&mut SliceReader::new(full_name)?)?;
        let is_uri =
            general_name.tag().is_context_specific() && general_name.tag().number().value() == 6;
        Ok(is_uri
            .then(|| std::str::from_utf8(general_name.value()).ok())
            .flatten())
    };
    read().ok().flatten()
}
