//! `bulla gate secret`. A value comes from a file or standard input: arguments can be seen by
//! everybody on the machine.

use bulla_protocol::gate::{Name, Platforms, Request as _, SecretSpec, SecretValue, Sha256};
use serde::{Deserialize, Serialize};

use super::administer::{Gate, List};
use crate::args::{Administered, SecretCommand, SecretRemoveArgs, SecretSetArgs};
use crate::commands::collateral::ago;
use crate::error::{Error, Result};
use crate::input;
use crate::output::{Exit, Output};
use crate::render::style::harmless;
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

fn list(args: &Administered, output: &mut Output) -> Result<Exit> {
    let now = time::now()?;
    let list = List {
        nouns: ["secret", "secrets"],
        titles: [
            "name",
            "version",
            "policy",
            "released",
            "until",
            "platforms",
            "since",
        ],
        path: PATH,
        query: &[],
    };
    Gate::open(args)?.list(&list, |one| row(one, now), output)
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
    let gate = Gate::open(&args.gate)?;
    let body = Some(("application/json", spec.write()));
    let told = gate.ask("PUT", PATH, &[("name", &args.name)], body)?;
    let title = |told: &Listed| {
        let (name, policy) = (harmless(&told.name), harmless(&told.policy));
        let version = told.version;
        format!("secret {name} is kept, version {version}, under policy {policy}")
    };
    gate.tell(told, title, output)
}

#[derive(Deserialize, Serialize)]
struct Removed {
    removed: String,
}

fn remove(args: &SecretRemoveArgs, output: &mut Output) -> Result<Exit> {
    let gate = Gate::open(&args.gate)?;
    let told = gate.ask("DELETE", PATH, &[("name", &args.name)], None)?;
    let title = |told: &Removed| format!("removed {}", harmless(&told.removed));
    gate.tell(told, title, output)
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
