//! Who waits for certificates from outside.

use bulla_pki::Timestamp;
use bulla_protocol::value::{CpuSvn, PceSvn};
use rusqlite::{Connection, Row};

use super::{read_encrypted_ppid, read_id, read_manifest};
use crate::AnchorId;
use crate::encoding::Encoding;
use crate::fleet::{PlatformId, Registration, RegistrationState};
use crate::sqlite::column::sealed;
use crate::sqlite::fault::Outcome;

/// Queues a registration, or puts it in place of the one with its name and TCB. A lease ends where
/// the state changes.
pub(super) fn put(
    connection: &Connection,
    anchor: AnchorId,
    registration: &Registration,
    state: RegistrationState,
    at: Timestamp,
) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT INTO registrations
                 (anchor, qe_id, pce_id, cpu_svn, pce_svn, state, queued, seal, encrypted_ppid,
                  manifest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (anchor, qe_id, pce_id, ifnull(cpu_svn, x''), ifnull(pce_svn, -1))
             DO UPDATE SET
                 leased_until = iif(state = ?6, leased_until, 0),
                 state = ?6, seal = ?8, encrypted_ppid = ?9, manifest = ?10",
        )?
        .execute((
            anchor.0,
            &registration.id.qe_id,
            registration.id.pce_id.0,
            registration.cpu_svn.map(|svn| svn.0),
            registration.pce_svn.map(|svn| svn.0),
            name(state),
            at.unix_seconds(),
            seal(anchor, registration, name(state)),
            registration.encrypted_ppid.as_ref().map(|ppid| ppid.0),
            registration
                .manifest
                .as_ref()
                .map(|manifest| manifest.as_bytes()),
        ))?;
    Ok(())
}

/// Takes all registrations in a state that nobody has, in the order in which they were queued.
pub(super) fn lease(
    connection: &Connection,
    anchor: AnchorId,
    state: RegistrationState,
    now: Timestamp,
    until: Timestamp,
) -> Outcome<Vec<Registration>> {
    let free = (anchor.0, name(state), now.unix_seconds());
    let registrations: Vec<Registration> = connection
        .prepare_cached(
            "SELECT * FROM registrations
             WHERE anchor = ?1 AND state = ?2 AND leased_until <= ?3 ORDER BY id",
        )?
        .query_and_then(free, read)?
        .collect::<Outcome<_>>()?;
    connection
        .prepare_cached(
            "UPDATE registrations SET leased_until = ?4
             WHERE anchor = ?1 AND state = ?2 AND leased_until <= ?3",
        )?
        .execute((free.0, free.1, free.2, until.unix_seconds()))?;
    Ok(registrations)
}

/// Removes all registrations of a platform.
pub(super) fn remove(connection: &Connection, anchor: AnchorId, id: &PlatformId) -> Outcome<()> {
    connection
        .prepare_cached(
            "DELETE FROM registrations WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3",
        )?
        .execute((anchor.0, &id.qe_id, id.pce_id.0))?;
    Ok(())
}

pub(super) fn length(connection: &Connection, anchor: AnchorId) -> Outcome<u64> {
    let count = connection
        .prepare_cached("SELECT count(*) AS count FROM registrations WHERE anchor = ?1")?
        .query_row([anchor.0], |row| row.get("count"))?;
    Ok(count)
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
pub(super) fn check(connection: &Connection) -> Outcome<()> {
    let mut statement = connection.prepare("SELECT * FROM registrations")?;
    for registration in statement.query_and_then([], read)? {
        registration?;
    }
    Ok(())
}
