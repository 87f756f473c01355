//! How values stand in JSON.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes of a fixed number, in lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const SIZE: usize>(pub [u8; SIZE]);

/// Most bytes of a [`Hex`].
const MOST: usize = 64;

impl<const SIZE: usize> Hex<SIZE> {
    /// A token has some twenty of these: digits of a slice at once cost a fifth of digit by digit,
    /// and need no memory of their own.
    fn with_digits<T>(&self, work: impl FnOnce(&str) -> T) -> T {
        const { assert!(SIZE <= MOST, "there is room for the digits") };
        let mut room = [0; 2 * MOST];
        let (digits, _) = room.split_at_mut(SIZE.saturating_mul(2));
        hex::encode_to_slice(self.0, digits).expect("two digits a byte");
        work(str::from_utf8(digits).expect("digits are ASCII"))
    }
}

impl<const SIZE: usize> fmt::Display for Hex<SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_digits(|digits| f.pad(digits))
    }
}

impl<const SIZE: usize> fmt::Debug for Hex<SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hex({self})")
    }
}

impl<const SIZE: usize> Serialize for Hex<SIZE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_digits(|digits| serializer.serialize_str(digits))
    }
}

impl<'de, const SIZE: usize> Deserialize<'de> for Hex<SIZE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let mut bytes = [0; SIZE];
        let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text.as_ref(), &mut bytes) {
            Ok(()) if !has_upper => Ok(Self(bytes)),
            _ => Err(de::Error::custom("not lower-case hexadecimal digits")),
        }
    }
}

/// Bytes of a fixed number, in base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Base64Url<const SIZE: usize>(pub [u8; SIZE]);

impl<const SIZE: usize> fmt::Display for Base64Url<SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<const SIZE: usize> fmt::Debug for Base64Url<SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64Url({self})")
    }
}

impl<const SIZE: usize> Serialize for Base64Url<SIZE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const SIZE: usize> Deserialize<'de> for Base64Url<SIZE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_ref()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| de::Error::custom("not base64url of the right length"))
    }
}

/// Seconds since 1970, as `iat` and its like (RFC 7519, "NumericDate").
pub(crate) mod seconds {
    use bulla_pki::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(at.unix_seconds())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let seconds = u64::deserialize(deserializer)?;
        Timestamp::from_unix_seconds(seconds).map_err(de::Error::custom)
    }
}

/// A member that may be absent, but is not `null` where it stands.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// An instant of RFC 3339.
pub(crate) mod instant {
    use std::borrow::Cow;

    use bulla_pki::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
