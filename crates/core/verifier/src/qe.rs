//! Enclave and module against what the vendor says they must be.

use bulla_collateral::{EnclaveId, EnclaveIdentity, TcbInfo, TcbInfoId, TdxModule};
use bulla_evidence::layout::{SgxReportBody, TdReport10, sgx_attributes};
use bulla_evidence::{Body, Tee};
use zerocopy::IntoBytes;

use crate::finding::{Code, Findings};
use crate::verdict::PlatformFacts;

/// The TCB info must be for this technology, family and PCE.
pub(crate) fn check_tcb_info_fits(
    tcb_info: &TcbInfo,
    tee: Tee,
    platform: Option<&PlatformFacts>,
    findings: &mut Findings,
) {
    let name = "tcb_info";
    let wanted = match tee {
        Tee::Sgx => TcbInfoId::Sgx,
        Tee::Tdx => TcbInfoId::Tdx,
    };
    if tcb_info.id != wanted {
        findings.differ(
            Code::TcbInfoTeeMismatch,
            name,
            "The TCB info is for the other technology; fetch the one for the quote's.",
            wanted.as_str(),
            tcb_info.id.as_str(),
        );
    }
    let Some(platform) = platform else { return };
    if tcb_info.fmspc != platform.fmspc {
        findings.differ(
            Code::FmspcMismatch,
            name,
            "The TCB info is for another family of platforms; fetch the one for this FMSPC.",
            hex::encode(platform.fmspc),
            hex::encode(tcb_info.fmspc),
        );
    }
    if tcb_info.pce_id != platform.pce_id {
        findings.differ(
            Code::PceIdMismatch,
            name,
            "The TCB info is for another provisioning certification enclave.",
            hex::encode(platform.pce_id),
            hex::encode(tcb_info.pce_id),
        );
    }
}

/// The quoting enclave must be the vendor's, for this technology.
pub(crate) fn check_quoting_enclave(
    identity: &EnclaveIdentity,
    tee: Tee,
    report: &SgxReportBody,
    findings: &mut Findings,
) {
    let name = "qe_report";
    let wanted = match tee {
        Tee::Sgx => EnclaveId::Qe,
        Tee::Tdx => EnclaveId::TdQe,
    };
    if identity.id != wanted {
        findings.differ(
            Code::QeIdentityMismatch,
            "qe_identity",
            "The identity is for another enclave than the one that signed the quote.",
            wanted.as_str(),
            identity.id.as_str(),
        );
    }
    let mut check = |code, field: &str, expected: &[u8], actual: &[u8]| {
        if expected != actual {
            findings.differ(
                code,
                name,
                format!("{field} of the quoting enclave is not the vendor's."),
                hex::encode(expected),
                hex::encode(actual),
            );
        }
    };
    check(
        Code::QeMiscselectMismatch,
        "MISCSELECT under its mask",
        &identity.miscselect,
        &masked(report.miscselect.as_bytes(), &identity.miscselect_mask),
    );
    check(
        Code::QeAttributesMismatch,
        "ATTRIBUTES under their mask",
        &identity.attributes,
        &masked(report.attributes.as_bytes(), &identity.attributes_mask),
    );
    check(
        Code::QeMrsignerMismatch,
        "MRSIGNER",
        &identity.mrsigner,
        &report.mrsigner,
    );
    if report.isvprodid.get() != identity.isvprodid {
        findings.differ(
            Code::QeIsvprodidMismatch,
            name,
            "ISVPRODID of the quoting enclave is not the vendor's.",
            identity.isvprodid.to_string(),
            report.isvprodid.get().to_string(),
        );
    }
    // The vendor's mask covers DEBUG today; the check must not rest on that.
    if report.attributes.flags.get() & sgx_attributes::DEBUG != 0 {
        findings.fail(
            Code::QeDebug,
            name,
            "The quoting enclave runs in debug mode: its host can read the attestation key.",
        );
    }
}

fn masked(bytes: &[u8], mask: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .zip(mask)
        .map(|(byte, mask)| byte & mask)
        .collect()
}

/// The TDX modules that a TD names must be the vendor's.
pub(crate) fn check_tdx_modules(tcb_info: &TcbInfo, body: Body<'_>, findings: &mut Findings) {
    let (Some(td), Some(default)) = (body.td10(), &tcb_info.tdx_module) else {
        return;
    };
    if let Some(module) = module_for(tcb_info, default, td.tee_tcb_svn[1], findings) {
        check_module(module, td, findings);
    }
    if let Some(td15) = body.td15()
        && td15.tee_tcb_svn2[1] != td.tee_tcb_svn[1]
        && module_for(tcb_info, default, td15.tee_tcb_svn2[1], findings).is_some()
    {
        findings.note(
            Code::TdxModuleSignerUnknown,
            "tee_tcb_svn2",
            format!(
                "The TDX module was updated from version {} to {} since the launch; the signer of \
                 the one that runs now stands in no field of the quote.",
                td.tee_tcb_svn[1], td15.tee_tcb_svn2[1]
            ),
        );
    }
}

/// The module of this version; version 0 stands for the one without an identity of its own.
fn module_for<'a>(
    tcb_info: &'a TcbInfo,
    default: &'a TdxModule,
    version: u8,
    findings: &mut Findings,
) -> Option<&'a TdxModule> {
    if version == 0 {
        return Some(default);
    }
    let name = "tdx_module";
    if tcb_info.tdx_module_identities.is_empty() {
        findings.fail(
            Code::TdxModuleIdentitiesMissing,
            name,
            format!("The TCB info lists no TDX modules; the TD runs on version {version}."),
        );
        return None;
    }
    let identity = tcb_info.tdx_module_identity(version);
    if identity.is_none() {
        let known: Vec<String> = tcb_info
            .tdx_module_identities
            .iter()
            .map(|identity| format!("TDX_{:02X}", identity.version))
            .collect();
        findings.differ(
            Code::TdxModuleIdentityNotFound,
            name,
            "The TCB info does not know the version of the TDX module that the TD runs on.",
            known.join(", "),
            format!("TDX_{version:02X}"),
        );
    }
    identity.map(|identity| &identity.module)
}

fn check_module(module: &TdxModule, td: &TdReport10, findings: &mut Findings) {
    let name = "tdx_module";
    if td.mrsignerseam != module.mrsigner {
        findings.differ(
            Code::TdxModuleSignerMismatch,
            name,
            "MRSIGNERSEAM is not the vendor's: the TDX module has another signer.",
            hex::encode(module.mrsigner),
            hex::encode(td.mrsignerseam),
        );
    }
    let attributes = td.seamattributes.as_bytes();
    if attributes != module.attributes || attributes != [0; 8] {
        findings.differ(
            Code::TdxModuleAttributesMismatch,
            name,
            "SEAMATTRIBUTES must be zero and what the vendor says.",
            hex::encode(module.attributes),
            hex::encode(attributes),
        );
    }
}
