//! The kinds of values that a policy is made of.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use bulla_collateral::TcbStatus;
use bulla_evidence::layout::sgx_attributes;
use bulla_pki::{Timestamp, TrustAnchors};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DOCUMENT_NAMES, allowed};

/// Why a value cannot stand in a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// A list that nothing can be in.
    #[error("an empty list accepts nothing; list at least one value, or leave the field out")]
    EmptyList,
    /// Hexadecimal text of another length.
    #[error("expected {} hexadecimal digits ({bytes} bytes), found {found} characters", bytes * 2)]
    HexLength {
        /// How many bytes the text must encode.
        bytes: usize,
        /// How many characters there are.
        found: usize,
    },
    /// Text of the right length with a character that is no hexadecimal digit.
    #[error("expected {} hexadecimal digits ({bytes} bytes), found `{found}` among them", bytes * 2)]
    HexDigit {
        /// How many bytes the text must encode.
        bytes: usize,
        /// The first character that is none.
        found: char,
    },
    /// No root of a vendor has this name.
    #[error(
        "`{name}` is no vendor's root; allowed are {} \
         or the 64 hexadecimal digits of the SHA-256 of a root's uncompressed public key",
        allowed(TrustAnchors::vendors().iter().map(|anchor| anchor.name()))
    )]
    UnknownAnchor {
        /// The name as given.
        name: String,
    },
    /// The name of a custom or simulated root, which holds only part of the key's digest.
    #[error(
        "`{name}` is a shortened digest and names no root for certain; write all 64 hexadecimal \
         digits of the SHA-256 of the root's uncompressed public key"
    )]
    ShortenedAnchor {
        /// The name as given.
        name: String,
    },
    /// A word that the vendor does not use.
    #[error(
        "`{word}` is not a TCB status; allowed are {}",
        allowed(TcbStatus::ALL.iter().filter(|s| **s != TcbStatus::Revoked).map(|s| s.as_str()))
    )]
    UnknownTcbStatus {
        /// The word as given.
        word: String,
    },
    /// `Revoked` among the accepted words.
    #[error("`Revoked` can never be accepted; take the platform out of service")]
    RevokedAccepted,
    /// Text that is no advisory's id.
    #[error("`{text}` is not the id of an advisory; expected the form INTEL-SA-00615")]
    AdvisoryId {
        /// The text as given.
        text: String,
    },
    /// A value that is no instant.
    #[error("`{text}` is not an instant; expected the form 2027-01-31T23:59:59Z, in UTC")]
    Instant {
        /// The text as given.
        text: String,
    },
    /// Text that cannot be the name of an object.
    #[error(
        "`{text}` is no name; expected 1 to 64 characters a-z, 0-9, - and ., starting with a letter or digit"
    )]
    Name {
        /// The text as given, shortened.
        text: String,
    },
    /// A choice of evaluation data number that there is not.
    #[error("`{text}` chooses no number; expected `standard`, `early` or a number")]
    Number {
        /// The text as given.
        text: String,
    },
    /// An exception that nobody can account for later.
    #[error("an exception needs a reason, for example the number of a ticket")]
    BlankReason,
    /// A document or certificate that no collateral has.
    #[error(
        "`{name}` is no document or certificate; allowed are {}",
        allowed(DOCUMENT_NAMES)
    )]
    UnknownDocument {
        /// The name as given.
        name: String,
    },
    /// A flag that an enclave's attributes do not have.
    #[error(
        "`{name}` is no attribute of an enclave; allowed are {}",
        allowed(sgx_attributes::NAMED.iter().map(|(name, _)| *name))
    )]
    UnknownAttribute {
        /// The name as given.
        name: String,
    },
}

/// A list of accepted values. It is never empty: a list that accepts nothing is a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<T>", bound = "T: Deserialize<'de>")]
pub struct AnyOf<T>(Vec<T>);

impl<T> AnyOf<T> {
    /// The values, at least one.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: PartialEq> AnyOf<T> {
    /// Whether the value is accepted.
    pub fn contains(&self, value: &T) -> bool {
        self.0.contains(value)
    }
}

impl<T> TryFrom<Vec<T>> for AnyOf<T> {
    type Error = ValueError;

    fn try_from(values: Vec<T>) -> Result<Self, ValueError> {
        if values.is_empty() {
            return Err(ValueError::EmptyList);
        }
        Ok(Self(values))
    }
}

/// `N` bytes, written as `2 * N` hexadecimal digits in the order of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HexBytes<const N: usize>(pub [u8; N]);

impl<const N: usize> FromStr for HexBytes<N> {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| {
            match text.chars().find(|c| !c.is_ascii_hexdigit()) {
                Some(found) if text.chars().count() == 2 * N => {
                    ValueError::HexDigit { bytes: N, found }
                }
                _ => ValueError::HexLength {
                    bytes: N,
                    found: text.chars().count(),
                },
            }
        })?;
        Ok(Self(bytes))
    }
}

impl<const N: usize> fmt::Display for HexBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl<const N: usize> Serialize for HexBytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for HexBytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// Reads a string and parses it. The error then bears the place of the string itself, also in a
/// list, because it arises inside of a visitor.
pub(crate) fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = ValueError>,
{
    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err = ValueError>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(PhantomData))
}

/// Reads an instant, as a string or as TOML's own date-time.
pub(crate) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        other => other.to_string(),
    };
    text.parse()
        .map_err(|_| de::Error::custom(ValueError::Instant { text }))
}

/// Reads an instant that need not be there.
pub(crate) fn optional_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    instant(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_has_exactly_two_digits_for_each_byte() {
        assert_eq!("00fF".parse(), Ok(HexBytes([0x00, 0xff])));
        for (text, found) in [("", 0), ("00f", 3), ("00ff0", 5), ("0x00ff", 6)] {
            assert_eq!(
                text.parse::<HexBytes<2>>(),
                Err(ValueError::HexLength { bytes: 2, found }),
                "{text}"
            );
        }
        assert_eq!(
            "00g0".parse::<HexBytes<2>>(),
            Err(ValueError::HexDigit {
                bytes: 2,
                found: 'g'
            })
        );
    }

    #[test]
    fn errors_say_what_is_allowed() {
        let error = "00".parse::<HexBytes<32>>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected 64 hexadecimal digits (32 bytes), found 2 characters"
        );
        let error = ValueError::UnknownTcbStatus {
            word: "Fine".to_owned(),
        };
        assert!(error.to_string().contains("`UpToDate`"));
        assert!(!error.to_string().contains("Revoked"));
    }

    #[test]
    fn an_empty_list_is_an_error() {
        assert_eq!(
            AnyOf::<u16>::try_from(Vec::new()),
            Err(ValueError::EmptyList)
        );
        assert!(AnyOf::try_from(vec![1]).is_ok_and(|list| list.contains(&1)));
    }
}
