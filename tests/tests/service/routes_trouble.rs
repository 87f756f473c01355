//! What clients are told when there is nothing to give: everybody is down, a document has ended, a
//! number is not signed any longer, a version has ended.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use bulla_protocol::pccs::RouteRules;
use bulla_service::keeper::Mode;
use bulla_tests::daemon::Reply;
use bulla_tests::front::{ADMINISTRATOR, Front, JSON, USER};
use bulla_tests::host::Host;
use bulla_tests::routes::{Dialect, operations};
use bulla_tests::site::{Clock, DAY, Site, source, vendor};
use bulla_upstream::UpstreamSettings;
use bulla_vendor::Event;

fn noon() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

/// An upstream where nobody listens.
fn nobody() -> UpstreamSettings {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut settings = source("nobody", closed.local_addr().expect("an address"));
    settings.attempts = 1;
    settings.deadline = Duration::from_secs(5);
    settings
}

/// Come again, without a body: Intel's client takes what it gets for the beginning of the next
/// answer, and gives up at any other status.
#[track_caller]
fn is_later_please(reply: &Reply, what: &str) {
    assert_eq!(reply.status(), 503, "{what}: {}", reply.head);
    assert_eq!(reply.body, b"", "{what}");
    assert_eq!(reply.header("Content-Length"), Some("0"), "{what}");
    let wait: u32 = reply
        .header("Retry-After")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!(wait > 0, "{what}");
    let chains = reply
        .names()
        .filter(|name| name.to_lowercase().ends_with("chain"));
    assert_eq!(chains.count(), 0, "{what}");
    assert!(reply.header("Error-Message").is_some(), "{what}");
}

#[test]
fn while_everybody_is_down_clients_are_asked_to_come_again() {
    let clock = noon();
    let front = Front::open(&clock, vec![nobody()], Mode::Lazy);
    let before = front.state();
    let mut all = 0;
    for operation in operations() {
        let needs_upstream = operation.token().is_none()
            && operation.method == "GET"
            && operation.dialect() != Dialect::Own
            && !operation.path.ends_with("/appraisalpolicy");
        if !needs_upstream {
            continue;
        }
        all += 1;
        let ppid = "5A".repeat(384);
        let target = match operation.path.ends_with("/pckcert") {
            true => operation.target(&[("encrypted_ppid", &ppid)]),
            false => operation.target(&[]),
        };
        let reply = front.get(&target);
        if operation.path == "/sgx/certification/v3/tcb" {
            assert_eq!(reply.status(), 410, "it would not be asked for");
            continue;
        }
        is_later_please(&reply, &target);
        let head = front.send("HEAD", &target, &[], b"");
        assert_eq!(head.status(), 503, "{target}");
    }
    assert_eq!(all, 9 + 7 + 14 + 11);
    assert_eq!(front.state(), before);
}

#[test]
fn who_has_a_token_is_told_that_the_vendor_does_not_answer() {
    let clock = noon();
    let vendor = vendor();
    let front = Front::open(&clock, vec![nobody()], Mode::Lazy);
    for name in ["one", "two"] {
        let host = Host::of(&vendor, name, clock.now());
        for base in ["/sgx/certification/v4", "/sgx/certification/v3"] {
            let body = host.body().to_string();
            let target = format!("{base}/platforms");
            let reply = front.send("POST", &target, &[USER, JSON], body.as_bytes());
            assert_eq!(reply.status(), 502, "{name}");
            let text = "Unable to retrieve the collateral from the Intel SGX PCS.";
            assert_eq!(reply.text(), text);
            assert!(reply.header("Retry-After").is_some(), "{}", reply.head);
        }
    }
    let reply = front.administrate("POST", "/sgx/certification/v4/refresh");
    assert_eq!(reply.status(), 502, "{}", reply.head);
    assert!(reply.header("Error-Message").is_some());
}

