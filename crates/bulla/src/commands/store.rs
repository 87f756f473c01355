//! `bulla store`: what is done to a store while no service has it.

use std::path::PathBuf;

use bulla_service::daemon::{DaemonError, Database};
use bulla_store::Store;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::{Format, StoreCommand, StoreCopyArgs};
use crate::commands::collateral::{counted, headline};
use crate::config::{Source, database};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::harmless;
use crate::render::table;

/// What was copied.
#[derive(Serialize)]
struct Answer {
    from: PathBuf,
    to: String,
    /// How many rows of each table.
    rows: Map<String, Value>,
    audit_entries: u64,
}

pub(crate) fn run(command: &StoreCommand, output: &mut Output) -> Result<Exit> {
    match command {
        StoreCommand::Copy(args) => copy(args, output),
    }
}

fn copy(args: &StoreCopyArgs, output: &mut Output) -> Result<Exit> {
    let source = Source::read(&args.config)?;
    let Database::Postgres(settings) = database::configured(&source)? else {
        return Err(source.wrong(
            "store.postgres",
            "there is none, so that nothing says into which database to copy",
        ));
    };
    let to = settings.name().to_owned();
    let copied = Store::copy(&args.from, *settings).map_err(DaemonError::Store)?;
    let answer = Answer {
        from: args.from.clone(),
        to,
        rows: copied
            .rows
            .iter()
            .map(|(table, rows)| ((*table).to_owned(), (*rows).into()))
            .collect(),
        audit_entries: copied.audit_entries,
    };
    match output.format() {
        Format::Json => output.json(&answer)?,
        Format::Text => output.text(&text(&answer, &copied.rows))?,
    }
    Ok(Exit::Done)
}

fn text(answer: &Answer, copied: &[(&str, u64)]) -> String {
    let all: u64 = copied.iter().map(|(_, rows)| rows).sum();
    let rows = counted(usize::try_from(all).unwrap_or(usize::MAX), "row");
    let from = harmless(&answer.from.display().to_string());
    let mut text = headline(
        false,
        &format!("copied {rows} of {from} into {}", answer.to),
    );
    let rows: Vec<[String; 2]> = copied
        .iter()
        .map(|(table, rows)| [(*table).to_owned(), rows.to_string()])
        .collect();
    table::write(["table", "rows"], &rows, &mut text);
    text
}
