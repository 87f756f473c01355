//! What is answered when a request could be carried out, and how it goes over the wire.

use crate::pcs::answer::{chain, filled, header_value, typed};
use crate::pcs::{self, IssuedDocument, PckCa, ResponseError};
use crate::value::{Fmspc, Pem, Tcbm, ValueError};
use crate::wire::{Headers, ResponseParts, Status, header};

use super::crl_uri::ca;
use super::platform::Fields;
use super::{CrlForm, ListedPlatform, MAX_COLLATERAL_BODY_SIZE, Request, Version, write};

const PCK_CHAIN: &str = "SGX-PCK-Certificate-Issuer-Chain";
const PCK_CRL_CHAIN: &str = "SGX-PCK-CRL-Issuer-Chain";
const TCB_INFO_CHAIN: &str = "TCB-Info-Issuer-Chain";
/// The name of version 3; clients look for it in answers of version 4 too.
const TCB_INFO_CHAIN_V3: &str = "SGX-TCB-Info-Issuer-Chain";
const IDENTITY_CHAIN: &str = "SGX-Enclave-Identity-Issuer-Chain";
const TCBM: &str = "SGX-TCBm";
const FMSPC: &str = "SGX-FMSPC";
const CA_TYPE: &str = "SGX-PCK-Certificate-CA-Type";
const PLATFORM_COUNT: &str = "platform-count";

const JSON: &str = "application/json; charset=utf-8";
const PEM: &str = "application/x-pem-file";
const HEX: &str = "application/x-pem-file; charset=utf-8";
const CRL: &str = "application/pkix-crl";
const ROOT_CA_CRL: &str = "application/pkix-crl; charset=utf-8";
const TEXT: &str = "text/html; charset=utf-8";

/// What is said of a change that was made.
const DONE: &str = "Operation successful.";

/// What a request was answered with. CRLs are DER here, whatever form they are sent in.
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
        /// Its TCB, which may be lower than the one that was asked for.
        tcbm: Tcbm,
        /// The platform's FMSPC.
        fmspc: Fmspc,
        /// Which CA issued it.
        ca: PckCa,
        /// That CA and the root.
        issuer_chain: Pem,
    },
    /// To [`Request::PckCrl`].
    PckCrl {
        /// The list, DER.
        crl: Vec<u8>,
        /// The form in which it is sent.
        form: CrlForm,
        /// The CA that issued it, and the root.
        issuer_chain: Pem,
    },
    /// To [`Request::TcbInfo`].
    TcbInfo(IssuedDocument),
    /// To [`Request::EnclaveIdentity`].
    EnclaveIdentity(IssuedDocument),
    /// To [`Request::RootCaCrl`]: the list, DER; sent as hexadecimal digits.
    RootCaCrl(Vec<u8>),
    /// To [`Request::Crl`]: the list, DER.
    Crl(Vec<u8>),
    /// To every request that changes something, but for policies.
    Done,
    /// To [`Request::Platforms`].
    Platforms {
        /// The list.
        platforms: Vec<ListedPlatform>,
        /// Whether they are cached ones ([`super::Source::Cached`]): then manifests and PPIDs are
        /// written in upper case, otherwise in lower case.
        cached: bool,
    },
    /// To [`Request::PutAppraisalPolicy`]: the SHA-384 digest of the policy's text, by which it is
    /// known.
    PolicyStored([u8; 48]),
    /// To [`Request::AppraisalPolicy`]: the texts of the policies, at least one.
    AppraisalPolicies(Vec<String>),
}

impl Answer {
    /// The longest document that Intel's client takes, in bytes, together with the chain of its
    /// issuer: it counts them in 16 bits, and adds a zero to each.
    const MAX_WITH_CHAIN: usize = 65_533;

    /// The longest chain that is sent, in bytes: as it may stand twice in an answer of which some
    /// clients read headers of 16 KiB, percent-encoded. The vendor's have 1,900.
    const MAX_CHAIN: usize = 6_000;

