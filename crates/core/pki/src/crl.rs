//! Certificate revocation lists of the vendor's profile: version 2, ECDSA with SHA-256.

use std::borrow::Cow;

use crate::der::{self, Reader, tag};
use crate::digest::sha256;
use crate::error::CrlError;
use crate::pem;
use crate::signature::{PublicKey, Signature, SignatureError};
use crate::time::{Timestamp, Window};
use crate::x509::{self, Extension, Name, Serial, Signed};

/// Largest CRL that is read, in bytes of DER: about 13,000 revoked certificates. Genuine ones have
/// 300 to 2,700 bytes.
pub const MAX_CRL_SIZE: usize = 512 * 1024;

/// Content octets of `2.5.29.27`.
const DELTA_CRL_INDICATOR: &[u8] = &[0x55, 0x1d, 0x1b];
/// Content octets of `2.5.29.28`.
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
/// Content octets of `2.5.29.20`.
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];

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
        let signed = Signed::read(der)?;
        if !signed.is_ecdsa_with_sha256 {
            return Err(CrlError::AlgorithmUnsupported);
        }
        let fields = Fields::read(signed.contents)?;
        let (number, authority_key_identifier) = read_extensions(fields.extensions)?;
        Ok(Self {
            signed: signed.bytes,
            sha256: sha256(der),
            issuer: fields.issuer,
            window: fields.window,
            number,
            authority_key_identifier,
            revoked: fields.revoked,
            signature: signed.signature()?,
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
    fn read(mut fields: Reader<'a>) -> Result<Self, CrlError> {
        let at = fields;
        if fields.u8()? != 1 {
            return Err(at.error("the version is not 2").into());
        }
        if !x509::read_is_ecdsa_with_sha256(&mut fields)? {
            return Err(CrlError::AlgorithmUnsupported);
        }
        let issuer = Name::read(&mut fields)?;
        let window = Window {
            from: x509::read_time(&mut fields)?,
            until: x509::read_time(&mut fields)?,
        };
        let revoked = match fields.optional(tag::SEQUENCE)? {
            Some(list) => read_revoked(list)?,
            None => Vec::new(),
        };
        let extensions = match fields.optional(tag::constructed(0))? {
            Some(extensions) => extensions.rest(),
            None => &[],
        };
        fields.finish()?;
        Ok(Self {
            issuer,
            window,
            revoked,
            extensions,
        })
    }
}

fn read_revoked(mut list: Reader<'_>) -> Result<Vec<Revocation>, CrlError> {
    let mut revoked = Vec::new();
    // The vendor writes the same date and reason into all entries of a list.
    let mut last: Option<(&[u8], Timestamp)> = None;
    while !list.is_empty() {
        let mut entry = list.sequence()?;
        let serial = x509::read_serial(&mut entry)?.ok_or(CrlError::SerialOutOfRange)?;
        let date = match last {
            Some((details, date)) if details == entry.rest() => date,
            _ => read_details(entry)?,
        };
        last = Some((entry.rest(), date));
        revoked.push(Revocation { serial, date });
    }
    revoked.sort_unstable();
    Ok(revoked)
}

/// The date of a revocation, and whatever follows it.
///
/// Whatever the reason given, a certificate that is listed counts as revoked; the vendor issues
/// complete lists, in which `removeFromCRL` has no meaning.
fn read_details(mut entry: Reader<'_>) -> Result<Timestamp, CrlError> {
    let date = x509::read_time(&mut entry)?;
    if let Some(mut extensions) = entry.optional(tag::SEQUENCE)? {
        while !extensions.is_empty() {
            let extension = Extension::read(&mut extensions)?;
            if extension.critical {
                return Err(CrlError::CriticalExtensionUnknown {
                    oid: der::object_identifier_text(extension.oid),
                });
            }
        }
    }
    entry.finish()?;
    Ok(date)
}

/// CRL number and authority key identifier (RFC 5280, sections 5.2.1 and 5.2.3).
fn read_extensions(bytes: &[u8]) -> Result<(u64, &[u8]), CrlError> {
    let mut number = None;
    let mut authority = None;
    let mut reader = Reader::new(bytes);
    let mut list = match reader.is_empty() {
        true => reader,
        false => reader.sequence()?,
    };
    reader.finish()?;
    while !list.is_empty() {
        let extension = Extension::read(&mut list)?;
        let repeated = match extension.oid {
            CRL_NUMBER => {
                let mut value = Reader::new(extension.value);
                let digits = value.unsigned()?;
                value.finish()?;
                number.replace(read_number(digits)?).is_some()
            }
            x509::AUTHORITY_KEY_IDENTIFIER => authority
                .replace(x509::read_authority_key_identifier(extension.value)?)
                .is_some(),
            // These make a list partial, whether they are marked critical, as they must be, or not.
            oid if extension.critical
                || oid == ISSUING_DISTRIBUTION_POINT
                || oid == DELTA_CRL_INDICATOR =>
            {
                return Err(CrlError::CriticalExtensionUnknown {
                    oid: der::object_identifier_text(oid),
                });
            }
            _ => false,
        };
        if repeated {
            return Err(CrlError::ExtensionRepeated {
                oid: der::object_identifier_text(extension.oid),
            });
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries of a list, each with its serial number, its date and its extensions in DER.
    fn read(entries: &[(u8, &[u8; 13], &[u8])]) -> Option<Vec<(String, String)>> {
        let list: Vec<u8> = entries
            .iter()
            .flat_map(|(serial, date, extensions)| {
                let contents = [&[2, 1, *serial, 0x17, 13], &date[..], extensions].concat();
                [&[0x30, contents.len() as u8], &*contents].concat()
            })
            .collect();
        let revoked = read_revoked(Reader::new(&list)).ok()?;
        let text = |entry: &Revocation| (entry.serial.to_string(), entry.date.to_string());
        Some(revoked.iter().map(text).collect())
    }

    #[test]
    fn every_entry_keeps_its_own_date_and_is_read_to_its_end() {
        let (early, late) = (b"180521104510Z", b"230110172238Z");
        let reason: &[u8] = &[0x30, 12, 0x30, 10, 6, 3, 0x55, 29, 21, 4, 3, 10, 1, 1];
        let critical: &[u8] = &[
            0x30, 15, 0x30, 13, 6, 3, 0x55, 29, 21, 1, 1, 0xff, 4, 3, 10, 1, 1,
        ];
        let (early_text, late_text) = ("2018-05-21T10:45:10Z", "2023-01-10T17:22:38Z");
        let expected = [
            ("01", early_text),
            ("02", late_text),
            ("03", late_text),
            ("04", early_text),
        ];
        assert_eq!(
            read(&[
                (4, early, reason),
                (3, late, reason),
                (2, late, reason),
                (1, early, &[]),
            ]),
            Some(expected.map(|(s, d)| (s.into(), d.into())).to_vec())
        );
        let more = [reason, &[5, 0]].concat();
        for (date, extensions) in [
            (late, critical),
            (late, &more),
            (late, &reason[..13]),
            (b"231310172238Z", reason),
        ] {
            assert_eq!(read(&[(1, late, reason), (2, date, extensions)]), None);
        }
    }
}
