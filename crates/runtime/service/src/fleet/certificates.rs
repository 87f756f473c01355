//! PCK certificates: fetched or brought, verified, kept, selected from.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use bulla_collateral::pck_selection::{PckTcb, select_verified};
use bulla_collateral::{Selector, Series, SignedText, Slot, TcbInfo, TcbInfoId};
use bulla_pki::Timestamp;
use bulla_protocol::pcs::{Answer, PckCertificateEntry, PlatformKey, Request};
use bulla_protocol::value::{CpuSvn, Fmspc, PceSvn, Tcbm};
use bulla_store::documents::SetAside;
use bulla_store::fleet::{PckAnswer, PckCertificates, Platform, PlatformId, RawTcb};
use bulla_store::{Fleet as _, Nodes as _, StoreError};
use bulla_upstream::{Failure, Supplied};
use bulla_verifier::Code;
use bulla_verifier::arrival::{self, PckArrival, PckExpectation};

use super::unknown::Question;
use super::{Fleet, NoCertificate};
use crate::clock;
use crate::held::Held;
use crate::keeper::{Absent, COME_AGAIN, Mode, unhurried};
use crate::turns::{self, Chance};
use crate::want::{Choice, Want};

/// How many platforms are read from the store at a time.
const PAGE: usize = 1_000;

/// After how long certificates are asked for again in any case, in seconds: 30 days, as what is
/// signed with them lasts.
const RENEWED_AFTER: u64 = 30 * 24 * 3_600;

/// For how long a platform is not asked for again that the vendor has refused, in seconds.
const LEFT_IN_PEACE: u64 = 24 * 3_600;

/// How many platforms are asked for at one look. With a look each minute a fleet of 100,000 is
/// renewed within a week after a TCB recovery, which the vendor can bear.
pub(super) const MOST_AT_ONCE: usize = 10;

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

/// Most TCBs that are kept of a platform because somebody without a token asked for them. A machine
/// has a new one with each update of microcode or BIOS: two a year for thirty years.
const MOST_TCBS: usize = 64;

impl Fleet {
    /// Asks the upstreams for a platform's certificates and keeps both. Equal questions at one
    /// time are one.
    pub(super) async fn fetch(&self, platform: Platform) -> Result<(), NoCertificate> {
        let key = (platform.id.clone(), question(&platform)?);
        self.flights.run(key, || self.fetch_alone(platform)).await
    }

    /// Asks when it is this node's turn, where others have the same store: one that another has asked
    /// for meanwhile is not asked for again.
    pub(super) async fn fetch_alone(&self, platform: Platform) -> Result<(), NoCertificate> {
        let store = self.store();
        if !store.is_shared() {
            return self.fetch_now(platform).await;
        }
        let now = self.shared_clock()?;
        let what = format!(
            "pck/{}/{}",
            platform.id.qe_id,
            hex::encode(platform.id.pce_id.0)
        );
        match turns::take(store, self.anchor(), &what, now).await? {
            Chance::Asked(_) => Ok(()),
            Chance::Ask(mut turn) => {
                let fetched = turn.hold(self.fetch_now(platform)).await;
                // Where it cannot be said when, others ask too.
                let asked = fetched.as_ref().ok().map(|()| self.shared_clock());
                turn.end(asked.and_then(|asked| asked.ok().flatten()));
                fetched
            }
        }
    }

