//! What comes across an air gap in one file. The archive's signature says who put it together; every
//! document and certificate in it enters as if it had come from an upstream, after the same checks.

mod past;

use std::sync::Arc;

use bulla_archive::{DocumentRow, Item, Manifest, PlatformName, PlatformRow, Sha256, Volume};
use bulla_collateral::Slot;
use bulla_pki::Timestamp;
use bulla_protocol::pccs::PlatformCertificates;
use bulla_store::fleet::{Platform, PlatformId};
use bulla_store::{Fleet as _, Store, StoreError};
use bulla_verifier::arrival::CLOCK_SKEW;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, MutexGuard};

use crate::collection::{Change, ROLLED_BACK, Rejection, received_parts};
use crate::fleet::{Brought, Fleet, NoCertificate};
use crate::keeper::{Keeper, unhurried};
use crate::want::{Choice, Want};

/// Why a volume of an archive is not imported. Nothing of it has entered then, but for the last two
/// reasons, after which some of it may have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotImported {
    /// What is in it is signed under another root.
    #[error("it holds what is under {found}; this service works under {own}")]
    Foreign {
        /// The archive's.
        found: String,
        /// The service's.
        own: String,
    },
    /// It was made later than it is.
    #[error("it was made on {created}, and it is {now}: set the clock of one of the two services")]
    Early {
        /// When it was made.
        created: Timestamp,
        /// What time it is here.
        now: Timestamp,
    },
    /// A later one of the same signer was imported already, or at least begun.
    #[error(
        "it was made on {created}, and that of {last} was imported already, or begun: import that one \
         again, or a later one"
    )]
    Older {
        /// When it was made.
        created: Timestamp,
        /// When the last one was made.
        last: Timestamp,
    },
    /// It builds on one that was not imported.
    #[error(
        "it has what changed since the archive {base} of {created}, which was not imported here: \
         import that one first, or a whole one"
    )]
    BaseMissing {
        /// The archive that it builds on.
        base: Sha256,
        /// When that was made.
        created: Timestamp,
    },
    /// It goes on with what was not begun here.
    #[error(
        "it is volume {volume} of its archive, and the one before it was not the last that was imported \
         here: import the archive from its beginning"
    )]
    VolumeMissing {
        /// Which one it is.
        volume: u32,
    },
    /// Another import ended in between.
    #[error("another archive was imported at the same time; import the later of the two again")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a document or of a platform's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever tells them tells all")]
pub enum Outcome {
    /// It entered, and this is what it changed.
    Entered(Change),
    /// It is genuine, and what is here is later.
    Older,
    /// It was not carried, and is here.
    Present,
    /// It was not carried, and is not here.
    Missing,
    /// It is not what it should be.
    Refused {
        /// Stable name of the reason.
        code: &'static str,
        /// The reason in words.
        reason: String,
    },
}

/// What an import did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// Each document that the volume lists.
    pub documents: Vec<(Slot, Outcome)>,
    /// Each platform that the volume lists.
    pub platforms: Vec<(Sha256, Outcome)>,
}

/// Who takes archives.
pub(crate) struct Archives {
    keeper: Arc<Keeper>,
    fleet: Arc<Fleet>,
    /// Held by whoever brings a volume, from before it is read on.
    alone: Mutex<()>,
}

impl Archives {
    pub(crate) fn new(keeper: Arc<Keeper>, fleet: Arc<Fleet>) -> Self {
        Self {
            keeper,
            fleet,
            alone: Mutex::default(),
        }
    }

