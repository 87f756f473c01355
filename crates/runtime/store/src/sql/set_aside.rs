//! What was refused: kept for inspection, in bounds that somebody hostile cannot move.

use bulla_pki::Timestamp;
use bulla_pki::digest::sha256;

use super::column::{limit, sealed, timestamp};
use super::connection::{Connection, Row};
use super::fault::Outcome;
use crate::AnchorId;
use crate::documents::{
    SET_ASIDE_BODY, SET_ASIDE_BYTES, SET_ASIDE_COUNT, SET_ASIDE_TEXT, SetAside,
};
use crate::encoding::Encoding;

/// Keeps a refusal, in place of an equal body for the same place.
pub(super) fn put(
    connection: &Connection<'_>,
    anchor: AnchorId,
    refused: &SetAside,
) -> Outcome<()> {
    let refused = bounded(refused);
    let digest = sha256(&refused.body);
    let texts = [
        &refused.source,
        &refused.what,
        &refused.code,
        &refused.reason,
    ];
    let size = refused.body.len() + texts.map(String::len).iter().sum::<usize>();
    connection.execute(
        "DELETE FROM set_aside WHERE anchor = ?1 AND what = ?2 AND body_sha256 = ?3",
        &[&anchor.0, &refused.what, &digest],
    )?;
    connection.execute(
        "INSERT INTO set_aside
             (anchor, what, body_sha256, arrived, size, source, code, reason, seal, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        &[
            &anchor.0,
            &refused.what,
            &digest,
            &refused.arrived.unix_seconds(),
            &limit(size),
            &refused.source,
            &refused.code,
            &refused.reason,
            &seal(anchor, &refused),
            &refused.body,
        ],
    )?;
    keep_latest(connection, SET_ASIDE_COUNT, SET_ASIDE_BYTES)?;
    Ok(())
}

/// Removes the oldest refusals, whatever their anchor, until at most `count` with at most `bytes`
/// are left; gives how many were removed.
pub(super) fn keep_latest(connection: &Connection<'_>, count: u64, bytes: u64) -> Outcome<usize> {
    connection.execute(
        "DELETE FROM set_aside WHERE id <= (
             SELECT max(id) FROM (
                 SELECT id,
                        row_number() OVER (ORDER BY id DESC) AS place,
                        sum(size) OVER (ORDER BY id DESC) AS total
                 FROM set_aside
             ) AS ranked
             WHERE place > CAST(?1 AS BIGINT) OR total > CAST(?2 AS BIGINT)
         )",
        &[&count, &bytes],
    )
}

/// Removes the refusals that arrived before an instant; gives how many there were.
pub(super) fn keep_since(
    connection: &Connection<'_>,
    anchor: AnchorId,
    oldest: Timestamp,
) -> Outcome<usize> {
    connection.execute(
        "DELETE FROM set_aside WHERE anchor = ?1 AND arrived < ?2",
        &[&anchor.0, &oldest.unix_seconds()],
    )
}

/// Refusals, latest first.
pub(super) fn latest(
    connection: &Connection<'_>,
    anchor: AnchorId,
    most: usize,
) -> Outcome<Vec<SetAside>> {
    connection.query(
        "SELECT * FROM set_aside WHERE anchor = ?1 ORDER BY id DESC LIMIT ?2",
        &[&anchor.0, &limit(most)],
        read,
    )
}

/// Reads everything, so that every seal is checked.
pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    connection.each("SELECT * FROM set_aside", |row| read(row).map(drop))?;
    Ok(())
}

fn bounded(refused: &SetAside) -> SetAside {
    let text = |text: &str| {
        let mut length = 0;
        text.chars()
            .take_while(|character| {
                length += character.len_utf8();
                length <= SET_ASIDE_TEXT
            })
            .collect()
    };
    let size = refused.body.len();
    let (body, reason) = match refused.body.get(..SET_ASIDE_BODY) {
        Some(beginning) if size > SET_ASIDE_BODY => {
            let cut = format!("[the first {SET_ASIDE_BODY} of {size} bytes are kept] ");
            (beginning, cut + &refused.reason)
        }
        _ => (refused.body.as_slice(), refused.reason.clone()),
    };
    SetAside {
        arrived: refused.arrived,
        source: text(&refused.source),
        what: text(&refused.what),
        code: text(&refused.code),
        reason: text(&reason),
        body: body.to_vec(),
    }
}

fn read(row: &Row<'_>) -> Outcome<SetAside> {
    let refused = SetAside {
        arrived: timestamp(row, "arrived")?,
        source: row.get("source")?,
        what: row.get("what")?,
        code: row.get("code")?,
        reason: row.get("reason")?,
        body: row.get("body")?,
    };
    let anchor = AnchorId(row.get("anchor")?);
    sealed(row, seal(anchor, &refused), "set_aside")?;
    Ok(refused)
}

fn seal(anchor: AnchorId, refused: &SetAside) -> [u8; 32] {
    Encoding::of("set aside")
        .bytes(&anchor.0)
        .number(refused.arrived.unix_seconds())
        .text(&refused.source)
        .text(&refused.what)
        .text(&refused.code)
        .text(&refused.reason)
        .bytes(&refused.body)
        .sha256()
}
