//! What the gate decided of late, with its reasons, for the operator. Nothing of it is told to
//! clients; it is gone with the process, and what was released stands in the audit.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bulla_pki::Timestamp;
use serde::Serialize;

/// How many decisions are remembered: some 500 bytes each.
const MOST: usize = 1_000;

/// Most bytes of a reason: a finding has some 300.
const LONGEST_REASON: usize = 1_024;

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Decided {
    /// When.
    pub(crate) at: String,
    /// The name of the exchange, as in log and answer.
    pub(crate) request_id: String,
    /// `attest` or `release`.
    pub(crate) action: &'static str,
    /// `accepted`, `released` or `refused`.
    pub(crate) outcome: &'static str,
    /// The first reason's stable name; absent where nothing was refused.
    pub(crate) code: Option<String>,
    /// What was the matter; absent where nothing was refused.
    pub(crate) reason: Option<String>,
    /// The policy that was named, if that could be read.
    pub(crate) policy: Option<String>,
    /// The secret that was named, if that could be read.
    pub(crate) secret: Option<String>,
    /// SHA-256 of the PPID of a platform that was shown to be genuine.
    pub(crate) platform: Option<String>,
}

impl Decided {
    /// A decision of which nothing is known yet but what was asked.
    pub(super) fn new(action: &'static str, request_id: String, at: Timestamp) -> Self {
        Self {
            at: at.to_string(),
            request_id,
            action,
            outcome: "refused",
            code: None,
            reason: None,
            policy: None,
            secret: None,
            platform: None,
        }
    }
}

/// A text that is no longer than a reason may be.
fn shortened(mut text: String) -> String {
    while text.len() > LONGEST_REASON {
        text.pop();
    }
    text
}

/// The latest decisions.
#[derive(Debug, Default)]
pub(super) struct Decisions(Mutex<VecDeque<Decided>>);

impl Decisions {
    /// Notes a decision, in the log too.
    pub(super) fn note(&self, mut decided: Decided) {
        decided.reason = decided.reason.map(shortened);
        tracing::info!(
            request_id = decided.request_id,
            action = decided.action,
            outcome = decided.outcome,
            code = decided.code.as_deref(),
            reason = decided.reason.as_deref(),
            policy = decided.policy.as_deref(),
            secret = decided.secret.as_deref(),
            platform = decided.platform.as_deref(),
            "the gate decided"
        );
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(decided);
    }

    /// The latest, the last one first.
    pub(super) fn latest(&self, most: usize) -> Vec<Decided> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().rev().take(most).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_come_first_and_are_bounded() {
        let decisions = Decisions::default();
        for number in 0..MOST + 5 {
            let at = Timestamp::from_unix_seconds(0).unwrap();
            let mut decided = Decided::new("attest", number.to_string(), at);
            decided.reason = Some("å".repeat(LONGEST_REASON));
            decisions.note(decided);
        }
        let latest = decisions.latest(2);
        assert_eq!(latest[0].request_id, (MOST + 4).to_string());
        assert_eq!(latest[1].request_id, (MOST + 3).to_string());
        assert_eq!(latest[0].reason.as_ref().unwrap().len(), LONGEST_REASON);
        assert_eq!(decisions.latest(usize::MAX).len(), MOST);
    }
}