    /// One volume at a time is in memory and on its way in: whoever brings one waits for the others.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.alone.lock().await
    }

    /// Takes what a volume of an archive has. That one document fails keeps none of the others from
    /// entering. Volumes come in their order; the archive counts as imported with the last.
    pub(crate) async fn import(
        &self,
        volume: &Volume<'_>,
        actor: &str,
    ) -> Result<Imported, NotImported> {
        let manifest = volume.manifest();
        self.check_realm(manifest)?;
        let place = unhurried(|| self.begin(volume, actor))?;
        let source = format!("archive of {}", manifest.created);
        let imported = Imported {
            documents: unhurried(|| self.documents(volume, &source))?,
            // On one thread: what it takes for each platform goes back to where it came from, and the
            // memory of the service does not grow with the threads that have had a turn.
            platforms: unhurried(|| Handle::current().block_on(self.platforms(volume, &source)))?,
        };
        unhurried(|| self.record(volume, &place, &imported, actor))?;
        Ok(imported)
    }

    fn check_realm(&self, manifest: &Manifest) -> Result<(), NotImported> {
        let collection = self.keeper.collection();
        let own = collection.realm().anchor();
        let found = &manifest.trust_anchor;
        if &found.public_key_sha256.0 != own.public_key_sha256() {
            return Err(NotImported::Foreign {
                found: format!("the trust anchor {}", found.public_key_sha256),
                own: own.name().to_owned(),
            });
        }
        let (created, now) = (manifest.created, collection.now().at);
        match created > now.saturating_add(CLOCK_SKEW) {
            true => Err(NotImported::Early { created, now }),
            false => Ok(()),
        }
    }

    /// The documents, those first that others are looked up in.
    fn documents(
        &self,
        volume: &Volume<'_>,
        source: &str,
    ) -> Result<Vec<(Slot, Outcome)>, StoreError> {
        let mut rows: Vec<_> = volume.documents().collect();
        rows.sort_by_key(|(row, _)| row.slot != Slot::RootCaCrl);
        let mut outcomes = Vec::with_capacity(rows.len());
        for (row, item) in rows {
            let outcome = match item {
                None => self.not_carried(row.slot, row.issued),
                Some(item) => self.document(row, item, source)?,
            };
            outcomes.push((row.slot, outcome));
        }
        Ok(outcomes)
    }

    /// A document enters as the one of its number, and under each name that it was given out by.
    fn document(
        &self,
        row: &DocumentRow,
        item: Item<'_>,
        source: &str,
    ) -> Result<Outcome, StoreError> {
        let Item { body, issuer_chain } = item;
        let received = received_parts(row.slot, body, issuer_chain);
        let want = exactly(row.slot);
        let admitted = self
            .keeper
            .admit_selected(received, want, &row.selected_as, source);
        match admitted {
            Ok(admission) if admission.change == Change::Older => Ok(Outcome::Older),
            Ok(admission) => Ok(Outcome::Entered(admission.change)),
            Err(Rejection::Refused { code, .. }) if code == ROLLED_BACK => Ok(Outcome::Older),
            Err(Rejection::Refused { code, reason }) => Ok(Outcome::Refused { code, reason }),
            Err(Rejection::Store(error)) => Err(error),
        }
    }

    fn not_carried(&self, slot: Slot, issued: Timestamp) -> Outcome {
        let is_here = self.keeper.collection().look(|snapshot| {
            let held = snapshot.get(slot);
            held.is_some_and(|held| held.window.from >= issued)
        });
        match is_here {
            true => Outcome::Present,
            false => Outcome::Missing,
        }
    }

    async fn platforms(
        &self,
        volume: &Volume<'_>,
        source: &str,
    ) -> Result<Vec<(Sha256, Outcome)>, StoreError> {
        let mut outcomes = Vec::with_capacity(volume.manifest().platforms.len());
        for (row, item) in volume.platforms() {
            let outcome = match item {
                Some(item) => self.platform(row, item, source).await?,
                None => unhurried(|| self.not_carried_platform(row))?,
            };
            outcomes.push((row.name.sha256(), outcome));
        }
        Ok(outcomes)
    }

    fn not_carried_platform(&self, row: &PlatformRow) -> Result<Outcome, StoreError> {
        let is_here = match row.name.pce_id.parse() {
            Ok(pce_id) => self.fleet.is_certified(&PlatformId {
                qe_id: row.name.qe_id.clone(),
                pce_id,
            })?,
            Err(_) => false,
        };
        Ok(match is_here {
            true => Outcome::Present,
            false => Outcome::Missing,
        })
    }

    async fn platform(
        &self,
        row: &PlatformRow,
        item: Item<'_>,
        source: &str,
    ) -> Result<Outcome, StoreError> {
        let malformed = |reason: String| Outcome::Refused {
            code: "PlatformMalformed",
            reason,
        };
        let read = PlatformCertificates::read(item.body).map_err(|refusal| {
            let parts = refusal.write();
            parts
                .headers
                .find("Error-Message")
                .unwrap_or("It is no platform.")
                .to_owned()
        });
        let given = match read {
            Ok(given) => given,
            Err(reason) => return Ok(malformed(reason)),
        };
        let id = PlatformId {
            qe_id: given.qe_id.as_str().to_owned(),
            pce_id: given.pce_id,
        };
        if name_of(&id) != row.name {
            return Ok(malformed(
                "It is listed under the name of another.".to_owned(),
            ));
        }
        let anchor = self.keeper.collection().realm().id();
        // What the vendor knows the platform by may be known here alone.
        let known = unhurried(|| self.store().platform(anchor, &id))?;
        let (ppid, manifest) = match known {
            Some(known) => (known.encrypted_ppid, known.manifest),
            None => (None, None),
        };
        let platform = Platform {
            encrypted_ppid: given.encrypted_ppid.or(ppid),
            manifest: given.manifest.or(manifest),
            fmspc: None,
            ca: None,
            registered: self.keeper.collection().now().at,
            id,
        };
        let id = platform.id.clone();
        let entries = given.certificates;
        let brought = Brought {
            entries: entries.clone(),
            issuer_chain: item.issuer_chain.to_vec(),
            fmspc: row.fmspc.parse().ok(),
            source: source.to_owned(),
        };
        match self.fleet.bring(platform, brought).await {
            Ok(Change::Older) => Ok(Outcome::Older),
            Ok(change) => Ok(Outcome::Entered(change)),
            Err(error) => {
                let error = error.unless_store()?;
                self.fleet.set_aside(&id, &entries, source, &error);
                Ok(not_kept(&error))
            }
        }
    }

    fn store(&self) -> &Arc<Store> {
        self.keeper.collection().store()
    }
}

/// The name of a platform in an archive.
fn name_of(id: &PlatformId) -> PlatformName {
    PlatformName {
        qe_id: id.qe_id.clone(),
        pce_id: id.pce_id.to_string(),
    }
}

/// Why a platform's certificates are not here afterwards.
fn not_kept(error: &NoCertificate) -> Outcome {
    let (code, reason) = match error {
        NoCertificate::Refused { code, reason } => (*code, reason.clone()),
        other => ("CertificatesNotSelected", other.to_string()),
    };
    Outcome::Refused { code, reason }
}

/// The very document of a slot.
fn exactly(slot: Slot) -> Want {
    match slot {
        Slot::Numbered(series, number) => Want::Series(series, Choice::Number(number)),
        Slot::EvaluationDataNumbers(id) => Want::EvaluationDataNumbers(id),
        Slot::PckCrl(ca) => Want::PckCrl(ca),
        Slot::RootCaCrl => Want::RootCaCrl,
    }
}
