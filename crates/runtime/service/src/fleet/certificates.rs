//! PCK certificates: whoever brings them, verified and kept.

use bulla_pki::certificate::Certificate;
use bulla_pki::{Timestamp, pem};
use bulla_protocol::pcs::{Answer, PckCertificateEntry, Request};
use bulla_protocol::value::{CpuSvn, Fmspc, PceSvn, Tcbm};
use bulla_store::documents::SetAside;
use bulla_store::fleet::{CertifiedPlatform, PckCertificates, Platform, PlatformId, Waiting};
use bulla_store::{Fleet as _, StoreError};
use bulla_upstream::Supplied;
use bulla_verifier::Code;
use bulla_verifier::arrival::{self, PckArrival, PckExpectation};

use super::selection::select;
use super::{Fleet, NoCertificate};
use crate::collection::Change;
use crate::keeper::unhurried;

/// A platform's certificates, as an upstream, an import or an administrator brings them.
#[derive(Clone, Debug)]
pub struct Brought {
    /// One entry for each TCB.
    pub entries: Vec<PckCertificateEntry>,
    /// PEM: the PCK CA and the root.
    pub issuer_chain: Vec<u8>,
    /// The family that whoever brings them names; checked against the certificates.
    pub fmspc: Option<Fmspc>,
    /// Where they come from, for people.
    pub source: String,
}

impl Fleet {
    /// Counts certificates that were refused, and keeps them aside.
    pub(crate) fn set_aside(
        &self,
        id: &PlatformId,
        entries: &[PckCertificateEntry],
        source: &str,
        error: &NoCertificate,
    ) {
        let NoCertificate::Refused { code, reason } = error else {
            return;
        };
        let certificates = entries
            .iter()
            .filter_map(|entry| entry.certificate.as_ref());
        let body = certificates.flat_map(|pem| pem.as_str().bytes()).collect();
        self.keeper.set_aside(SetAside {
            arrived: self.keeper.collection().now().at,
            source: source.to_owned(),
            what: format!("pck-certificates/{}", id.qe_id),
            code: (*code).to_owned(),
            reason: reason.clone(),
            body,
        });
    }

    /// Takes certificates that somebody has carried here for a platform, after the same checks, unless
    /// those that are here were issued later. What is here already is not written again.
    pub async fn bring(
        &self,
        platform: Platform,
        brought: Brought,
    ) -> Result<Change, NoCertificate> {
        let checked = unhurried(|| self.check(&platform.id, brought))?;
        let change = match unhurried(|| self.kept(&platform.id)) {
            Err(NoCertificate::NotStored) => Change::First,
            Err(NoCertificate::IssuerRevoked) => Change::Newer,
            Err(error) => return Err(error),
            Ok(kept) if are_same(&kept, &checked) => Change::Same,
            Ok(kept) if latest_start(&checked) < latest_start(&kept) => return Ok(Change::Older),
            Ok(_) => Change::Newer,
        };
        let certified = self.certified_by(platform, checked).await?;
        let (store, anchor) = (self.store(), self.anchor());
        unhurried(|| {
            if change == Change::Same && self.is_known_alike(&certified)? {
                let Platform { id, manifest, .. } = &certified.platform;
                store.acknowledge(anchor, id, manifest.as_ref())
            } else {
                store.put_certified(anchor, &[certified], Waiting::Ends)
            }
        })?;
        Ok(change)
    }

    /// Whether a platform is known by the same, and has the same selected for what it has reported.
    fn is_known_alike(&self, certified: &CertifiedPlatform) -> Result<bool, StoreError> {
        let (store, anchor) = (self.store(), self.anchor());
        let given = &certified.platform;
        let known = store.platform(anchor, &given.id)?;
        let is_alike = known.is_some_and(|known| {
            known.encrypted_ppid == given.encrypted_ppid && known.manifest == given.manifest
        });
        Ok(is_alike && store.raw_tcbs(anchor, &given.id)? == certified.raw_tcbs)
    }

    /// Checks certificates that an upstream gave for somebody else's platform, on their way.
    pub(crate) fn check_answer(
        &self,
        request: &Request,
        supplied: &Supplied,
    ) -> Result<(), NoCertificate> {
        let pce_id = match request {
            Request::PckCertificate { pceid, .. }
            | Request::PckCertificates { pceid, .. }
            | Request::PckCertificatesConfig { pceid, .. } => *pceid,
            _ => return Ok(()),
        };
        let (entries, fmspc, chain) = match &supplied.answer {
            Answer::PckCertificate {
                certificate,
                tcbm,
                fmspc,
                issuer_chain,
                ..
            } => {
                let entry = PckCertificateEntry {
                    components: tcbm.cpusvn.0,
                    pcesvn: tcbm.pcesvn.0,
                    tcbm: *tcbm,
                    certificate: Some(certificate.clone()),
                };
                (vec![entry], *fmspc, issuer_chain)
            }
            Answer::PckCertificates {
                certificates,
                fmspc,
                issuer_chain,
                ..
            } => (certificates.clone(), *fmspc, issuer_chain),
            _ => return Ok(()),
        };
        let id = PlatformId {
            qe_id: String::new(),
            pce_id,
        };
        let brought = Brought {
            entries: entries.clone(),
            issuer_chain: chain.as_str().as_bytes().to_vec(),
            fmspc: Some(fmspc),
            source: supplied.upstream.to_string(),
        };
        let checked = self.check(&id, brought).map(drop);
        checked.inspect_err(|error| self.set_aside(&id, &entries, &supplied.upstream, error))
    }

