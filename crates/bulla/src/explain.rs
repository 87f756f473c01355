//! Why a verdict is what it is, for people who meet attestation for the first time.

pub(crate) mod decider;
pub(crate) mod drawing;
pub(crate) mod levels;
pub(crate) mod moment;
pub(crate) mod steps;
pub(crate) mod timeline;

use bulla_verifier::PreparedCollateral;
use serde::Serialize;

use crate::describe::Fields;
use crate::judge::Outcome;
use crate::render::json::Answer;
use decider::Decider;
use levels::Shortfalls;
use moment::Moment;
use steps::Step;
use timeline::Span;

/// The whole story of one verdict.
#[derive(Serialize)]
pub(crate) struct Explanation<'a> {
    /// What a service told of an instant; absent where none was asked for more than documents.
    pub(crate) moment: Option<&'a Fields>,
    pub(crate) steps: Vec<Step>,
    /// Absent where the quote is accepted.
    pub(crate) decides: Option<Decider>,
    pub(crate) timeline: Vec<Span>,
    /// What keeps the platform from better levels; absent where no level could be asked for.
    pub(crate) shortfalls: Option<Shortfalls>,
    pub(crate) answer: Answer<'a>,
}

impl<'a> Explanation<'a> {
    pub(crate) fn of(
        outcome: &'a Outcome,
        collateral: &PreparedCollateral,
        moment: Option<&'a Moment>,
    ) -> Self {
        let steps = steps::of(&outcome.verdict);
        Self {
            moment: moment.map(|moment| &moment.told),
            decides: decider::of(outcome, &steps, collateral),
            steps,
            timeline: timeline::of(&outcome.verdict),
            shortfalls: levels::of(&outcome.verdict, collateral),
            answer: Answer::from(outcome),
        }
    }
}
