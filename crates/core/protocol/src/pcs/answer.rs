//! What is answered when a request could be carried out, and how it goes over the wire.

use crate::value::{Fmspc, Pem, Ppid, Tcbm, ValueError};
use crate::wire::{Headers, ResponseParts, Status, header};

use super::{
    CrlEncoding, Endpoint, MAX_RESPONSE_BODY_SIZE, PckCa, PckCertificateEntry, Request,
    ResponseError, SupportedPlatform, certificates, fmspcs, media_type,
};

const PCK_CHAIN: &str = "SGX-PCK-Certificate-Issuer-Chain";
const PCK_CRL_CHAIN: &str = "SGX-PCK-CRL-Issuer-Chain";
const TCB_INFO_CHAIN: &str = "TCB-Info-Issuer-Chain";
/// The name of version 3, by which some clients of version 4 look for the chain.
const TCB_INFO_CHAIN_V3: &str = "SGX-TCB-Info-Issuer-Chain";
const IDENTITY_CHAIN: &str = "SGX-Enclave-Identity-Issuer-Chain";
const NUMBERS_CHAIN: &str = "TCB-Evaluation-Data-Numbers-Issuer-Chain";
const TCBM: &str = "SGX-TCBm";
const FMSPC: &str = "SGX-FMSPC";
const CA_TYPE: &str = "SGX-PCK-Certificate-CA-Type";
const CERTIFICATE_COUNT: &str = "Certificate-Count";

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Answer {
    /// To [`Request::PckCertificate`].
    PckCertificate {
        /// The certificate alone.
        certificate: Pem,
        /// Its TCB.
        tcbm: Tcbm,
        /// The platform's FMSPC.
        fmspc: Fmspc,
        /// Which CA issued it.
        ca: PckCa,
        /// That CA and the root.
        issuer_chain: Pem,
    },
    /// To [`Request::PckCertificates`] and [`Request::PckCertificatesConfig`].
    PckCertificates {
        /// One entry for each TCB.
        certificates: Vec<PckCertificateEntry>,
        /// The platform's FMSPC.
        fmspc: Fmspc,
        /// Which CA issued them.
        ca: PckCa,
        /// That CA and the root.
        issuer_chain: Pem,
    },
    /// To [`Request::PckCrl`].
    PckCrl {
        /// The list.
        crl: EncodedCrl,
        /// The CA that issued it, and the root.
        issuer_chain: Pem,
    },
    /// To [`Request::TcbInfo`].
    TcbInfo(IssuedDocument),
    /// To [`Request::EnclaveIdentity`].
    EnclaveIdentity(IssuedDocument),
    /// To [`Request::EvaluationDataNumbers`].
    EvaluationDataNumbers(IssuedDocument),
    /// To [`Request::Fmspcs`].
    Fmspcs(Vec<SupportedPlatform>),
    /// To [`Request::RegisterPlatform`].
    PlatformRegistered(Ppid),
    /// To [`Request::AddPackage`].
    PackageAdded(MembershipCertificates),
    /// To [`Request::RootCaCrl`].
    RootCaCrl(EncodedCrl),
}

/// A signed JSON document and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the service delivers these two parts"
)]
pub struct IssuedDocument {
    /// The document with its signature around it, byte for byte as served.
    pub document: Vec<u8>,
    /// The signer and the root.
    pub issuer_chain: Pem,
}

/// A CRL in one of its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum EncodedCrl {
    /// One PEM block `X509 CRL`.
    Pem(Pem),
    /// DER.
    Der(Vec<u8>),
}

impl EncodedCrl {
    fn contents(self) -> (&'static str, Vec<u8>) {
        match self {
            Self::Pem(text) => (media_type_of(CrlEncoding::Pem), text.into_bytes()),
            Self::Der(der) => (media_type_of(CrlEncoding::Der), der),
        }
    }

    fn read(encoding: CrlEncoding, body: Vec<u8>) -> Result<Self, ResponseError> {
        match encoding {
            CrlEncoding::Pem => Pem::new(body).map(Self::Pem).map_err(ResponseError::Body),
            CrlEncoding::Der => Ok(Self::Der(body)),
        }
    }
}

const fn media_type_of(encoding: CrlEncoding) -> &'static str {
    match encoding {
        CrlEncoding::Pem => media_type::PEM,
        CrlEncoding::Der => media_type::CRL,
    }
}

/// Certificates that packages belong to one platform: eight slots of one size, unused ones zero.
/// What stands in a slot is opaque here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipCertificates {
    slots: Vec<u8>,
    count: u8,
}

