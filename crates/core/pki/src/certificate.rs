//! X.509 certificates of the vendor's profile: version 3, P-256, ECDSA with SHA-256.

use crate::der::{self, DerError, Reader, tag};
use crate::digest::sha256;
use crate::error::CertificateError;
use crate::signature::{PublicKey, Signature, SignatureError};
use crate::time::Window;
use crate::x509::{self, Extension, Name, Serial, Signed};

/// Largest certificate that is read, in bytes. Genuine ones have 650 to 1,300.
pub const MAX_CERTIFICATE_SIZE: usize = 8 * 1024;

/// Content octets of `1.2.840.10045.2.1`.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// Content octets of `1.2.840.10045.3.1.7`.
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// Content octets of `2.5.29.14`.
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
/// Content octets of `2.5.29.15`.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// Content octets of `2.5.29.19`.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// Content octets of `2.5.29.31`.
const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1d, 0x1f];
/// Content octets of `1.2.840.113741.1.13.1`.
const SGX_EXTENSIONS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];

/// bulla's mark of a simulated vendor. The arc is the one that RFC 5612 sets aside for
/// documentation: bulla has no enterprise number of its own. Content octets of
/// `1.3.6.1.4.1.32473.1.1`.
const SIMULATED: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xfd, 0x59, 0x01, 0x01];

/// A certificate, borrowed from its encoding.
///
/// One that exists is strict DER of version 3, with a key and a signature of P-256. Whether the key
/// lies on the curve, whether the signature holds, and for which role the certificate may serve
/// are checks of their own.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    der: &'a [u8],
    signed: &'a [u8],
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
        let signed = Signed::read(der)?;
        let fields = Fields::read(signed.contents)?;
        if !signed.is_ecdsa_with_sha256 || !fields.algorithm {
            return Err(CertificateError::AlgorithmUnsupported);
        }
        Ok(Self {
            der,
            signed: signed.bytes,
            serial: fields.serial.ok_or(CertificateError::SerialOutOfRange)?,
            issuer: fields.issuer,
            subject: fields.subject,
            validity: fields.validity,
            public_key: fields
                .public_key
                .ok_or(CertificateError::AlgorithmUnsupported)?,
            extensions: Extensions::read(fields.extensions)?,
            signature: signed.signature()?,
        })
    }

    /// The whole encoding.
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// SHA-256 of the whole encoding, computed at each call.
    pub fn sha256(&self) -> [u8; 32] {
        sha256(self.der)
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
    extensions: Reader<'a>,
}

impl<'a> Fields<'a> {
    fn read(mut fields: Reader<'a>) -> Result<Self, DerError> {
        let mut version = fields.element(tag::constructed(0), "the version is missing")?;
        let at = version;
        if version.u8()? != 2 {
            return Err(at.error("the version is not 3"));
        }
        version.finish()?;
        let serial = x509::read_serial(&mut fields)?;
        let algorithm = x509::read_is_ecdsa_with_sha256(&mut fields)?;
        let issuer = Name::read(&mut fields)?;
        let mut times = fields.sequence()?;
        let validity = Window {
            from: x509::read_time(&mut times)?,
            until: x509::read_time(&mut times)?,
        };
        times.finish()?;
        let subject = Name::read(&mut fields)?;
        let public_key = read_public_key(fields.sequence()?)?;
        let extensions = fields.element(tag::constructed(3), "the extensions are missing")?;
        fields.finish()?;
        Ok(Self {
            serial,
            algorithm,
            issuer,
            validity,
            subject,
            public_key,
            extensions,
        })
    }
}

/// `None` where the key is not one on P-256 in uncompressed form.
fn read_public_key<'a>(mut fields: Reader<'a>) -> Result<Option<&'a [u8; 65]>, DerError> {
    let mut algorithm = fields.sequence()?;
    let key_type = algorithm.object_identifier()?;
    let parameters = algorithm.rest();
    let (unused_bits, key) = fields.bit_string()?;
    fields.finish()?;
    if key_type != EC_PUBLIC_KEY {
        return Ok(None);
    }
    let mut parameters = Reader::new(parameters);
    let on_p256 = parameters.object_identifier()? == PRIME256V1;
    parameters.finish()?;
    Ok(key.try_into().ok().filter(|_| on_p256 && unused_bits == 0))
}

