//! A platform: a processor, its TDX module, and the enclaves that certify and quote.

use bulla_evidence::layout::{PpidRecord, SgxReport, TdReport};
use bulla_evidence::{BodyType, QuoteVersion, Tee};
use bulla_issuer::{Certification, QuoteKind, QuoteParts, SigningKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::architectural::{
    CertificationEnclave, CertifiedKey, PCE_ID, PceInfo, QuotingEnclave, Refusal,
};
use crate::enclave::Enclave;
use crate::error::Failure;
use crate::fuses::Fuses;
use crate::processor::{Processor, cpusvn_at_most};
use crate::provisioning::ProvisioningPublicKey;
use crate::signer::EnclaveSigner;
use crate::structures::TargetInfo;
use crate::td::{TdReportForm, TdxModule, TrustDomain};

/// What is installed on a platform, by security version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcb {
    /// Security version of the processor: 16 components.
    pub cpusvn: [u8; 16],
    /// Security version of the provisioning certification enclave.
    pub pcesvn: u16,
    /// Security version of the enclave that quotes enclaves.
    pub qe_svn: u16,
    /// Security version of the enclave that quotes trust domains.
    pub tdqe_svn: u16,
    /// The TDX module.
    pub tdx_module: TdxModule,
}

impl Tcb {
    /// The part that selects the PCK, and its certificate.
    pub fn pck(&self) -> PckTcb {
        PckTcb {
            cpusvn: self.cpusvn,
            pcesvn: self.pcesvn,
        }
    }

    /// The first part in which `self` is earlier than `other`; `None` if it is in none.
    fn behind(&self, other: &Self) -> Option<&'static str> {
        let module = |tcb: &Self| tcb.tdx_module.tee_tcb_svn;
        let parts = [
            ("CPUSVN", cpusvn_at_most(&other.cpusvn, &self.cpusvn)),
            ("PCESVN", other.pcesvn <= self.pcesvn),
            ("quoting enclave", other.qe_svn <= self.qe_svn),
            (
                "trust domain quoting enclave",
                other.tdqe_svn <= self.tdqe_svn,
            ),
            ("TDX module", cpusvn_at_most(&module(other), &module(self))),
        ];
        parts.iter().find(|(_, fine)| !fine).map(|(part, _)| *part)
    }
}

/// The security versions of a PCK and of its certificate. They may be earlier than the platform's:
/// a certificate outlives the update that makes a later one possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PckTcb {
    /// Security version of the processor.
    pub cpusvn: [u8; 16],
    /// Security version of the provisioning certification enclave.
    pub pcesvn: u16,
}

