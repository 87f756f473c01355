//! The quoting enclaves (DCAP sources: `qe.cpp`, `td_qe.cpp`).

use bulla_evidence::layout::{
    QuoteHeader, SgxReport, SgxReportBody, TdReport, TdReport10, TdReport15, TdReport15Ex,
};
use bulla_evidence::{QuoteVersion, Tee, signed_part};
use bulla_issuer::{
    Certification, QuoteBody, QuoteKind, QuoteParts, SigningKey, qe_report_data, quote_point,
};
use sha2::{Digest, Sha384};
use zerocopy::{FromZeros, IntoBytes};

use super::{CertificationEnclave, Refusal, Role};
use crate::derivation::{self, QE_LABEL, TDQE_LABEL};
use crate::enclave::Enclave;
use crate::error::Failure;
use crate::mac::{cmac, equal};
use crate::processor::Processor;
use crate::provisioning::ProvisioningPublicKey;
use crate::signer::EnclaveSigner;
use crate::structures::{KeyRequest, TargetInfo, key_name, key_policy};
use crate::td::{TDID_VALID, TEE_TCB_SVN_2_VALID};

/// Tells the key of the QE-ID from the attestation key.
const QE_ID_KEYID: [u8; 32] = *b"bulla model QE-ID\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Makes quotes of reports.
#[derive(Clone, Debug)]
pub struct QuotingEnclave {
    enclave: Enclave,
    tee: Tee,
}

/// An attestation key that the certification enclave has vouched for.
pub(crate) struct CertifiedKey {
    key: SigningKey,
    qe_report: SgxReportBody,
    qe_report_signature: [u8; 64],
    qe_auth: Vec<u8>,
    pcesvn: u16,
}

impl QuotingEnclave {
    pub(crate) fn start(signer: &EnclaveSigner, tee: Tee, isvsvn: u16) -> Result<Self, Failure> {
        let enclave = Role::quoting(tee).start(signer, isvsvn)?;
        Ok(Self { enclave, tee })
    }

    /// What enclaves need in order to report to this one.
    pub fn target_info(&self) -> TargetInfo {
        self.enclave.target_info()
    }

    /// The enclave.
    pub fn enclave(&self) -> &Enclave {
        &self.enclave
    }

    /// Asks the certification enclave to encrypt the PPID to this key.
    pub(crate) fn provisioning_report(
        &self,
        processor: &Processor,
        pce: &CertificationEnclave,
        key: &ProvisioningPublicKey,
    ) -> Result<SgxReport, Failure> {
        processor.ereport(&self.enclave, &pce.target_info(), key.report_data())
    }

    /// Names the platform to whoever knows the enclave: the same as long as the owner epoch is.
    pub fn id(&self, processor: &Processor) -> Result<[u8; 16], Failure> {
        let request = KeyRequest {
            keyid: QE_ID_KEYID,
            ..KeyRequest::architectural(key_name::SEAL, key_policy::MRSIGNER)
        };
        let key = processor.egetkey(&self.enclave, &request)?;
        Ok(cmac(key.as_bytes(), &[0; 16]))
    }

    /// Derives the attestation key, of the current security versions, and has it certified by the
    /// PCK of the given ones.
    pub(crate) fn certified_key(
        &self,
        processor: &Processor,
        pce: &CertificationEnclave,
        cpusvn: [u8; 16],
        pcesvn: u16,
    ) -> Result<CertifiedKey, Refusal> {
        let request = KeyRequest::architectural(key_name::SEAL, key_policy::MRSIGNER)
            .at(processor.cpusvn(), self.enclave.secs().isvsvn.get());
        let label = match self.tee {
            Tee::Sgx => QE_LABEL,
            Tee::Tdx => TDQE_LABEL,
        };
        let key = derivation::signing_key(&processor.egetkey(&self.enclave, &request)?, label);

        let qe_auth: Vec<u8> = (0..32).collect();
        let reportdata = qe_report_data(&quote_point(&key), &qe_auth);
        let report = processor.ereport(&self.enclave, &pce.target_info(), reportdata)?;
        let qe_report_signature = pce.certify(processor, &report, cpusvn, pcesvn)?;
        Ok(CertifiedKey {
            key,
            qe_report: report.body,
            qe_report_signature,
            qe_auth,
            pcesvn,
        })
    }

    /// Quotes an enclave that reported to this one.
    pub(crate) fn quote_enclave(
        &self,
        processor: &Processor,
        version: QuoteVersion,
        report: &SgxReport,
        certified: CertifiedKey,
        certification: Certification,
    ) -> Result<QuoteParts, Refusal> {
        processor.verify_report(&self.enclave, report)?;
        let body = QuoteBody::Sgx(report.body);
        self.assemble(processor, version, &body, certified, certification)
    }

