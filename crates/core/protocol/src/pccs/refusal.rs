//! Why a request is not carried out, in the words of Intel's cache.

use crate::pcs::ErrorCode;
use crate::value::HeaderText;
use crate::wire::{Headers, Method, ResponseParts, Status, header};

use super::{Version, write};

/// Names of causes, as they stand in `Error-Code`. They are stable; the vendor's own names
/// ([`ErrorCode`]) stand there too where the vendor was asked and refused.
pub mod cause {
    use crate::pcs::ErrorCode;

    /// There is nothing at this path.
    pub const PATH_UNKNOWN: ErrorCode = ErrorCode::known("PathUnknown");
    /// The path does not know the method.
    pub const METHOD_UNKNOWN: ErrorCode = ErrorCode::known("MethodUnknown");
    /// The method is refused, because it would change something.
    pub const METHOD_NOT_ALLOWED: ErrorCode = ErrorCode::known("MethodNotAllowed");
    /// No token was sent where there must be one.
    pub const TOKEN_MISSING: ErrorCode = ErrorCode::known("TokenMissing");
    /// The token is not the right one.
    pub const TOKEN_WRONG: ErrorCode = ErrorCode::known("TokenWrong");
    /// Too many wrong tokens, or requests of an administrator, in a short time.
    pub const TOO_MANY_ATTEMPTS: ErrorCode = ErrorCode::known("TooManyAttempts");
    /// The vendor knows no such family of platforms.
    pub const FMSPC_UNKNOWN: ErrorCode = ErrorCode::known("FmspcUnknown");
    /// The vendor signs no such evaluation number yet.
    pub const NUMBER_UNKNOWN: ErrorCode = ErrorCode::known("EvaluationNumberUnknown");
    /// The vendor does not sign this evaluation number any longer.
    pub const NUMBER_GONE: ErrorCode = ErrorCode::known("EvaluationNumberGone");
    /// Not stored, and this service asks nobody.
    pub const NOT_STORED: ErrorCode = ErrorCode::known("NotStored");
    /// Stored, but past its end.
    pub const EXPIRED: ErrorCode = ErrorCode::known("Expired");
    /// The platform was never seen.
    pub const PLATFORM_UNKNOWN: ErrorCode = ErrorCode::known("PlatformUnknown");
    /// The platform can only be asked for with its PPID or manifest, which nobody has sent.
    pub const PLATFORM_KEY_MISSING: ErrorCode = ErrorCode::known("PlatformKeyMissing");
    /// The platform's TCB is lower than that of all its certificates.
    pub const TCB_TOO_LOW: ErrorCode = ErrorCode::known("TcbTooLow");
    /// A PCK certificate cannot be selected without the platform's TCB info.
    pub const TCB_INFO_MISSING: ErrorCode = ErrorCode::known("TcbInfoMissing");
    /// The platform's certificates do not go with its TCB info, or with each other.
    pub const CERTIFICATES_CONTRADICT: ErrorCode = ErrorCode::known("CertificatesContradict");
    /// The document is there, but not who issued it.
    pub const ISSUER_CHAIN_MISSING: ErrorCode = ErrorCode::known("IssuerChainMissing");
    /// Stored, but signed by a CA that the root has revoked since.
    pub const ISSUER_REVOKED: ErrorCode = ErrorCode::known("IssuerRevoked");
    /// The vendor was asked and has none.
    pub const UPSTREAM_HAS_NONE: ErrorCode = ErrorCode::known("UpstreamHasNone");
    /// The vendor was asked and refused.
    pub const UPSTREAM_REFUSED: ErrorCode = ErrorCode::known("UpstreamRefused");
    /// The vendor cannot be reached.
    pub const UPSTREAM_UNREACHABLE: ErrorCode = ErrorCode::known("UpstreamUnreachable");
    /// What the vendor answered did not pass the check.
    pub const UPSTREAM_INVALID: ErrorCode = ErrorCode::known("UpstreamInvalid");
    /// A signature, a chain or a date does not hold.
    pub const INTEGRITY: ErrorCode = ErrorCode::known("IntegrityFailed");
    /// The body or the query is longer than what is read.
    pub const TOO_LARGE: ErrorCode = ErrorCode::known("TooLarge");
    /// The vendor has ended version 3.
    pub const VERSION_3_ENDED: ErrorCode = ErrorCode::known("Version3Ended");
    /// The service does this work in no mode that it runs in.
    pub const OFFLINE: ErrorCode = ErrorCode::known("Offline");
    /// Something in the service failed.
    pub const INTERNAL: ErrorCode = ErrorCode::known("InternalError");
}

