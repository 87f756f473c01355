//! The root that the evidence ends in.

use bulla_pki::{AnchorKind, TrustAnchor};

use crate::decision::{Finding, Reason, Severity};
use crate::policy::Policy;

const CHECK: &str = "trust_anchor";

pub(super) fn check(root: &TrustAnchor, policy: &Policy, findings: &mut Vec<Finding>) {
    let digest = hex::encode(root.public_key_sha256());
    if !policy.accepts_anchor(root) {
        findings.push(not_accepted(root, &digest, policy));
    } else if !root.is_genuine() {
        let what = match root.kind() {
            AnchorKind::Simulated => "SIMULATED: no processor stands behind the evidence",
            _ => "No vendor of processors vouches for the evidence",
        };
        let message = format!(
            "{what}; it ends in the root {} (key {digest}), which the policy names.",
            root.name()
        );
        let warning = Severity::Warning;
        findings.push(Finding::new(
            warning,
            Reason::TrustAnchorNotGenuine,
            CHECK,
            message,
        ));
    }
}

fn not_accepted(root: &TrustAnchor, digest: &str, policy: &Policy) -> Finding {
    let accepted = match &policy.trust_anchors {
        Some(names) => {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            names.join(", ")
        }
        None => "a vendor's root".to_owned(),
    };
    let message = format!(
        "The evidence ends in the root {}, which the policy does not accept; if it should, \
         add the digest of its key to `trust_anchors`.",
        root.name()
    );
    Finding::refusal(Reason::TrustAnchorNotAccepted, CHECK, message)
        .sides(accepted, format!("{} (key {digest})", root.name()))
}
