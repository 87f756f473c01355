//! `bulla pccs import`: the data of Intel's cache into a service, which verifies all of it.

use bulla_protocol::pccs::Version;
use bulla_protocol::wire::{Headers, RequestParts, header};
use bulla_store::pccs_database::Policy;
use serde::{Deserialize, Serialize};

use super::batches::{Batch, Origin};
use crate::args::{Format, PccsImportArgs};
use crate::commands::collateral::{Answer, counted, headline};
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::progress::Progress;
use crate::render::style::{BAD, CAUTION, GOOD, PLAIN, harmless, paint};
use crate::render::table;
use crate::service::{REFRESH_PATIENCE, Role, Service, Told};

const PATH: &str = "/collateral/platformcollateral";

/// Where Intel's cache takes policies.
const POLICIES: &str = "/sgx/certification/v4/appraisalpolicy";

/// What became of all.
#[derive(Default, Deserialize, Serialize)]
struct Taken {
    documents: Vec<Document>,
    certificates: usize,
    tcbs: usize,
    waiting: usize,
    #[serde(default)]
    policies: usize,
    refused: Vec<Refused>,
    #[serde(default)]
    left_out: Vec<LeftOut>,
}

#[derive(Deserialize, Serialize)]
struct Document {
    document: String,
    outcome: String,
}

#[derive(Deserialize, Serialize)]
struct Refused {
    what: String,
    code: String,
    reason: String,
}

#[derive(Deserialize, Serialize)]
struct LeftOut {
    what: String,
    reason: String,
}

pub(super) fn run(args: &PccsImportArgs, output: &mut Output) -> Result<Exit> {
    let origin = match (&args.from.database, &args.from.file) {
        (Some(path), _) => Origin::database(path)?,
        (None, Some(path)) => Origin::file(path)?,
        (None, None) => {
            let message = "name what is taken over, by --database or --file".to_owned();
            return Err(Error::Usage { message });
        }
    };
    let service = Service::open_with_token(&args.at, REFRESH_PATIENCE)?;
    let progress = Progress::new(origin.platforms()?);
    progress.show(0, "documents");
    let mut taken = Taken::default();
    let mut is_simulated = false;
    let (policies, left_out) = origin.each(|batch| {
        let behind = batch.platforms;
        is_simulated |= give(&service, batch, &mut taken)?;
        progress.show(behind, "platforms");
        Ok(())
    })?;
    progress.show(progress.all(), "policies");
    for policy in policies {
        give_policy(&service, &policy, &mut taken)?;
    }
    drop(progress);
    taken.left_out = left_out
        .into_iter()
        .map(|one| LeftOut {
            what: one.what,
            reason: one.reason,
        })
        .collect();
    tell(&service, is_simulated, taken, output)
}

/// Gives one part; whether the service is a simulation.
fn give(service: &Service, batch: Batch, taken: &mut Taken) -> Result<bool> {
    let version = match batch.version {
        Version::V3 => "3",
        Version::V4 => "4",
    };
    let body = batch.collateral.write(batch.version);
    let body = Some(("application/json", body));
    let query = [("version", version)];
    let role = Role::Administrator;
    let told: Told<Taken> = service.ask("POST", PATH, &query, body, role)?;
    let part = told.value;
    taken.documents.extend(part.documents);
    taken.certificates += part.certificates;
    taken.tcbs += part.tcbs;
    taken.waiting += part.waiting;
    taken.refused.extend(part.refused);
    Ok(told.simulated)
}

fn give_policy(service: &Service, policy: &Policy, taken: &mut Taken) -> Result<()> {
    let body = serde_json::json!({
        "is_default": policy.is_default,
        "fmspc": policy.fmspc,
        "policy": policy.text,
    });
    let reply = service.send(
        RequestParts {
            method: "PUT".to_owned(),
            path: POLICIES.to_owned(),
            query: String::new(),
            headers: Headers::new().with(header::CONTENT_TYPE, "application/json"),
            body: body.to_string().into_bytes(),
        },
        Role::Administrator,
    )?;
    match reply.parts.status.is_success() {
        true => taken.policies += 1,
        false => taken.refused.push(Refused {
            what: format!("appraisal policy of {}", policy.fmspc),
            code: reply.header(header::ERROR_CODE).unwrap_or("").to_owned(),
            reason: reply
                .header(header::ERROR_MESSAGE)
                .unwrap_or("The service refuses it.")
                .to_owned(),
        }),
    }
    Ok(())
}

fn tell(service: &Service, simulated: bool, taken: Taken, output: &mut Output) -> Result<Exit> {
    let exit = match taken.refused.is_empty() {
        true => Exit::Done,
        false => Exit::Refused,
    };
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: taken,
        })?,
        Format::Text => output.text(&text(service, simulated, &taken))?,
    }
    Ok(exit)
}

fn text(service: &Service, simulated: bool, taken: &Taken) -> String {
    let mut text = headline(simulated, &format!("taken over at {}", service.url));
    let rows: Vec<[String; 2]> = taken
        .documents
        .iter()
        .map(|one| {
            let style = match one.outcome.as_str() {
                "first" | "newer" => GOOD,
                "older" => CAUTION,
                _ => PLAIN,
            };
            let outcome = paint(style, harmless(&one.outcome));
            [harmless(&one.document), outcome]
        })
        .collect();
    table::write(["document", "outcome"], &rows, &mut text);
    text.push_str(&format!(
        "\n{} with certificates, {} reported, {} waiting, {}\n",
        counted(taken.certificates, "platform"),
        counted(taken.tcbs, "TCB"),
        taken.waiting,
        match taken.policies {
            1 => "1 policy".to_owned(),
            number => format!("{number} policies"),
        },
    ));
    if !taken.refused.is_empty() {
        text.push_str(&format!("\nrefused: {}\n", taken.refused.len()));
    }
    for one in &taken.refused {
        let what = paint(BAD, harmless(&one.what));
        let (code, reason) = (harmless(&one.code), harmless(&one.reason));
        text.push_str(&format!("{what}  {code}\n  {reason}\n"));
    }
    if !taken.left_out.is_empty() {
        text.push_str(&format!("\nleft out: {}\n", taken.left_out.len()));
    }
    for one in &taken.left_out {
        let what = paint(CAUTION, harmless(&one.what));
        text.push_str(&format!("{what}  {}\n", harmless(&one.reason)));
    }
    text
}
