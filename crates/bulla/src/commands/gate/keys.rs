//! `bulla gate keys`.

use serde::{Deserialize, Serialize};

use super::policy::tell;
use crate::args::{Format, KeysArgs, KeysCommand, WithdrawArgs};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, counted, headline};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::harmless;
use crate::render::table;
use crate::service::{Role, Service, Told};

pub(super) fn run(command: &KeysCommand, output: &mut Output) -> Result<Exit> {
    match command {
        KeysCommand::List(args) => list(args, output),
        KeysCommand::Rotate(args) => rotate(args, output),
        KeysCommand::Withdraw(args) => withdraw(args, output),
    }
}

#[derive(Deserialize, Serialize)]
struct Listed {
    kid: String,
    state: String,
    until: Option<String>,
}

#[derive(Serialize)]
struct Keys {
    keys: Vec<Listed>,
}

fn list(args: &KeysArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let Told { simulated, value } = service.get::<Vec<Listed>>("/gate/keys", &[])?;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: Keys { keys: value },
        })?,
        Format::Text => {
            let title = format!("{} at {}", counted(value.len(), "key"), service.url);
            let mut text = headline(simulated, &title);
            let rows: Vec<[String; 3]> = value
                .iter()
                .map(|one| {
                    [
                        harmless(&one.kid),
                        harmless(&one.state),
                        one.until
                            .as_deref()
                            .map_or_else(|| "-".to_owned(), harmless),
                    ]
                })
                .collect();
            table::write(["kid", "state", "counts until"], &rows, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Deserialize, Serialize)]
struct Rotated {
    kid: String,
}

fn rotate(args: &KeysArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let role = Role::Administrator;
    let told: Told<Rotated> = service.ask("POST", "/gate/keys/rotate", &[], None, role)?;
    let title = format!("the key {} signs from now on", harmless(&told.value.kid));
    tell(&service, told, &title, output)
}

#[derive(Deserialize, Serialize)]
struct Withdrawn {
    withdrawn: String,
    kid: String,
}

fn withdraw(args: &WithdrawArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let (path, role) = ("/gate/keys/withdraw", Role::Administrator);
    let told: Told<Withdrawn> = service.ask("POST", path, &[("kid", &args.kid)], None, role)?;
    let title = format!(
        "withdrew the key {}; {} signs",
        harmless(&told.value.withdrawn),
        harmless(&told.value.kid)
    );
    tell(&service, told, &title, output)
}
