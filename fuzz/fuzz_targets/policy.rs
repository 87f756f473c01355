//! Policies: none makes an appraisal panic, and none accepts what must never pass.

#![no_main]

use std::sync::{Arc, LazyLock};

use bulla_appraisal::{Appraisal, Policy, appraise};
use bulla_collateral::TcbStatus;
use bulla_fuzz::bases;
use bulla_issuer::QuoteKind;
use bulla_pki::TrustAnchors;
use bulla_verifier::{Verdict, Verification};
use libfuzzer_sys::fuzz_target;

/// Verdicts as of genuine evidence: everything holds, and the root is a vendor's.
static GENUINE: LazyLock<Vec<Verdict>> = LazyLock::new(|| {
    let anchors = TrustAnchors::vendors();
    let vendor = Arc::new(anchors.iter().next().expect("a vendor").clone());
    let of_kind = |kind| {
        let mut verdict = bases::verdict(kind);
        assert_eq!(verdict.verification(), Verification::Ok);
        verdict.trust_anchor = Some(Arc::clone(&vendor));
        verdict
    };
    QuoteKind::ALL.map(of_kind).to_vec()
});

/// The same evidence under the root of a simulated vendor.
static SIMULATED: LazyLock<Vec<Verdict>> =
    LazyLock::new(|| QuoteKind::ALL.map(bases::verdict).to_vec());

/// Evidence that no policy may accept: revoked in one place or another, or not shown genuine.
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
        let mut all = vec![verdict.clone(); spoil.len()];
        all.iter_mut().zip(spoil).for_each(|(verdict, spoil)| spoil(verdict));
        all
    };
    GENUINE.iter().flat_map(spoilt).collect()
});

fn level(verdict: &mut Verdict) -> &mut bulla_verifier::TcbFacts {
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
    assert!(!policy.accepted_tcb_statuses.contains(TcbStatus::Revoked));

    let accepts = |verdict: &Verdict| {
        let decision = appraise(verdict, &policy);
        assert_eq!(decision.refusals().count() == 0, decision.appraisal() == Appraisal::Accepted);
        decision.appraisal() == Appraisal::Accepted
    };
    for verdict in GENUINE.iter().chain(SIMULATED.iter()) {
        let root = verdict.trust_anchor.as_deref().expect("an anchor");
        let level = verdict.tcb.as_ref().expect("a level");
        let named = policy.trust_anchors.is_some();
        assert!(root.is_genuine() || named || !policy.accepts_anchor(root));
        if accepts(verdict) {
            assert!(policy.accepts_anchor(root));
            let tolerated = policy.accepted_tcb_statuses.contains(level.status)
                || !policy.allowed_advisories.is_empty();
            assert!(tolerated && level.status != TcbStatus::Revoked);
        }
    }
    for verdict in NEVER.iter() {
        assert!(!accepts(verdict), "{verdict:?}");
    }
});
