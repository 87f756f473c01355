//! Certificates of many platforms that are brought at a time: their CAs are verified once, what is known of
//! the platforms is looked up at once, and what holds is kept in one transaction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bulla_collateral::TcbInfo;
use bulla_protocol::pcs::PckCertificateEntry;
use bulla_protocol::value::{Fmspc, Pem};
use bulla_store::fleet::{
    CertifiedPlatform, KnownPlatform, Platform, PlatformId, RawTcb, Registration, Waiting,
};
use bulla_store::{Fleet as _, StoreError};
use bulla_verifier::arrival::{PckExpectation, PckIssuer};

use super::certificates::{refused, texts};
use super::registration::raw_tcb;
use super::selection::select;
use super::{Fleet, NoCertificate};

/// Certificates on their way into a fleet.
pub(crate) struct Bringing<'a> {
    fleet: &'a Fleet,
    source: &'a str,
    /// Whoever may have issued them.
    issuers: Vec<Result<PckIssuer, NoCertificate>>,
    /// What was known of the platforms before.
    known: HashMap<PlatformId, KnownPlatform>,
    tcb_infos: HashMap<Fmspc, TcbInfo>,
    good: HashMap<PlatformId, CertifiedPlatform>,
}

impl Fleet {
    /// Begins to take certificates of these platforms, which come with these chains. Blocks.
    pub(crate) fn bringing<'a>(
        &'a self,
        ids: Vec<PlatformId>,
        chains: &[&Pem],
        source: &'a str,
    ) -> Result<Bringing<'a>, StoreError> {
        let collection = self.keeper.collection();
        let revocations = collection.revocations();
        let issuers = chains.iter().map(|chain| {
            let issuer = PckIssuer::receive(
                chain.as_str().as_bytes(),
                collection.realm().anchors(),
                revocations.as_deref(),
                collection.now().at,
            );
            issuer.map_err(|refusal| refused(&refusal))
        });
        let known = self.store().known_platforms(self.anchor(), &ids)?;
        let known = ids.into_iter().zip(known);
        Ok(Bringing {
            fleet: self,
            source,
            issuers: issuers.collect(),
            known: known.filter_map(|(id, known)| Some((id, known?))).collect(),
            tcb_infos: HashMap::new(),
            good: HashMap::new(),
        })
    }
}

impl Bringing<'_> {
    /// Checks a platform's certificates, and selects anew for every TCB that it has reported.
    pub(crate) async fn bring(
        &mut self,
        platform: &Platform,
        entries: &[PckCertificateEntry],
    ) -> Result<(), NoCertificate> {
        match self.check(platform, entries).await {
            Ok(certified) => {
                let family = certified.certificates.fmspc.0;
                self.fleet.refresh.keep_family(family);
                self.good.insert(platform.id.clone(), certified);
                Ok(())
            }
            Err(error) => {
                self.fleet
                    .set_aside(&platform.id, entries, self.source, &error);
                Err(error)
            }
        }
    }

    /// Whom the first certificate names. Where that is none of the issuers, one that does not count,
    /// since it may be that, or else any, under which they are refused.
    fn issuer(&self, texts: &[&[u8]]) -> Result<&PckIssuer, NoCertificate> {
        let is_named =
            |issuer: &&PckIssuer| texts.first().is_some_and(|leaf| issuer.is_named_by(leaf));
        let mut good = self.issuers.iter().flatten();
        if let Some(named) = good.clone().find(is_named) {
            return Ok(named);
        }
        if let Some(Err(error)) = self.issuers.iter().find(|issuer| issuer.is_err()) {
            return Err(error.clone());
        }
        good.next().ok_or_else(|| NoCertificate::Refused {
            code: "ChainMissing",
            reason: "There is no issuer chain of PCK certificates.".to_owned(),
        })
    }

    async fn check(
        &mut self,
        platform: &Platform,
        entries: &[PckCertificateEntry],
    ) -> Result<CertifiedPlatform, NoCertificate> {
        let texts = texts(entries);
        let issuer = self.issuer(&texts)?;
        let expectation = PckExpectation {
            pce_id: platform.id.pce_id.0,
            fmspc: None,
        };
        let at = self.fleet.keeper.collection().now().at;
        let arrival = issuer
            .receive_certificates(&texts, &expectation, at)
            .map_err(|refusal| refused(&refusal))?;
        let (known, reported) = match self.good.get(&platform.id) {
            Some(before) => (Some(&before.platform), before.raw_tcbs.clone()),
            None => match self.known.get(&platform.id) {
                Some(known) => (Some(&known.platform), known.raw_tcbs.clone()),
                None => (None, Vec::new()),
            },
        };
        let family = known.and_then(|platform| platform.fmspc);
        let source = self.source.to_owned();
        let certificates = self.fleet.accept(arrival, entries, family, source)?;
        let raw_tcbs = match reported.is_empty() {
            true => reported,
            false => {
                let tcb_info = self.tcb_info(certificates.fmspc).await?;
                select(tcb_info, &certificates, &platform.id, &reported)?
            }
        };
        Ok(CertifiedPlatform {
            platform: Platform {
                fmspc: Some(certificates.fmspc),
                ca: Some(certificates.ca),
                ..platform.clone()
            },
            certificates,
            raw_tcbs,
        })
    }

    /// Selects among the certificates that were brought for what a platform reported, if it reported
    /// anything; absent where none of its were good.
    pub(crate) async fn report(
        &mut self,
        registration: &Registration,
    ) -> Option<Result<(), NoCertificate>> {
        let certified = self.good.get(&registration.id)?;
        let Some(raw) = raw_tcb(registration) else {
            return Some(Ok(()));
        };
        let fmspc = certified.certificates.fmspc;
        Some(self.select(registration, fmspc, raw).await)
    }

    async fn select(
        &mut self,
        registration: &Registration,
        fmspc: Fmspc,
        raw: RawTcb,
    ) -> Result<(), NoCertificate> {
        self.tcb_info(fmspc).await?;
        let tcb_info = self.tcb_infos.get(&fmspc);
        let certified = self.good.get_mut(&registration.id);
        let (Some(tcb_info), Some(certified)) = (tcb_info, certified) else {
            return Err(NoCertificate::NotStored);
        };
        let selected = select(tcb_info, &certified.certificates, &registration.id, &[raw])?;
        if selected.iter().any(|raw| raw.selected.is_none()) {
            return Err(NoCertificate::TcbTooLow);
        }
        certified.raw_tcbs.extend(selected);
        Ok(())
    }

    async fn tcb_info(&mut self, fmspc: Fmspc) -> Result<&TcbInfo, NoCertificate> {
        match self.tcb_infos.entry(fmspc) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(self.fleet.tcb_info(fmspc).await?)),
        }
    }

    /// Keeps all that is good. Blocks.
    pub(crate) fn keep(self) -> Result<(), StoreError> {
        let good: Vec<CertifiedPlatform> = self.good.into_values().collect();
        match good.is_empty() {
            true => Ok(()),
            false => {
                let (store, anchor) = (self.fleet.store(), self.fleet.anchor());
                store.put_certified(anchor, &good, Waiting::Ends)
            }
        }
    }
}
