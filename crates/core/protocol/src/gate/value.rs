//! What stands in the members of requests and answers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::{Zeroize, Zeroizing};

use super::{MAX_QUOTE_SIZE, MAX_SECRET_SIZE, MAX_TOKEN_SIZE};
use crate::value::ValueError;

/// 32 bytes in base64url without padding, 43 characters; nothing else is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Octets(pub [u8; 32]);

/// A nonce as the service issued it; its inside is the service's.
pub type Nonce = Octets;

/// A public key of X25519 (RFC 7748), or one that HPKE made for a text.
pub type Key = Octets;

impl FromStr for Octets {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut octets = [0; 32];
        // The decoder wants room for a whole last group, so that the length is asked for first.
        if text.len() != 43 {
            return Err(ValueError::Word("43 characters of base64url"));
        }
        match URL_SAFE_NO_PAD.decode_slice(text, &mut octets) {
            Ok(32) => Ok(Self(octets)),
            _ => Err(ValueError::Word("43 characters of base64url")),
        }
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Octets({self})")
    }
}

/// A SHA-256, 64 hexadecimal digits in lower case; nothing else is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

impl FromStr for Sha256 {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut octets = [0; 32];
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ValueError::Digits);
        }
        hex::decode_to_slice(text, &mut octets).map_err(|_| ValueError::Digits)?;
        Ok(Self(octets))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

/// Name of a policy or of a secret: 1 to 64 letters of ASCII, digits and `-_.`, the first of them
/// a letter or digit, so that it can stand in addresses, file names and logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Longest name, in characters: as the names of problems.
    pub const MAX_SIZE: usize = 64;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.len() > Self::MAX_SIZE {
            return Err(ValueError::TooLong {
                size: text.len(),
                limit: Self::MAX_SIZE,
            });
        }
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match text.bytes().next() {
            None => Err(ValueError::Empty),
            Some(first) if first.is_ascii_alphanumeric() && text.bytes().all(inner) => {
                Ok(Self(text.to_owned()))
            }
            Some(_) => Err(ValueError::Word(
                "the names of letters, digits and `-_.`, beginning with a letter or digit",
            )),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An instant of RFC 3339 in whole seconds and UTC, `2026-11-23T00:00:00Z`. Only the form is looked
/// at; whoever uses it reads the date.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(String);

impl Instant {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Instant {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let form = b"0000-00-00T00:00:00Z";
        let fits = |(byte, form): (u8, &u8)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *form,
        };
        if text.len() == form.len() && text.bytes().zip(form).all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Word("the instants YYYY-MM-DDTHH:MM:SSZ"))
        }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A token: a JWS in compact form, not looked into. It is worth something to whoever has the key
/// that it names, and shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

impl TokenText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenText {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.len() > MAX_TOKEN_SIZE {
            return Err(ValueError::TooLong {
                size: text.len(),
                limit: MAX_TOKEN_SIZE,
            });
        }
        // Every byte is looked at, whatever the others are: that way it goes by many at a time.
        let is_part = |part: &str| {
            let of_alphabet =
                |byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
            let all = part.bytes().fold(true, |all, byte| all & of_alphabet(byte));
            all && !part.is_empty()
        };
        if text.split('.').count() == 3 && text.split('.').all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::Word("the tokens of three parts in base64url"))
        }
    }
}

impl fmt::Display for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenText({} bytes)", self.0.len())
    }
}

/// A quote, 1 byte to 32 KiB. It is read from base64 of either alphabet, padded or not, and written
/// in base64url without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote(Vec<u8>);

impl Quote {
    /// The quote of these bytes; an error without any or with more than the limit.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ValueError> {
        within(bytes.len(), MAX_QUOTE_SIZE)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Quote {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        within(text.len(), encoded_size(MAX_QUOTE_SIZE))?;
        decode(text).and_then(Self::new)
    }
}

impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

/// A secret on its way into the service, 1 byte to 64 KiB. It is read from base64 of either
/// alphabet, padded or not; its memory is cleared when it goes, and it shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// The secret of these bytes; an error without any or with more than the limit.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ValueError> {
        let bytes = Zeroizing::new(bytes);
        within(bytes.len(), MAX_SECRET_SIZE)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for SecretValue {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        within(text.len(), encoded_size(MAX_SECRET_SIZE))?;
        decode(text).and_then(Self::new)
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(..)")
    }
}

impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(STANDARD.encode(self.expose()));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let value = text.parse();
        if let Cow::Owned(mut text) = text {
            text.zeroize();
        }
        value.map_err(de::Error::custom)
    }
}

/// The attester's public key as a JWK (RFC 8037): `kty` is `OKP`, `crv` is `X25519`, and there is
/// nothing else, above all no private half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X25519Jwk(pub Key);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JwkMembers<'a> {
    #[serde(borrow)]
    kty: Cow<'a, str>,
    #[serde(borrow)]
    crv: Cow<'a, str>,
    x: Key,
}

impl Serialize for X25519Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = JwkMembers {
            kty: "OKP".into(),
            crv: "X25519".into(),
            x: self.0,
        };
        members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for X25519Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = JwkMembers::deserialize(deserializer)?;
        if members.kty != "OKP" || members.crv != "X25519" {
            return Err(de::Error::custom("not a key of OKP on X25519"));
        }
        Ok(Self(members.x))
    }
}

macro_rules! as_text {
    ($($name:ty),+) => {
        $(
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Cow::<str>::deserialize(deserializer)?
                        .parse()
                        .map_err(de::Error::custom)
                }
            }
        )+
    };
}

as_text!(Octets, Sha256, Name, Instant, TokenText, Quote);

fn within(size: usize, limit: usize) -> Result<(), ValueError> {
    match size {
        0 => Err(ValueError::Empty),
        size if size > limit => Err(ValueError::TooLong { size, limit }),
        _ => Ok(()),
    }
}

/// Size of so many bytes in base64 with padding.
const fn encoded_size(size: usize) -> usize {
    size.div_ceil(3).saturating_mul(4)
}

/// Bytes from base64 of either alphabet, padded or not. What mixes the alphabets, has bits left
/// over or space in it is refused.
fn decode(text: &str) -> Result<Vec<u8>, ValueError> {
    let refused = || ValueError::Word("base64 or base64url");
    let unpadded = match text.len() % 4 {
        0 => text
            .strip_suffix("==")
            .or(text.strip_suffix('='))
            .unwrap_or(text),
        _ => text,
    };
    // Every byte is looked at, whatever the others are: that way it goes by many at a time.
    let is_standard = |all, byte| all | matches!(byte, b'+' | b'/');
    let engine = match unpadded.bytes().fold(false, is_standard) {
        true => STANDARD_NO_PAD,
        false => URL_SAFE_NO_PAD,
    };
    engine.decode(unpadded).map_err(|_| refused())
}
