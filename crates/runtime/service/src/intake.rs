//! Collateral in the form of Intel's cache (`platformcollateral`), from across an air gap or from a
//! cache that is taken over. Everything passes the same checks as what comes from an upstream; one
//! thing that fails keeps none of the others from being checked, and is named.

use std::sync::Arc;

use bulla_collateral::{EnclaveId, PckCa, Selector, Series};
use bulla_protocol::pccs::{
    ListedPlatform, PlatformCertificates, PlatformCollateral, Update, Version,
};
use bulla_protocol::value::Pem;
use bulla_store::StoreError;
use bulla_store::fleet::{Platform, PlatformId, Registration};
use bulla_verifier::arrival::Received;

use crate::collection::{Change, Rejection};
use crate::fleet::{Fleet, NoCertificate, Queued};
use crate::keeper::{Absent, Keeper};
use crate::want::{self, Choice, Want};

/// What became of one thing.
#[derive(Debug)]
#[non_exhaustive]
pub struct Taken {
    /// The document or the platform, for people.
    pub what: String,
    /// What it changed, or why it was not taken.
    pub outcome: Result<Entered, NotTaken>,
}

/// What entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever tells them tells all")]
pub enum Entered {
    /// A document, and what it changed.
    Document(Change),
    /// A platform's certificates.
    Certificates,
    /// A TCB that a platform reported, with the certificate for it.
    Tcb,
    /// A platform, to wait for its certificates.
    Waiting,
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every dialect has words for each")]
pub enum NotTaken {
    /// The chain of whoever issued it is not there.
    #[error("it comes without its issuer chain")]
    ChainMissing,
    /// A document that is not what it should be.
    #[error(transparent)]
    Document(Rejection),
    /// Certificates that are not a platform's, or not genuine.
    #[error(transparent)]
    Certificates(NoCertificate),
    /// There is no certificate for what a platform reported.
    #[error(transparent)]
    Platform(NoCertificate),
}

impl NotTaken {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ChainMissing => "ChainMissing",
            Self::Document(Rejection::Refused { code, .. })
            | Self::Certificates(NoCertificate::Refused { code, .. }) => code,
            Self::Document(_) => "StoreUnavailable",
            Self::Certificates(_) | Self::Platform(_) => "CertificateNotSelected",
        }
    }
}

/// What becomes of a listed platform of which there are no certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one or the other")]
pub enum Uncertified {
    /// It is refused, as Intel's cache does.
    Refuse,
    /// It is registered: asked for, or queued where nobody is asked.
    Register,
}

/// Who takes such collateral.
pub struct Intake {
    keeper: Arc<Keeper>,
    fleet: Arc<Fleet>,
}

impl Intake {
    /// Takes into what `keeper` and `fleet` have.
    pub fn new(keeper: Arc<Keeper>, fleet: Arc<Fleet>) -> Self {
        Self { keeper, fleet }
    }

    /// Takes all that is good; `source` is for people. An error is one of the store, after which
    /// nothing more is tried.
    pub async fn take(
        &self,
        version: Version,
        put: &PlatformCollateral,
        uncertified: Uncertified,
        source: &str,
    ) -> Result<Vec<Taken>, StoreError> {
        let mut all = Vec::new();
        self.documents(version, put, source, &mut all)?;
        let chains = [put.processor_chain.as_ref(), put.platform_chain.as_ref()];
        let chains: Vec<&Pem> = chains.into_iter().flatten().collect();
        let ids = put.pck_certificates.iter().map(named).collect();
        let mut bringing = self.fleet.bringing(ids, &chains, source)?;
        let registered = self.keeper.collection().now().at;
        for certificates in &put.pck_certificates {
            let platform = Platform {
                id: named(certificates),
                encrypted_ppid: certificates.encrypted_ppid.clone(),
                manifest: certificates.manifest.clone(),
                fmspc: None,
                ca: None,
                registered,
            };
            let outcome = bringing.bring(&platform, &certificates.certificates).await;
            all.push(Taken {
                what: format!("certificates of {}", certificates.qe_id),
                outcome: match outcome {
                    Ok(()) => Ok(Entered::Certificates),
                    Err(error) => Err(NotTaken::Certificates(error.unless_store()?)),
                },
            });
        }
        let mut reported = Vec::with_capacity(put.platforms.len());
        for platform in &put.platforms {
            let registration = registration(platform);
            let selected = bringing.report(&registration).await;
            reported.push((registration, selected));
        }
        bringing.keep()?;
        for (registration, selected) in reported {
            let what = format!("platform {}", registration.id.qe_id);
            let outcome = match selected {
                Some(selected) => selected.map(|()| Entered::Tcb),
                None => self.platform(registration, uncertified).await,
            };
            all.push(Taken {
                what,
                outcome: match outcome {
                    Ok(entered) => Ok(entered),
                    Err(error) => Err(NotTaken::Platform(error.unless_store()?)),
                },
            });
        }
        Ok(all)
    }