    pub(super) fn check(
        &self,
        id: &PlatformId,
        brought: Brought,
    ) -> Result<PckCertificates, NoCertificate> {
        let collection = self.keeper.collection();
        let expectation = PckExpectation {
            pce_id: id.pce_id.0,
            fmspc: brought.fmspc.map(|fmspc| fmspc.0),
        };
        let revocations = collection.revocations();
        let arrival = arrival::receive_pck_certificates(
            &texts(&brought.entries),
            &brought.issuer_chain,
            collection.realm().anchors(),
            revocations.as_deref(),
            &expectation,
            collection.now().at,
        );
        let arrival = arrival.map_err(|refusal| refused(&refusal))?;
        let known = self.store().platform(self.anchor(), id)?;
        let family = known.and_then(|platform| platform.fmspc);
        self.accept(arrival, &brought.entries, family, brought.source)
    }

    /// Certificates that hold, as they are kept, if they are of this realm, of the family that is known
    /// of the platform, and for the TCBs that whoever brings them names.
    pub(super) fn accept(
        &self,
        arrival: PckArrival,
        entries: &[PckCertificateEntry],
        family: Option<Fmspc>,
        source: String,
    ) -> Result<PckCertificates, NoCertificate> {
        let collection = self.keeper.collection();
        if arrival.anchor.public_key_sha256() != &collection.realm().id().0 {
            return Err(NoCertificate::Refused {
                code: "AnchorsDiffer",
                reason: format!("The certificates end in {}.", arrival.anchor.name()),
            });
        }
        check_family(family, Fmspc(arrival.fmspc))?;
        let available = || entries.iter().filter(|entry| entry.certificate.is_some());
        let certified = arrival.certificates.iter().map(|leaf| Tcbm {
            cpusvn: CpuSvn(leaf.cpusvn),
            pcesvn: PceSvn(leaf.pcesvn),
        });
        for (stated, certified) in available().map(|entry| entry.tcbm).zip(certified) {
            if stated != certified {
                return Err(NoCertificate::Refused {
                    code: "TcbMismatch",
                    reason: format!(
                        "A certificate for the TCB {certified} was given as that for {stated}."
                    ),
                });
            }
        }
        Ok(PckCertificates {
            certificates: available()
                .map(|entry| entry.tcbm)
                .zip(texts(entries).into_iter().map(<[u8]>::to_vec))
                .collect(),
            not_available: entries
                .iter()
                .filter(|entry| entry.certificate.is_none())
                .map(|entry| entry.tcbm)
                .collect(),
            issuer_chain: arrival.issuer_chain,
            fmspc: Fmspc(arrival.fmspc),
            ca: arrival.ca,
            arrived: collection.now().at,
            source,
        })
    }

    /// Keeps a platform with verified certificates. Whoever waits for them waits on.
    pub(super) async fn keep(
        &self,
        platform: Platform,
        certificates: PckCertificates,
    ) -> Result<(), NoCertificate> {
        let certified = self.certified_by(platform, certificates).await?;
        let (store, anchor) = (self.store(), self.anchor());
        unhurried(|| store.put_certified(anchor, &[certified], Waiting::GoesOn))?;
        Ok(())
    }

    /// A platform with verified certificates, and those that are selected for every TCB that it has
    /// reported.
    async fn certified_by(
        &self,
        platform: Platform,
        certificates: PckCertificates,
    ) -> Result<CertifiedPlatform, NoCertificate> {
        self.refresh.keep_family(certificates.fmspc.0);
        let reported = unhurried(|| self.store().raw_tcbs(self.anchor(), &platform.id))?;
        let raw_tcbs = match reported.is_empty() {
            true => Vec::new(),
            false => {
                let tcb_info = self.tcb_info(certificates.fmspc).await?;
                select(&tcb_info, &certificates, &platform.id, &reported)?
            }
        };
        Ok(CertifiedPlatform {
            platform: Platform {
                fmspc: Some(certificates.fmspc),
                ca: Some(certificates.ca),
                ..platform
            },
            certificates,
            raw_tcbs,
        })
    }
}

/// Whether two sets have the same certificates, whenever and from wherever they came.
fn are_same(one: &PckCertificates, other: &PckCertificates) -> bool {
    one.certificates == other.certificates
        && one.not_available == other.not_available
        && one.issuer_chain == other.issuer_chain
        && (one.fmspc, one.ca) == (other.fmspc, other.ca)
}

/// When the last of a set was issued; absent where there is none.
fn latest_start(set: &PckCertificates) -> Option<Timestamp> {
    let starts = set.certificates.iter().filter_map(|(_, text)| {
        let blocks = pem::decode(text, "CERTIFICATE", 1).ok()?;
        let certificate = Certificate::parse(blocks.first()?).ok()?;
        Some(certificate.validity().from)
    });
    starts.max()
}

/// A machine stays in its family: certificates of another are those of another machine.
fn check_family(known: Option<Fmspc>, given: Fmspc) -> Result<(), NoCertificate> {
    match known {
        Some(known) if known != given => Err(NoCertificate::Refused {
            code: Code::FmspcMismatch.as_str(),
            reason: format!(
                "The platform is of the family {known}, the certificates are of {given}."
            ),
        }),
        _ => Ok(()),
    }
}

/// The certificates that there are, in PEM.
pub(super) fn texts(entries: &[PckCertificateEntry]) -> Vec<&[u8]> {
    let certificates = entries
        .iter()
        .filter_map(|entry| entry.certificate.as_ref());
    certificates.map(|pem| pem.as_str().as_bytes()).collect()
}

pub(super) fn refused(refusal: &arrival::Refusal) -> NoCertificate {
    NoCertificate::Refused {
        code: refusal.code().as_str(),
        reason: refusal.to_string(),
    }
}
