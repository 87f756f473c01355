//! `bulla collateral import`: an archive into a service, which verifies all that is in it.

use bulla_archive::{Archive, key_sha256};
use serde::{Deserialize, Serialize};

use super::{keys, read, refused};
use crate::args::{Format, ImportArgs};
use crate::commands::collateral::{Answer, counted, headline};
use crate::error::{Error, Result};
use crate::output::{Exit, Output, report_error};
use crate::progress::Progress;
use crate::render::style::{BAD, CAUTION, GOOD, PLAIN, harmless, paint};
use crate::render::table;
use crate::service::{REFRESH_PATIENCE, Role, Service, Told};

const PATH: &str = "/collateral/archive";

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

pub(crate) fn run(args: &ImportArgs, output: &mut Output) -> Result<Exit> {
    let signer = keys::public(&args.signer)?;
    let progress = Progress::new(2);
    progress.show(0, "checking the archive");
    let bytes = read(&args.archive)?;
    // The service would refuse it too; here no byte of it leaves this machine.
    if let Err(source) = Archive::read(&bytes, &signer) {
        drop(progress);
        return Ok(refused(&args.archive, source, output));
    }
    progress.show(1, "the service verifies what is in it");
    let service = Service::open_with_token(&args.at, REFRESH_PATIENCE)?;
    let digest = key_sha256(&signer).to_string();
    let query = [("signer", digest.as_str())];
    let body = Some(("application/octet-stream", bytes));
    let told = service.ask("POST", PATH, &query, body, Role::Administrator);
    drop(progress);
    let Told { simulated, value } = match told {
        // What is here does not allow it, or it is not what was sealed: a refusal, and the answer.
        Err(
            error @ Error::ServiceRefused {
                status: 409 | 422, ..
            },
        ) => {
            report_error(&error, output.format());
            return Ok(Exit::Refused);
        }
        told => told?,
    };
    tell(&service, simulated, value, output)
}

fn tell(
    service: &Service,
    simulated: bool,
    imported: Imported,
    output: &mut Output,
) -> Result<Exit> {
    let failed = |outcome: &str| matches!(outcome, "refused" | "missing");
    let has_failed = imported.documents.iter().any(|row| failed(&row.outcome))
        || !imported.platforms.failed.is_empty();
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
        failed,
    } = &imported.platforms;
    text.push_str(&format!(
        "\n{} with new certificates, {unchanged} unchanged, {} without\n",
        counted(*brought, "platform"),
        failed.len()
    ));
    for one in failed {
        let name: String = one.name.chars().take(16).collect();
        let reason = one.reason.as_deref().map(harmless).unwrap_or_default();
        let outcome = paint(BAD, harmless(&one.outcome));
        text.push_str(&format!("{}  {outcome}  {reason}\n", harmless(&name)));
    }
    text
}
