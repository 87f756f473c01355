//! Registration, and the queue of those who wait for certificates from outside.

use bulla_pki::Timestamp;
use bulla_store::Fleet as _;
use bulla_store::fleet::{Platform, PlatformId, RawTcb, Registration, RegistrationState};

use super::fetching::MOST_AT_ONCE;
use super::{Fleet, LEASE, NoCertificate};
use crate::keeper::{Absent, Mode};

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every dialect says which it was")]
pub enum Queued {
    /// The platform is known with these very data.
    Known,
    /// Its certificates were fetched.
    Fetched,
    /// It waits until somebody brings its certificates.
    Waiting,
}

impl Fleet {
    /// Registers a platform: its certificates are fetched, or it is queued for whoever brings
    /// them across an air gap.
    pub async fn register(&self, registration: Registration) -> Result<Queued, NoCertificate> {
        if self.is_known(&registration).await? {
            return Ok(Queued::Known);
        }
        let now = self.keeper.collection().now().at;
        let (store, anchor) = (self.store(), self.anchor());
        if self.keeper.mode() == Mode::Offline {
            store.enqueue(anchor, &registration, RegistrationState::New, now)?;
            return Ok(Queued::Waiting);
        }
        let platform = platform(&registration, now);
        // Queued first: a fetch that fails must not lose who registered.
        store.enqueue(anchor, &registration, RegistrationState::New, now)?;
        self.fetch(platform).await?;
        if let Some(raw) = raw_tcb(&registration) {
            match self.select(&registration.id, &[raw]).await {
                Ok(()) | Err(NoCertificate::TcbTooLow) => {}
                Err(error) => return Err(error),
            }
        }
        store.acknowledge(anchor, &registration.id, registration.manifest.as_ref())?;
        Ok(Queued::Fetched)
    }

    /// Asks for a few of those who wait although the vendor may be asked: it could not be, or had
    /// nothing, when they registered. How many were asked for; whoever the vendor has nothing for is
    /// left in peace for a day.
    pub async fn look_at_queue(&self) -> Result<usize, NoCertificate> {
        if self.keeper.mode() == Mode::Offline {
            return Ok(0);
        }
        let now = self.keeper.collection().now().at;
        let refused = self.refused_at(now);
        let limit = MOST_AT_ONCE.saturating_add(refused.len());
        let (store, anchor) = (self.store(), self.anchor());
        let waiting = store.all_waiting(anchor, RegistrationState::New, now, limit)?;
        let due = waiting
            .into_iter()
            .filter(|registration| !refused.contains(&registration.id));
        let mut asked = 0;
        for registration in due.take(MOST_AT_ONCE) {
            asked += 1;
            let (id, manifest) = (registration.id.clone(), registration.manifest.clone());
            match self.register(registration).await {
                Ok(_) => store.acknowledge(anchor, &id, manifest.as_ref())?,
                Err(NoCertificate::Absent(Absent::Unavailable { .. })) => break,
                Err(NoCertificate::Store(error)) => return Err(NoCertificate::Store(error)),
                Err(error) => {
                    tracing::warn!(platform = id.qe_id, %error, "waits on");
                    self.leave_in_peace(id, now);
                }
            }
        }
        Ok(asked)
    }

    /// Asks for a platform that waits by what it registered with, for a client that does not say what
    /// the vendor knows it by; `lack` where it does not wait.
    pub(super) async fn fetch_waiting(
        &self,
        id: &PlatformId,
        lack: NoCertificate,
    ) -> Result<(), NoCertificate> {
        let (store, anchor) = (self.store(), self.anchor());
        let registration = store.waiting(anchor, id)?.ok_or(lack)?;
        let now = self.keeper.collection().now().at;
        self.fetch_measured(platform(&registration, now)).await?;
        store.acknowledge(anchor, id, registration.manifest.as_ref())?;
        Ok(())
    }

    /// Selects among the certificates at hand for what a platform reported, if it reported
    /// anything.
    pub async fn select_for(&self, registration: &Registration) -> Result<(), NoCertificate> {
        match raw_tcb(registration) {
            Some(raw) => self.select(&registration.id, &[raw]).await,
            None => Ok(()),
        }
    }

    /// Hands out all that wait in a state; nobody else gets them before the lease ends. Blocks.
    pub fn lease(
        &self,
        state: RegistrationState,
    ) -> Result<Vec<Registration>, bulla_store::StoreError> {
        let now = self.keeper.collection().now().at;
        let until = now.saturating_add(LEASE);
        self.store().lease(self.anchor(), state, now, until)
    }

    /// Whether nothing is to be done: a manifest is the one that is known, or the reported TCB has
    /// its certificate.
    async fn is_known(&self, registration: &Registration) -> Result<bool, NoCertificate> {
        let known = self.store().platform(self.anchor(), &registration.id)?;
        let Some(platform) = known else {
            return Ok(false);
        };
        if registration.manifest.is_some() {
            return match self.kept(&platform.id) {
                Ok(_) => Ok(platform.manifest == registration.manifest),
                Err(NoCertificate::NotStored | NoCertificate::IssuerRevoked) => Ok(false),
                Err(error) => Err(error),
            };
        }
        let Some(raw) = raw_tcb(registration) else {
            return Ok(false);
        };
        match self.select(&registration.id, &[raw]).await {
            Ok(()) => Ok(true),
            Err(
                NoCertificate::NotStored
                | NoCertificate::IssuerRevoked
                | NoCertificate::PlatformUnknown
                | NoCertificate::TcbTooLow,
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A platform that registers, of which nothing else is known.
fn platform(registration: &Registration, now: Timestamp) -> Platform {
    Platform {
        id: registration.id.clone(),
        encrypted_ppid: registration.encrypted_ppid.clone(),
        manifest: registration.manifest.clone(),
        fmspc: None,
        ca: None,
        registered: now,
    }
}

pub(super) fn raw_tcb(registration: &Registration) -> Option<RawTcb> {
    Some(RawTcb {
        cpu_svn: registration.cpu_svn?,
        pce_svn: registration.pce_svn?,
        selected: None,
    })
}
