//! `bulla demo`: the whole story, and nothing of it is left.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bulla_tests::binary::bulla;
use bulla_tests::workbench::{Answer, Folder};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// The demonstration with a place for temporary files of its own.
fn demo(folder: &Folder, options: &[&str]) -> Command {
    let mut command = bulla();
    command.arg("demo").args(options);
    command.env("TMPDIR", folder.path("")).stdin(Stdio::null());
    command
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).expect("a folder").next().is_none()
}

/// What was tried, how it ended, and why.
fn endings(story: &Value) -> Vec<(&str, &str, &str)> {
    let attempts = story["attempts"].as_array().expect("attempts").iter();
    attempts
        .map(|attempt| {
            let text = |name: &str| attempt[name].as_str().unwrap_or_default();
            (text("subject"), text("outcome"), text("code"))
        })
        .collect()
}

#[test]
fn the_story_ends_well_and_each_other_way_for_its_own_reason() {
    let folder = Folder::new();
    let output = demo(&folder, &["--format", "json"]).output();
    let answer = Answer::from(output.expect("bulla runs"));
    let story = answer.json();
    assert_eq!((answer.status, answer.stderr.as_str()), (0, ""));
    assert_eq!(story["simulated"], true);
    assert_eq!(story["as_expected"], true);
    // Where the enclave was not executed there is a reason.
    assert_eq!(
        story["executed"].as_bool().expect("a word"),
        story["not_executed"].is_null()
    );
    let steps = story["steps"].as_array().expect("steps").iter();
    let steps: Vec<&Value> = steps.map(|step| &step["step"]).collect();
    assert_eq!(
        steps,
        [
            "vendor",
            "enclave",
            "service",
            "outage",
            "attestation",
            "release",
            "work"
        ]
    );
    assert_eq!(
        endings(&story),
        [
            ("evidence", "refused", "MrenclaveMismatch"),
            ("evidence", "refused", "MrsignerMismatch"),
            ("evidence", "refused", "DebugEnclave"),
            ("evidence", "refused", "IsvsvnTooLow"),
            ("evidence", "refused", "QuoteSignatureInvalid"),
            ("evidence", "refused", "CertificateRevoked"),
            ("evidence", "refused", "TcbStatusNotAccepted"),
            ("evidence", "refused", "RootUntrusted"),
            ("evidence", "refused", "TrustAnchorNotAccepted"),
            ("evidence", "accepted", ""),
            ("evidence", "refused", "DebugTd"),
            ("binding", "refused", "nonce-used"),
            ("binding", "refused", "nonce-unknown"),
            ("binding", "refused", "binding-mismatch"),
            ("binding", "refused", "binding-mismatch"),
            ("binding", "unopened", "sealed"),
            ("release", "refused", "times-reached"),
            ("release", "refused", "policy-mismatch"),
            ("time", "refused", "nonce-expired"),
            ("time", "refused", "token-expired"),
            ("time", "refused", "CollateralExpired"),
        ]
    );
    let chain = &story["chain"];
    assert_eq!(
        (&chain["platform"], &chain["tcb_status"], &chain["policy"]),
        (&"node-1".into(), &"UpToDate".into(), &"payroll@1".into())
    );
    assert!(is_empty(&folder.path("")), "no file is left");
}

#[test]
fn people_are_told_that_it_is_simulated_and_what_was_not_executed() {
    let folder = Folder::new();
    let output = demo(&folder, &["--model-only"]).output();
    let answer = Answer::from(output.expect("bulla runs"));
    let told = &answer.stdout;
    assert_eq!(answer.status, 0, "{told}{}", answer.stderr);
    assert!(told.starts_with("SIMULATED"), "{told}");
    for part in [
        "Not executed: that was not wanted",
        "one bit of the quote flipped",
        "QuoteSignatureInvalid",
        "opened with it: 12 payslips of November",
        "no policy accepts this root that does not name it",
    ] {
        let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(part), "{part}: {told}");
    }
    assert!(!told.contains('\u{1b}'));
    assert!(!told.contains("report it"));
    let widest = told.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|width| width <= 100), "{told}");
    assert!(is_empty(&folder.path("")), "no file is left");
}

#[test]
fn an_interrupt_ends_it_in_order() {
    let folder = Folder::new();
    let mut child = demo(&folder, &[])
        .stdout(Stdio::null())
        .spawn()
        .expect("bulla runs");
    let end = Instant::now() + PATIENCE;
    while is_empty(&folder.path("")) {
        assert!(Instant::now() < end, "it begins");
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(is_empty(&folder.path("")), "no file is left");
}
