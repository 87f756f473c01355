//! What happened to the vendor, and which evaluation data numbers there are because of it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use bulla_collateral::TcbStatus;
use bulla_issuer::PckCa;
use bulla_pki::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cadence::midnight;
use crate::platform::{PlatformName, PlatformNameError};
use crate::tcb::{Part, SvnExhausted, Svns};
use crate::text;

/// The evaluation data number that a vendor begins with.
pub const FIRST_NUMBER: u32 = 1;

/// Something that happened at an instant and counts from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// When it takes effect.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen to a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A TCB recovery is disclosed: from now on its number is the `early` one.
    Recovery(Recovery),
    /// A number becomes the `standard` one.
    Promotion {
        /// The number.
        number: u32,
    },
    /// A number is not signed again: whoever asks for it is told that it is gone.
    EndOfSigning {
        /// The number.
        number: u32,
    },
    /// Something is revoked for good.
    Revocation {
        /// What it is.
        #[serde(with = "text")]
        of: Revoked,
    },
    /// Documents are signed by a new key with a new certificate.
    SignerRotation,
}

/// A new level of security and what happens to whoever is below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// Its evaluation data number.
    pub number: u32,
    /// `tcbRecoveryEventDate` and the date of the new level: the start of a day.
    #[serde(with = "text")]
    pub date: Timestamp,
    /// What the update raises, each by one; at least one part.
    pub raises: BTreeSet<Part>,
    /// The status of a platform that lacks the update, as far as this recovery is concerned.
    #[serde(with = "text")]
    pub below: TcbStatus,
    /// The advisories that apply to it.
    pub advisory_ids: BTreeSet<String>,
}

/// What can be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Every PCK certificate of a platform, those issued later too.
    Platform(PlatformName),
    /// A CA that certifies platforms.
    Ca(PckCa),
    /// The certificate of the signer of documents at that time.
    Signer,
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform(name) => write!(f, "platform {name}"),
            Self::Ca(ca) => write!(f, "{}-ca", ca.as_str()),
            Self::Signer => f.write_str("signer"),
        }
    }
}

impl FromStr for Revoked {
    type Err = PlatformNameError;

    fn from_str(words: &str) -> Result<Self, PlatformNameError> {
        match words {
            "processor-ca" => Ok(Self::Ca(PckCa::Processor)),
            "platform-ca" => Ok(Self::Ca(PckCa::Platform)),
            "signer" => Ok(Self::Signer),
            other => {
                let name = other.strip_prefix("platform ").unwrap_or(other);
                name.parse().map(Self::Platform)
            }
        }
    }
}

/// Why an event cannot happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The past is settled: documents that were issued since may be in use.
    #[error(
        "{at} is before {latest}, the latest event there is; what was issued since then stands"
    )]
    BeforeTheLatest {
        /// When it was to happen.
        at: Timestamp,
        /// When the latest event happened, or the vendor was founded.
        latest: Timestamp,
    },
    /// A recovery that skips a number or repeats one.
    #[error("a recovery gets the next number, which is {expected}, not {actual}")]
    NumberOutOfTurn {
        /// The next number.
        expected: u32,
        /// The number given.
        actual: u32,
    },
    /// A recovery without a new level.
    #[error("a recovery must raise the SVN of at least one part")]
    NothingRaised,
    /// An SVN at its end.
    #[error(transparent)]
    SvnExhausted(#[from] SvnExhausted),
    /// More levels and advisories than a document can hold.
    #[error(
        "with this recovery {document} would have {size} bytes, and whoever reads it takes at most \
         {limit}; name fewer advisories, or found a new vendor"
    )]
    DocumentTooLong {
        /// Which document.
        document: &'static str,
        /// What it would have, in bytes.
        size: usize,
        /// Largest document that is read, in bytes.
        limit: usize,
    },
    /// A status that no level of a recovery can have.
    #[error("`{status}` is no status for platforms that lack an update; {allowed}")]
    StatusUnfit {
        /// The status given.
        status: TcbStatus,
        /// Which statuses there are.
        allowed: &'static str,
    },
    /// An advisory whose name is empty or holds what no name does.
    #[error(
        "`{0}` is no name of an advisory: 1 to 64 letters, digits and `-`, for example \
         SIMULATED-SA-00002"
    )]
    AdvisoryMalformed(String),
    /// A number that no recovery disclosed yet.
    #[error("number {number} is not disclosed at {at}; the newest is {newest}")]
    NumberUnknown {
        /// The number given.
        number: u32,
        /// The instant given.
        at: Timestamp,
        /// The newest number then.
        newest: u32,
    },
    /// A promotion backwards, or of what is promoted already.
    #[error("number {number} cannot become the standard one: {standard} is, and it only rises")]
    NotAPromotion {
        /// The number given.
        number: u32,
        /// The standard number then.
        standard: u32,
    },
    /// The end of a number on which clients rely without naming it.
    #[error(
        "number {number} is still needed: {standard} is the standard one; promote a newer one first"
    )]
    NumberInUse {
        /// The number given.
        number: u32,
        /// The standard number then.
        standard: u32,
    },
    /// The end of a number that ended before.
    #[error("number {number} is not signed any more since an earlier event")]
    NumberEnded {
        /// The number given.
        number: u32,
    },
    /// A revocation of what was revoked before.
    #[error("{of} was revoked by an earlier event")]
    RevokedAlready {
        /// What was to be revoked.
        of: Revoked,
    },
    /// A revocation of a platform that the vendor does not have.
    #[error("there is no platform {name} at {at}")]
    NoSuchPlatform {
        /// The name given.
        name: PlatformName,
        /// The instant given.
        at: Timestamp,
    },
}

