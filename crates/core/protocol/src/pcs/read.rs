//! Reading a request.

use std::str::FromStr;

use crate::value::{EncryptedPpid, PlatformManifest, ValueError};
use crate::wire::{Method, RequestParts};

use super::parameters::Parameters;
use super::{
    CrlFile, Endpoint, MAX_REQUEST_BODY_SIZE, PlatformKey, Request, RequestError, Selection,
    SubscriptionKey, media_type,
};

pub(super) const SUBSCRIPTION_KEY: &str = "Ocp-Apim-Subscription-Key";

/// How `encrypted_ppid` is encrypted.
const PPID_ENCRYPTION_KEY: &str = "PPID-Encryption-Key";
/// The only way that is described, and the default.
const RSA_3072: &str = "RSA-3072";

impl Request {
    /// Reads a request as it came from the wire.
    ///
    /// An empty subscription key is refused, as the vendor does; whether he knows one that is
    /// there is for the service to say.
    pub fn read(parts: RequestParts) -> Result<Self, RequestError> {
        let endpoint = Endpoint::at(&parts.path).ok_or(RequestError::PathUnknown)?;
        let method = method(&parts, endpoint)?;
        let key = subscription_key(&parts)?;
        if parts.body.len() > MAX_REQUEST_BODY_SIZE {
            return Err(RequestError::BodyTooLong {
                size: parts.body.len(),
                limit: MAX_REQUEST_BODY_SIZE,
            });
        }
        let query = Parameters::of_query(&parts.query)?;
        match endpoint {
            Endpoint::PckCertificate => {
                let (platform, parameters) = platform(method, query, &parts)?;
                Ok(Self::PckCertificate {
                    platform,
                    cpusvn: parameters.required("cpusvn")?,
                    pcesvn: parameters.required("pcesvn")?,
                    pceid: parameters.required("pceid")?,
                })
            }
            Endpoint::PckCertificates => {
                let (platform, parameters) = platform(method, query, &parts)?;
                Ok(Self::PckCertificates {
                    platform,
                    pceid: parameters.required("pceid")?,
                })
            }
            Endpoint::PckCertificatesConfig => {
                let (platform, parameters) = platform(method, query, &parts)?;
                Ok(Self::PckCertificatesConfig {
                    platform,
                    cpusvn: parameters.required("cpusvn")?,
                    pceid: parameters.required("pceid")?,
                })
            }
            Endpoint::PckCrl => Ok(Self::PckCrl {
                ca: query.required("ca")?,
                encoding: query.optional("encoding")?.unwrap_or_default(),
            }),
            Endpoint::TcbInfo(tee) => Ok(Self::TcbInfo {
                tee,
                fmspc: query.required("fmspc")?,
                selection: selection(&query)?,
            }),
            Endpoint::EnclaveIdentity(enclave) => Ok(Self::EnclaveIdentity {
                enclave,
                selection: selection(&query)?,
            }),
            Endpoint::Fmspcs => Ok(Self::Fmspcs(
                query.optional("platform")?.unwrap_or_default(),
            )),
            Endpoint::EvaluationDataNumbers(tee) => Ok(Self::EvaluationDataNumbers(tee)),
            Endpoint::RegisterPlatform => Ok(Self::RegisterPlatform(manifest(parts)?)),
            Endpoint::AddPackage => Ok(Self::AddPackage {
                key: key.ok_or(RequestError::SubscriptionKey("missing"))?,
                add_request: octets(parts)?,
            }),
            Endpoint::RootCaCrl => CrlFile::at(&parts.path)
                .map(Self::RootCaCrl)
                .ok_or(RequestError::PathUnknown),
        }
    }
}

fn method(parts: &RequestParts, endpoint: Endpoint) -> Result<Method, RequestError> {
    let allowed = endpoint.methods();
    allowed
        .iter()
        .copied()
        .find(|method| method.as_str() == parts.method)
        .ok_or(RequestError::MethodNotAllowed { allowed })
}

fn subscription_key(parts: &RequestParts) -> Result<Option<SubscriptionKey>, RequestError> {
    match parts.headers.find(SUBSCRIPTION_KEY) {
        None => Ok(None),
        Some("") => Err(RequestError::SubscriptionKey("empty")),
        Some(text) => SubscriptionKey::new(text)
            .map(Some)
            .map_err(|problem| RequestError::Value {
                name: SUBSCRIPTION_KEY,
                problem,
            }),
    }
}

/// The platform that is meant, and where the other parameters stand: in the query beside an
/// encrypted PPID, in the body beside a manifest.
fn platform(
    method: Method,
    query: Parameters,
    parts: &RequestParts,
) -> Result<(PlatformKey, Parameters), RequestError> {
    match method {
        Method::Get | Method::Head => {
            if let Some(other) = parts.headers.find(PPID_ENCRYPTION_KEY)
                && other != RSA_3072
            {
                return Err(RequestError::Value {
                    name: PPID_ENCRYPTION_KEY,
                    problem: ValueError::Word(RSA_3072),
                });
            }
            let ppid: EncryptedPpid = query.required("encrypted_ppid")?;
            Ok((PlatformKey::EncryptedPpid(Box::new(ppid)), query))
        }
        Method::Post | Method::Put => {
            if !parts.headers.is_media_type(media_type::JSON) {
                let reason = format!("Content-Type is not {}", media_type::JSON);
                return Err(RequestError::Json { reason });
            }
            let body = Parameters::of_json(&parts.body)?;
            let manifest = body.required("platformManifest")?;
            Ok((PlatformKey::Manifest(manifest), body))
        }
    }
}

fn selection(query: &Parameters) -> Result<Selection, RequestError> {
    let update: Option<Update> = query.optional("update")?;
    let number: Option<Number> = query.optional("tcbEvaluationDataNumber")?;
    match (update, number) {
        (None, None) => Ok(Selection::Standard),
        (Some(Update(selection)), None) => Ok(selection),
        (None, Some(Number(number))) => Ok(Selection::Number(number)),
        (Some(_), Some(_)) => Err(RequestError::SelectorsTogether),
    }
}

/// A value of `update`.
struct Update(Selection);

impl FromStr for Update {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "standard" => Ok(Self(Selection::Standard)),
            "early" => Ok(Self(Selection::Early)),
            _ => Err(ValueError::Word("standard, early")),
        }
    }
}

/// A value of `tcbEvaluationDataNumber`.
struct Number(u32);

impl FromStr for Number {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ValueError::Number);
        }
        Ok(Self(text.parse().unwrap_or(u32::MAX)))
    }
}

fn manifest(parts: RequestParts) -> Result<PlatformManifest, RequestError> {
    PlatformManifest::new(octets(parts)?).map_err(|problem| RequestError::Value {
        name: "the body",
        problem,
    })
}

fn octets(parts: RequestParts) -> Result<Vec<u8>, RequestError> {
    if !parts.headers.is_media_type(media_type::OCTETS) {
        return Err(RequestError::MediaType {
            expected: media_type::OCTETS,
        });
    }
    if parts.body.is_empty() {
        return Err(RequestError::BodyMissing);
    }
    Ok(parts.body)
}
