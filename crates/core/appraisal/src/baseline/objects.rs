//! Rings, rollouts and exceptions, and the file that changes them.

use std::collections::{BTreeMap, BTreeSet};

use bulla_pki::Timestamp;
use bulla_pki::digest::sha256;
use serde::{Deserialize, Serialize, Serializer};

use super::name::{FamilyName, Name};
use super::requirement::Baseline;
use crate::policy::exception::reason;
use crate::policy::value::{HexBytes, instant, optional_instant};
use crate::policy::{AdvisoryId, PolicyError};

/// An open advisory that is tolerated on some platforms for a while. It ends by itself: at `until`
/// it counts, a second later it does not.
///
/// What it does, and does not do, is told at
/// [`Policy::allowed_advisories`](crate::Policy::allowed_advisories).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Exception {
    /// The advisory.
    pub advisory: AdvisoryId,
    /// On which platforms.
    #[serde(default)]
    pub group: Group,
    /// The last second at which it counts.
    #[serde(deserialize_with = "instant", serialize_with = "text")]
    pub until: Timestamp,
    /// Why it was granted, for whoever reads the decision; not blank.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
    /// Who answers for it; not blank.
    #[serde(deserialize_with = "reason")]
    pub author: String,
}

impl Exception {
    /// Reads one exception from a file of its own.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        toml::from_str(text).map_err(|error| PolicyError::reading(text, &error))
    }

    /// Whether the exception counts at this instant; its last second does.
    pub fn in_force(&self, at: Timestamp) -> bool {
        at <= self.until
    }
}

/// Some platforms: those of the families and those that are named. Both empty: every platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Group {
    /// FMSPCs.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub families: BTreeSet<FamilyName>,
    /// SHA-256 of PPIDs, 64 hexadecimal digits each: a PPID is personal to a machine and has no
    /// place in a file that people pass around.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub platforms: BTreeSet<HexBytes<32>>,
}

impl Group {
    /// Whether a platform is among them.
    pub fn contains(&self, family: &FamilyName, ppid: &[u8; 16]) -> bool {
        self.contains_all_of(family)
            || (!self.platforms.is_empty() && self.platforms.contains(&HexBytes(sha256(ppid))))
    }
}

impl Group {
    /// Whether every platform of a family is among them.
    pub fn contains_all_of(&self, family: &FamilyName) -> bool {
        let every = self.families.is_empty() && self.platforms.is_empty();
        every || self.families.contains(family)
    }
}

/// Who follows: whoever comes by the base path `/ring/NAME`, or by one of these. No two rings may
/// claim the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Ring {
    /// Host names, as in `Host`, in lower case and without port.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<String>,
    /// Addresses of listeners, as the service is configured with them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub listeners: BTreeSet<String>,
    /// Names of tokens.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tokens: BTreeSet<String>,
    /// Names of the gate's policies.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub policies: BTreeSet<String>,
}

impl Ring {
    /// Everything that it claims, each with the kind of claim.
    pub fn claims(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("host", &self.hosts),
            ("listener", &self.listeners),
            ("token", &self.tokens),
            ("policy", &self.policies),
        ]
        .into_iter()
        .flat_map(|(kind, set)| set.iter().map(move |value| (kind, value.as_str())))
    }
}

/// From when on a ring follows a baseline. Of the rollouts of a ring that have begun, the one that
/// began last counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Rollout {
    /// The ring.
    pub ring: Name,
    /// The baseline.
    pub baseline: Name,
    /// The first second. Absent in a file: when the plan is applied; never absent afterwards.
    #[serde(
        default,
        deserialize_with = "optional_instant",
        serialize_with = "optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub from: Option<Timestamp>,
    /// From this second on the rollout counts even if it is held. Absent: it can be held for good.
    #[serde(
        default,
        deserialize_with = "optional_instant",
        serialize_with = "optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub deadline: Option<Timestamp>,
    /// Whether it is held: paused before it began, or rolled back after. Absent: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Hold>,
}

impl Rollout {
    /// Whether the rollout counts at this instant; its first second does.
    pub fn in_force(&self, at: Timestamp) -> bool {
        let begun = self.from.is_some_and(|from| from <= at);
        begun && (self.held.is_none() || self.deadline.is_some_and(|deadline| deadline <= at))
    }

    /// The first second at which it counts: its first, or its deadline while it is held; absent for
    /// one that is held for good.
    pub fn begins(&self) -> Option<Timestamp> {
        match self.held {
            None => self.from,
            Some(_) => self.deadline,
        }
    }
}

/// Why a rollout is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Hold {
    /// For whoever wonders later; not blank.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
}

/// What a plan changes: objects to put, each whole and in place of what had its name, and names to
/// remove. What is left out, stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Changes {
    /// Baselines by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub baselines: BTreeMap<Name, Baseline>,
    /// Rings by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rings: BTreeMap<Name, Ring>,
    /// Exceptions by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<Name, Exception>,
    /// Rollouts by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rollouts: BTreeMap<Name, Rollout>,
    /// What goes.
    #[serde(skip_serializing_if = "Removals::is_empty")]
    pub remove: Removals,
}

impl Changes {
    /// Reads a plan file.
    ///
    /// ```
    /// use bulla_appraisal::baseline::Changes;
    ///
    /// let changes = Changes::from_toml(r#"
    /// [baselines.level-20]
    /// sgx = { number = 20 }
    /// tdx = { number = 20 }
    ///
    /// [rings.prod]
    /// hosts = ["prod.collateral.example"]
    ///
    /// [rollouts.prod-20]
    /// ring = "prod"
    /// baseline = "level-20"
    /// from = "2027-01-15T06:00:00Z"
    /// deadline = "2027-03-01T00:00:00Z"
    ///
    /// [exceptions.rack-12]
    /// advisory = "INTEL-SA-00828"
    /// group = { families = ["00806F050000"] }
    /// until = "2027-01-31T23:59:59Z"
    /// reason = "OPS-4711: the firmware comes in January"
    /// author = "k.lindt"
    ///
    /// [remove]
    /// rollouts = ["canary-19"]
    /// "#)?;
    /// assert_eq!(changes.rollouts.len(), 1);
    /// # Ok::<(), bulla_appraisal::PolicyError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        toml::from_str(text).map_err(|error| PolicyError::reading(text, &error))
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Names of objects that go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Removals {
    /// Of baselines.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub baselines: BTreeSet<Name>,
    /// Of rings.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub rings: BTreeSet<Name>,
    /// Of exceptions.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exceptions: BTreeSet<Name>,
    /// Of rollouts.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub rollouts: BTreeSet<Name>,
}

impl Removals {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Writes an instant as the files have it.
pub(super) fn text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Writes an instant that need not be there.
pub(super) fn optional_text<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}