/// The events of a vendor in their order: a value that exists could have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    founded: Timestamp,
    occurrences: Vec<Occurrence>,
}

/// A number that was disclosed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition<'a> {
    /// The number.
    pub number: u32,
    /// From when on it is served.
    pub disclosed: Timestamp,
    /// The date of its new level: the start of a day.
    pub date: Timestamp,
    /// What disclosed it; absent for the first number.
    pub recovery: Option<&'a Recovery>,
}

impl History {
    /// A vendor to whom nothing has happened yet.
    pub fn new(founded: Timestamp) -> Self {
        Self {
            founded,
            occurrences: Vec::new(),
        }
    }

    /// When the vendor was founded.
    pub fn founded(&self) -> Timestamp {
        self.founded
    }

    /// Everything that happened, also in the future.
    pub fn occurrences(&self) -> &[Occurrence] {
        &self.occurrences
    }

    /// Adds an event.
    pub fn record(&mut self, at: Timestamp, event: Event) -> Result<(), EventError> {
        let latest = self.latest(Timestamp::MAX);
        if at < latest {
            return Err(EventError::BeforeTheLatest { at, latest });
        }
        match &event {
            Event::Recovery(recovery) => self.check_recovery(recovery)?,
            Event::Promotion { number } => self.check_promotion(*number, at)?,
            Event::EndOfSigning { number } => self.check_end(*number, at)?,
            Event::Revocation { of } => self.check_revocation(of)?,
            Event::SignerRotation => {}
        }
        self.occurrences.push(Occurrence { at, event });
        Ok(())
    }

    /// When something last happened until `at`; at the least the founding.
    pub fn latest(&self, at: Timestamp) -> Timestamp {
        self.until(at).last().map_or(self.founded, |last| last.at)
    }

    /// What happened until `at`, in its order.
    pub fn until(&self, at: Timestamp) -> impl Iterator<Item = &Occurrence> {
        self.occurrences
            .iter()
            .take_while(move |occurrence| occurrence.at <= at)
    }

