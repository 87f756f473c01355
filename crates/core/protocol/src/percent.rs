//! Percent-encoding as the vendor's headers and JSON have it: that of `encodeURIComponent`
//! (ECMA-262), applied to PEM.

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

/// Encodes every byte but letters, digits and `- _ . ! ~ * ' ( )`.
pub fn encode(text: &str) -> String {
    // PEM has one such byte in sixteen.
    let mut encoded = String::with_capacity(text.len().saturating_add(text.len() / 8));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            encoded.push(char::from(byte));
            continue;
        }
        let digits = [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16));
        encoded.push('%');
        encoded.extend(
            digits
                .into_iter()
                .flatten()
                .map(|it| it.to_ascii_uppercase()),
        );
    }
    encoded
}

/// Decodes each `%XX`, digits in either case; everything else, also `+`, stands for itself.
pub fn decode(text: &str) -> Result<String, PercentError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut parts = text.as_bytes().split(|byte| *byte == b'%');
    decoded.extend_from_slice(parts.next().unwrap_or_default());
    let mut offset = decoded.len();
    for part in parts {
        let (byte, plain) = escaped(part).ok_or(PercentError::Digits { offset })?;
        decoded.push(byte);
        decoded.extend_from_slice(plain);
        offset = offset.saturating_add(part.len()).saturating_add(1);
    }
    String::from_utf8(decoded).map_err(|_| PercentError::Utf8)
}

/// The byte that two hexadecimal digits stand for, and what follows them.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<2>()?;
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