impl MembershipCertificates {
    /// How many slots there are.
    pub const SLOTS: u8 = 8;

    /// Takes the bytes of all slots, of which the first `count` are used; an error if the bytes
    /// are none or cannot be divided so, or the slots are fewer.
    pub fn new(slots: Vec<u8>, count: u8) -> Result<Self, ValueError> {
        let divisible = slots.len().is_multiple_of(usize::from(Self::SLOTS));
        if slots.is_empty() || !divisible || count > Self::SLOTS {
            return Err(ValueError::Slots {
                size: slots.len(),
                count,
            });
        }
        Ok(Self { slots, count })
    }

    /// The bytes of all slots.
    pub fn as_bytes(&self) -> &[u8] {
        &self.slots
    }

    /// How many slots are used.
    pub const fn count(&self) -> u8 {
        self.count
    }
}

impl Answer {
    /// The status that goes with answers of this endpoint.
    pub(super) const fn status(endpoint: Endpoint) -> Status {
        match endpoint {
            Endpoint::RegisterPlatform => Status::CREATED,
            _ => Status::OK,
        }
    }

    pub(super) fn write(self) -> ResponseParts {
        let status = match self {
            Self::PlatformRegistered(_) => Status::CREATED,
            _ => Status::OK,
        };
        let (media_type, headers, body) = self.contents();
        ResponseParts {
            status,
            headers: headers.with(header::CONTENT_TYPE, media_type),
            body,
        }
    }

    fn contents(self) -> (&'static str, Headers, Vec<u8>) {
        let headers = Headers::new();
        match self {
            Self::PckCertificate {
                certificate,
                tcbm,
                fmspc,
                ca,
                issuer_chain,
            } => {
                let headers = of_platform(fmspc, ca, &issuer_chain).with(TCBM, tcbm.to_string());
                (media_type::PEM, headers, certificate.into_bytes())
            }
            Self::PckCertificates {
                certificates,
                fmspc,
                ca,
                issuer_chain,
            } => {
                let headers = of_platform(fmspc, ca, &issuer_chain);
                (
                    media_type::JSON,
                    headers,
                    certificates::write(&certificates),
                )
            }
            Self::PckCrl { crl, issuer_chain } => {
                let (media_type, body) = crl.contents();
                let headers = headers.with(PCK_CRL_CHAIN, issuer_chain.encoded());
                (media_type, headers, body)
            }
            Self::TcbInfo(issued) => issued.write(&[TCB_INFO_CHAIN, TCB_INFO_CHAIN_V3]),
            Self::EnclaveIdentity(issued) => issued.write(&[IDENTITY_CHAIN]),
            Self::EvaluationDataNumbers(issued) => issued.write(&[NUMBERS_CHAIN]),
            Self::Fmspcs(list) => (media_type::JSON, headers, fmspcs::write(&list)),
            Self::PlatformRegistered(ppid) => {
                (media_type::TEXT, headers, ppid.to_string().into_bytes())
            }
            Self::PackageAdded(certificates) => {
                let headers = headers.with(CERTIFICATE_COUNT, certificates.count.to_string());
                (media_type::OCTETS, headers, certificates.slots)
            }
            Self::RootCaCrl(crl) => {
                let (media_type, body) = crl.contents();
                (media_type, headers, body)
            }
        }
    }

