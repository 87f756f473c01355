//! Evidence as people hand it over: as it is, or as text in hex or base64.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use thiserror::Error;

/// The largest quote that is accepted, in bytes.
///
/// The largest that the format has a use for is below: 64 KiB of QE auth data, as its size has
/// two bytes, and either a certificate chain of about 4 KiB or a platform manifest of up to
/// 56 KiB, and about 2 KiB of all else. Zeros that fill up a buffer of fixed size fit in what
/// is left. Genuine quotes have about 5 KiB.
pub const MAX_QUOTE_SIZE: usize = 128 * 1024;

/// The longest text that is accepted, in bytes: hex has two digits for a byte, and as much
/// again is left for white space between them.
pub const MAX_TEXT_SIZE: usize = 4 * MAX_QUOTE_SIZE;

/// How evidence is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Raw,
    /// Hex digits of either case, perhaps after `0x`, with white space anywhere.
    Hex,
    /// Base64 of the standard or the URL-safe alphabet, with padding or without, with white
    /// space anywhere.
    Base64,
}

impl Encoding {
    /// The name of the encoding: `raw`, `hex` or `base64`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }

    /// Finds out how evidence is encoded.
    ///
    /// Every quote and report has zero bytes, which no text has: bytes that are not all printable
    /// ASCII are raw. A quote in base64 never consists of hex digits alone, as the vendor id in
    /// its header takes other letters.
    ///
    /// # Errors
    ///
    /// When there is nothing, or too much of it, and when a text is neither hex nor base64.
    pub fn detect(bytes: &[u8]) -> Result<Self, InputError> {
        within(MAX_TEXT_SIZE, bytes.len())?;
        if bytes.trim_ascii().is_empty() {
            return Err(InputError::Empty);
        }
        if !bytes.iter().all(|byte| is_text(*byte)) {
            within(MAX_QUOTE_SIZE, bytes.len())?;
            return Ok(Self::Raw);
        }
        if hex_digits(bytes).all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Hex);
        }
        let foreign = |byte: u8| !byte.is_ascii_whitespace() && !is_base64(byte);
        match (0..).zip(bytes).find(|(_, byte)| foreign(**byte)) {
            None => Ok(Self::Base64),
            Some((offset, byte)) => Err(InputError::TextUnknown {
                offset,
                character: char::from(*byte),
            }),
        }
    }
}

/// The bytes of the evidence, decoded if they are text; see [`Encoding::detect`] for the form
/// that they have.
///
/// # Errors
///
/// When there is nothing, or more than [`MAX_QUOTE_SIZE`], and when a text is damaged. What is
/// too large is refused by its size alone.
pub fn decode_text_or_raw(bytes: &[u8]) -> Result<Cow<'_, [u8]>, InputError> {
    let decoded = match Encoding::detect(bytes)? {
        Encoding::Raw => return Ok(bytes.into()),
        Encoding::Hex => decode_hex(bytes)?,
        Encoding::Base64 => decode_base64(bytes)?,
    };
    if decoded.is_empty() {
        return Err(InputError::Empty);
    }
    within(MAX_QUOTE_SIZE, decoded.len())?;
    Ok(decoded.into())
}

/// Why no evidence can be taken from the bytes.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InputError {
    /// There are no bytes, or only white space.
    #[error(
        "there is no input: it is empty or white space; expected a quote, raw, in hex or in base64"
    )]
    Empty,

    /// There are more bytes than evidence can have.
    #[error(
        "the input has {actual} bytes, {maximum} are allowed; check that it is one single quote"
    )]
    TooLarge {
        /// The size that is allowed, for a text or for what it encodes.
        maximum: usize,
        /// The size.
        actual: usize,
    },

    /// A text is neither hex nor base64.
    #[error(
        "the input is text, but neither hex nor base64: unexpected character {character:?} at \
         offset {offset}"
    )]
    TextUnknown {
        /// Where the first character is that belongs to neither.
        offset: usize,
        /// The character.
        character: char,
    },

    /// A text of hex digits has an odd number of them.
    #[error(
        "the input is hex with an odd number of digits, {digits}; check that all of it was copied"
    )]
    HexOdd {
        /// The number of digits.
        digits: usize,
    },

    /// A text of base64 characters is no encoding of bytes.
    #[error("the input is damaged base64: {source}; check that all of it was copied")]
    Base64Malformed {
        /// What is wrong; offsets in it count without white space.
        source: base64::DecodeError,
    },
}

impl InputError {
    /// The name of the error, stable across releases.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "InputEmpty",
            Self::TooLarge { .. } => "InputTooLarge",
            Self::TextUnknown { .. } => "InputTextUnknown",
            Self::HexOdd { .. } => "InputHexOdd",
            Self::Base64Malformed { .. } => "InputBase64Malformed",
        }
    }
}

fn within(maximum: usize, actual: usize) -> Result<(), InputError> {
    if actual > maximum {
        return Err(InputError::TooLarge { maximum, actual });
    }
    Ok(())
}

fn decode_hex(text: &[u8]) -> Result<Vec<u8>, InputError> {
    let digits: Vec<u8> = hex_digits(text).collect();
    hex::decode(&digits).map_err(|_| InputError::HexOdd {
        digits: digits.len(),
    })
}

