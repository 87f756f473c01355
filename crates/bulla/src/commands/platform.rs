//! `bulla platform`: the fleet of a service.

mod export;
mod file;

use bulla_protocol::wire::header;
use serde::{Deserialize, Serialize};

use crate::args::{FleetCommand, FleetListArgs, Format, ObserveArgs, RegisterArgs, RemoveArgs};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, ago, counted, headline};
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::input;
use crate::output::{self, Exit, Output};
use crate::render::style::{BAD, GOOD, harmless, paint};
use crate::render::{fields, table};
use crate::service::{Role, Service, Told};
use crate::time;

/// Most platforms that a service lists in one answer.
const PAGE: usize = 1_000;

/// Longest quote that is sent, in bytes, in any encoding: what a service takes.
const LONGEST_QUOTE: usize = 64 * 1024;

pub(crate) fn run(command: &FleetCommand, output: &mut Output) -> Result<Exit> {
    match command {
        FleetCommand::List(args) if args.evidence => evidence(args, output),
        FleetCommand::List(args) => list(args, output),
        FleetCommand::Observe(args) => observe(args, output),
        FleetCommand::Remove(args) => remove(args, output),
        FleetCommand::Register(args) => register(args, output),
        FleetCommand::Export(args) => export::run(args, output),
    }
}

#[derive(Deserialize, Serialize)]
struct Platform {
    qe_id: String,
    pce_id: String,
    fmspc: Option<String>,
    ca: Option<String>,
    registered: String,
    has_manifest: bool,
}

#[derive(Serialize)]
struct Platforms {
    platforms: Vec<Platform>,
}

fn list(args: &FleetListArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let mut platforms: Vec<Platform> = Vec::new();
    let simulated = loop {
        let mut query: Vec<(&str, &str)> = Vec::new();
        query.extend(args.fmspc.iter().map(|fmspc| ("fmspc", fmspc.as_str())));
        if let Some(last) = platforms.last() {
            query.push(("after_qe_id", &last.qe_id));
            query.push(("after_pce_id", &last.pce_id));
        }
        let told: Told<Vec<Platform>> = service.get("/platforms", &query)?;
        let is_last = told.value.len() < PAGE;
        platforms.extend(told.value);
        if is_last {
            break told.simulated;
        }
    };
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: Platforms { platforms },
        })?,
        Format::Text => {
            let title = format!(
                "{} at {}",
                counted(platforms.len(), "platform"),
                service.url
            );
            let mut text = headline(simulated, &title);
            let now = time::now()?;
            let rows: Vec<[String; 6]> = platforms
                .iter()
                .map(|platform| {
                    let or_none =
                        |text: &Option<String>| text.as_deref().map_or("-".to_owned(), harmless);
                    [
                        harmless(&platform.qe_id),
                        harmless(&platform.pce_id),
                        or_none(&platform.fmspc),
                        or_none(&platform.ca),
                        if platform.has_manifest {
                            "manifest"
                        } else {
                            "PPID"
                        }
                        .to_owned(),
                        ago(&platform.registered, now),
                    ]
                })
                .collect();
            let titles = ["QE-ID", "PCE-ID", "FMSPC", "CA", "known by", "registered"];
            table::write(titles, &rows, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Deserialize, Serialize)]
struct Evidence {
    ppid_sha256: String,
    qe_id: String,
    pce_id: String,
    fmspc: String,
    tee: String,
    tcb_status: String,
    arrived: String,
}

#[derive(Serialize)]
struct AllEvidence {
    evidence: Vec<Evidence>,
}

fn evidence(args: &FleetListArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let Told { simulated, value } = service.get::<Vec<Evidence>>("/platforms/evidence", &[])?;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: AllEvidence { evidence: value },
        })?,
        Format::Text => {
            let title = format!("last evidence of {}", counted(value.len(), "platform"));
            let mut text = headline(simulated, &title);
            let now = time::now()?;
            let rows: Vec<[String; 6]> = value
                .iter()
                .map(|one| {
                    [
                        harmless(&one.qe_id),
                        harmless(&one.fmspc),
                        harmless(&one.tee),
                        harmless(&one.tcb_status),
                        one.ppid_sha256.chars().take(16).collect(),
                        ago(&one.arrived, now),
                    ]
                })
                .collect();
            let titles = [
                "QE-ID",
                "FMSPC",
                "TEE",
                "TCB status",
                "PPID digest",
                "arrived",
            ];
            table::write(titles, &rows, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Deserialize, Serialize)]
