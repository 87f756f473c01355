//! The last quote of each platform and technology.

use bulla_protocol::value::{Fmspc, PceId};

use crate::AnchorId;
use crate::encoding::Encoding;
use crate::fleet::{Evidence, PlatformId};
use crate::sql::column::{limit, sealed, timestamp};
use crate::sql::connection::{Connection, Row};
use crate::sql::fault::Outcome;

/// Keeps evidence, unless there is some that arrived later.
pub(super) fn put(
    connection: &Connection<'_>,
    anchor: AnchorId,
    evidence: &Evidence,
) -> Outcome<()> {
    connection.execute(
        "INSERT INTO evidence
             (anchor, ppid, tee, pce_id, qe_id, fmspc, arrived, tcb_status, seal, quote)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (anchor, ppid, tee) DO UPDATE
         SET pce_id = ?4, qe_id = ?5, fmspc = ?6, arrived = ?7, tcb_status = ?8, seal = ?9,
             quote = ?10
         WHERE evidence.arrived <= ?7",
        &[
            &anchor.0,
            &evidence.ppid,
            &evidence.tee,
            &evidence.pce_id.0,
            &evidence.qe_id,
            &evidence.fmspc.0,
            &evidence.arrived.unix_seconds(),
            &evidence.tcb_status,
            &seal(anchor, evidence),
            &evidence.quote,
        ],
    )?;
    Ok(())
}

/// Removes the evidence of a platform: that whose QE-ID is its name.
pub(super) fn remove(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
) -> Outcome<()> {
    connection.execute(
        "DELETE FROM evidence WHERE anchor = ?1 AND hex(qe_id) = ?2 AND pce_id = ?3",
        &[&anchor.0, &id.qe_id, &id.pce_id.0],
    )?;
    Ok(())
}

pub(super) fn one(
    connection: &Connection<'_>,
    anchor: AnchorId,
    ppid: &[u8; 16],
    tee: &str,
) -> Outcome<Option<Evidence>> {
    connection.first(
        "SELECT * FROM evidence WHERE anchor = ?1 AND ppid = ?2 AND tee = ?3",
        &[&anchor.0, ppid, &tee],
        read,
    )
}

pub(super) fn under(
    connection: &Connection<'_>,
    anchor: AnchorId,
    qe_id: &[u8; 16],
) -> Outcome<Vec<Evidence>> {
    connection.query(
        "SELECT * FROM evidence WHERE anchor = ?1 AND qe_id = ?2 ORDER BY ppid, tee",
        &[&anchor.0, qe_id],
        read,
    )
}

pub(super) fn list(
    connection: &Connection<'_>,
    anchor: AnchorId,
    after: Option<(&[u8; 16], &str)>,
    most: usize,
) -> Outcome<Vec<Evidence>> {
    // No technology is called nothing, so that all evidence is behind this one.
    let (ppid, tee) = after.unwrap_or((&[0; 16], ""));
    connection.query(
        "SELECT * FROM evidence WHERE anchor = ?1 AND (ppid, tee) > (?2, ?3)
         ORDER BY ppid, tee LIMIT ?4",
        &[&anchor.0, &ppid, &tee, &limit(most)],
        read,
    )
}

fn read(row: &Row<'_>) -> Outcome<Evidence> {
    let evidence = Evidence {
        ppid: row.get("ppid")?,
        pce_id: PceId(row.get("pce_id")?),
        qe_id: row.get("qe_id")?,
        fmspc: Fmspc(row.get("fmspc")?),
        tee: row.get("tee")?,
        quote: row.get("quote")?,
        arrived: timestamp(row, "arrived")?,
        tcb_status: row.get("tcb_status")?,
    };
    let anchor = AnchorId(row.get("anchor")?);
    sealed(row, seal(anchor, &evidence), "evidence")?;
    Ok(evidence)
}

fn seal(anchor: AnchorId, evidence: &Evidence) -> [u8; 32] {
    Encoding::of("evidence")
        .bytes(&anchor.0)
        .bytes(&evidence.ppid)
        .text(&evidence.tee)
        .bytes(&evidence.pce_id.0)
        .bytes(&evidence.qe_id)
        .bytes(&evidence.fmspc.0)
        .number(evidence.arrived.unix_seconds())
        .text(&evidence.tcb_status)
        .bytes(&evidence.quote)
        .sha256()
}

/// Reads everything, so that every seal is checked.
pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    connection.each("SELECT * FROM evidence", |row| read(row).map(drop))?;
    Ok(())
}
