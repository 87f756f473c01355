//! Names of objects, and of families of platforms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::policy::value::{HexBytes, ValueError, from_text};

/// The name of a baseline, ring, rollout or exception: 1 to 64 characters `a` to `z`, `0` to `9`,
/// `-` and `.`, of which the first is a letter or digit. It stands in paths as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The ring of whoever follows no other. It is always there.
    pub const DEFAULT_RING: &'static str = "default";

    /// The baseline of rings without a rollout: the number that the vendor enforces, and `UpToDate`.
    /// It is always there, and always this.
    pub const STANDARD: &'static str = "standard";

    /// The most characters.
    pub const LONGEST: usize = 64;

    /// The ring of whoever follows no other.
    pub fn default_ring() -> Self {
        Self(Self::DEFAULT_RING.to_owned())
    }

    /// The baseline of rings without a rollout.
    pub fn standard() -> Self {
        Self(Self::STANDARD.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let plain = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let all = text.bytes().all(|c| plain(&c) || c == b'-' || c == b'.');
        let starts = text.as_bytes().first().is_some_and(plain);
        match all && starts && text.len() <= Self::LONGEST {
            true => Ok(Self(text.to_owned())),
            false => Err(ValueError::Name {
                text: text.chars().take(Self::LONGEST).collect(),
            }),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// A family of platforms, the FMSPC: 12 hexadecimal digits, written in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "6 bytes and nothing else")]
pub struct FamilyName(
    /// The 6 bytes.
    pub [u8; 6],
);

impl FromStr for FamilyName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text.parse().map(|HexBytes(bytes)| Self(bytes))
    }
}

impl fmt::Display for FamilyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode_upper(self.0))
    }
}

impl Serialize for FamilyName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FamilyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_path_as_it_is() {
        let long = "a".repeat(64);
        for name in ["a", "prod-20", "2026.11", &long] {
            assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
        }
        let longer = "a".repeat(65);
        for name in ["", "-a", ".", "A", "a/b", "a b", "a%20", "ä", &longer] {
            assert!(name.parse::<Name>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_family_is_read_in_either_case_and_written_in_upper_case() {
        let family: FamilyName = "00806f050000".parse().unwrap();
        assert_eq!(family.to_string(), "00806F050000");
        assert!("00806f05".parse::<FamilyName>().is_err());
    }
}
