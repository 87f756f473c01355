//! The pieces that certificates and CRLs share: names, times, algorithms, extensions, serials.

use std::fmt;

use der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, UintRef, UtcTime};
use der::{Decode, ErrorKind, Header, Length, Reader, SliceReader, Tag, Tagged};

use crate::time::Timestamp;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
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
        for (oid, value) in self.attributes().ok()? {
            if oid == COMMON_NAME && found.replace(value).is_some() {
                return None;
            }
        }
        found
    }

    /// `CN=..., O=...` in the order of the encoding, for people.
    pub fn to_text(&self) -> String {
        let Ok(attributes) = self.attributes() else {
            return format!("(unreadable name {})", hex::encode(self.der));
        };
        let parts: Vec<String> = attributes
            .into_iter()
            .map(|(oid, value)| match oid.to_string().as_str() {
                "2.5.4.3" => format!("CN={value}"),
                "2.5.4.6" => format!("C={value}"),
                "2.5.4.7" => format!("L={value}"),
                "2.5.4.8" => format!("ST={value}"),
                "2.5.4.10" => format!("O={value}"),
                "2.5.4.11" => format!("OU={value}"),
                other => format!("{other}={value}"),
            })
            .collect();
        parts.join(", ")
    }

    fn attributes(&self) -> der::Result<Vec<(ObjectIdentifier, &'a str)>> {
        let mut found = Vec::new();
        SliceReader::new(self.der)?.sequence(|names| {
            while !names.is_finished() {
                let set = AnyRef::decode(names)?;
                set.tag().assert_eq(Tag::Set)?;
                let mut attributes = SliceReader::new(set.value())?;
                while !attributes.is_finished() {
                    found.push(attributes.sequence(|pair| {
                        let oid = ObjectIdentifier::decode(pair)?;
                        let value = AnyRef::decode(pair)?;
                        let text = match value.tag() {
                            Tag::PrintableString | Tag::Utf8String => {
                                std::str::from_utf8(value.value())
                                    .map_err(|_| ErrorKind::Value { tag: value.tag() })?
                            }
                            tag => return Err(ErrorKind::Value { tag }.into()),
                        };
                        Ok::<_, der::Error>((oid, text))
                    })?);
                }
            }
            Ok(found)
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
        let start = self.0.iter().position(|byte| *byte != 0).unwrap_or(0);
        f.write_str(&hex::encode(&self.0[start..]))
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
    match Header::peek(reader)?.tag() {
        Tag::UtcTime => Ok(UtcTime::decode(reader)?.to_date_time().into()),
        Tag::GeneralizedTime => Ok(GeneralizedTime::decode(reader)?.to_date_time().into()),
        tag => Err(tag.unexpected_error(Some(Tag::UtcTime)).into()),
    }
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
    fn a_default_that_is_written_out_is_refused() {
        let with_critical = |byte| [0x30, 9, 6, 2, 0x2a, 3, 1, 1, byte, 4, 0];
        let mut wanted = [0x30, 10, 6, 2, 0x2a, 3, 1, 1, 0, 4, 0];
        wanted[1] = 9;
        assert_eq!(wanted.len(), with_critical(0).len());
        let critical = |byte| decode_all(&with_critical(byte), Extension::decode).map(|e| e.critical);
        assert_eq!(critical(0xff), Ok(true));
        assert!(critical(0x00).is_err());
        assert!(critical(0x01).is_err());
    }
}
