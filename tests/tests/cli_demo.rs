//! `bulla demo`: the whole story, without files.

use bulla_tests::workbench::{AT, run};

#[test]
fn every_outcome_is_the_expected_one() {
    let answer = run(&["demo", "--format", "json"]);
    let story = answer.json();
    assert_eq!((answer.status, answer.stderr.as_str()), (0, ""));
    assert_eq!(story["simulated"], true);
    assert_eq!(story["as_expected"], true);
    let attempts = story["attempts"].as_array().expect("attempts");
    let codes = |subject: &str| -> Vec<String> {
        attempts
            .iter()
            .filter(|attempt| attempt["subject"] == subject)
            .map(|attempt| attempt["code"].as_str().unwrap_or("accepted").to_owned())
            .collect()
    };
    let common = |debug: &str| {
        [
            "accepted",
            "QuoteSignatureInvalid",
            debug,
            "RootUntrusted",
            "RootUntrusted",
            "TrustAnchorNotAccepted",
            "CertificateRevoked",
            "TcbStatusNotAccepted",
            "accepted",
            "CollateralExpired",
        ]
        .map(str::to_owned)
    };
    assert_eq!(codes("SGX enclave"), common("DebugEnclave"));
    assert_eq!(codes("TDX trust domain"), common("DebugTd"));
    assert_eq!(attempts.len(), 20);
}

#[test]
fn people_are_told_that_it_is_simulated() {
    let answer = run(&["demo", "--at", AT]);
    assert_eq!(answer.status, 0);
    assert!(answer.stdout.starts_with("SIMULATED"));
    assert!(answer.stdout.contains("QuoteSignatureInvalid"));
    assert!(!answer.stdout.contains('\u{1b}'));
    assert!(!answer.stdout.contains("report it"));
    assert!(answer.stdout.contains("no code of an enclave ran"));
    assert_eq!(run(&["demo", "--at", AT]).stdout, answer.stdout);
}

#[test]
fn a_time_that_is_none_is_an_error() {
    let answer = run(&["demo", "--at", "noon", "--format", "json"]);
    assert_eq!(answer.status, 2);
    assert_eq!(answer.json()["error"]["code"], "TimeInvalid");
}
