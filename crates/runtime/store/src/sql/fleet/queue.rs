//! Who waits for certificates from outside.

use bulla_pki::Timestamp;
use bulla_protocol::value::{CpuSvn, PceSvn, PlatformManifest};

use super::{read_encrypted_ppid, read_id, read_manifest};
use crate::AnchorId;
use crate::encoding::Encoding;
use crate::fleet::{PlatformId, Registration, RegistrationState};
use crate::sql::column::{limit, sealed};
use crate::sql::connection::{Connection, Row};
use crate::sql::fault::Outcome;

/// Queues a registration, or puts it in place of the one with its name and TCB. A lease ends where
/// the state changes. With a manifest those with another go: a machine has one at a time.
pub(super) fn put(
    connection: &Connection<'_>,
    anchor: AnchorId,
    registration: &Registration,
    state: RegistrationState,
    at: Timestamp,
) -> Outcome<()> {
    let pce_svn = registration.pce_svn.map(|svn| svn.0);
    let cpu_svn = registration.cpu_svn.map(|svn| svn.0);
    let seal = seal(anchor, registration, name(state));
    let encrypted_ppid = registration.encrypted_ppid.as_ref().map(|ppid| ppid.0);
    let manifest = registration
        .manifest
        .as_ref()
        .map(|manifest| manifest.as_bytes());
    if manifest.is_some() {
        connection.execute(
            "DELETE FROM registrations
             WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3 AND manifest <> ?4",
            &[
                &anchor.0,
                &registration.id.qe_id,
                &registration.id.pce_id.0,
                &manifest,
            ],
        )?;
    }
    let replaced = connection.execute(
        "UPDATE registrations SET
             leased_until = CASE WHEN state = ?6 THEN leased_until ELSE 0 END,
             state = ?6, seal = ?7, encrypted_ppid = ?8, manifest = ?9
         WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3
           AND cpu_svn IS NOT DISTINCT FROM ?4 AND pce_svn IS NOT DISTINCT FROM ?5",
        &[
            &anchor.0,
            &registration.id.qe_id,
            &registration.id.pce_id.0,
            &cpu_svn,
            &pce_svn,
            &name(state),
            &seal,
            &encrypted_ppid,
            &manifest,
        ],
    )?;
    if replaced == 0 {
        connection.execute(
            "INSERT INTO registrations
                 (anchor, qe_id, pce_id, cpu_svn, pce_svn, state, queued, seal, encrypted_ppid,
                  manifest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                &anchor.0,
                &registration.id.qe_id,
                &registration.id.pce_id.0,
                &cpu_svn,
                &pce_svn,
                &name(state),
                &at.unix_seconds(),
                &seal,
                &encrypted_ppid,
                &manifest,
            ],
        )?;
    }
    Ok(())
}

/// Takes all registrations in a state that nobody has, in the order in which they were queued.
pub(super) fn lease(
    connection: &Connection<'_>,
    anchor: AnchorId,
    state: RegistrationState,
    now: Timestamp,
    until: Timestamp,
) -> Outcome<Vec<Registration>> {
    let registrations = connection.query(
        "SELECT * FROM registrations
         WHERE anchor = ?1 AND state = ?2 AND leased_until <= ?3 ORDER BY id",
        &[&anchor.0, &name(state), &now.unix_seconds()],
        read,
    )?;
    connection.execute(
        "UPDATE registrations SET leased_until = ?4
         WHERE anchor = ?1 AND state = ?2 AND leased_until <= ?3",
        &[
            &anchor.0,
            &name(state),
            &now.unix_seconds(),
            &until.unix_seconds(),
        ],
    )?;
    Ok(registrations)
}

/// The last registration of a platform that has something to ask with.
pub(super) fn last(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
) -> Outcome<Option<Registration>> {
    connection.first(
        "SELECT * FROM registrations
         WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3
           AND (encrypted_ppid IS NOT NULL OR manifest IS NOT NULL)
         ORDER BY id DESC LIMIT 1",
        &[&anchor.0, &id.qe_id, &id.pce_id.0],
        read,
    )
}

