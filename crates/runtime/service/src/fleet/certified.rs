//! The platforms with their certificates, for whoever carries them to another service.

use bulla_pki::certificate::Certificate;
use bulla_pki::{Timestamp, pem};
use bulla_protocol::pccs::{PlatformCertificates, QeId};
use bulla_protocol::pcs::PckCertificateEntry;
use bulla_protocol::value::{Fmspc, Pem, Tcbm};
use bulla_store::fleet::{PckCertificates, Platform, PlatformId};
use bulla_store::{Fleet as _, StoreError};

use super::Fleet;

/// Certificates of an issuer chain: the PCK CA and the root.
const CHAIN: usize = 2;

/// A platform that has certificates.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Certified {
    /// Its family.
    pub fmspc: Fmspc,
    /// The last second at which all of its certificates, and those of their issuers, are good.
    pub until: Timestamp,
    /// PEM: the PCK CA and the root.
    pub issuer_chain: String,
    /// Its names and its certificates.
    pub platform: PlatformCertificates,
}

impl Fleet {
    /// Looks at the next `limit` platforms behind `after`, in the order of their names: those that have
    /// certificates whose issuer counts, and behind which to go on; absent at the end. Blocks.
    pub fn certified(
        &self,
        after: Option<&PlatformId>,
        limit: usize,
    ) -> Result<(Vec<Certified>, Option<PlatformId>), StoreError> {
        let page = self.store().platforms(self.anchor(), None, after, limit)?;
        let next = page.last().filter(|_| page.len() == limit);
        let next = next.map(|last| last.id.clone());
        let mut found = Vec::with_capacity(page.len());
        for platform in page {
            let kept = self.store().pck_certificates(self.anchor(), &platform.id)?;
            let kept = kept.filter(|kept| !self.is_revoked(&kept.issuer_chain));
            found.extend(kept.and_then(|kept| certified(platform, kept)));
        }
        Ok((found, next))
    }

    /// How many platforms there are, with certificates or without. Blocks.
    pub fn count(&self) -> Result<u64, StoreError> {
        self.store().platform_count(self.anchor())
    }

    /// Whether a platform has certificates whose issuer counts. Blocks.
    pub fn is_certified(&self, id: &PlatformId) -> Result<bool, StoreError> {
        let kept = self.store().pck_certificates(self.anchor(), id)?;
        Ok(kept.is_some_and(|kept| !self.is_revoked(&kept.issuer_chain)))
    }
}

/// Absent for what the grammar cannot have, as nothing that entered by it.
fn certified(platform: Platform, kept: PckCertificates) -> Option<Certified> {
    let entry = |tcbm: Tcbm, certificate| PckCertificateEntry {
        components: tcbm.cpusvn.0,
        pcesvn: tcbm.pcesvn.0,
        tcbm,
        certificate,
    };
    let texts = kept.certificates.iter().map(|(_, text)| (&**text, 1));
    let until = texts
        .chain([(&*kept.issuer_chain, CHAIN)])
        .map(|(text, most)| earliest_end(text, most))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .min()?;
    let mut certificates = Vec::with_capacity(kept.certificates.len());
    for (tcbm, text) in kept.certificates {
        let certificate = Pem::new(String::from_utf8(text).ok()?).ok()?;
        certificates.push(entry(tcbm, Some(certificate)));
    }
    let not_available = kept.not_available.into_iter();
    certificates.extend(not_available.map(|tcbm| entry(tcbm, None)));
    Some(Certified {
        fmspc: kept.fmspc,
        until,
        issuer_chain: String::from_utf8(kept.issuer_chain).ok()?,
        platform: PlatformCertificates {
            qe_id: QeId::new(platform.id.qe_id).ok()?,
            pce_id: platform.id.pce_id,
            encrypted_ppid: platform.encrypted_ppid,
            manifest: platform.manifest,
            certificates,
        },
    })
}

/// The earliest end of at most so many certificates.
fn earliest_end(text: &[u8], most: usize) -> Option<Timestamp> {
    let blocks = pem::decode(text, "CERTIFICATE", most).ok()?;
    let ends = blocks.iter().map(|der| {
        let certificate = Certificate::parse(der).ok()?;
        Some(certificate.validity().until)
    });
    ends.collect::<Option<Vec<_>>>()?.into_iter().min()
}
