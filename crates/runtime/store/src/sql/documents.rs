//! Documents and selections.

use bulla_collateral::{Selector, Series, Slot};
use bulla_pki::{Timestamp, Window};

use super::column::{limit, parsed, sealed, timestamp};
use super::connection::{Connection, Row};
use super::fault::{Fault, Outcome};
use super::set_aside;
use super::value::Parameter;
use crate::Store;
use crate::documents::{NewDocument, Selection, SetAside, StoredDocument};
use crate::encoding::Encoding;
use crate::{AnchorId, Documents, Result};

impl Documents for Store {
    fn add_document(
        &self,
        anchor: AnchorId,
        document: &NewDocument,
        selections: &[Selection],
    ) -> Result<i64> {
        self.write(|transaction| {
            for selection in selections {
                select(transaction, anchor, selection)?;
            }
            add(transaction, anchor, document)
        })
    }

    fn latest_documents(&self, anchor: AnchorId) -> Result<Vec<StoredDocument>> {
        self.read(|transaction| {
            documents(
                transaction,
                "SELECT documents.* FROM (SELECT DISTINCT slot FROM documents WHERE anchor = ?1) AS own
                 JOIN documents ON documents.id = (
                     SELECT id FROM documents AS issue
                     WHERE issue.anchor = ?1 AND issue.slot = own.slot
                     ORDER BY valid_from DESC, id DESC LIMIT 1
                 )
                 ORDER BY own.slot",
                &[&anchor.0],
            )
        })
    }

    fn selections(&self, anchor: AnchorId) -> Result<Vec<Selection>> {
        self.read(|transaction| {
            selections(
                transaction,
                "SELECT * FROM selections WHERE id IN (
                     SELECT max(id) FROM selections WHERE anchor = ?1 GROUP BY series, selector
                 )
                 ORDER BY series, selector",
                &[&anchor.0],
            )
        })
    }

    fn selection_history(&self, anchor: AnchorId, series: Series) -> Result<Vec<Selection>> {
        self.read(|transaction| {
            selections(
                transaction,
                "SELECT * FROM selections WHERE anchor = ?1 AND series = ?2 ORDER BY id DESC",
                &[&anchor.0, &series.to_string()],
            )
        })
    }

    fn document_history(
        &self,
        anchor: AnchorId,
        slot: Slot,
        most: usize,
    ) -> Result<Vec<StoredDocument>> {
        self.read(|transaction| {
            documents(
                transaction,
                "SELECT * FROM documents WHERE anchor = ?1 AND slot = ?2
                 ORDER BY valid_from DESC, id DESC LIMIT ?3",
                &[&anchor.0, &slot.to_string(), &limit(most)],
            )
        })
    }

    fn document_at(
        &self,
        anchor: AnchorId,
        slot: Slot,
        at: Timestamp,
    ) -> Result<Option<StoredDocument>> {
        self.read(|transaction| {
            let mut found = documents(
                transaction,
                "SELECT * FROM documents WHERE anchor = ?1 AND slot = ?2 AND arrived <= ?3
                 ORDER BY valid_from DESC, id DESC LIMIT 1",
                &[&anchor.0, &slot.to_string(), &at.unix_seconds()],
            )?;
            Ok(found.pop())
        })
    }

    fn set_aside(&self, anchor: AnchorId, refused: &SetAside) -> Result<()> {
        self.write(|transaction| set_aside::put(transaction, anchor, refused))
    }

    fn all_set_aside(&self, anchor: AnchorId, most: usize) -> Result<Vec<SetAside>> {
        self.read(|transaction| set_aside::latest(transaction, anchor, most))
    }
}

/// The documents behind a number, in the order of their numbers.
pub(super) fn after(
    connection: &Connection<'_>,
    anchor: AnchorId,
    number: i64,
) -> Outcome<Vec<StoredDocument>> {
    documents(
        connection,
        "SELECT * FROM documents WHERE anchor = ?1 AND id > ?2 ORDER BY id",
        &[&anchor.0, &number],
    )
}

