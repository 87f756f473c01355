//! Messages as an HTTP library hands them over, before and after the grammar.

use std::fmt;
use std::str::FromStr;

use crate::value::ValueError;

/// A request as it stands on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestParts {
    /// The method, for example `GET`.
    pub method: String,
    /// The path as received: neither decoded nor normalised.
    pub path: String,
    /// What follows the question mark, as received; empty where there is none.
    pub query: String,
    /// The headers.
    pub headers: Headers,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

impl RequestParts {
    /// Path and query in one, as they follow the host in a URL.
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        format!("{}?{}", self.path, self.query)
    }
}

/// An answer as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseParts {
    /// The status.
    pub status: Status,
    /// The headers.
    pub headers: Headers,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
}

/// A method that some path knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`: as `GET`, without the body of the answer.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

impl Method {
    /// The method's name in the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

impl FromStr for Method {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        [Self::Get, Self::Head, Self::Post, Self::Put]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or(ValueError::Word("GET, HEAD, POST, PUT"))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A status code, three digits (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

impl Status {
    /// 200 OK.
    pub const OK: Self = Self(200);
    /// 201 Created: a platform was registered.
    pub const CREATED: Self = Self(201);
    /// 400 Bad Request.
    pub const BAD_REQUEST: Self = Self(400);
    /// 401 Unauthorized: the subscription key is missing or not known.
    pub const UNAUTHORIZED: Self = Self(401);
    /// 403 Forbidden: understood, and not granted.
    pub const FORBIDDEN: Self = Self(403);
    /// 404 Not Found: no such path, or nothing about what was asked for.
    pub const NOT_FOUND: Self = Self(404);
    /// 405 Method Not Allowed.
    pub const METHOD_NOT_ALLOWED: Self = Self(405);
    /// 409 Conflict: not in this state.
    pub const CONFLICT: Self = Self(409);
    /// 410 Gone: an evaluation number that is no longer signed.
    pub const GONE: Self = Self(410);
    /// 413 Content Too Large.
    pub const CONTENT_TOO_LARGE: Self = Self(413);
    /// 414 URI Too Long.
    pub const URI_TOO_LONG: Self = Self(414);
    /// 415 Unsupported Media Type.
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self(415);
    /// 422 Unprocessable Content: well formed, and still wrong.
    pub const UNPROCESSABLE_CONTENT: Self = Self(422);
    /// 429 Too Many Requests.
    pub const TOO_MANY_REQUESTS: Self = Self(429);
    /// 460 of Intel's cache: what was put is not genuine.
    pub const INTEGRITY_FAILED: Self = Self(460);
    /// 461 of Intel's cache: the platform was never seen.
    pub const PLATFORM_UNKNOWN: Self = Self(461);
    /// 500 Internal Server Error.
    pub const INTERNAL_SERVER_ERROR: Self = Self(500);
    /// 502 Bad Gateway: whoever was asked in turn gave no answer.
    pub const BAD_GATEWAY: Self = Self(502);
    /// 503 Service Unavailable.
    pub const SERVICE_UNAVAILABLE: Self = Self(503);

    /// The status of this number; `None` outside 100 to 599.
    pub const fn new(number: u16) -> Option<Self> {
        if number < 100 || number > 599 {
            return None;
        }
        Some(Self(number))
    }

    /// The number, 100 to 599.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether the request was carried out: 200 to 299.
    pub const fn is_success(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Headers in their order. Names are found in any letter case; of several the first counts, as it
/// does for the vendor's own client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header behind the others.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// The same with one header more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.add(name, value);
        self
    }

    /// The value of the first header of this name.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Name and value of each, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether `Content-Type` is `media_type`; its parameters do not count.
    pub(crate) fn is_media_type(&self, media_type: &str) -> bool {
        self.find(header::CONTENT_TYPE)
            .and_then(|value| value.split(';').next())
            .is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
    }
}

/// Names of headers that every dialect uses.
pub mod header {
    /// The methods that a path knows, beside 405.
    pub const ALLOW: &str = "Allow";
    /// How long an answer may be kept.
    pub const CACHE_CONTROL: &str = "Cache-Control";
    /// Media type of the body.
    pub const CONTENT_TYPE: &str = "Content-Type";
    /// The vendor's name for an error.
    pub const ERROR_CODE: &str = "Error-Code";
    /// The error in words.
    pub const ERROR_MESSAGE: &str = "Error-Message";
    /// Name of one exchange, 32 hexadecimal digits.
    pub const REQUEST_ID: &str = "Request-ID";
    /// Seconds to wait before asking again.
    pub const RETRY_AFTER: &str = "Retry-After";
    /// Something the client's operator should know.
    pub const WARNING: &str = "Warning";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_the_first_counts() {
        let headers = Headers::new().with("Sgx-Tcbm", "1").with("SGX-TCBm", "2");
        assert_eq!(headers.find("SGX-TCBM"), Some("1"));
        assert_eq!(headers.find("SGX-FMSPC"), None);
    }

    #[test]
    fn parameters_of_a_media_type_do_not_count() {
        let of = |value: &str| Headers::new().with("content-type", value);
        assert!(of("Application/JSON; charset=utf-8").is_media_type("application/json"));
        assert!(!of("application/jsonx").is_media_type("application/json"));
        assert!(!Headers::new().is_media_type("application/json"));
    }

    #[test]
    fn statuses_have_three_digits() {
        assert_eq!([99, 600].map(Status::new), [None, None]);
        assert_eq!(Status::new(404), Some(Status::NOT_FOUND));
        assert!(Status::CREATED.is_success() && !Status::GONE.is_success());
    }
}
