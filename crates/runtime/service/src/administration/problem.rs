//! Why a request is not carried out, as the grammar of problems has it.

use bulla_protocol::problem::{self, Code};
use bulla_protocol::wire::Status;
use bulla_store::StoreError;

use crate::dialects::written;
use crate::http::Reply;
use crate::keeper::Absent;

/// A problem on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem(problem::Problem);

impl Problem {
    /// A problem with a name and a title that stay the same.
    pub(crate) fn new(status: Status, code: &'static str, title: &'static str) -> Self {
        Self(problem::Problem::new(status, Code::known(code), title))
    }

    /// A parameter or a body that cannot be.
    pub(crate) fn bad_request(detail: &str) -> Self {
        let title = "The request cannot be understood.";
        Self::new(Status::BAD_REQUEST, "invalid-request", title).because(detail)
    }

    /// Nothing of the name.
    pub(crate) fn not_found(detail: &str) -> Self {
        let title = "There is nothing of this name.";
        Self::new(Status::NOT_FOUND, "not-found", title).because(detail)
    }

    /// The same with what is the matter in this case.
    #[must_use]
    pub(crate) fn because(self, detail: &str) -> Self {
        Self(self.0.detail(detail))
    }

    /// The same with a time to wait, in seconds.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self(self.0.retry_after(seconds))
    }

    /// On the wire.
    pub(crate) fn reply(self) -> Reply {
        written("", self.0.write())
    }
}

impl From<StoreError> for Problem {
    /// What the disk says is for the operator, who has it in the log.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store does not answer");
        let title = "The store does not answer.";
        Self::new(Status::INTERNAL_SERVER_ERROR, "store-unavailable", title)
    }
}

impl From<&Absent> for Problem {
    fn from(absent: &Absent) -> Self {
        let (status, code, title, wait) = match absent {
            Absent::Missing(_) => (
                Status::NOT_FOUND,
                "collateral-missing",
                "There is no such document.",
                None,
            ),
            Absent::Gone(_) => (
                Status::GONE,
                "collateral-gone",
                "The vendor no longer signs this document.",
                None,
            ),
            Absent::Expired { retry_after, .. } => (
                Status::SERVICE_UNAVAILABLE,
                "collateral-expired",
                "The document has ended, and no later issue could be had.",
                Some(*retry_after),
            ),
            Absent::Unavailable { retry_after, .. } => (
                Status::SERVICE_UNAVAILABLE,
                "collateral-unavailable",
                "The document cannot be had at present.",
                Some(*retry_after),
            ),
        };
        let problem = Self::new(status, code, title).because(&absent.to_string());
        match wait {
            Some(seconds) => problem.retry_after(seconds),
            None => problem,
        }
    }
}
