//! Pitfalls of time: windows and their ends, age, and collateral that somebody chose.

use bulla_appraisal::Reason;
use bulla_collateral::TcbStatus;
use bulla_issuer::{PckCa, QuoteKind, Scenario};
use bulla_pki::{Timestamp, Window};
use bulla_tests::scenarios::{
    assert_accepted, assert_fails, assert_genuine, assert_refused, assert_status, changed, judge,
    judge_at, now, policy, remarks, scenario,
};
use bulla_verifier::Code;

const DAY: u64 = 86_400;

fn instant(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A document or certificate of a scenario: how to set its window, and the names under which a
/// verdict lists it, in its order.
type Place = (fn(&mut Scenario, Window), &'static [&'static str]);

fn set_ca(scenario: &mut Scenario, window: Window) {
    let ca = match scenario.ca {
        PckCa::Processor => &mut scenario.vendor.processor_ca,
        PckCa::Platform => &mut scenario.vendor.platform_ca,
    };
    ca.certificate.validity = window;
}

const PLACES: [Place; 8] = [
    (
        |s, window| s.pck_certificate.validity = window,
        &["pck_certificate"],
    ),
    (set_ca, &["pck_ca", "pck_crl_ca"]),
    (
        |s, window| s.vendor.root.certificate.validity = window,
        &[
            "root_ca",
            "pck_crl_root_ca",
            "tcb_info_root_ca",
            "qe_identity_root_ca",
        ],
    ),
    (
        |s, window| s.root_ca_crl.validity = window,
        &["root_ca_crl"],
    ),
    (|s, window| s.pck_crl.validity = window, &["pck_crl"]),
    (
        |s, window| s.vendor.tcb_signer.certificate.validity = window,
        &["tcb_info_signer", "qe_identity_signer"],
    ),
    (|s, window| s.tcb_info.validity = window, &["tcb_info"]),
    (
        |s, window| s.qe_identity.validity = window,
        &["qe_identity"],
    ),
];

/// A scenario in which everything is valid for two years but what `place` names, which has `window`.
fn with_window(kind: QuoteKind, place: Place, window: Window) -> Scenario {
    changed(kind, |s| {
        let wide = Window {
            from: s.at.saturating_sub(365 * DAY),
            until: s.at.saturating_add(365 * DAY),
        };
        PLACES.iter().for_each(|(set, _)| set(s, wide));
        place.0(s, window);
    })
}

/// Both ends of every window belong to it, and the seconds before and behind do not. Expiry is a
/// fact beside genuineness: verification stays as it was, and the default policy refuses.
#[test]
fn pitfall_13_both_ends_of_every_window() {
    for kind in [QuoteKind::SgxV3, QuoteKind::Td15V5] {
        for place in PLACES {
            let window = Window {
                from: now().saturating_sub(10 * DAY),
                until: now().saturating_add(10 * DAY),
            };
            let scenario = with_window(kind, place, window);
            let policy = policy(&scenario, "");
            let names = place.1;
            let outside = [
                (window.from.saturating_sub(1), Reason::CollateralNotYetValid),
                (window.until.saturating_add(1), Reason::CollateralExpired),
            ];
            for (at, reason) in outside {
                let verdict = judge_at(&scenario, at);
                assert_status(&verdict, TcbStatus::UpToDate);
                let mut expired = verdict.collateral.expired.clone();
                expired.sort_unstable();
                let mut expected = names.to_vec();
                expected.sort_unstable();
                assert_eq!(expired, expected, "{at}");
                assert_refused(&verdict, &policy, &vec![reason; names.len()]);
            }
            for at in [window.from, now(), window.until] {
                let verdict = judge_at(&scenario, at);
                assert_eq!(verdict.collateral.expired, [""; 0], "{at}");
                assert_accepted(&verdict, &policy);
            }
        }
    }
}

#[test]
fn pitfall_14_the_last_second_counts_in_verdict_and_decision_alike() {
    for place in &PLACES[6..] {
        let window = Window {
            from: now().saturating_sub(DAY),
            until: now(),
        };
        let scenario = with_window(QuoteKind::SgxV3, *place, window);
        let verdict = judge(&scenario);
        assert_eq!(verdict.collateral.earliest_next_update(), Some(now()));
        assert_eq!(verdict.collateral.earliest_expiration(), Some(now()));
        assert_accepted(&verdict, &policy(&scenario, ""));
        let later = judge_at(&scenario, now().saturating_add(1));
        assert_refused(&later, &policy(&scenario, ""), &[Reason::CollateralExpired]);
    }
}

/// A certificate that did not exist yet cannot have signed what was in force then.
#[test]
fn pitfall_15_not_before_of_the_signer() {
    let window = Window {
        from: instant("2026-11-01T00:00:00Z"),
        until: instant("2033-11-01T00:00:00Z"),
    };
    let scenario = with_window(QuoteKind::Td10V4, PLACES[5], window);
    assert_accepted(&judge(&scenario), &policy(&scenario, ""));
    let before = judge_at(&scenario, instant("2026-10-31T23:59:59Z"));
    assert_eq!(
        before.collateral.expired,
        ["tcb_info_signer", "qe_identity_signer"]
    );
    let reasons = [Reason::CollateralNotYetValid; 2];
    assert_refused(&before, &policy(&scenario, ""), &reasons);
}

