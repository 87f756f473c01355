//! The parts of a quote that come in several forms, owned and changeable.

use bulla_evidence::layout::{
    EncryptedPpid2048, EncryptedPpid3072, PpidData, SgxReportBody, TdReport10, TdReport15,
    TdReport15Ex,
};
use bulla_evidence::{Body, CertificationData};

/// The body of a quote, owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a handful exist at a time, and boxes hide fields"
)]
pub enum QuoteBody {
    /// An SGX enclave.
    Sgx(SgxReportBody),
    /// A trust domain as of TDX 1.0.
    Td10(TdReport10),
    /// A trust domain as of TDX 1.5.
    Td15(TdReport15),
    /// A trust domain as of TDX 1.5, with the extended service TD fields.
    Td15Ex(TdReport15Ex),
}

impl QuoteBody {
    /// The body as `bulla_evidence` borrows it.
    pub fn as_body(&self) -> Body<'_> {
        match self {
            Self::Sgx(body) => Body::Sgx(body),
            Self::Td10(body) => Body::Td10(body),
            Self::Td15(body) => Body::Td15(body),
            Self::Td15Ex(body) => Body::Td15Ex(body),
        }
    }

    /// The report of an enclave, to change; `None` for a trust domain.
    pub fn sgx_mut(&mut self) -> Option<&mut SgxReportBody> {
        match self {
            Self::Sgx(body) => Some(body),
            _ => None,
        }
    }

    /// The fields that every trust domain has, to change; `None` for an enclave.
    pub fn td10_mut(&mut self) -> Option<&mut TdReport10> {
        match self {
            Self::Sgx(_) => None,
            Self::Td10(body) => Some(body),
            Self::Td15(body) => Some(&mut body.td10),
            Self::Td15Ex(body) => Some(&mut body.td15.td10),
        }
    }

    /// The fields as of TDX 1.5, to change; `None` where the body is older or of an enclave.
    pub fn td15_mut(&mut self) -> Option<&mut TdReport15> {
        match self {
            Self::Sgx(_) | Self::Td10(_) => None,
            Self::Td15(body) => Some(body),
            Self::Td15Ex(body) => Some(&mut body.td15),
        }
    }
}

/// Certification data, owned: what a quote says of the key that signed the QE report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certification {
    /// Type 1: the PPID in the clear.
    PpidClear(PpidData),
    /// Type 2: the PPID, encrypted with RSA-2048.
    PpidRsa2048(EncryptedPpid2048),
    /// Type 3: the PPID, encrypted with RSA-3072.
    PpidRsa3072(EncryptedPpid3072),
    /// Type 4: the PCK certificate alone, PEM.
    PckLeaf(Vec<u8>),
    /// Type 5: the PCK certificate chain, PEM.
    PckChain(Vec<u8>),
    /// Type 7: the platform manifest.
    PlatformManifest(Vec<u8>),
}

impl Certification {
    /// The data as `bulla_evidence` borrows it.
    pub fn as_data(&self) -> CertificationData<'_> {
        match self {
            Self::PpidClear(data) => CertificationData::PpidClear(data),
            Self::PpidRsa2048(data) => CertificationData::PpidRsa2048(data),
            Self::PpidRsa3072(data) => CertificationData::PpidRsa3072(data),
            Self::PckLeaf(data) => CertificationData::PckLeaf(data),
            Self::PckChain(data) => CertificationData::PckChain(data),
            Self::PlatformManifest(data) => CertificationData::PlatformManifest(data),
        }
    }
}
