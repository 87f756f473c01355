//! The TCB level and the advisories open on it.

use std::collections::BTreeSet;

use bulla_collateral::TcbStatus;
use bulla_pki::Timestamp;
use bulla_verifier::{ReachedLevel, TcbFacts};

use crate::decision::{Finding, Reason, Severity};
use crate::policy::{AcceptedStatuses, AdvisoryException, Policy};

pub(super) fn check(
    levels: &TcbFacts,
    at: Timestamp,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    if is_revoked(levels) {
        findings.push(revoked());
    } else if !policy.accepted_tcb_statuses.contains(levels.status) {
        check_exceptions(levels, at, policy, findings);
    }

    check_current(levels, policy, findings);

    let open = open_advisories(levels);
    for id in policy
        .rejected_advisories
        .iter()
        .filter(|id| open.contains(id.as_str()))
    {
        let message = format!(
            "{id} is open on the platform, and the policy rejects it; {}.",
            remedy(levels.status)
        );
        findings.push(Finding::refusal(
            Reason::AdvisoryRejected,
            "tcb.advisory_ids",
            message,
        ));
    }

    if let Some(minimum) = policy.minimum_tcb_date
        && levels.date < minimum
    {
        let message = format!(
            "The TCB level of the platform dates from {}, and the policy asks for {minimum} or \
             later; {}.",
            levels.date,
            remedy(TcbStatus::OutOfDate)
        );
        findings.push(
            Finding::refusal(Reason::TcbDateTooOld, "tcb.date", message)
                .sides(format!("{minimum} or later"), levels.date),
        );
    }
}

/// A TD may have moved, after its launch, to a platform whose TCB is worse: the vendor's converged
/// status is that of the launch and does not show it.
fn check_current(levels: &TcbFacts, policy: &Policy, findings: &mut Vec<Finding>) {
    let current = levels.current_status;
    let hidden = current != levels.status && levels.status == levels.launch_status;
    let relaunch = matches!(
        levels.status,
        TcbStatus::TDRelaunchAdvised | TcbStatus::TDRelaunchAdvisedConfigurationNeeded
    );
    if !hidden
        || relaunch
        || current == TcbStatus::Revoked
        || policy.accepted_tcb_statuses.contains(current)
    {
        return;
    }
    let message = format!(
        "The TD was launched at {} and now runs on a platform that is {current}, which the policy \
         does not accept; {}.",
        levels.launch_status,
        remedy(current)
    );
    findings.push(
        Finding::refusal(Reason::TcbStatusNotAccepted, "tcb.current_status", message)
            .sides(accepted_words(policy), current),
    );
}

/// Lets a status that is not accepted pass by way of exceptions, or says what they lack.
fn check_exceptions(
    levels: &TcbFacts,
    at: Timestamp,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    let open = open_advisories(levels);
    let mut applied = Vec::new();
    let mut uncovered = Vec::new();
    for id in &open {
        match exception_for(id, at, policy) {
            Some(exception) => applied.push(excepted(exception)),
            None => uncovered.push(*id),
        }
    }
    let silent = silent_levels(levels, &policy.accepted_tcb_statuses);
    if !open.is_empty() && uncovered.is_empty() && silent.is_empty() {
        findings.append(&mut applied);
        return;
    }

    findings.push(status_not_accepted(levels, &open, &silent, policy));
    if !policy.allowed_advisories.is_empty() {
        findings.extend(
            uncovered
                .into_iter()
                .map(|id| advisory_not_accepted(id, policy)),
        );
    }
}

fn is_revoked(levels: &TcbFacts) -> bool {
    let of_levels = reached(levels).any(|(_, level)| level.status == TcbStatus::Revoked);
    of_levels
        || [levels.status, levels.launch_status, levels.current_status]
            .contains(&TcbStatus::Revoked)
}

/// The levels behind the converged status, by name.
fn reached(levels: &TcbFacts) -> impl Iterator<Item = (&'static str, &ReachedLevel)> {
    [
        ("platform", Some(&levels.platform_level)),
        ("TDX module", levels.tdx_module_level.as_ref()),
        ("quoting enclave", Some(&levels.qe_level)),
    ]
    .into_iter()
    .filter_map(|(name, level)| Some((name, level?)))
}

fn open_advisories(levels: &TcbFacts) -> BTreeSet<&str> {
    let of_levels = reached(levels).flat_map(|(_, level)| level.advisory_ids.iter());
    levels
        .advisory_ids
        .iter()
        .chain(of_levels)
        .map(AsRef::as_ref)
        .collect()
}

