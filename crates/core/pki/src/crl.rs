//! Certificate revocation lists of the vendor's profile: version 2, ECDSA with SHA-256.

use std::borrow::Cow;

use der::asn1::{BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode, Header, Reader, SliceReader, Tag};

use crate::digest::sha256;
use crate::error::CrlError;
use crate::pem;
use crate::signature::{PublicKey, Signature, SignatureError};
use crate::time::{Timestamp, Window};
use crate::x509::{self, Extension, Name, Serial, decode_all};

/// Largest CRL that is read, in bytes of DER: about 13,000 revoked certificates. Genuine ones have
/// 300 to 2,700 bytes.
pub const MAX_CRL_SIZE: usize = 512 * 1024;

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

/// A CRL, borrowed from its encoding.
///
/// One that exists is strict DER of version 2 with an end, a CRL number, an authority key
/// identifier and no critical extension that could change its meaning. Whether its signature
/// holds, and whose list it is, are checks of their own.
#[derive(Clone, Debug)]
pub struct Crl<'a> {
    signed: &'a [u8],
    sha256: [u8; 32],
    issuer: Name<'a>,
    window: Window,
    number: u64,
    authority_key_identifier: &'a [u8],
    revoked: Vec<Revocation>,
    signature: Signature,
}

/// A revoked certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revocation {
    /// Serial number of the certificate.
    pub serial: Serial,
    /// When it was revoked.
    pub date: Timestamp,
}

/// The DER of a CRL in one of the three forms that services deliver: DER, PEM (`X509 CRL`) and
/// hexadecimal DER, told apart by content.
pub fn decode_encoding(bytes: &[u8]) -> Result<Cow<'_, [u8]>, CrlError> {
    // No DER of this size class is shorter than two bytes of hexadecimal text for each of its own,
    // plus line ends: the bound keeps text from being decoded only to be refused.
    let limit = 3 * MAX_CRL_SIZE;
    if bytes.len() > limit {
        return Err(CrlError::TooLong {
            size: bytes.len(),
            limit,
        });
    }
    if bytes.starts_with(&[0x30]) {
        return Ok(Cow::Borrowed(bytes));
    }
    if bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        let mut blocks =
            pem::decode(bytes, "X509 CRL", 1).map_err(|_| CrlError::EncodingUnknown)?;
        return blocks
            .pop()
            .map(Cow::Owned)
            .ok_or(CrlError::EncodingUnknown);
    }
    hex::decode(bytes.trim_ascii())
        .map(Cow::Owned)
        .map_err(|_| CrlError::EncodingUnknown)
}

impl<'a> Crl<'a> {
    /// Reads one CRL that fills `der` exactly.
    ///
    /// ```text
    /// CertificateList ::= SEQUENCE { tbsCertList TBSCertList,
    ///     signatureAlgorithm AlgorithmIdentifier, signatureValue BIT STRING }
    /// ```
    pub fn parse(der: &'a [u8]) -> Result<Self, CrlError> {
        if der.len() > MAX_CRL_SIZE {
            return Err(CrlError::TooLong {
                size: der.len(),
                limit: MAX_CRL_SIZE,
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
            return Err(CrlError::AlgorithmUnsupported);
        }
        let signature = signature.as_bytes().ok_or(SignatureError::Malformed)?;
        let fields = Fields::read(signed)?;
        let (number, authority_key_identifier) = read_extensions(fields.extensions)?;
        Ok(Self {
            signed,
            sha256: sha256(der),
            issuer: fields.issuer,
            window: fields.window,
            number,
            authority_key_identifier,
            revoked: fields.revoked,
            signature: Signature::from_der(signature)?,
        })
    }

    /// SHA-256 of the whole encoding.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// Who signed it.
    pub fn issuer(&self) -> Name<'a> {
        self.issuer
    }

    /// `thisUpdate` to `nextUpdate`.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The CRL number. The vendor's do not rise: never a measure of age.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Key identifier of the issuer.
    pub fn authority_key_identifier(&self) -> &'a [u8] {
        self.authority_key_identifier
    }

    /// The revoked certificates, sorted by serial number.
    pub fn revoked(&self) -> &[Revocation] {
        &self.revoked
    }

    /// Gives the revoked certificates away, sorted by serial number.
    pub fn into_revoked(self) -> Vec<Revocation> {
        self.revoked
    }

    /// Checks the signature under the issuer's key.
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), SignatureError> {
        issuer.verify(self.signed, &self.signature)
    }
}