    /// Quotes a trust domain that reported to the processor.
    pub(crate) fn quote_domain(
        &self,
        processor: &Processor,
        kind: QuoteKind,
        report: &TdReport,
        certified: CertifiedKey,
        certification: Certification,
    ) -> Result<QuoteParts, Refusal> {
        processor.everifyreport2(&report.report_mac)?;
        let mac = &report.report_mac;
        let is_digest = |digest: &[u8; 48], of: &[u8]| equal(digest, &Sha384::digest(of).into());
        if !is_digest(&mac.tee_tcb_info_hash, report.tee_tcb_info.as_bytes()) {
            return Err(Refusal::TdReportDigest("tee_tcb_info_hash", "TEE_TCB_INFO"));
        }
        if !is_digest(&mac.tee_info_hash, report.td_info.as_bytes()) {
            return Err(Refusal::TdReportDigest("tee_info_hash", "TDINFO"));
        }
        let body = domain_body(kind, report)?;
        self.assemble(processor, kind.version(), &body, certified, certification)
    }

    fn assemble(
        &self,
        processor: &Processor,
        version: QuoteVersion,
        body: &QuoteBody,
        certified: CertifiedKey,
        certification: Certification,
    ) -> Result<QuoteParts, Refusal> {
        let mut header = QuoteHeader::new(version, self.tee);
        header.user_data[..16].copy_from_slice(&self.id(processor)?);
        if version == QuoteVersion::V3 {
            header.qe_svn = self.enclave.secs().isvsvn;
            header.pce_svn = certified.pcesvn.into();
        }
        let signed = signed_part(version, &header, body.as_body())
            .map_err(|_| Refusal::Unsupported("quotes of this version do not hold this body"))?;
        Ok(QuoteParts {
            signature: certified.key.sign(&signed),
            signed,
            attestation_key: quote_point(&certified.key),
            qe_report: certified.qe_report,
            qe_report_signature: certified.qe_report_signature,
            qe_auth: certified.qe_auth,
            certification,
        })
    }
}

/// The body of a quote of this kind, from what the TDX module reported.
fn domain_body(kind: QuoteKind, report: &TdReport) -> Result<QuoteBody, Refusal> {
    let td10 = td10(report);
    let td15 = TdReport15 {
        td10,
        tee_tcb_svn2: report.tee_tcb_info.tee_tcb_svn2,
        mrservicetd: report.td_info.servtd_hash,
    };
    let has = |field: u64| report.tee_tcb_info.valid & field == field;
    match kind {
        QuoteKind::SgxV3 | QuoteKind::SgxV4 | QuoteKind::SgxV5 => Err(Refusal::Unsupported(
            "a quote of an enclave cannot be made from the report of a trust domain",
        )),
        QuoteKind::Td10V4 | QuoteKind::Td10V5 => Ok(QuoteBody::Td10(td10)),
        QuoteKind::Td15V5 if has(TEE_TCB_SVN_2_VALID) => Ok(QuoteBody::Td15(td15)),
        QuoteKind::Td15ExV5
            if has(TEE_TCB_SVN_2_VALID) && report.td_info.valid & TDID_VALID != 0 =>
        {
            Ok(QuoteBody::Td15Ex(TdReport15Ex {
                td15,
                vmid: report.td_info.vmid,
                tdid: report.td_info.tdid,
                ..TdReport15Ex::new_zeroed()
            }))
        }
        QuoteKind::Td15V5 | QuoteKind::Td15ExV5 => Err(Refusal::Unsupported(
            "the TDX module reported too little for a quote of this kind",
        )),
    }
}

fn td10(report: &TdReport) -> TdReport10 {
    let (tcb, td) = (&report.tee_tcb_info, &report.td_info);
    let [rtmr0, rtmr1, rtmr2, rtmr3] = td.rtmr;
    TdReport10 {
        tee_tcb_svn: tcb.tee_tcb_svn,
        mrseam: tcb.mrseam,
        mrsignerseam: tcb.mrsignerseam,
        seamattributes: tcb.attributes,
        tdattributes: td.attributes,
        xfam: td.xfam,
        mrtd: td.mrtd,
        mrconfigid: td.mrconfigid,
        mrowner: td.mrowner,
        mrownerconfig: td.mrownerconfig,
        rtmr0,
        rtmr1,
        rtmr2,
        rtmr3,
        reportdata: report.report_mac.reportdata,
    }
}
