//! The audit chain.

use super::column::{limit, timestamp};
use super::connection::{Connection, Row};
use super::fault::{Fault, Outcome};
use crate::audit::{Break, Entry, Event, digest};
use crate::{Audit, Result, Store};

impl Audit for Store {
    fn record(&self, event: &Event) -> Result<Entry> {
        self.write(|transaction| record(transaction, event))
    }

    fn entries(&self, after: u64, most: usize) -> Result<Vec<Entry>> {
        self.read(|transaction| {
            transaction.query(
                "SELECT * FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                &[&after.min(LAST), &limit(most)],
                read,
            )
        })
    }

    fn head(&self) -> Result<Option<Entry>> {
        self.read(|transaction| {
            transaction.first(
                "SELECT * FROM audit ORDER BY sequence DESC LIMIT 1",
                &[],
                read,
            )
        })
    }

    fn verify_chain(&self) -> Result<std::result::Result<u64, Break>> {
        self.read_apart(verify)
    }
}

/// The last number that a column holds.
const LAST: u64 = i64::MAX.unsigned_abs();

/// Adds an event to the chain, in the transaction of what it tells of.
pub(super) fn record(connection: &Connection<'_>, event: &Event) -> Outcome<Entry> {
    let (before, previous) = head(connection)?.unwrap_or_default();
    let last: Option<u64> = connection
        .first("SELECT max(sequence) AS last FROM audit", &[], |row| {
            row.get("last")
        })?
        .flatten();
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
    connection.execute(
        "INSERT INTO audit (sequence, at, actor, action, subject, details, sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            &sequence,
            &event.at.unix_seconds(),
            &event.actor,
            &event.action,
            &event.subject,
            &event.details,
            &entry.sha256,
        ],
    )?;
    connection.execute(
        "INSERT INTO audit_head (one, sequence, sha256) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET sequence = ?1, sha256 = ?2",
        &[&sequence, &entry.sha256],
    )?;
    Ok(entry)
}

/// Sequence and digest of the last entry, as noted beside the entries.
fn head(connection: &Connection<'_>) -> Outcome<Option<(u64, [u8; 32])>> {
    let head = connection.first("SELECT sequence, sha256 FROM audit_head", &[], |row| {
        Ok((row.get("sequence")?, row.get("sha256")?))
    })?;
    Ok(head)
}

/// Looks the whole chain through.
pub(super) fn verify(connection: &Connection<'_>) -> Outcome<std::result::Result<u64, Break>> {
    let mut count = 0;
    let mut previous = [0; 32];
    let mut found = None;
    connection.each("SELECT * FROM audit ORDER BY sequence", |row| {
        if found.is_some() {
            return Ok(());
        }
        match link(row, count + 1, &previous)? {
            Ok(sha256) => (count, previous) = (count + 1, sha256),
            Err(broken) => found = Some(broken),
        }
        Ok(())
    })?;
    if let Some(broken) = found {
        return Ok(Err(broken));
    }
    match head(connection)?.unwrap_or_default() {
        noted if noted == (count, previous) => Ok(Ok(count)),
        (noted, _) if noted > count => Ok(broken(count + 1, "this entry is missing, at the end")),
        _ => Ok(broken(count, "it is not the last one that was noted")),
    }
}

/// The digest of the entry that is expected here, if it is this one.
fn link(
    row: &Row<'_>,
    expected: u64,
    previous: &[u8; 32],
) -> Outcome<std::result::Result<[u8; 32], Break>> {
    let sequence: i64 = row.get("sequence")?;
    if u64::try_from(sequence) != Ok(expected) {
        return Ok(broken(expected, "this entry is missing"));
    }
    let Ok(at) = u64::try_from(row.get::<i64>("at")?) else {
        return Ok(broken(expected, "its time is impossible"));
    };
    // The bytes as they are: text that is no UTF-8 any more is a break, not an error.
    let texts = [
        &*row.octets("actor")?,
        &*row.octets("action")?,
        &*row.octets("subject")?,
        &*row.octets("details")?,
    ];
    let sha256 = digest(previous, expected, at, texts);
    match *row.octets("sha256")? == sha256 {
        true => Ok(Ok(sha256)),
        false => Ok(broken(
            expected,
            "its digest is not that of its content and of the entry before",
        )),
    }
}

fn broken<T>(sequence: u64, reason: &str) -> std::result::Result<T, Break> {
    Err(Break {
        sequence,
        reason: reason.to_owned(),
    })
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
