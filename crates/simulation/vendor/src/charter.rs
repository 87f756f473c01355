//! What is settled about a vendor when it is founded.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use bulla_pki::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text;

/// What is settled about a vendor when it is founded, beside its seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// Where clients reach the vendor: its certificates say so.
    pub public_url: PublicUrl,
    /// When it begins to issue anything.
    #[serde(with = "text")]
    pub founded: Timestamp,
    /// Whether the mark of simulation in its certificates is critical, so that every reader who
    /// does not know it must refuse them.
    pub mark_critically: bool,
}

/// The start of a vendor's addresses: scheme, host, perhaps a port and a path, no slash at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PublicUrl(String);

/// The text is no address for a vendor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be the address of a vendor: write `http://` or `https://`, a host, perhaps a \
     port and a path, at most 200 characters, nothing behind"
)]
pub struct PublicUrlError(String);

impl PublicUrl {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Slashes at the end are left out.
impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let url = text.trim_end_matches('/');
        let rest = ["http://", "https://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme));
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]%".contains(&byte);
        let authority = rest.and_then(|rest| rest.split('/').next()).unwrap_or("");
        match is_authority(authority) && url.len() <= 200 && url.bytes().all(fits) {
            true => Ok(Self(url.to_owned())),
            false => Err(PublicUrlError(text.chars().take(220).collect())),
        }
    }
}

/// Whether this is a host, and perhaps a port: a name or an IPv4 address, or an IPv6 address in
/// brackets.
fn is_authority(text: &str) -> bool {
    let (is_host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (!name.is_empty() && !name.contains(['[', ']', '%']), port)
        }
    };
    let is_port = |digits: &str| digits.parse::<u16>().is_ok_and(|port| port != 0);
    is_host && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = PublicUrlError;

    fn try_from(text: String) -> Result<Self, PublicUrlError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_a_client_can_reach() {
        for (text, url) in [
            ("http://127.0.0.1:8181", "http://127.0.0.1:8181"),
            ("https://[::1]:443/vendor//", "https://[::1]:443/vendor"),
            ("http://vendor.example", "http://vendor.example"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().as_str(), url);
        }
        let long = format!("http://{}", "a".repeat(200));
        for text in [
            "",
            "http://",
            "http:///x",
            "ftp://a",
            "vendor",
            "http://a b",
            "http://a?x",
            "http://a#",
            "http://\u{e9}",
            "http://:8181",
            "http://a:",
            "http://a:0",
            "http://a:65536",
            "http://a:b",
            "http://a:1:2",
            "http://[::1",
            "http://[::1]8181",
            "http://[a]",
            "http://::1",
            &long,
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }
}