/// Looks a serial number up in a sorted list.
pub fn find_revocation(revoked: &[Revocation], serial: Serial) -> Option<Revocation> {
    let index = revoked.binary_search_by_key(&serial, |entry| entry.serial);
    index.ok().and_then(|index| revoked.get(index).copied())
}

/// ```text
/// TBSCertList ::= SEQUENCE { version INTEGER, signature AlgorithmIdentifier, issuer Name,
///     thisUpdate Time, nextUpdate Time, revokedCertificates SEQUENCE OF ... OPTIONAL,
///     crlExtensions [0] EXPLICIT SEQUENCE OF Extension }
/// ```
struct Fields<'a> {
    issuer: Name<'a>,
    window: Window,
    revoked: Vec<Revocation>,
    extensions: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, CrlError> {
        let mut reader = SliceReader::new(bytes)?;
        let fields = reader.sequence(|fields| {
            if u8::decode(fields)? != 1 {
                return Err(der::Error::from(Tag::Integer.value_error()).into());
            }
            if !x509::decode_is_ecdsa_with_sha256(fields)? {
                return Err(CrlError::AlgorithmUnsupported);
            }
            let issuer = Name::decode(fields)?;
            let window = Window {
                from: x509::decode_time(fields)?,
                until: x509::decode_time(fields)?,
            };
            let has_list = !fields.is_finished() && Header::peek(fields)?.tag() == Tag::Sequence;
            let revoked = match has_list {
                true => fields.sequence(read_revoked)?,
                false => Vec::new(),
            };
            let extensions = x509::decode_context(fields, 0)?.unwrap_or_default();
            Ok(Self {
                issuer,
                window,
                revoked,
                extensions,
            })
        })?;
        reader.finish()?;
        Ok(fields)
    }
}

fn read_revoked(list: &mut SliceReader<'_>) -> Result<Vec<Revocation>, CrlError> {
    let mut revoked = Vec::new();
    while !list.is_finished() {
        revoked.push(list.sequence(read_revocation)?);
    }
    revoked.sort_unstable();
    Ok(revoked)
}

/// Whatever the reason given, a certificate that is listed counts as revoked; the vendor issues
/// complete lists, in which `removeFromCRL` has no meaning.
fn read_revocation(entry: &mut SliceReader<'_>) -> Result<Revocation, CrlError> {
    let serial = x509::decode_serial(entry)?.ok_or(CrlError::SerialOutOfRange)?;
    let date = x509::decode_time(entry)?;
    if !entry.is_finished() {
        entry.sequence(|extensions| {
            while !extensions.is_finished() {
                let extension = Extension::decode(extensions)?;
                if extension.critical {
                    return Err(CrlError::CriticalExtensionUnknown {
                        oid: extension.oid.to_string(),
                    });
                }
            }
            Ok(())
        })?;
    }
    Ok(Revocation { serial, date })
}

/// CRL number and authority key identifier (RFC 5280, sections 5.2.1 and 5.2.3).
fn read_extensions(bytes: &[u8]) -> Result<(u64, &[u8]), CrlError> {
    let mut number = None;
    let mut authority = None;
    if !bytes.is_empty() {
        let mut reader = SliceReader::new(bytes)?;
        reader.sequence(|list| {
            while !list.is_finished() {
                let extension = Extension::decode(list)?;
                let repeated = match extension.oid {
                    CRL_NUMBER => {
                        let digits = decode_all(extension.value, UintRef::decode)?;
                        number.replace(read_number(digits.as_bytes())?).is_some()
                    }
                    x509::AUTHORITY_KEY_IDENTIFIER => authority
                        .replace(x509::decode_authority_key_identifier(extension.value)?)
                        .is_some(),
                    oid if extension.critical => {
                        return Err(CrlError::CriticalExtensionUnknown {
                            oid: oid.to_string(),
                        });
                    }
                    _ => false,
                };
                if repeated {
                    return Err(CrlError::ExtensionRepeated {
                        oid: extension.oid.to_string(),
                    });
                }
            }
            Ok(())
        })?;
        reader.finish()?;
    }
    let number = number.ok_or(CrlError::ExtensionMissing { name: "CRL number" })?;
    let authority = authority.flatten().ok_or(CrlError::ExtensionMissing {
        name: "authority key identifier",
    })?;
    Ok((number, authority))
}

fn read_number(digits: &[u8]) -> Result<u64, CrlError> {
    let mut bytes = [0; 8];
    let start = bytes.len().checked_sub(digits.len());
    let end = start.and_then(|start| bytes.get_mut(start..));
    end.ok_or(CrlError::NumberOutOfRange)?
        .copy_from_slice(digits);
    Ok(u64::from_be_bytes(bytes))
}
