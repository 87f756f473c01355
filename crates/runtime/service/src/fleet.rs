//! The fleet: platforms, their PCK certificates, and who waits for some.

mod bringing;
mod certificates;
mod certified;
mod error;
mod evidence;
mod fetching;
mod registration;
mod remembered;
mod selection;
mod unknown;
mod versions;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_protocol::value::{CpuSvn, EncryptedPpid, PceSvn};
use bulla_store::fleet::{PckAnswer, PckCertificates, Platform, PlatformId, RawTcb};
use bulla_store::{Fleet as _, Store};
use bulla_upstream::SingleFlight;

use crate::judging::Judge;
use crate::keeper::{Absent, Keeper, Mode, TOO_MUCH_IN_VAIN, unhurried};
use crate::refresh::Refresh;
use crate::turns;

use remembered::Remembered;
use unknown::{Question, Unknown};

pub use certificates::Brought;
pub use certified::Certified;
pub use error::NoCertificate;
pub use evidence::{NotObserved, OFTEN_ENOUGH, Observation, Regression};
pub use registration::Queued;
pub use versions::Lowered;

/// How long whoever takes registrations from the queue has to bring certificates, in seconds,
/// before they are handed out again: the way across an air gap takes days.
pub const LEASE: u64 = 7 * 24 * 3_600;

/// What is known of platforms, and what is done for them.
pub struct Fleet {
    keeper: Arc<Keeper>,
    refresh: Arc<Refresh>,
    judge: Judge,
    flights: SingleFlight<(PlatformId, Question), Result<(), NoCertificate>>,
    unknown: Unknown,
    /// Platforms that the vendor refused certificates, or to renew them, and until when they are left
    /// in peace.
    refused: Mutex<HashMap<PlatformId, Timestamp>>,
    /// Held while evidence enters: whether it goes back rests on what is there. Of which platforms
    /// and technologies the audit says already that somebody showed an older state, and until when
    /// that is enough.
    observing: Mutex<HashMap<([u8; 16], String), Timestamp>>,
    noted: evidence::Noted,
    remembered: Remembered,
}

/// Which certificate is asked for.
#[derive(Clone)]
pub struct Wanted {
    /// The platform.
    pub id: PlatformId,
    /// CPUSVN as the processor reports it.
    pub cpu_svn: CpuSvn,
    /// SVN of the provisioning certification enclave.
    pub pce_svn: PceSvn,
    /// What the vendor knows the platform by; absent where the client sent none.
    pub encrypted_ppid: Option<Box<EncryptedPpid>>,
}

impl Fleet {
    /// The fleet whose documents `refresh` keeps current.
    pub fn new(refresh: Arc<Refresh>) -> Self {
        let keeper = Arc::clone(refresh.keeper());
        Self {
            judge: Judge::new(Arc::clone(&keeper)),
            keeper,
            refresh,
            flights: SingleFlight::default(),
            unknown: Unknown::default(),
            refused: Mutex::default(),
            observing: Mutex::default(),
            noted: evidence::Noted::default(),
            remembered: Remembered::default(),
        }
    }

    /// Has the TCB info of every platform's family kept current. Blocks.
    pub fn keep_families(&self) -> Result<(), bulla_store::StoreError> {
        for fmspc in self.store().families(self.anchor())? {
            self.refresh.keep_family(fmspc.0);
        }
        Ok(())
    }

    /// The certificate for a platform that reports a TCB.
    ///
    /// One that was selected before is answered from the store. A TCB that is new is selected for
    /// among the certificates at hand. A platform that is new is asked for upstream, where the mode
    /// and its PPID allow it; so is one whose CA the root has revoked, since what such a CA has
    /// signed is not served any more.
    pub async fn certificate(&self, wanted: &Wanted) -> Result<PckAnswer, NoCertificate> {
        if let Some(answer) = self.selected(wanted)? {
            return Ok(answer);
        }
        let platform = self.store().platform(self.anchor(), &wanted.id)?;
        let kept = match &platform {
            Some(platform) => self.kept(&platform.id).map(drop),
            None => Err(NoCertificate::PlatformUnknown),
        };
        if let Err(lack) = kept {
            self.fetch_for(wanted, platform, lack).await?;
        }
        let raw = RawTcb {
            cpu_svn: wanted.cpu_svn,
            pce_svn: wanted.pce_svn,
            selected: None,
        };
        let answer = self.answer(&wanted.id, raw).await?;
        if self.store().is_shared() {
            self.remembered.note(wanted, Some(&answer));
        }
        Ok(answer)
    }

