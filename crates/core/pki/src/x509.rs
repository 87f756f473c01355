//! The pieces that certificates and CRLs share: names, times, algorithms, extensions, serials.

use std::fmt;

use crate::der::{DerError, Reader, tag};
use crate::signature::{Signature, SignatureError};
use crate::time::Timestamp;

/// Content octets of `2.5.4.3`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// Content octets of `1.2.840.10045.4.3.2`.
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// Content octets of `2.5.29.35`.
pub(crate) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];

/// A distinguished name: compared as DER, read for its common name only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    der: &'a [u8],
}

impl<'a> Name<'a> {
    /// The whole encoding.
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The value of the only `CN` attribute; `None` where there is none, more than one, or one
    /// that is no `PrintableString` or `UTF8String`.
    pub fn common_name(&self) -> Option<&'a str> {
        let mut found = None;
        let mut is_only = true;
        self.for_each_attribute(|oid, value| {
            if oid == COMMON_NAME {
                is_only = found.replace(value).is_none();
            }
        })
        .ok()?;
        found.filter(|_| is_only)
    }

    /// `CN=..., O=...` in the order of the encoding, for people.
    pub fn to_text(&self) -> String {
        let mut parts = Vec::new();
        let read = self.for_each_attribute(|oid, value| {
            // A comma in a value must not look like the end of it.
            let value = value.escape_debug().to_string().replace(',', "\\,");
            let label = match oid {
                [0x55, 0x04, 3] => "CN",
                [0x55, 0x04, 6] => "C",
                [0x55, 0x04, 7] => "L",
                [0x55, 0x04, 8] => "ST",
                [0x55, 0x04, 10] => "O",
                [0x55, 0x04, 11] => "OU",
                _ => "other",
            };
            parts.push(format!("{label}={value}"));
        });
        match read {
            Ok(()) => parts.join(", "),
            Err(_) => format!("(unreadable name {})", hex::encode(self.der)),
        }
    }

    /// Shows each attribute in turn: object identifier and text.
    fn for_each_attribute(&self, mut see: impl FnMut(&'a [u8], &'a str)) -> Result<(), DerError> {
        let names = Reader::new(self.der).sequence()?;
        read_attributes(names, |oid, at, kind, value| {
            let text = match kind {
                tag::PRINTABLE_STRING | tag::UTF8_STRING => std::str::from_utf8(value.rest()).ok(),
                _ => None,
            };
            see(
                oid,
                text.ok_or(at.error("a name is no PrintableString or UTF8String"))?,
            );
            Ok(())
        })
    }

    /// Reads a name whose attributes are well formed, whatever their values are.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let (der, names) = reader.raw_sequence()?;
        read_attributes(names, |_, _, _, _| Ok(()))?;
        Ok(Self { der })
    }
}

/// ```text
/// RDNSequence ::= SEQUENCE OF SET OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }
/// ```
///
/// `see` is given the object identifier, and place, tag and contents of the value.
fn read_attributes<'a>(
    mut names: Reader<'a>,
    mut see: impl FnMut(&'a [u8], Reader<'a>, u8, Reader<'a>) -> Result<(), DerError>,
) -> Result<(), DerError> {
    while !names.is_empty() {
        let mut attributes = names.element(tag::SET, "a SET is expected")?;
        let mut last: &[u8] = &[];
        while !attributes.is_empty() {
            let start = attributes;
            let (whole, mut pair) = attributes.raw_sequence()?;
            // X.690, section 11.6; no encoding is the beginning of another.
            if whole <= last {
                return Err(start.error("a SET OF is not in ascending order"));
            }
            last = whole;
            let oid = pair.object_identifier()?;
            let at = pair;
            let (kind, value) = pair.any()?;
            pair.finish()?;
            see(oid, at, kind, value)?;
        }
    }
    Ok(())
}

/// A serial number of at most 20 octets, positive, compared as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(
    // The highest word first: a list of revoked certificates is sorted faster by words than by
    // octets.
    [u64; 3],
);

impl Serial {
    /// Reads the digits of a number, big-endian; `None` if zero or longer than 20 octets.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        if digits.len() > 20 {
            return None;
        }
        let mut padded = [0; 24];
        let start = padded.len().checked_sub(digits.len())?;
        padded.get_mut(start..)?.copy_from_slice(digits);
        let mut words = [0; 3];
        for (word, octets) in words.iter_mut().zip(padded.as_chunks().0) {
            *word = u64::from_be_bytes(*octets);
        }
        (words != [0; 3]).then_some(Self(words))
    }
}

/// Hexadecimal digits without leading zero octets.
impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = self.0.map(u64::to_be_bytes);
        let octets = octets.as_flattened();
        let significant = octets.iter().position(|byte| *byte != 0).unwrap_or(0);
        f.write_str(&hex::encode(octets.get(significant..).unwrap_or_default()))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

