//! Decisions.

use bulla_pki::Timestamp;
use rusqlite::{Connection, Params, Row};

use super::Store;
use super::column::{sealed, timestamp};
use super::fault::Outcome;
use crate::encoding::Encoding;
use crate::governance::Decision;
use crate::{Governance, Result};

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
            let version = transaction
                .prepare_cached(
                    "SELECT ifnull(max(version), 0) + 1 AS version FROM decisions
                     WHERE kind = ?1 AND name = ?2",
                )?
                .query_row((kind, name), |row| row.get("version"))?;
            let decision = Decision {
                kind: kind.to_owned(),
                name: name.to_owned(),
                version,
                body: body.map(str::to_owned),
                at,
                author: author.to_owned(),
            };
            transaction
                .prepare_cached(
                    "INSERT INTO decisions (kind, name, version, at, author, seal, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    kind,
                    name,
                    version,
                    at.unix_seconds(),
                    author,
                    seal(&decision),
                    body,
                ))?;
            Ok(version)
        })
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
                [kind],
            )
        })
    }

    fn decision_history(&self, kind: &str, name: &str) -> Result<Vec<Decision>> {
        self.read(|transaction| {
            decisions(
                transaction,
                "SELECT * FROM decisions WHERE kind = ?1 AND name = ?2 ORDER BY version DESC",
                (kind, name),
            )
        })
    }
}

/// The latest version of an object, also of one that was removed.
pub(super) fn latest(connection: &Connection, kind: &str, name: &str) -> Outcome<Option<Decision>> {
    connection
        .prepare_cached(
            "SELECT * FROM decisions WHERE kind = ?1 AND name = ?2 ORDER BY version DESC LIMIT 1",
        )?
        .query_and_then((kind, name), read)?
        .next()
        .transpose()
}

fn decisions(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Outcome<Vec<Decision>> {
    connection
        .prepare_cached(sql)?
        .query_and_then(parameters, read)?
        .collect()
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
pub(super) fn check(connection: &Connection) -> Outcome<()> {
    let mut statement = connection.prepare("SELECT * FROM decisions")?;
    for decision in statement.query_and_then([], read)? {
        decision?;
    }
    Ok(())
}