    /// Reads what a successful request was answered with.
    pub(super) fn read(request: &Request, parts: ResponseParts) -> Result<Self, ResponseError> {
        if parts.body.len() > MAX_RESPONSE_BODY_SIZE {
            return Err(ResponseError::BodyTooLong {
                size: parts.body.len(),
                limit: MAX_RESPONSE_BODY_SIZE,
            });
        }
        let expected = Self::status(request.endpoint());
        if parts.status != expected {
            return Err(ResponseError::Status {
                expected,
                actual: parts.status,
            });
        }
        let headers = &parts.headers;
        match request {
            Request::PckCertificate { .. } => Ok(Self::PckCertificate {
                tcbm: typed(headers, TCBM)?,
                fmspc: typed(headers, FMSPC)?,
                ca: typed(headers, CA_TYPE)?,
                issuer_chain: chain(headers, PCK_CHAIN)?,
                certificate: pem(parts)?,
            }),
            Request::PckCertificates { .. } | Request::PckCertificatesConfig { .. } => {
                Ok(Self::PckCertificates {
                    fmspc: typed(headers, FMSPC)?,
                    ca: typed(headers, CA_TYPE)?,
                    issuer_chain: chain(headers, PCK_CHAIN)?,
                    certificates: certificates::read(&body(parts, media_type::JSON)?)?,
                })
            }
            Request::PckCrl { encoding, .. } => Ok(Self::PckCrl {
                issuer_chain: chain(headers, PCK_CRL_CHAIN)?,
                crl: {
                    let expected = media_type_of(*encoding);
                    EncodedCrl::read(*encoding, body(parts, expected)?)?
                },
            }),
            Request::TcbInfo { .. } => {
                let name = [TCB_INFO_CHAIN, TCB_INFO_CHAIN_V3]
                    .into_iter()
                    .find(|name| headers.find(name).is_some())
                    .unwrap_or(TCB_INFO_CHAIN);
                IssuedDocument::read(parts, name).map(Self::TcbInfo)
            }
            Request::EnclaveIdentity { .. } => {
                IssuedDocument::read(parts, IDENTITY_CHAIN).map(Self::EnclaveIdentity)
            }
            Request::EvaluationDataNumbers(_) => {
                IssuedDocument::read(parts, NUMBERS_CHAIN).map(Self::EvaluationDataNumbers)
            }
            Request::Fmspcs(_) => fmspcs::read(&body(parts, media_type::JSON)?).map(Self::Fmspcs),
            Request::RegisterPlatform(_) => {
                let text = body(parts, media_type::TEXT)?;
                let text = str::from_utf8(&text).map_err(|_| ValueError::Digits);
                let ppid = text.and_then(|text| text.trim_ascii().parse());
                ppid.map(Self::PlatformRegistered)
                    .map_err(ResponseError::Body)
            }
            Request::AddPackage { .. } => {
                let count = header_value(headers, CERTIFICATE_COUNT, |text| {
                    text.parse().map_err(|_| ValueError::Number)
                })?;
                let slots = body(parts, media_type::OCTETS)?;
                MembershipCertificates::new(slots, count)
                    .map(Self::PackageAdded)
                    .map_err(ResponseError::Body)
            }
            // The distribution point is a plain file server: whatever type it gives.
            Request::RootCaCrl(file) => {
                EncodedCrl::read(file.encoding(), filled(parts.body)?).map(Self::RootCaCrl)
            }
        }
    }
}

impl IssuedDocument {
    fn write(self, chain_headers: &[&'static str]) -> (&'static str, Headers, Vec<u8>) {
        let chain = self.issuer_chain.encoded();
        let mut headers = Headers::new();
        for name in chain_headers {
            headers.add(*name, chain.as_str());
        }
        (media_type::JSON, headers, self.document)
    }

    fn read(parts: ResponseParts, chain_header: &'static str) -> Result<Self, ResponseError> {
        Ok(Self {
            issuer_chain: chain(&parts.headers, chain_header)?,
            document: body(parts, media_type::JSON)?,
        })
    }
}

fn of_platform(fmspc: Fmspc, ca: PckCa, issuer_chain: &Pem) -> Headers {
    Headers::new()
        .with(PCK_CHAIN, issuer_chain.encoded())
        .with(FMSPC, fmspc.to_string())
        .with(CA_TYPE, ca.as_str())
}

pub(crate) fn header_value<T>(
    headers: &Headers,
    name: &'static str,
    read: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Result<T, ResponseError> {
    let text = headers
        .find(name)
        .ok_or(ResponseError::HeaderMissing { name })?;
    read(text).map_err(|problem| ResponseError::Header { name, problem })
}

pub(crate) fn typed<T>(headers: &Headers, name: &'static str) -> Result<T, ResponseError>
where
    T: std::str::FromStr<Err = ValueError>,
{
    header_value(headers, name, str::parse)
}

pub(crate) fn chain(headers: &Headers, name: &'static str) -> Result<Pem, ResponseError> {
    header_value(headers, name, Pem::decode)
}

fn pem(parts: ResponseParts) -> Result<Pem, ResponseError> {
    Pem::new(body(parts, media_type::PEM)?).map_err(ResponseError::Body)
}

fn body(parts: ResponseParts, expected: &'static str) -> Result<Vec<u8>, ResponseError> {
    if !parts.headers.is_media_type(expected) {
        return Err(ResponseError::MediaType { expected });
    }
    filled(parts.body)
}

pub(crate) fn filled(body: Vec<u8>) -> Result<Vec<u8>, ResponseError> {
    if body.is_empty() {
        return Err(ResponseError::BodyMissing);
    }
    Ok(body)
}