/// `None` where the number is out of range; an error where it is no number.
pub(crate) fn read_serial(reader: &mut Reader<'_>) -> Result<Option<Serial>, DerError> {
    reader.unsigned().map(Serial::from_digits)
}

/// ```text
/// Time ::= CHOICE { utcTime UTCTime, generalTime GeneralizedTime }
/// ```
pub(crate) fn read_time(reader: &mut Reader<'_>) -> Result<Timestamp, DerError> {
    let at = *reader;
    let (kind, value) = reader.any()?;
    let mut text = *b"YYYYMMDDHHMMSSZ";
    let (century, rest) = text.split_at_mut(2);
    match (
        kind,
        <&[u8; 13]>::try_from(value.rest()),
        value.rest().try_into(),
    ) {
        (tag::UTC_TIME, Ok(short), _) => {
            // Two digits of the year stand for 1950 to 2049 (RFC 5280, section 4.1.2.5.1).
            let is_this_century = short.first().is_some_and(|decade| *decade < b'5');
            century.copy_from_slice(if is_this_century { b"20" } else { b"19" });
            rest.copy_from_slice(short);
        }
        (tag::GENERALIZED_TIME, _, Ok(long)) => text = long,
        _ => return Err(at.error("a UTCTime or GeneralizedTime in seconds is expected")),
    }
    let digits = text
        .strip_suffix(b"Z")
        .and_then(|digits| digits.try_into().ok());
    digits
        .and_then(Timestamp::from_digits)
        .ok_or(at.error("not a time between 1970 and 9999"))
}

/// What certificates and CRLs have in common (RFC 5280, sections 4.1.1 and 5.1.1):
///
/// ```text
/// SIGNED ::= SEQUENCE { toBeSigned SEQUENCE, algorithm AlgorithmIdentifier, signature BIT STRING }
/// ```
pub(crate) struct Signed<'a> {
    /// The encoding that the signature covers.
    pub(crate) bytes: &'a [u8],
    /// Its contents.
    pub(crate) contents: Reader<'a>,
    /// Whether the algorithm is ECDSA with SHA-256.
    pub(crate) is_ecdsa_with_sha256: bool,
    signature: (u8, &'a [u8]),
}

impl<'a> Signed<'a> {
    /// Reads one that fills `der` exactly.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, DerError> {
        let mut reader = Reader::new(der);
        let mut parts = reader.sequence()?;
        reader.finish()?;
        let (bytes, contents) = parts.raw_sequence()?;
        let is_ecdsa_with_sha256 = read_is_ecdsa_with_sha256(&mut parts)?;
        let signature = parts.bit_string()?;
        parts.finish()?;
        Ok(Self {
            bytes,
            contents,
            is_ecdsa_with_sha256,
            signature,
        })
    }

    /// The signature, which must be whole octets of strict DER.
    pub(crate) fn signature(&self) -> Result<Signature, SignatureError> {
        match self.signature {
            (0, octets) => Signature::from_der(octets),
            _ => Err(SignatureError::Malformed),
        }
    }
}

/// Whether the algorithm identifier is exactly `ecdsa-with-SHA256`, without parameters (RFC 5758).
pub(crate) fn read_is_ecdsa_with_sha256(reader: &mut Reader<'_>) -> Result<bool, DerError> {
    let mut fields = reader.sequence()?;
    Ok(fields.object_identifier()? == ECDSA_WITH_SHA256 && fields.is_empty())
}

/// ```text
/// Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE,
///                          extnValue OCTET STRING }
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    /// Content octets.
    pub(crate) oid: &'a [u8],
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut fields = reader.sequence()?;
        let oid = fields.object_identifier()?;
        let critical = fields.next_tag() == Some(tag::BOOLEAN);
        let at = fields;
        // A default must not be encoded (X.690, section 11.5).
        if critical && !fields.boolean()? {
            return Err(at.error("a default is written out"));
        }
        let value = fields.octet_string()?;
        fields.finish()?;
        Ok(Self {
            oid,
            critical,
            value,
        })
    }
}