/// The last registration in a state of each platform that nobody has and that has something to ask
/// with, in the order in which they were queued.
pub(super) fn list(
    connection: &Connection<'_>,
    anchor: AnchorId,
    state: RegistrationState,
    now: Timestamp,
    most: usize,
) -> Outcome<Vec<Registration>> {
    connection.query(
        "SELECT * FROM registrations WHERE id IN (
             SELECT max(id) FROM registrations
             WHERE anchor = ?1 AND state = ?2 AND leased_until <= ?3
               AND (encrypted_ppid IS NOT NULL OR manifest IS NOT NULL)
             GROUP BY qe_id, pce_id)
         ORDER BY id LIMIT ?4",
        &[&anchor.0, &name(state), &now.unix_seconds(), &limit(most)],
        read,
    )
}

/// Removes a platform's registrations: where a manifest is given those with it and those with none, else
/// all of them.
pub(super) fn answered(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
    manifest: Option<&PlatformManifest>,
) -> Outcome<()> {
    match manifest {
        None => return remove(connection, anchor, id),
        Some(manifest) => connection.execute(
            "DELETE FROM registrations
             WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3
               AND (manifest IS NULL OR manifest = ?4)",
            &[&anchor.0, &id.qe_id, &id.pce_id.0, &manifest.as_bytes()],
        )?,
    };
    Ok(())
}

/// Removes all registrations of a platform.
pub(super) fn remove(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
) -> Outcome<()> {
    connection.execute(
        "DELETE FROM registrations WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3",
        &[&anchor.0, &id.qe_id, &id.pce_id.0],
    )?;
    Ok(())
}

pub(super) fn length(connection: &Connection<'_>, anchor: AnchorId) -> Outcome<u64> {
    let count = connection.first(
        "SELECT count(*) AS count FROM registrations WHERE anchor = ?1",
        &[&anchor.0],
        |row| row.get("count"),
    )?;
    Ok(count.unwrap_or(0))
}

const fn name(state: RegistrationState) -> &'static str {
    match state {
        RegistrationState::New => "new",
        RegistrationState::NotAvailable => "not-available",
    }
}

fn read(row: &Row<'_>) -> Outcome<Registration> {
    let cpu_svn: Option<[u8; 16]> = row.get("cpu_svn")?;
    let pce_svn: Option<u16> = row.get("pce_svn")?;
    let registration = Registration {
        id: read_id(row)?,
        cpu_svn: cpu_svn.map(CpuSvn),
        pce_svn: pce_svn.map(PceSvn),
        encrypted_ppid: read_encrypted_ppid(row)?,
        manifest: read_manifest(row)?,
    };
    let state: String = row.get("state")?;
    let anchor = AnchorId(row.get("anchor")?);
    sealed(row, seal(anchor, &registration, &state), "registrations")?;
    Ok(registration)
}

fn seal(anchor: AnchorId, registration: &Registration, state: &str) -> [u8; 32] {
    let pce_svn = registration.pce_svn.map(|svn| svn.0.to_be_bytes());
    Encoding::of("registration")
        .bytes(&anchor.0)
        .text(&registration.id.qe_id)
        .bytes(&registration.id.pce_id.0)
        .optional(registration.cpu_svn.as_ref().map(|svn| svn.0.as_slice()))
        .optional(pce_svn.as_ref().map(<[u8; 2]>::as_slice))
        .optional(
            registration
                .encrypted_ppid
                .as_ref()
                .map(|ppid| ppid.0.as_slice()),
        )
        .optional(
            registration
                .manifest
                .as_ref()
                .map(|manifest| manifest.as_bytes()),
        )
        .text(state)
        .sha256()
}

/// Reads everything, so that every seal is checked.
pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    connection.each("SELECT * FROM registrations", |row| read(row).map(drop))?;
    Ok(())
}
