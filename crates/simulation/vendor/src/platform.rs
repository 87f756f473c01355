//! A platform as the vendor's books have it.

use std::fmt;
use std::str::FromStr;

use bulla_issuer::PckCa;
use bulla_pki::Timestamp;
use serde::{Deserialize, Serialize};

use crate::tcb::{Part, Svns};
use bulla_evidence::Tee;
use bulla_processor::Fuses;
use bulla_processor::structures::TargetInfo;

/// What the vendor and its customers call a platform; also the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PlatformName(String);

/// The text cannot be the name of a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be the name of a platform: 1 to 64 lower-case letters, digits and `-`, the \
     first no `-`"
)]
pub struct PlatformNameError(String);

impl PlatformName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlatformName {
    type Err = PlatformNameError;

    fn from_str(text: &str) -> Result<Self, PlatformNameError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match (1..=64).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-') {
            true => Ok(Self(text.to_owned())),
            false => Err(PlatformNameError(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<PlatformName> for String {
    fn from(name: PlatformName) -> Self {
        name.0
    }
}

impl TryFrom<String> for PlatformName {
    type Error = PlatformNameError;

    fn try_from(text: String) -> Result<Self, PlatformNameError> {
        text.parse()
    }
}

/// How a platform of several packages registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// With the registration service: the vendor keeps its keys, and answers for its PPID.
    Direct,
    /// With the first request for certificates: the vendor keeps no keys, and every request must
    /// bring the manifest.
    Indirect,
}

/// A platform and what has become of it.
#[derive(Clone, Debug)]
pub struct Platform {
    pub(crate) name: PlatformName,
    pub(crate) fmspc: [u8; 6],
    pub(crate) ca: PckCa,
    pub(crate) fuses: Fuses,
    pub(crate) platform_instance_id: [u8; 16],
    pub(crate) made: Timestamp,
    pub(crate) registration: Option<(Timestamp, Registration)>,
    /// What is installed from when on; the first entry is of `made`, and none is missing.
    pub(crate) installed: Vec<(Timestamp, Svns)>,
}

impl Platform {
    /// Its name.
    pub fn name(&self) -> &PlatformName {
        &self.name
    }

    /// Family, model, stepping, platform type and customised SKU: selects the TCB info.
    pub fn fmspc(&self) -> [u8; 6] {
        self.fmspc
    }

    /// Which CA certifies it: that of processors if it has one package, else that of platforms.
    pub fn ca(&self) -> PckCa {
        self.ca
    }

    /// When it was made.
    pub fn made(&self) -> Timestamp {
        self.made
    }

    /// The platform provisioning id.
    pub fn ppid(&self) -> [u8; 16] {
        self.fuses.ppid()
    }

    /// Identifies this installation of a platform of several packages.
    pub fn platform_instance_id(&self) -> [u8; 16] {
        self.platform_instance_id
    }

    /// The secrets from which its keys follow.
    pub fn fuses(&self) -> &Fuses {
        &self.fuses
    }

    /// How it had registered until `at`; absent where it had not, or has one package and need not.
    pub fn registration(&self, at: Timestamp) -> Option<Registration> {
        self.registration
            .filter(|(since, _)| *since <= at)
            .map(|(_, registration)| registration)
    }

    /// What was installed at `at`; before it was made, what it was made with.
    pub fn svns(&self, at: Timestamp) -> &Svns {
        let current = self.installed.iter().rev().find(|(since, _)| *since <= at);
        let (_, svns) = current
            .or(self.installed.first())
            .expect("a platform is made with something installed");
        svns
    }

    /// The platform of the model, started with what was installed at `at`.
    pub fn start(&self, at: Timestamp) -> bulla_processor::Platform {
        bulla_processor::Platform::new(self.fuses.clone(), self.svns(at).into())
    }

    /// What enclaves report to in order to be quoted: the quoting enclave as it is at `at`.
    pub fn quoting_target(&self, at: Timestamp) -> TargetInfo {
        self.start(at).quoting_enclave(Tee::Sgx).target_info()
    }

    /// When something was last installed.
    pub fn last_update(&self) -> Timestamp {
        self.installed.last().map_or(self.made, |(since, _)| *since)
    }

    /// Installs these parts as `target` has them; what is newer already stays.
    pub(crate) fn install(
        &mut self,
        at: Timestamp,
        parts: impl IntoIterator<Item = Part>,
        target: &Svns,
    ) {
        let mut svns = *self.svns(Timestamp::MAX);
        for part in parts {
            svns.update(part, target);
        }
        self.installed.push((at, svns));
    }
}
