//! `bulla gate keys`.

use serde::{Deserialize, Serialize};

use super::administer::{Gate, List};
use crate::args::{Administered, KeysCommand, WithdrawArgs};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::harmless;

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

fn list(args: &Administered, output: &mut Output) -> Result<Exit> {
    let list = List {
        nouns: ["key", "keys"],
        titles: ["kid", "state", "counts until"],
        path: "/gate/keys",
        query: &[],
    };
    let row = |one: &Listed| {
        let until = one.until.as_deref();
        [
            harmless(&one.kid),
            harmless(&one.state),
            until.map_or_else(|| "-".to_owned(), harmless),
        ]
    };
    Gate::open(args)?.list(&list, row, output)
}

#[derive(Deserialize, Serialize)]
struct Rotated {
    kid: String,
}

fn rotate(args: &Administered, output: &mut Output) -> Result<Exit> {
    let gate = Gate::open(args)?;
    let told = gate.ask("POST", "/gate/keys/rotate", &[], None)?;
    let title = |told: &Rotated| format!("the key {} signs from now on", harmless(&told.kid));
    gate.tell(told, title, output)
}

#[derive(Deserialize, Serialize)]
struct Withdrawn {
    withdrawn: String,
    kid: String,
}

fn withdraw(args: &WithdrawArgs, output: &mut Output) -> Result<Exit> {
    let gate = Gate::open(&args.gate)?;
    let told = gate.ask("POST", "/gate/keys/withdraw", &[("kid", &args.kid)], None)?;
    let title = |told: &Withdrawn| {
        let (gone, kid) = (harmless(&told.withdrawn), harmless(&told.kid));
        format!("withdrew the key {gone}; {kid} signs")
    };
    gate.tell(told, title, output)
}
