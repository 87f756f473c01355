//! Which evaluation data number is demanded.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::policy::value::ValueError;

/// Which of the vendor's evaluation data numbers counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "what the vendor offers")]
pub enum Number {
    /// The one that the vendor enforces; it moves when the vendor promotes another.
    #[default]
    Standard,
    /// The newest one, from the day of its disclosure.
    Early,
    /// This one, as long as the vendor signs it.
    Pinned(u32),
}

impl FromStr for Number {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "standard" => Ok(Self::Standard),
            "early" => Ok(Self::Early),
            _ => text
                .parse()
                .map(Self::Pinned)
                .map_err(|_| ValueError::Number {
                    text: text.chars().take(80).collect(),
                }),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.pad("standard"),
            Self::Early => f.pad("early"),
            Self::Pinned(number) => f.pad(&number.to_string()),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Pinned(number) => serializer.serialize_u32(*number),
            word => serializer.collect_str(word),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;

        impl Visitor<'_> for Choice {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`standard`, `early` or a number below 4294967296")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "standard" => Ok(Number::Standard),
                    "early" => Ok(Number::Early),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                u32::try_from(number)
                    .map(Number::Pinned)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                u32::try_from(number)
                    .map(Number::Pinned)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_any(Choice)
    }
}
