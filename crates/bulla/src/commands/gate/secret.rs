//! `bulla gate secret`. A value comes from a file or standard input: arguments can be seen by
//! everybody on the machine.

use bulla_protocol::gate::{Name, Platforms, Request as _, SecretSpec, SecretValue, Sha256};
use serde::{Deserialize, Serialize};

use super::policy::tell;
use crate::args::{Format, SecretCommand, SecretListArgs, SecretRemoveArgs, SecretSetArgs};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, ago, counted, headline};
use crate::error::{Error, Result};
use crate::input;
use crate::output::{Exit, Output};
use crate::render::style::harmless;
use crate::render::table;
use crate::service::{Role, Service, Told};
use crate::time;

/// The route.
const PATH: &str = "/gate/secrets";

pub(super) fn run(command: &SecretCommand, output: &mut Output) -> Result<Exit> {
    match command {
        SecretCommand::List(args) => list(args, output),
        SecretCommand::Set(args) => set(args, output),
        SecretCommand::Remove(args) => remove(args, output),
    }
}

#[derive(Deserialize, Serialize)]
struct Listed {
    name: String,
    version: u32,
    policy: String,
    times: Option<u64>,
    until: Option<String>,
    platforms: Option<Vec<String>>,
    releases: u64,
    at: String,
    author: String,
}

#[derive(Serialize)]
struct Secrets {
    secrets: Vec<Listed>,
}

fn list(args: &SecretListArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let Told { simulated, value } = service.get::<Vec<Listed>>(PATH, &[])?;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: Secrets { secrets: value },
        })?,
        Format::Text => {
            let title = format!("{} at {}", counted(value.len(), "secret"), service.url);
            let mut text = headline(simulated, &title);
            let now = time::now()?;
            let rows: Vec<[String; 7]> = value.iter().map(|one| row(one, now)).collect();
            let titles = [
                "name",
                "version",
                "policy",
                "released",
                "until",
                "platforms",
                "since",
            ];
            table::write(titles, &rows, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

fn row(one: &Listed, now: bulla_pki::Timestamp) -> [String; 7] {
    let any = || "any".to_owned();
    [
        harmless(&one.name),
        one.version.to_string(),
        harmless(&one.policy),
        match one.times {
            Some(times) => format!("{} of {times}", one.releases),
            None => one.releases.to_string(),
        },
        one.until
            .as_deref()
            .map_or_else(|| "-".to_owned(), harmless),
        one.platforms
            .as_ref()
            .map_or_else(any, |all| all.len().to_string()),
        ago(&one.at, now),
    ]
}

fn set(args: &SecretSetArgs, output: &mut Output) -> Result<Exit> {
    let limit = bulla_protocol::gate::MAX_SECRET_SIZE;
    let bytes = input::read("secret", &args.file, limit)?;
    let value = SecretValue::new(bytes).map_err(|error| invalid("--file", &error))?;
    let policy: Name = parsed("--policy", &args.policy)?;
    let until = args.until.as_deref().map(|text| {
        let at = time::parse(text)?;
        parsed("--until", &at.to_string())
    });
    let platforms: Vec<Sha256> = args
        .platform
        .iter()
        .map(|text| parsed("--platform", text))
        .collect::<Result<_>>()?;
    let platforms = (!platforms.is_empty()).then(|| Platforms::try_from(platforms));
    let spec = SecretSpec {
        policy,
        value,
        times: args.times,
        until: until.transpose()?,
        platforms: platforms
            .transpose()
            .map_err(|error| invalid("--platform", &error))?,
    };
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let body = Some(("application/json", spec.write()));
    let role = Role::Administrator;
    let told: Told<Listed> = service.ask("PUT", PATH, &[("name", &args.name)], body, role)?;
    let title = format!(
        "secret {} is kept, version {}, under policy {}",
        harmless(&told.value.name),
        told.value.version,
        harmless(&told.value.policy)
    );
    tell(&service, told, &title, output)
}

#[derive(Deserialize, Serialize)]
struct Removed {
    removed: String,
}

fn remove(args: &SecretRemoveArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let role = Role::Administrator;
    let told: Told<Removed> = service.ask("DELETE", PATH, &[("name", &args.name)], None, role)?;
    let title = format!("removed {}", harmless(&told.value.removed));
    tell(&service, told, &title, output)
}

fn parsed<T: std::str::FromStr>(option: &'static str, text: &str) -> Result<T>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error: T::Err| invalid(option, &error))
}

fn invalid(option: &'static str, error: &dyn std::fmt::Display) -> Error {
    Error::ArgumentInvalid {
        option,
        reason: error.to_string(),
    }
}