/// What has expired stays listed, however fresh all the rest is.
#[test]
fn pitfall_16_an_expired_crl_beside_fresh_documents() {
    for (place, name) in [(PLACES[3], "root_ca_crl"), (PLACES[4], "pck_crl")] {
        let window = Window {
            from: now().saturating_sub(40 * DAY),
            until: now().saturating_sub(10 * DAY),
        };
        let mut scenario = with_window(QuoteKind::SgxV3, place, window);
        let fresh = Window {
            from: now(),
            until: now().saturating_add(30 * DAY),
        };
        scenario.tcb_info.validity = fresh;
        scenario.qe_identity.validity = fresh;
        let verdict = judge(&scenario);
        assert_eq!(verdict.collateral.expired, [name]);
        assert_refused(
            &verdict,
            &policy(&scenario, ""),
            &[Reason::CollateralExpired],
        );

        // A dated exception is the only way past it, and it ends.
        let exception = |until: &str| {
            let lines = format!(
                "[[expired_documents]]\ndocuments = [\"{name}\"]\nuntil = \"{until}\"\n\
                 reason = \"the courier is late\"\n"
            );
            policy(&scenario, &lines)
        };
        assert_accepted(&verdict, &exception("2026-11-23T00:00:00Z"));
        let ended = exception("2026-11-22T23:59:59Z");
        assert_refused(&verdict, &ended, &[Reason::CollateralExpired]);
    }
}

#[test]
fn pitfall_07_the_greatest_age_is_enforced() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    let issued = instant("2026-11-20T12:00:00Z");
    let window = Window {
        from: issued,
        until: issued.saturating_add(30 * DAY),
    };
    scenario.tcb_info.validity = window;
    scenario.qe_identity.validity = window;
    scenario.pck_crl.validity = window;
    scenario.root_ca_crl.validity = window;
    let verdict = judge(&scenario);
    let limits = [
        ("minimum_issue_date", Reason::DocumentTooOld),
        ("minimum_crl_this_update", Reason::CrlTooOld),
    ];
    for (knob, reason) in limits {
        let least = |text: &str| policy(&scenario, &format!("{knob} = \"{text}\"\n"));
        assert_accepted(&verdict, &least("2026-11-20T12:00:00Z"));
        assert_refused(&verdict, &least("2026-11-20T12:00:01Z"), &[reason; 2]);
    }
}

/// The vendor's CRL numbers do not rise, so that only its date tells an old list from a new one.
#[test]
fn pitfall_20_a_crl_from_before_the_revocation() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    let reissued = scenario.pck_crl.validity.from;
    scenario.root_ca_crl.validity.from = reissued;
    let least = policy(
        &scenario,
        &format!("minimum_crl_this_update = \"{reissued}\"\n"),
    );
    assert_accepted(&judge(&scenario), &least);

    let mut newest = scenario.clone();
    newest.pck_crl.revoke(&scenario.pck_certificate.serial);
    assert_fails(
        &judge(&newest),
        &[(Code::CertificateRevoked, "pck_certificate")],
    );

    let mut older = scenario;
    older.pck_crl.validity.from = reissued.saturating_sub(1);
    let verdict = judge(&older);
    assert_eq!(
        verdict.collateral.pck_crl_number,
        judge(&newest).collateral.pck_crl_number
    );
    assert_accepted(&verdict, &policy(&older, ""));
    assert_refused(&verdict, &least, &[Reason::CrlTooOld]);
}

/// By TCB info of the number before, the platform was up to date; it is valid still.
fn before_the_recovery() -> Scenario {
    changed(QuoteKind::SgxV3, |s| {
        s.tcb_info.evaluation_data_number = 16;
        s.tcb_info.validity.from = s.tcb_info.validity.from.saturating_sub(20 * DAY);
    })
}

#[test]
fn pitfall_09_older_collateral_that_is_still_valid() {
    let older = before_the_recovery();
    assert_accepted(&judge(&older), &policy(&older, ""));
    let issued_at_last = scenario(QuoteKind::SgxV3).tcb_info.validity.from;
    let newest = format!(
        "minimum_issue_date = \"{}\"\n",
        issued_at_last.saturating_sub(DAY)
    );
    assert_refused(
        &judge(&older),
        &policy(&older, &newest),
        &[Reason::DocumentTooOld],
    );
    let current = scenario(QuoteKind::SgxV3);
    assert_accepted(&judge(&current), &policy(&current, &newest));
}

#[test]
fn pitfall_25_a_host_that_chooses_the_evaluation_number() {
    let chosen = before_the_recovery();
    let verdict = judge(&chosen);
    let least = |number: u32| {
        policy(
            &chosen,
            &format!("minimum_evaluation_data_number = {number}\n"),
        )
    };
    assert_accepted(&verdict, &least(16));
    assert_refused(&verdict, &least(17), &[Reason::EvaluationNumberTooLow]);
    // TCB info and identity are asked alike.
    assert_refused(&verdict, &least(18), &[Reason::EvaluationNumberTooLow; 2]);
}

#[test]
fn pitfall_24_evaluation_numbers_that_differ() {
    for (tcb_info, identity) in [(16, 17), (17, 16), (17, 17)] {
        let scenario = changed(QuoteKind::Td15V5, |s| {
            s.tcb_info.evaluation_data_number = tcb_info;
            s.qe_identity.evaluation_data_number = identity;
        });
        let verdict = judge(&scenario);
        let facts = assert_genuine(&verdict);
        assert_eq!(facts.evaluation_data_number(), tcb_info.min(identity));
        assert_accepted(&verdict, &policy(&scenario, ""));
        let equal = policy(&scenario, "equal_evaluation_data_numbers = true\n");
        if tcb_info == identity {
            assert_eq!(remarks(&verdict), []);
            assert_accepted(&verdict, &equal);
        } else {
            assert_eq!(remarks(&verdict), [Code::EvaluationNumbersDiffer]);
            assert_refused(&verdict, &equal, &[Reason::EvaluationNumbersNotEqual]);
        }
    }
}
