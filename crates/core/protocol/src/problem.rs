//! Problem details (RFC 9457): why a request to bulla's own routes is not carried out.
//!
//! ```
//! use bulla_protocol::problem::{Code, Problem};
//! use bulla_protocol::wire::Status;
//!
//! const BUNDLE_UNSIGNED: Code = Code::known("bundle-unsigned");
//!
//! let problem = Problem::new(Status::BAD_REQUEST, BUNDLE_UNSIGNED, "The bundle is not signed")
//!     .detail("line 3 has no signature");
//! let body = String::from_utf8(problem.write().body)?;
//! assert_eq!(
//!     body,
//!     concat!(
//!         r#"{"type":"urn:bulla:problem:bundle-unsigned","title":"The bundle is not signed","#,
//!         r#""status":400,"detail":"line 3 has no signature","code":"bundle-unsigned"}"#,
//!     )
//! );
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::value::{ValueError, Word};
use crate::wire::{Headers, ResponseParts, Status, header};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What `type` begins with; the code follows. A name, not an address: nothing is fetched there.
const TYPE: &str = "urn:bulla:problem:";

/// Longest problem that is read, in bytes: what bulla writes has a few hundred.
const MAX_BODY_SIZE: usize = 64 * 1024;

/// Name of a kind of problem: letters, digits and `-_`, at most 64. It is stable, and never gets
/// another meaning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code(Word);

impl Code {
    /// The request breaks the form of the interface.
    pub const INVALID_REQUEST: Self = Self::known("invalid-request");
    /// No token, or none that is known.
    pub const UNAUTHENTICATED: Self = Self::known("unauthenticated");
    /// The token does not allow this.
    pub const FORBIDDEN: Self = Self::known("forbidden");
    /// There is nothing at this path.
    pub const PATH_UNKNOWN: Self = Self::known("path-unknown");
    /// What is named is not there.
    pub const NOT_FOUND: Self = Self::known("not-found");
    /// The path does not know the method.
    pub const METHOD_NOT_ALLOWED: Self = Self::known("method-not-allowed");
    /// What is there does not allow it.
    pub const CONFLICT: Self = Self::known("conflict");
    /// The body is of a media type that is not read.
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self::known("unsupported-media-type");
    /// The body is too long.
    pub const TOO_LARGE: Self = Self::known("too-large");
    /// Too many requests in a short time.
    pub const TOO_MANY_REQUESTS: Self = Self::known("too-many-requests");
    /// Something in the service failed; the log says what.
    pub const INTERNAL: Self = Self::known("internal");
    /// To be asked again later.
    pub const UNAVAILABLE: Self = Self::known("unavailable");

    /// A name that the program gives. It must be one that [`Code::new`] would take.
    pub const fn known(text: &'static str) -> Self {
        Self(Word::known(text))
    }

    /// A name that somebody else gave.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        Word::read(text, "the names of problems").map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    status: Status,
    /// The kind of problem, for programs.
    pub code: Code,
    /// The kind of problem, for people: the same for every problem of a code.
    pub title: Cow<'static, str>,
    /// What is wrong this time, and what to do; absent where the title says it all. It is shown to
    /// whoever asked: nothing secret, nothing of the inside.
    pub detail: Option<String>,
    /// Name of this occurrence, by which the log has it: that of the request; absent where it has
    /// none.
    pub instance: Option<String>,
    /// Seconds to wait before asking again; a header, not part of the body.
    pub retry_after: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Body<'a> {
    #[serde(rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    title: Cow<'a, str>,
    #[serde(default)]
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<Cow<'a, str>>,
    #[serde(default)]
    code: Cow<'a, str>,
}