    /// Whether every client can take the answer: to be asked before a document is stored, as one
    /// that is too long makes Intel's client fail without a word.
    pub fn fits_clients(&self) -> bool {
        let fits = |document: &[u8], chain: &str| {
            let together = document.len().saturating_add(chain.len());
            chain.len() <= Self::MAX_CHAIN && together <= Self::MAX_WITH_CHAIN
        };
        match self {
            Self::PckCertificate {
                certificate,
                issuer_chain,
                ..
            } => fits(certificate.as_str().as_bytes(), issuer_chain.as_str()),
            Self::PckCrl {
                crl, issuer_chain, ..
            } => {
                // It may be asked for in the longer form at any time.
                let digits = crl.len().saturating_mul(2);
                let together = digits.saturating_add(issuer_chain.as_str().len());
                fits(crl, issuer_chain.as_str()) && together <= Self::MAX_WITH_CHAIN
            }
            Self::TcbInfo(issued) | Self::EnclaveIdentity(issued) => {
                fits(&issued.document, issued.issuer_chain.as_str())
            }
            Self::RootCaCrl(crl) | Self::Crl(crl) => {
                crl.len().saturating_mul(2) <= Self::MAX_WITH_CHAIN
            }
            Self::Done
            | Self::Platforms { .. }
            | Self::PolicyStored(_)
            | Self::AppraisalPolicies(_) => true,
        }
    }

    /// The answer as it goes onto the wire. The body goes with answers to `HEAD` too, for whoever
    /// sends it to leave out.
    pub fn write(self, version: Version) -> ResponseParts {
        let (media_type, mut headers, body) = self.contents(version);
        headers.add(header::CONTENT_TYPE, media_type);
        write::warn(&mut headers, Some(version));
        ResponseParts {
            status: Status::OK,
            headers,
            body,
        }
    }

    fn contents(self, version: Version) -> (&'static str, Headers, Vec<u8>) {
        let headers = Headers::new();
        match self {
            Self::PckCertificate {
                certificate,
                tcbm,
                fmspc,
                ca,
                issuer_chain,
            } => {
                let headers = headers
                    .with(TCBM, tcbm.to_string())
                    .with(FMSPC, fmspc.to_string())
                    .with(CA_TYPE, ca.as_str().to_ascii_uppercase())
                    .with(PCK_CHAIN, issuer_chain.encoded());
                (PEM, headers, certificate.into_bytes())
            }
            Self::PckCrl {
                crl,
                form,
                issuer_chain,
            } => {
                let headers = headers.with(PCK_CRL_CHAIN, issuer_chain.encoded());
                match form {
                    CrlForm::Hex => (HEX, headers, hex::encode(crl).into_bytes()),
                    CrlForm::Der => (CRL, headers, crl),
                }
            }
            Self::TcbInfo(issued) => {
                let chain = issued.issuer_chain.encoded();
                let headers = match version {
                    Version::V3 => headers,
                    Version::V4 => headers.with(TCB_INFO_CHAIN, chain.as_str()),
                };
                let headers = headers.with(TCB_INFO_CHAIN_V3, chain);
                (JSON, headers, issued.document)
            }
            Self::EnclaveIdentity(issued) => {
                let headers = headers.with(IDENTITY_CHAIN, issued.issuer_chain.encoded());
                (JSON, headers, issued.document)
            }
            Self::RootCaCrl(crl) => (ROOT_CA_CRL, headers, hex::encode(crl).into_bytes()),
            Self::Crl(crl) => (CRL, headers, crl),
            Self::Done => (TEXT, headers, DONE.as_bytes().to_vec()),
            Self::Platforms { platforms, cached } => {
                let headers = headers.with(PLATFORM_COUNT, platforms.len().to_string());
                (JSON, headers, list(&platforms, cached))
            }
            Self::PolicyStored(digest) => (TEXT, headers, hex::encode(digest).into_bytes()),
            Self::AppraisalPolicies(texts) => (TEXT, headers, texts.join(",").into_bytes()),
        }
    }

    /// Reads the answer to a request as it came from the wire.
    ///
    /// A refusal is no error but an outcome; an error is what cannot be an answer to this request.
    /// Media types do not count, as nobody who asks a cache looks at them.
    pub fn read(
        request: &Request<'_>,
        parts: ResponseParts,
    ) -> Result<Result<Self, pcs::Refusal>, ResponseError> {
        if !parts.status.is_success() {
            return Ok(Err(pcs::Refusal::read(&parts)));
        }
        if parts.body.len() > MAX_COLLATERAL_BODY_SIZE {
            return Err(ResponseError::BodyTooLong {
                size: parts.body.len(),
                limit: MAX_COLLATERAL_BODY_SIZE,
            });
        }
        if parts.status != Status::OK {
            return Err(ResponseError::Status {
                expected: Status::OK,
                actual: parts.status,
            });
        }
        Self::read_success(request, &parts.headers, filled(parts.body)?).map(Ok)
    }

