//! The provisioning certification enclave (DCAP sources: `pce.cpp`).

use bulla_evidence::layout::{SgxReport, sgx_attributes};
use zerocopy::IntoBytes;

use super::{PCE_ID, Refusal, Role};
use crate::derivation::{self, PCK_LABEL};
use crate::enclave::Enclave;
use crate::error::Failure;
use crate::processor::Processor;
use crate::provisioning::ProvisioningPublicKey;
use crate::signer::EnclaveSigner;
use crate::structures::{KeyRequest, TargetInfo, key_name};

/// Signs reports of quoting enclaves with the PCK.
#[derive(Clone, Debug)]
pub struct CertificationEnclave(Enclave);

/// What a platform tells the provisioning service about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PceInfo {
    /// The PPID, encrypted to the provisioning service's key.
    pub encrypted_ppid: [u8; 384],
    /// Security version of the certification enclave.
    pub pcesvn: u16,
    /// Id of the certification enclave.
    pub pce_id: u16,
}

impl CertificationEnclave {
    pub(crate) fn start(signer: &EnclaveSigner, isvsvn: u16) -> Result<Self, Failure> {
        Role::Certification.start(signer, isvsvn).map(Self)
    }

    /// What others need in order to report to this enclave.
    pub fn target_info(&self) -> TargetInfo {
        self.0.target_info()
    }

    /// The enclave.
    pub fn enclave(&self) -> &Enclave {
        &self.0
    }

    /// Encrypts the PPID to the provisioning service's key, for whoever reports that key.
    ///
    /// # Errors
    ///
    /// When the report is not for this enclave, of one that may not ask, or of another key.
    pub fn pc_info(
        &self,
        processor: &Processor,
        report: &SgxReport,
        key: &ProvisioningPublicKey,
    ) -> Result<PceInfo, Refusal> {
        self.check(processor, report)?;
        if report.body.reportdata != key.report_data() {
            return Err(Refusal::ReportData);
        }
        let request = KeyRequest::architectural(key_name::PROVISION, 0);
        let ppid = derivation::ppid(&processor.egetkey(&self.0, &request)?);
        Ok(PceInfo {
            encrypted_ppid: key.encrypt(&ppid, processor.random(report.as_bytes())),
            pcesvn: self.0.secs().isvsvn.get(),
            pce_id: PCE_ID,
        })
    }

    /// Signs the body of a quoting enclave's report with the PCK of these security versions:
    /// `r` then `s`, big-endian.
    ///
    /// # Errors
    ///
    /// When the report is not for this enclave, or of one that may not ask; and, as `EGETKEY`
    /// says, for versions later than those of the platform.
    pub fn certify(
        &self,
        processor: &Processor,
        report: &SgxReport,
        cpusvn: [u8; 16],
        pcesvn: u16,
    ) -> Result<[u8; 64], Refusal> {
        self.check(processor, report)?;
        let request = KeyRequest::architectural(key_name::PROVISION, 0).at(cpusvn, pcesvn);
        let key = processor.egetkey(&self.0, &request)?;
        Ok(derivation::signing_key(&key, PCK_LABEL).sign(report.body.as_bytes()))
    }

    fn check(&self, processor: &Processor, report: &SgxReport) -> Result<(), Refusal> {
        processor.verify_report(&self.0, report)?;
        match report.body.attributes.flags & sgx_attributes::PROVISION_KEY == 0 {
            true => Err(Refusal::NotPermitted),
            false => Ok(()),
        }
    }
}
