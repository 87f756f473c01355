//! The age of the collateral.

use bulla_pki::Timestamp;
use bulla_verifier::{CollateralFacts, DocumentFacts, TcbFacts};

use crate::decision::{Finding, Reason};
use crate::policy::{ExpiryException, Policy};

pub(super) const JSON_DOCUMENTS: [&str; 2] = ["tcb_info", "qe_identity"];
pub(super) const CRLS: [&str; 2] = ["pck_crl", "root_ca_crl"];

pub(super) fn check(
    collateral: &CollateralFacts,
    at: Timestamp,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    for document in &collateral.documents {
        check_window(document, at, policy, findings);
    }
    // Listed as expired, and no window shows it: nothing to hold an exception against.
    for name in &collateral.expired {
        let mut documents = collateral.documents.iter().filter(|d| d.name == *name);
        if !documents.any(|document| !document.window.contains(at)) {
            let message = format!("{name} is outside a window that is not known; fetch it anew.");
            findings.push(Finding::refusal(
                Reason::CollateralExpired,
                subject(name),
                message,
            ));
        }
    }

    let minima = [
        (
            policy.minimum_issue_date,
            JSON_DOCUMENTS,
            Reason::DocumentTooOld,
            "issueDate",
        ),
        (
            policy.minimum_crl_this_update,
            CRLS,
            Reason::CrlTooOld,
            "thisUpdate",
        ),
    ];
    for (minimum, names, reason, field) in minima {
        let Some(minimum) = minimum else { continue };
        for name in names {
            let who = "the policy";
            findings.extend(issued_too_early(
                collateral, name, minimum, reason, field, who,
            ));
        }
    }
}

pub(super) fn check_evaluation_numbers(
    levels: &TcbFacts,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    let tcb_info = levels.tcb_info_evaluation_data_number;
    let qe_identity = levels.qe_identity_evaluation_data_number;
    if let Some(minimum) = policy.minimum_evaluation_data_number {
        for (name, actual) in JSON_DOCUMENTS.into_iter().zip([tcb_info, qe_identity]) {
            if actual < minimum {
                findings.push(number_too_low(name, actual, minimum, "the policy"));
            }
        }
    }
    if policy.equal_evaluation_data_numbers && tcb_info != qe_identity {
        let message = format!(
            "TCB info {tcb_info} and identity {qe_identity} belong to different security updates; \
             fetch both with the same evaluation data number."
        );
        findings.push(
            Finding::refusal(
                Reason::EvaluationNumbersNotEqual,
                "collateral.evaluation_data_numbers",
                message,
            )
            .sides(
                format!("tcb_info {tcb_info}"),
                format!("qe_identity {qe_identity}"),
            ),
        );
    }
}

fn check_window(
    document: &DocumentFacts,
    at: Timestamp,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    let DocumentFacts { name, window, .. } = document;
    if at < window.from {
        let message = format!(
            "{name} is valid from {} on, and it is {at}; look at the clock, then at where the \
             collateral comes from.",
            window.from
        );
        findings.push(
            Finding::refusal(Reason::CollateralNotYetValid, subject(name), message)
                .sides(format!("from {}", window.from), at),
        );
    }
    if at > window.until {
        let exceptions = || policy.expired_documents.iter().filter(|e| e.covers(name));
        findings.push(
            match exceptions().find(|exception| exception.in_force(at)) {
                Some(exception) => expiry_excepted(document, exception),
                None => expired(document, at, exceptions().map(|e| e.until).max()),
            },
        );
    }
}

fn expired(document: &DocumentFacts, at: Timestamp, ended: Option<Timestamp>) -> Finding {
    let DocumentFacts { name, window, .. } = document;
    let remedy = match ended {
        Some(ended) => format!("the exception for it ended at {ended}; fetch it anew"),
        None => "fetch it anew, or add a dated exception to `expired_documents`".to_owned(),
    };
    let message = format!(
        "{name} was valid until {}, and it is {at}; {remedy}.",
        window.until
    );
    Finding::refusal(Reason::CollateralExpired, subject(name), message)
        .sides(format!("until {}", window.until), at)
}

fn expiry_excepted(document: &DocumentFacts, exception: &ExpiryException) -> Finding {
    let message = format!(
        "{} was valid until {} and is tolerated until {}: {}",
        document.name, document.window.until, exception.until, exception.reason
    );
    Finding::excepted(subject(document.name), message, exception.until)
}

pub(super) fn issued_too_early(
    collateral: &CollateralFacts,
    name: &str,
    minimum: Timestamp,
    reason: Reason,
    field: &str,
    who: &str,
) -> Option<Finding> {
    let Some(document) = collateral.document(name) else {
        let message = format!(
            "{name} is missing, and {who} asks for one issued at {minimum} or later; \
             fetch it."
        );
        return Some(Finding::refusal(
            Reason::CollateralMissing,
            subject(name),
            message,
        ));
    };
    let issued = document.window.from;
    (issued < minimum).then(|| {
        let message = format!(
            "{name} was issued at {issued} ({field}), and {who} asks for {minimum} or \
             later; fetch a newer one."
        );
        Finding::refusal(reason, subject(name), message)
            .sides(format!("{minimum} or later"), issued)
    })
}

pub(super) fn number_too_low(name: &str, actual: u32, minimum: u32, who: &str) -> Finding {
    let message = format!(
        "{name} has the evaluation data number {actual}, and {who} asks for {minimum} or \
         higher; fetch it with that number, and update the platform if it then falls behind."
    );
    Finding::refusal(Reason::EvaluationNumberTooLow, subject(name), message)
        .sides(format!("{minimum} or higher"), actual)
}

fn subject(document: &str) -> String {
    format!("collateral.{document}")
}
