//! What is demanded of evidence now, and which collateral shows whether it is met.
//!
//! Until there are baselines every policy is held against what the vendor enforces.

use bulla_appraisal::{Decision, Policy, appraise};
use bulla_collateral::Selector;
use bulla_verifier::Verdict;

use crate::want::Choice;

/// What is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// Which TCB info and identity the evidence is judged by.
    pub(super) choice: Choice,
}

impl Demand {
    /// What is demanded of everybody.
    pub(super) fn present() -> Self {
        Self {
            choice: Choice::Selected(Selector::Standard),
        }
    }
}

/// Whether evidence is good enough under a policy and what is demanded.
pub(super) fn appraise_for(verdict: &Verdict, policy: &Policy, _demand: &Demand) -> Decision {
    appraise(verdict, policy)
}
