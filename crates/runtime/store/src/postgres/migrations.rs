//! The schema in PostgreSQL, step by step, as that of SQLite: a step that was released is never
//! changed, and steps take nothing away.

use bulla_pki::digest::sha256;

use super::session::Session;
use crate::StoreError;
use crate::sql::fault::{Fault, Outcome};
use crate::sql::value::Value;

/// A step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// Its number, from 1 on.
    number: u32,
    /// What it does.
    sql: &'static str,
}

/// All steps, in their order.
pub(super) const ALL: &[Migration] = &[
    Migration {
        number: 1,
        sql: include_str!("../../migrations/postgres/0001_store.sql"),
    },
    Migration {
        number: 2,
        sql: include_str!("../../migrations/postgres/0002_nodes.sql"),
    },
];

/// Brings a database to the latest schema, within the transaction of whoever writes; refuses one
/// that was made by a later version, or by steps that were changed.
pub(super) fn apply(session: &Session, name: &str, steps: &[Migration]) -> Outcome<()> {
    let encoding = session.batch("SHOW server_encoding")?.unwrap_or_default();
    if encoding != "UTF8" {
        return Err(Fault::Refused(format!(
            "the database is encoded in {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    identify(session)?;
    let schema = |found, remedy: String| {
        Fault::Known(StoreError::Schema {
            path: name.to_owned(),
            found,
            known: steps.last().map_or(0, |step| step.number),
            remedy,
        })
    };
    let mut latest = 0;
    for row in session.query("SELECT number, sha256 FROM migrations ORDER BY number", &[])? {
        let row = crate::sql::connection::Row::Postgres(&row);
        latest = row.get("number")?;
        let applied: [u8; 32] = row.get("sha256")?;
        match steps.iter().find(|step| step.number == latest) {
            Some(step) if sha256(step.sql.as_bytes()) == applied => {}
            Some(_) => {
                return Err(schema(
                    latest,
                    format!(
                        "step {latest} is not the one of this version; use the build of bulla that \
                         made it, or restore a backup"
                    ),
                ));
            }
            None => {
                return Err(schema(
                    latest,
                    "use the version of bulla that made it or a later one, or restore a backup from \
                     before"
                        .to_owned(),
                ));
            }
        }
    }
    for step in steps.iter().filter(|step| step.number > latest) {
        session.batch(step.sql)?;
        session.execute(
            "INSERT INTO migrations (number, sha256) VALUES (?1, ?2)",
            &[
                Value::Integer(step.number.into()),
                Value::Blob(&sha256(step.sql.as_bytes())),
            ],
        )?;
    }
    Ok(())
}

/// Makes the schema `bulla` where there is none, and refuses one of somebody else.
fn identify(session: &Session) -> Outcome<()> {
    let is_there =
        |what: &str| -> Outcome<bool> { Ok(session.batch(what)?.as_deref() == Some("t")) };
    if is_there("SELECT to_regclass('bulla.migrations') IS NOT NULL")? {
        return Ok(());
    }
    let tables = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'bulla')";
    if is_there(tables)? {
        return Err(Fault::Refused(
            "its schema bulla is that of another program; name another database".to_owned(),
        ));
    }
    session.batch(
        "CREATE SCHEMA IF NOT EXISTS bulla;
         CREATE TABLE bulla.migrations (
             number BIGINT PRIMARY KEY,
             sha256 BYTEA  NOT NULL CHECK (length(sha256) = 32)
         )",
    )?;
    Ok(())
}
