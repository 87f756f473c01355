//! Percent-encoding as the vendor's headers and JSON have it: that of `encodeURIComponent`
//! (ECMA-262), applied to PEM.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Why text is not percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PercentError {
    /// Two hexadecimal digits do not follow a `%`.
    #[error("the percent sign at byte {offset} is not followed by two hexadecimal digits")]
    Digits {
        /// Offset of the percent sign in the encoded text.
        offset: usize,
    },
    /// The bytes that are encoded are no UTF-8.
    #[error("the encoded bytes are no UTF-8")]
    Utf8,
}

/// What `encodeURIComponent` changes: every byte but letters, digits and `- _ . ! ~ * ' ( )`.
const CHANGED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Encodes every byte but letters, digits and `- _ . ! ~ * ' ( )`.
pub fn encode(text: &str) -> String {
    // PEM has one such byte in sixteen.
    let mut encoded = String::with_capacity(text.len().saturating_add(text.len() / 8));
    encoded.extend(utf8_percent_encode(text, &CHANGED));
    encoded
}

/// Decodes each `%XX`, digits in either case; everything else, also `+`, stands for itself.
pub fn decode(text: &str) -> Result<String, PercentError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(plain) = memchr::memchr(b'%', rest) {
        let offset = text.len().saturating_sub(rest.len()).saturating_add(plain);
        let (before, behind) = rest.split_at(plain);
        let (byte, after) = escaped(behind).ok_or(PercentError::Digits { offset })?;
        decoded.extend_from_slice(before);
        decoded.push(byte);
        rest = after;
    }
    decoded.extend_from_slice(rest);
    String::from_utf8(decoded).map_err(|_| PercentError::Utf8)
}

/// The byte that a percent sign and two hexadecimal digits stand for, and what follows them.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([_, digits @ ..], rest) = text.split_first_chunk::<3>()?;
    let mut byte = [0];
    hex::decode_to_slice(digits, &mut byte).ok()?;
    let [byte] = byte;
    Some((byte, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pem_is_encoded_as_the_vendor_does() {
        assert_eq!(
            encode("-----BEGIN X509 CRL-----\na+/b==\n"),
            "-----BEGIN%20X509%20CRL-----%0Aa%2B%2Fb%3D%3D%0A"
        );
        assert_eq!(encode("azAZ09-_.!~*'()é"), "azAZ09-_.!~*'()%C3%A9");
    }

    #[test]
    fn what_stands_for_itself_is_the_list_of_ecma_262() {
        let kept: String = (0..=127_u8)
            .map(char::from)
            .filter(|character| encode(&character.to_string()).len() == 1)
            .collect();
        let list = "!'()*-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
        assert_eq!(kept, list);
    }

    #[test]
    fn both_cases_are_decoded_and_a_plus_is_a_plus() {
        assert_eq!(decode("a%2b%2B+b").unwrap(), "a+++b");
        for (text, offset) in [("%", 0), ("ab%4", 2), ("%zz", 0), ("%20%+1", 3), ("%é", 0)] {
            assert_eq!(decode(text), Err(PercentError::Digits { offset }), "{text}");
        }
        assert_eq!(decode("%ff"), Err(PercentError::Utf8));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(decode(&encoded).unwrap(), text);
        }

        #[test]
        fn decoding_never_panics(text in any::<String>()) {
            let _ = decode(&text);
        }
    }
}
