//! What the vendor answers to a request.

use bulla_collateral::EnclaveId;
use bulla_evidence::Tee;
use bulla_issuer::{PckCa, ROOT_CA_CRL_PATH, pem};
use bulla_pki::Timestamp;
use bulla_protocol::pcs::{
    self, Answer, CrlEncoding, CrlFile, Enclave, EncodedCrl, ErrorCode, IssuedDocument,
    PckCertificateEntry, PlatformClass, PlatformFilter, PlatformKey, Refusal, Request,
    SupportedPlatform,
};
use bulla_protocol::value::{
    CpuSvn, Fmspc, HeaderText, PceId, PceSvn, Pem, PlatformManifest, Ppid, Tcbm,
};
use bulla_protocol::wire::Status;

use crate::documents::{Absent, Issued};
use crate::manifest::ManifestError;
use crate::platform::{Platform, Registration};
use crate::vendor::Vendor;
use bulla_processor::PckTcb;

/// The provisioning certification enclave of every simulated platform.
const PCE_ID: PceId = PceId([0; 2]);

/// The registration that a request brings with it: it must be entered into the vendor's books
/// ([`Vendor::register`]) before the request is answered.
pub fn registration(request: &Request) -> Option<(&PlatformManifest, Registration)> {
    match request {
        Request::RegisterPlatform(manifest) => Some((manifest, Registration::Direct)),
        Request::PckCertificate { platform, .. }
        | Request::PckCertificates { platform, .. }
        | Request::PckCertificatesConfig { platform, .. } => match platform {
            PlatformKey::Manifest(manifest) => Some((manifest, Registration::Indirect)),
            PlatformKey::EncryptedPpid(_) => None,
        },
        _ => None,
    }
}

/// What the vendor answers at `at`.
pub fn answer(vendor: &Vendor, request: &Request, at: Timestamp) -> Result<Answer, Refusal> {
    match request {
        Request::PckCertificate {
            platform,
            cpusvn,
            pcesvn,
            pceid,
        } => {
            let platform = find(vendor, platform, *pceid, at)?;
            let raw = PckTcb {
                cpusvn: cpusvn.0,
                pcesvn: pcesvn.0,
            };
            pck_certificate(vendor, platform, raw, at)
        }
        Request::PckCertificates { platform, pceid } => {
            let platform = find(vendor, platform, *pceid, at)?;
            Ok(pck_certificates(vendor, platform, at))
        }
        Request::PckCertificatesConfig {
            platform,
            cpusvn,
            pceid,
        } => {
            let platform = find(vendor, platform, *pceid, at)?;
            // Simulated platforms have one configuration: whatever reaches a level at all.
            let raw = PckTcb {
                cpusvn: cpusvn.0,
                pcesvn: u16::MAX,
            };
            match vendor.select_pck_certificate(platform, raw, at) {
                Some(_) => Ok(pck_certificates(vendor, platform, at)),
                None => Err(not_found("no PCK certificate is for this CPUSVN")),
            }
        }
        Request::PckCrl { ca, encoding } => pck_crl(vendor, issuer_ca(*ca), *encoding, at),
        Request::TcbInfo {
            tee,
            fmspc,
            selection,
        } => {
            let issued = vendor.tcb_info(technology(*tee), fmspc.0, *selection, at);
            Ok(Answer::TcbInfo(document(issued)?))
        }
        Request::EnclaveIdentity { enclave, selection } => {
            let issued = vendor.identity(enclave_id(*enclave), *selection, at);
            Ok(Answer::EnclaveIdentity(document(issued)?))
        }
        Request::Fmspcs(filter) => Ok(Answer::Fmspcs(supported(vendor, *filter, at))),
        Request::EvaluationDataNumbers(tee) => {
            let issued = vendor.evaluation_numbers(technology(*tee), at);
            Ok(Answer::EvaluationDataNumbers(document(issued)?))
        }
        Request::RegisterPlatform(manifest) => {
            let platform = find_by_manifest(vendor, manifest, at)?;
            Ok(Answer::PlatformRegistered(Ppid(platform.ppid())))
        }
        Request::AddPackage { .. } => Err(refused(
            ErrorCode::INVALID_ADD_REQUEST,
            "simulated platforms have all their packages from the start",
        )),
        Request::RootCaCrl(file) => root_ca_crl(vendor, file, at),
    }
}

