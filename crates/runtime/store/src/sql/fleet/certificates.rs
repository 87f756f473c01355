//! PCK certificates, and which one is for which TCB that was reported.

use bulla_protocol::value::{CpuSvn, Fmspc, PceSvn, Tcbm};

use super::required_ca;
use crate::AnchorId;
use crate::encoding::Encoding;
use crate::fleet::{PckAnswer, PckCertificates, PlatformId, RawTcb};
use crate::sql::column::{limit, sealed, sealed_in, timestamp};
use crate::sql::connection::{Connection, Row};
use crate::sql::fault::{Fault, Outcome};

/// Puts all certificates of a platform in place of those it has.
pub(super) fn put(
    connection: &Connection<'_>,
    platform: i64,
    certificates: &PckCertificates,
) -> Outcome<()> {
    connection.execute("DELETE FROM pck_sets WHERE platform = ?1", &[&platform])?;
    let size = limit(certificates.certificates.len() + certificates.not_available.len());
    connection.execute(
        "INSERT INTO pck_sets
             (platform, fmspc, ca, arrived, source, size, seal, issuer_chain)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        &[
            &platform,
            &certificates.fmspc.0,
            &certificates.ca.as_str(),
            &certificates.arrived.unix_seconds(),
            &certificates.source,
            &size,
            &set_seal(platform, certificates, size),
            &certificates.issuer_chain,
        ],
    )?;
    let available = certificates
        .certificates
        .iter()
        .map(|(tcbm, certificate)| (octets(tcbm), Some(certificate.as_slice())));
    let not_available = certificates
        .not_available
        .iter()
        .map(|tcbm| (octets(tcbm), None));
    for (position, (tcbm, certificate)) in (0_i64..).zip(available.chain(not_available)) {
        let seal = certificate_seal(platform, position, &tcbm, certificate);
        connection.execute(
            "INSERT INTO pck_certificates (platform, position, tcbm, seal, certificate)
         VALUES (?1, ?2, ?3, ?4, ?5)",
            &[&platform, &position, &tcbm, &seal, &certificate],
        )?;
    }
    Ok(())
}

/// All certificates of a platform; absent where it has none.
pub(super) fn of(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
) -> Outcome<Option<PckCertificates>> {
    connection.first(
        "SELECT pck_sets.* FROM platforms JOIN pck_sets ON pck_sets.platform = platforms.id
         WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3",
        &[&anchor.0, &id.qe_id, &id.pce_id.0],
        |row| read(connection, row),
    )
}

/// What was selected for a TCB that a platform reports; absent where nothing was.
pub(super) fn answer(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
    cpu_svn: CpuSvn,
    pce_svn: PceSvn,
) -> Outcome<Option<PckAnswer>> {
    let answer = connection.first(
        "SELECT pck_sets.*, raw_tcbs.cpu_svn, raw_tcbs.pce_svn, raw_tcbs.selected,
                raw_tcbs.seal AS raw_seal, position, tcbm, certificate,
                pck_certificates.seal AS certificate_seal
         FROM platforms
         JOIN raw_tcbs ON raw_tcbs.platform = platforms.id
         JOIN pck_sets ON pck_sets.platform = platforms.id
         JOIN pck_certificates ON pck_certificates.platform = platforms.id
                              AND pck_certificates.tcbm = raw_tcbs.selected
         WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3
           AND raw_tcbs.cpu_svn = ?4 AND raw_tcbs.pce_svn = ?5 AND certificate IS NOT NULL
         ORDER BY position LIMIT 1",
        &[&anchor.0, &id.qe_id, &id.pce_id.0, &cpu_svn.0, &pce_svn.0],
        read_answer,
    )?;
    Ok(answer.flatten())
}

fn read_answer(row: &Row<'_>) -> Outcome<Option<PckAnswer>> {
    let platform = row.get("platform")?;
    read_raw_tcb(row, "raw_seal")?;
    let set = read_set(row)?;
    let (tcbm, certificate) = read_certificate(row, platform, "certificate_seal")?;
    let Some(certificate) = certificate else {
        return Ok(None);
    };
    Ok(Some(PckAnswer {
        certificate,
        tcbm,
        fmspc: set.fmspc,
        ca: set.ca,
        issuer_chain: set.issuer_chain,
    }))
}

pub(super) fn put_raw_tcb(connection: &Connection<'_>, platform: i64, tcb: &RawTcb) -> Outcome<()> {
    connection.execute(
        "INSERT INTO raw_tcbs (platform, cpu_svn, pce_svn, selected, seal)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (platform, cpu_svn, pce_svn) DO UPDATE SET selected = ?4, seal = ?5",
        &[
            &platform,
            &tcb.cpu_svn.0,
            &tcb.pce_svn.0,
            &tcb.selected.as_ref().map(octets),
            &raw_seal(platform, tcb),
        ],
    )?;
    Ok(())
}

