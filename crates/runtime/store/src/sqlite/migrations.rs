//! The schema, step by step.
//!
//! A step that was released is never changed: each database remembers the digest of every step
//! that made it. Steps add, and take nothing away, so that a version works with the databases of
//! all those before it.

use bulla_pki::digest::sha256;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::StoreError;
use crate::sql::fault::{Fault, Outcome};

/// A step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// Its number, from 1 on.
    pub(super) number: u32,
    /// What it does.
    pub(super) sql: &'static str,
}

macro_rules! migration {
    ($number:literal, $file:literal) => {
        Migration {
            number: $number,
            sql: include_str!(concat!("../../migrations/", $file)),
        }
    };
}

/// All steps, in their order.
pub(super) const ALL: &[Migration] = &[
    migration!(1, "0001_documents.sql"),
    migration!(2, "0002_fleet.sql"),
    migration!(3, "0003_decisions.sql"),
    migration!(4, "0004_audit.sql"),
    migration!(5, "0005_secrets.sql"),
    migration!(6, "0006_evidence_of_platforms.sql"),
];

/// Marks a file as a store of bulla: `bull` in ASCII.
const APPLICATION_ID: i32 = 0x6275_6c6c;

/// Brings a database to the latest schema; refuses one that is not of this kind, was made by a
/// later version, or by steps that were changed.
pub(super) fn apply(connection: &mut Connection, path: &str, steps: &[Migration]) -> Outcome<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    identify(&transaction, path)?;
    let schema = |found, remedy: &str| {
        Fault::Known(StoreError::Schema {
            path: path.to_owned(),
            found,
            known: steps.last().map_or(0, |step| step.number),
            remedy: remedy.to_owned(),
        })
    };
    let latest: Option<u32> =
        transaction.query_row("SELECT max(number) AS latest FROM migrations", [], |row| {
            row.get("latest")
        })?;
    let latest = latest.unwrap_or(0);
    if steps.last().is_none_or(|step| step.number < latest) {
        return Err(schema(
            latest,
            "use the version of bulla that made it or a later one, or restore a backup from before",
        ));
    }
    for step in steps {
        let digest = sha256(step.sql.as_bytes());
        let applied: Option<[u8; 32]> = transaction
            .query_row(
                "SELECT sha256 FROM migrations WHERE number = ?1",
                [step.number],
                |row| row.get("sha256"),
            )
            .optional()?;
        match applied {
            Some(applied) if applied == digest => {}
            None if latest < step.number => {
                transaction.execute_batch(step.sql)?;
                transaction.execute(
                    "INSERT INTO migrations (number, sha256) VALUES (?1, ?2)",
                    (step.number, digest),
                )?;
            }
            _ => {
                return Err(schema(
                    latest,
                    &format!(
                        "step {} is not the one of this version; use the build of bulla that made \
                         it, or restore a backup",
                        step.number
                    ),
                ));
            }
        }
    }
    Ok(transaction.commit()?)
}

/// Whether a database is a store of bulla.
pub(super) fn is_ours(connection: &Connection) -> Outcome<bool> {
    Ok(application_id(connection)? == APPLICATION_ID)
}

fn application_id(connection: &Connection) -> Outcome<i32> {
    Ok(connection.query_row("PRAGMA application_id", [], |row| row.get(0))?)
}

/// Marks an empty database as ours, and refuses those of others.
fn identify(connection: &Connection, path: &str) -> Outcome<()> {
    let id = application_id(connection)?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id != 0 || tables != 0 {
        return Err(Fault::Known(StoreError::Unavailable {
            path: path.to_owned(),
            reason: "this is the database of another program; name another file".to_owned(),
        }));
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.execute_batch(
        "CREATE TABLE migrations (
             number INTEGER PRIMARY KEY,
             sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
         ) STRICT",
    )?;
    Ok(())
}