/// Keeps a document, or finds the one that is there already; gives its number.
pub(crate) fn add(
    connection: &Connection<'_>,
    anchor: AnchorId,
    document: &NewDocument,
) -> Outcome<i64> {
    let slot = document.slot.to_string();
    let known = connection.first(
        "SELECT id FROM documents WHERE anchor = ?1 AND slot = ?2 AND sha256 = ?3",
        &[&anchor.0, &slot, &document.sha256],
        |row| row.get("id"),
    )?;
    if let Some(id) = known {
        return Ok(id);
    }
    let added = connection.first(
        "INSERT INTO documents
             (anchor, slot, sha256, valid_from, valid_until, arrived, source, seal, issuer_chain, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id",
        &[
            &anchor.0,
            &slot,
            &document.sha256,
            &document.window.from.unix_seconds(),
            &document.window.until.unix_seconds(),
            &document.arrived.unix_seconds(),
            &document.source,
            &seal(anchor, document),
            &document.issuer_chain,
            &document.body,
        ],
        |row| row.get("id"),
    )?;
    added.ok_or_else(|| Fault::Refused("a document got no number".to_owned()))
}

/// Makes a selection the present one. One that says the same number as the present one only shows
/// that it is still so.
fn select(connection: &Connection<'_>, anchor: AnchorId, selection: &Selection) -> Outcome<()> {
    let series = selection.series.to_string();
    let selector = selection.selector.as_str();
    let present = connection.first(
        "SELECT * FROM selections WHERE anchor = ?1 AND series = ?2 AND selector = ?3
         ORDER BY id DESC LIMIT 1",
        &[&anchor.0, &series, &selector],
        |row| -> Outcome<_> { Ok((row.get::<i64>("id")?, read_selection(row)?)) },
    )?;
    match present {
        Some((id, mut present)) if present.number == selection.number => {
            present.seen = present.seen.max(selection.seen);
            connection.execute(
                "UPDATE selections SET seen = ?2, seal = ?3 WHERE id = ?1",
                &[
                    &id,
                    &present.seen.unix_seconds(),
                    &selection_seal(anchor, &present),
                ],
            )?;
        }
        _ => {
            connection.execute(
                "INSERT INTO selections (anchor, series, selector, number, since, seen, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                &[
                    &anchor.0,
                    &series,
                    &selector,
                    &selection.number,
                    &selection.since.unix_seconds(),
                    &selection.seen.unix_seconds(),
                    &selection_seal(anchor, selection),
                ],
            )?;
        }
    }
    Ok(())
}

fn documents(
    connection: &Connection<'_>,
    sql: &'static str,
    parameters: &[&dyn Parameter],
) -> Outcome<Vec<StoredDocument>> {
    connection.query(sql, parameters, read_document)
}

fn selections(
    connection: &Connection<'_>,
    sql: &'static str,
    parameters: &[&dyn Parameter],
) -> Outcome<Vec<Selection>> {
    connection.query(sql, parameters, read_selection)
}

fn read_document(row: &Row<'_>) -> Outcome<StoredDocument> {
    let document = NewDocument {
        slot: parsed(row, "slot")?,
        body: row.get("body")?,
        sha256: row.get("sha256")?,
        issuer_chain: row.get("issuer_chain")?,
        window: Window {
            from: timestamp(row, "valid_from")?,
            until: timestamp(row, "valid_until")?,
        },
        arrived: timestamp(row, "arrived")?,
        source: row.get("source")?,
    };
    let anchor = AnchorId(row.get("anchor")?);
    sealed(row, seal(anchor, &document), "documents")?;
    let id = row.get("id")?;
    Ok(StoredDocument { id, document })
}

fn read_selection(row: &Row<'_>) -> Outcome<Selection> {
    let selector: String = row.get("selector")?;
    let selection = Selection {
        series: parsed(row, "series")?,
        selector: [Selector::Standard, Selector::Early]
            .into_iter()
            .find(|known| known.as_str() == selector)
            .ok_or_else(|| Fault::Damaged(format!("selector {selector:?}")))?,
        number: row.get("number")?,
        since: timestamp(row, "since")?,
        seen: timestamp(row, "seen")?,
    };
    let anchor = AnchorId(row.get("anchor")?);
    sealed(row, selection_seal(anchor, &selection), "selections")?;
    Ok(selection)
}

fn seal(anchor: AnchorId, document: &NewDocument) -> [u8; 32] {
    Encoding::of("document")
        .bytes(&anchor.0)
        .text(&document.slot.to_string())
        .bytes(&document.sha256)
        .number(document.window.from.unix_seconds())
        .number(document.window.until.unix_seconds())
        .number(document.arrived.unix_seconds())
        .text(&document.source)
        .bytes(&document.issuer_chain)
        .bytes(&document.body)
        .sha256()
}

fn selection_seal(anchor: AnchorId, selection: &Selection) -> [u8; 32] {
    Encoding::of("selection")
        .bytes(&anchor.0)
        .text(&selection.series.to_string())
        .text(selection.selector.as_str())
        .number(selection.number.into())
        .number(selection.since.unix_seconds())
        .number(selection.seen.unix_seconds())
        .sha256()
}

/// Reads everything, so that every seal is checked.
pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    connection.each("SELECT * FROM documents", |row| {
        read_document(row).map(drop)
    })?;
    connection.each("SELECT * FROM selections", |row| {
        read_selection(row).map(drop)
    })?;
    Ok(())
}
