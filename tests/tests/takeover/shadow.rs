//! The shadow: answers are compared with those of Intel's cache, beside the clients' requests.

use std::time::{Duration, Instant};

use bulla_issuer::pem;
use bulla_tests::daemon::Daemon;
use bulla_tests::host::Host;
use bulla_tests::pccs_database as database;
use bulla_tests::workbench::{Folder, now, run};
use rusqlite::Connection;

use super::serve::{found, install};
use super::{cache, requests};

/// How long an answer may take to be compared, far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often an outcome was counted.
fn counted(service: &Daemon, outcome: &str) -> u64 {
    let metrics = service.get("/metrics");
    let lines = metrics.text().lines();
    let of = format!("outcome=\"{outcome}\"");
    lines
        .filter(|line| line.starts_with("bulla_shadow_answers_total{") && line.contains(&of))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[track_caller]
fn wait_for(service: &Daemon, outcome: &str, number: u64) {
    let end = Instant::now() + PATIENCE;
    while counted(service, outcome) < number {
        let text = service.get("/metrics");
        assert!(Instant::now() < end, "{outcome} {number}: {}", text.text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_planted_difference_is_found_and_without_one_it_is_silent() {
    let folder = Folder::new();
    let vendor = found();
    let hosts = ["one", "two"].map(|name| Host::of(&vendor, name, now()));
    install(
        &folder,
        &serde_json::json!({ "CachingFillMode": "OFFLINE" }),
    );
    let path = folder.path("pccs/pckcache.db");
    drop(database::filled(&path, &vendor, &hosts, now()));
    let root = pem::block("CERTIFICATE", &vendor.root_certificate());
    folder.write("root.pem", root);
    let intels = cache::open(&path);
    let (root, directory) = (folder.text_path("root.pem"), folder.text_path("pccs"));
    let url = format!("http://{}", intels.address());
    let more = [
        "--as-pccs",
        &directory,
        "--trust-root",
        &root,
        "--simulated",
        "--shadow",
        &url,
    ];
    let service = Daemon::service(&folder, &more);
    let token = super::serve::token(&folder);
    let imported = run(&[
        "pccs",
        "import",
        "--database",
        &folder.text_path("pccs/pckcache.db"),
        "--service",
        &format!("http://{}", service.address),
        "--token-file",
        &token,
    ]);
    assert_eq!(imported.status, 0, "{}{}", imported.stdout, imported.stderr);

    let all = requests(&hosts);
    for target in &all {
        service.get(target);
    }
    let number = u64::try_from(all.len()).expect("a number");
    wait_for(&service, "same", number);
    let log = || std::fs::read_to_string(folder.path("log")).expect("a log");
    for outcome in ["different", "another_issue", "failed", "skipped"] {
        assert_eq!(counted(&service, outcome), 0, "{outcome}: {}", log());
    }
    assert!(!log().contains("the shadow"), "{}", log());

    let database = Connection::open(&path).expect("a database");
    let planted = database.execute(
        "UPDATE enclave_identities SET identity = replace(CAST(identity AS TEXT), 'UpToDate', \
         'OutOfDate') WHERE id = 1 AND update_type = 'STANDARD'",
        [],
    );
    assert_eq!(planted, Ok(1));
    let gone = database.execute("DELETE FROM pck_crl WHERE ca = 'PROCESSOR'", []);
    assert_eq!(gone, Ok(1));
    for target in &all {
        service.get(target);
    }
    wait_for(&service, "different", 2);
    wait_for(&service, "same", 2 * number - 2);
    assert_eq!(counted(&service, "different"), 2);
    let told = log();
    for part in [
        "pccs.identity",
        "another body",
        "pccs.pckcrl",
        "status 404 instead of 200",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Whom a request names stays out of the log.
    assert!(!told.contains(&hosts[0].qe_id), "{told}");

    // What a client has already is not compared, nor is what another asks as a copy.
    let identity = "/sgx/certification/v4/qe/identity";
    let known = service.get(identity);
    let known = known.header("etag").expect("an ETag");
    let unchanged = service.send("GET", identity, &[("If-None-Match", known)], b"");
    assert_eq!(unchanged.status(), 304);
    let apart = Folder::new();
    let url = format!("http://{}", service.address);
    let trust = ["--trust-root", &root, "--simulated", "--mode", "offline"];
    let copying = Daemon::service(&apart, &[&trust[..], &["--shadow", &url]].concat());
    copying.get(identity);
    wait_for(&copying, "different", 1);
    service.get("/sgx/certification/v4/rootcacrl");
    wait_for(&service, "same", 2 * number - 1);
    assert_eq!(counted(&service, "same"), 2 * number - 1);
    assert_eq!(counted(&service, "different"), 3);

    // Clients are answered while the other cache is away.
    drop(intels);
    assert_eq!(service.get(&hosts[0].target()).status(), 200);
    wait_for(&service, "failed", 1);
}

#[test]
fn a_shadow_is_not_asked_in_clear_over_a_network() {
    let folder = Folder::new();
    let store = folder.text_path("state");
    let arguments = ["serve", "--check-config", "--store", &store, "--shadow"];
    let answer = run(&[&arguments[..], &["http://cache.example:8081"]].concat());
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    assert!(answer.stderr.contains("use https"), "{}", answer.stderr);
    let encrypted = run(&[&arguments[..], &["https://cache.example:8081"]].concat());
    assert_eq!(encrypted.status, 0, "{}", encrypted.stderr);
}
