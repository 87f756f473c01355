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
    use crate::encode::{
        authority_key_identifier, ecdsa_with_sha256, element, extension, name, new_key, of_size,
        sequence, signed, utc_time, verifying_key,
    };

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

    /// A CRL in pieces, each in DER.
    struct Pieces {
        version: Vec<u8>,
        algorithm: Vec<u8>,
        revoked: Vec<u8>,
        extensions: Vec<Vec<u8>>,
        signature_algorithm: Vec<u8>,
    }

    impl Pieces {
        fn new() -> Self {
            let date = utc_time("230110172238Z");
            Self {
                version: vec![2, 1, 1],
                algorithm: ecdsa_with_sha256(),
                revoked: sequence(&[
                    &sequence(&[&[2, 1, 9], &date]),
                    &sequence(&[&[2, 1, 7], &date]),
                ]),
                extensions: vec![number(&[5]), authority_key_identifier(b"authority")],
                signature_algorithm: ecdsa_with_sha256(),
            }
        }

        fn signed_by(&self, key: &aws_lc_rs::signature::EcdsaKeyPair) -> Vec<u8> {
            let extensions = element(tag::SEQUENCE, &self.extensions.concat());
            let to_be_signed = sequence(&[
                &self.version,
                &self.algorithm,
                &name("issuer"),
                &utc_time("260101000000Z"),
                &utc_time("260131000000Z"),
                &self.revoked,
                &element(tag::constructed(0), &extensions),
            ]);
            signed(&to_be_signed, &self.signature_algorithm, key)
        }
    }

    fn number(digits: &[u8]) -> Vec<u8> {
        extension(CRL_NUMBER, false, &element(tag::INTEGER, digits))
    }

    /// The number of a CRL into which `change` brought something else.
    fn with(change: impl FnOnce(&mut Pieces)) -> Result<u64, CrlError> {
        let mut pieces = Pieces::new();
        change(&mut pieces);
        Crl::parse(&pieces.signed_by(&new_key())).map(|crl| crl.number())
    }

    #[test]
    fn each_field_finds_its_place() {
        let key = new_key();
        let der = Pieces::new().signed_by(&key);
        let crl = Crl::parse(&der).unwrap();
        assert_eq!(*crl.sha256(), sha256(&der));
        assert_eq!(crl.issuer().common_name(), Some("issuer"));
        assert_eq!(crl.window().from.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(crl.window().until.to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(crl.number(), 5);
        assert_eq!(crl.authority_key_identifier(), b"authority");
        let serials: Vec<String> = crl.revoked().iter().map(|r| r.serial.to_string()).collect();
        assert_eq!(serials, ["07", "09"]);
        for (digit, is_listed) in [(6, false), (7, true), (8, false), (9, true), (10, false)] {
            let serial = Serial::from_digits(&[digit]).unwrap();
            let found = find_revocation(crl.revoked(), serial);
            assert_eq!(found.map(|entry| entry.serial), is_listed.then_some(serial));
        }
        let invalid = Err(SignatureError::Invalid);
        for (key, expected) in [(&key, Ok(())), (&new_key(), invalid)] {
            assert_eq!(crl.verify_signature(&verifying_key(key)), expected);
        }
        assert_eq!(crl.clone().into_revoked(), crl.revoked());
    }

    #[test]
    fn version_and_algorithms_are_those_of_the_profile() {
        assert_eq!(with(|_| ()), Ok(5));
        for version in [0, 2] {
            let error = with(|pieces| pieces.version[2] = version).unwrap_err();
            assert!(matches!(error, CrlError::Der(_)), "{error}");
        }
        let sha384 = |algorithm: &mut Vec<u8>| algorithm[11] = 3;
        let unsupported = Err(CrlError::AlgorithmUnsupported);
        assert_eq!(with(|pieces| sha384(&mut pieces.algorithm)), unsupported);
        assert_eq!(
            with(|pieces| sha384(&mut pieces.signature_algorithm)),
            unsupported
        );
    }

    #[test]
    fn a_list_needs_number_and_issuer_once_each_and_must_not_be_partial() {
        let extensions = |all: &[&[u8]]| {
            with(|pieces| pieces.extensions = all.iter().map(|one| one.to_vec()).collect())
        };
        let (five, authority) = (&*number(&[5]), &*authority_key_identifier(b"authority"));
        let repeated = |oid: &str| {
            Err(CrlError::ExtensionRepeated {
                oid: oid.to_owned(),
            })
        };
        assert_eq!(extensions(&[five, authority, five]), repeated("2.5.29.20"));
        assert_eq!(
            extensions(&[five, authority, authority]),
            repeated("2.5.29.35")
        );
        let missing = |name| Err(CrlError::ExtensionMissing { name });
        assert_eq!(extensions(&[authority]), missing("CRL number"));
        assert_eq!(extensions(&[five]), missing("authority key identifier"));
        assert_eq!(extensions(&[]), missing("CRL number"));
        let none = with(|pieces| pieces.extensions.clear());
        assert_eq!(none, missing("CRL number"));

        let with_other =
            |oid: &[u8], critical| extensions(&[five, &extension(oid, critical, b""), authority]);
        assert_eq!(with_other(&[0x2a, 3], false), Ok(5));
        let unknown = |oid: &str| {
            Err(CrlError::CriticalExtensionUnknown {
                oid: oid.to_owned(),
            })
        };
        assert_eq!(with_other(&[0x2a, 3], true), unknown("1.2.3"));
        for critical in [false, true] {
            let partial = with_other(ISSUING_DISTRIBUTION_POINT, critical);
            assert_eq!(partial, unknown("2.5.29.28"));
            assert_eq!(
                with_other(DELTA_CRL_INDICATOR, critical),
                unknown("2.5.29.27")
            );
        }
    }

    #[test]
    fn numbers_have_at_most_64_bits() {
        let read = |digits: &[u8]| with(|pieces| pieces.extensions[0] = number(digits));
        assert_eq!(read(&[0]), Ok(0));
        assert_eq!(read(&[1, 2]), Ok(0x102));
        assert_eq!(read(&[0x7f; 8]), Ok(0x7f7f_7f7f_7f7f_7f7f));
        assert_eq!(read(&[0x7f; 9]), Err(CrlError::NumberOutOfRange));
    }

    #[test]
    fn a_list_may_be_empty() {
        let empty = with(|pieces| pieces.revoked.clear());
        assert_eq!(empty, Ok(5));
        let zero = with(|pieces| pieces.revoked[6] = 0);
        assert_eq!(zero, Err(CrlError::SerialOutOfRange));
    }

    #[test]
    fn three_encodings_of_one_list() {
        let der = Pieces::new().signed_by(&new_key());
        let digits = hex::encode(&der);
        let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &der);
        let pem = format!("\n-----BEGIN X509 CRL-----\n{base64}\n-----END X509 CRL-----\n");
        let decode = |text: &str| decode_encoding(text.as_bytes()).map(Cow::into_owned);
        assert_eq!(decode_encoding(&der), Ok(Cow::Borrowed(&*der)));
        for text in [
            &pem,
            &digits,
            &digits.to_uppercase(),
            &format!(" {digits}\r\n"),
        ] {
            assert_eq!(decode(text), Ok(der.clone()));
        }
        for text in [
            "3",
            "3x",
            "-----BEGIN",
            &pem.repeat(2),
            &pem.replace("CRL", "CERT"),
        ] {
            assert_eq!(decode(text), Err(CrlError::EncodingUnknown), "{text}");
        }
    }

    #[test]
    fn the_largest_has_512_kibibytes_and_thrice_as_much_as_text() {
        let key = new_key();
        let padded = |padding: &[u8]| {
            let mut pieces = Pieces::new();
            pieces
                .extensions
                .push(extension(&[0x2a, 3], false, padding));
            pieces.signed_by(&key)
        };
        let largest = of_size(524_288, padded);
        assert_eq!(Crl::parse(&largest).map(|crl| crl.number()), Ok(5));
        let (size, limit) = (524_289, 524_288);
        let error = Crl::parse(&of_size(size, padded)).unwrap_err();
        assert_eq!(error, CrlError::TooLong { size, limit });

        let digits = hex::encode(&largest);
        let text = format!("{digits}{}", " ".repeat(1_572_864 - digits.len()));
        assert_eq!(
            decode_encoding(text.as_bytes()),
            Ok(Cow::Borrowed(&*largest))
        );
        let (size, limit) = (1_572_865, 1_572_864);
        let text = format!("{text} ");
        let error = decode_encoding(text.as_bytes());
        assert_eq!(error, Err(CrlError::TooLong { size, limit }));
    }
}