struct Observed {
    fmspc: String,
    tcb_status: Option<String>,
    advisory_ids: Vec<String>,
    genuine: bool,
    /// Absent where the service does not say.
    #[serde(default)]
    regressed: bool,
}

fn observe(args: &ObserveArgs, output: &mut Output) -> Result<Exit> {
    let quote = input::read("quote", &args.quote, LONGEST_QUOTE)?;
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let ask = |role| -> Result<Told<Observed>> {
        let body = Some(("application/octet-stream", quote.clone()));
        let method = if args.replace { "PUT" } else { "POST" };
        service.ask(method, "/platforms/evidence", &[], body, role)
    };
    let first = match args.replace {
        true => ask(Role::Administrator),
        false => ask(Role::User),
    };
    let told = match first {
        // Whose token it is does not stand in it.
        Err(Error::ServiceRefused { status: 401, .. }) if !args.replace => ask(Role::Administrator),
        told => told,
    };
    let Told { simulated, value } = match told {
        // The quote is not genuine, or shows an older state than the known one: a refusal, and the
        // answer to what was asked.
        Err(
            error @ Error::ServiceRefused {
                status: 409 | 422, ..
            },
        ) => {
            output::report_error(&error, output.format());
            return Ok(Exit::Refused);
        }
        told => told?,
    };
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: value,
        })?,
        Format::Text => {
            let mut text = headline(simulated, "observed");
            let told = Fields::new()
                .with("fmspc", value.fmspc)
                .with("tcb_status", value.tcb_status)
                .with("advisory_ids", value.advisory_ids)
                .with("genuine", value.genuine)
                .with("regressed", value.regressed);
            fields::write(&told, 0, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Deserialize, Serialize)]
struct Removed {
    removed: String,
}

fn remove(args: &RemoveArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let query = [
        ("qe_id", args.qe_id.as_str()),
        ("pce_id", args.pce_id.as_str()),
    ];
    let role = Role::Administrator;
    let told: Told<Removed> = service.ask("DELETE", "/platforms", &query, None, role)?;
    let (simulated, content) = (told.simulated, told.value);
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content,
        })?,
        Format::Text => {
            let title = format!("removed {}", harmless(&content.removed));
            output.text(&headline(simulated, &title))?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Registered {
    registered: usize,
    platforms: Vec<Registration>,
}

#[derive(Serialize)]
struct Registration {
    qe_id: String,
    pce_id: String,
    status: u16,
    code: Option<String>,
    reason: Option<String>,
}

fn register(args: &RegisterArgs, output: &mut Output) -> Result<Exit> {
    let platforms = file::read(&args.file)?;
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let mut simulated = false;
    let mut told = Vec::with_capacity(platforms.len());
    for platform in platforms {
        let reply = service.send(platform.request, Role::User)?;
        simulated = simulated || reply.is_simulated();
        // Neither is about this platform: the next would be answered likewise.
        if matches!(reply.status(), 401 | 403) {
            return Err(service.refused(&reply));
        }
        let is_done = reply.parts.status.is_success();
        let text = |name| reply.header(name).map(harmless);
        told.push(Registration {
            qe_id: platform.qe_id,
            pce_id: platform.pce_id,
            status: reply.status(),
            code: text(header::ERROR_CODE).filter(|_| !is_done),
            reason: text(header::ERROR_MESSAGE).filter(|_| !is_done),
        });
    }
    let is_done = |one: &Registration| (200..300).contains(&one.status);
    let registered = told.iter().filter(|one| is_done(one)).count();
    let exit = match registered == told.len() {
        true => Exit::Done,
        false => Exit::Refused,
    };
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: Registered {
                registered,
                platforms: told,
            },
        })?,
        Format::Text => {
            let title = format!(
                "{} registered at {}",
                counted(registered, "platform"),
                service.url
            );
            let mut text = headline(simulated, &title);
            let rows: Vec<[String; 4]> = told
                .iter()
                .map(|one| {
                    let (style, word) = match is_done(one) {
                        true => (GOOD, "registered".to_owned()),
                        false => (BAD, format!("refused, status {}", one.status)),
                    };
                    let reason = one.reason.clone().unwrap_or_default();
                    [
                        one.qe_id.clone(),
                        one.pce_id.clone(),
                        paint(style, word),
                        reason,
                    ]
                })
                .collect();
            table::write(["QE-ID", "PCE-ID", "", ""], &rows, &mut text);
            output.text(&text)?;
        }
    }
    Ok(exit)
}
