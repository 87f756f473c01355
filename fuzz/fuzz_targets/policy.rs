//! Policies: none makes an appraisal panic, and none accepts what must never pass.

#![no_main]

use std::sync::{Arc, LazyLock};

use bulla_appraisal::policy::AcceptedStatuses;
use bulla_appraisal::{Appraisal, Policy, appraise};
use bulla_collateral::TcbStatus;
use bulla_fuzz::bases;
use bulla_issuer::{QuoteKind, StatusSpec};
use bulla_pki::TrustAnchors;
use bulla_verifier::{TcbFacts, Verdict, Verification};
use libfuzzer_sys::fuzz_target;

/// Verdicts on evidence that is in order, that is out of date, and that is judged by documents
/// past their window.
static SIMULATED: LazyLock<Vec<Verdict>> = LazyLock::new(|| {
    let mut verdicts = Vec::new();
    for kind in QuoteKind::ALL {
        verdicts.push(bases::verdict(kind, |_| {}, 0));
        verdicts.push(bases::verdict(kind, |_| {}, 60));
        verdicts.push(bases::verdict(
            kind,
            |scenario| {
                let status = &mut scenario.tcb_info.levels[0].status;
                *status = StatusSpec::out_of_date(status.date);
            },
            0,
        ));
    }
    for verdict in &verdicts {
        assert_eq!(verdict.verification(), Verification::Ok);
    }
    verdicts
});

/// The same as if a vendor's root stood above it.
static GENUINE: LazyLock<Vec<Verdict>> = LazyLock::new(|| {
    let anchors = TrustAnchors::vendors();
    let vendor = Arc::new(anchors.iter().next().expect("a vendor").clone());
    let mut verdicts = SIMULATED.clone();
    for verdict in &mut verdicts {
        verdict.trust_anchor = Some(Arc::clone(&vendor));
    }
    verdicts
});

/// What no policy may accept: revoked in one place or another, or not shown to be genuine.
static NEVER: LazyLock<Vec<Verdict>> = LazyLock::new(|| {
    let spoil: [fn(&mut Verdict); 8] = [
        |verdict| level(verdict).status = TcbStatus::Revoked,
        |verdict| level(verdict).launch_status = TcbStatus::Revoked,
        |verdict| level(verdict).current_status = TcbStatus::Revoked,
        |verdict| level(verdict).platform_level.status = TcbStatus::Revoked,
        |verdict| level(verdict).qe_level.status = TcbStatus::Revoked,
        |verdict| verdict.tcb = None,
        |verdict| verdict.trust_anchor = None,
        |verdict| verdict.evidence = None,
    ];
    let spoilt = |verdict: &Verdict| {
        spoil.map(|spoil| {
            let mut verdict = verdict.clone();
            spoil(&mut verdict);
            verdict
        })
    };
    GENUINE.iter().flat_map(spoilt).collect()
});

fn level(verdict: &mut Verdict) -> &mut TcbFacts {
    verdict.tcb.as_mut().expect("a level")
}

fuzz_target!(|text: &str| {
    let policy = match Policy::from_toml(text) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(text.parse::<toml::Table>().is_ok(), "a policy is TOML");
    assert!(!accepted(&policy).contains(TcbStatus::Revoked));
    for verdict in GENUINE.iter().chain(SIMULATED.iter()) {
        if accepts(&policy, verdict) {
            check_accepted(&policy, verdict);
        }
    }
    for verdict in NEVER.iter() {
        assert!(!accepts(&policy, verdict), "{verdict:?}");
    }
});

fn accepted(policy: &Policy) -> AcceptedStatuses {
    policy.accepted_tcb_statuses.clone().unwrap_or_default()
}

fn accepts(policy: &Policy, verdict: &Verdict) -> bool {
    let decision = appraise(verdict, policy);
    let is_accepted = decision.appraisal() == Appraisal::Accepted;
    assert_eq!(is_accepted, decision.refusals().count() == 0);
    is_accepted
}

/// What is not in order passes only where the policy says so.
fn check_accepted(policy: &Policy, verdict: &Verdict) {
    let root = verdict.trust_anchor.as_deref().expect("an anchor");
    assert!(policy.accepts_anchor(root));
    assert!(root.is_genuine() || policy.trust_anchors.is_some());

    let level = verdict.tcb.as_ref().expect("a level");
    for id in &level.advisory_ids {
        assert!(
            policy
                .rejected_advisories
                .iter()
                .all(|rejected| rejected.as_str() != &**id)
        );
    }
    if !accepted(policy).contains(level.status) {
        assert!(!level.advisory_ids.is_empty());
        for id in &level.advisory_ids {
            let mut exceptions = policy.allowed_advisories.iter();
            assert!(exceptions.any(|e| e.id.as_str() == &**id && verdict.at <= e.until));
        }
    }
    let mut exceptions = policy.expired_documents.iter();
    let is_excepted = exceptions.any(|exception| verdict.at <= exception.until);
    assert!(verdict.collateral.expired.is_empty() || is_excepted);

    let is_sgx = verdict
        .evidence
        .as_ref()
        .is_some_and(|e| e.body.borrow().sgx().is_some());
    let (own, other) = match is_sgx {
        true => (policy.sgx.is_some(), policy.tdx.is_some()),
        false => (policy.tdx.is_some(), policy.sgx.is_some()),
    };
    assert!(own || !other, "a policy for the other technology");
}
