//! One exchange over HTTP or HTTPS, within limits.
//!
//! Certificates and names of hosts are always checked, but for a certificate that the operator names
//! himself; TLS is at least 1.2, redirects are not followed, nothing is remembered (no cookies), bodies
//! are not decompressed.

use std::path::Path;
use std::time::Duration;

use bulla_protocol::client::with_causes;
use bulla_protocol::pcs::{Answer, MAX_RESPONSE_BODY_SIZE, Request, Response};
use bulla_protocol::wire::{Headers, RequestParts, ResponseParts, Status, header};
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Url, redirect, retry, tls};
use rustls::ClientConfig;

use crate::settings::{Proxy, SettingsError, UpstreamSettings};
use crate::tls::MAX_CA_FILE_SIZE;
use crate::trouble::Trouble;

/// Most bytes of names and values of an answer's headers. Two issuer chains have 4,000; more than
/// 16,000 would not reach the clients of caches.
pub(crate) const MAX_HEADER_SIZE: usize = 32 * 1024;

/// Most headers of an answer: the vendor sends about 15.
const MAX_HEADERS: usize = 64;

/// How long a connection is kept for the next question, less than the 60 seconds of Intel's cache.
const IDLE: Duration = Duration::from_secs(30);

/// The vendor's header for the key of a customer.
pub(crate) const SUBSCRIPTION_KEY: &str = "Ocp-Apim-Subscription-Key";

/// A client for one upstream.
#[derive(Clone, Debug)]
pub(crate) struct Http(Client);

impl Http {
    /// The client; `encrypted` if any of the upstream's addresses is HTTPS.
    pub(crate) fn new(settings: &UpstreamSettings, encrypted: bool) -> Result<Self, SettingsError> {
        let wrong = |setting, problem| SettingsError::Value {
            name: settings.name.clone(),
            setting,
            problem,
        };
        let mut builder = Client::builder()
            .user_agent(concat!("bulla/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // Half, so that another attempt is left where an address does not answer.
            .connect_timeout(settings.deadline / 2)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(settings.concurrency)
            .http1_max_headers(MAX_HEADERS)
            .tls_version_min(tls::Version::TLS_1_2);
        builder = match (&settings.ca_file, encrypted) {
            (Some(path), _) => {
                let trusted = trusted(path).map_err(|problem| wrong("ca_file", problem))?;
                builder.tls_backend_preconfigured(trusted)
            }
            (None, true) => builder,
            // Nothing is encrypted, so nobody is trusted: the system's roots need not exist.
            (None, false) => builder.tls_certs_only([]),
        };
        builder = match &settings.proxy {
            Proxy::None => builder.no_proxy(),
            Proxy::Environment => builder,
            Proxy::Address(address) => builder
                .no_proxy()
                .proxy(proxy(address).map_err(|problem| wrong("proxy", problem))?),
        };
        builder
            .build()
            .map(Self)
            .map_err(|error| wrong("TLS", format!("cannot be set up: {}", told(error))))
    }

    /// Sends a request and takes the answer. The body of a refusal is not read: it means nothing.
    pub(crate) async fn exchange(
        &self,
        url: Url,
        parts: RequestParts,
    ) -> Result<ResponseParts, Trouble> {
        let unsendable = |what: &str| Trouble::Malformed(format!("the {what} cannot be sent"));
        let method =
            Method::from_bytes(parts.method.as_bytes()).map_err(|_| unsendable("method"))?;
        let mut request = self.0.request(method, url);
        for (name, value) in parts.headers.iter() {
            let mut value = HeaderValue::from_str(value).map_err(|_| unsendable("header"))?;
            value.set_sensitive(name.eq_ignore_ascii_case(SUBSCRIPTION_KEY));
            request = request.header(name, value);
        }
        if !parts.body.is_empty() {
            request = request.body(parts.body);
        }
        let mut response = request.send().await.map_err(lost)?;
        let status = Status::new(response.status().as_u16())
            .ok_or_else(|| Trouble::Malformed(format!("the status is {}", response.status())))?;
        let headers = headers(response.headers())?;
        let mut body = Vec::new();
        if status.is_success() {
            let too_long = |size: u64| {
                Trouble::Malformed(format!(
                    "the body has {size} bytes or more (at most {MAX_RESPONSE_BODY_SIZE})"
                ))
            };
            let size = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
            if let Some(announced) = response.content_length()
                && announced > size(MAX_RESPONSE_BODY_SIZE)
            {
                return Err(too_long(announced));
            }
            while let Some(chunk) = response.chunk().await.map_err(lost)? {
                if body.len().saturating_add(chunk.len()) > MAX_RESPONSE_BODY_SIZE {
                    return Err(too_long(size(body.len().saturating_add(chunk.len()))));
                }
                body.extend_from_slice(&chunk);
            }
        }
        Ok(ResponseParts {
            status,
            headers,
            body,
        })
    }
}

fn trusted(path: &Path) -> Result<ClientConfig, String> {
    let shown = path.display();
    let unreadable = |error| format!("{shown} cannot be read: {error}");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_CA_FILE_SIZE as u64 {
        return Err(format!(
            "{shown} has {size} bytes (at most {MAX_CA_FILE_SIZE})"
        ));
    }
    let text = std::fs::read(path).map_err(unreadable)?;
    crate::tls::trusting(&text).map_err(|problem| format!("{shown}: {problem}"))
}

fn proxy(address: &str) -> Result<reqwest::Proxy, String> {
    // No error names the address, which may carry a password.
    let url = Url::parse(address).map_err(|error| format!("is no address: {error}"))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("has another scheme than http and https".to_owned());
    }
    reqwest::Proxy::all(url).map_err(|error| format!("cannot be used: {}", told(error)))
}

fn headers(map: &HeaderMap) -> Result<Headers, Trouble> {
    let size: usize = map
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()))
        .fold(0, usize::saturating_add);
    if size > MAX_HEADER_SIZE {
        return Err(Trouble::Malformed(format!(
            "the headers have {size} bytes (at most {MAX_HEADER_SIZE})"
        )));
    }
    if let Some(encoding) = map.get(CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(Trouble::Malformed(
            "the body is compressed, which was not asked for".to_owned(),
        ));
    }
    let mut headers = Headers::new();
    for (name, value) in map {
        // What is not ASCII is nothing that any dialect has.
        if let Ok(value) = value.to_str() {
            headers.add(name.as_str(), value);
        }
    }
    Ok(headers)
}

/// What became of an exchange that ended early.
fn lost(error: reqwest::Error) -> Trouble {
    let sent = !error.is_connect() && !error.is_builder();
    Trouble::Connection {
        reason: told(error),
        sent,
    }
}

/// An error with all its causes, without the address: its query names platforms.
fn told(error: reqwest::Error) -> String {
    with_causes(&error.without_url())
}

/// What a response says, in the vendor's terms.
pub(crate) fn read(request: &Request, response: ResponseParts) -> Result<Answer, Trouble> {
    let says_when = response.headers.find(header::RETRY_AFTER).is_some();
    Response::read(request, response)
        .map_err(|error| Trouble::Malformed(error.to_string()))?
        .outcome
        .map_err(|refusal| Trouble::Refusal {
            refusal: Box::new(refusal),
            says_when,
        })
}
