//! The processor: what it is made with, its security version, and the instructions that need them.

use std::fmt;

use bulla_evidence::layout::{ReportMac, ReportType, SgxReport, sgx_attributes};
use zerocopy::{FromZeros, IntoBytes};

use crate::enclave::Enclave;
use crate::error::{ErrorCode, Failure, protect, require};
use crate::fuses::Fuses;
use crate::kdf::Key;
use crate::keys;
use crate::mac::{cmac, equal, hmac_sha256};
use crate::structures::{KeyRequest, TargetInfo, key_name, key_policy};

/// Derives the id of the report key of each start.
const REPORT_KEYID_LABEL: &[u8] = b"bulla report keyid v1\0";

/// Derives the key of TD reports.
const TD_REPORT_LABEL: &[u8] = b"bulla td report key v1\0";

/// Derives what stands for random numbers.
const RANDOM_LABEL: &[u8] = b"bulla random v1\0";

/// A processor that was started.
#[derive(Clone)]
pub struct Processor {
    fuses: Fuses,
    cpusvn: [u8; 16],
    owner_epoch: [u8; 16],
    starts: u64,
}

impl Processor {
    /// A processor of these fuses, started for the first time with microcode of this security
    /// version. The owner epoch is zero.
    pub fn new(fuses: Fuses, cpusvn: [u8; 16]) -> Self {
        Self {
            fuses,
            cpusvn,
            owner_epoch: [0; 16],
            starts: 1,
        }
    }

    /// The same processor with another owner epoch, on which every key depends but those for
    /// provisioning.
    #[must_use]
    pub fn with_owner_epoch(self, owner_epoch: [u8; 16]) -> Self {
        Self {
            owner_epoch,
            ..self
        }
    }

    /// Starts the processor again, with microcode of this security version. Reports made before
    /// no longer hold.
    pub fn restart(&mut self, cpusvn: [u8; 16]) {
        self.cpusvn = cpusvn;
        self.starts += 1;
    }

    /// The security version of the processor.
    pub fn cpusvn(&self) -> [u8; 16] {
        self.cpusvn
    }

    /// The secrets that the processor was made with.
    pub fn fuses(&self) -> &Fuses {
        &self.fuses
    }

    /// `EREPORT`: what `enclave` is, and `reportdata` of its choice, for the enclave `target` on
    /// this processor.
    ///
    /// # Errors
    ///
    /// A general protection fault for a target whose reserved bytes are not zero.
    pub fn ereport(
        &self,
        enclave: &Enclave,
        target: &TargetInfo,
        reportdata: [u8; 64],
    ) -> Result<SgxReport, Failure> {
        protect(
            target.reserved1 == 0 && target.reserved2 == [0; 8] && target.reserved3 == [0; 384],
            "reserved bytes of the TARGETINFO are not zero",
        )?;
        let body = enclave.secs().report_body(self.cpusvn, reportdata);
        let keyid = self
            .fuses
            .expand(REPORT_KEYID_LABEL, &self.starts.to_le_bytes());
        let key = self.report_key(target, keyid);
        Ok(SgxReport {
            body,
            keyid,
            mac: cmac(key.as_bytes(), body.as_bytes()),
        })
    }

    /// `EGETKEY`: the key that `enclave` asks for.
    ///
    /// # Errors
    ///
    /// 256 for a name that no key has, 2 for a key that the enclave's attributes do not permit, 32
    /// and 64 for security versions later than its own; a general protection fault for a request
    /// whose reserved bytes are not zero, and for a policy that needs `KSS` where the enclave
    /// lacks it.
    pub fn egetkey(&self, enclave: &Enclave, request: &KeyRequest) -> Result<Key, Failure> {
        let secs = enclave.secs();
        let policy = request.key_policy.get();
        protect(
            request.reserved1 == 0
                && request.reserved2 == [0; 434]
                && policy & !key_policy::ALL == 0,
            "reserved bytes of the KEYREQUEST are not zero",
        )?;
        protect(
            policy & key_policy::KSS == 0 || secs.has(sgx_attributes::KSS),
            "the policy needs an enclave with KSS",
        )?;
        match request.key_name.get() {
            key_name::EINITTOKEN => {
                check_attribute(enclave, sgx_attributes::EINITTOKEN_KEY)?;
                self.check_versions(enclave, request)?;
                Ok(keys::einittoken_key(
                    &self.fuses,
                    secs,
                    request,
                    self.owner_epoch,
                ))
            }
            key_name::PROVISION => {
                check_attribute(enclave, sgx_attributes::PROVISION_KEY)?;
                self.check_versions(enclave, request)?;
                Ok(keys::provisioning_key(&self.fuses, secs, request))
            }
            key_name::PROVISION_SEAL => {
                check_attribute(enclave, sgx_attributes::PROVISION_KEY)?;
                self.check_versions(enclave, request)?;
                Ok(keys::provisioning_seal_key(&self.fuses, secs, request))
            }
            key_name::REPORT => Ok(self.report_key(&enclave.target_info(), request.keyid)),
            key_name::SEAL => {
                self.check_versions(enclave, request)?;
                Ok(keys::seal_key(&self.fuses, secs, request, self.owner_epoch))
            }
            _ => Err(Failure::code(
                ErrorCode::InvalidKeyName,
                "no key has this name",
            )),
        }
    }

