//! Whether a database is whole, in all that can be told by looking at it.

use rusqlite::Connection;

use crate::sql::fault::{Fault, Outcome};
use crate::sql::{self, Checked, connection};

/// Pages and indexes, what refers to what, the digest of every row, the audit chain. Takes as long
/// as reading the whole file does.
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
    sql::check(&connection::Connection::Sqlite(connection))
}
