//! A verdict held against a policy.

mod anchor;
pub(crate) mod baseline;
mod collateral;
mod measurement;
mod platform;
mod sgx;
pub(crate) mod tcb;
mod tdx;

use bulla_evidence::Tee;
use bulla_verifier::{EvidenceFacts, OwnedBody, Verdict, Verification};

use crate::baseline::Demand;
use crate::decision::{Decision, Finding, Reason};
use crate::policy::{AcceptedStatuses, HexBytes, Policy, SgxPolicy, TdxPolicy};
use measurement::one_of;

/// Decides whether evidence is good enough by this policy at the instant of the verdict.
///
/// A failed verification is refused with that one reason, since nothing that unproven evidence
/// says deserves a second look.
pub fn appraise(verdict: &Verdict, policy: &Policy) -> Decision {
    decide(verdict, policy, None)
}

/// The same, where a baseline is demanded besides.
///
/// The baseline's word on TCB levels takes the place of the policy's defaults: which statuses pass,
/// and which open advisories are tolerated. Where the policy has its own word on either, both bind,
/// and so does everything else that the policy asks for. `Revoked` passes under none.
pub fn appraise_under(verdict: &Verdict, policy: &Policy, demand: &Demand) -> Decision {
    decide(verdict, policy, Some(demand))
}

fn decide(verdict: &Verdict, policy: &Policy, demand: Option<&Demand>) -> Decision {
    let (Verification::Ok, Some(root), Some(evidence), Some(levels)) = (
        verdict.verification(),
        &verdict.trust_anchor,
        &verdict.evidence,
        &verdict.tcb,
    ) else {
        return Decision::new(vec![verification_failed(verdict)]);
    };

    let mut findings = Vec::new();
    anchor::check(root, policy, &mut findings);
    collateral::check(&verdict.collateral, verdict.at, policy, &mut findings);
    collateral::check_evaluation_numbers(levels, policy, &mut findings);
    let default = AcceptedStatuses::default();
    let own = || tcb::Terms::of_policy(policy, &default);
    match demand {
        None => tcb::check_levels(levels, verdict.at, &[own()], &mut findings),
        Some(demand) => {
            let own = policy.judges_levels().then(own);
            baseline::check(verdict, evidence, levels, demand, own, &mut findings);
        }
    }
    tcb::check_more(levels, policy, &mut findings);
    platform::check(evidence.platform.as_ref(), policy, &mut findings);
    check_evidence(evidence, policy, &mut findings);
    Decision::new(findings)
}

fn verification_failed(verdict: &Verdict) -> Finding {
    let mut codes: Vec<&str> = Vec::new();
    for failure in verdict.failures() {
        if !codes.contains(&failure.code.as_str()) {
            codes.push(failure.code.as_str());
        }
    }
    let causes = match codes[..] {
        [] => "the verdict is incomplete".to_owned(),
        _ => codes.join(", "),
    };
    let message = format!(
        "The evidence was not shown to be genuine ({causes}), and no policy can accept it; \
         the findings of the verification say what to do."
    );
    Finding::refusal(Reason::VerificationFailed, "verification", message).sides("ok", "failed")
}

fn check_evidence(evidence: &EvidenceFacts, policy: &Policy, findings: &mut Vec<Finding>) {
    let body = evidence.body.borrow();
    one_of(
        policy.report_data.as_ref(),
        &HexBytes(*body.report_data()),
        Reason::ReportDataMismatch,
        "report_data",
        findings,
    );
    match &evidence.body {
        OwnedBody::Sgx(report) => match (&policy.sgx, &policy.tdx) {
            (Some(demands), _) => sgx::check(report, demands, findings),
            (None, None) => sgx::check(report, &SgxPolicy::default(), findings),
            (None, Some(_)) => findings.push(technology_not_accepted(Tee::Sgx, Tee::Tdx)),
        },
        OwnedBody::Td10(_) | OwnedBody::Td15(_) | OwnedBody::Td15Ex(_) => {
            match (&policy.tdx, &policy.sgx) {
                (Some(demands), _) => tdx::check(body, demands, findings),
                (None, None) => tdx::check(body, &TdxPolicy::default(), findings),
                (None, Some(_)) => findings.push(technology_not_accepted(Tee::Tdx, Tee::Sgx)),
            }
        }
    }
}

fn technology_not_accepted(actual: Tee, expected: Tee) -> Finding {
    let (actual, expected) = (actual.as_str(), expected.as_str());
    let message = format!(
        "The evidence is of {actual}, and the policy has a table for {expected} only; \
         give it a table `[{actual}]` if such evidence should pass."
    );
    Finding::refusal(Reason::TechnologyNotAccepted, "evidence.tee", message).sides(expected, actual)
}