/// Levels that are not good enough and name no advisory that an exception could be about.
fn silent_levels(levels: &TcbFacts, accepted: &AcceptedStatuses) -> Vec<&'static str> {
    reached(levels)
        .filter(|(_, level)| {
            level.status != TcbStatus::UpToDate
                && !accepted.contains(level.status)
                && level.advisory_ids.is_empty()
        })
        .map(|(name, _)| name)
        .collect()
}

fn exception_for<'a>(id: &str, at: Timestamp, policy: &'a Policy) -> Option<&'a AdvisoryException> {
    policy
        .allowed_advisories
        .iter()
        .find(|exception| exception.id.as_str() == id && exception.in_force(at))
}

fn excepted(exception: &AdvisoryException) -> Finding {
    let message = format!(
        "{} is open on the platform and is tolerated until {}: {}",
        exception.id, exception.until, exception.reason
    );
    Finding::new(
        Severity::Note,
        Reason::ExceptionApplied,
        "tcb.advisory_ids",
        message,
    )
}

fn revoked() -> Finding {
    let message =
        "The platform is revoked, and no policy can accept it; take it out of service.".to_owned();
    Finding::refusal(Reason::TcbRevoked, "tcb.status", message)
        .sides("any status but Revoked", TcbStatus::Revoked)
}

fn accepted_words(policy: &Policy) -> String {
    let words: Vec<&str> = policy
        .accepted_tcb_statuses
        .iter()
        .map(|status| status.as_str())
        .collect();
    words.join(", ")
}

fn status_not_accepted(
    levels: &TcbFacts,
    open: &BTreeSet<&str>,
    silent: &[&str],
    policy: &Policy,
) -> Finding {
    let behind: Vec<String> = reached(levels)
        .map(|(name, level)| format!("{name} {} of {}", level.status, level.date))
        .collect();
    let advisories = match (open.is_empty(), silent.is_empty()) {
        (true, _) => "no advisory is named, so that no exception can be made".to_owned(),
        (false, true) => format!("open advisories: {}", join(open)),
        (false, false) => format!(
            "open advisories: {}, but none is named for {}, so that no exception can be made",
            join(open),
            silent.join(" and ")
        ),
    };
    let message = format!(
        "The TCB status {} is not accepted ({}; {advisories}); {}.",
        levels.status,
        behind.join(", "),
        remedy(levels.status)
    );
    Finding::refusal(Reason::TcbStatusNotAccepted, "tcb.status", message)
        .sides(accepted_words(policy), levels.status)
}

fn advisory_not_accepted(id: &str, policy: &Policy) -> Finding {
    let exceptions = policy.allowed_advisories.iter();
    let ended = exceptions
        .filter(|e| e.id.as_str() == id)
        .map(|e| e.until)
        .max();
    let why = match ended {
        Some(ended) => format!("its exception ended at {ended}"),
        None => "it has no exception in `allowed_advisories`".to_owned(),
    };
    let message = format!("{id} is open on the platform, and {why}.");
    Finding::refusal(Reason::AdvisoryNotAccepted, "tcb.advisory_ids", message)
}

/// What an operator can do about a status.
fn remedy(status: TcbStatus) -> &'static str {
    match status {
        TcbStatus::UpToDate => "change the policy if it should pass",
        TcbStatus::SWHardeningNeeded => {
            "harden the software as the advisories say, then accept the status in the policy"
        }
        TcbStatus::ConfigurationNeeded => "change the platform's settings as the advisories say",
        TcbStatus::ConfigurationAndSWHardeningNeeded => {
            "change the platform's settings and harden the software as the advisories say"
        }
        TcbStatus::OutOfDate => "update firmware, microcode and quoting enclave of the platform",
        TcbStatus::OutOfDateConfigurationNeeded => {
            "update firmware, microcode and quoting enclave of the platform, and change its \
             settings as the advisories say"
        }
        TcbStatus::TDRelaunchAdvised => "launch the TD again on the updated platform",
        TcbStatus::TDRelaunchAdvisedConfigurationNeeded => {
            "launch the TD again on the updated platform, after changing the platform's settings \
             as the advisories say"
        }
        TcbStatus::Revoked => "take the platform out of service",
    }
}

fn join(ids: &BTreeSet<&str>) -> String {
    let ids: Vec<&str> = ids.iter().copied().collect();
    ids.join(", ")
}
