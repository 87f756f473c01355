//! Why a plan cannot be.

use std::fmt;

use serde::Serialize;

/// One thing in a plan that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The stable name of the reason.
    pub code: &'static str,
    /// On what, for example `rollouts.prod-20`.
    pub subject: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Refusal {
    /// A reason of this name, on this.
    pub fn new(code: &'static str, subject: impl Into<String>, message: String) -> Self {
        Self {
            code,
            subject: subject.into(),
            message,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.subject, self.message)
    }
}

/// All that cannot be; at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refused(Vec<Refusal>);

impl Refused {
    pub(super) fn one(refusal: Refusal) -> Self {
        Self(vec![refusal])
    }

    /// An error where there is any reason.
    pub fn all(refusals: Vec<Refusal>) -> Result<(), Self> {
        match refusals.is_empty() {
            true => Ok(()),
            false => Err(Self(refusals)),
        }
    }

    /// The reasons, in the order of the plan.
    pub fn refusals(&self) -> &[Refusal] {
        &self.0
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refusal) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{refusal}")?;
        }
        Ok(())
    }
}
