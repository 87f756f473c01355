//! The vendor's words for TCB levels.

use std::fmt;
use std::str::FromStr;

/// How a platform's trusted computing base stands, in the vendor's words.
///
/// The first seven come from TCB levels; the two `TDRelaunchAdvised` words are conclusions about
/// a TD that was started before its platform was updated (body type 1.5 and later).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the vendor's list; a new word must break callers"
)]
pub enum TcbStatus {
    /// Every known issue is closed.
    UpToDate,
    /// Up to date, but the software inside must do its part against an advisory.
    SWHardeningNeeded,
    /// Up to date, but the platform's configuration may leave an advisory open.
    ConfigurationNeeded,
    /// Both of the above.
    ConfigurationAndSWHardeningNeeded,
    /// Below the level that closes all known issues.
    OutOfDate,
    /// Below that level, and the configuration may leave an advisory open.
    OutOfDateConfigurationNeeded,
    /// The platform is up to date now, the TD was launched before: launch it again.
    TDRelaunchAdvised,
    /// As before, and the configuration may leave an advisory open.
    TDRelaunchAdvisedConfigurationNeeded,
    /// Not to be trusted at all.
    Revoked,
}

impl TcbStatus {
    /// All words, in the order of this type.
    pub const ALL: [Self; 9] = [
        Self::UpToDate,
        Self::SWHardeningNeeded,
        Self::ConfigurationNeeded,
        Self::ConfigurationAndSWHardeningNeeded,
        Self::OutOfDate,
        Self::OutOfDateConfigurationNeeded,
        Self::TDRelaunchAdvised,
        Self::TDRelaunchAdvisedConfigurationNeeded,
        Self::Revoked,
    ];

    /// The vendor's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::SWHardeningNeeded => "SWHardeningNeeded",
            Self::ConfigurationNeeded => "ConfigurationNeeded",
            Self::ConfigurationAndSWHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
            Self::OutOfDate => "OutOfDate",
            Self::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
            Self::TDRelaunchAdvised => "TDRelaunchAdvised",
            Self::TDRelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
            Self::Revoked => "Revoked",
        }
    }
}

/// The word is none that the vendor uses for a TCB level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a TCB status")]
pub struct UnknownTcbStatus(pub String);

/// Reads the vendor's exact spelling.
impl FromStr for TcbStatus {
    type Err = UnknownTcbStatus;

    fn from_str(word: &str) -> Result<Self, UnknownTcbStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownTcbStatus(word.to_owned()))
    }
}

impl fmt::Display for TcbStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_round_trips_in_the_exact_spelling_only() {
        for status in TcbStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            let lower = status.as_str().to_lowercase();
            assert_eq!(lower.parse::<TcbStatus>(), Err(UnknownTcbStatus(lower)));
        }
    }
}
