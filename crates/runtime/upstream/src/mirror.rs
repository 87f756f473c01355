//! Another cache that is asked exactly what a client has asked, to compare the answers.

use bulla_protocol::wire::{Headers, RequestParts, ResponseParts};
use tokio::time::timeout;

use crate::address::Address;
use crate::http::Http;
use crate::settings::{SettingsError, UpstreamSettings};
use crate::trouble::Trouble;

/// With this header a request says that it is such a copy. Whoever takes copies takes none of it: two
/// that mirror each other, or one that mirrors itself, would never end.
pub const MIRRORED: &str = "bulla-mirrored";

/// Such a cache.
#[derive(Clone, Debug)]
pub struct Mirror {
    http: Http,
    base: Address,
    deadline: std::time::Duration,
}

impl Mirror {
    /// The cache at an address, by the settings of an upstream; whose kind does not count. As for
    /// upstreams, `http:` is for this machine: a request may name platforms.
    pub fn new(url: &str, settings: &UpstreamSettings) -> Result<Self, SettingsError> {
        let base = Address::service(url, settings.insecure_http).map_err(|problem| {
            SettingsError::Value {
                name: settings.name.clone(),
                setting: "url",
                problem,
            }
        })?;
        Ok(Self {
            http: Http::new(settings, base.is_encrypted())?,
            base,
            deadline: settings.deadline,
        })
    }

    /// `GET` of a path and query; in words why there is no answer. The body of a refusal is not read.
    pub async fn get(&self, path: &str, query: &str) -> Result<ResponseParts, String> {
        let parts = RequestParts {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Headers::new().with(MIRRORED, "true"),
            ..RequestParts::default()
        };
        let exchange = self.http.exchange(self.base.of(path, query), parts);
        match timeout(self.deadline, exchange).await {
            Ok(Ok(parts)) => Ok(parts),
            Ok(Err(Trouble::Connection { reason, .. } | Trouble::Malformed(reason))) => Err(reason),
            Ok(Err(Trouble::Refusal { .. })) => Err("it refuses".to_owned()),
            Err(_) => Err(format!("no answer within {} s", self.deadline.as_secs())),
        }
    }
}
