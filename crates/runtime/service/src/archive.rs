//! What comes across an air gap in one file. The archive's signature says who put it together; every
//! document and certificate in it enters as if it had come from an upstream, after the same checks.

use std::collections::HashSet;
use std::sync::Arc;

use bulla_archive::{Archive, DocumentRow, Item, Manifest, PlatformRow, Sha256, key_sha256};
use bulla_collateral::Slot;
use bulla_pki::Timestamp;
use bulla_protocol::pccs::PlatformCertificates;
use bulla_store::audit::Event;
use bulla_store::fleet::{Platform, PlatformId};
use bulla_store::governance::Decision;
use bulla_store::{Fleet as _, Governance as _, Store, StoreError};
use bulla_verifier::arrival::{CLOCK_SKEW, Received};
use serde::{Deserialize, Serialize};

use crate::collection::{Change, ROLLED_BACK, Rejection};
use crate::fleet::{Brought, Fleet, NoCertificate};
use crate::keeper::{Keeper, unhurried};
use crate::want::{Choice, Want};

/// Under which kind is kept which archives were imported.
const KIND: &str = "archive";

/// How many platforms are read from the store at a time.
const PAGE: usize = 1_000;

/// Why an archive is not imported. Nothing of it has entered then, but for the last two reasons, after
/// which some of it may have.
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
    /// A later one of the same signer was imported already.
    #[error("it was made on {created}, and that of {last} was imported already")]
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
    /// Another import ended in between.
    #[error("another archive was imported at the same time; import this one again")]
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
    /// Each document that the archive lists.
    pub documents: Vec<(Slot, Outcome)>,
    /// Each platform that the archive lists.
    pub platforms: Vec<(Sha256, Outcome)>,
}

/// An archive that was imported, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Past {
    sha256: Sha256,
    created: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    sha256: String,
    created: String,
}

/// Who takes archives.
pub(crate) struct Archives {
    keeper: Arc<Keeper>,
    fleet: Arc<Fleet>,
}

impl Archives {
    pub(crate) fn new(keeper: Arc<Keeper>, fleet: Arc<Fleet>) -> Self {
        Self { keeper, fleet }
    }

