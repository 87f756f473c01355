//! A vendor: what was founded, what happened to it, and the platforms it made.

use std::sync::{Arc, OnceLock};

use bulla_issuer::{PckCa, SIMULATED_FMSPC, Seed, SigningKey, Vendor as Hierarchy};
use bulla_pki::Timestamp;

use crate::cadence;
use crate::charter::Charter;
use crate::history::{Event, EventError, History, Revoked};
use crate::manifest::{self, ManifestError};
use crate::platform::{Platform, PlatformName, Registration};
use crate::tcb::Part;
use bulla_processor::{Fuses, ProvisioningKey};

/// FMSPC of platforms of one package, unless another is asked for.
pub const PROCESSOR_FMSPC: [u8; 6] = SIMULATED_FMSPC;

/// FMSPC of platforms of several packages, unless another is asked for.
pub const PLATFORM_FMSPC: [u8; 6] = *b"\xffSIMUM";

/// A vendor as a value: whatever it issues at an instant follows from it and from the instant,
/// byte for byte.
///
/// Nothing that was issued is kept, and nothing here reads a clock. Events that lie after the
/// instant asked for have not happened yet.
#[derive(Clone, Debug)]
pub struct Vendor {
    pub(crate) seed: Seed,
    pub(crate) charter: Charter,
    pub(crate) history: History,
    pub(crate) platforms: Vec<Platform>,
    hierarchy: Hierarchy,
    provisioning_key: Arc<OnceLock<ProvisioningKey>>,
}

/// Why a platform cannot be made, updated or found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// The name is taken.
    #[error("there is a platform {0} already; take another name")]
    NameTaken(PlatformName),
    /// There is no such platform at that time.
    #[error("there is no platform {name} at {at}")]
    Unknown {
        /// The name given.
        name: PlatformName,
        /// The instant given.
        at: Timestamp,
    },
    /// An FMSPC that could be mistaken for a genuine one.
    #[error("FMSPCs of simulated platforms begin with ff; {} does not", hex::encode(.0))]
    FmspcNotSimulated([u8; 6]),
    /// A kind of platform has one package or several, never both.
    #[error(
        "platforms of FMSPC {} have {packages}; take another FMSPC for this one",
        hex::encode(fmspc)
    )]
    FmspcOfOtherCa {
        /// The FMSPC given.
        fmspc: [u8; 6],
        /// What platforms of this FMSPC have.
        packages: &'static str,
    },
    /// Before the vendor was founded, or before the platform changed last.
    #[error("{at} is too early: it was {latest} already when {what}")]
    TooEarly {
        /// The instant given.
        at: Timestamp,
        /// The instant that it must not be before.
        latest: Timestamp,
        /// What happened then.
        what: &'static str,
    },
    /// An update to what the vendor has not disclosed.
    #[error(transparent)]
    Number(#[from] EventError),
    /// A platform of one package has nothing to register.
    #[error("{0} has one package; only platforms of several packages register")]
    NothingToRegister(PlatformName),
}

/// What a new platform is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub name: PlatformName,
    /// Which CA certifies it: that of platforms if it has several packages.
    pub ca: PckCa,
    /// Its kind; absent for [`PROCESSOR_FMSPC`] or [`PLATFORM_FMSPC`].
    pub fmspc: Option<[u8; 6]>,
    /// The evaluation data number whose updates it leaves the factory with; absent for the newest.
    pub number: Option<u32>,
}

impl Vendor {
    /// A vendor to whom nothing has happened yet, without platforms.
    pub fn new(seed: Seed, charter: Charter) -> Self {
        let mut hierarchy = Hierarchy::new(&seed, charter.public_url.as_str(), charter.founded);
        if charter.mark_critically {
            hierarchy.mark_critically();
        }
        Self {
            seed,
            history: History::new(charter.founded),
            charter,
            platforms: Vec::new(),
            hierarchy,
            provisioning_key: Arc::default(),
        }
    }

    /// What was settled at the founding.
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// What happened.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Every platform, also of the future, in the order in which they were made.
    pub fn platforms(&self) -> &[Platform] {
        &self.platforms
    }

    /// The root's certificate, DER.
    pub fn root_certificate(&self) -> Vec<u8> {
        self.hierarchy.root_certificate()
    }

    /// The root's key, uncompressed: 0x04, then x and y, big-endian.
    pub fn root_public_key(&self) -> [u8; 65] {
        self.hierarchy.root.key.public_key()
    }