    /// The present time by the clock of the database, by which all nodes mean the same; absent where
    /// nobody else has the store.
    fn shared_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let marks = unhurried(|| self.store().marks(self.anchor()))?;
        Ok(marks.clock)
    }

    async fn fetch_now(&self, platform: Platform) -> Result<(), NoCertificate> {
        let request = request(&platform)?;
        let supplied = self
            .keeper
            .upstreams()
            .ask(&request, |supplied| self.take(&platform.id, supplied))
            .await;
        let brought = supplied.map_err(|failure| {
            if let Failure::Refused { reason } = failure {
                return NoCertificate::UpstreamInvalid(reason);
            }
            let absent = absent(failure);
            let now = self.keeper.collection().now().at;
            self.unknown.note(Question::of(&request), &absent, now);
            absent.into()
        })?;
        self.keep(platform, brought).await
    }

    /// What an upstream gave, if it is genuine.
    fn take(&self, id: &PlatformId, supplied: Supplied) -> Result<PckCertificates, String> {
        let Answer::PckCertificates {
            certificates,
            fmspc,
            issuer_chain,
            ..
        } = supplied.answer
        else {
            return Err("the answer is not what was asked for".to_owned());
        };
        let brought = Brought {
            entries: certificates,
            issuer_chain: issuer_chain.as_str().as_bytes().to_vec(),
            fmspc: Some(fmspc),
            source: supplied.upstream.to_string(),
        };
        let entries = brought.entries.clone();
        self.check(id, brought).map_err(|error| {
            self.set_aside(id, &entries, &supplied.upstream, &error);
            error.to_string()
        })
    }

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

    /// Asks anew for the certificates of all platforms of these families, or of all where none is
    /// given; what failed, in words.
    pub async fn renew_certificates(&self, families: &[Fmspc]) -> Result<Vec<String>, StoreError> {
        let mut failures = Vec::new();
        let mut after: Option<PlatformId> = None;
        loop {
            let page = self
                .store()
                .platforms(self.anchor(), None, after.as_ref(), PAGE)?;
            let Some(last) = page.last() else {
                return Ok(failures);
            };
            after = Some(last.id.clone());
            for platform in page {
                let is_chosen = families.is_empty()
                    || platform
                        .fmspc
                        .is_some_and(|fmspc| families.contains(&fmspc));
                let has_key = platform.manifest.is_some() || platform.encrypted_ppid.is_some();
                if !is_chosen || !has_key {
                    continue;
                }
                let name = platform.id.qe_id.clone();
                if let Err(error) = self.fetch(platform).await {
                    failures.push(format!("platform {name}: {error}"));
                }
            }
        }
    }

    /// Asks anew for a few platforms' certificates: those that arrived before the vendor gave out
    /// the number that it enforces now, or before the list of whom its root has revoked, and those
    /// of long ago. How many were asked for.
    ///
    /// A platform that the vendor refuses, or has nothing good for, is left in peace for a day;
    /// where the vendor cannot be asked at all, the look ends.
    pub async fn look(&self) -> Result<usize, NoCertificate> {
        if self.keeper.mode() == Mode::Offline {
            return Ok(0);
        }
        let now = self.keeper.collection().now().at;
        let refused = self.refused_at(now);
        let mut asked = 0;
        for fmspc in self.store().families(self.anchor())? {
            let limit = MOST_AT_ONCE.saturating_sub(asked);
            let stale = self.store().platforms_certified_before(
                self.anchor(),
                fmspc,
                self.renewed_before(fmspc, now),
                limit.saturating_add(refused.len()),
            )?;
            let due = stale
                .into_iter()
                .filter(|platform| !refused.contains(&platform.id));
            for platform in due.take(limit) {
                asked += 1;
                let id = platform.id.clone();
                match self.fetch(platform).await {
                    Ok(()) => {}
                    Err(NoCertificate::Absent(Absent::Unavailable { .. })) => return Ok(asked),
                    Err(NoCertificate::Store(error)) => return Err(NoCertificate::Store(error)),
                    Err(error) => {
                        tracing::warn!(platform = id.qe_id, %error, "not certified anew");
                        self.leave_in_peace(id, now);
                    }
                }
            }
        }
        Ok(asked)
    }

    /// Certificates of a family that arrived before this instant are to be asked for anew: what the
    /// vendor enforces has changed since, or its root has revoked somebody, or it is long ago.
    fn renewed_before(&self, fmspc: Fmspc, now: Timestamp) -> Timestamp {
        let long_ago = now.saturating_sub(RENEWED_AFTER);
        let collection = self.keeper.collection();
        let has_revoked = collection
            .revocations()
            .is_some_and(|list| !list.is_empty());
        collection.look(|snapshot| {
            let selected = snapshot.selected(sgx_tcb_info(fmspc), Selector::Standard);
            let since = selected.map(|selected| selected.since);
            let list = snapshot.get(Slot::RootCaCrl).filter(|_| has_revoked);
            let revoked = list.map(|held| held.arrived);
            long_ago.max(since.max(revoked).unwrap_or(long_ago))
        })
    }

    pub(super) fn refused_at(&self, now: Timestamp) -> HashSet<PlatformId> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|_, until| clock::is_waiting(now, *until, LEFT_IN_PEACE));
        refused.keys().cloned().collect()
    }

    pub(super) fn leave_in_peace(&self, id: PlatformId, now: Timestamp) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(id, now.saturating_add(LEFT_IN_PEACE));
    }

    /// Takes certificates that somebody brings for a platform, after the same checks.
    pub async fn bring(&self, platform: Platform, brought: Brought) -> Result<(), NoCertificate> {
        let checked = self.check(&platform.id, brought)?;
        let id = platform.id.clone();
        self.keep(platform, checked).await?;
        self.store().acknowledge(self.anchor(), &id)?;
        Ok(())
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

    fn check(&self, id: &PlatformId, brought: Brought) -> Result<PckCertificates, NoCertificate> {
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

    /// Keeps a platform with verified certificates, and selects anew for every TCB that it has
    /// reported.
    async fn keep(
        &self,
        platform: Platform,
        certificates: PckCertificates,
    ) -> Result<(), NoCertificate> {
        self.refresh.keep_family(certificates.fmspc.0);
        let reported = self.store().raw_tcbs(self.anchor(), &platform.id)?;
        let selected = match reported.is_empty() {
            true => Vec::new(),
            false => {
                let tcb_info = self.tcb_info(certificates.fmspc).await?;
                select(&tcb_info, &certificates, &platform.id, &reported)?
            }
        };
        let platform = Platform {
            fmspc: Some(certificates.fmspc),
            ca: Some(certificates.ca),
            ..platform
        };
        let (store, anchor) = (self.store(), self.anchor());
        store.put_platform(anchor, &platform)?;
        store.put_pck_certificates(anchor, &platform.id, &certificates, &selected)?;
        Ok(())
    }

    /// The certificate for a TCB that somebody reports of a platform. It is kept as that platform's
    /// if it has not many: whoever knows a platform's name can invent them.
    pub(super) async fn answer(
        &self,
        id: &PlatformId,
        raw: RawTcb,
    ) -> Result<PckAnswer, NoCertificate> {
        let certificates = self.kept(id)?;
        let tcb_info = self.tcb_info(certificates.fmspc).await?;
        let selected = select(&tcb_info, &certificates, id, &[raw])?;
        let found = selected.first().and_then(|raw| {
            let mut all = certificates.certificates.iter();
            let (tcbm, text) = all.find(|(tcbm, _)| Some(*tcbm) == raw.selected)?;
            Some((*raw, *tcbm, text.clone()))
        });
        let (raw, tcbm, certificate) = found.ok_or(NoCertificate::TcbTooLow)?;
        self.keep_reported(id, &raw);
        Ok(PckAnswer {
            certificate,
            tcbm,
            fmspc: certificates.fmspc,
            ca: certificates.ca,
            issuer_chain: certificates.issuer_chain,
        })
    }

    /// Keeps what was selected. That it cannot be, as on a full disk, is no reason not to answer.
    fn keep_reported(&self, id: &PlatformId, raw: &RawTcb) {
        let known = self.store().raw_tcbs(self.anchor(), id);
        let kept = known.and_then(|known| match known.len() < MOST_TCBS {
            true => self.store().put_raw_tcb(self.anchor(), id, raw),
            false => Ok(()),
        });
        if let Err(error) = kept {
            tracing::error!(%error, "what a platform reported cannot be kept");
        }
    }

    /// Selects for TCBs that a platform reports, and keeps what was selected; an error where none
    /// is for some of them.
    pub(super) async fn select(
        &self,
        id: &PlatformId,
        reported: &[RawTcb],
    ) -> Result<(), NoCertificate> {
        let certificates = self.kept(id)?;
        let tcb_info = self.tcb_info(certificates.fmspc).await?;
        for raw in select(&tcb_info, &certificates, id, reported)? {
            if raw.selected.is_none() {
                return Err(NoCertificate::TcbTooLow);
            }
            self.store().put_raw_tcb(self.anchor(), id, &raw)?;
        }
        Ok(())
    }

    /// The TCB info by which certificates are selected: that for SGX, also for TDX platforms; the
    /// newest set where it is kept, else the one in force.
    pub(super) async fn tcb_info(&self, fmspc: Fmspc) -> Result<TcbInfo, NoCertificate> {
        let series = sgx_tcb_info(fmspc);
        let want = |selector| Want::Series(series, Choice::Selected(selector));
        let held = match self.keeper.at_hand(want(Selector::Early)) {
            Some(held) => held,
            None => {
                let standard = want(Selector::Standard);
                let got = self.keeper.get(standard, true).await;
                got.or_else(|absent| self.ended(standard, absent))?
            }
        };
        let unreadable = |error: bulla_collateral::DocumentError| {
            NoCertificate::Selection(format!("{}: {error}", held.slot))
        };
        let (_, text) = SignedText::from_wrapped(&held.body).map_err(unreadable)?;
        TcbInfo::parse(&text.body).map_err(unreadable)
    }

    /// TCB info that has ended, where no later issue can be had. To select by it says nothing of
    /// anybody's security: it only tells the order of the levels.
    fn ended(&self, want: Want, absent: Absent) -> Result<Arc<Held>, Absent> {
        let held = match &absent {
            Absent::Expired { .. } => self
                .keeper
                .collection()
                .look(|snapshot| snapshot.find(want).map(Arc::clone)),
            _ => None,
        };
        held.ok_or(absent)
    }
}

fn sgx_tcb_info(fmspc: Fmspc) -> Series {
    Series::TcbInfo {
        id: TcbInfoId::Sgx,
        fmspc: fmspc.0,
        version: 3,
    }
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

/// The certificate for each TCB, by the rule of Intel's library. What is kept of a certificate's TCB was
/// compared with the certificate when it arrived.
pub(super) fn select(
    tcb_info: &TcbInfo,
    certificates: &PckCertificates,
    id: &PlatformId,
    reported: &[RawTcb],
) -> Result<Vec<RawTcb>, NoCertificate> {
    let certified = certificates.certificates.iter();
    let candidates: Vec<PckTcb> = certified
        .map(|(tcbm, _)| PckTcb {
            components: tcbm.cpusvn.0,
            pcesvn: tcbm.pcesvn.0,
        })
        .collect();
    reported
        .iter()
        .map(|raw| {
            let tcb = PckTcb {
                components: raw.cpu_svn.0,
                pcesvn: raw.pce_svn.0,
            };
            let selected = select_verified(tcb_info, &candidates, id.pce_id.0, &tcb)
                .map_err(|error| NoCertificate::Selection(error.to_string()))?;
            let selected = selected
                .and_then(|index| certificates.certificates.get(index))
                .map(|(tcbm, _)| *tcbm);
            Ok(RawTcb { selected, ..*raw })
        })
        .collect()
}

/// How the vendor is asked for all certificates of a platform.
fn request(platform: &Platform) -> Result<Request, NoCertificate> {
    let key = match (&platform.manifest, &platform.encrypted_ppid) {
        (Some(manifest), _) => PlatformKey::Manifest(manifest.clone()),
        (None, Some(ppid)) => PlatformKey::EncryptedPpid(ppid.clone()),
        (None, None) => return Err(NoCertificate::PpidMissing),
    };
    Ok(Request::PckCertificates {
        platform: key,
        pceid: platform.id.pce_id,
    })
}

/// That request as it is remembered.
pub(super) fn question(platform: &Platform) -> Result<Question, NoCertificate> {
    request(platform).map(|request| Question::of(&request))
}

fn absent(failure: Failure) -> Absent {
    let reason = failure.to_string();
    match failure {
        Failure::NotFound { .. } => Absent::Missing(reason),
        Failure::Gone { .. } => Absent::Gone(reason),
        Failure::Unavailable { retry_after, .. } => Absent::Unavailable {
            reason,
            retry_after: retry_after.unwrap_or(COME_AGAIN),
        },
        _ => Absent::Unavailable {
            reason,
            retry_after: COME_AGAIN,
        },
    }
}
