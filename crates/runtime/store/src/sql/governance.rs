//! Decisions.

use bulla_pki::Timestamp;

use super::audit;
use super::column::{sealed, timestamp};
use super::connection::{Connection, Row};
use super::fault::Outcome;
use super::value::Parameter;
use crate::audit::Event;
use crate::encoding::Encoding;
use crate::governance::Decision;
use crate::{Governance, Result, Store};

impl Governance for Store {
    fn decide(
        &self,
        kind: &str,
        name: &str,
        body: Option<&str>,
        at: Timestamp,
        author: &str,
    ) -> Result<u32> {
        self.write(|transaction| {
            let version = last_version(transaction, kind, name)? + 1;
            let decision = Decision {
                kind: kind.to_owned(),
                name: name.to_owned(),
                version,
                body: body.map(str::to_owned),
                at,
                author: author.to_owned(),
            };
            insert(transaction, &decision)?;
            Ok(version)
        })
    }

    fn enact(&self, decision: &Decision, event: &Event) -> Result<bool> {
        self.write(|transaction| {
            let is_next = supersede(transaction, decision)?;
            if is_next {
                audit::record(transaction, event)?;
            }
            Ok(is_next)
        })
    }

    fn supersede(&self, decision: &Decision) -> Result<bool> {
        self.write(|transaction| supersede(transaction, decision))
    }

    fn decision_version(&self, kind: &str, name: &str) -> Result<u32> {
        self.read(|transaction| last_version(transaction, kind, name))
    }

    fn last_decision(&self, kind: &str, name: &str) -> Result<Option<Decision>> {
        self.read(|transaction| latest(transaction, kind, name))
    }

    fn decisions(&self, kind: &str) -> Result<Vec<Decision>> {
        self.read(|transaction| {
            decisions(
                transaction,
                "SELECT * FROM decisions AS latest WHERE kind = ?1 AND body IS NOT NULL
                 AND version = (
                     SELECT max(version) FROM decisions
                     WHERE kind = latest.kind AND name = latest.name
                 )
                 ORDER BY name",
                &[&kind],
            )
        })
    }

    fn decision_history(&self, kind: &str, name: &str) -> Result<Vec<Decision>> {
        self.read(|transaction| {
            decisions(
                transaction,
                "SELECT * FROM decisions WHERE kind = ?1 AND name = ?2 ORDER BY version DESC",
                &[&kind, &name],
            )
        })
    }
}

/// The number of the last version of an object; 0 where there never was one.
fn last_version(connection: &Connection<'_>, kind: &str, name: &str) -> Outcome<u32> {
    let version = connection.first(
        "SELECT coalesce(max(version), 0) AS version FROM decisions
         WHERE kind = ?1 AND name = ?2",
        &[&kind, &name],
        |row| row.get("version"),
    )?;
    Ok(version.unwrap_or(0))
}

/// Adds a version, where it follows the last one.
fn supersede(connection: &Connection<'_>, decision: &Decision) -> Outcome<bool> {
    let last = last_version(connection, &decision.kind, &decision.name)?;
    let is_next = last.checked_add(1) == Some(decision.version);
    if is_next {
        insert(connection, decision)?;
    }
    Ok(is_next)
}

fn insert(connection: &Connection<'_>, decision: &Decision) -> Outcome<()> {
    connection.execute(
        "INSERT INTO decisions (kind, name, version, at, author, seal, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            &decision.kind,
            &decision.name,
            &decision.version,
            &decision.at.unix_seconds(),
            &decision.author,
            &seal(decision),
            &decision.body,
        ],
    )?;
    Ok(())
}

/// The latest version of an object, also of one that was removed.
pub(super) fn latest(
    connection: &Connection<'_>,
    kind: &str,
    name: &str,
) -> Outcome<Option<Decision>> {
    connection.first(
        "SELECT * FROM decisions WHERE kind = ?1 AND name = ?2 ORDER BY version DESC LIMIT 1",
        &[&kind, &name],
        read,
    )
}

fn decisions(
    connection: &Connection<'_>,
    sql: &'static str,
    parameters: &[&dyn Parameter],
) -> Outcome<Vec<Decision>> {
    connection.query(sql, parameters, read)
}

fn read(row: &Row<'_>) -> Outcome<Decision> {
    let decision = Decision {
        kind: row.get("kind")?,
        name: row.get("name")?,
        version: row.get("version")?,
        body: row.get("body")?,
        at: timestamp(row, "at")?,
        author: row.get("author")?,
    };
    sealed(row, seal(&decision), "decisions")?;
    Ok(decision)
}

fn seal(decision: &Decision) -> [u8; 32] {
    Encoding::of("decision")
        .text(&decision.kind)
        .text(&decision.name)
        .number(decision.version.into())
        .number(decision.at.unix_seconds())
        .text(&decision.author)
        .optional(decision.body.as_deref().map(str::as_bytes))
        .sha256()
}

/// Reads everything, so that every seal is checked.
pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    connection.each("SELECT * FROM decisions", |row| read(row).map(drop))?;
    Ok(())
}