/// What can be attested.
#[derive(Clone, Copy, Debug)]
pub enum Workload<'a> {
    /// An enclave.
    Enclave(&'a Enclave),
    /// A trust domain.
    Domain(&'a TrustDomain),
}

/// A platform that was started.
#[derive(Clone, Debug)]
pub struct Platform {
    processor: Processor,
    tcb: Tcb,
    pce: CertificationEnclave,
    qe: QuotingEnclave,
    tdqe: QuotingEnclave,
}

impl Platform {
    /// A platform of these fuses with this installed, started for the first time.
    ///
    /// Older versions than the platform has had before are not noticed, as little as by hardware:
    /// what later ones sealed stays closed to it.
    pub fn new(fuses: Fuses, tcb: Tcb) -> Self {
        Self::start(Processor::new(fuses, tcb.cpusvn), tcb)
    }

    /// Installs later versions and starts the platform again (TCB recovery).
    ///
    /// # Errors
    ///
    /// When a part would be earlier than it is; the platform stays as it is.
    pub fn raise(&mut self, tcb: Tcb) -> Result<(), Downgrade> {
        if let Some(part) = tcb.behind(&self.tcb) {
            return Err(Downgrade { part });
        }
        let mut processor = self.processor.clone();
        processor.restart(tcb.cpusvn);
        *self = Self::start(processor, tcb);
        Ok(())
    }

    fn start(processor: Processor, tcb: Tcb) -> Self {
        let signer = EnclaveSigner::architectural();
        let quoting = |tee, svn| QuotingEnclave::start(&signer, tee, svn).expect(STARTS);
        Self {
            pce: CertificationEnclave::start(&signer, tcb.pcesvn).expect(STARTS),
            qe: quoting(Tee::Sgx, tcb.qe_svn),
            tdqe: quoting(Tee::Tdx, tcb.tdqe_svn),
            processor,
            tcb,
        }
    }

    /// The processor.
    pub fn processor(&self) -> &Processor {
        &self.processor
    }

    /// What is installed.
    pub fn tcb(&self) -> &Tcb {
        &self.tcb
    }

    /// The enclave that certifies.
    pub fn certification_enclave(&self) -> &CertificationEnclave {
        &self.pce
    }

    /// The enclave that quotes what this technology yields.
    pub fn quoting_enclave(&self, tee: Tee) -> &QuotingEnclave {
        match tee {
            Tee::Sgx => &self.qe,
            Tee::Tdx => &self.tdqe,
        }
    }

    /// The current PCK. Its private half never leaves the certification enclave; the vendor
    /// derives it too, from the fuses.
    pub fn pck_key(&self) -> SigningKey {
        let PckTcb { cpusvn, pcesvn } = self.tcb.pck();
        self.processor.fuses().pck_key(cpusvn, pcesvn)
    }

    /// What the platform tells the provisioning service, the PPID encrypted to this key.
    pub fn pce_info(&self, key: &ProvisioningPublicKey) -> PceInfo {
        let report = self
            .qe
            .provisioning_report(&self.processor, &self.pce, key)
            .expect("a target of our own");
        self.pce
            .pc_info(&self.processor, &report, key)
            .expect("a report of our own")
    }

    /// Certification data of type 1: the PPID in the clear.
    pub fn ppid_clear(&self, pck: PckTcb) -> Certification {
        Certification::PpidClear(ppid_record(self.processor.fuses().ppid(), pck))
    }

    /// Certification data of type 3: the PPID, encrypted to this key.
    pub fn ppid_encrypted(&self, pck: PckTcb, key: &ProvisioningPublicKey) -> Certification {
        Certification::PpidRsa3072(ppid_record(self.pce_info(key).encrypted_ppid, pck))
    }

    /// A report of the enclave for this platform's quoting enclave.
    pub fn report_enclave(&self, enclave: &Enclave, reportdata: [u8; 64]) -> SgxReport {
        self.processor
            .ereport(enclave, &self.qe.target_info(), reportdata)
            .expect("a target of our own")
    }

    /// The quoting enclave's report to another enclave that it made this quote: its data are
    /// SHA-256 of the nonce and the quote, then zeros.
    ///
    /// # Errors
    ///
    /// As [`Processor::ereport`] says of the target.
    pub fn report_back(
        &self,
        target: &TargetInfo,
        nonce: [u8; 16],
        quote: &[u8],
    ) -> Result<SgxReport, Failure> {
        let digest = Sha256::new().chain_update(nonce).chain_update(quote);
        let mut data = [0; 64];
        data[..32].copy_from_slice(&digest.finalize());
        self.processor.ereport(self.qe.enclave(), target, data)
    }

    /// A report of the trust domain.
    pub fn report_domain(
        &self,
        domain: &TrustDomain,
        reportdata: [u8; 64],
        form: TdReportForm,
    ) -> TdReport {
        domain.report(&self.processor, &self.tcb.tdx_module, reportdata, form)
    }

    /// A quote of an enclave, from its report to this platform's quoting enclave.
    ///
    /// `pck` is what the certificate was issued for that `certification` holds or names.
    ///
    /// # Errors
    ///
    /// When the report was not made for the quoting enclave since the platform was started, and
    /// when `pck` is later than the platform.
    pub fn quote_enclave(
        &self,
        version: QuoteVersion,
        report: &SgxReport,
        pck: PckTcb,
        certification: Certification,
    ) -> Result<QuoteParts, Refusal> {
        let certified = self.certified_key(&self.qe, pck)?;
        self.qe
            .quote_enclave(&self.processor, version, report, certified, certification)
    }

    /// A quote of a trust domain, from its report.
    ///
    /// # Errors
    ///
    /// When the report was not made on this platform since it was started, was changed, or tells
    /// too little for the kind of quote; and when `pck` is later than the platform.
    pub fn quote_domain(
        &self,
        kind: QuoteKind,
        report: &TdReport,
        pck: PckTcb,
        certification: Certification,
    ) -> Result<QuoteParts, Refusal> {
        let certified = self.certified_key(&self.tdqe, pck)?;
        self.tdqe
            .quote_domain(&self.processor, kind, report, certified, certification)
    }

    /// Report and quote in one: what a workload that asks its operating system for a quote gets.
    ///
    /// # Errors
    ///
    /// When a quote of this kind is not of such a workload, and when `pck` is later than the
    /// platform.
    pub fn attest(
        &self,
        kind: QuoteKind,
        workload: Workload<'_>,
        reportdata: [u8; 64],
        pck: PckTcb,
        certification: Certification,
    ) -> Result<QuoteParts, Refusal> {
        let form = match kind.body_type() {
            BodyType::Sgx | BodyType::Td10 => TdReportForm::Td10,
            BodyType::Td15 => TdReportForm::Td15,
            BodyType::Td15Ex => TdReportForm::Td15Ex,
        };
        match workload {
            Workload::Domain(domain) => {
                let report = self.report_domain(domain, reportdata, form);
                self.quote_domain(kind, &report, pck, certification)
            }
            Workload::Enclave(enclave) if kind.body_type() == BodyType::Sgx => {
                let report = self.report_enclave(enclave, reportdata);
                self.quote_enclave(kind.version(), &report, pck, certification)
            }
            Workload::Enclave(_) => Err(Refusal::Unsupported(
                "a quote of a trust domain cannot be made of an enclave",
            )),
        }
    }

    fn certified_key(&self, qe: &QuotingEnclave, pck: PckTcb) -> Result<CertifiedKey, Refusal> {
        qe.certified_key(&self.processor, &self.pce, pck.cpusvn, pck.pcesvn)
    }
}

/// Why architectural enclaves cannot fail to start.
const STARTS: &str = "the model's own enclaves start";

fn ppid_record<const N: usize>(ppid: [u8; N], pck: PckTcb) -> PpidRecord<N> {
    PpidRecord {
        ppid,
        cpusvn: pck.cpusvn,
        pcesvn: pck.pcesvn.into(),
        pceid: PCE_ID.into(),
    }
}

/// Something would be installed that is earlier than what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{part}: earlier than what is installed; a platform is only raised")]
pub struct Downgrade {
    /// Which part, in words.
    pub part: &'static str,
}
