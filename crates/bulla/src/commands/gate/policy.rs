//! `bulla gate policy`.

use std::path::Path;

use bulla_appraisal::Policy;
use serde::{Deserialize, Serialize};

use crate::args::{Format, PolicyCommand, PolicyListArgs, PolicyNameArgs, PolicySetArgs};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, ago, counted, headline};
use crate::error::Result;
use crate::input::Rules;
use crate::output::{Exit, Output};
use crate::render::style::harmless;
use crate::render::table;
use crate::service::{Role, Service, Told};
use crate::time;

/// The route.
const PATH: &str = "/gate/policies";

pub(super) fn run(command: &PolicyCommand, output: &mut Output) -> Result<Exit> {
    match command {
        PolicyCommand::List(args) => list(args, output),
        PolicyCommand::Show(args) => show(args, output),
        PolicyCommand::Set(args) => set(args, output),
        PolicyCommand::Remove(args) => remove(args, output),
    }
}

#[derive(Deserialize, Serialize)]
struct Listed {
    name: String,
    version: u32,
    sha256: String,
    at: String,
    author: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    toml: Option<String>,
}

#[derive(Serialize)]
struct Policies {
    policies: Vec<Listed>,
}

fn list(args: &PolicyListArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let Told { simulated, value } = service.get::<Vec<Listed>>(PATH, &[])?;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: Policies { policies: value },
        })?,
        Format::Text => {
            let title = match value.len() {
                1 => "1 policy".to_owned(),
                count => format!("{count} policies"),
            };
            let mut text = headline(simulated, &format!("{title} at {}", service.url));
            let now = time::now()?;
            let rows: Vec<[String; 5]> = value
                .iter()
                .map(|one| {
                    [
                        harmless(&one.name),
                        one.version.to_string(),
                        one.sha256.chars().take(16).collect(),
                        ago(&one.at, now),
                        harmless(&one.author),
                    ]
                })
                .collect();
            table::write(
                ["name", "version", "SHA-256", "since", "by"],
                &rows,
                &mut text,
            );
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// The text alone, so that it can be kept and changed.
fn show(args: &PolicyNameArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let told: Told<Listed> = service.get(PATH, &[("name", &args.name)])?;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: told.simulated,
            content: told.value,
        })?,
        Format::Text => output.text(&harmless_lines(&told.value.toml.unwrap_or_default()))?,
    }
    Ok(Exit::Done)
}

fn set(args: &PolicySetArgs, output: &mut Output) -> Result<Exit> {
    let text = read(&args.file)?;
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let body = Some(("application/toml", text.into_bytes()));
    let role = Role::Administrator;
    let told: Told<Listed> = service.ask("PUT", PATH, &[("name", &args.name)], body, role)?;
    let title = format!(
        "policy {} is in force, version {}",
        harmless(&told.value.name),
        told.value.version
    );
    tell(&service, told, &title, output)
}

/// Reads a policy, so that what is wrong with it is said with its place in the file.
fn read(path: &Path) -> Result<String> {
    let text = Rules::Policy.read_or_empty(path)?;
    Rules::Policy.made(path, Policy::from_toml(&text))?;
    Ok(text)
}

#[derive(Deserialize, Serialize)]
struct Removed {
    removed: String,
    secrets_held_back: Vec<String>,
}

fn remove(args: &PolicyNameArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let role = Role::Administrator;
    let told: Told<Removed> = service.ask("DELETE", PATH, &[("name", &args.name)], None, role)?;
    let title = format!(
        "removed {}; {} held back",
        harmless(&told.value.removed),
        counted(told.value.secrets_held_back.len(), "secret")
    );
    tell(&service, told, &title, output)
}

/// Answers with what the service said, or for people with a line.
pub(super) fn tell<T: Serialize>(
    service: &Service,
    told: Told<T>,
    title: &str,
    output: &mut Output,
) -> Result<Exit> {
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: told.simulated,
            content: told.value,
        })?,
        Format::Text => output.text(&headline(told.simulated, title))?,
    }
    Ok(Exit::Done)
}

/// A text of several lines, each freed of what could steer a terminal.
fn harmless_lines(text: &str) -> String {
    text.lines().map(|line| harmless(line) + "\n").collect()
}
