//! `bulla collateral import`: an archive into a service, which verifies all that is in it.

use bulla_archive::{Signer, key_sha256};
use serde::{Deserialize, Serialize};

use super::{Volumes, keys, survey};
use crate::args::{Format, ImportArgs};
use crate::commands::collateral::{Answer, counted, headline};
use crate::error::{Error, Result};
use crate::output::{Exit, Output, report_error};
use crate::progress::Progress;
use crate::render::style::{BAD, CAUTION, GOOD, PLAIN, harmless, paint};
use crate::render::table;
use crate::service::{REFRESH_PATIENCE, Role, Service, Told};

const PATH: &str = "/collateral/archive";

/// Most platforms without certificates that are told one by one.
const MOST_TOLD: usize = 1_000;

#[derive(Deserialize, Serialize)]
struct Imported {
    archive: Named,
    documents: Vec<Row>,
    platforms: Platforms,
}

#[derive(Deserialize, Serialize)]
struct Named {
    sha256: String,
    created: String,
    #[serde(rename(serialize = "volumes"))]
    volume: u32,
    base: Option<String>,
    signer_sha256: String,
}

#[derive(Deserialize, Serialize)]
struct Row {
    document: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Platforms {
    brought: usize,
    unchanged: usize,
    /// How many have certificates at the service that were issued later.
    older: usize,
    /// How many are without certificates; of those the first are told.
    without: usize,
    failed: Vec<FailedPlatform>,
}

#[derive(Deserialize, Serialize)]
struct FailedPlatform {
    name: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(super) fn run(args: &ImportArgs, output: &mut Output) -> Result<Exit> {
    let key = keys::public(&args.signer)?;
    let signer = Signer::Key(&key);
    // The service would refuse it too; here no byte of it leaves this machine, and of an archive whose
    // last volume is bad none enters.
    let surveyed = survey(&args.archive, signer)?;
    let all = surveyed.overview.entries();
    let service = Service::open_with_token(&args.at, REFRESH_PATIENCE)?;
    let digest = key_sha256(&key).to_string();
    let query = [("signer", digest.as_str())];
    let mut volumes = Volumes::again(&args.archive, signer, surveyed.digests)?;
    let progress = Progress::new(all);
    let mut done = 0;
    let mut taken: Option<Told<Imported>> = None;
    loop {
        let volume = match volumes.next() {
            Ok(Some(volume)) => volume,
            Ok(None) => break,
            // The file is not any more what it was.
            Err(error) => return Err(broken_off(error, taken.is_some(), done, all)),
        };
        progress.show(done, "documents and platforms are verified by the service");
        let body = Some(("application/octet-stream", volume.bytes().to_vec()));
        let told = service.ask("POST", PATH, &query, body, Role::Administrator);
        let told: Told<Imported> = match told {
            // What is here does not allow it: a refusal, and the answer.
            Err(error) if is_refusal(&error) && taken.is_none() => {
                drop(progress);
                report_error(&error, output.format());
                return Ok(Exit::Refused);
            }
            Err(error) => return Err(broken_off(error, taken.is_some(), done, all)),
            Ok(told) => told,
        };
        let manifest = volume.manifest();
        done += manifest.documents.len() + manifest.platforms.len();
        match &mut taken {
            Some(before) => before.value.extend(told.value),
            None => taken = Some(told),
        }
    }
    drop(progress);
    let Some(Told { simulated, value }) = taken else {
        return Ok(Exit::Done);
    };
    tell(&service, simulated, value, output)
}

/// Why an import ends before its end, and what of it stays if it has begun.
fn broken_off(error: Error, has_begun: bool, done: usize, all: usize) -> Error {
    match has_begun {
        true => Error::ImportBrokenOff {
            done,
            all,
            source: Box::new(error),
        },
        false => error,
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::ServiceRefused {
            status: 409 | 422,
            ..
        }
    )
}

impl Imported {
    /// Takes what became of the next volume.
    fn extend(&mut self, next: Self) {
        self.archive = next.archive;
        self.documents.extend(next.documents);
        let Platforms {
            brought,
            unchanged,
            older,
            without,
            failed,
        } = next.platforms;
        let own = &mut self.platforms;
        own.brought += brought;
        own.unchanged += unchanged;
        own.older += older;
        own.without += without;
        own.failed.extend(failed);
        own.failed.truncate(MOST_TOLD);
    }
}

fn tell(
    service: &Service,
    simulated: bool,
    imported: Imported,
    output: &mut Output,
) -> Result<Exit> {
    let failed = |outcome: &str| matches!(outcome, "refused" | "missing");
    let has_failed =
        imported.documents.iter().any(|row| failed(&row.outcome)) || imported.platforms.without > 0;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: imported,
        })?,
        Format::Text => output.text(&text(service, simulated, &imported))?,
    }
    Ok(match has_failed {
        true => Exit::Refused,
        false => Exit::Done,
    })
}

fn text(service: &Service, simulated: bool, imported: &Imported) -> String {
    let title = format!(
        "the archive of {} at {}",
        harmless(&imported.archive.created),
        service.url
    );
    let mut text = headline(simulated, &title);
    let rows: Vec<[String; 3]> = imported
        .documents
        .iter()
        .map(|row| {
            let style = match row.outcome.as_str() {
                "first" | "newer" => GOOD,
                "refused" | "missing" => BAD,
                "older" => CAUTION,
                _ => PLAIN,
            };
            let reason = row.reason.as_deref().map(harmless);
            [
                harmless(&row.document),
                paint(style, harmless(&row.outcome)),
                reason.unwrap_or_default(),
            ]
        })
        .collect();
    table::write(["document", "outcome", ""], &rows, &mut text);
    let Platforms {
        brought,
        unchanged,
        older,
        without,
        failed,
    } = &imported.platforms;
    text.push_str(&format!(
        "\n{} with new certificates, {unchanged} unchanged, {older} with later ones, {without} without\n",
        counted(*brought, "platform"),
    ));
    for one in failed {
        let name: String = one.name.chars().take(16).collect();
        let reason = one.reason.as_deref().map(harmless).unwrap_or_default();
        let outcome = paint(BAD, harmless(&one.outcome));
        text.push_str(&format!("{}  {outcome}  {reason}\n", harmless(&name)));
    }
    text
}
