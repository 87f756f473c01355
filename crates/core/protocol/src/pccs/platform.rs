//! Platforms as the cache knows them.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::{CpuSvn, EncryptedPpid, PceId, PceSvn, PlatformManifest, ValueError};

use super::Refusal;

/// Name of a platform, given by its quoting enclave or by its operator: any text, in upper case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QeId<'a>(Cow<'a, str>);

impl<'a> QeId<'a> {
    /// Longest name, in characters: that of Intel's cache. The quoting enclave's has 32.
    pub const LONGEST: usize = 260;

    /// Takes a name of 1 to 260 characters, and makes it upper case.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, ValueError> {
        let text = text.into();
        let size = text.chars().take(Self::LONGEST.saturating_add(1)).count();
        if size == 0 {
            return Err(ValueError::Empty);
        }
        if size > Self::LONGEST {
            return Err(ValueError::TooLong {
                size: text.len(),
                limit: Self::LONGEST,
            });
        }
        let is_upper = |byte: u8| byte.is_ascii() && !byte.is_ascii_lowercase();
        if text.bytes().all(is_upper) {
            return Ok(Self(text));
        }
        Ok(Self(Cow::Owned(text.to_uppercase())))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, independent of where it was read from.
    pub fn into_owned(self) -> QeId<'static> {
        QeId(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Display for QeId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How the vendor knows a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum PlatformIdentity {
    /// By its manifest: platforms of several packages.
    Manifest(PlatformManifest),
    /// By its PPID, and the TCB that it reports.
    Ppid {
        /// CPUSVN as the processor reports it.
        cpusvn: CpuSvn,
        /// SVN of the provisioning certification enclave.
        pcesvn: PceSvn,
        /// The platform's id, which only the vendor can decrypt.
        encrypted_ppid: Box<EncryptedPpid>,
    },
}

/// A platform that registers with the cache (`POST /platforms`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the interface has these fields")]
pub struct RegisteredPlatform {
    /// Name of the platform.
    pub qe_id: QeId<'static>,
    /// Identity of its provisioning certification enclave.
    pub pce_id: PceId,
    /// How the vendor knows it.
    pub identity: PlatformIdentity,
}

/// A platform in a list: of those that wait, of those that are cached, of those whose collateral
/// is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the interface has these fields")]
pub struct ListedPlatform {
    /// Name of the platform.
    pub qe_id: QeId<'static>,
    /// Identity of its provisioning certification enclave.
    pub pce_id: PceId,
    /// CPUSVN that it reported; absent where it is known by its manifest.
    pub cpusvn: Option<CpuSvn>,
    /// SVN of its provisioning certification enclave; absent as the CPUSVN.
    pub pcesvn: Option<PceSvn>,
    /// Its manifest; absent for most platforms.
    pub manifest: Option<PlatformManifest>,
    /// Its encrypted PPID; absent where it is known by its manifest.
    pub encrypted_ppid: Option<Box<EncryptedPpid>>,
}

impl From<RegisteredPlatform> for ListedPlatform {
    fn from(platform: RegisteredPlatform) -> Self {
        let listed = Self {
            qe_id: platform.qe_id,
            pce_id: platform.pce_id,
            cpusvn: None,
            pcesvn: None,
            manifest: None,
            encrypted_ppid: None,
        };
        match platform.identity {
            PlatformIdentity::Manifest(manifest) => Self {
                manifest: Some(manifest),
                ..listed
            },
            PlatformIdentity::Ppid {
                cpusvn,
                pcesvn,
                encrypted_ppid,
            } => Self {
                cpusvn: Some(cpusvn),
                pcesvn: Some(pcesvn),
                encrypted_ppid: Some(encrypted_ppid),
                ..listed
            },
        }
    }
}

/// The six keys under which platforms stand in every JSON text of the cache.
#[derive(Serialize, Deserialize)]
pub(super) struct Fields {
    qe_id: String,
    pce_id: String,
    cpu_svn: Option<String>,
    pce_svn: Option<String>,
    platform_manifest: Option<String>,
    enc_ppid: Option<String>,
}

/// The value of a key that may be absent, null or empty.
pub(super) fn present<T>(name: &str, text: Option<&String>) -> Result<Option<T>, Refusal>
where
    T: std::str::FromStr<Err = ValueError>,
{
    match text {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => read(name, text).map(Some),
    }
}

pub(super) fn read<T>(name: &str, text: &str) -> Result<T, Refusal>
where
    T: std::str::FromStr<Err = ValueError>,
{
    text.parse().map_err(|problem| invalid(name, &problem))
}

pub(super) fn invalid(name: &str, problem: &ValueError) -> Refusal {
    Refusal::invalid(&format!("{name} in the body: {problem}"))
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::invalid(&format!("{name} is missing in the body")))
}

impl Fields {
    pub(super) fn listed(&self) -> Result<ListedPlatform, Refusal> {
        Ok(ListedPlatform {
            qe_id: QeId::new(self.qe_id.clone()).map_err(|problem| invalid("qe_id", &problem))?,
            pce_id: read("pce_id", &self.pce_id)?,
            cpusvn: present("cpu_svn", self.cpu_svn.as_ref())?,
            pcesvn: present("pce_svn", self.pce_svn.as_ref())?,
            manifest: present("platform_manifest", self.platform_manifest.as_ref())?,
            encrypted_ppid: present("enc_ppid", self.enc_ppid.as_ref())?.map(Box::new),
        })
    }

    /// The platform; with a manifest the three other values do not count.
    pub(super) fn registered(&self) -> Result<RegisteredPlatform, Refusal> {
        let listed = self.listed()?;
        let identity = match listed.manifest {
            Some(manifest) => PlatformIdentity::Manifest(manifest),
            None => PlatformIdentity::Ppid {
                cpusvn: required("cpu_svn", listed.cpusvn)?,
                pcesvn: required("pce_svn", listed.pcesvn)?,
                encrypted_ppid: required("enc_ppid", listed.encrypted_ppid)?,
            },
        };
        Ok(RegisteredPlatform {
            qe_id: listed.qe_id,
            pce_id: listed.pce_id,
            identity,
        })
    }

    /// Digits in upper case; what is absent is empty.
    pub(super) fn of_listed(platform: &ListedPlatform) -> Self {
        fn text<T: fmt::Display>(value: Option<&T>) -> Option<String> {
            Some(value.map(T::to_string).unwrap_or_default())
        }
        Self {
            qe_id: platform.qe_id.to_string(),
            pce_id: platform.pce_id.to_string(),
            cpu_svn: text(platform.cpusvn.as_ref()),
            pce_svn: text(platform.pcesvn.as_ref()),
            platform_manifest: text(platform.manifest.as_ref()),
            enc_ppid: text(platform.encrypted_ppid.as_deref()),
        }
    }

    /// The same with the digits of manifest and PPID in lower case.
    pub(super) fn lower_binary(&mut self) {
        let binary = [&mut self.platform_manifest, &mut self.enc_ppid];
        for digits in binary.into_iter().flatten() {
            digits.make_ascii_lowercase();
        }
    }
}