    /// Whether the report was made on this processor since it was started, for `enclave`: what
    /// every target of a report does, with `EGETKEY` and its own CMAC.
    ///
    /// # Errors
    ///
    /// 9 (`MacCompareFail`) where it was not.
    pub fn verify_report(&self, enclave: &Enclave, report: &SgxReport) -> Result<(), Failure> {
        let request = KeyRequest {
            keyid: report.keyid,
            ..KeyRequest::new(key_name::REPORT, 0)
        };
        let key = self.egetkey(enclave, &request)?;
        require(
            equal(&cmac(key.as_bytes(), report.body.as_bytes()), &report.mac),
            ErrorCode::MacCompareFail,
            "the report is not for this enclave, or not of this processor",
        )
    }

    /// `SEAMREPORT`: authenticates what the TDX module says about a trust domain.
    pub fn seamreport(
        &self,
        version: u8,
        tee_tcb_info_hash: [u8; 48],
        tee_info_hash: [u8; 48],
        reportdata: [u8; 64],
    ) -> ReportMac {
        let mut report = ReportMac {
            report_type: ReportType {
                tee_type: ReportType::TDX,
                version,
                ..ReportType::new_zeroed()
            },
            cpusvn: self.cpusvn,
            tee_tcb_info_hash,
            tee_info_hash,
            reportdata,
            ..ReportMac::new_zeroed()
        };
        report.mac = self.td_report_mac(&report);
        report
    }

    /// `EVERIFYREPORT2`: whether the part of a TD report that the processor authenticates was made
    /// on this processor since it was started. The two digests in it are the caller's to compare.
    ///
    /// # Errors
    ///
    /// 28 for the form and for the code, 32 for another security version of the processor.
    pub fn everifyreport2(&self, report: &ReportMac) -> Result<(), Failure> {
        let kind = &report.report_type;
        require(
            kind.tee_type == ReportType::TDX
                && kind.subtype == 0
                && kind.version <= 1
                && kind.reserved == 0
                && report.reserved1 == [0; 12]
                && report.reserved2 == [0; 32],
            ErrorCode::InvalidReportMacStruct,
            "the REPORTMACSTRUCT is not of a trust domain, or has reserved bytes set",
        )?;
        require(
            report.cpusvn == self.cpusvn,
            ErrorCode::InvalidCpuSvn,
            "the report was made under another security version of the processor",
        )?;
        require(
            equal(&self.td_report_mac(report), &report.mac),
            ErrorCode::InvalidReportMacStruct,
            "the code of the report does not hold",
        )
    }

    /// Bytes for an enclave that asks for random ones: the same for the same context, so that what
    /// the model does can be repeated.
    pub(crate) fn random(&self, context: &[u8]) -> [u8; 32] {
        self.fuses.expand(RANDOM_LABEL, context)
    }

    fn td_report_mac(&self, report: &ReportMac) -> [u8; 32] {
        let key = self
            .fuses
            .expand(TD_REPORT_LABEL, &self.starts.to_le_bytes());
        hmac_sha256(&key, &report.as_bytes()[..224])
    }

    fn report_key(&self, target: &TargetInfo, keyid: [u8; 32]) -> Key {
        keys::report_key(&self.fuses, target, self.cpusvn, keyid, self.owner_epoch)
    }

    /// Refuses keys of security versions later than those of processor, enclave and configuration.
    fn check_versions(&self, enclave: &Enclave, request: &KeyRequest) -> Result<(), Failure> {
        require(
            cpusvn_at_most(&request.cpusvn, &self.cpusvn),
            ErrorCode::InvalidCpuSvn,
            "later than the processor's",
        )?;
        require(
            request.isvsvn <= enclave.secs().isvsvn,
            ErrorCode::InvalidIsvSvn,
            "later than the enclave's",
        )?;
        require(
            request.configsvn <= enclave.secs().configsvn,
            ErrorCode::InvalidIsvSvn,
            "later than that of the enclave's configuration",
        )
    }
}

/// Shows nothing of the fuses.
impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Processor({}, ..)", hex::encode(self.cpusvn))
    }
}

/// Whether no component of `earlier` exceeds that of `later`. Of two versions it may hold in
/// neither direction.
pub(crate) fn cpusvn_at_most(earlier: &[u8; 16], later: &[u8; 16]) -> bool {
    earlier
        .iter()
        .zip(later)
        .all(|(earlier, later)| earlier <= later)
}

fn check_attribute(enclave: &Enclave, flag: u64) -> Result<(), Failure> {
    require(
        enclave.secs().has(flag),
        ErrorCode::InvalidAttribute,
        "the enclave's attributes do not permit this key",
    )
}
