//! `bulla collateral`: what a service keeps, fetching into a directory, and archives for air gaps.

mod archive;
mod fetch;
mod fetched;
mod list;

pub(crate) use fetch::fmspc;

use bulla_pki::Timestamp;
use serde::{Deserialize, Serialize};

use crate::args::{CollateralCommand, Format, HistoryArgs, RefreshArgs, RefusedArgs};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::{BAD, CAUTION, FAINT, STRONG, harmless, paint, span};
use crate::render::table;
use crate::service::{REFRESH_PATIENCE, Role, Service, Told};
use crate::{client, time};

pub(crate) fn run(command: &CollateralCommand, output: &mut Output) -> Result<Exit> {
    match command {
        CollateralCommand::List(args) => list::run(args, output),
        CollateralCommand::History(args) => history(args, output),
        CollateralCommand::Refresh(args) => refresh(args, output),
        CollateralCommand::Refused(args) => refused(args, output),
        CollateralCommand::Fetch(args) => fetch::run(args, output),
        CollateralCommand::Keygen(args) => archive::keygen(args, output),
        CollateralCommand::Export(args) => archive::export(args, output),
        CollateralCommand::Inspect(args) => archive::inspect(args, output),
        CollateralCommand::Import(args) => archive::import(args, output),
    }
}

/// An answer of a service as programs get it: which service, and whether it is a simulation.
#[derive(Serialize)]
pub(crate) struct Answer<'a, T> {
    pub(crate) service: &'a str,
    pub(crate) simulated: bool,
    #[serde(flatten)]
    pub(crate) content: T,
}

/// The first line of an answer for people.
pub(crate) fn headline(simulated: bool, text: &str) -> String {
    let mark = match simulated {
        true => format!("{}  ", paint(CAUTION, "SIMULATED")),
        false => String::new(),
    };
    format!("{mark}{}\n\n", paint(STRONG, text))
}

/// How long ago something was, for people; as it stands where it is no instant.
pub(crate) fn ago(text: &str, now: Timestamp) -> String {
    match text.parse::<Timestamp>() {
        Ok(then) if then <= now => {
            let seconds = now.unix_seconds().saturating_sub(then.unix_seconds());
            format!("{} ago", span(seconds))
        }
        _ => harmless(text),
    }
}

/// `1 document`, `2 documents`.
pub(crate) fn counted(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

#[derive(Deserialize, Serialize)]
struct Issue {
    slot: String,
    issued: String,
    next_update: String,
    arrived: String,
    source: String,
    size: u64,
    sha256: String,
}

#[derive(Serialize)]
struct Issues {
    issues: Vec<Issue>,
}

fn history(args: &HistoryArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open(&args.at)?;
    let query = [("slot", args.slot.as_str())];
    let Told { simulated, value } = service.get::<Vec<Issue>>("/collateral/history", &query)?;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: Issues { issues: value },
        })?,
        Format::Text => {
            let count = counted(value.len(), "issue");
            let mut text = headline(simulated, &format!("{} of {}", count, harmless(&args.slot)));
            let rows: Vec<[String; 5]> = value
                .iter()
                .map(|issue| {
                    [
                        harmless(&issue.issued),
                        harmless(&issue.next_update),
                        harmless(&issue.arrived),
                        harmless(&issue.source),
                        issue.sha256.chars().take(16).collect(),
                    ]
                })
                .collect();
            let titles = ["issued", "next update", "arrived", "source", "sha256"];
            table::write(titles, &rows, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Deserialize, Serialize)]
struct Refreshed {
    asked: usize,
    failed: Vec<Failed>,
}

#[derive(Deserialize, Serialize)]
struct Failed {
    what: String,
    reason: String,
}

fn refresh(args: &RefreshArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, REFRESH_PATIENCE)?;
    let query: Vec<_> = args
        .slot
        .iter()
        .map(|slot| ("slot", slot.as_str()))
        .collect();
    let path = "/collateral/refresh";
    let role = Role::Administrator;
    let told: Told<Refreshed> = service.ask("POST", path, &query, None, role)?;
    let (simulated, refreshed) = (told.simulated, told.value);
    // What was there is still served; that nothing newer came is what was asked about.
    let exit = match refreshed.failed.is_empty() {
        true => Exit::Done,
        false => Exit::Refused,
    };
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: refreshed,
        })?,
        Format::Text => {
            let asked = counted(refreshed.asked, "document");
            let failed = refreshed.failed.len();
            let title = format!("{asked} asked for anew, {failed} not had");
            let mut text = headline(simulated, &title);
            for Failed { what, reason } in &refreshed.failed {
                let what = paint(BAD, harmless(what));
                text.push_str(&format!("{what}  {}\n", harmless(reason)));
            }
            output.text(&text)?;
        }
    }
    Ok(exit)
}

#[derive(Deserialize, Serialize)]
struct Refused {
    arrived: String,
    source: String,
    what: String,
    code: String,
    reason: String,
    size: u64,
    sha256: String,
}

#[derive(Serialize)]
struct AllRefused {
    refused: Vec<Refused>,
}

fn refused(args: &RefusedArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, client::PATIENCE)?;
    let Told { simulated, value } = service.get::<Vec<Refused>>("/collateral/refused", &[])?;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: AllRefused { refused: value },
        })?,
        Format::Text => {
            let count = counted(value.len(), "document");
            let mut text = headline(simulated, &format!("{count} refused on arrival"));
            let now = time::now()?;
            for one in &value {
                let what = paint(BAD, harmless(&one.what));
                let code = harmless(&one.code);
                let came = format!("from {}, {}", harmless(&one.source), ago(&one.arrived, now));
                let came = paint(FAINT, came);
                let reason = harmless(&one.reason);
                text.push_str(&format!("{what}  {code}  {came}\n  {reason}\n"));
            }
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}
