//! Platforms.

use bulla_pki::Timestamp;
use bulla_protocol::value::Fmspc;

use super::{read_ca, read_encrypted_ppid, read_id, read_manifest};
use crate::encoding::Encoding;
use crate::fleet::{PckCertificates, Platform, PlatformId};
use crate::sql::column::{limit, sealed, timestamp};
use crate::sql::connection::{Connection, Row};
use crate::sql::fault::{Fault, Outcome};
use crate::{AnchorId, StoreError};

pub(super) fn put(
    connection: &Connection<'_>,
    anchor: AnchorId,
    platform: &Platform,
) -> Outcome<()> {
    let first = connection.first(
        "SELECT registered FROM platforms WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3",
        &[&anchor.0, &platform.id.qe_id, &platform.id.pce_id.0],
        |row| timestamp(row, "registered"),
    )?;
    let platform = Platform {
        registered: first.unwrap_or(platform.registered),
        ..platform.clone()
    };
    connection.execute(
        "INSERT INTO platforms
             (anchor, qe_id, pce_id, fmspc, ca, registered, seal, encrypted_ppid, manifest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (anchor, qe_id, pce_id) DO UPDATE
         SET fmspc = ?4, ca = ?5, seal = ?7, encrypted_ppid = ?8, manifest = ?9",
        &[
            &anchor.0,
            &platform.id.qe_id,
            &platform.id.pce_id.0,
            &platform.fmspc.map(|fmspc| fmspc.0),
            &platform.ca.map(|ca| ca.as_str()),
            &platform.registered.unix_seconds(),
            &seal(anchor, &platform),
            &platform.encrypted_ppid.as_ref().map(|ppid| ppid.0),
            &platform
                .manifest
                .as_ref()
                .map(|manifest| manifest.as_bytes()),
        ],
    )?;
    Ok(())
}

/// Notes what a platform's certificates say of it.
pub(super) fn certified(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
    certificates: &PckCertificates,
) -> Outcome<()> {
    match one(connection, anchor, id)? {
        Some(platform) => put(
            connection,
            anchor,
            &Platform {
                fmspc: Some(certificates.fmspc),
                ca: Some(certificates.ca),
                ..platform
            },
        ),
        None => Err(missing(id)),
    }
}

/// The number of a platform in this store; an error where there is none of this name.
pub(super) fn number(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
) -> Outcome<i64> {
    connection
        .first(
            "SELECT id FROM platforms WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3",
            &[&anchor.0, &id.qe_id, &id.pce_id.0],
            |row| row.get("id"),
        )?
        .ok_or_else(|| missing(id))
}

fn missing(id: &PlatformId) -> Fault {
    Fault::Known(StoreError::NoPlatform {
        qe_id: id.qe_id.clone(),
    })
}

pub(super) fn one(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
) -> Outcome<Option<Platform>> {
    connection.first(
        "SELECT * FROM platforms WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3",
        &[&anchor.0, &id.qe_id, &id.pce_id.0],
        read,
    )
}

pub(super) fn list(
    connection: &Connection<'_>,
    anchor: AnchorId,
    fmspc: Option<Fmspc>,
    after: Option<&PlatformId>,
    most: usize,
) -> Outcome<Vec<Platform>> {
    // No name is empty, so that all of them are behind this one.
    let (qe_id, pce_id) = after.map_or(("", [0; 2]), |after| (&*after.qe_id, after.pce_id.0));
    match fmspc {
        None => connection.query(
            "SELECT * FROM platforms WHERE anchor = ?1 AND (qe_id, pce_id) > (?2, ?3)
         ORDER BY qe_id, pce_id LIMIT ?4",
            &[&anchor.0, &qe_id, &pce_id, &limit(most)],
            read,
        ),
        Some(fmspc) => connection.query(
            "SELECT * FROM platforms
         WHERE anchor = ?1 AND fmspc = ?5 AND (qe_id, pce_id) > (?2, ?3)
         ORDER BY qe_id, pce_id LIMIT ?4",
            &[&anchor.0, &qe_id, &pce_id, &limit(most), &fmspc.0],
            read,
        ),
    }
}

pub(super) fn without_evidence(
    connection: &Connection<'_>,
    anchor: AnchorId,
    after: Option<&PlatformId>,
    most: usize,
) -> Outcome<Vec<Platform>> {
    // No name is empty, so that all of them are behind this one. One that is no bytes in hexadecimal
    // digits is that of no evidence.
    let (qe_id, pce_id) = after.map_or(("", [0; 2]), |after| (&*after.qe_id, after.pce_id.0));
    connection.query(
        "SELECT * FROM platforms WHERE anchor = ?1 AND (qe_id, pce_id) > (?2, ?3)
         AND NOT EXISTS (
             SELECT 1 FROM evidence
             WHERE evidence.anchor = platforms.anchor
               AND evidence.qe_id = unhex(platforms.qe_id)
               AND evidence.pce_id = platforms.pce_id
         )
         ORDER BY qe_id, pce_id LIMIT ?4",
        &[&anchor.0, &qe_id, &pce_id, &limit(most)],
        read,
    )
}

pub(super) fn certified_before(
    connection: &Connection<'_>,
    anchor: AnchorId,
    fmspc: Fmspc,
    before: Timestamp,
    most: usize,
) -> Outcome<Vec<Platform>> {
    connection.query(
        "SELECT platforms.* FROM pck_sets JOIN platforms ON platforms.id = pck_sets.platform
         WHERE anchor = ?1 AND pck_sets.fmspc = ?2 AND arrived < ?3
           AND (encrypted_ppid IS NOT NULL OR manifest IS NOT NULL)
         ORDER BY arrived, qe_id, platforms.pce_id LIMIT ?4",
        &[&anchor.0, &fmspc.0, &before.unix_seconds(), &limit(most)],
        read,
    )
}

pub(super) fn count(connection: &Connection<'_>, anchor: AnchorId) -> Outcome<u64> {
    let count = connection.first(
        "SELECT count(*) AS count FROM platforms WHERE anchor = ?1",
        &[&anchor.0],
        |row| row.get("count"),
    )?;
    Ok(count.unwrap_or(0))
}

pub(super) fn families(connection: &Connection<'_>, anchor: AnchorId) -> Outcome<Vec<Fmspc>> {
    connection.query(
        "SELECT DISTINCT fmspc FROM platforms
         WHERE anchor = ?1 AND fmspc IS NOT NULL ORDER BY fmspc",
        &[&anchor.0],
        |row| Ok(Fmspc(row.get("fmspc")?)),
    )
}

/// Removes a platform and all that hangs on it; `false` where there is none of this name.
pub(super) fn remove(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
) -> Outcome<bool> {
    let removed = connection.execute(
        "DELETE FROM platforms WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3",
        &[&anchor.0, &id.qe_id, &id.pce_id.0],
    )?;
    Ok(removed != 0)
}

fn read(row: &Row<'_>) -> Outcome<Platform> {
    let fmspc: Option<[u8; 6]> = row.get("fmspc")?;
    let platform = Platform {
        id: read_id(row)?,
        encrypted_ppid: read_encrypted_ppid(row)?,
        manifest: read_manifest(row)?,
        fmspc: fmspc.map(Fmspc),
        ca: read_ca(row)?,
        registered: timestamp(row, "registered")?,
    };
    let anchor = AnchorId(row.get("anchor")?);
    sealed(row, seal(anchor, &platform), "platforms")?;
    Ok(platform)
}

fn seal(anchor: AnchorId, platform: &Platform) -> [u8; 32] {
    Encoding::of("platform")
        .bytes(&anchor.0)
        .text(&platform.id.qe_id)
        .bytes(&platform.id.pce_id.0)
        .optional(
            platform
                .encrypted_ppid
                .as_ref()
                .map(|ppid| ppid.0.as_slice()),
        )
        .optional(
            platform
                .manifest
                .as_ref()
                .map(|manifest| manifest.as_bytes()),
        )
        .optional(platform.fmspc.as_ref().map(|fmspc| fmspc.0.as_slice()))
        .optional(platform.ca.map(|ca| ca.as_str().as_bytes()))
        .number(platform.registered.unix_seconds())
        .sha256()
}

pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    connection.each("SELECT * FROM platforms", |row| read(row).map(drop))?;
    Ok(())
}
