//! Which archives were imported, and how far one is that is being imported.

use bulla_archive::{Sha256, Volume, key_sha256};
use bulla_pki::Timestamp;
use bulla_store::audit::Event;
use bulla_store::governance::Decision;
use bulla_store::{Governance as _, StoreError};
use serde::{Deserialize, Serialize};

use super::{Archives, Imported, NotImported, Outcome};

/// Under which kind is kept which archives were imported.
const KIND: &str = "archive";

/// Under which kind is kept how far one is.
const PROGRESS: &str = "archive-progress";

/// An archive that was imported, or the volumes of one so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Past {
    /// Of the manifest of the last volume; empty where none has entered yet.
    sha256: String,
    created: String,
    #[serde(default)]
    counts: Counts,
}

/// What was in the volumes so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counts {
    documents: usize,
    documents_refused: usize,
    platforms: usize,
    platforms_refused: usize,
}

/// Where a volume stands among what was imported of its signer.
pub(super) struct Place {
    name: String,
    /// The last version under [`KIND`].
    version: u32,
    /// The last version under [`PROGRESS`].
    progress_version: u32,
    /// What the volumes before it had.
    before: Counts,
    /// Whether it is the last volume of the archive that was imported last.
    is_known: bool,
}

impl Archives {
    /// Where a volume stands. With the first one it is kept that its archive was begun, before anything
    /// of it enters: what is earlier is refused from then on, also if this one is broken off.
    pub(super) fn begin(&self, volume: &Volume<'_>, actor: &str) -> Result<Place, NotImported> {
        let mut place = self.place(volume)?;
        let manifest = volume.manifest();
        if place.is_known || manifest.previous.is_some() {
            return Ok(place);
        }
        let begun = Past {
            sha256: String::new(),
            created: manifest.created.to_string(),
            counts: Counts::default(),
        };
        let decision = self.decision(PROGRESS, &place.name, place.progress_version, &begun, actor);
        if !self.store().supersede(&decision)? {
            return Err(NotImported::Overtaken);
        }
        place.progress_version = decision.version;
        Ok(place)
    }

    /// Where a volume stands, if it comes behind what was imported of the same signer.
    fn place(&self, volume: &Volume<'_>) -> Result<Place, NotImported> {
        let anchor = self.keeper.collection().realm().id();
        let name = format!("{}/{}", Sha256(anchor.0), key_sha256(volume.signer()));
        let version = self.store().decision_version(KIND, &name)?;
        let progress = self.store().last_decision(PROGRESS, &name)?;
        let progress_version = progress.as_ref().map_or(0, |decision| decision.version);
        let begun = progress.as_ref().and_then(read);
        let past = self.past(&name)?;
        follows(volume, &past, begun.as_ref())?;
        let own = volume.sha256().to_string();
        let is_known = past.first().is_some_and(|past| past.sha256 == own);
        let before = match volume.manifest().previous {
            None => Counts::default(),
            Some(previous) => before(volume, previous, begun)?,
        };
        Ok(Place {
            name,
            version,
            progress_version,
            before,
            is_known,
        })
    }

    /// The archives of a signer that were imported, latest first.
    fn past(&self, name: &str) -> Result<Vec<Past>, StoreError> {
        let decisions = self.store().decision_history(KIND, name)?;
        Ok(decisions.iter().filter_map(read).collect())
    }

    /// Keeps that a volume was imported; with the last one, that the archive was.
    pub(super) fn record(
        &self,
        volume: &Volume<'_>,
        place: &Place,
        imported: &Imported,
        actor: &str,
    ) -> Result<(), NotImported> {
        if place.is_known {
            return Ok(());
        }
        let manifest = volume.manifest();
        let past = Past {
            sha256: volume.sha256().to_string(),
            created: manifest.created.to_string(),
            counts: place.before.with(imported),
        };
        let decision = |kind, version| self.decision(kind, &place.name, version, &past, actor);
        let is_kept = match manifest.last {
            false => {
                let progress = decision(PROGRESS, place.progress_version);
                self.store().supersede(&progress)?
            }
            true => {
                let decision = decision(KIND, place.version);
                let event = Event {
                    at: decision.at,
                    actor: actor.to_owned(),
                    action: "archive.import".to_owned(),
                    subject: past.sha256.clone(),
                    details: details(volume, &past.counts),
                };
                self.store().enact(&decision, &event)?
            }
        };
        match is_kept {
            true => Ok(()),
            false => Err(NotImported::Overtaken),
        }
    }

    /// The version behind `version`.
    fn decision(&self, kind: &str, name: &str, version: u32, past: &Past, actor: &str) -> Decision {
        Decision {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version: version.saturating_add(1),
            body: Some(serde_json::json!(past).to_string()),
            at: self.keeper.collection().now().at,
            author: actor.to_owned(),
        }
    }
}

impl Counts {
    fn with(self, imported: &Imported) -> Self {
        let is_refused = |outcome: &&Outcome| matches!(outcome, Outcome::Refused { .. });
        let documents = imported.documents.iter().map(|(_, outcome)| outcome);
        let platforms = imported.platforms.iter().map(|(_, outcome)| outcome);
        Self {
            documents: self.documents + documents.len(),
            documents_refused: self.documents_refused + documents.filter(is_refused).count(),
            platforms: self.platforms + platforms.len(),
            platforms_refused: self.platforms_refused + platforms.filter(is_refused).count(),
        }
    }
}

fn details(volume: &Volume<'_>, counts: &Counts) -> String {
    let manifest = volume.manifest();
    serde_json::json!({
        "created": manifest.created.to_string(),
        "signer": key_sha256(volume.signer()).to_string(),
        "base": manifest.base.map(|base| base.sha256.to_string()),
        "volumes": manifest.volume,
        "documents": counts.documents,
        "documents_refused": counts.documents_refused,
        "platforms": counts.platforms,
        "platforms_refused": counts.platforms_refused,
    })
    .to_string()
}

fn read(decision: &Decision) -> Option<Past> {
    serde_json::from_str(decision.body.as_deref()?).ok()
}

/// What the volumes before this one had, if the last that was imported is the one before it.
fn before(
    volume: &Volume<'_>,
    previous: Sha256,
    begun: Option<Past>,
) -> Result<Counts, NotImported> {
    let previous = previous.to_string();
    match begun {
        Some(begun) if begun.sha256 == previous => Ok(begun.counts),
        _ => Err(NotImported::VolumeMissing {
            volume: volume.manifest().volume,
        }),
    }
}

/// Whether a volume is of an archive that comes behind those of the same signer that were imported,
/// latest first, and behind the one that was begun.
fn follows(volume: &Volume<'_>, past: &[Past], begun: Option<&Past>) -> Result<(), NotImported> {
    let manifest = volume.manifest();
    let created = manifest.created;
    let earlier = past.iter().chain(begun);
    let earlier = earlier.filter_map(|past| past.created.parse().ok());
    let last: Option<Timestamp> = earlier.max();
    if let Some(last) = last.filter(|last| created < *last) {
        return Err(NotImported::Older { created, last });
    }
    match manifest.base {
        Some(base)
            if !past
                .iter()
                .any(|past| past.sha256 == base.sha256.to_string()) =>
        {
            Err(NotImported::BaseMissing {
                base: base.sha256,
                created: base.created,
            })
        }
        _ => Ok(()),
    }
}
