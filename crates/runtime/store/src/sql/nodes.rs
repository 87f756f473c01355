//! Turns, what was used or is kept for a while, and how far the store has come. Only a database that several nodes share
//! has the tables.

use bulla_pki::Timestamp;

use super::column::timestamp;
use super::connection::Connection;
use super::documents;
use super::fault::Outcome;
use crate::documents::StoredDocument;
use crate::nodes::{Held, Marks, Turn};
use crate::{AnchorId, Nodes, Result, Store};

/// The turn of a node that has the store alone.
const ALONE: Held = Held(0);

impl Nodes for Store {
    fn take_turn(
        &self,
        anchor: AnchorId,
        what: &str,
        known: Option<Timestamp>,
        seconds: u32,
    ) -> Result<Turn> {
        match self.is_shared() {
            false => Ok(Turn::Ours(ALONE)),
            true => self.write(|transaction| take_turn(transaction, anchor, what, known, seconds)),
        }
    }

    fn extend_turn(
        &self,
        anchor: AnchorId,
        what: &str,
        held: Held,
        seconds: u32,
    ) -> Result<Option<Held>> {
        if !self.is_shared() {
            return Ok(Some(ALONE));
        }
        self.write(|transaction| {
            let until = in_seconds(transaction, seconds)?;
            let extended = transaction.execute(
                "UPDATE turns SET until = ?4 WHERE anchor = ?1 AND what = ?2 AND until = ?3",
                &[&anchor.0, &what, &held.0, &until],
            )?;
            Ok((extended == 1).then_some(Held(until)))
        })
    }

    fn end_turn(
        &self,
        anchor: AnchorId,
        what: &str,
        held: Held,
        asked: Option<Timestamp>,
    ) -> Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        self.write(|transaction| {
            let asked = asked.map(|asked| asked.unix_seconds());
            transaction.execute(
                "UPDATE turns SET until = CASE WHEN until = ?3 THEN 0 ELSE until END,
                                  asked = greatest(asked, coalesce(?4, asked))
                 WHERE anchor = ?1 AND what = ?2",
                &[&anchor.0, &what, &held.0, &asked],
            )?;
            Ok(())
        })
    }

    fn use_once(&self, thing: &[u8; 32], until: Timestamp) -> Result<bool> {
        if !self.is_shared() {
            return Ok(true);
        }
        self.write(|transaction| {
            transaction.execute(
                "DELETE FROM used WHERE until < extract(epoch FROM clock_timestamp())",
                &[],
            )?;
            let used = transaction.execute(
                "INSERT INTO used (thing, until)
                 SELECT CAST(?1 AS BYTEA), CAST(?2 AS BIGINT)
                 WHERE CAST(?2 AS BIGINT) >= extract(epoch FROM clock_timestamp())
                 ON CONFLICT (thing) DO NOTHING",
                &[thing, &until.unix_seconds()],
            )?;
            Ok(used == 1)
        })
    }

    fn hold(&self, thing: &[u8; 32], seconds: u32) -> Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.execute(
                "DELETE FROM used WHERE until < extract(epoch FROM clock_timestamp())",
                &[],
            )?;
            transaction.execute(
                "INSERT INTO used (thing, until)
                 VALUES (?1, CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT) + ?2)
                 ON CONFLICT (thing) DO UPDATE SET until = excluded.until",
                &[thing, &seconds],
            )?;
            Ok(())
        })
    }

    fn is_held(&self, thing: &[u8; 32]) -> Result<bool> {
        if !self.is_shared() {
            return Ok(false);
        }
        self.read(|transaction| {
            let held = transaction.first(
                "SELECT until FROM used
                 WHERE thing = ?1 AND until > extract(epoch FROM clock_timestamp())",
                &[thing],
                |row| row.get::<i64>("until"),
            )?;
            Ok(held.is_some())
        })
    }

    fn let_go(&self, thing: &[u8; 32]) -> Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.execute("DELETE FROM used WHERE thing = ?1", &[thing])?;
            Ok(())
        })
    }

    fn marks(&self, anchor: AnchorId) -> Result<Marks> {
        if !self.is_shared() {
            return Ok(Marks::default());
        }
        self.read(|transaction| {
            let marks = transaction.first(
                "SELECT (SELECT coalesce(max(id), 0) FROM documents WHERE anchor = ?1) AS documents,
                        (SELECT CAST(coalesce(sum(id + seen), 0) AS BIGINT) FROM selections
                         WHERE anchor = ?1) AS selections,
                        (SELECT count(*) FROM decisions) AS decisions,
                        (SELECT coalesce(max(id), 0) FROM platforms WHERE anchor = ?1) AS platforms,
                        CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT) AS clock",
                &[&anchor.0],
                |row| {
                    Ok(Marks {
                        documents: row.get("documents")?,
                        selections: row.get("selections")?,
                        decisions: row.get("decisions")?,
                        platforms: row.get("platforms")?,
                        clock: Some(timestamp(row, "clock")?),
                    })
                },
            )?;
            Ok(marks.unwrap_or_default())
        })
    }

    fn documents_after(&self, anchor: AnchorId, number: i64) -> Result<Vec<StoredDocument>> {
        self.read(|transaction| documents::after(transaction, anchor, number))
    }
}

fn take_turn(
    connection: &Connection<'_>,
    anchor: AnchorId,
    what: &str,
    known: Option<Timestamp>,
    seconds: u32,
) -> Outcome<Turn> {
    let kept = connection.first(
        "SELECT asked,
                CAST(CASE WHEN until > extract(epoch FROM clock_timestamp()) THEN 1 ELSE 0 END
                     AS BIGINT) AS is_taken
         FROM turns WHERE anchor = ?1 AND what = ?2",
        &[&anchor.0, &what],
        |row| Ok((timestamp(row, "asked")?, row.get::<i64>("is_taken")? == 1)),
    )?;
    match kept {
        Some((_, true)) => return Ok(Turn::Theirs),
        Some((asked, false)) if asked.unix_seconds() != 0 && known.is_none_or(|it| it < asked) => {
            return Ok(Turn::Asked(asked));
        }
        _ => {}
    }
    let until = in_seconds(connection, seconds)?;
    connection.execute(
        "INSERT INTO turns (anchor, what, asked, until) VALUES (?1, ?2, 0, ?3)
         ON CONFLICT (anchor, what) DO UPDATE SET until = excluded.until",
        &[&anchor.0, &what, &until],
    )?;
    Ok(Turn::Ours(Held(until)))
}

/// The instant so many seconds from now, by the clock of the database.
fn in_seconds(connection: &Connection<'_>, seconds: u32) -> Outcome<i64> {
    let now = connection.first(
        "SELECT CAST(ceil(extract(epoch FROM clock_timestamp())) AS BIGINT) AS now",
        &[],
        |row| row.get::<i64>("now"),
    )?;
    Ok(now.unwrap_or_default().saturating_add(seconds.into()))
}
