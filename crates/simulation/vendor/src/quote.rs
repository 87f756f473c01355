//! Quotes of the vendor's platforms, and the collateral to check them with.

use bulla_collateral::{CollateralSet, EnclaveId, SignedText};
use bulla_evidence::Tee;
use bulla_evidence::layout::{sgx_attributes, td_attributes};
use bulla_issuer::{Certification, QuoteKind};
use bulla_pki::Timestamp;
use bulla_processor::{
    Enclave, EnclaveSigner, SmallEnclave, TdBuild, TdParameters, TdxModule, TrustDomain, Workload,
};
use bulla_protocol::pcs::Selection;

use crate::documents::{Absent, Issued};
use crate::platform::Platform;
use crate::vendor::Vendor;

/// What is to be attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Form of the quote.
    pub kind: QuoteKind,
    /// Data of the enclave's or trust domain's choice.
    pub report_data: [u8; 64],
    /// Whether it is open to debugging.
    pub debug: bool,
    /// When the trust domain was launched: its first measurement is of the TDX module of that
    /// time. Absent for the time of the quote; enclaves have no such memory.
    pub launched: Option<Timestamp>,
}

/// A quote and what is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// The quote, with its PCK certificate chain.
    pub quote: Vec<u8>,
    /// The collateral as served at the time of the quote.
    pub collateral: CollateralSet,
}

impl Vendor {
    /// A quote of a platform as it is at `at`, with the collateral of a set as served then.
    pub fn attest(
        &self,
        platform: &Platform,
        subject: &Subject,
        selection: Selection,
        at: Timestamp,
    ) -> Result<Attested, Absent> {
        Ok(Attested {
            quote: self.quote(platform, subject, at),
            collateral: self.collateral(platform, subject.kind, selection, at)?,
        })
    }

    /// The collateral that quotes of this kind and platform need, as served at `at`.
    pub fn collateral(
        &self,
        platform: &Platform,
        kind: QuoteKind,
        selection: Selection,
        at: Timestamp,
    ) -> Result<CollateralSet, Absent> {
        let tee = kind.body_type().tee();
        let quoting_enclave = match tee {
            Tee::Sgx => EnclaveId::Qe,
            Tee::Tdx => EnclaveId::TdQe,
        };
        let tcb_info = self.tcb_info(tee, platform.fmspc, selection, at)?;
        let qe_identity = self.identity(quoting_enclave, selection, at)?;
        let pck_crl = self.pck_crl(platform.ca, at);
        Ok(CollateralSet {
            tcb_info: signed(&tcb_info),
            tcb_info_issuer_chain: tcb_info.chain,
            qe_identity: signed(&qe_identity),
            qe_identity_issuer_chain: qe_identity.chain,
            pck_crl: pck_crl.der,
            pck_crl_issuer_chain: pck_crl.chain,
            root_ca_crl: self.root_ca_crl(at).der,
            pck_certificate_chain: None,
        })
    }
}

fn signed(issued: &Issued) -> SignedText {
    let (_, text) = SignedText::from_wrapped(&issued.body).expect("the vendor wrote it");
    text
}

impl Vendor {
    fn quote(&self, platform: &Platform, subject: &Subject, at: Timestamp) -> Vec<u8> {
        let running = platform.start(at);
        let raw = running.tcb().pck();
        let pck = self
            .select_pck_certificate(platform, raw, at)
            .expect("no platform is below the founding level");
        let mut chain = pck.pem().into_bytes();
        chain.extend(self.pck_issuer_chain(platform.ca, at));

        let enclave;
        let domain;
        let workload = match subject.kind.body_type().tee() {
            Tee::Sgx => {
                enclave = application(subject.debug);
                Workload::Enclave(&enclave)
            }
            Tee::Tdx => {
                let launched = platform.svns(subject.launched.unwrap_or(at));
                domain = trust_domain(subject.debug, &launched.tdx_module());
                Workload::Domain(&domain)
            }
        };
        running
            .attest(
                subject.kind,
                workload,
                subject.report_data,
                pck.tcb,
                Certification::PckChain(chain),
            )
            .expect("the workload is of this kind, and no certificate is above its platform")
            .write()
    }
}

/// The enclave that is attested. Its signer is the same for everybody, and not that of the quoting
/// enclave: a policy that names one does not name the other.
fn application(debug: bool) -> Enclave {
    let flags = if debug { sgx_attributes::DEBUG } else { 0 };
    let enclave = SmallEnclave {
        flags,
        ..SmallEnclave::new("bulla vendor: an application\n")
    };
    enclave
        .start(&EnclaveSigner::demonstration())
        .expect("an enclave of the model starts")
}

/// The trust domain that is attested, launched under this module.
fn trust_domain(debug: bool, module: &TdxModule) -> TrustDomain {
    let mut parameters = TdParameters::default();
    if debug {
        parameters.attributes |= td_attributes::DEBUG;
    }
    let mut build = TdBuild::new(&parameters).expect("parameters that fit");
    build.add_page(0).expect("the first page");
    build.finalize(module)
}

#[cfg(test)]
mod tests {
    use bulla_processor::architectural;

    use super::*;

    #[test]
    fn what_is_attested_has_another_signer_than_what_attests() {
        let mrsigner = application(false).secs().mrsigner;
        assert_eq!(mrsigner, EnclaveSigner::demonstration().mrsigner());
        assert_ne!(mrsigner, architectural::MRSIGNER);
    }
}