/// ```text
/// AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] IMPLICIT OCTET STRING OPTIONAL,
///     authorityCertIssuer [1] ... OPTIONAL, authorityCertSerialNumber [2] ... OPTIONAL }
/// ```
pub(crate) fn read_authority_key_identifier(bytes: &[u8]) -> Result<Option<&[u8]>, DerError> {
    let mut reader = Reader::new(bytes);
    let mut fields = reader.sequence()?;
    reader.finish()?;
    let key_identifier = fields.optional(tag::context(0))?;
    fields.optional(tag::constructed(1))?;
    fields.optional(tag::context(2))?;
    fields.finish()?;
    Ok(key_identifier.map(|contents| contents.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_numbers_of_at_most_20_octets() {
        let serial = |digits: &[u8]| Serial::from_digits(digits).map(|s| s.to_string());
        assert_eq!(serial(&[1, 0x2f]), Some("012f".into()));
        assert_eq!(serial(&[0, 0, 1]), Some("01".into()));
        assert_eq!(serial(&[0]), None);
        assert_eq!(serial(&[]), None);
        assert!(serial(&[1; 20]).is_some());
        assert_eq!(serial(&[1; 21]), None);
    }

    #[test]
    fn names_are_sets_of_attributes() {
        let name = |contents: &[u8]| {
            let der = [&[0x30, u8::try_from(contents.len()).unwrap()], contents].concat();
            Name::read(&mut Reader::new(&der)).map(|name| name.to_text())
        };
        let cn_a: &[u8] = &[0x30, 8, 6, 3, 0x55, 4, 3, 0x13, 1, b'a'];
        let cn_b: &[u8] = &[0x30, 8, 6, 3, 0x55, 4, 3, 0x13, 1, b'b'];
        let cn_ia5: &[u8] = &[0x30, 8, 6, 3, 0x55, 4, 3, 0x16, 1, b'a'];
        let set = |attributes: &[&[u8]]| {
            let contents = attributes.concat();
            [&[0x31, u8::try_from(contents.len()).unwrap()], &*contents].concat()
        };
        assert_eq!(name(&[]), Ok(String::new()));
        assert_eq!(name(&set(&[cn_a])), Ok("CN=a".to_owned()));
        assert_eq!(name(&set(&[cn_a, cn_b])), Ok("CN=a, CN=b".to_owned()));
        let unreadable = name(&set(&[cn_ia5])).unwrap();
        assert!(unreadable.starts_with("(unreadable name "), "{unreadable}");
        for malformed in [
            cn_a,                                                        // no SET around it
            &set(&[&[6, 3, 0x55, 4, 3]]),                                // no SEQUENCE in it
            &set(&[&[0x30, 5, 6, 3, 0x55, 4, 3]]),                       // no value
            &set(&[&[&cn_a[..1], &[10], &cn_a[2..], &[5, 0]].concat()]), // more than a value
            &set(&[cn_b, cn_a]),                                         // not in ascending order
            &set(&[cn_a, cn_a]),                                         // twice
            &set(&[cn_a])[..11],                                         // cut off
        ] {
            assert!(name(malformed).is_err(), "{malformed:02x?}");
        }
    }

    #[test]
    fn times_have_one_form_each() {
        let read = |tag: u8, text: &str| {
            let der = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            read_time(&mut Reader::new(&der))
                .map(|time| time.to_string())
                .ok()
        };
        assert_eq!(
            read(0x17, "491231235959Z"),
            Some("2049-12-31T23:59:59Z".into())
        );
        assert_eq!(
            read(0x17, "180521104510Z"),
            Some("2018-05-21T10:45:10Z".into())
        );
        assert_eq!(
            read(0x17, "700101000000Z"),
            Some("1970-01-01T00:00:00Z".into())
        );
        assert_eq!(
            read(0x18, "20600101000000Z"),
            Some("2060-01-01T00:00:00Z".into())
        );
        for (tag, text) in [
            (0x17, "500101000000Z"), // 1950
            (0x17, "180521104510"),
            (0x17, "1805211045Z"),
            (0x17, "180521104510+0100"),
            (0x17, "180521104510ZZ"),
            (0x17, "18052110451 Z"),
            (0x17, "181321104510Z"),
            (0x17, "180230104510Z"),
            (0x17, "180521104560Z"),
            (0x17, "20180521104510Z"),
            (0x17, ""),
            (0x18, "180521104510Z"),
            (0x18, "20600101000000.5Z"),
            (0x18, "2x600101000000Z"),
            (0x13, "180521104510Z"),
        ] {
            assert_eq!(read(tag, text), None, "{tag:x} {text}");
        }
    }

    #[test]
    fn a_default_that_is_written_out_is_refused() {
        let with_critical = |byte| [0x30, 9, 6, 2, 0x2a, 3, 1, 1, byte, 4, 0];
        let mut wanted = [0x30, 10, 6, 2, 0x2a, 3, 1, 1, 0, 4, 0];
        wanted[1] = 9;
        assert_eq!(wanted.len(), with_critical(0).len());
        let critical =
            |byte| Extension::read(&mut Reader::new(&with_critical(byte))).map(|e| e.critical);
        assert_eq!(critical(0xff), Ok(true));
        assert!(critical(0x00).is_err());
        assert!(critical(0x01).is_err());
    }
}
