//! The paths of the service, and the methods that each knows.

use crate::wire::Method;

/// A technology with TCB info and evaluation numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Tee {
    /// Software Guard Extensions.
    Sgx,
    /// Trust Domain Extensions.
    Tdx,
}

/// An enclave of the vendor whose identity is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Enclave {
    /// The quoting enclave for SGX (`QE`).
    SgxQe,
    /// The quote verification enclave (`QVE`).
    SgxQve,
    /// The quote appraisal enclave (`QAE`).
    SgxQae,
    /// The quoting enclave for TDX (`TD_QE`).
    TdxQe,
}

/// A place of the service, without parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Endpoint {
    /// One PCK certificate, for a TCB.
    PckCertificate,
    /// All PCK certificates of a platform.
    PckCertificates,
    /// The PCK certificates of a platform in one configuration.
    PckCertificatesConfig,
    /// The CRL of one of the two PCK CAs.
    PckCrl,
    /// TCB info.
    TcbInfo(Tee),
    /// Identity of one of the vendor's enclaves.
    EnclaveIdentity(Enclave),
    /// The FMSPCs that are supported.
    Fmspcs,
    /// The evaluation numbers that are signed at present.
    EvaluationDataNumbers(Tee),
    /// Registration of a platform.
    RegisterPlatform,
    /// Addition of a package to a registered platform.
    AddPackage,
    /// The file at the distribution point of the root's CRL, on a host of its own.
    RootCaCrl,
}

const GET: &[Method] = &[Method::Get];
const POST: &[Method] = &[Method::Post];
const GET_AND_POST: &[Method] = &[Method::Get, Method::Post];

/// Every fixed path. That of the root's CRL is the vendor's choice.
const PATHS: &[(&str, Endpoint, &[Method])] = &[
    (
        "/sgx/certification/v4/pckcert",
        Endpoint::PckCertificate,
        GET_AND_POST,
    ),
    (
        "/sgx/certification/v4/pckcerts",
        Endpoint::PckCertificates,
        GET_AND_POST,
    ),
    (
        "/sgx/certification/v4/pckcerts/config",
        Endpoint::PckCertificatesConfig,
        GET_AND_POST,
    ),
    ("/sgx/certification/v4/pckcrl", Endpoint::PckCrl, GET),
    (
        "/sgx/certification/v4/tcb",
        Endpoint::TcbInfo(Tee::Sgx),
        GET,
    ),
    (
        "/tdx/certification/v4/tcb",
        Endpoint::TcbInfo(Tee::Tdx),
        GET,
    ),
    (
        "/sgx/certification/v4/qe/identity",
        Endpoint::EnclaveIdentity(Enclave::SgxQe),
        GET,
    ),
    (
        "/sgx/certification/v4/qve/identity",
        Endpoint::EnclaveIdentity(Enclave::SgxQve),
        GET,
    ),
    (
        "/sgx/certification/v4/qae/identity",
        Endpoint::EnclaveIdentity(Enclave::SgxQae),
        GET,
    ),
    (
        "/tdx/certification/v4/qe/identity",
        Endpoint::EnclaveIdentity(Enclave::TdxQe),
        GET,
    ),
    ("/sgx/certification/v4/fmspcs", Endpoint::Fmspcs, GET),
    (
        "/sgx/certification/v4/tcbevaluationdatanumbers",
        Endpoint::EvaluationDataNumbers(Tee::Sgx),
        GET,
    ),
    (
        "/tdx/certification/v4/tcbevaluationdatanumbers",
        Endpoint::EvaluationDataNumbers(Tee::Tdx),
        GET,
    ),
    (
        "/sgx/registration/v1/platform",
        Endpoint::RegisterPlatform,
        POST,
    ),
    ("/sgx/registration/v1/package", Endpoint::AddPackage, POST),
];

impl Endpoint {
    /// Every endpoint.
    pub fn every() -> impl Iterator<Item = Self> {
        let fixed = PATHS.iter().map(|(_, endpoint, _)| *endpoint);
        fixed.chain([Self::RootCaCrl])
    }

    /// The endpoint at a path, exactly as written; `None` where there is none.
    pub fn at(path: &str) -> Option<Self> {
        PATHS
            .iter()
            .find(|(other, ..)| *other == path)
            .map(|(_, endpoint, _)| *endpoint)
            .or_else(|| super::CrlFile::at(path).map(|_| Self::RootCaCrl))
    }

    /// The path; `None` for the root's CRL, whose path the certificates name.
    pub fn path(self) -> Option<&'static str> {
        self.row().map(|(path, ..)| *path)
    }

    /// The methods that this endpoint knows.
    pub fn methods(self) -> &'static [Method] {
        self.row().map_or(GET, |(.., methods)| methods)
    }

    fn row(self) -> Option<&'static (&'static str, Self, &'static [Method])> {
        PATHS.iter().find(|(_, endpoint, _)| *endpoint == self)
    }
}
