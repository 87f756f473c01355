//! The audit chain.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::Store;
use super::column::{limit, timestamp};
use super::fault::{Fault, Outcome};
use crate::audit::{Break, Entry, Event, digest};
use crate::{Audit, Result};

impl Audit for Store {
    fn record(&self, event: &Event) -> Result<Entry> {
        self.write(|transaction| record(transaction, event))
    }

    fn entries(&self, after: u64, most: usize) -> Result<Vec<Entry>> {
        self.read(|transaction| {
            transaction
                .prepare_cached(
                    "SELECT * FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                )?
                .query_and_then((after.min(LAST), limit(most)), read)?
                .collect()
        })
    }

    fn head(&self) -> Result<Option<Entry>> {
        self.read(|transaction| {
            transaction
                .prepare_cached("SELECT * FROM audit ORDER BY sequence DESC LIMIT 1")?
                .query_and_then([], read)?
                .next()
                .transpose()
        })
    }

    fn verify_chain(&self) -> Result<std::result::Result<u64, Break>> {
        self.read_apart(|transaction| verify(transaction))
    }
}

/// The last number that SQLite has.
const LAST: u64 = i64::MAX.unsigned_abs();

/// Adds an event to the chain, in the transaction of what it tells of.
pub(super) fn record(connection: &Connection, event: &Event) -> Outcome<Entry> {
    let (before, previous) = head(connection)?.unwrap_or_default();
    let last: Option<u64> = connection
        .prepare_cached("SELECT max(sequence) AS last FROM audit")?
        .query_row([], |row| row.get("last"))?;
    if last.unwrap_or(0) > before {
        return Err(Fault::Damaged(format!(
            "the audit chain goes on behind entry {before}, which was noted as the last"
        )));
    }
    let sequence = before + 1;
    let entry = Entry {
        sequence,
        event: event.clone(),
        sha256: digest(
            &previous,
            sequence,
            event.at.unix_seconds(),
            [&event.actor, &event.action, &event.subject, &event.details]
                .map(|text| text.as_bytes()),
        ),
    };
    connection
        .prepare_cached(
            "INSERT INTO audit (sequence, at, actor, action, subject, details, sha256)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            sequence,
            event.at.unix_seconds(),
            &event.actor,
            &event.action,
            &event.subject,
            &event.details,
            entry.sha256,
        ))?;
    connection
        .prepare_cached(
            "INSERT INTO audit_head (one, sequence, sha256) VALUES (1, ?1, ?2)
             ON CONFLICT (one) DO UPDATE SET sequence = ?1, sha256 = ?2",
        )?
        .execute((sequence, entry.sha256))?;
    Ok(entry)
}

/// Sequence and digest of the last entry, as noted beside the entries.
fn head(connection: &Connection) -> Outcome<Option<(u64, [u8; 32])>> {
    let head = connection
        .prepare_cached("SELECT sequence, sha256 FROM audit_head")?
        .query_row([], |row| Ok((row.get("sequence")?, row.get("sha256")?)))
        .optional()?;
    Ok(head)
}

/// Looks the whole chain through.
pub(super) fn verify(connection: &Connection) -> Outcome<std::result::Result<u64, Break>> {
    let broken = |sequence, reason: &str| {
        let reason = reason.to_owned();
        Ok(Err(Break { sequence, reason }))
    };
    let mut statement = connection.prepare("SELECT * FROM audit ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    let (mut count, mut previous) = (0, [0; 32]);
    while let Some(row) = rows.next()? {
        let expected = count + 1;
        let sequence: i64 = row.get("sequence")?;
        if u64::try_from(sequence) != Ok(expected) {
            return broken(expected, "this entry is missing");
        }
        // The bytes as they are: text that is no UTF-8 any more is a break, not an error.
        let stored = octets(row, "sha256")?;
        let sha256 = match u64::try_from(row.get::<_, i64>("at")?) {
            Ok(at) => {
                let texts = [
                    octets(row, "actor")?,
                    octets(row, "action")?,
                    octets(row, "subject")?,
                    octets(row, "details")?,
                ];
                digest(&previous, expected, at, texts)
            }
            Err(_) => return broken(expected, "its time is impossible"),
        };
        if stored != sha256 {
            return broken(
                expected,
                "its digest is not that of its content and of the entry before",
            );
        }
        (count, previous) = (expected, sha256);
    }
    match head(connection)?.unwrap_or_default() {
        noted if noted == (count, previous) => Ok(Ok(count)),
        (noted, _) if noted > count => broken(count + 1, "this entry is missing, at the end"),
        _ => broken(count, "it is not the last one that was noted"),
    }
}

fn octets<'a>(row: &'a Row<'_>, column: &str) -> Outcome<&'a [u8]> {
    match row.get_ref(column)? {
        ValueRef::Text(octets) | ValueRef::Blob(octets) => Ok(octets),
        _ => Err(Fault::Damaged(format!("{column} of audit is no text"))),
    }
}

fn read(row: &Row<'_>) -> Outcome<Entry> {
    Ok(Entry {
        sequence: row.get("sequence")?,
        event: Event {
            at: timestamp(row, "at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            subject: row.get("subject")?,
            details: row.get("details")?,
        },
        sha256: row.get("sha256")?,
    })
}
