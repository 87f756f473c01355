//! What decides against a quote, and what would raise its platform to what is demanded.

use std::sync::Arc;

use bulla_appraisal::Demand;
use bulla_appraisal::baseline::FamilyName;
use bulla_appraisal::baseline::preview::{
    Outcome as Foreseen, Platform, Preview, Shortfall, Target,
};
use bulla_verifier::{PreparedCollateral, ReportedTcb, Verdict};
use serde::Serialize;

use crate::explain::steps::{Link, Step};
use crate::judge::{Outcome, technology};

/// The first reason of a refusal, and the parts that are too low for what is demanded.
#[derive(Debug, Serialize)]
pub(crate) struct Decider {
    /// The link of the chain that broke first; absent where the chain holds, and what is demanded
    /// decides.
    pub(crate) link: Option<Link>,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The parts that are too low, the one that decides first. Empty where the level is not what is
    /// refused, and where no update leads to one that passes.
    pub(crate) short: Vec<Shortfall>,
    /// The open advisories that raising them closes.
    pub(crate) closes: Vec<String>,
}

/// What decides; absent where the quote is accepted.
pub(crate) fn of(
    outcome: &Outcome,
    steps: &[Step],
    collateral: &PreparedCollateral,
) -> Option<Decider> {
    let broken = steps.iter().find(|step| step.held == Some(false));
    let (code, message) = match broken.and_then(|step| step.failures.first()) {
        Some(failure) => (failure.code.to_owned(), failure.message.clone()),
        None => {
            let findings = outcome.findings();
            let first = findings.into_iter().find(|finding| finding.refuses())?;
            (first.code.to_owned(), first.message)
        }
    };
    let link = broken.map(|step| step.link);
    let is_of_the_level = match link {
        Some(link) => link == Link::TcbLevel,
        None => outcome.refuses_the_level(),
    };
    let way = is_of_the_level.then(|| {
        let mut demands = outcome.demands().into_iter();
        demands.find_map(|demand| way(&demand, &outcome.verdict, collateral))
    });
    let (short, closes) = way.flatten().unwrap_or_default();
    Some(Decider {
        link,
        code,
        message,
        short,
        closes,
    })
}

/// What is short of a demand, and what is closed by raising it; absent where the demand is met or
/// nobody can say.
fn way(
    demand: &Demand,
    verdict: &Verdict,
    collateral: &PreparedCollateral,
) -> Option<(Vec<Shortfall>, Vec<String>)> {
    let evidence = verdict.evidence.as_ref()?;
    let facts = evidence.platform.as_ref()?;
    let platform = Platform {
        technology: technology(evidence),
        family: FamilyName(facts.fmspc),
        ppid: Some(facts.ppid),
        reported: ReportedTcb::of(evidence),
    };
    let target = Target {
        tcb_info: Arc::new(collateral.tcb_info()?.clone()),
        identity: Arc::new(collateral.qe_identity()?.clone()),
    };
    let mut preview = Preview::new(demand, verdict.at);
    preview.target(platform.technology, platform.family, target);
    match &*preview.judge(&platform) {
        Foreseen::FallsOut(falls) => Some((falls.short.clone(), falls.closes.clone())),
        Foreseen::Passes(_) | Foreseen::Unknown { .. } => None,
    }
}