    /// The numbers disclosed until `at`, oldest first; never none.
    pub fn editions(&self, at: Timestamp) -> impl Iterator<Item = Edition<'_>> {
        let first = Edition {
            number: FIRST_NUMBER,
            disclosed: self.founded,
            date: midnight(self.founded),
            recovery: None,
        };
        let later = self
            .until(at)
            .filter_map(|occurrence| match &occurrence.event {
                Event::Recovery(recovery) => Some(Edition {
                    number: recovery.number,
                    disclosed: occurrence.at,
                    date: recovery.date,
                    recovery: Some(recovery),
                }),
                _ => None,
            });
        std::iter::once(first).chain(later)
    }

    /// The newest number, which `update=early` gives.
    pub fn newest(&self, at: Timestamp) -> u32 {
        self.editions(at)
            .last()
            .map_or(FIRST_NUMBER, |last| last.number)
    }

    /// The number in force, which `update=standard` gives.
    pub fn standard(&self, at: Timestamp) -> u32 {
        let promoted = self
            .until(at)
            .filter_map(|occurrence| match occurrence.event {
                Event::Promotion { number } => Some(number),
                _ => None,
            });
        promoted.last().unwrap_or(FIRST_NUMBER)
    }

    /// Whether the number was signed once and is not any more.
    pub fn has_ended(&self, number: u32, at: Timestamp) -> bool {
        self.until(at)
            .any(|occurrence| occurrence.event == Event::EndOfSigning { number })
    }

    /// When this was revoked; `None` if it was not until `at`. For [`Revoked::Signer`]: the latest
    /// time.
    pub fn revoked(&self, of: &Revoked, at: Timestamp) -> Option<Timestamp> {
        self.until(at)
            .filter(
                |occurrence| matches!(&occurrence.event, Event::Revocation { of: o } if o == of),
            )
            .last()
            .map(|occurrence| occurrence.at)
    }

    /// The SVNs that the level of this number asks for.
    pub fn svns(&self, number: u32) -> Svns {
        let mut svns = Svns::FOUNDING;
        let recoveries = self
            .editions(Timestamp::MAX)
            .filter_map(|edition| edition.recovery)
            .take_while(|recovery| recovery.number <= number);
        for part in recoveries.flat_map(|recovery| &recovery.raises) {
            svns.raise(*part)
                .expect("a recovery that raises too far was not recorded");
        }
        svns
    }

    /// The SVNs that the newest level disclosed until `at` asks for.
    pub fn svns_at(&self, at: Timestamp) -> Svns {
        self.svns(self.newest(at))
    }

    fn check_recovery(&self, recovery: &Recovery) -> Result<(), EventError> {
        let newest = self.newest(Timestamp::MAX);
        let (expected, actual) = (newest.saturating_add(1), recovery.number);
        if actual != expected {
            return Err(EventError::NumberOutOfTurn { expected, actual });
        }
        if recovery.raises.is_empty() {
            return Err(EventError::NothingRaised);
        }
        let mut svns = self.svns(newest);
        for part in &recovery.raises {
            svns.raise(*part)?;
        }
        check_status(recovery)?;
        let fits = |id: &String| {
            (1..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        match recovery.advisory_ids.iter().find(|id| !fits(id)) {
            Some(id) => Err(EventError::AdvisoryMalformed(id.clone())),
            None => Ok(()),
        }
    }

    fn check_promotion(&self, number: u32, at: Timestamp) -> Result<(), EventError> {
        self.check_disclosed(number, at)?;
        let standard = self.standard(at);
        if number <= standard {
            return Err(EventError::NotAPromotion { number, standard });
        }
        Ok(())
    }

    fn check_end(&self, number: u32, at: Timestamp) -> Result<(), EventError> {
        self.check_disclosed(number, at)?;
        let standard = self.standard(at);
        if number >= standard {
            return Err(EventError::NumberInUse { number, standard });
        }
        if self.has_ended(number, at) {
            return Err(EventError::NumberEnded { number });
        }
        Ok(())
    }

    fn check_disclosed(&self, number: u32, at: Timestamp) -> Result<(), EventError> {
        let newest = self.newest(at);
        if !(FIRST_NUMBER..=newest).contains(&number) {
            return Err(EventError::NumberUnknown { number, at, newest });
        }
        Ok(())
    }

    /// A signer can be revoked again after it was rotated; all else once.
    fn check_revocation(&self, of: &Revoked) -> Result<(), EventError> {
        let since_rotation = self
            .occurrences
            .iter()
            .rev()
            .take_while(|o| *of != Revoked::Signer || o.event != Event::SignerRotation);
        let same = Event::Revocation { of: of.clone() };
        match since_rotation.into_iter().any(|o| o.event == same) {
            true => Err(EventError::RevokedAlready { of: of.clone() }),
            false => Ok(()),
        }
    }
}

fn check_status(recovery: &Recovery) -> Result<(), EventError> {
    let status = recovery.below;
    let unfit = |allowed| Err(EventError::StatusUnfit { status, allowed });
    let of_enclave = |part: &Part| matches!(part, Part::TdxModule | Part::Qe | Part::TdQe);
    match status {
        TcbStatus::OutOfDate | TcbStatus::Revoked => Ok(()),
        TcbStatus::UpToDate
        | TcbStatus::TDRelaunchAdvised
        | TcbStatus::TDRelaunchAdvisedConfigurationNeeded => unfit(
            "take OutOfDate, Revoked, SWHardeningNeeded, ConfigurationNeeded, \
             ConfigurationAndSWHardeningNeeded or OutOfDateConfigurationNeeded",
        ),
        _ if recovery.raises.iter().any(of_enclave) => {
            unfit("levels of qe, td-qe and tdx-module are only OutOfDate or Revoked")
        }
        _ => Ok(()),
    }
}
