//! A verdict held against a baseline.

use std::borrow::Cow;

use bulla_verifier::{EvidenceFacts, ReportedTcb, TcbFacts, Verdict};

use super::collateral::{CRLS, JSON_DOCUMENTS, issued_too_early, number_too_low};
use super::tcb::{self, Terms};
use crate::baseline::{Demand, FamilyName, Floor, Number, Technology};
use crate::decision::{Finding, Reason};

pub(super) fn check(
    verdict: &Verdict,
    evidence: &EvidenceFacts,
    levels: &TcbFacts,
    demand: &Demand,
    own: Option<Terms<'_>>,
    findings: &mut Vec<Finding>,
) {
    // A verdict that is in order knows its platform; nothing is demanded of one that is not known
    // but what the default demands.
    let facts = evidence.platform.as_ref();
    let (family, ppid) = facts
        .map(|facts| (facts.fmspc, facts.ppid))
        .unwrap_or_default();
    let family = FamilyName(family);
    let technology = match evidence.body.borrow().td10() {
        Some(_) => Technology::Tdx,
        None => Technology::Sgx,
    };
    let requirement = demand.requirement(technology, &family);
    let who = format!("the baseline {}", demand.name);

    if let Number::Pinned(minimum) = requirement.number {
        let numbers = [
            levels.tcb_info_evaluation_data_number,
            levels.qe_identity_evaluation_data_number,
        ];
        for (name, actual) in JSON_DOCUMENTS.into_iter().zip(numbers) {
            if actual < minimum {
                findings.push(number_too_low(name, actual, minimum, &who));
            }
        }
    }
    if let Some(minimum) = requirement.minimum_this_update {
        for name in CRLS {
            let (reason, field) = (Reason::CrlTooOld, "thisUpdate");
            let collateral = &verdict.collateral;
            findings.extend(issued_too_early(
                collateral, name, minimum, reason, field, &who,
            ));
        }
    }
    let exceptions = demand.exceptions_for(&family, &ppid);
    let terms = Terms {
        whose: Cow::Owned(who.clone()),
        exceptions_in: "the exceptions",
        accepted: &requirement.accepted_tcb_statuses,
        allowed: exceptions.iter().collect(),
    };
    let all: Vec<Terms<'_>> = [Some(terms), own].into_iter().flatten().collect();
    tcb::check_levels(levels, verdict.at, &all, findings);
    if let (Some(floor), Some(reported)) = (&requirement.floor, ReportedTcb::of(evidence)) {
        check_floor(&reported, floor, &who, findings);
    }
}

/// Holds security versions against a floor.
pub(crate) fn check_floor(
    reported: &ReportedTcb,
    floor: &Floor,
    who: &str,
    findings: &mut Vec<Finding>,
) {
    let mut hold = |what: String, actual: u16, least: u16| {
        if actual < least {
            let message = format!(
                "{what} has the security version {actual}, and {who} asks for {least} or higher; \
                 update the platform."
            );
            findings.push(
                Finding::refusal(Reason::TcbBelowFloor, "tcb.floor", message)
                    .sides(format!("{least} or higher"), actual),
            );
        }
    };
    if let Some(least) = floor.sgx_components {
        for ((place, actual), least) in (1..).zip(reported.components).zip(least.0) {
            hold(
                format!("SGX component {place}"),
                actual.into(),
                least.into(),
            );
        }
    }
    if let Some(least) = floor.tdx_components {
        let both = [(reported.tdx, "at launch"), (reported.tdx_now, "now")];
        for (actual, when) in both
            .into_iter()
            .filter_map(|(svn, when)| Some((svn?, when)))
        {
            for ((place, actual), least) in (1..).zip(actual).zip(least.0) {
                hold(
                    format!("TDX component {place} {when}"),
                    actual.into(),
                    least.into(),
                );
            }
        }
    }
    if let Some(least) = floor.pcesvn {
        hold(
            "The provisioning certification enclave".to_owned(),
            reported.pcesvn,
            least,
        );
    }
    if let Some(least) = floor.qe_isvsvn {
        hold("The quoting enclave".to_owned(), reported.qe_isvsvn, least);
    }
}
