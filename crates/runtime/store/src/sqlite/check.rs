//! Whether all that is stored is what was written.

use rusqlite::Connection;

use super::fault::{Fault, Outcome};
use super::{Store, audit, documents, fleet, governance, secrets, set_aside};
use crate::Result;

/// What a check has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// How many entries the audit chain has.
    pub audit_entries: u64,
}

impl Store {
    /// Reads everything: pages and indexes, what refers to what, the digest of every row, the
    /// audit chain. An error says the first thing that is wrong. Takes as long as reading the whole
    /// file does; readers and the writer go on meanwhile.
    pub fn check(&self) -> Result<Checked> {
        self.read_apart(|transaction| check(transaction))
    }
}

pub(super) fn check(connection: &Connection) -> Outcome<Checked> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Fault::Damaged(verdict));
    }
    let mut orphans = connection.prepare("PRAGMA foreign_key_check")?;
    if let Some(row) = orphans.query([])?.next()? {
        let table: String = row.get("table")?;
        return Err(Fault::Damaged(format!("a row of {table} belongs to none")));
    }
    documents::check(connection)?;
    set_aside::check(connection)?;
    fleet::check(connection)?;
    governance::check(connection)?;
    secrets::check(connection)?;
    match audit::verify(connection)? {
        Ok(audit_entries) => Ok(Checked { audit_entries }),
        Err(found) => Err(Fault::Damaged(format!(
            "the audit chain breaks at entry {}: {}",
            found.sequence, found.reason
        ))),
    }
}
