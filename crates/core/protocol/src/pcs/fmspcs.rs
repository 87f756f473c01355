//! The list of supported platforms.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::value::{Fmspc, ValueError, Word};

use super::ResponseError;

/// A kind of platform. The vendor may add kinds; those that are described stand here as constants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformClass(Word);

impl PlatformClass {
    /// Processors for clients.
    pub const CLIENT: Self = Self(Word::known("client"));
    /// Xeon E3 and its successors: servers of one package.
    pub const E3: Self = Self(Word::known("E3"));
    /// Xeon E5 and its successors: servers of several packages.
    pub const E5: Self = Self(Word::known("E5"));

    /// A name that the vendor may have given: letters, digits and `-_`, at most 64.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        Word::read(text, "the classes of platforms").map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Which kinds of platforms a list shall have (`platform`); all if the parameter is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum PlatformFilter {
    /// All kinds.
    #[default]
    All,
    /// [`PlatformClass::CLIENT`] alone.
    Client,
    /// [`PlatformClass::E3`] alone.
    E3,
    /// [`PlatformClass::E5`] alone.
    E5,
}

impl PlatformFilter {
    /// The vendor's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Client => "client",
            Self::E3 => "E3",
            Self::E5 => "E5",
        }
    }

    /// Whether the list shall have platforms of this kind.
    pub fn admits(self, class: &PlatformClass) -> bool {
        self == Self::All || self.as_str() == class.as_str()
    }
}

impl FromStr for PlatformFilter {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        [Self::All, Self::Client, Self::E3, Self::E5]
            .into_iter()
            .find(|filter| filter.as_str() == text)
            .ok_or(ValueError::Word("all, client, E3, E5"))
    }
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the vendor's entry has these two fields"
)]
pub struct SupportedPlatform {
    /// The platform's FMSPC.
    pub fmspc: Fmspc,
    /// Its kind.
    pub class: PlatformClass,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    fmspc: String,
    platform: String,
}

/// The list as the vendor's JSON.
pub(super) fn write(list: &[SupportedPlatform]) -> Vec<u8> {
    let entries: Vec<Entry> = list
        .iter()
        .map(|platform| Entry {
            fmspc: platform.fmspc.to_string(),
            platform: platform.class.as_str().to_owned(),
        })
        .collect();
    super::write::json(&entries)
}

/// The list from the vendor's JSON.
pub(super) fn read(body: &[u8]) -> Result<Vec<SupportedPlatform>, ResponseError> {
    let entries: Vec<Entry> =
        serde_json::from_slice(body).map_err(|error| ResponseError::Json {
            reason: error.to_string(),
        })?;
    let platform = |entry: Entry| {
        Ok(SupportedPlatform {
            fmspc: entry.fmspc.parse()?,
            class: PlatformClass::new(&entry.platform)?,
        })
    };
    let list: Result<_, ValueError> = entries.into_iter().map(platform).collect();
    list.map_err(ResponseError::Body)
}