#[test]
fn where_nobody_is_asked_a_miss_is_a_miss_and_says_so() {
    let clock = noon();
    for mode in [Mode::Req, Mode::Offline] {
        let front = Front::open(&clock, vec![nobody()], mode);
        for operation in operations() {
            let is_document = operation.token().is_none()
                && operation.method == "GET"
                && operation.dialect() != Dialect::Own;
            if !is_document {
                continue;
            }
            let target = operation.target(&[]);
            let reply = front.get(&target);
            let expected = match operation.path {
                path if path.ends_with("/v4/pckcert") || path.ends_with("/v3/pckcert") => {
                    match operation.dialect() {
                        Dialect::Cache => 461,
                        _ => 404,
                    }
                }
                _ => 404,
            };
            assert_eq!(reply.status(), expected, "{target}: {}", reply.head);
            if operation.dialect() == Dialect::Cache {
                let text = match expected {
                    461 => "The platform was not found in the cache.",
                    _ => "No cache data for this platform.",
                };
                assert_eq!(reply.text(), text, "{target}");
                assert!(reply.header("Error-Code").is_some(), "{target}");
            }
            assert!(reply.header("Error-Message").is_some(), "{target}");
        }
        let refresh = front.administrate("POST", "/sgx/certification/v4/refresh");
        let own = front.administrate("POST", "/collateral/refresh");
        match mode {
            Mode::Offline => {
                assert_eq!((refresh.status(), refresh.text()), (503, ""));
                assert_eq!(refresh.header("Error-Code"), Some("Offline"));
                assert_eq!(
                    (own.status(), &own.json()["code"]),
                    (409, &"offline".into())
                );
            }
            _ => assert_eq!((refresh.status(), own.status()), (502, 200)),
        }
    }
}

const DOCUMENTS: [&str; 8] = [
    "/sgx/certification/v4/tcb?fmspc=FF53494D554C",
    "/tdx/certification/v4/qe/identity",
    "/sgx/certification/v4/pckcrl?ca=processor",
    "/sgx/certification/v4/qve/identity?update=early",
    "/pcs/sgx/certification/v4/tcb?fmspc=FF53494D554C&tcbEvaluationDataNumber=1",
    "/pcs/sgx/certification/v4/pckcrl?ca=platform",
    "/pcs/tdx/certification/v4/tcbevaluationdatanumbers",
    "/sgx/certification/v3/qe/identity",
];

#[test]
fn a_document_that_has_ended_is_not_served_unless_the_operator_allows_it() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let mut upstream = site.upstream("vendor");
    upstream.attempts = 1;
    let front = Front::open(&clock, vec![upstream], Mode::Lazy);
    let bodies: Vec<Vec<u8>> = DOCUMENTS
        .iter()
        .map(|target| front.get(target).body)
        .collect();
    assert_eq!(front.get("/readyz").status(), 200);
    site.set(&["* reset"]);
    clock.pass(20 * DAY);
    for (target, body) in DOCUMENTS.iter().zip(&bodies) {
        let reply = front.get(target);
        assert_eq!((reply.status(), &reply.body), (200, body), "{target}");
        let age: u64 = reply
            .header("Age")
            .expect("an age")
            .parse()
            .expect("seconds");
        assert_eq!(age, 20 * DAY, "{target}");
        let control = reply.header("Cache-Control").expect("a time");
        let keeps: u64 = control
            .strip_prefix("max-age=")
            .expect("a time")
            .parse()
            .expect("a number");
        assert!(keeps <= DAY, "{target}: {keeps}");
    }
    clock.pass(11 * DAY);
    for target in DOCUMENTS {
        let reply = front.get(target);
        is_later_please(&reply, target);
        if !target.starts_with("/pcs") {
            assert_eq!(reply.header("Error-Code"), Some("Expired"), "{target}");
        }
        let condition = [("If-None-Match", "*")];
        assert_eq!(
            front.send("GET", target, &condition, b"").status(),
            503,
            "{target}"
        );
    }
    let ready = front.get("/readyz");
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.json()["ready"], false);
    let listed = front.get("/collateral").json();
    let expired = listed["documents"].as_array().expect("a list");
    assert!(
        expired
            .iter()
            .any(|document| document["freshness"] == "expired")
    );

    front.keeping.keeper.serve_expired(true);
    for (target, body) in DOCUMENTS.iter().zip(&bodies) {
        let reply = front.get(target);
        assert_eq!((reply.status(), &reply.body), (200, body), "{target}");
        let warnings: Vec<&str> = reply
            .head
            .lines()
            .filter_map(|line| line.strip_prefix("warning: "))
            .collect();
        assert!(
            warnings.iter().any(|text| text.starts_with("110 ")),
            "{target}: {warnings:?}"
        );
        assert_eq!(reply.header("Cache-Control"), Some("max-age=0"), "{target}");
        let age: u64 = reply
            .header("Age")
            .expect("an age")
            .parse()
            .expect("seconds");
        assert_eq!(age, 31 * DAY, "{target}");
    }
}

