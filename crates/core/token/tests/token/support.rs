//! Evidence that is bound, appraised and signed for.

use std::sync::Arc;

use bulla_appraisal::{Policy, appraise};
use bulla_issuer::{QuoteBody, QuoteKind, Scenario, Seed};
use bulla_pki::{SigningKey, Timestamp, TrustAnchors, digest};
use bulla_token::claims::{Hex, PolicyId, VerifierId};
use bulla_token::{
    Appraised, Claims, Expected, KeySet, KeyState, ResultError, Terms, TokenKey,
    attestation_result, binding,
};
use bulla_verifier::Verdict;

pub(crate) const ISSUER: &str = "https://gate.example";
pub(crate) const AUDIENCE: &str = "https://service.example";
pub(crate) const NONCE: [u8; 32] = [0x11; 32];
pub(crate) const KEY: [u8; 32] = [0x22; 32];
pub(crate) const LIFETIME: u32 = 300;

pub(crate) fn now() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

/// Evidence bound to [`NONCE`] and [`KEY`], as a simulated platform gives it, judged `later`
/// seconds after everything was issued.
pub(crate) fn simulated(
    kind: QuoteKind,
    change: impl FnOnce(&mut Scenario),
    later: u64,
) -> Verdict {
    let mut scenario = Scenario::new(&Seed::from("token"), kind, now());
    let data = binding::report_data(&NONCE, &KEY);
    match &mut scenario.quote.body {
        QuoteBody::Sgx(body) => body.reportdata = data,
        QuoteBody::Td10(body) => body.reportdata = data,
        QuoteBody::Td15(body) => body.td10.reportdata = data,
        QuoteBody::Td15Ex(body) => body.td15.td10.reportdata = data,
    }
    change(&mut scenario);
    let attestation = scenario.build();
    let anchors = TrustAnchors::vendors()
        .with_simulated(&scenario.vendor.root_certificate())
        .unwrap();
    let at = now().saturating_add(later);
    bulla_verifier::verify(&attestation.quote, &attestation.collateral, &anchors, at)
}

/// The same as if it were a vendor's: nobody here can sign so, and the verdict is changed instead.
pub(crate) fn genuine(kind: QuoteKind, change: impl FnOnce(&mut Scenario), later: u64) -> Verdict {
    let mut verdict = simulated(kind, change, later);
    let vendor = TrustAnchors::vendors().iter().next().unwrap().clone();
    verdict.trust_anchor = Some(Arc::new(vendor));
    verdict
}

/// A policy of this text that accepts the root of the verdict.
pub(crate) fn policy(text: &str, verdict: &Verdict) -> Policy {
    let root = verdict.trust_anchor.as_ref().unwrap().public_key_sha256();
    let text = format!("trust_anchors = [\"{}\"]\n{text}", hex::encode(root));
    Policy::from_toml(&text).unwrap()
}

pub(crate) fn terms() -> Terms {
    Terms {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        verifier: VerifierId {
            developer: "bulla".to_owned(),
            build: "bulla 0.1.0".to_owned(),
        },
        token_id: [7; 16],
        nonce: NONCE,
        key: KEY,
        lifetime_seconds: LIFETIME,
    }
}

pub(crate) fn result_under(
    verdict: &Verdict,
    policy: &Policy,
    terms: &Terms,
    until: Option<Timestamp>,
) -> Result<Claims, ResultError> {
    let appraised = Appraised {
        verdict,
        decision: &appraise(verdict, policy),
        policy,
        policy_id: PolicyId {
            name: "strict".to_owned(),
            version: 3,
            sha256: Hex(digest::sha256(b"policy")),
        },
        evidence_sha256: digest::sha256(b"evidence"),
        baseline: None,
        demand_changes: until,
    };
    attestation_result(&appraised, terms)
}

pub(crate) fn result(verdict: &Verdict, text: &str) -> Result<Claims, ResultError> {
    result_under(verdict, &policy(text, verdict), &terms(), None)
}

/// The claims of evidence that is in order.
pub(crate) fn claims() -> Claims {
    result(&genuine(QuoteKind::Td15V5, |_| {}, 0), "").unwrap()
}

/// A key that signs, and the set in which it does.
pub(crate) fn key() -> (TokenKey, KeySet) {
    let key = TokenKey::new(SigningKey::generate().unwrap());
    let mut keys = KeySet::new();
    keys.insert(key.public_key().clone(), KeyState::Current)
        .unwrap();
    (key, keys)
}

pub(crate) fn expected() -> Expected<'static> {
    Expected {
        issuer: ISSUER,
        audience: AUDIENCE,
        at: now(),
        leeway_seconds: 0,
    }
}
