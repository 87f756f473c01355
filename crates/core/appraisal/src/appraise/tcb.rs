//! The TCB level and the advisories open on it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bulla_collateral::TcbStatus;
use bulla_pki::Timestamp;
use bulla_verifier::{ReachedLevel, TcbFacts};

use crate::decision::{Finding, Reason};
use crate::policy::{AcceptedStatuses, AdvisoryException, Policy};

/// Which levels pass, and by whose word.
pub(crate) struct Terms<'a> {
    /// `the policy` or `the baseline NAME`.
    pub(crate) whose: Cow<'static, str>,
    /// Where its exceptions stand, for messages.
    pub(crate) exceptions_in: &'static str,
    /// The statuses that pass.
    pub(crate) accepted: &'a AcceptedStatuses,
    /// Exceptions for advisories, ended ones included.
    pub(crate) allowed: Vec<&'a AdvisoryException>,
}

impl<'a> Terms<'a> {
    /// Those of a policy.
    pub(super) fn of_policy(policy: &'a Policy, default: &'a AcceptedStatuses) -> Self {
        Self {
            whose: Cow::Borrowed("the policy"),
            exceptions_in: "`allowed_advisories`",
            accepted: policy.accepted_tcb_statuses.as_ref().unwrap_or(default),
            allowed: policy.allowed_advisories.iter().collect(),
        }
    }
}

/// Holds the levels against all of these terms, each of which binds.
pub(crate) fn check_levels(
    levels: &TcbFacts,
    at: Timestamp,
    all: &[Terms<'_>],
    findings: &mut Vec<Finding>,
) {
    if is_revoked(levels) {
        findings.push(revoked());
    }
    for terms in all {
        if !is_revoked(levels) && !terms.accepted.contains(levels.status) {
            check_exceptions(levels, at, terms, findings);
        }
        check_current(levels, terms, findings);
    }
}

/// What only a policy can ask for.
pub(super) fn check_more(levels: &TcbFacts, policy: &Policy, findings: &mut Vec<Finding>) {
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
fn check_current(levels: &TcbFacts, terms: &Terms<'_>, findings: &mut Vec<Finding>) {
    let current = levels.current_status;
    let hidden = current != levels.status && levels.status == levels.launch_status;
    let relaunch = matches!(
        levels.status,
        TcbStatus::TDRelaunchAdvised | TcbStatus::TDRelaunchAdvisedConfigurationNeeded
    );
    if !hidden || relaunch || current == TcbStatus::Revoked || terms.accepted.contains(current) {
        return;
    }
    let message = format!(
        "The TD was launched at {} and now runs on a platform that is {current}, which {} \
         does not accept; {}.",
        levels.launch_status,
        terms.whose,
        remedy(current)
    );
    findings.push(
        Finding::refusal(Reason::TcbStatusNotAccepted, "tcb.current_status", message)
            .sides(accepted_words(terms), current),
    );
}

/// Lets a status that is not accepted pass by way of exceptions, or says what they lack.
fn check_exceptions(
    levels: &TcbFacts,
    at: Timestamp,
    terms: &Terms<'_>,
    findings: &mut Vec<Finding>,
) {
    let open = open_advisories(levels);
    let mut applied = Vec::new();
    let mut uncovered = Vec::new();
    for id in &open {
        match exception_for(id, at, terms) {
            Some(exception) => applied.push(excepted(exception)),
            None => uncovered.push(*id),
        }
    }
    let silent = silent_levels(levels, terms.accepted);
    if !open.is_empty() && uncovered.is_empty() && silent.is_empty() {
        findings.append(&mut applied);
        return;
    }

    findings.push(status_not_accepted(levels, &open, &silent, terms));
    if !terms.allowed.is_empty() {
        findings.extend(
            uncovered
                .into_iter()
                .map(|id| advisory_not_accepted(id, terms)),
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

/// Of several the one that ends last.
fn exception_for<'a>(id: &str, at: Timestamp, terms: &Terms<'a>) -> Option<&'a AdvisoryException> {
    let allowed = terms.allowed.iter().copied();
    allowed
        .filter(|exception| exception.id.as_str() == id && exception.in_force(at))
        .max_by_key(|exception| exception.until)
}

fn excepted(exception: &AdvisoryException) -> Finding {
    let message = format!(
        "{} is open on the platform and is tolerated until {}: {}",
        exception.id, exception.until, exception.reason
    );
    Finding::excepted("tcb.advisory_ids", message, exception.until)
}

fn revoked() -> Finding {
    let message =
        "The platform is revoked, and no policy can accept it; take it out of service.".to_owned();
    Finding::refusal(Reason::TcbRevoked, "tcb.status", message)
        .sides("any status but Revoked", TcbStatus::Revoked)
}

fn accepted_words(terms: &Terms<'_>) -> String {
    let words: Vec<&str> = terms
        .accepted
        .iter()
        .map(|status| status.as_str())
        .collect();
    words.join(", ")
}

fn status_not_accepted(
    levels: &TcbFacts,
    open: &BTreeSet<&str>,
    silent: &[&str],
    terms: &Terms<'_>,
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
        "The TCB status {} is not accepted by {} ({}; {advisories}); {}.",
        levels.status,
        terms.whose,
        behind.join(", "),
        remedy(levels.status)
    );
    Finding::refusal(Reason::TcbStatusNotAccepted, "tcb.status", message)
        .sides(accepted_words(terms), levels.status)
}

fn advisory_not_accepted(id: &str, terms: &Terms<'_>) -> Finding {
    let exceptions = terms.allowed.iter();
    let ended = exceptions
        .filter(|e| e.id.as_str() == id)
        .map(|e| e.until)
        .max();
    let why = match ended {
        Some(ended) => format!("its exception ended at {ended}"),
        None => format!("it has no exception in {}", terms.exceptions_in),
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
