//! What is demanded at an instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulla_pki::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::Technology;
use super::name::{FamilyName, Name};
use super::objects::Exception;
use super::requirement::{Baseline, Requirement, Requirements};
use crate::policy::{AdvisoryException, Policy, PolicyError};

/// What is demanded of a ring at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Demand {
    /// The ring.
    pub ring: Name,
    /// The name of the baseline.
    pub name: Name,
    /// Which decision gave the baseline its content, counted from 1; absent for the one that is
    /// always there, and for one that comes from a file.
    pub decision: Option<u32>,
    /// The rollout by which the ring follows the baseline; absent where none has begun.
    pub rollout: Option<Name>,
    /// What must be reached.
    #[serde(serialize_with = "inner")]
    pub baseline: Arc<Baseline>,
    /// The exceptions that are in force, by name.
    pub exceptions: BTreeMap<Name, Exception>,
}

impl Default for Demand {
    /// What is demanded where nothing was decided: the number that the vendor enforces, `UpToDate`,
    /// no exceptions.
    fn default() -> Self {
        Self {
            ring: Name::default_ring(),
            name: Name::standard(),
            decision: None,
            rollout: None,
            baseline: Arc::default(),
            exceptions: BTreeMap::new(),
        }
    }
}

/// A baseline with its exceptions in one file, for whoever appraises without a service.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
struct DemandFile {
    sgx: Requirement,
    tdx: Requirement,
    families: BTreeMap<FamilyName, Requirements>,
    exceptions: BTreeMap<Name, Exception>,
}

impl Demand {
    /// Reads a baseline file that may also have exceptions, in tables `[exceptions.NAME]`. `name`
    /// is what decisions call it.
    pub fn from_toml(name: Name, text: &str) -> Result<Self, PolicyError> {
        let file: DemandFile =
            toml::from_str(text).map_err(|error| PolicyError::reading(text, &error))?;
        Ok(Self {
            name,
            baseline: Arc::new(Baseline {
                sgx: file.sgx,
                tdx: file.tdx,
                families: file.families,
            }),
            exceptions: file.exceptions,
            ..Self::default()
        })
    }

    /// What is required of a family for a technology.
    pub fn requirement(&self, technology: Technology, family: &FamilyName) -> &Requirement {
        self.baseline.requirement(technology, family)
    }

    /// Whether what a ring demands binds beside a policy. Where nothing was rolled out, a policy with a
    /// word of its own on TCB levels has the only one.
    pub fn binds_beside(&self, policy: &Policy) -> bool {
        self.rollout.is_some() || !policy.judges_levels()
    }

    /// The exceptions that are for a platform, ended ones included.
    pub fn exceptions_for(&self, family: &FamilyName, ppid: &[u8; 16]) -> Vec<AdvisoryException> {
        self.exceptions
            .values()
            .filter(|exception| exception.group.contains(family, ppid))
            .map(as_policy_has_it)
            .collect()
    }

    /// The first instant after which one of the exceptions no longer counts; absent without any.
    pub fn first_end(&self) -> Option<Timestamp> {
        self.exceptions
            .values()
            .map(|exception| exception.until)
            .min()
    }
}

fn inner<S: Serializer>(baseline: &Arc<Baseline>, serializer: S) -> Result<S::Ok, S::Error> {
    baseline.as_ref().serialize(serializer)
}

pub(super) fn as_policy_has_it(exception: &Exception) -> AdvisoryException {
    AdvisoryException {
        id: exception.advisory.clone(),
        until: exception.until,
        reason: format!("{} ({})", exception.reason, exception.author),
    }
}