    /// Lets an event happen.
    pub fn record(&mut self, at: Timestamp, event: Event) -> Result<(), EventError> {
        if let Event::Revocation {
            of: Revoked::Platform(name),
        } = &event
            && self.platform(name, at).is_err()
        {
            let name = name.clone();
            return Err(EventError::NoSuchPlatform { name, at });
        }
        let is_recovery = matches!(event, Event::Recovery(_));
        let before = self.history.clone();
        self.history.record(at, event)?;
        if is_recovery && let Err(too_long) = self.check_sizes(at) {
            self.history = before;
            return Err(too_long);
        }
        Ok(())
    }

    /// The platform of this name, if it was made until `at`.
    pub fn platform(&self, name: &PlatformName, at: Timestamp) -> Result<&Platform, PlatformError> {
        self.platforms
            .iter()
            .find(|platform| platform.name == *name && platform.made <= at)
            .ok_or_else(|| PlatformError::Unknown {
                name: name.clone(),
                at,
            })
    }

    /// Makes a platform, with secrets that follow from the seed and its name.
    pub fn make(&mut self, order: Order, at: Timestamp) -> Result<&Platform, PlatformError> {
        let fuses = Fuses::derive(&self.seed, order.name.as_str());
        self.check_order(&order, at)?;
        let number = self.disclosed(order.number, at)?;
        self.platforms.push(Platform {
            fmspc: order.fmspc.unwrap_or(default_fmspc(order.ca)),
            ca: order.ca,
            fuses,
            platform_instance_id: self.platform_instance_id(&order.name),
            made: at,
            registration: None,
            installed: vec![(at, self.history.svns(number))],
            name: order.name,
        });
        Ok(self.platforms.last().expect("it was just made"))
    }

    /// Installs the updates of a number, the newest if none is given, for these parts of a
    /// platform. What is newer already stays.
    pub fn update(
        &mut self,
        name: &PlatformName,
        number: Option<u32>,
        parts: impl IntoIterator<Item = Part>,
        at: Timestamp,
    ) -> Result<&Platform, PlatformError> {
        let number = self.disclosed(number, at)?;
        let target = self.history.svns(number);
        let platform = self.platform_mut(name, at)?;
        let latest = platform.last_update();
        if at < latest {
            let what = "the platform was last updated";
            return Err(PlatformError::TooEarly { at, latest, what });
        }
        platform.install(at, parts, &target);
        Ok(platform)
    }

    /// The manifest of a platform of several packages, which only this vendor can read.
    pub fn manifest(&self, platform: &Platform) -> Result<Vec<u8>, PlatformError> {
        match platform.ca {
            PckCa::Processor => Err(PlatformError::NothingToRegister(platform.name.clone())),
            PckCa::Platform => Ok(manifest::write(
                &self.seed,
                self.root_key_identifier(),
                platform.ppid(),
            )),
        }
    }

    /// The platform that wrote this manifest.
    pub fn find_by_manifest(
        &self,
        manifest: &[u8],
        at: Timestamp,
    ) -> Result<&Platform, ManifestError> {
        let ppid = manifest::read(&self.seed, self.root_key_identifier(), manifest)?;
        self.platforms
            .iter()
            .find(|platform| platform.ppid() == ppid && platform.made <= at)
            .ok_or(ManifestError::PlatformUnknown)
    }

    /// Registers the platform that wrote this manifest. To register again in the same way changes
    /// nothing; to register directly first and bring the manifest later is fine.
    pub fn register(
        &mut self,
        manifest: &[u8],
        how: Registration,
        at: Timestamp,
    ) -> Result<&Platform, ManifestError> {
        let platform = self.find_by_manifest(manifest, at)?;
        let name = platform.name.clone();
        if self
            .history
            .revoked(&Revoked::Platform(name.clone()), at)
            .is_some()
        {
            return Err(ManifestError::Revoked);
        }
        let platform = self
            .platform_mut(&name, at)
            .map_err(|_| ManifestError::PlatformUnknown)?;
        match (platform.registration, how) {
            (Some((since, _)), _) if at < since => {
                return Err(ManifestError::RegisteredLater { at, since });
            }
            (Some((_, Registration::Indirect)), Registration::Direct) => {
                return Err(ManifestError::RegisteredIndirectly);
            }
            (Some(_), _) => {}
            (None, _) => platform.registration = Some((at, how)),
        }
        Ok(platform)
    }

    /// The key to which platforms encrypt their PPID for this vendor. To find it takes a second or
    /// two, once.
    pub fn provisioning_key(&self) -> &ProvisioningKey {
        self.provisioning_key
            .get_or_init(|| ProvisioningKey::derive(&self.seed, "provisioning"))
    }

    /// Takes the provisioning key over from the same vendor as it was before, which may have found
    /// it already.
    pub(crate) fn inherit_provisioning_key(&mut self, before: &Self) {
        if self.root_key_identifier() == before.root_key_identifier() {
            self.provisioning_key = Arc::clone(&before.provisioning_key);
        }
    }