/// What a client is told; each has one status and one text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// 400: parameters or body break the form.
    InvalidRequest,
    /// 401: no token, or another one.
    AuthenticationFailed,
    /// 404: not there, for whatever cause.
    NoCacheData,
    /// 404, as a page: no such path.
    PathUnknown {
        /// Method and path of the request, as received.
        asked: Box<str>,
    },
    /// 404, as a page: no such method at this path.
    MethodUnknown {
        /// Method and path of the request, as received.
        asked: Box<str>,
        /// The methods that the path knows.
        allowed: &'static [Method],
    },
    /// 405: a method that would do something on the side. Intel's cache has no such answer.
    MethodNotAllowed {
        /// The methods that the path knows.
        allowed: &'static [Method],
    },
    /// 410 of version 3: not stored, and not to be had any more.
    Version3Ended,
    /// 410: an evaluation number that is not signed any longer. Intel's cache has no such answer.
    NumberGone,
    /// 413: the body is too long.
    ContentTooLarge,
    /// 414: the query is too long. Intel's cache has no such answer.
    QueryTooLong,
    /// 429: too many attempts; for routes with a token only, as Intel's client gives up at it.
    TooManyAttempts,
    /// 460: what was put is not genuine.
    IntegrityFailed,
    /// 461: the platform was never seen.
    PlatformUnknown,
    /// 500: something in the service failed.
    Internal,
    /// 502: the vendor gave no answer; for routes with a token only.
    UpstreamFailed,
    /// 503: to be asked again later. It has no body.
    Unavailable,
}

impl Reason {
    /// The status.
    pub const fn status(&self) -> Status {
        match self {
            Self::InvalidRequest => Status::BAD_REQUEST,
            Self::AuthenticationFailed => Status::UNAUTHORIZED,
            Self::NoCacheData | Self::PathUnknown { .. } | Self::MethodUnknown { .. } => {
                Status::NOT_FOUND
            }
            Self::MethodNotAllowed { .. } => Status::METHOD_NOT_ALLOWED,
            Self::Version3Ended | Self::NumberGone => Status::GONE,
            Self::ContentTooLarge => Status::CONTENT_TOO_LARGE,
            Self::QueryTooLong => Status::URI_TOO_LONG,
            Self::TooManyAttempts => Status::TOO_MANY_REQUESTS,
            Self::IntegrityFailed => Status::INTEGRITY_FAILED,
            Self::PlatformUnknown => Status::PLATFORM_UNKNOWN,
            Self::Internal => Status::INTERNAL_SERVER_ERROR,
            Self::UpstreamFailed => Status::BAD_GATEWAY,
            Self::Unavailable => Status::SERVICE_UNAVAILABLE,
        }
    }

    /// The cause, where none more exact is given.
    const fn usual_cause(&self) -> ErrorCode {
        match self {
            Self::InvalidRequest => ErrorCode::INVALID_REQUEST_SYNTAX,
            Self::AuthenticationFailed => cause::TOKEN_WRONG,
            Self::NoCacheData => cause::NOT_STORED,
            Self::PathUnknown { .. } => cause::PATH_UNKNOWN,
            Self::MethodUnknown { .. } => cause::METHOD_UNKNOWN,
            Self::MethodNotAllowed { .. } => cause::METHOD_NOT_ALLOWED,
            Self::Version3Ended => cause::VERSION_3_ENDED,
            Self::NumberGone => cause::NUMBER_GONE,
            Self::ContentTooLarge | Self::QueryTooLong => cause::TOO_LARGE,
            Self::TooManyAttempts => cause::TOO_MANY_ATTEMPTS,
            Self::IntegrityFailed => cause::INTEGRITY,
            Self::PlatformUnknown => cause::PLATFORM_UNKNOWN,
            Self::Internal => cause::INTERNAL,
            Self::UpstreamFailed | Self::Unavailable => cause::UPSTREAM_UNREACHABLE,
        }
    }