#[test]
fn a_number_that_is_not_signed_any_longer_is_gone_and_one_of_the_future_is_not_there() {
    let clock = noon();
    let mut vendor = vendor();
    let day = clock.now().saturating_sub(2 * DAY);
    let disclosed = clock.now().saturating_sub(3 * DAY);
    let recovery = bulla_vendor::Recovery {
        number: 2,
        date: "2026-11-10T00:00:00Z".parse().expect("a day"),
        raises: [bulla_vendor::Part::Pce].into(),
        below: bulla_collateral::TcbStatus::OutOfDate,
        advisory_ids: Default::default(),
    };
    vendor
        .record(disclosed, Event::Recovery(recovery))
        .expect("a recovery");
    vendor
        .record(day, Event::Promotion { number: 2 })
        .expect("a promotion");
    vendor
        .record(day, Event::EndOfSigning { number: 1 })
        .expect("an end");
    let site = Site::open(vendor, &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    for operation in operations() {
        let has_number = operation
            .parameters()
            .iter()
            .any(|(name, ..)| *name == "tcbEvaluationDataNumber");
        if !has_number {
            continue;
        }
        let is_version_3 = operation.path.starts_with("/sgx/certification/v3/");
        let ended = is_version_3 && operation.path.ends_with("/tcb");
        for (number, expected) in [
            ("1", 410),
            ("2", 200),
            ("002", 200),
            ("3", 404),
            ("4294967295", 404),
            ("99999999999999999999", 404),
        ] {
            let target = operation.target(&[("tcbEvaluationDataNumber", number)]);
            let reply = front.get(&target);
            let expected = if ended { 410 } else { expected };
            assert_eq!(reply.status(), expected, "{target}: {}", reply.head);
            if expected == 410 && operation.dialect() == Dialect::Cache && !is_version_3 {
                let text = "The TCB evaluation data number is not signed any longer.";
                assert_eq!(reply.text(), text);
            }
        }
    }
}

#[test]
fn version_3_warns_everywhere_and_what_is_not_there_is_gone() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let rules = RouteRules::default().refresh_by_get(true);
    let upstreams = vec![site.upstream("vendor")];
    let front = Front::with_rules(&clock, upstreams, Mode::Lazy, rules);
    let gone = front.get("/sgx/certification/v3/tcb?fmspc=FF53494D554C");
    assert_eq!(gone.status(), 410);
    assert_eq!(
        gone.text(),
        "The Intel PCS API version 3 reached planned EOL. Accordingly, collateral from this API \
         version cannot be retrieved any longer."
    );
    let warning = "299 - \"PCS API version 3 is no longer available. Cached collateral downloaded \
        from API version 3 is deprecated, will not be refreshed, and may expire. Please migrate to \
        API version 4.\"";
    for operation in operations() {
        let is_version_3 = operation.path.starts_with("/sgx/certification/v3/");
        let send = |target: &str| {
            let tokens = [USER, ADMINISTRATOR, JSON];
            front.send(operation.method, target, &tokens, b"")
        };
        for target in [operation.target(&[]), operation.path.to_owned()] {
            let reply = send(&target);
            let warns = reply.header("Warning") == Some(warning);
            assert_eq!(warns, is_version_3, "{target}: {}", reply.head);
        }
        let without = front.send(operation.method, operation.path, &[], b"");
        let warns = without.header("Warning") == Some(warning);
        assert_eq!(warns, is_version_3, "{}: {}", operation.path, without.head);
    }
}
