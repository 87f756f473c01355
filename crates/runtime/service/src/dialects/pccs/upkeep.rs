//! Registration, the queue, refreshing, and appraisal policies.

use bulla_collateral::Series;
use bulla_protocol::pccs::{
    Answer, ListedPlatform, PlatformIdentity, QeId, Reason, Refresh as Asked, RefreshedDocuments,
    Refusal, RegisteredPlatform, Source, SubmittedPolicy, UpdateScope,
};
use bulla_protocol::value::Fmspc;
use bulla_store::fleet::{Platform, PlatformId, Registration, RegistrationState};
use bulla_store::{Fleet as _, Governance as _, StoreError};

use super::{Pccs, refusal};
use crate::fleet::Queued;
use crate::keeper::{Absent, Mode};
use crate::want::Want;

/// Under which kind appraisal policies are kept.
const POLICY: &str = "appraisal-policy";

/// How many platforms are read from the store at a time.
const PAGE: usize = 1_000;

impl Pccs {
    pub(super) async fn add_platform(
        &self,
        platform: &RegisteredPlatform,
        update: UpdateScope,
    ) -> Result<Answer, Refusal> {
        let queued = self.fleet.register(registration(platform)).await;
        let queued = queued.map_err(|error| refusal::not_registered(&error))?;
        if queued == Queued::Fetched && update != UpdateScope::Standard {
            self.refresh.keep_early();
        }
        Ok(Answer::Done)
    }

    pub(super) fn platforms(&self, source: &Source) -> Result<Answer, Refusal> {
        let platforms = match source {
            Source::Waiting => self.lease(RegistrationState::New)?,
            Source::NotAvailable => self.lease(RegistrationState::NotAvailable)?,
            Source::Cached(families) => self.cached(families).map_err(|error| failed(&error))?,
        };
        Ok(Answer::Platforms {
            platforms,
            cached: matches!(source, Source::Cached(_)),
        })
    }

    fn lease(&self, state: RegistrationState) -> Result<Vec<ListedPlatform>, Refusal> {
        let leased = self.fleet.lease(state).map_err(|error| failed(&error))?;
        Ok(leased.into_iter().filter_map(as_listed).collect())
    }

    /// Every platform of these families with every TCB that it has reported.
    fn cached(&self, families: &[Fmspc]) -> Result<Vec<ListedPlatform>, StoreError> {
        let collection = self.keeper.collection();
        let (store, anchor) = (collection.store(), collection.realm().id());
        let mut listed = Vec::new();
        let mut after: Option<PlatformId> = None;
        loop {
            let page = store.platforms(anchor, None, after.as_ref(), PAGE)?;
            let Some(last) = page.last() else {
                return Ok(listed);
            };
            after = Some(last.id.clone());
            for platform in page {
                let is_chosen = families.is_empty()
                    || platform
                        .fmspc
                        .is_some_and(|fmspc| families.contains(&fmspc));
                if !is_chosen {
                    continue;
                }
                for raw in store.raw_tcbs(anchor, &platform.id)? {
                    listed.extend(as_listed(Registration {
                        cpu_svn: Some(raw.cpu_svn),
                        pce_svn: Some(raw.pce_svn),
                        ..of_platform(&platform)
                    }));
                }
            }
        }
    }

