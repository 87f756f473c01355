//! The fleet.

mod certificates;
mod evidence;
mod platforms;
mod queue;

use bulla_collateral::PckCa;
use bulla_pki::Timestamp;
use bulla_protocol::value::{CpuSvn, EncryptedPpid, Fmspc, PceId, PceSvn, PlatformManifest};

use super::connection::{Connection, Row};
use super::fault::{Fault, Outcome};
use crate::fleet::{
    CertifiedPlatform, Evidence, KnownPlatform, PckAnswer, PckCertificates, Platform, PlatformId,
    RawTcb, Registration, RegistrationState, Waiting,
};
use crate::{AnchorId, Fleet, Result, Store};

impl Fleet for Store {
    fn put_platform(&self, anchor: AnchorId, platform: &Platform) -> Result<()> {
        self.write(|transaction| platforms::put(transaction, anchor, platform))
    }

    fn platform(&self, anchor: AnchorId, id: &PlatformId) -> Result<Option<Platform>> {
        self.read(|transaction| platforms::one(transaction, anchor, id))
    }

    fn known_platforms(
        &self,
        anchor: AnchorId,
        ids: &[PlatformId],
    ) -> Result<Vec<Option<KnownPlatform>>> {
        self.read(|transaction| {
            let known = |id| {
                let Some(platform) = platforms::one(transaction, anchor, id)? else {
                    return Ok(None);
                };
                let raw_tcbs = certificates::raw_tcbs(transaction, anchor, id)?;
                Ok(Some(KnownPlatform { platform, raw_tcbs }))
            };
            ids.iter().map(known).collect()
        })
    }

    fn platforms(
        &self,
        anchor: AnchorId,
        fmspc: Option<Fmspc>,
        after: Option<&PlatformId>,
        limit: usize,
    ) -> Result<Vec<Platform>> {
        self.read(|transaction| platforms::list(transaction, anchor, fmspc, after, limit))
    }

    fn platforms_without_evidence(
        &self,
        anchor: AnchorId,
        after: Option<&PlatformId>,
        limit: usize,
    ) -> Result<Vec<Platform>> {
        self.read(|transaction| platforms::without_evidence(transaction, anchor, after, limit))
    }