impl<'a> Extensions<'a> {
    fn read(mut wrapper: Reader<'a>) -> Result<Self, CertificateError> {
        let mut found = Self::default();
        let mut seen: Vec<&[u8]> = Vec::with_capacity(8);
        let mut list = wrapper.sequence()?;
        wrapper.finish()?;
        while !list.is_empty() {
            let extension = Extension::read(&mut list)?;
            if seen.contains(&extension.oid) {
                return Err(CertificateError::ExtensionRepeated {
                    oid: der::object_identifier_text(extension.oid),
                });
            }
            found.take(&extension)?;
            seen.push(extension.oid);
        }
        Ok(found)
    }

    fn take(&mut self, extension: &Extension<'a>) -> Result<(), DerError> {
        let mut value = Reader::new(extension.value);
        match extension.oid {
            x509::AUTHORITY_KEY_IDENTIFIER => {
                self.authority_key_identifier =
                    x509::read_authority_key_identifier(extension.value)?;
                return Ok(());
            }
            SUBJECT_KEY_IDENTIFIER => self.subject_key_identifier = Some(value.octet_string()?),
            KEY_USAGE => self.key_usage = Some(KeyUsage::read(&mut value)?),
            BASIC_CONSTRAINTS => {
                self.basic_constraints = Some(BasicConstraints::read(&mut value)?);
            }
            CRL_DISTRIBUTION_POINTS => {
                self.crl_distribution_point = Some(read_distribution_points(&mut value)?);
            }
            SGX_EXTENSIONS => {
                self.sgx = Some(extension.value);
                return Ok(());
            }
            SIMULATED => {
                self.simulated = true;
                return Ok(());
            }
            other => {
                if extension.critical && self.unknown_critical.is_none() {
                    self.unknown_critical = Some(der::object_identifier_text(other));
                }
                return Ok(());
            }
        }
        value.finish()
    }
}

impl KeyUsage {
    /// ```text
    /// KeyUsage ::= BIT STRING { digitalSignature (0), ..., keyCertSign (5), cRLSign (6), ... }
    /// ```
    fn read(reader: &mut Reader<'_>) -> Result<Self, DerError> {
        let (_, octets) = reader.bit_string()?;
        let first = octets.first().copied().unwrap_or_default();
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
    /// A `cA` of `FALSE` that is written out is read: genuine leaves may hold one.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let ca = fields.next_tag() == Some(tag::BOOLEAN) && fields.boolean()?;
        let path_length = match fields.next_tag() {
            Some(tag::INTEGER) => Some(fields.u8()?),
            _ => None,
        };
        fields.finish()?;
        Ok(Self { ca, path_length })
    }
}

/// The first URI in a list of distribution points: for people, as revocation never depends on it.
///
/// ```text
/// CRLDistributionPoints ::= SEQUENCE OF SEQUENCE {
///     distributionPoint [0] CHOICE { fullName [0] GeneralNames,
///                                    nameRelativeToCRLIssuer [1] ... } OPTIONAL,
///     reasons [1] ReasonFlags OPTIONAL, cRLIssuer [2] GeneralNames OPTIONAL }
/// ```
fn read_distribution_points<'a>(value: &mut Reader<'a>) -> Result<Option<&'a str>, DerError> {
    let mut first = None;
    let mut points = value.sequence()?;
    while !points.is_empty() {
        let mut point = points.sequence()?;
        if let Some(mut name) = point.optional(tag::constructed(0))? {
            let uri = match name.optional(tag::constructed(0))? {
                Some(full_name) => first_uri(full_name)?,
                None => {
                    name.element(tag::constructed(1), "no name of a distribution point")?;
                    None
                }
            };
            name.finish()?;
            first = first.or(uri);
        }
        point.optional(tag::context(1))?;
        point.optional(tag::constructed(2))?;
        point.finish()?;
    }
    Ok(first)
}