pub(super) fn raw_tcbs(
    connection: &Connection<'_>,
    anchor: AnchorId,
    id: &PlatformId,
) -> Outcome<Vec<RawTcb>> {
    connection.query(
        "SELECT raw_tcbs.* FROM platforms JOIN raw_tcbs ON raw_tcbs.platform = platforms.id
         WHERE anchor = ?1 AND qe_id = ?2 AND pce_id = ?3 ORDER BY cpu_svn, pce_svn",
        &[&anchor.0, &id.qe_id, &id.pce_id.0],
        |row| read_raw_tcb(row, "seal"),
    )
}

/// A set with its certificates.
fn read(connection: &Connection<'_>, row: &Row<'_>) -> Outcome<PckCertificates> {
    let platform: i64 = row.get("platform")?;
    let mut set = read_set(row)?;
    let certificates = connection.query(
        "SELECT * FROM pck_certificates WHERE platform = ?1 ORDER BY position",
        &[&platform],
        |row| read_certificate(row, platform, "seal"),
    )?;
    for certificate in certificates {
        match certificate {
            (tcbm, Some(certificate)) => set.certificates.push((tcbm, certificate)),
            (tcbm, None) => set.not_available.push(tcbm),
        }
    }
    let size: i64 = row.get("size")?;
    if size != limit(set.certificates.len() + set.not_available.len()) {
        return Err(Fault::Damaged(
            "a row of pck_certificates is missing".to_owned(),
        ));
    }
    Ok(set)
}

/// A set without its certificates.
fn read_set(row: &Row<'_>) -> Outcome<PckCertificates> {
    let set = PckCertificates {
        certificates: Vec::new(),
        not_available: Vec::new(),
        issuer_chain: row.get("issuer_chain")?,
        fmspc: Fmspc(row.get("fmspc")?),
        ca: required_ca(row)?,
        arrived: timestamp(row, "arrived")?,
        source: row.get("source")?,
    };
    let (platform, size) = (row.get("platform")?, row.get("size")?);
    sealed(row, set_seal(platform, &set, size), "pck_sets")?;
    Ok(set)
}

fn read_certificate(row: &Row<'_>, platform: i64, seal: &str) -> Outcome<(Tcbm, Option<Vec<u8>>)> {
    let tcbm: [u8; 18] = row.get("tcbm")?;
    let certificate: Option<Vec<u8>> = row.get("certificate")?;
    let expected = certificate_seal(
        platform,
        row.get("position")?,
        &tcbm,
        certificate.as_deref(),
    );
    sealed_in(row, seal, expected, "pck_certificates")?;
    Ok((from_octets(tcbm), certificate))
}

fn read_raw_tcb(row: &Row<'_>, seal: &str) -> Outcome<RawTcb> {
    let selected: Option<[u8; 18]> = row.get("selected")?;
    let tcb = RawTcb {
        cpu_svn: CpuSvn(row.get("cpu_svn")?),
        pce_svn: PceSvn(row.get("pce_svn")?),
        selected: selected.map(from_octets),
    };
    sealed_in(row, seal, raw_seal(row.get("platform")?, &tcb), "raw_tcbs")?;
    Ok(tcb)
}

/// CPUSVN, then PCESVN with its lower byte first, as the vendor writes it.
fn octets(tcbm: &Tcbm) -> [u8; 18] {
    let mut octets = [0; 18];
    octets[..16].copy_from_slice(&tcbm.cpusvn.0);
    octets[16..].copy_from_slice(&tcbm.pcesvn.0.to_le_bytes());
    octets
}

fn from_octets(octets: [u8; 18]) -> Tcbm {
    let [cpusvn @ .., low, high] = octets;
    Tcbm {
        cpusvn: CpuSvn(cpusvn),
        pcesvn: PceSvn(u16::from_le_bytes([low, high])),
    }
}

fn set_seal(platform: i64, set: &PckCertificates, size: i64) -> [u8; 32] {
    Encoding::of("pck set")
        .bytes(&platform.to_be_bytes())
        .bytes(&set.fmspc.0)
        .text(set.ca.as_str())
        .number(set.arrived.unix_seconds())
        .text(&set.source)
        .bytes(&size.to_be_bytes())
        .bytes(&set.issuer_chain)
        .sha256()
}

fn certificate_seal(
    platform: i64,
    position: i64,
    tcbm: &[u8; 18],
    certificate: Option<&[u8]>,
) -> [u8; 32] {
    Encoding::of("pck certificate")
        .bytes(&platform.to_be_bytes())
        .bytes(&position.to_be_bytes())
        .bytes(tcbm)
        .optional(certificate)
        .sha256()
}

fn raw_seal(platform: i64, tcb: &RawTcb) -> [u8; 32] {
    let selected = tcb.selected.as_ref().map(octets);
    Encoding::of("raw tcb")
        .bytes(&platform.to_be_bytes())
        .bytes(&tcb.cpu_svn.0)
        .number(tcb.pce_svn.0.into())
        .optional(selected.as_ref().map(<[u8; 18]>::as_slice))
        .sha256()
}

/// Reads everything, so that every seal is checked.
pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    connection.each("SELECT * FROM pck_sets", |row| {
        read(connection, row).map(drop)
    })?;
    connection.each("SELECT * FROM raw_tcbs", |row| {
        read_raw_tcb(row, "seal").map(drop)
    })?;
    Ok(())
}
