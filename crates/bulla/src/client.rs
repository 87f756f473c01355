//! Asking a service over HTTP, one question at a time.
//!
//! For documents there is `bulla-upstream`. This is for bulla's own routes, and for the doctor, who
//! wants to see every header as it came.

use std::path::Path;
use std::time::{Duration, Instant};

use bulla_protocol::client::{is_this_machine, with_causes};
use bulla_protocol::wire::{Headers, RequestParts, ResponseParts, Status};
use bulla_upstream::tls::{self, ClientConfig, MAX_CA_FILE_SIZE};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::tls::Version;
use reqwest::{Method, Url, redirect, retry};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};
use crate::input;

/// Longest body of an answer, in bytes: the list of a hundred thousand platforms that wait, which is
/// not handed out twice, has 100 MB.
const MAX_BODY_SIZE: usize = 128 * 1024 * 1024;

/// Time for one question to a service that answers from what it has, or asks its upstreams for one
/// document. Intel's cache answers after 63 seconds when the vendor is down.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Where clients' addresses of a service end, and all requests begin.
const MOUNT: &str = "/sgx/certification/v4";

/// How a service is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach<'a> {
    /// CAs in PEM that alone count, or the service's own certificate; absent for the CAs of the
    /// operating system.
    pub(crate) ca_file: Option<&'a Path>,
    /// Whether any certificate will do. Only for whoever sends no secret and verifies all that
    /// comes.
    pub(crate) any_certificate: bool,
    /// Time for one question.
    pub(crate) deadline: Duration,
}

/// A client of one service.
pub(crate) struct Client {
    runtime: Runtime,
    http: reqwest::Client,
    base: Url,
}

/// What came back, and after how long.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) parts: ResponseParts,
    pub(crate) took: Duration,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.parts.status.number()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.find(name)
    }

    /// Whether the service says that everything here is a simulation.
    pub(crate) fn is_simulated(&self) -> bool {
        self.header("Bulla-Simulated").is_some()
    }
}

/// The address of a service, without what clients write behind it.
pub(crate) fn address(option: &'static str, text: &str) -> Result<Url> {
    let invalid = |reason: String| Error::ArgumentInvalid { option, reason };
    let mut url = Url::parse(text).map_err(|error| {
        invalid(format!(
            "`{text}` is no address: {error}; write https://..."
        ))
    })?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(invalid(format!(
            "`{text}` has the scheme {}; use https, or http",
            url.scheme()
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "an address must not carry a name or password".to_owned(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(format!(
            "`{text}`: leave out what follows `?` or `#`"
        )));
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(MOUNT).unwrap_or(path).to_owned();
    url.set_path(&path);
    Ok(url)
}

/// An address as people write it, without a slash at its end.
pub(crate) fn shown(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// Whether what is sent there cannot be read on the way.
pub(crate) fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_this_machine(url.host_str().unwrap_or_default())
}

/// What waits for the answers of the service at `url`, in the thread that asks.
pub(crate) fn runtime(url: &str) -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::ServiceUnreachable {
        url: url.to_owned(),
        reason: error.to_string(),
    })
}

impl Client {
    /// A client; asks nobody yet.
    pub(crate) fn new(base: Url, reach: Reach<'_>) -> Result<Self> {
        let unusable = |reason: String| Error::ServiceUnreachable {
            url: shown(&base),
            reason,
        };
        let runtime = runtime(&shown(&base))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("bulla/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .timeout(reach.deadline)
            // A header that breaks the protocol is for the doctor to see, not the end of it all.
            .http1_ignore_invalid_headers_in_responses(true)
            .tls_version_min(Version::TLS_1_2)
            .tls_danger_accept_invalid_certs(reach.any_certificate);
        builder = match reach.ca_file {
            Some(path) => builder.tls_backend_preconfigured(trusted(path)?),
            // Nobody is trusted, so the system's roots need not exist.
            None if reach.any_certificate || base.scheme() == "http" => builder.tls_certs_only([]),
            None => builder,
        };
        let http = builder.build().map_err(|error| unusable(told(error)))?;
        Ok(Self {
            runtime,
            http,
            base,
        })
    }

    /// Sends a request and takes the answer; in words why there is none.
    pub(crate) fn send(&self, request: &RequestParts) -> std::result::Result<Reply, String> {
        self.runtime.block_on(self.exchange(request))
    }

    async fn exchange(&self, request: &RequestParts) -> std::result::Result<Reply, String> {
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}{}",
            self.base.path().trim_end_matches('/'),
            request.path
        ));
        url.set_query((!request.query.is_empty()).then_some(&request.query));
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| "the method cannot be sent".to_owned())?;
        let mut sent = self.http.request(method, url);
        for (name, value) in request.headers.iter() {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| format!("the header {name} cannot be sent"))?;
            value.set_sensitive(name.ends_with("-token"));
            sent = sent.header(name, value);
        }
        if !request.body.is_empty() {
            sent = sent.body(request.body.clone());
        }
        let start = Instant::now();
        let mut response = sent.send().await.map_err(told)?;
        let status = response.status().as_u16();
        let status = Status::new(status).ok_or_else(|| format!("the status is {status}"))?;
        let headers = headers(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len().saturating_add(chunk.len()) > MAX_BODY_SIZE {
                return Err(format!("the answer has more than {MAX_BODY_SIZE} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            parts: ResponseParts {
                status,
                headers,
                body,
            },
            took: start.elapsed(),
        })
    }
}

/// Every header, bytes that are no text shown as such.
fn headers(map: &HeaderMap) -> Headers {
    map.iter().fold(Headers::new(), |headers, (name, value)| {
        headers.with(name.as_str(), String::from_utf8_lossy(value.as_bytes()))
    })
}

fn trusted(path: &Path) -> Result<ClientConfig> {
    let text = input::read("file of CA certificates", path, MAX_CA_FILE_SIZE)?;
    tls::trusting(&text).map_err(|reason| Error::ArgumentInvalid {
        option: "--ca-file",
        reason: format!("{}: {reason}", path.display()),
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
    fn an_address_is_that_of_the_service_however_it_is_written() {
        for text in [
            "https://a.example:1/x",
            "https://a.example:1/x/",
            "https://a.example:1/x/sgx/certification/v4",
            "https://a.example:1/x/sgx/certification/v4/",
        ] {
            let url = address("--service", text).expect("an address");
            assert_eq!(shown(&url), "https://a.example:1/x");
        }
        for text in [
            "a.example",
            "ftp://a",
            "http://u@a",
            "http://a?x",
            "http://a#x",
        ] {
            assert!(address("--service", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_goes_nowhere_in_clear_over_a_network() {
        let is_private = |text: &str| is_private(&Url::parse(text).expect("an address"));
        for text in [
            "https://a.example",
            "http://127.0.0.2:1",
            "http://[::1]",
            "http://localhost",
        ] {
            assert!(is_private(text), "{text}");
        }
        for text in [
            "http://a.example",
            "http://10.0.0.1",
            "http://localhost.example",
        ] {
            assert!(!is_private(text), "{text}");
        }
    }
}