/// The first `uniformResourceIdentifier [6]` among general names.
fn first_uri(mut names: Reader<'_>) -> Result<Option<&str>, DerError> {
    let mut first = None;
    while !names.is_empty() {
        let (tag, name) = names.any()?;
        if tag == tag::context(6) {
            first = first.or(std::str::from_utf8(name.rest()).ok());
        }
    }
    Ok(first)
}

/// The `SubjectPublicKeyInfo` of an X.509 certificate of any version and algorithm, whole, and nothing is
/// checked of it: for those who know the certificate by its bytes.
pub fn public_key_info(der: &[u8]) -> Result<&[u8], DerError> {
    let mut fields = Reader::new(der).sequence()?.sequence()?;
    // The version, which is absent from those of version 1.
    fields.optional(tag::constructed(0))?;
    // serialNumber, signature, issuer, validity, subject (RFC 5280, section 4.1).
    for _ in 0..5 {
        fields.any()?;
    }
    fields.raw_sequence().map(|(whole, _)| whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{
        CertificatePieces, authority_key_identifier, element, extension, name, new_key, of_size,
        oid, sequence, verifying_key,
    };

    /// What is read of a root into which `change` brought something else.
    fn with<T>(
        change: impl FnOnce(&mut CertificatePieces),
        see: impl FnOnce(&Certificate<'_>) -> T,
    ) -> Result<T, CertificateError> {
        let key = new_key();
        let mut pieces = CertificatePieces::root(&key);
        change(&mut pieces);
        Certificate::parse(&pieces.signed_by(&key)).map(|certificate| see(&certificate))
    }

    /// What is read of these extensions.
    fn extensions<T>(
        all: &[Vec<u8>],
        see: impl FnOnce(&Extensions<'_>) -> T,
    ) -> Result<T, CertificateError> {
        let put = |pieces: &mut CertificatePieces| pieces.extensions = all.to_vec();
        with(put, |certificate| see(certificate.extensions()))
    }

    #[test]
    fn each_field_finds_its_place() {
        let (issuer, key) = (new_key(), new_key());
        let mut pieces = CertificatePieces::root(&key);
        pieces.issuer = name("issuer");
        pieces.subject = name("subject");
        let der = pieces.signed_by(&issuer);
        let certificate = Certificate::parse(&der).unwrap();
        assert_eq!(certificate.der(), der);
        assert_eq!(certificate.sha256(), sha256(&der));
        assert_eq!(certificate.serial().to_string(), "11");
        assert_eq!(certificate.issuer().common_name(), Some("issuer"));
        assert_eq!(certificate.issuer().der(), name("issuer"));
        assert_eq!(certificate.subject().common_name(), Some("subject"));
        let validity = certificate.validity();
        assert_eq!(validity.from.to_string(), "2018-05-21T10:45:10Z");
        assert_eq!(validity.until.to_string(), "2033-05-21T10:45:10Z");
        let own = certificate.public_key().unwrap();
        assert_eq!(own.uncompressed(), certificate.public_key_bytes());
        assert_eq!(own, verifying_key(&key));
        let invalid = Err(SignatureError::Invalid);
        assert_eq!(certificate.verify_signature(&own), invalid);
        let issuer = verifying_key(&issuer);
        assert_eq!(certificate.verify_signature(&issuer), Ok(()));
        assert_ne!(own, issuer);
    }

    #[test]
    fn the_largest_has_8_kibibytes() {
        let key = new_key();
        let padded = |padding: &[u8]| {
            let mut pieces = CertificatePieces::root(&key);
            pieces.extensions = vec![extension(&[0x2a, 3], false, padding)];
            pieces.signed_by(&key)
        };
        assert!(Certificate::parse(&of_size(8_192, padded)).is_ok());
        let (size, limit) = (8_193, 8_192);
        let error = Certificate::parse(&of_size(size, padded)).unwrap_err();
        assert_eq!(error, CertificateError::TooLong { size, limit });
    }

    #[test]
    fn version_serial_and_algorithms_are_those_of_the_profile() {
        let refused = |change: fn(&mut CertificatePieces)| with(change, |_| ()).unwrap_err();
        for version in [0, 1, 3] {
            let other = |pieces: &mut CertificatePieces| pieces.version = vec![2, 1, version];
            let error = with(other, |_| ()).unwrap_err();
            assert!(matches!(error, CertificateError::Der(_)), "{error}");
        }
        let zero = refused(|pieces| pieces.serial = vec![2, 1, 0]);
        assert_eq!(zero, CertificateError::SerialOutOfRange);
        // SHA-384 in either place; a key of another kind, on another curve, with bits that do not
        // count, compressed; parameters.
        let others: [fn(&mut CertificatePieces); 7] = [
            |pieces| pieces.algorithm[11] = 3,
            |pieces| pieces.signature_algorithm[11] = 3,
            |pieces| pieces.key_algorithm[10] = 2,
            |pieces| pieces.key_algorithm[20] = 8,
            |pieces| {
                pieces.key[2] = 1;
                pieces.key[67] &= 0xfe;
            },
            |pieces| pieces.key = element(tag::BIT_STRING, &pieces.key[2..36]),
            |pieces| {
                let null = [&pieces.algorithm[2..], &[5, 0]].concat();
                pieces.algorithm = sequence(&[&null]);
            },
        ];
        for (place, change) in others.into_iter().enumerate() {
            let error = refused(change);
            assert_eq!(error, CertificateError::AlgorithmUnsupported, "{place}");
        }
    }

    #[test]
    fn extensions_are_told_apart() {
        let none = extensions(&[], |found| {
            (
                found.authority_key_identifier.is_some(),
                found.subject_key_identifier.is_some(),
                found.crl_distribution_point.is_some(),
                found.key_usage.is_some(),
                found.basic_constraints.is_some(),
                found.sgx.is_some(),
                found.simulated,
                found.unknown_critical.is_some(),
            )
        });
        assert_eq!(
            none,
            Ok((false, false, false, false, false, false, false, false))
        );
        let authority = authority_key_identifier(b"authority");
        let subject = extension(SUBJECT_KEY_IDENTIFIER, false, &element(4, b"subject"));
        let sgx = extension(SGX_EXTENSIONS, false, b"sgx");
        let simulated = extension(SIMULATED, false, b"");
        extensions(&[authority, subject, sgx, simulated], |found| {
            assert_eq!(found.authority_key_identifier, Some(&b"authority"[..]));
            assert_eq!(found.subject_key_identifier, Some(&b"subject"[..]));
            assert_eq!(found.sgx, Some(&b"sgx"[..]));
            assert!(found.simulated);
        })
        .unwrap();
    }

    #[test]
    fn only_unknown_critical_extensions_are_told_and_the_first_of_them() {
        let unknown = |all: &[Vec<u8>]| extensions(all, |found| found.unknown_critical.clone());
        let other = |last, critical| extension(&[0x2a, last], critical, b"");
        assert_eq!(unknown(&[other(3, false)]), Ok(None));
        let several = [
            other(3, false),
            other(4, true),
            other(5, true),
            other(6, false),
        ];
        assert_eq!(unknown(&several), Ok(Some("1.2.4".to_owned())));
        let known = extension(KEY_USAGE, true, &[3, 2, 1, 6]);
        assert_eq!(unknown(&[known]), Ok(None));
        let error = unknown(&[other(3, false), other(3, true)]).unwrap_err();
        let repeated = "1.2.3".to_owned();
        assert_eq!(error, CertificateError::ExtensionRepeated { oid: repeated });
    }

    #[test]
    fn each_purpose_of_a_key_has_its_bit() {
        let usage = |octet| {
            let value = element(tag::BIT_STRING, &[0, octet]);
            extensions(&[extension(KEY_USAGE, true, &value)], |found| {
                let usage = found.key_usage.unwrap();
                (usage.digital_signature, usage.key_cert_sign, usage.crl_sign)
            })
        };
        assert_eq!(usage(0x00), Ok((false, false, false)));
        assert_eq!(usage(0x80), Ok((true, false, false)));
        assert_eq!(usage(0x04), Ok((false, true, false)));
        assert_eq!(usage(0x02), Ok((false, false, true)));
        assert_eq!(usage(0x79), Ok((false, false, false)));
    }

    #[test]
    fn basic_constraints_in_every_form() {
        let read = |contents: &[u8]| {
            let value = element(tag::SEQUENCE, contents);
            extensions(&[extension(BASIC_CONSTRAINTS, true, &value)], |found| {
                let constraints = found.basic_constraints.unwrap();
                (constraints.ca, constraints.path_length)
            })
        };
        assert_eq!(read(&[]), Ok((false, None)));
        assert_eq!(read(&[1, 1, 0]), Ok((false, None)));
        assert_eq!(read(&[1, 1, 0xff]), Ok((true, None)));
        assert_eq!(read(&[1, 1, 0xff, 2, 1, 0]), Ok((true, Some(0))));
        assert_eq!(read(&[1, 1, 0xff, 2, 1, 1]), Ok((true, Some(1))));
        for malformed in [&[1, 1, 1][..], &[2, 2, 1, 0], &[1, 1, 0xff, 5, 0]] {
            assert!(read(malformed).is_err(), "{malformed:02x?}");
        }
    }

    #[test]
    fn distribution_points_are_read_to_their_end_and_the_first_uri_is_kept() {
        let uri = |text: &str| element(tag::context(6), text.as_bytes());
        let mail = element(tag::context(1), b"a@b.invalid");
        let full = |names: &[&[u8]]| {
            let names = element(tag::constructed(0), &names.concat());
            sequence(&[&element(tag::constructed(0), &names)])
        };
        let relative = element(tag::constructed(0), &element(tag::constructed(1), b""));
        let read = |points: &[Vec<u8>]| {
            let value = element(tag::SEQUENCE, &points.concat());
            let all = [extension(CRL_DISTRIBUTION_POINTS, false, &value)];
            let owned = |found: Option<&str>| found.map(str::to_owned);
            extensions(&all, |found| found.crl_distribution_point.map(owned))
        };
        let some = |text: &str| Ok(Some(Some(text.to_owned())));
        assert_eq!(read(&[]), Ok(Some(None)));
        assert_eq!(read(&[full(&[&mail])]), Ok(Some(None)));
        assert_eq!(read(&[sequence(&[&relative])]), Ok(Some(None)));
        assert_eq!(read(&[full(&[&mail, &uri("a"), &uri("b")])]), some("a"));
        assert_eq!(read(&[sequence(&[]), full(&[&uri("b")])]), some("b"));
        assert_eq!(read(&[full(&[&uri("a")]), full(&[&uri("b")])]), some("a"));
        let more = sequence(&[&relative, &[0x81, 0], &[0xa2, 0]]);
        assert_eq!(read(std::slice::from_ref(&more)), Ok(Some(None)));
        for malformed in [
            sequence(&[&[5, 0]]),
            sequence(&[&element(tag::constructed(0), &[5, 0])]),
            sequence(&[&relative, &[5, 0]]),
            full(&[&uri("a"), &[0x86, 1]]),
            vec![5, 0],
        ] {
            assert!(
                read(std::slice::from_ref(&malformed)).is_err(),
                "{malformed:02x?}"
            );
            assert!(
                read(&[full(&[&uri("a")]), malformed]).is_err(),
                "as the second"
            );
        }
    }

    #[test]
    fn nothing_may_follow_the_value_of_an_extension() {
        let subject = element(tag::OCTET_STRING, b"subject");
        for (identifier, value) in [
            (SUBJECT_KEY_IDENTIFIER, &*subject),
            (KEY_USAGE, &[3, 2, 1, 6]),
            (BASIC_CONSTRAINTS, &[0x30, 0]),
            (CRL_DISTRIBUTION_POINTS, &[0x30, 0]),
            (x509::AUTHORITY_KEY_IDENTIFIER, &[0x30, 0]),
        ] {
            let read = |value: &[u8]| extensions(&[extension(identifier, false, value)], |_| ());
            assert_eq!(read(value), Ok(()), "{:02x?}", oid(identifier));
            assert!(read(&[value, &[5, 0]].concat()).is_err());
        }
    }
}
