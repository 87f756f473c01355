//! `bulla gate policy`.

use std::path::Path;

use bulla_appraisal::Policy;
use serde::{Deserialize, Serialize};

use super::administer::{Gate, List};
use crate::args::{Administered, PolicyCommand, PolicyNameArgs, PolicySetArgs};
use crate::commands::collateral::{ago, counted};
use crate::error::Result;
use crate::input::Rules;
use crate::output::{Exit, Output};
use crate::render::style::harmless;
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

fn list(args: &Administered, output: &mut Output) -> Result<Exit> {
    let now = time::now()?;
    let list = List {
        nouns: ["policy", "policies"],
        titles: ["name", "version", "SHA-256", "since", "by"],
        path: PATH,
        query: &[],
    };
    let row = |one: &Listed| {
        [
            harmless(&one.name),
            one.version.to_string(),
            one.sha256.chars().take(16).collect(),
            ago(&one.at, now),
            harmless(&one.author),
        ]
    };
    Gate::open(args)?.list(&list, row, output)
}

/// The text alone, so that it can be kept and changed.
fn show(args: &PolicyNameArgs, output: &mut Output) -> Result<Exit> {
    let gate = Gate::open(&args.gate)?;
    let told = gate.ask("GET", PATH, &[("name", &args.name)], None)?;
    let text = |told: &Listed| harmless_lines(told.toml.as_deref().unwrap_or_default());
    gate.answer(told, text, output)
}

fn set(args: &PolicySetArgs, output: &mut Output) -> Result<Exit> {
    let text = read(&args.file)?;
    let gate = Gate::open(&args.gate)?;
    let body = Some(("application/toml", text.into_bytes()));
    let told = gate.ask("PUT", PATH, &[("name", &args.name)], body)?;
    let title = |told: &Listed| {
        let name = harmless(&told.name);
        format!("policy {name} is in force, version {}", told.version)
    };
    gate.tell(told, title, output)
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
    let gate = Gate::open(&args.gate)?;
    let told = gate.ask("DELETE", PATH, &[("name", &args.name)], None)?;
    let title = |told: &Removed| {
        let held_back = counted(told.secrets_held_back.len(), "secret");
        format!("removed {}; {held_back} held back", harmless(&told.removed))
    };
    gate.tell(told, title, output)
}

/// A text of several lines, each freed of what could steer a terminal.
fn harmless_lines(text: &str) -> String {
    text.lines().map(|line| harmless(line) + "\n").collect()
}