/// Why a manifest was refused, as the service says it.
pub fn manifest_refusal(error: &ManifestError) -> Refusal {
    let code = match error {
        ManifestError::Unknown | ManifestError::Damaged => ErrorCode::INVALID_PLATFORM_MANIFEST,
        ManifestError::OtherVendor { .. } => ErrorCode::INVALID_REGISTRATION_SERVER,
        ManifestError::PlatformUnknown => ErrorCode::PACKAGE_NOT_FOUND,
        ManifestError::RegisteredIndirectly => ErrorCode::CACHED_KEYS_POLICY_VIOLATION,
        ManifestError::Revoked | ManifestError::RegisteredLater { .. } => {
            ErrorCode::INVALID_OR_REVOKED_PACKAGE
        }
    };
    refused(code, &error.to_string())
}

/// The platform that a request means.
pub(crate) fn find<'a>(
    vendor: &'a Vendor,
    key: &PlatformKey,
    pceid: PceId,
    at: Timestamp,
) -> Result<&'a Platform, Refusal> {
    let platform = match key {
        PlatformKey::EncryptedPpid(ppid) => vendor
            .find_by_encrypted_ppid(&ppid.0, at)
            .ok_or_else(|| not_found("no platform with this PPID is known or registered"))?,
        PlatformKey::Manifest(manifest) => find_by_manifest(vendor, manifest, at)?,
    };
    if pceid != PCE_ID {
        return Err(not_found("the platform has no such PCE-ID"));
    }
    Ok(platform)
}

fn find_by_manifest<'a>(
    vendor: &'a Vendor,
    manifest: &PlatformManifest,
    at: Timestamp,
) -> Result<&'a Platform, Refusal> {
    vendor
        .find_by_manifest(manifest.as_bytes(), at)
        .map_err(|error| manifest_refusal(&error))
}

/// The certificate for the TCB that a platform reports.
pub(crate) fn pck_certificate(
    vendor: &Vendor,
    platform: &Platform,
    raw: PckTcb,
    at: Timestamp,
) -> Result<Answer, Refusal> {
    let certificate = vendor
        .select_pck_certificate(platform, raw, at)
        .ok_or_else(|| not_found("the TCB is below the lowest that is certified"))?;
    let issued = vendor.pck_certificates(platform, at);
    Ok(Answer::PckCertificate {
        tcbm: tcbm(certificate.tcb),
        certificate: text(certificate.pem()),
        fmspc: Fmspc(issued.fmspc),
        ca: protocol_ca(issued.ca),
        issuer_chain: text(issued.chain),
    })
}

/// The certificates of a platform.
pub(crate) fn pck_certificates(vendor: &Vendor, platform: &Platform, at: Timestamp) -> Answer {
    let issued = vendor.pck_certificates(platform, at);
    let entries = issued.certificates.iter().map(|certificate| {
        let tcbm = tcbm(certificate.tcb);
        PckCertificateEntry {
            components: certificate.tcb.cpusvn,
            pcesvn: certificate.tcb.pcesvn,
            tcbm,
            certificate: Some(text(certificate.pem())),
        }
    });
    Answer::PckCertificates {
        certificates: entries.collect(),
        fmspc: Fmspc(issued.fmspc),
        ca: protocol_ca(issued.ca),
        issuer_chain: text(issued.chain),
    }
}

fn pck_crl(
    vendor: &Vendor,
    ca: PckCa,
    encoding: CrlEncoding,
    at: Timestamp,
) -> Result<Answer, Refusal> {
    let issued = vendor.pck_crl(ca, at);
    Ok(Answer::PckCrl {
        crl: encoded(issued.der, encoding)?,
        issuer_chain: text(issued.chain),
    })
}

