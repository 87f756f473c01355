//! Registration, and the queue of those who wait for certificates from outside.

use bulla_store::Fleet as _;
use bulla_store::fleet::{Platform, RawTcb, Registration, RegistrationState};

use super::{Fleet, LEASE, NoCertificate};
use crate::keeper::Mode;

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
        let platform = Platform {
            id: registration.id.clone(),
            encrypted_ppid: registration.encrypted_ppid.clone(),
            manifest: registration.manifest.clone(),
            fmspc: None,
            ca: None,
            registered: now,
        };
        // Queued first: a fetch that fails must not lose who registered.
        store.enqueue(anchor, &registration, RegistrationState::New, now)?;
        self.fetch(platform).await?;
        if let Some(raw) = raw_tcb(&registration) {
            match self.select(&registration.id, &[raw]).await {
                Ok(()) | Err(NoCertificate::TcbTooLow) => {}
                Err(error) => return Err(error),
            }
        }
        store.acknowledge(anchor, &registration.id)?;
        Ok(Queued::Fetched)
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

pub(super) fn raw_tcb(registration: &Registration) -> Option<RawTcb> {
    Some(RawTcb {
        cpu_svn: registration.cpu_svn?,
        pce_svn: registration.pce_svn?,
        selected: None,
    })
}
