//! A whole response: what was answered or why not, and what every response carries.

use crate::value::{HeaderText, RequestId};
use crate::wire::{Headers, Method, ResponseParts, Status, header};

use super::{Answer, ErrorCode, Request, ResponseError, error};

/// A response of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "parts are given by the interface"
)]
pub struct Response {
    /// Name of this exchange. The vendor gives one with every response; absent where something
    /// between sent none, or none that can be read.
    pub request_id: Option<RequestId>,
    /// What the vendor wants the client's operator to know (`Warning`).
    pub warning: Option<HeaderText>,
    /// What was answered, or why nothing was.
    pub outcome: Result<Answer, Refusal>,
}

/// Why a request was not carried out. The body of a refusal means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    status: Status,
    /// The vendor's name for the reason; with 400 only, and not with every one.
    pub error_code: Option<ErrorCode>,
    /// The reason in words.
    pub message: Option<HeaderText>,
    /// Seconds to wait before asking again. The other form of the header, a date, is not described
    /// and reads as absent.
    pub retry_after: Option<u32>,
    /// The methods that the path knows, with 405; empty otherwise.
    pub allow: Vec<Method>,
}

impl Refusal {
    /// A refusal without a reason. A status that says success becomes 500, so that no refusal
    /// passes for an answer.
    pub const fn new(status: Status) -> Self {
        Self {
            status: if status.is_success() {
                Status::INTERNAL_SERVER_ERROR
            } else {
                status
            },
            error_code: None,
            message: None,
            retry_after: None,
            allow: Vec::new(),
        }
    }

    /// Any status but 200 to 299.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The same with a reason in words.
    #[must_use]
    pub fn because(mut self, message: HeaderText) -> Self {
        self.message = Some(message);
        self
    }

    /// The same with the vendor's name for the reason.
    #[must_use]
    pub fn coded(mut self, error_code: ErrorCode) -> Self {
        self.error_code = Some(error_code);
        self
    }

    /// The same with a time to wait, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    fn write(self) -> ResponseParts {
        let mut headers = Headers::new();
        if let Some(code) = &self.error_code {
            headers.add(header::ERROR_CODE, code.as_str());
        }
        if let Some(message) = &self.message {
            headers.add(header::ERROR_MESSAGE, message.as_str());
        }
        if let Some(seconds) = self.retry_after {
            headers.add(header::RETRY_AFTER, seconds.to_string());
        }
        if !self.allow.is_empty() {
            headers.add(header::ALLOW, error::names(&self.allow));
        }
        ResponseParts {
            status: self.status,
            headers,
            body: Vec::new(),
        }
    }

    /// Whoever refuses may be a proxy: what cannot be read of a refusal is left out.
    pub(crate) fn read(parts: &ResponseParts) -> Self {
        let text = |name| parts.headers.find(name);
        let methods = text(header::ALLOW).unwrap_or_default();
        let known = |name: &str| {
            [Method::Get, Method::Post]
                .into_iter()
                .find(|method| method.as_str() == name.trim())
        };
        Self {
            status: parts.status,
            error_code: text(header::ERROR_CODE).and_then(|text| ErrorCode::new(text).ok()),
            message: text(header::ERROR_MESSAGE).and_then(readable),
            retry_after: text(header::RETRY_AFTER).and_then(|text| text.trim().parse().ok()),
            allow: methods.split(',').filter_map(known).collect(),
        }
    }
}

impl Response {
    /// The response as it goes onto the wire.
    pub fn write(self) -> ResponseParts {
        let mut parts = match self.outcome {
            Ok(answer) => answer.write(),
            Err(refusal) => refusal.write(),
        };
        if let Some(request_id) = self.request_id {
            parts
                .headers
                .add(header::REQUEST_ID, request_id.to_string());
        }
        if let Some(warning) = self.warning {
            parts.headers.add(header::WARNING, warning.as_str());
        }
        parts
    }

    /// Reads the response to a request as it came from the wire.
    ///
    /// A refusal of the service is no error but an outcome; an error is what cannot be an answer
    /// to this request.
    pub fn read(request: &Request, parts: ResponseParts) -> Result<Self, ResponseError> {
        let text = |name| parts.headers.find(name);
        Ok(Self {
            request_id: text(header::REQUEST_ID).and_then(|text| text.trim().parse().ok()),
            warning: text(header::WARNING).and_then(readable),
            outcome: if parts.status.is_success() {
                Ok(Answer::read(request, parts)?)
            } else {
                Err(Refusal::read(&parts))
            },
        })
    }
}

/// Text for people, as far as there is any.
fn readable(text: &str) -> Option<HeaderText> {
    (!text.trim().is_empty()).then(|| HeaderText::sanitised(text))
}
