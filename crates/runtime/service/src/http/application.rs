//! What is asked and what is answered, apart from sockets.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Uri};

use super::body::RequestBody;
use super::connection::Connection;
use super::request_id::{REQUEST_ID, RequestId};

/// Answers what is asked.
pub trait Application: Send + Sync + 'static {
    /// Answers one request. The future may be dropped before it is done, when the client goes away
    /// or the server stops: what must be finished is for a task of its own.
    fn respond(&self, asked: Asked) -> impl Future<Output = Reply> + Send;

    /// Marks every answer, also those that are given before an application is asked.
    fn mark(&self, _headers: &mut HeaderMap) {}
}

/// A request whose body has not been read yet.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The target, not decoded and not normalised: see [`Self::path`] and [`Self::query`].
    pub target: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: RequestBody,
    /// Who asks, and where.
    pub connection: Arc<Connection>,
    /// The name of this exchange. It is in the answer without further ado.
    pub request_id: RequestId,
}

impl Asked {
    /// The path as it was received, still percent-encoded.
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// The query as it was received, still percent-encoded, without the question mark; empty where
    /// there is none.
    pub fn query(&self) -> &str {
        self.target.query().unwrap_or_default()
    }
}

/// An answer. `Content-Length`, `Date` and `Request-ID` are added to it; for `HEAD` the body stays
/// behind, and its length is told.
///
/// Headers that are kept ready, to be cloned for each answer, are best made by
/// [`prepared`](Self::prepared).
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers but those that are added.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Which route answered, for log and metrics: a name of the program, never of the client.
    pub route: &'static str,
    /// What came of it, for log and metrics, in a word of the program; empty where the status says
    /// it all.
    pub outcome: &'static str,
}

impl Reply {
    /// An answer without headers and body.
    pub fn new(route: &'static str, status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            route,
            outcome: "",
        }
    }

    /// The headers with a place for the one that is added to each answer, so that a clone of them
    /// need not grow.
    #[must_use]
    pub fn prepared(mut headers: HeaderMap) -> HeaderMap {
        headers.insert(REQUEST_ID, HeaderValue::from_static(""));
        headers
    }

    /// The same with this header set, instead of any of its name.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with this outcome.
    #[must_use]
    pub fn with_outcome(mut self, outcome: &'static str) -> Self {
        self.outcome = outcome;
        self
    }
}
