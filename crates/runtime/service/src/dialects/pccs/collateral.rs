//! `PUT /platformcollateral`: what was fetched outside, across an air gap. Everything passes the
//! same checks as what comes from an upstream; one document that fails keeps none of the others
//! from being checked, and is named.

use bulla_collateral::{EnclaveId, PckCa, Selector, Series};
use bulla_protocol::pccs::{
    Answer, PlatformCertificates, PlatformCollateral, Reason, Refusal, Update, Version,
};
use bulla_protocol::value::Pem;
use bulla_store::fleet::{Platform, PlatformId};
use bulla_verifier::arrival::Received;

use super::{Pccs, refusal, upkeep};
use crate::collection::Rejection;
use crate::fleet::{Brought, NoCertificate};
use crate::want::{self, Choice, Want};

/// Where documents come from that are put.
const SOURCE: &str = "platformcollateral";

impl Pccs {
    pub(super) async fn put(
        &self,
        version: Version,
        put: PlatformCollateral,
    ) -> Result<Answer, Refusal> {
        let mut refused = Vec::new();
        self.put_documents(version, &put, &mut refused)?;
        for certificates in &put.pck_certificates {
            let chains = [put.processor_chain.as_ref(), put.platform_chain.as_ref()];
            match self.put_certificates(certificates, chains).await {
                Ok(()) => {}
                Err(NoCertificate::Store(_)) => return Err(Refusal::new(Reason::Internal)),
                Err(error) => refused.push((
                    refusal::no_certificate(&error),
                    format!("certificates of {}: {error}", certificates.qe_id),
                )),
            }
        }
        for platform in &put.platforms {
            match self.fleet.select_for(&upkeep::listed(platform)).await {
                Ok(()) => {}
                Err(NoCertificate::Store(_)) => return Err(Refusal::new(Reason::Internal)),
                Err(error) => refused.push((
                    Refusal::new(Reason::InvalidRequest),
                    format!("platform {}: {error}", platform.qe_id),
                )),
            }
        }
        match refused.into_iter().next() {
            None => Ok(Answer::Done),
            Some((refusal, reason)) => Err(refusal.because(&reason)),
        }
    }

    /// The documents, those first that others are looked up in.
    fn put_documents(
        &self,
        version: Version,
        put: &PlatformCollateral,
        refused: &mut Vec<(Refusal, String)>,
    ) -> Result<(), Refusal> {
        let chain =
            |chain: &'_ Option<Pem>| chain.as_ref().map(|pem| pem.as_str().as_bytes().to_vec());
        let chains = [
            chain(&put.tcb_info_chain),
            chain(&put.identity_chain),
            chain(&put.platform_chain),
            chain(&put.processor_chain),
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
        let mut admit = |received: Option<Received<'_>>, want: Want| match received {
            None => {
                let refusal = Refusal::new(Reason::InvalidRequest);
                refused.push((refusal, format!("{want} comes without its issuer chain")));
                Ok(())
            }
            Some(received) => match self.keeper.admit(received, want, SOURCE) {
                Ok(_) => Ok(()),
                Err(Rejection::Store(_)) => Err(Refusal::new(Reason::Internal)),
                Err(rejection) => {
                    let refusal = Refusal::new(Reason::IntegrityFailed);
                    refused.push((refusal, format!("{want}: {rejection}")));
                    Ok(())
                }
            },
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

    /// A platform's certificates.
    async fn put_certificates(
        &self,
        put: &PlatformCertificates,
        chains: [Option<&Pem>; 2],
    ) -> Result<(), NoCertificate> {
        let platform = Platform {
            id: PlatformId {
                qe_id: put.qe_id.as_str().to_owned(),
                pce_id: put.pce_id,
            },
            encrypted_ppid: put.encrypted_ppid.clone(),
            manifest: put.manifest.clone(),
            fmspc: None,
            ca: None,
            registered: self.keeper.collection().now().at,
        };
        let mut last = NoCertificate::Refused {
            code: "ChainMissing",
            reason: "There is no issuer chain of PCK certificates.".to_owned(),
        };
        // Which of the chains is theirs shows where one fits.
        for chain in chains.into_iter().flatten() {
            let brought = Brought {
                entries: put.certificates.clone(),
                issuer_chain: chain.as_str().as_bytes().to_vec(),
                fmspc: None,
                source: SOURCE.to_owned(),
            };
            match self.fleet.bring(platform.clone(), brought).await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        self.fleet
            .set_aside(&platform.id, &put.certificates, SOURCE, &last);
        Err(last)
    }
}

fn selector(update: Update) -> Selector {
    match update {
        Update::Standard => Selector::Standard,
        Update::Early => Selector::Early,
    }
}