    /// Takes what an archive has. That one document fails keeps none of the others from entering.
    pub(crate) async fn import(
        &self,
        archive: &Archive<'_>,
        actor: &str,
    ) -> Result<Imported, NotImported> {
        let manifest = archive.manifest();
        self.check_realm(manifest)?;
        let name = self.name(archive);
        let version = self.store().decision_version(KIND, &name)?;
        let past = self.past(&name)?;
        follows(archive, &past)?;
        let source = format!("archive of {}", manifest.created);
        let documents = unhurried(|| self.documents(archive, &source))?;
        let platforms = self.platforms(archive, &source).await?;
        let imported = Imported {
            documents,
            platforms,
        };
        if past.first() != Some(&Past::of(archive)) {
            self.record(archive, name, version, &imported, actor)?;
        }
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
        archive: &Archive<'_>,
        source: &str,
    ) -> Result<Vec<(Slot, Outcome)>, StoreError> {
        let mut rows: Vec<_> = archive.documents().collect();
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

    /// A document enters as the one of its number first, then under each name that it is given out by.
    fn document(
        &self,
        row: &DocumentRow,
        item: Item<'_>,
        source: &str,
    ) -> Result<Outcome, StoreError> {
        let Item { body, issuer_chain } = item;
        let received = match row.slot {
            Slot::PckCrl(_) => Received::PckCrl {
                crl: body,
                issuer_chain,
            },
            Slot::RootCaCrl => Received::RootCaCrl {
                crl: body,
                root: issuer_chain,
            },
            _ => Received::Signed {
                document: body,
                issuer_chain,
            },
        };
        let outcome = self.admit(received, exactly(row.slot), source)?;
        let Some(series) = row.slot.series() else {
            return Ok(outcome);
        };
        for selector in &row.selected_as {
            if !matches!(outcome, Outcome::Entered(_)) {
                break;
            }
            let want = Want::Series(series, Choice::Selected(*selector));
            if let refused @ Outcome::Refused { .. } = self.admit(received, want, source)? {
                return Ok(refused);
            }
        }
        Ok(outcome)
    }

    fn admit(
        &self,
        received: Received<'_>,
        want: Want,
        source: &str,
    ) -> Result<Outcome, StoreError> {
        match self.keeper.admit(received, want, source) {
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
        archive: &Archive<'_>,
        source: &str,
    ) -> Result<Vec<(Sha256, Outcome)>, StoreError> {
        let has_others = archive.platforms().any(|(_, item)| item.is_none());
        let here = match has_others {
            true => unhurried(|| self.certified())?,
            false => HashSet::new(),
        };
        let mut outcomes = Vec::new();
        for (row, item) in archive.platforms() {
            let outcome = match item {
                Some(item) => self.platform(row, item, source).await?,
                None if here.contains(&row.name) => Outcome::Present,
                None => Outcome::Missing,
            };
            outcomes.push((row.name, outcome));
        }
        Ok(outcomes)
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
        let (ppid, manifest) = match self.store().platform(anchor, &id)? {
            Some(known) => (known.encrypted_ppid, known.manifest),
            None => (None, None),
        };
        let before = self.store().pck_certificates(anchor, &id)?;
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
            Ok(()) => {}
            Err(error) => {
                self.fleet.set_aside(&id, &entries, source, &error);
                return Ok(not_kept(&error));
            }
        }
        let after = self.store().pck_certificates(anchor, &id)?;
        let all = |kept: &bulla_store::fleet::PckCertificates| kept.certificates.clone();
        Ok(Outcome::Entered(match before {
            None => Change::First,
            Some(before) if after.as_ref().map(all) == Some(all(&before)) => Change::Same,
            Some(_) => Change::Newer,
        }))
    }

    /// The names of all platforms here that have certificates.
    fn certified(&self) -> Result<HashSet<Sha256>, StoreError> {
        let anchor = self.keeper.collection().realm().id();
        let mut names = HashSet::new();
        let mut after: Option<PlatformId> = None;
        loop {
            let page = self.store().platforms(anchor, None, after.as_ref(), PAGE)?;
            let Some(last) = page.last() else {
                return Ok(names);
            };
            after = Some(last.id.clone());
            for platform in page {
                if self.fleet.is_certified(&platform.id)? {
                    names.insert(name_of(&platform.id));
                }
            }
        }
    }

    /// Under which name is kept what came from a signer for this root.
    fn name(&self, archive: &Archive<'_>) -> String {
        let anchor = self.keeper.collection().realm().id();
        format!("{}/{}", Sha256(anchor.0), key_sha256(archive.signer()))
    }

    /// The archives of a signer that were imported, latest first.
    fn past(&self, name: &str) -> Result<Vec<Past>, StoreError> {
        let decisions = self.store().decision_history(KIND, name)?;
        let past = decisions.iter().filter_map(|decision| {
            let kept: Kept = serde_json::from_str(decision.body.as_deref()?).ok()?;
            Some(Past {
                sha256: kept.sha256.parse().ok()?,
                created: kept.created.parse().ok()?,
            })
        });
        Ok(past.collect())
    }

    fn record(
        &self,
        archive: &Archive<'_>,
        name: String,
        version: u32,
        imported: &Imported,
        actor: &str,
    ) -> Result<(), NotImported> {
        let now = self.keeper.collection().now().at;
        let Past { sha256, created } = Past::of(archive);
        let kept = serde_json::json!({
            "sha256": sha256.to_string(),
            "created": created.to_string(),
        });
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
        let details = serde_json::json!({
            "created": created.to_string(),
            "signer": key_sha256(archive.signer()).to_string(),
            "base": archive.manifest().base.map(|base| base.sha256.to_string()),
            "documents": imported.documents.len(),
            "documents_refused": imported.documents.iter().filter(|(_, it)| refused(it)).count(),
            "platforms": imported.platforms.len(),
            "platforms_refused": imported.platforms.iter().filter(|(_, it)| refused(it)).count(),
        });
        let decision = Decision {
            kind: KIND.to_owned(),
            name,
            version: version.saturating_add(1),
            body: Some(kept.to_string()),
            at: now,
            author: actor.to_owned(),
        };
        let event = Event {
            at: now,
            actor: actor.to_owned(),
            action: "archive.import".to_owned(),
            subject: sha256.to_string(),
            details: details.to_string(),
        };
        match self.store().enact(&decision, &event)? {
            true => Ok(()),
            false => Err(NotImported::Overtaken),
        }
    }

    fn store(&self) -> &Arc<Store> {
        self.keeper.collection().store()
    }
}

impl Past {
    fn of(archive: &Archive<'_>) -> Self {
        Self {
            sha256: archive.sha256(),
            created: archive.manifest().created,
        }
    }
}

/// The name of a platform in an archive.
pub(crate) fn name_of(id: &PlatformId) -> Sha256 {
    Sha256::of(format!("{}/{}", id.qe_id, id.pce_id).as_bytes())
}

/// Whether an archive comes behind those of the same signer that were imported, latest first.
fn follows(archive: &Archive<'_>, past: &[Past]) -> Result<(), NotImported> {
    let own = Past::of(archive);
    if past.first() == Some(&own) {
        return Ok(());
    }
    let last = past.iter().map(|past| past.created).max();
    if let Some(last) = last.filter(|last| own.created < *last) {
        let created = own.created;
        return Err(NotImported::Older { created, last });
    }
    match archive.manifest().base {
        Some(base) if !past.iter().any(|past| past.sha256 == base.sha256) => {
            Err(NotImported::BaseMissing {
                base: base.sha256,
                created: base.created,
            })
        }
        _ => Ok(()),
    }
}

/// Why a platform's certificates are not here afterwards.
fn not_kept(error: &NoCertificate) -> Outcome {
    let (code, reason) = match error {
        NoCertificate::Refused { code, reason } => (*code, reason.clone()),
        // What the disk says is for the operator.
        NoCertificate::Store(error) => {
            tracing::error!(%error, "a platform's certificates cannot be kept");
            (
                "StoreUnavailable",
                "They cannot be kept; see the log.".to_owned(),
            )
        }
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
