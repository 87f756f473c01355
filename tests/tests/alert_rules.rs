//! The example alert rules speak of metrics that there are.

use std::collections::BTreeSet;
use std::fs;

use bulla_tests::daemon::{Daemon, found_vendor};
use bulla_tests::workbench::Folder;

/// Names of metrics in a text: words that begin with the prefix.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("bulla_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_of_the_alert_rules_is_there() {
    let folder = Folder::new();
    found_vendor(&folder);
    let vendor = Daemon::vendor(&folder);
    let root = folder.text_path("root.pem");
    let upstream = format!("http://{}", vendor.address);
    let arguments = [
        "--upstream",
        &upstream,
        "--trust-root",
        &root,
        "--simulated",
    ];
    let service = Daemon::service(&folder, &arguments);
    // A family that counts by labels is there once it has counted.
    let wrong = [("admin-token", "wrong")];
    let refused = service.send("GET", "/platforms", &wrong, b"");
    assert_eq!(refused.status(), 401);
    let metrics = service.get("/metrics");
    assert_eq!(metrics.status(), 200);
    let there = names(metrics.text());

    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/prometheus-rules.yml"
    );
    let rules = fs::read_to_string(path).expect("the rules");
    let wanted: BTreeSet<String> = rules
        .lines()
        .filter(|line| line.trim_start().starts_with("expr:"))
        .flat_map(names)
        .collect();
    assert!(wanted.len() >= 9, "{wanted:?}");
    let missing: Vec<_> = wanted.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?} of {there:?}");
}