    /// Whether a duty is this node's for the time until the next look, where others have the same store.
    pub(crate) fn has_duty(&self, duty: &str, until: Duration) -> bool {
        let seconds = u32::try_from(until.as_secs()).unwrap_or(u32::MAX);
        turns::has_duty(self.store(), self.anchor(), duty, seconds.saturating_sub(1))
    }

    /// Removes a platform and all that is known of it; `false` where there is none. Blocks.
    pub fn remove(&self, id: &PlatformId) -> Result<bool, bulla_store::StoreError> {
        self.remembered.forget(id);
        self.store().remove_platform(self.anchor(), id)
    }

    fn selected(&self, wanted: &Wanted) -> Result<Option<PckAnswer>, NoCertificate> {
        let find = || {
            let (id, anchor) = (&wanted.id, self.anchor());
            self.store()
                .pck_answer(anchor, id, wanted.cpu_svn, wanted.pce_svn)
        };
        let answer = match self.store().is_shared() {
            true => self.remembered.find(wanted, || unhurried(find))?,
            false => find()?,
        };
        Ok(answer.filter(|answer| !self.is_revoked(&answer.issuer_chain)))
    }

    /// The certificates of a platform that are good to be served.
    fn kept(&self, id: &PlatformId) -> Result<PckCertificates, NoCertificate> {
        match self.store().pck_certificates(self.anchor(), id)? {
            None => Err(NoCertificate::NotStored),
            Some(kept) if self.is_revoked(&kept.issuer_chain) => Err(NoCertificate::IssuerRevoked),
            Some(kept) => Ok(kept),
        }
    }

    /// Whether the root has revoked somebody of an issuer chain.
    fn is_revoked(&self, issuer_chain: &[u8]) -> bool {
        let list = self.keeper.collection().revocations();
        list.is_some_and(|list| list.has_of_chain(issuer_chain))
    }

    /// Asks for what a platform lacks, where that may be done for a client.
    async fn fetch_for(
        &self,
        wanted: &Wanted,
        platform: Option<Platform>,
        lack: NoCertificate,
    ) -> Result<(), NoCertificate> {
        if self.keeper.mode() != Mode::Lazy || matches!(lack, NoCertificate::Store(_)) {
            return Err(lack);
        }
        let known = platform.and_then(|platform| {
            let has_key = platform.manifest.is_some() || platform.encrypted_ppid.is_some();
            has_key.then_some(platform)
        });
        let platform = match (known, &wanted.encrypted_ppid) {
            (Some(platform), _) => platform,
            (None, _) if matches!(lack, NoCertificate::IssuerRevoked) => return Err(lack),
            (None, None) => {
                return self
                    .fetch_waiting(&wanted.id, NoCertificate::PpidMissing)
                    .await;
            }
            (None, Some(ppid)) if ppid.0.iter().all(|byte| *byte == 0) => {
                return self
                    .fetch_waiting(&wanted.id, NoCertificate::PpidEmpty)
                    .await;
            }
            (None, Some(ppid)) => Platform {
                id: wanted.id.clone(),
                encrypted_ppid: Some(ppid.clone()),
                manifest: None,
                fmspc: None,
                ca: None,
                registered: self.keeper.collection().now().at,
            },
        };
        self.fetch_measured(platform).await
    }

    /// As a client may: what the vendor has nothing for is not asked again for a while, and not too
    /// often in vain at all.
    async fn fetch_measured(&self, platform: Platform) -> Result<(), NoCertificate> {
        let now = self.keeper.collection().now().at;
        if let Some(absent) = self.unknown.find(fetching::question(&platform)?, now) {
            return Err(absent.into());
        }
        let key = (platform.id.clone(), fetching::question(&platform)?);
        self.flights
            .run(key, || async {
                self.keeper.measure().map_err(|wait| Absent::Unavailable {
                    reason: TOO_MUCH_IN_VAIN.to_owned(),
                    retry_after: wait,
                })?;
                let fetched = self.fetch_alone(platform).await;
                if fetched.is_ok() {
                    self.keeper.was_not_in_vain();
                }
                fetched
            })
            .await
    }

    fn store(&self) -> &Arc<Store> {
        self.keeper.collection().store()
    }

    fn anchor(&self) -> bulla_store::AnchorId {
        self.keeper.collection().realm().id()
    }
}
