//! Agreement with Intel's Quote Verification Library on genuine evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulla_pki::TrustAnchors;
use bulla_tests::cases::{self, Expect};
use bulla_tests::{qvl, vectors};
use bulla_verifier::{KnownPlatforms, PreparedCollateral};
use serde::Deserialize;

/// A case in which bulla answers differently, field by field, and why that is right.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Divergence {
    reason: String,
    fields: BTreeMap<String, Sides>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides {
    expected: String,
    actual: String,
}

/// Known divergences by case.
fn known_divergences() -> BTreeMap<String, Divergence> {
    serde_json::from_str(include_str!("../../data/divergences.json")).expect("the list is JSON")
}

/// Both answers field by field, where they differ.
fn differences(expected: &Expect, actual: &Expect) -> BTreeMap<String, Sides> {
    let fields = |answer: &Expect| {
        let mut advisories = answer.advisories.clone();
        advisories.sort();
        advisories.dedup();
        [
            ("pck_chain", answer.pck_chain.clone()),
            ("tcb_info", answer.tcb_info.clone()),
            ("qe_identity", answer.qe_identity.clone()),
            ("quote", answer.quote.clone()),
            ("launch_status", answer.launch_status.clone()),
            ("current_status", answer.current_status.clone()),
            ("advisories", advisories.join(",")),
            ("tcb_date", answer.tcb_date.to_string()),
            ("tcb_eval_min", answer.tcb_eval_min.to_string()),
            ("issue_min", answer.issue_min.to_string()),
            ("issue_max", answer.issue_max.to_string()),
            ("expiration_min", answer.expiration_min.to_string()),
        ]
    };
    fields(expected)
        .into_iter()
        .zip(fields(actual))
        .filter(|((_, expected), (_, actual))| expected != actual)
        .map(|((name, expected), (_, actual))| (name.to_owned(), Sides { expected, actual }))
        .collect()
}

#[test]
fn verdicts_agree_with_intels_library_on_every_recorded_case() {
    let Some(folder) = vectors::folder("conformance") else {
        return;
    };
    let anchors = TrustAnchors::vendors();
    let mut known = known_divergences();
    let mut surprises = Vec::new();
    let cases = cases::read_all(&folder);
    assert_eq!(cases.len(), 838);
    for case in &cases {
        let collateral = case.collateral(&folder);
        let verdict =
            bulla_verifier::verify(&case.quote(&folder), &collateral, &anchors, case.at());
        assert!(
            verdict.collateral.expired.is_empty(),
            "{}: {:?}",
            case.id,
            verdict.collateral
        );
        let expected = &case.expect;
        if expected.quote == "STATUS_TCB_NOT_SUPPORTED" {
            // Where no level applies the record holds zeros, as does bulla's answer.
            assert_eq!(
                (expected.tcb_date, expected.tcb_eval_min),
                (0, 0),
                "{}",
                case.id
            );
        }
        let found = differences(expected, &qvl::answer(&verdict));
        let listed = known.remove(&case.id);
        if let Some(listed) = &listed {
            assert!(listed.reason.len() > 40, "{}: give a reason", case.id);
        }
        let listed = listed.map(|listed| listed.fields).unwrap_or_default();
        if found != listed {
            surprises.push(format!(
                "{}: listed {listed:#?}\nfound {found:#?}\n{:?}",
                case.id, verdict.findings
            ));
        }
    }
    surprises.extend(known.keys().map(|id| format!("{id}: no such case")));
    assert!(
        surprises.is_empty(),
        "{} surprises:\n{}",
        surprises.len(),
        surprises.join("\n")
    );
}

/// The three speeds are one procedure: the same verdict from each.
#[test]
fn every_speed_gives_the_same_verdict() {
    let Some(folder) = vectors::folder("speeds") else {
        return;
    };
    let anchors = TrustAnchors::vendors();
    for case in cases::read_all(&folder) {
        let (quote, collateral) = (case.quote(&folder), case.collateral(&folder));
        let cold = bulla_verifier::verify(&quote, &collateral, &anchors, case.at());
        let prepared = Arc::new(PreparedCollateral::new(&collateral, &anchors));
        let known = KnownPlatforms::new(Arc::clone(&prepared), 4.try_into().expect("not zero"));
        let cold = format!("{cold:?}");
        assert_eq!(
            format!("{:?}", prepared.verify(&quote, case.at())),
            cold,
            "{}",
            case.id
        );
        for _ in 0..2 {
            assert_eq!(
                format!("{:?}", known.verify(&quote, case.at())),
                cold,
                "{}",
                case.id
            );
        }
    }
}