/// The root's CRL stands where the certificates say, and beside it in PEM.
fn root_ca_crl(vendor: &Vendor, file: &CrlFile, at: Timestamp) -> Result<Answer, Refusal> {
    let stem = ROOT_CA_CRL_PATH
        .trim_start_matches('/')
        .trim_end_matches(".der");
    let Some(".der" | ".crl") = file.as_str().strip_prefix(stem) else {
        return Err(not_found("this vendor has no such CRL"));
    };
    encoded(vendor.root_ca_crl(at).der, file.encoding()).map(Answer::RootCaCrl)
}

fn encoded(der: Vec<u8>, encoding: CrlEncoding) -> Result<EncodedCrl, Refusal> {
    match encoding {
        CrlEncoding::Der => Ok(EncodedCrl::Der(der)),
        CrlEncoding::Pem => match Pem::new(pem::block("X509 CRL", &der)) {
            Ok(text) => Ok(EncodedCrl::Pem(text)),
            Err(error) => Err(refusal(Status::INTERNAL_SERVER_ERROR, &error.to_string())),
        },
    }
}

fn supported(vendor: &Vendor, filter: PlatformFilter, at: Timestamp) -> Vec<SupportedPlatform> {
    let kinds = vendor.fmspcs(at).into_iter();
    let platforms = kinds.map(|(fmspc, ca)| SupportedPlatform {
        fmspc: Fmspc(fmspc),
        class: match ca {
            PckCa::Processor => PlatformClass::E3,
            PckCa::Platform => PlatformClass::E5,
        },
    });
    platforms
        .filter(|platform| filter.admits(&platform.class))
        .collect()
}

fn document(issued: Result<Issued, Absent>) -> Result<IssuedDocument, Refusal> {
    match issued {
        Ok(issued) => Ok(IssuedDocument {
            document: issued.body,
            issuer_chain: text(issued.chain),
        }),
        Err(absent) => {
            let status = match absent {
                Absent::UnknownFmspc(_) | Absent::NumberTooNew { .. } => Status::NOT_FOUND,
                Absent::NumberGone { .. } => Status::GONE,
                Absent::NotFounded { .. } => Status::SERVICE_UNAVAILABLE,
            };
            Err(refusal(status, &absent.to_string()))
        }
    }
}

fn tcbm(tcb: PckTcb) -> Tcbm {
    Tcbm {
        cpusvn: CpuSvn(tcb.cpusvn),
        pcesvn: PceSvn(tcb.pcesvn),
    }
}

fn text(pem: impl Into<Vec<u8>>) -> Pem {
    Pem::new(pem).expect("the vendor writes PEM")
}

fn technology(tee: pcs::Tee) -> Tee {
    match tee {
        pcs::Tee::Sgx => Tee::Sgx,
        pcs::Tee::Tdx => Tee::Tdx,
    }
}

fn enclave_id(enclave: Enclave) -> EnclaveId {
    match enclave {
        Enclave::SgxQe => EnclaveId::Qe,
        Enclave::SgxQve => EnclaveId::Qve,
        Enclave::SgxQae => EnclaveId::Qae,
        Enclave::TdxQe => EnclaveId::TdQe,
    }
}

fn issuer_ca(ca: pcs::PckCa) -> PckCa {
    match ca {
        pcs::PckCa::Processor => PckCa::Processor,
        pcs::PckCa::Platform => PckCa::Platform,
    }
}

fn protocol_ca(ca: PckCa) -> pcs::PckCa {
    match ca {
        PckCa::Processor => pcs::PckCa::Processor,
        PckCa::Platform => pcs::PckCa::Platform,
    }
}

fn not_found(message: &str) -> Refusal {
    refusal(Status::NOT_FOUND, message)
}

fn refused(code: ErrorCode, message: &str) -> Refusal {
    refusal(Status::BAD_REQUEST, message).coded(code)
}

pub(crate) fn refusal(status: Status, message: &str) -> Refusal {
    Refusal::new(status).because(HeaderText::sanitised(message))
}
