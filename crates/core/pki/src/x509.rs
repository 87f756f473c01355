//! The pieces that certificates and CRLs share: names, times, algorithms, extensions, serials.

use std::fmt;
use std::ops::Range;

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{DateTime, Decode, ErrorKind, Header, Length, Reader, SliceReader, Tag, Tagged};

use crate::time::Timestamp;

/// Content octets of `2.5.4.3`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

pub(crate) const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.29.35");

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
            let value = value.escape_debug();
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

    fn for_each_attribute(&self, mut see: impl FnMut(&'a [u8], &'a str)) -> der::Result<()> {
        SliceReader::new(self.der)?.sequence(|names| {
            while !names.is_finished() {
                let set = AnyRef::decode(names)?;
                set.tag().assert_eq(Tag::Set)?;
                let mut attributes = SliceReader::new(set.value())?;
                while !attributes.is_finished() {
                    let (oid, value) = attributes.sequence(|pair| {
                        let oid = AnyRef::decode(pair)?;
                        oid.tag().assert_eq(Tag::ObjectIdentifier)?;
                        let value = AnyRef::decode(pair)?;
                        let text = match value.tag() {
                            Tag::PrintableString | Tag::Utf8String => {
                                std::str::from_utf8(value.value())
                                    .map_err(|_| ErrorKind::Value { tag: value.tag() })?
                            }
                            tag => return Err(ErrorKind::Value { tag }.into()),
                        };
                        Ok::<_, der::Error>((oid.value(), text))
                    })?;
                    see(oid, value);
                }
            }
            Ok(())
        })
    }

    pub(crate) fn decode(reader: &mut SliceReader<'a>) -> der::Result<Self> {
        let header = Header::peek(reader)?;
        header.tag().assert_eq(Tag::Sequence)?;
        Ok(Self {
            der: reader.tlv_bytes()?,
        })
    }
}

/// A serial number of at most 20 octets, positive, compared as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 20]);

impl Serial {
    /// Reads the digits of a number, big-endian; `None` if zero or longer than 20 octets.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let mut padded = [0; 20];
        let start = padded.len().checked_sub(digits.len())?;
        padded.get_mut(start..)?.copy_from_slice(digits);
        (padded != [0; 20]).then_some(Self(padded))
    }
}

/// Hexadecimal digits without leading zero octets.
impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let significant = self.0.iter().position(|byte| *byte != 0).unwrap_or(0);
        f.write_str(&hex::encode(self.0.get(significant..).unwrap_or_default()))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

/// `None` where the number is out of range; an error where it is no number.
pub(crate) fn decode_serial(reader: &mut SliceReader<'_>) -> der::Result<Option<Serial>> {
    UintRef::decode(reader).map(|number| Serial::from_digits(number.as_bytes()))
}

/// ```text
/// Time ::= CHOICE { utcTime UTCTime, generalTime GeneralizedTime }
/// ```
pub(crate) fn decode_time(reader: &mut SliceReader<'_>) -> der::Result<Timestamp> {
    let time = AnyRef::decode(reader)?;
    let mut text = *b"YYYYMMDDHHMMSSZ";
    let (century, rest) = text.split_at_mut(2);
    match (
        time.tag(),
        <&[u8; 13]>::try_from(time.value()),
        time.value().try_into(),
    ) {
        (Tag::UtcTime, Ok(short), _) => {
            // Two digits of the year stand for 1950 to 2049 (RFC 5280, section 4.1.2.5.1).
            let is_this_century = short.first().is_some_and(|decade| *decade < b'5');
            century.copy_from_slice(if is_this_century { b"20" } else { b"19" });
            rest.copy_from_slice(short);
        }
        (Tag::GeneralizedTime, _, Ok(long)) => text = long,
        (tag, ..) => return Err(tag.unexpected_error(Some(Tag::UtcTime)).into()),
    }
    read_time(&text).ok_or_else(|| time.tag().value_error().into())
}

/// Reads `YYYYMMDDHHMMSSZ`.
fn read_time(text: &[u8; 15]) -> Option<Timestamp> {
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: Range<usize>| digits.get(range)?.parse().ok();
    let time = DateTime::new(
        digits.get(0..4)?.parse().ok()?,
        number(4..6)?,
        number(6..8)?,
        number(8..10)?,
        number(10..12)?,
        number(12..14)?,
    );
    time.ok().map(Timestamp::from)
}

/// Whether the algorithm identifier is exactly `ecdsa-with-SHA256`, without parameters (RFC 5758).
pub(crate) fn decode_is_ecdsa_with_sha256(reader: &mut SliceReader<'_>) -> der::Result<bool> {
    let whole = AnyRef::decode(reader)?;
    whole.tag().assert_eq(Tag::Sequence)?;
    let mut fields = SliceReader::new(whole.value())?;
    let oid = ObjectIdentifier::decode(&mut fields)?;
    Ok(oid == ECDSA_WITH_SHA256 && fields.is_finished())
}

/// ```text
/// Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE,
///                          extnValue OCTET STRING }
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(crate) fn decode(reader: &mut SliceReader<'a>) -> der::Result<Self> {
        reader.sequence(|fields| {
            let oid = ObjectIdentifier::decode(fields)?;
            let critical = match Header::peek(fields)?.tag() {
                Tag::Boolean => {
                    let critical = bool::decode(fields)?;
                    // A default must not be encoded (X.690, section 11.5).
                    if !critical {
                        return Err(ErrorKind::Noncanonical { tag: Tag::Boolean }.into());
                    }
                    critical
                }
                _ => false,
            };
            let value = <&OctetStringRef>::decode(fields)?.as_bytes();
            Ok(Self {
                oid,
                critical,
                value,
            })
        })
    }
}

/// Reads a whole value of type `T` from `bytes`.
pub(crate) fn decode_all<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut SliceReader<'a>) -> der::Result<T>,
) -> der::Result<T> {
    let mut reader = SliceReader::new(bytes)?;
    let value = read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// ```text
/// AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] IMPLICIT OCTET STRING OPTIONAL, ... }
/// ```
pub(crate) fn decode_authority_key_identifier(bytes: &[u8]) -> der::Result<Option<&[u8]>> {
    decode_all(bytes, |reader| {
        reader.sequence(|fields| {
            let mut key_identifier = None;
            while !fields.is_finished() {
                let field = AnyRef::decode(fields)?;
                if field.tag().is_context_specific() && field.tag().number().value() == 0 {
                    key_identifier = Some(field.value());
                }
            }
            Ok(key_identifier)
        })
    })
}

/// Whether bytes remain that belong to a tag `[number]`, constructed.
pub(crate) fn next_is_context(reader: &SliceReader<'_>, number: u8) -> bool {
    reader.remaining_len() > Length::ZERO && reader.peek_byte() == Some(0xa0 | number)
}

/// Content of an explicit tag `[number]`, constructed.
pub(crate) fn decode_context<'a>(
    reader: &mut SliceReader<'a>,
    number: u8,
) -> der::Result<Option<&'a [u8]>> {
    if !next_is_context(reader, number) {
        return Ok(None);
    }
    AnyRef::decode(reader).map(|any| Some(any.value()))
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
    fn times_have_one_form_each() {
        let read = |tag: u8, text: &str| {
            let der = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            decode_all(&der, decode_time)
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
            |byte| decode_all(&with_critical(byte), Extension::decode).map(|e| e.critical);
        assert_eq!(critical(0xff), Ok(true));
        assert!(critical(0x00).is_err());
        assert!(critical(0x01).is_err());
    }
}
