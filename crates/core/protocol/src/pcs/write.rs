//! Writing a request.

use serde::Serialize;

use crate::wire::{Headers, Method, RequestParts, header};

use super::read::SUBSCRIPTION_KEY;
use super::{PlatformKey, Request, Selection, media_type};

impl Request {
    /// The request as it goes onto the wire. What has a default is written out all the same.
    pub fn write(&self) -> RequestParts {
        match self {
            Self::PckCertificate {
                platform,
                cpusvn,
                pcesvn,
                pceid,
            } => {
                let parameters = [
                    ("cpusvn", cpusvn.to_string()),
                    ("pcesvn", pcesvn.to_string()),
                    ("pceid", pceid.to_string()),
                ];
                self.of_platform(platform, &parameters)
            }
            Self::PckCertificates { platform, pceid } => {
                self.of_platform(platform, &[("pceid", pceid.to_string())])
            }
            Self::PckCertificatesConfig {
                platform,
                cpusvn,
                pceid,
            } => {
                let parameters = [("cpusvn", cpusvn.to_string()), ("pceid", pceid.to_string())];
                self.of_platform(platform, &parameters)
            }
            Self::PckCrl { ca, encoding } => {
                self.get(&[("ca", ca.as_str()), ("encoding", encoding.as_str())])
            }
            Self::TcbInfo {
                fmspc, selection, ..
            } => {
                let (selector, value) = selector(*selection);
                self.get(&[("fmspc", &fmspc.to_string()), (selector, &value)])
            }
            Self::EnclaveIdentity { selection, .. } => {
                let (selector, value) = selector(*selection);
                self.get(&[(selector, &value)])
            }
            Self::Fmspcs(filter) => self.get(&[("platform", filter.as_str())]),
            Self::EvaluationDataNumbers(_) | Self::RootCaCrl(_) => self.get(&[]),
            Self::RegisterPlatform(manifest) => {
                self.post(media_type::OCTETS, manifest.as_bytes().to_vec())
            }
            Self::AddPackage { add_request, key } => {
                let mut parts = self.post(media_type::OCTETS, add_request.clone());
                parts.headers.add(SUBSCRIPTION_KEY, key.expose());
                parts
            }
        }
    }

    fn of_platform(
        &self,
        platform: &PlatformKey,
        parameters: &[(&'static str, String)],
    ) -> RequestParts {
        let (name, value) = match platform {
            PlatformKey::EncryptedPpid(ppid) => ("encrypted_ppid", ppid.to_string()),
            PlatformKey::Manifest(manifest) => ("platformManifest", manifest.to_string()),
        };
        let all = std::iter::once((name, value.as_str())).chain(
            parameters
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        match platform {
            PlatformKey::EncryptedPpid(_) => self.get(&all.collect::<Vec<_>>()),
            PlatformKey::Manifest(_) => self.post(media_type::JSON, object(all)),
        }
    }

    fn get(&self, parameters: &[(&str, &str)]) -> RequestParts {
        // No value has a character that would have to be encoded.
        let pairs: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        RequestParts {
            query: pairs.join("&"),
            ..self.empty(Method::Get)
        }
    }

    fn post(&self, media_type: &str, body: Vec<u8>) -> RequestParts {
        RequestParts {
            headers: Headers::new().with(header::CONTENT_TYPE, media_type),
            body,
            ..self.empty(Method::Post)
        }
    }

    fn empty(&self, method: Method) -> RequestParts {
        let path = match self {
            Self::RootCaCrl(file) => format!("/{}", file.as_str()),
            _ => self.endpoint().path().unwrap_or_default().to_owned(),
        };
        RequestParts {
            method: method.as_str().to_owned(),
            path,
            ..RequestParts::default()
        }
    }
}

fn selector(selection: Selection) -> (&'static str, String) {
    match selection {
        Selection::Standard => ("update", "standard".to_owned()),
        Selection::Early => ("update", "early".to_owned()),
        Selection::Number(number) => ("tcbEvaluationDataNumber", number.to_string()),
    }
}

/// An object of strings, in their order. None of them has a character that JSON would escape.
fn object<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name:?}:{value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(",")).into_bytes()
}

/// Compact JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("lists of strings and numbers are JSON")
}