    /// The platform that encrypted its PPID to [`Self::provisioning_key`]: it has one package, or
    /// it registered directly.
    pub fn find_by_encrypted_ppid(
        &self,
        encrypted: &[u8; 384],
        at: Timestamp,
    ) -> Option<&Platform> {
        let ppid = self.provisioning_key().decrypt(encrypted).ok()?;
        self.platforms.iter().find(|platform| {
            let known = platform.ca == PckCa::Processor
                || platform.registration(at) == Some(Registration::Direct);
            known && platform.made <= at && platform.ppid() == ppid
        })
    }

    /// Every kind of platform made until `at`, and which CA certifies it; sorted.
    pub fn fmspcs(&self, at: Timestamp) -> Vec<([u8; 6], PckCa)> {
        let made = self.platforms.iter().filter(|platform| platform.made <= at);
        let mut kinds: Vec<_> = made.map(|platform| (platform.fmspc, platform.ca)).collect();
        kinds.sort_by_key(|(fmspc, _)| *fmspc);
        kinds.dedup();
        kinds
    }

    /// Who the vendor is: the identifier of its root key.
    pub fn root_key_identifier(&self) -> [u8; 20] {
        self.hierarchy.root.key.key_identifier()
    }

    pub(crate) fn platform_instance_id(&self, name: &PlatformName) -> [u8; 16] {
        self.seed.bytes(&format!("platform instance id {name}"))
    }

    /// Keys and certificates as they are at `at`: with the signer of that time.
    pub(crate) fn hierarchy(&self, at: Timestamp) -> Hierarchy {
        let mut hierarchy = self.hierarchy.clone();
        let (key, since) = self.signers(at).last().expect("there is a first signer");
        hierarchy.appoint_tcb_signer(key, cadence::certificate(since, at));
        hierarchy
    }

    /// The keys that have signed documents until `at`, and since when, oldest first.
    pub(crate) fn signers(&self, at: Timestamp) -> impl Iterator<Item = (SigningKey, Timestamp)> {
        let rotations = self
            .history
            .until(at)
            .filter(|occurrence| occurrence.event == Event::SignerRotation)
            .map(|occurrence| occurrence.at);
        let starts = std::iter::once(self.charter.founded).chain(rotations);
        (1..).zip(starts).map(|(generation, since): (u32, _)| {
            let label = match generation {
                1 => "tcb signing".to_owned(),
                later => format!("tcb signing {later}"),
            };
            (SigningKey::derive(&self.seed, &label), since)
        })
    }

    fn platform_mut(
        &mut self,
        name: &PlatformName,
        at: Timestamp,
    ) -> Result<&mut Platform, PlatformError> {
        self.platforms
            .iter_mut()
            .find(|platform| platform.name == *name && platform.made <= at)
            .ok_or_else(|| PlatformError::Unknown {
                name: name.clone(),
                at,
            })
    }

    /// The number given if it was disclosed until `at`, or the newest.
    fn disclosed(&self, number: Option<u32>, at: Timestamp) -> Result<u32, PlatformError> {
        let newest = self.history.newest(at);
        match number {
            None => Ok(newest),
            Some(number) if self.history.editions(at).any(|e| e.number == number) => Ok(number),
            Some(number) => Err(EventError::NumberUnknown { number, at, newest }.into()),
        }
    }

    fn check_order(&self, order: &Order, at: Timestamp) -> Result<(), PlatformError> {
        let latest = self.charter.founded;
        if at < latest {
            let what = "the vendor was founded";
            return Err(PlatformError::TooEarly { at, latest, what });
        }
        if self
            .platforms
            .iter()
            .any(|platform| platform.name == order.name)
        {
            return Err(PlatformError::NameTaken(order.name.clone()));
        }
        let fmspc = order.fmspc.unwrap_or(default_fmspc(order.ca));
        if fmspc[0] != 0xff {
            return Err(PlatformError::FmspcNotSimulated(fmspc));
        }
        let defaults = [PckCa::Processor, PckCa::Platform].map(|ca| (default_fmspc(ca), ca));
        let known = self.fmspcs(Timestamp::MAX).into_iter().chain(defaults);
        match known
            .into_iter()
            .find(|(known, ca)| *known == fmspc && *ca != order.ca)
        {
            None => Ok(()),
            Some((_, ca)) => Err(PlatformError::FmspcOfOtherCa {
                fmspc,
                packages: match ca {
                    PckCa::Processor => "one package",
                    PckCa::Platform => "several packages",
                },
            }),
        }
    }
}

const fn default_fmspc(ca: PckCa) -> [u8; 6] {
    match ca {
        PckCa::Processor => PROCESSOR_FMSPC,
        PckCa::Platform => PLATFORM_FMSPC,
    }
}