    /// The body: the text that Intel's cache has for the status, or a text like it.
    fn body(&self) -> String {
        let text = match self {
            Self::PathUnknown { asked } | Self::MethodUnknown { asked, .. } => {
                return page(asked);
            }
            Self::InvalidRequest => "Invalid request parameters.",
            Self::AuthenticationFailed => "Authentication failed.",
            Self::NoCacheData => "No cache data for this platform.",
            Self::MethodNotAllowed { .. } => "Method not allowed.",
            Self::Version3Ended => {
                "The Intel PCS API version 3 reached planned EOL. Accordingly, collateral from \
                 this API version cannot be retrieved any longer."
            }
            Self::NumberGone => "The TCB evaluation data number is not signed any longer.",
            Self::ContentTooLarge => "Content too large.",
            Self::QueryTooLong => "Query too long.",
            Self::TooManyAttempts => "Too many attempts.",
            Self::IntegrityFailed => "The integrity of the data can't be verified.",
            Self::PlatformUnknown => "The platform was not found in the cache.",
            Self::Internal => "Internal server error occurred.",
            Self::UpstreamFailed => "Unable to retrieve the collateral from the Intel SGX PCS.",
            Self::Unavailable => "",
        };
        text.to_owned()
    }
}

/// The page that the web framework of Intel's cache shows.
fn page(asked: &str) -> String {
    let mut escaped = String::with_capacity(asked.len());
    for character in asked.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Error</title>\n</head>\n<body>\n<pre>Cannot {escaped}</pre>\n</body>\n</html>\n"
    )
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What the client is told.
    pub reason: Reason,
    /// The cause by name.
    pub error_code: ErrorCode,
    /// The cause in words.
    pub message: Option<HeaderText>,
    /// Seconds to wait before asking again.
    pub retry_after: Option<u32>,
    /// The version that was asked; absent where the path has none.
    pub version: Option<Version>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.reason.status(), self.error_code.as_str())?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// A refusal for the usual cause of this reason.
    pub const fn new(reason: Reason) -> Self {
        Self {
            error_code: reason.usual_cause(),
            reason,
            message: None,
            retry_after: None,
            version: None,
        }
    }

    /// Nothing at this path, or nothing for this method: then `allowed` has others.
    pub(crate) fn not_found(method: &str, path: &str, allowed: &'static [Method]) -> Self {
        let asked = format!("{method} {path}").into_boxed_str();
        Self::new(if allowed.is_empty() {
            Reason::PathUnknown { asked }
        } else {
            Reason::MethodUnknown { asked, allowed }
        })
    }

    /// Parameters or body break the form, and how.
    pub(crate) fn invalid(problem: &str) -> Self {
        Self::new(Reason::InvalidRequest).because(problem)
    }

    /// The same with a name for the cause.
    #[must_use]
    pub fn coded(mut self, error_code: ErrorCode) -> Self {
        self.error_code = error_code;
        self
    }

    /// The same with the cause in words; what cannot stand in a header is replaced.
    #[must_use]
    pub fn because(mut self, message: &str) -> Self {
        self.message = Some(HeaderText::sanitised(message));
        self
    }

    /// The same with a time to wait, in seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same for a version of the interface.
    #[must_use]
    pub const fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// The status.
    pub const fn status(&self) -> Status {
        self.reason.status()
    }

    /// The refusal as it goes onto the wire.
    pub fn write(self) -> ResponseParts {
        let mut headers = Headers::new().with(header::ERROR_CODE, self.error_code.as_str());
        if let Some(message) = &self.message {
            headers.add(header::ERROR_MESSAGE, message.as_str());
        }
        if let Some(seconds) = self.retry_after {
            headers.add(header::RETRY_AFTER, seconds.to_string());
        }
        if let Reason::MethodUnknown { allowed, .. } | Reason::MethodNotAllowed { allowed } =
            &self.reason
        {
            let names: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
            headers.add(header::ALLOW, names.join(", "));
        }
        write::warn(&mut headers, self.version);
        let body = self.reason.body().into_bytes();
        if !body.is_empty() {
            headers.add(header::CONTENT_TYPE, "text/html; charset=utf-8");
        }
        if let Reason::PathUnknown { .. } | Reason::MethodUnknown { .. } = self.reason {
            headers.add("Content-Security-Policy", "default-src 'none'");
            headers.add("X-Content-Type-Options", "nosniff");
        }
        ResponseParts {
            status: self.reason.status(),
            headers,
            body,
        }
    }
}
