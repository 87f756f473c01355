//! What the gate releases: sealed values, and within which limits.
//!
//! The value is opaque here: it was sealed under a key that is never in the store, so that neither
//! the store nor a backup of it tells a secret.

use std::fmt;

use bulla_pki::Timestamp;

use crate::Result;
use crate::audit::{Entry, Event};

/// How often, until when and to whom a secret may be released. What is absent limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How often, counted from when this version was put.
    pub times: Option<u64>,
    /// The last second.
    pub until: Option<Timestamp>,
    /// The platforms, each by a digest of its id. An empty list admits none.
    pub platforms: Option<Vec<[u8; 32]>>,
}

/// A secret to be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// Its name.
    pub name: String,
    /// Its version: one more than [`Secrets::secret_version`] gave.
    pub version: u32,
    /// The name of the policy under which it may be released.
    pub policy: String,
    /// Within which limits.
    pub limits: Limits,
    /// The sealed value.
    pub value: Vec<u8>,
}

/// A secret that is kept, without its value: that comes by [`Secrets::release`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// 1 for the first, one more for each later one, also after it was removed.
    pub version: u32,
    /// The name of the policy under which it may be released.
    pub policy: String,
    /// Within which limits.
    pub limits: Limits,
    /// How often this version was released.
    pub releases: u64,
    /// Since when it is so.
    pub at: Timestamp,
    /// Who decided it.
    pub author: String,
}

/// A decision that something rests upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The version that must still be the latest one, and remove nothing; 0 where nothing must have
    /// been decided yet.
    pub version: u32,
}

/// A release that was decided upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which secret.
    pub name: String,
    /// Which version was looked at.
    pub version: u32,
    /// Who gets it: the digest of the platform's id.
    pub platform: [u8; 32],
    /// When.
    pub at: Timestamp,
    /// The decisions that it rests upon.
    pub in_force: Vec<InForce>,
}

/// A value that was given out. It is in the audit, and counts.
#[derive(Clone, PartialEq, Eq)]
pub struct Released {
    /// The sealed value.
    pub value: Vec<u8>,
    /// The how manieth release of this version it is, from 1 on.
    pub number: u64,
    /// The entry in the audit.
    pub entry: Entry,
}

/// Why nothing was given out. Nothing was counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotReleased {
    /// There is no such secret, or it was removed.
    #[error("there is no such secret")]
    Absent,
    /// The secret, or a decision that the release rests upon, is not what was looked at any more:
    /// it is to be looked at anew.
    #[error("{what} has changed since it was looked at")]
    Changed {
        /// What.
        what: String,
    },
    /// It was released as often as it may be.
    #[error("it was released {times} times, as often as it may be")]
    Exhausted {
        /// How often.
        times: u64,
    },
    /// Its time is over.
    #[error("it may be released until {until}")]
    Ended {
        /// The last second.
        until: Timestamp,
    },
    /// The platform is not listed.
    #[error("the platform is none of those that may have it")]
    PlatformNotListed,
}

/// What became of a claim.
pub type Release = std::result::Result<Released, NotReleased>;

/// The secrets. Each change and its entry in the audit are one: both are durable when the call
/// returns, or neither has happened.
pub trait Secrets {
    /// Puts a secret in place of the one of its name; `false` where its version does not follow
    /// the one that is there. What was before it is gone.
    fn put_secret(&self, secret: &NewSecret, event: &Event) -> Result<bool>;

    /// The version of the last secret of a name, also of one that was removed; 0 where there never
    /// was one.
    fn secret_version(&self, name: &str) -> Result<u32>;

    /// A secret; absent where there is none, or it was removed.
    fn secret(&self, name: &str) -> Result<Option<Secret>>;

    /// All secrets by their names, those removed left out.
    fn secrets(&self) -> Result<Vec<Secret>>;

    /// Removes a secret, and its value for good; `false` where there is none.
    fn remove_secret(&self, name: &str, event: &Event) -> Result<bool>;

    /// Gives out a value: the limits are looked at, the release is counted and `event` recorded in
    /// one step.
    fn release(&self, claim: &Claim, event: &Event) -> Result<Release>;
}

impl Limits {
    /// Why a claim is not granted after `releases`; absent where it is.
    pub(crate) fn refuse(&self, releases: u64, claim: &Claim) -> Option<NotReleased> {
        if let Some(times) = self.times.filter(|times| releases >= *times) {
            return Some(NotReleased::Exhausted { times });
        }
        if let Some(until) = self.until.filter(|until| claim.at > *until) {
            return Some(NotReleased::Ended { until });
        }
        match &self.platforms {
            Some(platforms) if !platforms.contains(&claim.platform) => {
                Some(NotReleased::PlatformNotListed)
            }
            _ => None,
        }
    }
}

/// Says how long the value is, and nothing of it.
impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSecret")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .field("value_size", &self.value.len())
            .finish()
    }
}

/// Says how long the value is, and nothing of it.
impl fmt::Debug for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Released")
            .field("number", &self.number)
            .field("entry", &self.entry.sequence)
            .field("value_size", &self.value.len())
            .finish()
    }
}