fn decode_base64(text: &[u8]) -> Result<Vec<u8>, InputError> {
    let symbols: Vec<u8> = symbols(text).collect();
    let unpadded = match symbols.as_slice() {
        [unpadded @ .., b'=', b'='] | [unpadded @ .., b'='] => unpadded,
        unpadded => unpadded,
    };
    let engine = if unpadded.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        URL_SAFE_NO_PAD
    } else {
        STANDARD_NO_PAD
    };
    engine
        .decode(unpadded)
        .map_err(|source| InputError::Base64Malformed { source })
}

/// The characters that are not white space.
fn symbols(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
}

/// The same, without a prefix `0x`.
fn hex_digits(text: &[u8]) -> impl Iterator<Item = u8> {
    let start = text.trim_ascii_start();
    let prefixed = start.starts_with(b"0x") || start.starts_with(b"0X");
    symbols(start).skip(if prefixed { 2 } else { 0 })
}

fn is_text(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte.is_ascii_whitespace()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    /// The start of a quote, followed by bytes that need the characters 62 and 63 of base64.
    fn evidence() -> Vec<u8> {
        let mut bytes = vec![3, 0, 2, 0, 0, 0, 0, 0];
        bytes.extend([0xfb, 0xff, 0xbe, 0xfe, 0xff]);
        bytes
    }

    #[track_caller]
    fn assert_decodes(text: &str, encoding: Encoding) {
        assert_eq!(Encoding::detect(text.as_bytes()), Ok(encoding));
        let decoded = decode_text_or_raw(text.as_bytes()).unwrap();
        assert_eq!(decoded.as_ref(), evidence());
    }

    #[test]
    fn raw_bytes_are_borrowed() {
        let bytes = evidence();
        let decoded = decode_text_or_raw(&bytes).unwrap();
        assert_eq!(Encoding::detect(&bytes), Ok(Encoding::Raw));
        assert!(matches!(decoded, Cow::Borrowed(borrowed) if borrowed == bytes));
    }

    #[test]
    fn hex_in_its_forms() {
        let hex = hex::encode(evidence());
        assert_decodes(&hex, Encoding::Hex);
        assert_decodes(&hex.to_uppercase(), Encoding::Hex);
        assert_decodes(&format!(" 0x{hex}\n"), Encoding::Hex);
        assert_decodes(&format!("0X{}", hex.to_uppercase()), Encoding::Hex);
        let spaced: Vec<_> = evidence()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_decodes(&spaced.join("\r\n\t "), Encoding::Hex);
    }

    #[test]
    fn base64_in_its_forms() {
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            let text = engine.encode(evidence());
            assert_decodes(&text, Encoding::Base64);
            let (start, end) = text.split_at(7);
            assert_decodes(&format!("\n{start}\r\n {end}\n"), Encoding::Base64);
        }
    }

    #[test]
    fn nothing_is_an_error_of_its_own() {
        for nothing in ["", " ", "\r\n\t"] {
            assert_eq!(
                decode_text_or_raw(nothing.as_bytes()),
                Err(InputError::Empty)
            );
        }
        assert_eq!(decode_text_or_raw(b"0x"), Err(InputError::Empty));
    }

    #[test]
    fn other_text_is_refused_where_it_differs() {
        let error = decode_text_or_raw(b" {\"quote\": 1}").unwrap_err();
        let character = '{';
        assert_eq!(
            error,
            InputError::TextUnknown {
                offset: 1,
                character
            }
        );
    }

    #[test]
    fn damaged_text_is_refused() {
        let error = decode_text_or_raw(b"0300 020").unwrap_err();
        assert_eq!(error, InputError::HexOdd { digits: 7 });
        for damaged in ["AwACA", "AwAC=AwA", "Aw===", "Aw-+", "AwAC/_8"] {
            let error = decode_text_or_raw(damaged.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "InputBase64Malformed", "{damaged}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        // Not by `assert_eq` on what is decoded: a failure would print all of it.
        let size_of = |input: &[u8]| decode_text_or_raw(input).map(|decoded| decoded.len());
        let maximum = MAX_QUOTE_SIZE;
        let actual = maximum + 1;
        let bytes = vec![0xfb; actual];
        let too_large = Err(InputError::TooLarge { maximum, actual });
        assert_eq!(size_of(&bytes), too_large);
        assert_eq!(size_of(hex::encode(&bytes).as_bytes()), too_large);
        assert_eq!(size_of(STANDARD.encode(&bytes).as_bytes()), too_large);

        let largest = &bytes[..maximum];
        assert_eq!(size_of(largest), Ok(maximum));
        assert_eq!(size_of(hex::encode(largest).as_bytes()), Ok(maximum));

        let maximum = MAX_TEXT_SIZE;
        let actual = 100_000_000;
        let too_large = Err(InputError::TooLarge { maximum, actual });
        assert_eq!(size_of(&vec![0; actual]), too_large);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_text_or_raw(&bytes);
        }

        #[test]
        fn any_text_decodes_or_is_refused(text in "[ -~\\s]{0,200}") {
            let _ = decode_text_or_raw(text.as_bytes());
        }
    }
}