impl Problem {
    /// A problem of this kind. A status that is no refusal (below 400) becomes 500.
    pub fn new(status: Status, code: Code, title: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: if status < Status::BAD_REQUEST {
                Status::INTERNAL_SERVER_ERROR
            } else {
                status
            },
            code,
            title: title.into(),
            detail: None,
            instance: None,
            retry_after: None,
        }
    }

    /// The same with what is wrong this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with a name for this occurrence.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// The same with a time to wait, in seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Any status from 400 on.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The problem as it goes onto the wire; never to be stored by whoever is between.
    pub fn write(&self) -> ResponseParts {
        let mut headers = Headers::new()
            .with(header::CONTENT_TYPE, MEDIA_TYPE)
            .with(header::CACHE_CONTROL, "no-store");
        if let Some(seconds) = self.retry_after {
            headers.add(header::RETRY_AFTER, seconds.to_string());
        }
        let body = Body {
            kind: format!("{TYPE}{}", self.code.as_str()).into(),
            title: self.title.as_ref().into(),
            status: self.status.number(),
            detail: self.detail.as_deref().map(Cow::Borrowed),
            instance: self.instance.as_deref().map(Cow::Borrowed),
            code: self.code.as_str().into(),
        };
        ResponseParts {
            status: self.status,
            headers,
            body: serde_json::to_vec(&body).expect("texts and a number are JSON"),
        }
    }

    /// Reads a problem that bulla wrote; absent where the answer is none.
    pub fn read(parts: &ResponseParts) -> Option<Self> {
        let is_refusal = parts.status >= Status::BAD_REQUEST;
        let is_problem = parts.headers.is_media_type(MEDIA_TYPE);
        if !is_refusal || !is_problem || parts.body.len() > MAX_BODY_SIZE {
            return None;
        }
        let body: Body<'_> = serde_json::from_slice(&parts.body).ok()?;
        let retry_after = parts.headers.find(header::RETRY_AFTER);
        Some(Self {
            status: parts.status,
            code: Code::new(&body.code).ok()?,
            title: body.title.into_owned().into(),
            detail: body.detail.map(Cow::into_owned),
            instance: body.instance.map(Cow::into_owned),
            retry_after: retry_after.and_then(|text| text.trim().parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_problem_has_a_stable_code_and_is_not_stored() {
        let problem = Problem::new(
            Status::SERVICE_UNAVAILABLE,
            Code::UNAVAILABLE,
            "Not ready yet",
        );
        let parts = problem.instance("0f").retry_after(5).write();
        assert_eq!(
            String::from_utf8(parts.body).unwrap(),
            "{\"type\":\"urn:bulla:problem:unavailable\",\"title\":\"Not ready yet\",\
             \"status\":503,\"instance\":\"0f\",\"code\":\"unavailable\"}"
        );
        let headers: Vec<_> = parts.headers.iter().collect();
        assert_eq!(
            headers,
            [
                ("Content-Type", "application/problem+json"),
                ("Cache-Control", "no-store"),
                ("Retry-After", "5"),
            ]
        );
    }

    #[test]
    fn what_is_no_refusal_becomes_one() {
        let status = |status| Problem::new(status, Code::INTERNAL, "").status();
        assert_eq!(status(Status::OK), Status::INTERNAL_SERVER_ERROR);
        let moved = Status::new(302).unwrap();
        assert_eq!(status(moved), Status::INTERNAL_SERVER_ERROR);
        assert_eq!(status(Status::GONE), Status::GONE);
    }

    #[test]
    fn every_code_could_be_read() {
        for code in [
            Code::INVALID_REQUEST,
            Code::UNAUTHENTICATED,
            Code::FORBIDDEN,
            Code::PATH_UNKNOWN,
            Code::NOT_FOUND,
            Code::METHOD_NOT_ALLOWED,
            Code::CONFLICT,
            Code::UNSUPPORTED_MEDIA_TYPE,
            Code::TOO_LARGE,
            Code::TOO_MANY_REQUESTS,
            Code::INTERNAL,
            Code::UNAVAILABLE,
        ] {
            assert_eq!(Code::new(code.as_str()), Ok(code));
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            status in 400..600_u16,
            code in "[a-z-]{1,64}",
            title in any::<String>(),
            detail in option::of(any::<String>()),
            instance in option::of(any::<String>()),
            retry_after in option::of(any::<u32>()),
        ) {
            let code = Code::new(&code).unwrap();
            let mut problem = Problem::new(Status::new(status).unwrap(), code, title);
            problem.detail = detail;
            problem.instance = instance;
            problem.retry_after = retry_after;
            prop_assert_eq!(Problem::read(&problem.write()), Some(problem));
        }

        #[test]
        fn reading_never_panics(body in "\\{?[\\[\\{\":,0-9a-z}\\]]{0,60}") {
            let headers = Headers::new().with("Content-Type", MEDIA_TYPE);
            let parts = ResponseParts { status: Status::GONE, headers, body: body.into_bytes() };
            let _ = Problem::read(&parts);
        }
    }
}
