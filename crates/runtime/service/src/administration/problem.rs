//! Why a request is not carried out, as the grammar of problems has it.

use bulla_appraisal::baseline::Refusal;
use bulla_protocol::gate::RefusalFinding;
use bulla_protocol::problem::{self, Code};
use bulla_protocol::wire::Status;
use bulla_store::StoreError;
use serde_json::{Value, json};

use crate::dialects::written;
use crate::http::{Reply, StatusCode};
use crate::keeper::{Absent, COME_AGAIN};

/// A problem on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem {
    problem: Box<problem::Problem>,
    /// The member `findings`; there is none where this is empty.
    findings: Vec<RefusalFinding>,
    /// The member `refusals`; there is none where this is empty.
    refusals: Vec<Refusal>,
}

impl Problem {
    /// A problem with a name and a title that stay the same.
    pub(crate) fn new(status: Status, code: &'static str, title: &'static str) -> Self {
        Self::of(status, Code::known(code), title)
    }

    /// The same, where the name is one that the protocol has.
    pub(crate) fn of(status: Status, code: Code, title: &'static str) -> Self {
        Self {
            problem: Box::new(problem::Problem::new(status, code, title)),
            findings: Vec::new(),
            refusals: Vec::new(),
        }
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
        Self {
            problem: Box::new(self.problem.detail(detail)),
            ..self
        }
    }

    /// The same with a time to wait, in seconds.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self {
            problem: Box::new(self.problem.retry_after(seconds)),
            ..self
        }
    }

    /// The same with what was found of evidence.
    #[must_use]
    pub(crate) fn found(self, findings: Vec<RefusalFinding>) -> Self {
        Self { findings, ..self }
    }

    /// The same with what cannot be decided.
    #[must_use]
    pub(crate) fn refused(self, refusals: &[Refusal]) -> Self {
        let refusals = refusals.to_vec();
        Self { refusals, ..self }
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        let status = StatusCode::from_u16(self.problem.status().number());
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What is the matter, in words that stay the same.
    pub(crate) fn title(&self) -> &str {
        &self.problem.title
    }

    /// What is the matter in this case; absent where the title says it all.
    pub(crate) fn detail(&self) -> Option<&str> {
        self.problem.detail.as_deref()
    }

    /// For how long to wait, in seconds; absent where time is no remedy.
    pub(crate) fn wait(&self) -> Option<u32> {
        self.problem.retry_after
    }

    /// The name of the problem.
    pub(crate) fn code(&self) -> &str {
        self.problem.code.as_str()
    }

    /// What is the matter, for the operator.
    pub(crate) fn reason(&self) -> String {
        let detail = || self.problem.detail.clone();
        let first = self.findings.first().map(|first| first.message.clone());
        first
            .or_else(detail)
            .unwrap_or_else(|| self.problem.title.to_string())
    }

    /// The first of what was found of evidence.
    pub(crate) fn first_finding(&self) -> Option<&str> {
        self.findings.first().map(|first| first.code.as_str())
    }

    /// On the wire.
    pub(crate) fn reply(self) -> Reply {
        let mut parts = self.problem.write();
        // A problem has members of its own beside those of every problem (RFC 9457, 3.2).
        let own = [
            ("findings", !self.findings.is_empty(), json!(self.findings)),
            ("refusals", !self.refusals.is_empty(), json!(self.refusals)),
        ];
        let own = own.into_iter().filter(|(_, is_there, _)| *is_there);
        if let Ok(Value::Object(mut body)) = serde_json::from_slice(&parts.body) {
            body.extend(own.map(|(name, _, value)| (name.to_owned(), value)));
            parts.body = Value::Object(body).to_string().into_bytes();
        }
        written("", parts)
    }
}

impl From<StoreError> for Problem {
    /// What the disk says is for the operator, who has it in the log.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store does not answer");
        let title = "The store does not answer.";
        if let StoreError::Unreachable { .. } = error {
            return Self::new(Status::SERVICE_UNAVAILABLE, "store-out-of-reach", title)
                .retry_after(COME_AGAIN);
        }
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