    fn platforms_certified_before(
        &self,
        anchor: AnchorId,
        fmspc: Fmspc,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Platform>> {
        self.read(|transaction| {
            platforms::certified_before(transaction, anchor, fmspc, before, limit)
        })
    }

    fn platform_count(&self, anchor: AnchorId) -> Result<u64> {
        self.read(|transaction| platforms::count(transaction, anchor))
    }

    fn families(&self, anchor: AnchorId) -> Result<Vec<Fmspc>> {
        self.read(|transaction| platforms::families(transaction, anchor))
    }

    fn remove_platform(&self, anchor: AnchorId, id: &PlatformId) -> Result<bool> {
        self.write(|transaction| {
            queue::remove(transaction, anchor, id)?;
            evidence::remove(transaction, anchor, id)?;
            platforms::remove(transaction, anchor, id)
        })
    }

    fn put_pck_certificates(
        &self,
        anchor: AnchorId,
        id: &PlatformId,
        certificates: &PckCertificates,
        raw_tcbs: &[RawTcb],
    ) -> Result<()> {
        self.write(|transaction| {
            let platform = platforms::number(transaction, anchor, id)?;
            certificates::put(transaction, platform, certificates)?;
            for tcb in raw_tcbs {
                certificates::put_raw_tcb(transaction, platform, tcb)?;
            }
            platforms::certified(transaction, anchor, id, certificates)
        })
    }

    fn put_certified(
        &self,
        anchor: AnchorId,
        all: &[CertifiedPlatform],
        waiting: Waiting,
    ) -> Result<()> {
        self.write(|transaction| {
            for one in all {
                let id = &one.platform.id;
                platforms::put(transaction, anchor, &one.platform)?;
                let platform = platforms::number(transaction, anchor, id)?;
                certificates::put(transaction, platform, &one.certificates)?;
                for tcb in &one.raw_tcbs {
                    certificates::put_raw_tcb(transaction, platform, tcb)?;
                }
                if waiting == Waiting::Ends {
                    let manifest = one.platform.manifest.as_ref();
                    queue::answered(transaction, anchor, id, manifest)?;
                }
            }
            Ok(())
        })
    }

    fn pck_certificates(
        &self,
        anchor: AnchorId,
        id: &PlatformId,
    ) -> Result<Option<PckCertificates>> {
        self.read(|transaction| certificates::of(transaction, anchor, id))
    }

    fn raw_tcbs(&self, anchor: AnchorId, id: &PlatformId) -> Result<Vec<RawTcb>> {
        self.read(|transaction| certificates::raw_tcbs(transaction, anchor, id))
    }

    fn put_raw_tcb(&self, anchor: AnchorId, id: &PlatformId, tcb: &RawTcb) -> Result<()> {
        self.write(|transaction| {
            let platform = platforms::number(transaction, anchor, id)?;
            certificates::put_raw_tcb(transaction, platform, tcb)
        })
    }

    fn pck_answer(
        &self,
        anchor: AnchorId,
        id: &PlatformId,
        cpu_svn: CpuSvn,
        pce_svn: PceSvn,
    ) -> Result<Option<PckAnswer>> {
        self.read(|transaction| certificates::answer(transaction, anchor, id, cpu_svn, pce_svn))
    }

    fn put_evidence(&self, anchor: AnchorId, evidence: &Evidence) -> Result<()> {
        self.write(|transaction| evidence::put(transaction, anchor, evidence))
    }

    fn last_evidence(
        &self,
        anchor: AnchorId,
        ppid: &[u8; 16],
        tee: &str,
    ) -> Result<Option<Evidence>> {
        self.read(|transaction| evidence::one(transaction, anchor, ppid, tee))
    }

    fn evidence_under(&self, anchor: AnchorId, qe_id: &[u8; 16]) -> Result<Vec<Evidence>> {
        self.read(|transaction| evidence::under(transaction, anchor, qe_id))
    }

    fn evidence(
        &self,
        anchor: AnchorId,
        after: Option<(&[u8; 16], &str)>,
        limit: usize,
    ) -> Result<Vec<Evidence>> {
        self.read(|transaction| evidence::list(transaction, anchor, after, limit))
    }

    fn enqueue(
        &self,
        anchor: AnchorId,
        registration: &Registration,
        state: RegistrationState,
        at: Timestamp,
    ) -> Result<()> {
        self.write(|transaction| queue::put(transaction, anchor, registration, state, at))
    }

    fn lease(
        &self,
        anchor: AnchorId,
        state: RegistrationState,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Registration>> {
        self.write(|transaction| queue::lease(transaction, anchor, state, now, until))
    }

    fn waiting(&self, anchor: AnchorId, id: &PlatformId) -> Result<Option<Registration>> {
        self.read(|transaction| queue::last(transaction, anchor, id))
    }

    fn all_waiting(
        &self,
        anchor: AnchorId,
        state: RegistrationState,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Registration>> {
        self.read(|transaction| queue::list(transaction, anchor, state, now, limit))
    }

    fn acknowledge(
        &self,
        anchor: AnchorId,
        id: &PlatformId,
        manifest: Option<&PlatformManifest>,
    ) -> Result<()> {
        self.write(|transaction| queue::answered(transaction, anchor, id, manifest))
    }

    fn queue_length(&self, anchor: AnchorId) -> Result<u64> {
        self.read(|transaction| queue::length(transaction, anchor))
    }
}

/// Reads everything, so that every seal is checked.
pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    platforms::check(connection)?;
    certificates::check(connection)?;
    evidence::check(connection)?;
    queue::check(connection)
}

fn read_ca(row: &Row<'_>) -> Outcome<Option<PckCa>> {
    let name: Option<String> = row.get("ca")?;
    name.map(|name| {
        [PckCa::Processor, PckCa::Platform]
            .into_iter()
            .find(|known| known.as_str() == name)
            .ok_or_else(|| Fault::Damaged(format!("ca {name:?}")))
    })
    .transpose()
}

fn required_ca(row: &Row<'_>) -> Outcome<PckCa> {
    read_ca(row)?.ok_or_else(|| Fault::Damaged("no ca".to_owned()))
}

fn read_manifest(row: &Row<'_>) -> Outcome<Option<PlatformManifest>> {
    row.get::<Option<Vec<u8>>>("manifest")?
        .map(PlatformManifest::new)
        .transpose()
        .map_err(|error| Fault::Damaged(error.to_string()))
}

fn read_encrypted_ppid(row: &Row<'_>) -> Outcome<Option<Box<EncryptedPpid>>> {
    let octets: Option<[u8; 384]> = row.get("encrypted_ppid")?;
    Ok(octets.map(|octets| Box::new(EncryptedPpid(octets))))
}

fn read_id(row: &Row<'_>) -> Outcome<PlatformId> {
    Ok(PlatformId {
        qe_id: row.get("qe_id")?,
        pce_id: PceId(row.get("pce_id")?),
    })
}
