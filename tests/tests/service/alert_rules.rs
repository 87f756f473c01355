//! The example alert rules speak of metrics that there are.

use std::collections::BTreeSet;
use std::fs;

use bulla_tests::cluster::Cluster;
use bulla_tests::daemon::{Daemon, found_vendor};
use bulla_tests::workbench::Folder;

/// What only a node tells that shares its store with others.
const OF_NODES: [&str; 2] = [
    "bulla_clock_ahead_of_database_seconds",
    "bulla_store_reached",
];

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
    let service = Daemon::service_of(&folder, &vendor);
    // A family that counts by labels is there once it has counted.
    let wrong = [("admin-token", "wrong")];
    let refused = service.send("GET", "/platforms", &wrong, b"");
    assert_eq!(refused.status(), 401);
    let metrics = service.get("/metrics");
    assert_eq!(metrics.status(), 200);
    let there = names(metrics.text());

    let wanted = wanted();
    assert!(wanted.len() >= 11, "{wanted:?}");
    let missing: Vec<_> = wanted.difference(&there).collect();
    assert_eq!(missing, OF_NODES.iter().collect::<Vec<_>>(), "{there:?}");
}

#[test]
fn what_only_nodes_tell_is_there_at_a_node() {
    let Some(cluster) = Cluster::open("the alert rules of nodes") else {
        return;
    };
    let way = cluster.way();
    let node = cluster.start("one", &way);
    let metrics = node.get("/metrics");
    let there = names(metrics.text());
    for name in OF_NODES {
        assert!(there.contains(name), "{name} of {there:?}");
    }
}

/// The metrics that the rules speak of.
fn wanted() -> BTreeSet<String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/prometheus-rules.yml"
    );
    let rules = fs::read_to_string(path).expect("the rules");
    rules
        .lines()
        .filter(|line| line.trim_start().starts_with("expr:"))
        .flat_map(names)
        .collect()
}
