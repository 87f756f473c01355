//! Why a request cannot be read, and why an answer cannot.

use crate::value::{HeaderText, ValueError, Word};
use crate::wire::{Method, Status};

use super::Refusal;

/// The vendor's name for the reason of a refusal, as it stands in `Error-Code`.
///
/// The vendor may add names; those that are described stand here as constants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(Word);

impl ErrorCode {
    /// The request breaks the form of the interface.
    pub const INVALID_REQUEST_SYNTAX: Self = Self(Word::known("InvalidRequestSyntax"));
    /// A package of the platform is not genuine, or was revoked.
    pub const INVALID_OR_REVOKED_PACKAGE: Self = Self(Word::known("InvalidOrRevokedPackage"));
    /// A package of the platform is not known.
    pub const PACKAGE_NOT_FOUND: Self = Self(Word::known("PackageNotFound"));
    /// The manifest was made for another registration service.
    pub const INVALID_REGISTRATION_SERVER: Self = Self(Word::known("InvalidRegistrationServer"));
    /// A package does not go with the others of the platform.
    pub const INCOMPATIBLE_PACKAGE: Self = Self(Word::known("IncompatiblePackage"));
    /// The manifest cannot be read, or its signature fails.
    pub const INVALID_PLATFORM_MANIFEST: Self = Self(Word::known("InvalidPlatformManifest"));
    /// The platform has registered in the other way, in which its keys are not kept.
    pub const CACHED_KEYS_POLICY_VIOLATION: Self = Self(Word::known("CachedKeysPolicyViolation"));
    /// No platform of this id has registered.
    pub const PLATFORM_NOT_FOUND: Self = Self(Word::known("PlatformNotFound"));
    /// The request to add a package cannot be read, or its signature fails.
    pub const INVALID_ADD_REQUEST: Self = Self(Word::known("InvalidAddRequest"));

    /// A name that another dialect has.
    pub(crate) const fn known(text: &'static str) -> Self {
        Self(Word::known(text))
    }

    /// A name that the vendor may have given: letters, digits and `-_`, at most 64.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        Word::read(text, "the names of errors").map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Why something is no request that this service knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There is nothing at this path.
    #[error("this service has no such path")]
    PathUnknown,
    /// The path does not know the method.
    #[error("this path knows {}", names(allowed))]
    MethodNotAllowed {
        /// The methods that it knows.
        allowed: &'static [Method],
    },
    /// The query is longer than [`super::MAX_QUERY_SIZE`].
    #[error("the query has {size} bytes (at most {limit})")]
    QueryTooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// The body is longer than [`super::MAX_REQUEST_BODY_SIZE`].
    #[error("the body has {size} bytes (at most {limit})")]
    BodyTooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// The query is not percent-encoded.
    #[error("the query: {0}")]
    Query(crate::percent::PercentError),
    /// A parameter is missing that must be there.
    #[error("the parameter {name} is missing")]
    ParameterMissing {
        /// Name of the parameter, of the query or of the JSON body.
        name: &'static str,
    },
    /// A parameter stands twice, so that what is meant is not clear.
    #[error("the parameter {name} stands twice")]
    ParameterRepeated {
        /// Name of the parameter.
        name: &'static str,
    },
    /// A parameter or header has a value that it cannot have.
    #[error("{name}: {problem}")]
    Value {
        /// Name of the parameter or header.
        name: &'static str,
        /// What is wrong with its value.
        problem: ValueError,
    },
    /// Both of two selectors are there, of which one can be.
    #[error("update and tcbEvaluationDataNumber exclude each other")]
    SelectorsTogether,
    /// The body of a registration is of another media type.
    #[error("the body must be {expected}")]
    MediaType {
        /// The media type that is read.
        expected: &'static str,
    },
    /// The body is not the JSON object that it must be.
    #[error("the body is not the JSON object that is expected: {reason}")]
    Json {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The body is empty, where there must be one.
    #[error("the body is empty")]
    BodyMissing,
    /// The subscription key is missing, or is empty.
    #[error("Ocp-Apim-Subscription-Key is {0}")]
    SubscriptionKey(
        /// `missing` or `empty`.
        &'static str,
    ),
}

impl RequestError {
    /// The status with which the service answers.
    pub const fn status(&self) -> Status {
        match self {
            Self::PathUnknown => Status::NOT_FOUND,
            Self::MethodNotAllowed { .. } => Status::METHOD_NOT_ALLOWED,
            Self::QueryTooLong { .. } => Status::URI_TOO_LONG,
            Self::BodyTooLong { .. } => Status::CONTENT_TOO_LARGE,
            Self::MediaType { .. } => Status::UNSUPPORTED_MEDIA_TYPE,
            Self::SubscriptionKey(_) => Status::UNAUTHORIZED,
            _ => Status::BAD_REQUEST,
        }
    }

    /// The answer that says so.
    pub fn refusal(&self) -> Refusal {
        let status = self.status();
        let mut refusal = Refusal::new(status).because(HeaderText::sanitised(&self.to_string()));
        if status == Status::BAD_REQUEST {
            refusal.error_code = Some(ErrorCode::INVALID_REQUEST_SYNTAX);
        }
        if let Self::MethodNotAllowed { allowed } = self {
            refusal.allow = allowed.to_vec();
        }
        refusal
    }
}

/// The names of methods as `Allow` has them.
pub(super) fn names(methods: &[Method]) -> String {
    let names: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    names.join(", ")
}

/// Why something is no answer to the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The body is longer than [`super::MAX_RESPONSE_BODY_SIZE`].
    #[error("the body of the answer has {size} bytes (at most {limit})")]
    BodyTooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// A status that says success, but not the one that this request is answered with.
    #[error("the status is {actual}, {expected} was expected")]
    Status {
        /// The status that goes with the request.
        expected: Status,
        /// The status found.
        actual: Status,
    },
    /// The body is of another media type, as where a proxy answers in the vendor's place.
    #[error("the body is not {expected}")]
    MediaType {
        /// The media type that goes with the request.
        expected: &'static str,
    },
    /// A header is missing that must be there.
    #[error("the header {name} is missing")]
    HeaderMissing {
        /// Name of the header.
        name: &'static str,
    },
    /// A header has a value that it cannot have.
    #[error("{name}: {problem}")]
    Header {
        /// Name of the header.
        name: &'static str,
        /// What is wrong with its value.
        problem: ValueError,
    },
    /// The body is not what it must be.
    #[error("the body: {0}")]
    Body(ValueError),
    /// The body is not the JSON that it must be.
    #[error("the body is not the JSON that is expected: {reason}")]
    Json {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The body is empty, where there must be one.
    #[error("the body is empty")]
    BodyMissing,
}
