//! DER, one tag, length and value at a time.
//!
//! The specifications in this crate write correct DER with these functions; a test uses them to
//! write what no correct encoder would.

use std::time::Duration;

use bulla_pki::Timestamp;
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, ObjectIdentifier, UintRef, UtcTime};
use der::{DateTime, Encode, Tag, TagNumber};

/// Last second that `UTCTime` can express in a certificate (RFC 5280, section 4.1.2.5):
/// 2049-12-31T23:59:59Z.
const LAST_UTC_TIME: u64 = 2_524_607_999;

/// Everything written here is in memory and far below DER's limit of 256 MiB, the only cause of
/// failure for the types of this module.
const FITS: &str = "a value in memory fits the DER length limit";

/// One value as its type encodes itself.
pub fn encode(value: &impl Encode) -> Vec<u8> {
    value.to_der().expect(FITS)
}

/// `tag` around `contents` with a minimal length.
pub fn wrap(tag: Tag, contents: &[u8]) -> Vec<u8> {
    encode(&AnyRef::new(tag, contents).expect(FITS))
}

/// A tag octet, length octets and contents exactly as given: the means to write a non-minimal
/// length, a length that lies, or a tag that does not belong.
pub fn raw(tag: u8, length: &[u8], contents: &[u8]) -> Vec<u8> {
    [&[tag], length, contents].concat()
}

/// SEQUENCE of elements that are DER already.
pub fn sequence<E: AsRef<[u8]>>(elements: &[E]) -> Vec<u8> {
    wrap(Tag::Sequence, &join(elements))
}

/// SET of one element that is DER already (of more, DER would ask for an order).
pub fn set_of_one(element: &[u8]) -> Vec<u8> {
    wrap(Tag::Set, element)
}

/// `[number] EXPLICIT`, or any other constructed context-specific element.
pub fn context(number: u32, contents: &[u8]) -> Vec<u8> {
    wrap(
        Tag::ContextSpecific {
            number: TagNumber(number),
            constructed: true,
        },
        contents,
    )
}

/// `[number] IMPLICIT` of a primitive type.
pub fn context_primitive(number: u32, contents: &[u8]) -> Vec<u8> {
    wrap(
        Tag::ContextSpecific {
            number: TagNumber(number),
            constructed: false,
        },
        contents,
    )
}

/// INTEGER from a big-endian magnitude of any length.
pub fn unsigned(magnitude: &[u8]) -> Vec<u8> {
    encode(&UintRef::new(magnitude).expect(FITS))
}

/// OBJECT IDENTIFIER.
pub fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    encode(&oid)
}

/// OCTET STRING.
pub fn octets(contents: &[u8]) -> Vec<u8> {
    wrap(Tag::OctetString, contents)
}

/// BIT STRING of whole octets.
pub fn bits(contents: &[u8]) -> Vec<u8> {
    encode(&BitStringRef::from_bytes(contents).expect(FITS))
}

/// UTF8String.
pub fn utf8(text: &str) -> Vec<u8> {
    wrap(Tag::Utf8String, text.as_bytes())
}

/// `Time` of RFC 5280: UTCTime up to 2049, GeneralizedTime from 2050 on.
pub fn time(at: Timestamp) -> Vec<u8> {
    let date = DateTime::from_unix_duration(Duration::from_secs(at.unix_seconds()))
        .expect("a Timestamp ends with the year 9999, as DateTime does");
    if at.unix_seconds() <= LAST_UTC_TIME {
        encode(&UtcTime::from_date_time(date).expect("the year is below 2050"))
    } else {
        encode(&GeneralizedTime::from_date_time(date))
    }
}

/// Elements one after the other.
fn join<E: AsRef<[u8]>>(elements: &[E]) -> Vec<u8> {
    let mut joined = Vec::new();
    for element in elements {
        joined.extend_from_slice(element.as_ref());
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_change_their_form_with_the_year_2050() {
        let encoded = |text: &str| time(text.parse().expect("a time"));
        assert_eq!(
            encoded("2049-12-31T23:59:59Z"),
            [b"\x17\x0d", &b"491231235959Z"[..]].concat()
        );
        assert_eq!(
            encoded("2050-01-01T00:00:00Z"),
            [b"\x18\x0f", &b"20500101000000Z"[..]].concat()
        );
    }

    #[test]
    fn integers_are_positive_and_minimal() {
        assert_eq!(unsigned(&[0xff]), [2, 2, 0, 0xff]);
        assert_eq!(unsigned(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(unsigned(&[0]), [2, 1, 0]);
    }

    #[test]
    fn raw_writes_what_der_forbids() {
        assert_eq!(raw(2, &[0x81, 1], &[5]), [2, 0x81, 1, 5]);
    }
}