    /// The documents, those first that others are looked up in.
    fn documents(
        &self,
        version: Version,
        put: &PlatformCollateral,
        source: &str,
        all: &mut Vec<Taken>,
    ) -> Result<(), StoreError> {
        let bytes =
            |chain: &Option<Pem>| chain.as_ref().map(|pem| pem.as_str().as_bytes().to_vec());
        let chains = [
            bytes(&put.tcb_info_chain),
            bytes(&put.identity_chain),
            bytes(&put.platform_chain),
            bytes(&put.processor_chain),
        ];
        let held_root = || {
            self.keeper
                .collection()
                .look(|snapshot| Some(snapshot.documents().next()?.issuer_chain.to_vec()))
        };
        let any_chain = chains.iter().flatten().next().cloned().or_else(held_root);
        let [
            tcb_info_chain,
            identity_chain,
            platform_chain,
            processor_chain,
        ] = chains;
        let mut admit = |received: Option<Received<'_>>, want: Want| {
            let outcome = match received {
                None => Err(NotTaken::ChainMissing),
                Some(received) => match self.keeper.admit(received, want, source) {
                    Ok(admission) => Ok(Entered::Document(admission.change)),
                    Err(Rejection::Store(error)) => return Err(error),
                    Err(rejection) => Err(NotTaken::Document(rejection)),
                },
            };
            let what = want.to_string();
            all.push(Taken { what, outcome });
            Ok(())
        };
        if let Some(crl) = &put.root_ca_crl {
            let received = any_chain
                .as_deref()
                .map(|root| Received::RootCaCrl { crl, root });
            admit(received, Want::RootCaCrl)?;
        }
        let crls = [
            (PckCa::Processor, &put.processor_crl, &processor_chain),
            (PckCa::Platform, &put.platform_crl, &platform_chain),
        ];
        for (ca, crl, chain) in crls {
            let Some(crl) = crl else { continue };
            let received = chain
                .as_deref()
                .map(|issuer_chain| Received::PckCrl { crl, issuer_chain });
            admit(received, Want::PckCrl(ca))?;
        }
        for identity in &put.identities {
            let received = identity_chain
                .as_deref()
                .map(|issuer_chain| Received::Signed {
                    document: identity.document.as_str().as_bytes(),
                    issuer_chain,
                });
            let id: EnclaveId = want::enclave_id(identity.enclave);
            let choice = Choice::Selected(selector(identity.update));
            admit(received, Want::Series(Series::EnclaveIdentity(id), choice))?;
        }
        for tcb_info in &put.tcb_infos {
            let received = tcb_info_chain
                .as_deref()
                .map(|issuer_chain| Received::Signed {
                    document: tcb_info.document.as_str().as_bytes(),
                    issuer_chain,
                });
            let series = Series::TcbInfo {
                id: want::tcb_info_id(tcb_info.tee),
                fmspc: tcb_info.fmspc.0,
                version: match version {
                    Version::V3 => 2,
                    Version::V4 => 3,
                },
            };
            let choice = Choice::Selected(selector(tcb_info.update));
            admit(received, Want::Series(series, choice))?;
        }
        Ok(())
    }

    /// A platform of which nobody brought certificates here.
    async fn platform(
        &self,
        registration: Registration,
        uncertified: Uncertified,
    ) -> Result<Entered, NoCertificate> {
        let selected = self.fleet.select_for(&registration).await;
        let has_key = registration.manifest.is_some() || registration.encrypted_ppid.is_some();
        match selected {
            Ok(()) => Ok(Entered::Tcb),
            Err(NoCertificate::NotStored | NoCertificate::PlatformUnknown)
                if uncertified == Uncertified::Register && has_key =>
            {
                match self.fleet.register(registration).await {
                    // Who cannot be asked about now is asked about later.
                    Ok(Queued::Waiting)
                    | Err(NoCertificate::Absent(Absent::Unavailable { .. })) => {
                        Ok(Entered::Waiting)
                    }
                    Ok(Queued::Known | Queued::Fetched) => Ok(Entered::Certificates),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

fn named(platform: &PlatformCertificates) -> PlatformId {
    PlatformId {
        qe_id: platform.qe_id.as_str().to_owned(),
        pce_id: platform.pce_id,
    }
}

/// A platform of a list, as it is kept.
pub(crate) fn registration(platform: &ListedPlatform) -> Registration {
    Registration {
        id: PlatformId {
            qe_id: platform.qe_id.as_str().to_owned(),
            pce_id: platform.pce_id,
        },
        cpu_svn: platform.cpusvn,
        pce_svn: platform.pcesvn,
        encrypted_ppid: platform.encrypted_ppid.clone(),
        manifest: platform.manifest.clone(),
    }
}

fn selector(update: Update) -> Selector {
    match update {
        Update::Standard => Selector::Standard,
        Update::Early => Selector::Early,
    }
}
