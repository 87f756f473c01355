//! Which TCB levels a policy accepts, and its exceptions for advisories.

use std::fmt;
use std::str::FromStr;

use bulla_collateral::{TcbStatus, UnknownTcbStatus};
use bulla_pki::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::exception::reason;
use super::value::{ValueError, from_text, instant};

/// The TCB statuses that pass. Never empty, and never with [`TcbStatus::Revoked`] among them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<StatusWord>")]
pub struct AcceptedStatuses(Vec<TcbStatus>);

impl AcceptedStatuses {
    /// Accepts these statuses and no other.
    pub fn new(statuses: Vec<TcbStatus>) -> Result<Self, ValueError> {
        if statuses.is_empty() {
            return Err(ValueError::EmptyList);
        }
        if statuses.contains(&TcbStatus::Revoked) {
            return Err(ValueError::RevokedAccepted);
        }
        Ok(Self(statuses))
    }

    /// Whether the status passes.
    pub fn contains(&self, status: TcbStatus) -> bool {
        self.0.contains(&status)
    }

    /// The statuses, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = TcbStatus> {
        self.0.iter().copied()
    }
}

impl Serialize for AcceptedStatuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(TcbStatus::as_str))
    }
}

/// `UpToDate` alone.
impl Default for AcceptedStatuses {
    fn default() -> Self {
        Self(vec![TcbStatus::UpToDate])
    }
}

impl TryFrom<Vec<StatusWord>> for AcceptedStatuses {
    type Error = ValueError;

    fn try_from(words: Vec<StatusWord>) -> Result<Self, ValueError> {
        Self::new(words.into_iter().map(|word| word.0).collect())
    }
}

/// A status as a policy file spells it, which is the vendor's exact spelling.
struct StatusWord(TcbStatus);

impl FromStr for StatusWord {
    type Err = ValueError;

    fn from_str(word: &str) -> Result<Self, ValueError> {
        match word.parse() {
            Ok(TcbStatus::Revoked) => Err(ValueError::RevokedAccepted),
            Ok(status) => Ok(Self(status)),
            Err(UnknownTcbStatus(word)) => Err(ValueError::UnknownTcbStatus { word }),
        }
    }
}

impl<'de> Deserialize<'de> for StatusWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// The id of a vendor's security advisory, for example `INTEL-SA-00615`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvisoryId(String);

impl AdvisoryId {
    /// The vendor's spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads vendor, kind and number in capital letters, joined by hyphens: a slip of the pen in a
/// list of rejected advisories would otherwise reject nothing and go unnoticed.
impl FromStr for AdvisoryId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let parts: Vec<&str> = text.split('-').collect();
        let of = |part: &str, kind: fn(&u8) -> bool| {
            !part.is_empty() && part.as_bytes().iter().all(kind)
        };
        match parts[..] {
            [vendor, kind, number]
                if of(vendor, u8::is_ascii_uppercase)
                    && of(kind, u8::is_ascii_uppercase)
                    && of(number, u8::is_ascii_digit) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ValueError::AdvisoryId {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for AdvisoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for AdvisoryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AdvisoryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// An open advisory that is tolerated for a while.
///
/// What it does, and does not do, is told at
/// [`Policy::allowed_advisories`](super::Policy::allowed_advisories).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct AdvisoryException {
    /// The advisory.
    pub id: AdvisoryId,
    /// The last second at which the exception counts.
    #[serde(deserialize_with = "instant")]
    pub until: Timestamp,
    /// Why it was granted, for whoever reads the decision; not blank when read from a file.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
}

impl AdvisoryException {
    /// Whether the exception counts at this instant; its last second does.
    pub fn in_force(&self, at: Timestamp) -> bool {
        at <= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revoked_is_no_status_to_accept() {
        let list = vec![TcbStatus::UpToDate, TcbStatus::Revoked];
        assert_eq!(
            AcceptedStatuses::new(list),
            Err(ValueError::RevokedAccepted)
        );
        assert_eq!(AcceptedStatuses::new(vec![]), Err(ValueError::EmptyList));
    }

    #[test]
    fn every_other_status_can_be_accepted() {
        for status in TcbStatus::ALL
            .into_iter()
            .filter(|s| *s != TcbStatus::Revoked)
        {
            let accepted = AcceptedStatuses::new(vec![status]).unwrap();
            assert!(
                TcbStatus::ALL
                    .iter()
                    .all(|s| accepted.contains(*s) == (*s == status))
            );
        }
    }

    #[test]
    fn advisory_ids_have_three_parts() {
        for text in ["INTEL-SA-00615", "AMD-SB-3019"] {
            assert_eq!(text.parse::<AdvisoryId>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "INTEL-SA",
            "intel-sa-00615",
            "INTEL-SA-00615 ",
            "INTEL-SA-",
            "INTEL-SA-0-1",
        ] {
            assert!(text.parse::<AdvisoryId>().is_err(), "{text}");
        }
    }
}
