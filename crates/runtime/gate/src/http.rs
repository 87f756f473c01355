//! Questions to the gate: JSON over HTTPS, within limits.
//!
//! What the gate says is worth what its TLS is worth: a sealed secret says nothing about who sealed
//! it. Plain HTTP is therefore for the same machine alone.

use std::fmt::Write;

use bulla_protocol::client::{is_this_machine, with_causes};
use bulla_protocol::gate::{MAX_ANSWER_SIZE, RefusalFinding};
use bulla_protocol::problem::{Code, Problem};
use bulla_protocol::wire::{Headers, ResponseParts, Status};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, Client, Url, redirect, retry, tls};

use crate::client::Settings;
use crate::error::GateError;

/// Most findings of a refusal that are told.
const MAX_FINDINGS: usize = 32;

/// A connection to one gate.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    base: Url,
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Result<Self, GateError> {
        let base = address(&settings.service)?;
        let mut builder = Client::builder()
            .user_agent(concat!("bulla/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .timeout(settings.deadline)
            .tls_version_min(tls::Version::TLS_1_2);
        builder = match &settings.certificates {
            Some(pem) => builder.tls_certs_only(certificates(pem)?),
            // Nothing is encrypted, so nobody is trusted: the system's roots need not exist.
            None if base.scheme() == "http" => builder.tls_certs_only([]),
            None => builder,
        };
        let client = builder.build().map_err(|error| GateError::Setting {
            setting: "TLS",
            reason: told(error),
        })?;
        Ok(Self { client, base })
    }

    /// `POST` of JSON, and the JSON that it is answered with.
    pub(crate) async fn post(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, GateError> {
        let request = self.client.post(self.at(path)).body(body);
        exchange(request.header(CONTENT_TYPE, "application/json")).await
    }

    /// `GET`, and the JSON that it is answered with.
    pub(crate) async fn get(&self, path: &str) -> Result<Vec<u8>, GateError> {
        exchange(self.client.get(self.at(path))).await
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<Vec<u8>, GateError> {
    let lost = |error| GateError::Unreachable {
        reason: told(error),
    };
    let mut response = request.send().await.map_err(lost)?;
    let number = response.status().as_u16();
    let headers = headers(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER_SIZE {
            return Err(GateError::Answer {
                reason: format!("it has more than {MAX_ANSWER_SIZE} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    if response.status().is_success() {
        return Ok(body);
    }
    let status = Status::new(number).ok_or_else(|| GateError::Answer {
        reason: format!("the status is {number}"),
    })?;
    let parts = ResponseParts {
        status,
        headers,
        body,
    };
    Err(refused(number, &parts))
}

/// What an answer that is none of success means.
fn refused(number: u16, parts: &ResponseParts) -> GateError {
    let Some(problem) = Problem::read(parts) else {
        return match number {
            429 | 502..=504 => GateError::Unavailable {
                reason: format!("the status is {number}"),
                retry_after: None,
            },
            _ => GateError::Answer {
                reason: format!("the status is {number}, and nothing of bulla's says why"),
            },
        };
    };
    let reason = reason(&problem, &parts.body);
    match number {
        429 | 500..=599 => GateError::Unavailable {
            reason,
            retry_after: problem.retry_after,
        },
        // There is no gate here, or it is not enabled.
        404 if problem.code == Code::PATH_UNKNOWN => GateError::Answer { reason },
        _ => GateError::Refused {
            code: problem.code.as_str().to_owned(),
            reason,
        },
    }
}

/// What a problem says, in one line.
fn reason(problem: &Problem, body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Findings {
        #[serde(default)]
        findings: Vec<RefusalFinding>,
    }
    let mut text = problem.title.to_string();
    if let Some(detail) = &problem.detail {
        // Writing into a string cannot fail.
        let _ = write!(text, ": {detail}");
    }
    let findings = serde_json::from_slice::<Findings>(body).map(|found| found.findings);
    for finding in findings.unwrap_or_default().iter().take(MAX_FINDINGS) {
        let _ = write!(text, "; {} ({})", finding.message, finding.code);
    }
    text
}

fn address(text: &str) -> Result<Url, GateError> {
    let wrong = |reason: String| GateError::Setting {
        setting: "the address of the gate",
        reason,
    };
    let url = Url::parse(text).map_err(|error| wrong(format!("{text:?}: {error}")))?;
    match url.scheme() {
        "https" => {}
        "http" if is_this_machine(url.host_str().unwrap_or_default()) => {}
        _ => {
            return Err(wrong(format!(
                "{text:?}: use https; anybody on the way could send other secrets"
            )));
        }
    }
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match is_plain {
        true => Ok(url),
        false => Err(wrong(
            "leave out names, passwords, and what follows `?` or `#`".to_owned(),
        )),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, GateError> {
    let wrong = |reason: String| GateError::Setting {
        setting: "the CA certificates",
        reason,
    };
    let found = Certificate::from_pem_bundle(pem).map_err(|error| wrong(told(error)))?;
    match found.is_empty() {
        true => Err(wrong("there is no certificate in PEM".to_owned())),
        false => Ok(found),
    }
}

fn headers(map: &HeaderMap) -> Headers {
    map.iter().fold(Headers::new(), |headers, (name, value)| {
        headers.with(name.as_str(), String::from_utf8_lossy(value.as_bytes()))
    })
}

/// An error with all its causes, without the address: the asker knows it.
fn told(error: reqwest::Error) -> String {
    with_causes(&error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_the_same_machine() {
        for text in [
            "https://gate.example",
            "https://gate.example:8443/bulla",
            "http://127.0.0.1:8081",
            "http://[::1]:8081",
            "http://localhost",
        ] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in [
            "http://gate.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "gate.example",
            "https://name@gate.example",
            "https://gate.example?x",
            "https://gate.example#x",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
