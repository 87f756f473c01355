//! Across an air gap: the platforms with their certificates go out, archives come in.

use bulla_archive::{ArchiveError, MAX_VOLUME_SIZE, Sha256, Signer, Volume, key_sha256};
use bulla_protocol::wire::Status;
use bulla_store::fleet::PlatformId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Administration, Outcome, Problem, Query, json, read};
use crate::archive::{self, Imported, NotImported};
use crate::collection::Change;
use crate::fleet::Certified;
use crate::http::Asked;

/// Platforms that are looked at for one answer: of the usual ones, with a certificate for each of a dozen TCBs, that
/// is 2 MB.
const PAGE: usize = 50;

#[derive(Serialize)]
struct Page {
    /// How many there are in all, those without certificates included.
    all: u64,
    platforms: Vec<Row>,
    /// Behind which platform to go on; absent at the end.
    next: Option<Next>,
}

#[derive(Serialize)]
struct Next {
    qe_id: String,
    pce_id: String,
}

#[derive(Serialize)]
struct Row {
    fmspc: String,
    until: String,
    issuer_chain: String,
    /// As in the list `pck_certs` of the vendor's cache.
    platform: Box<RawValue>,
}

#[derive(Serialize)]
struct Answer {
    archive: Named,
    documents: Vec<Document>,
    platforms: Platforms,
}

#[derive(Serialize)]
struct Named {
    sha256: String,
    created: String,
    volume: u32,
    last: bool,
    base: Option<String>,
    signer_sha256: String,
}

#[derive(Serialize)]
struct Document {
    document: String,
    #[serde(flatten)]
    outcome: Told,
}

#[derive(Serialize)]
struct Platforms {
    /// How many got certificates that they had not.
    brought: usize,
    /// How many have those that are listed already.
    unchanged: usize,
    /// How many have others, which were issued later.
    older: usize,
    /// How many are without certificates.
    without: usize,
    failed: Vec<FailedPlatform>,
}

#[derive(Serialize)]
struct FailedPlatform {
    name: String,
    #[serde(flatten)]
    outcome: Told,
}

#[derive(Serialize)]
struct Told {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Administration {
    pub(super) fn certificates(&self, query: &Query) -> Outcome {
        query.only(&["after_qe_id", "after_pce_id"])?;
        let after = match query.find("after_qe_id") {
            None => None,
            Some(qe_id) => Some(PlatformId {
                qe_id: qe_id.to_owned(),
                pce_id: query.required("after_pce_id")?,
            }),
        };
        let (found, next) = self.fleet.certified(after.as_ref(), PAGE)?;
        let page = Page {
            all: self.fleet.count()?,
            platforms: found.iter().map(row).collect::<Result<_, _>>()?,
            next: next.map(|id| Next {
                qe_id: id.qe_id,
                pce_id: id.pce_id.to_string(),
            }),
        };
        json(&page)
    }

    pub(super) async fn import(&self, query: &Query, asked: Asked, actor: &str) -> Outcome {
        query.only(&["signer"])?;
        let signer: Sha256 = query.required("signer")?;
        let _turn = self.archives.turn().await;
        let body = read(asked, MAX_VOLUME_SIZE).await?;
        let volume = Volume::read(&body, Signer::Digest(signer)).map_err(|error| unread(&error))?;
        let imported = self.archives.import(&volume, actor).await?;
        json(&answer(&volume, imported))
    }
}

fn row(certified: &Certified) -> Result<Row, Problem> {
    let platform = String::from_utf8(certified.platform.write());
    let platform = platform.ok().map(RawValue::from_string);
    let Some(Ok(platform)) = platform else {
        let title = "A platform cannot be written.";
        return Err(Problem::new(
            Status::INTERNAL_SERVER_ERROR,
            "internal",
            title,
        ));
    };
    Ok(Row {
        fmspc: certified.fmspc.to_string(),
        until: certified.until.to_string(),
        issuer_chain: certified.issuer_chain.clone(),
        platform,
    })
}

fn answer(volume: &Volume<'_>, imported: Imported) -> Answer {
    let documents = imported.documents.into_iter();
    let mut platforms = Platforms {
        brought: 0,
        unchanged: 0,
        older: 0,
        without: 0,
        failed: Vec::new(),
    };
    for (name, outcome) in imported.platforms {
        match outcome {
            archive::Outcome::Entered(Change::Same) | archive::Outcome::Present => {
                platforms.unchanged += 1;
            }
            archive::Outcome::Older => platforms.older += 1,
            archive::Outcome::Entered(_) => platforms.brought += 1,
            failed => {
                platforms.without += 1;
                platforms.failed.push(FailedPlatform {
                    name: name.to_string(),
                    outcome: told(failed),
                });
            }
        }
    }
    let manifest = volume.manifest();
    Answer {
        archive: Named {
            sha256: volume.sha256().to_string(),
            created: manifest.created.to_string(),
            volume: manifest.volume,
            last: manifest.last,
            base: manifest.base.map(|base| base.sha256.to_string()),
            signer_sha256: key_sha256(volume.signer()).to_string(),
        },
        documents: documents
            .map(|(slot, outcome)| Document {
                document: slot.to_string(),
                outcome: told(outcome),
            })
            .collect(),
        platforms,
    }
}

fn told(outcome: archive::Outcome) -> Told {
    let (outcome, code, reason) = match outcome {
        archive::Outcome::Entered(change) => (change.as_str(), None, None),
        archive::Outcome::Older => (Change::Older.as_str(), None, None),
        archive::Outcome::Present => ("present", None, None),
        archive::Outcome::Missing => ("missing", None, None),
        archive::Outcome::Refused { code, reason } => ("refused", Some(code), Some(reason)),
    };
    Told {
        outcome,
        code,
        reason,
    }
}

/// Why a file is no archive of the signer.
fn unread(error: &ArchiveError) -> Problem {
    if *error == ArchiveError::NotAnArchive {
        return Problem::bad_request(&error.to_string());
    }
    let title = "The archive is not taken.";
    Problem::new(Status::UNPROCESSABLE_CONTENT, "archive-refused", title)
        .because(&format!("{}: {error}", error.code()))
}

impl From<NotImported> for Problem {
    fn from(reason: NotImported) -> Self {
        let code = match &reason {
            NotImported::Foreign { .. } => "archive-foreign",
            NotImported::Early { .. } => "archive-early",
            NotImported::Older { .. } => "archive-older",
            NotImported::BaseMissing { .. } => "archive-base-missing",
            NotImported::VolumeMissing { .. } => "archive-volume-missing",
            NotImported::Overtaken => "archive-overtaken",
            NotImported::Store(_) => "store-unavailable",
        };
        match reason {
            NotImported::Store(error) => error.into(),
            reason => Self::new(Status::CONFLICT, code, "The archive is not imported.")
                .because(&reason.to_string()),
        }
    }
}