    fn read_success(
        request: &Request<'_>,
        headers: &Headers,
        body: Vec<u8>,
    ) -> Result<Self, ResponseError> {
        let text = |body: Vec<u8>| {
            String::from_utf8(body).map_err(|_| ResponseError::Body(ValueError::Utf8))
        };
        match request {
            Request::PckCertificate { .. } => Ok(Self::PckCertificate {
                tcbm: typed(headers, TCBM)?,
                fmspc: typed(headers, FMSPC)?,
                ca: header_value(headers, CA_TYPE, |text| {
                    ca(text).ok_or(ValueError::Word("PROCESSOR, PLATFORM"))
                })?,
                issuer_chain: chain(headers, PCK_CHAIN)?,
                certificate: Pem::new(body).map_err(ResponseError::Body)?,
            }),
            Request::PckCrl { form, .. } => Ok(Self::PckCrl {
                crl: match form {
                    CrlForm::Hex => digits(&body)?,
                    CrlForm::Der => body,
                },
                form: *form,
                issuer_chain: chain(headers, PCK_CRL_CHAIN)?,
            }),
            Request::TcbInfo { .. } => {
                let name = [TCB_INFO_CHAIN, TCB_INFO_CHAIN_V3]
                    .into_iter()
                    .find(|name| headers.find(name).is_some())
                    .unwrap_or(TCB_INFO_CHAIN);
                issued(headers, name, body).map(Self::TcbInfo)
            }
            Request::EnclaveIdentity { .. } => {
                issued(headers, IDENTITY_CHAIN, body).map(Self::EnclaveIdentity)
            }
            Request::RootCaCrl => digits(&body).map(Self::RootCaCrl),
            Request::Crl(_) => Ok(Self::Crl(body)),
            Request::AddPlatform { .. } | Request::PutCollateral(_) | Request::Refresh(_) => {
                Ok(Self::Done)
            }
            Request::Platforms(source) => Ok(Self::Platforms {
                platforms: platforms(&body)?,
                cached: matches!(source, super::Source::Cached(_)),
            }),
            Request::PutAppraisalPolicy(_) => {
                let mut digest = [0; 48];
                hex::decode_to_slice(body.trim_ascii(), &mut digest)
                    .map_err(|_| ResponseError::Body(ValueError::Digits))?;
                Ok(Self::PolicyStored(digest))
            }
            Request::AppraisalPolicy(_) => {
                let texts = text(body)?;
                let texts = texts.split(',').map(str::to_owned).collect();
                Ok(Self::AppraisalPolicies(texts))
            }
        }
    }
}

/// The list as JSON.
fn list(platforms: &[ListedPlatform], cached: bool) -> Vec<u8> {
    let rows: Vec<Fields> = platforms
        .iter()
        .map(|platform| {
            let mut fields = Fields::of_listed(platform);
            if !cached {
                fields.lower_binary();
            }
            fields
        })
        .collect();
    write::json(&rows)
}

fn platforms(body: &[u8]) -> Result<Vec<ListedPlatform>, ResponseError> {
    let json = |reason| ResponseError::Json { reason };
    let rows: Vec<Fields> =
        serde_json::from_slice(body).map_err(|error| json(error.to_string()))?;
    rows.iter()
        .map(|row| row.listed().map_err(|refusal| json(refusal.to_string())))
        .collect()
}

fn digits(body: &[u8]) -> Result<Vec<u8>, ResponseError> {
    hex::decode(body.trim_ascii()).map_err(|_| ResponseError::Body(ValueError::Digits))
}

fn issued(
    headers: &Headers,
    chain_header: &'static str,
    document: Vec<u8>,
) -> Result<IssuedDocument, ResponseError> {
    Ok(IssuedDocument {
        issuer_chain: chain(headers, chain_header)?,
        document,
    })
}
