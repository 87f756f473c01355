//! What changes baselines: plans, holds and exceptions.

use std::path::Path;

use bulla_appraisal::baseline::{Changes, Exception};
use serde::{Deserialize, Serialize};

use super::preview::{self, Foreseen};
use crate::args::{
    Asking, BaselineApplyArgs, BaselinePlanArgs, EndArgs, Format, GrantArgs, PauseArgs, ResumeArgs,
    RollbackArgs,
};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, headline};
use crate::error::{Error, Result};
use crate::input::Rules;
use crate::output::{Exit, Output};
use crate::render::style::{FAINT, STRONG, harmless, paint};
use crate::service::{Role, Service, Told};
use crate::time;

const TOML: &str = "application/toml";

/// What a plan would change.
#[derive(Deserialize, Serialize)]
struct Planned {
    digest: String,
    state: u64,
    at: String,
    difference: Vec<String>,
    changes: serde_json::Value,
    /// Who would fall out, as the service says it.
    #[serde(default)]
    previews: Vec<serde_json::Value>,
}

/// What a rollout of a plan would do at its first second.
#[derive(Deserialize)]
struct PlannedRollout {
    ring: String,
    baseline: String,
    from: String,
    #[serde(flatten)]
    foreseen: Foreseen,
}

/// A decision that is in force.
#[derive(Deserialize, Serialize)]
struct Decided {
    decision: u32,
    at: String,
    difference: Vec<String>,
}

pub(super) fn plan(args: &BaselinePlanArgs, output: &mut Output) -> Result<Exit> {
    let text = read(&args.file)?;
    let service = Service::open_with_token(&args.asking.at, PATIENCE)?;
    let body = Some((TOML, text.into_bytes()));
    let role = Role::Administrator;
    let told: Told<Planned> = service.ask("POST", "/baselines/plan", &[], body, role)?;
    let planned = &told.value;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: told.simulated,
            content: planned,
        })?,
        Format::Text => {
            let title = format!("a plan for {}, which changes nothing yet", service.url);
            let mut text = headline(told.simulated, &title);
            text.push_str(&lines(&planned.difference));
            for preview in &planned.previews {
                text.push_str(&foreseen(&service, preview)?);
            }
            let digest = harmless(&planned.digest);
            text.push_str(&format!("\n{}  {digest}\n", paint(FAINT, "digest")));
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

pub(super) fn apply(args: &BaselineApplyArgs, output: &mut Output) -> Result<Exit> {
    let text = read(&args.file)?;
    let body = Some((TOML, text.into_bytes()));
    let query = [("digest", args.digest.as_str())];
    decide(&args.asking, "POST", "apply", &query, body, output)
}

pub(super) fn pause(args: &PauseArgs, output: &mut Output) -> Result<Exit> {
    let query = [("rollout", args.rollout.as_str()), ("reason", &args.reason)];
    decide(&args.asking, "POST", "pause", &query, None, output)
}

pub(super) fn resume(args: &ResumeArgs, output: &mut Output) -> Result<Exit> {
    let query = [("rollout", args.rollout.as_str())];
    decide(&args.asking, "POST", "resume", &query, None, output)
}

pub(super) fn roll_back(args: &RollbackArgs, output: &mut Output) -> Result<Exit> {
    let query = [("ring", args.ring.as_str()), ("reason", &args.reason)];
    decide(&args.asking, "POST", "rollback", &query, None, output)
}

/// An exception as a service reads it.
#[derive(Serialize)]
struct Granted<'a> {
    advisory: &'a str,
    until: String,
    reason: &'a str,
    author: &'a str,
    group: Group<'a>,
}

#[derive(Serialize)]
struct Group<'a> {
    families: &'a [String],
    platforms: &'a [String],
}

pub(super) fn grant(args: &GrantArgs, output: &mut Output) -> Result<Exit> {
    let unusable = |reason: String| Error::ArgumentInvalid {
        option: "exception",
        reason,
    };
    let granted = Granted {
        advisory: &args.advisory,
        until: time::parse(&args.until)?.to_string(),
        reason: &args.reason,
        author: &args.author,
        group: Group {
            families: &args.family,
            platforms: &args.platform,
        },
    };
    let text = toml::to_string(&granted).map_err(|error| unusable(error.to_string()))?;
    Exception::from_toml(&text).map_err(|error| {
        let field = error.field().map(|field| format!("`{field}`: "));
        unusable(format!("{}{}", field.unwrap_or_default(), error.message()))
    })?;
    let body = Some((TOML, text.into_bytes()));
    let query = [("name", args.name.as_str())];
    decide(&args.asking, "POST", "exceptions", &query, body, output)
}

pub(super) fn end(args: &EndArgs, output: &mut Output) -> Result<Exit> {
    let query = [("name", args.name.as_str())];
    decide(&args.asking, "DELETE", "exceptions", &query, None, output)
}

/// Has a service decide something, and tells what changed.
fn decide(
    asking: &Asking,
    method: &str,
    route: &str,
    query: &[(&str, &str)],
    body: Option<(&str, Vec<u8>)>,
    output: &mut Output,
) -> Result<Exit> {
    let service = Service::open_with_token(&asking.at, PATIENCE)?;
    let (path, role) = (format!("/baselines/{route}"), Role::Administrator);
    let told: Told<Decided> = service.ask(method, &path, query, body, role)?;
    let decided = &told.value;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: told.simulated,
            content: decided,
        })?,
        Format::Text => {
            let at = harmless(&decided.at);
            let title = format!(
                "decision {} is in force at {} since {at}",
                decided.decision, service.url
            );
            let mut text = headline(told.simulated, &title);
            text.push_str(&lines(&decided.difference));
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// Who of a ring would fall out from when on.
fn foreseen(service: &Service, preview: &serde_json::Value) -> Result<String> {
    let planned = PlannedRollout::deserialize(preview);
    let PlannedRollout {
        ring,
        baseline,
        from,
        foreseen,
    } = planned.map_err(|error| Error::ServiceAnswerUnknown {
        url: format!("{}/baselines/plan", service.url),
        reason: error.to_string(),
    })?;
    let title = format!(
        "ring {} under {} from {}",
        harmless(&ring),
        harmless(&baseline),
        harmless(&from)
    );
    let told = preview::told_of(&foreseen);
    Ok(format!("\n{}\n{told}", paint(STRONG, title)))
}

/// Reads a plan, so that what is wrong with it is said with its place in the file.
fn read(path: &Path) -> Result<String> {
    let text = Rules::Plan.read(path)?;
    Rules::Plan.made(path, Changes::from_toml(&text))?;
    Ok(text)
}

fn lines(difference: &[String]) -> String {
    let line = |line: &String| format!("  {}\n", harmless(line));
    difference.iter().map(line).collect()
}
