//! Why something cannot be kept.

use std::fmt;

use crate::finding::{Code, Finding, Findings, Severity};

/// Why something cannot be kept.
#[derive(Clone, Debug)]
pub struct Refusal {
    findings: Vec<Finding>,
}

impl Refusal {
    pub(super) fn new(findings: Findings) -> Self {
        Self {
            findings: findings.into_list(),
        }
    }

    /// Everything that is wrong, in the order of the checks; at least one finding.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The stable name of the first reason.
    pub fn code(&self) -> Code {
        self.failures()
            .next()
            .map_or(Code::DocumentMalformed, |finding| finding.code)
    }

    fn failures(&self) -> impl Iterator<Item = &Finding> {
        let is_failure = |finding: &&Finding| finding.severity == Severity::Failure;
        self.findings.iter().filter(is_failure)
    }
}

/// The first reason, with both sides where there are two, and how many more there are.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut failures = self.failures();
        let Some(first) = failures.next() else {
            return f.write_str("The document cannot be kept.");
        };
        write!(f, "{} ({})", first.message, first.subject)?;
        if let (Some(expected), Some(actual)) = (&first.expected, &first.actual) {
            write!(f, " Expected {expected}, found {actual}.")?;
        }
        match failures.count() {
            0 => Ok(()),
            more => write!(f, " And {more} more."),
        }
    }
}

impl std::error::Error for Refusal {}