    pub(super) async fn renew(&self, asked: &Asked) -> Result<Answer, Refusal> {
        if self.keeper.mode() == Mode::Offline {
            return Err(Refusal::new(Reason::Unavailable)
                .coded(bulla_protocol::pccs::cause::OFFLINE)
                .because("upstreams are not asked in this mode"));
        }
        let failures: Vec<String> = match asked.documents {
            RefreshedDocuments::Collateral => {
                let families = &asked.fmspcs;
                let chosen = |want: Want| match want {
                    Want::Series(Series::TcbInfo { fmspc, .. }, _) => {
                        families.is_empty() || families.contains(&Fmspc(fmspc))
                    }
                    _ => families.is_empty(),
                };
                let (_, failures) = self.refresh.all(chosen).await;
                failures
                    .into_iter()
                    .filter(|(_, absent)| !matches!(absent, Absent::Missing(_) | Absent::Gone(_)))
                    .map(|(_, absent)| absent.to_string())
                    .collect()
            }
            RefreshedDocuments::PckCertificates => {
                let renewed = self.fleet.renew_certificates(&asked.fmspcs).await;
                renewed.map_err(|error| failed(&error))?
            }
        };
        match failures.first() {
            None => Ok(Answer::Done),
            Some(first) => Err(Refusal::new(Reason::UpstreamFailed).because(&format!(
                "{} could not be had; the first: {first}",
                failures.len()
            ))),
        }
    }

    pub(super) fn put_policy(&self, policy: &SubmittedPolicy) -> Result<Answer, Refusal> {
        let sha384 = bulla_pki::digest::sha384(policy.text.as_bytes());
        let collection = self.keeper.collection();
        let name = match policy.is_default {
            true => format!("{}/{:?}/default", policy.fmspc, policy.kind),
            false => format!("{}/{:?}/{}", policy.fmspc, policy.kind, hex::encode(sha384)),
        };
        let now = collection.now().at;
        collection
            .store()
            .decide(POLICY, &name, Some(&policy.text), now, "administrator")
            .map_err(|error| failed(&error))?;
        Ok(Answer::PolicyStored(sha384))
    }

    /// The default policies of a family, one for each kind.
    pub(super) fn policy(&self, fmspc: Fmspc) -> Result<Answer, Refusal> {
        let decisions = self.keeper.collection().store().decisions(POLICY);
        let decisions = decisions.map_err(|error| failed(&error))?;
        let family = format!("{fmspc}/");
        let policies: Vec<String> = decisions
            .into_iter()
            .filter(|decision| {
                decision.name.starts_with(&family) && decision.name.ends_with("/default")
            })
            .filter_map(|decision| decision.body)
            .collect();
        match policies.is_empty() {
            true => Err(Refusal::new(Reason::NoCacheData)
                .because("no appraisal policy is the default of this family")),
            false => Ok(Answer::AppraisalPolicies(policies)),
        }
    }
}

/// A failure of the store; its words are for the operator.
fn failed(error: &StoreError) -> Refusal {
    refusal::no_store(error)
}

pub(super) fn registration(platform: &RegisteredPlatform) -> Registration {
    let id = PlatformId {
        qe_id: platform.qe_id.as_str().to_owned(),
        pce_id: platform.pce_id,
    };
    match &platform.identity {
        PlatformIdentity::Manifest(manifest) => Registration {
            id,
            cpu_svn: None,
            pce_svn: None,
            encrypted_ppid: None,
            manifest: Some(manifest.clone()),
        },
        PlatformIdentity::Ppid {
            cpusvn,
            pcesvn,
            encrypted_ppid,
        } => Registration {
            id,
            cpu_svn: Some(*cpusvn),
            pce_svn: Some(*pcesvn),
            encrypted_ppid: Some(encrypted_ppid.clone()),
            manifest: None,
        },
    }
}

fn of_platform(platform: &Platform) -> Registration {
    Registration {
        id: platform.id.clone(),
        cpu_svn: None,
        pce_svn: None,
        encrypted_ppid: platform.encrypted_ppid.clone(),
        manifest: platform.manifest.clone(),
    }
}

/// As the dialect lists it; absent for a name that the dialect cannot have.
fn as_listed(registration: Registration) -> Option<ListedPlatform> {
    Some(ListedPlatform {
        qe_id: QeId::new(registration.id.qe_id).ok()?,
        pce_id: registration.id.pce_id,
        cpusvn: registration.cpu_svn,
        pcesvn: registration.pce_svn,
        manifest: registration.manifest,
        encrypted_ppid: registration.encrypted_ppid,
    })
}
