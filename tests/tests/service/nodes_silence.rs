//! A database that falls silent: nothing is closed, and nothing answers any more. A node goes on with
//! what it knows, says so, and keeps nobody waiting for ever.

use std::time::{Duration, Instant};

use bulla_tests::cluster::{Cluster, TOKEN, condition, count, until};
use bulla_tests::daemon::{Daemon, Reply};
use bulla_tests::host::Host;

/// How long anybody waits at most, by `docs/nodes.md`, and as much again for a machine that is busy.
const LONGEST: Duration = Duration::from_secs(2 * 45);

const TCB: &str = "/sgx/certification/v4/tcb?fmspc=FF53494D554C";

fn register(node: &Daemon, host: &Host) -> u16 {
    let headers = [("user-token", TOKEN), ("Content-Type", "application/json")];
    let body = host.body().to_string();
    let target = "/sgx/certification/v4/platforms";
    node.send("POST", target, &headers, body.as_bytes())
        .status()
}

/// Asks for something; gives the status, and fails where that takes too long.
#[track_caller]
fn ask(what: &str, ask: impl FnOnce() -> u16) -> u16 {
    let from = Instant::now();
    let status = ask();
    let took = from.elapsed();
    assert!(took < LONGEST, "{what}: {status} after {took:?}");
    status
}

#[test]
fn a_silent_database_keeps_nobody_waiting_for_ever_and_the_node_goes_on() {
    let Some(cluster) = Cluster::open("a silent database") else {
        return;
    };
    let ways = [cluster.way(), cluster.way()];
    let one = cluster.start("one", &ways[0]);
    let other = cluster.start("other", &ways[1]);
    let known = cluster.host("one");
    assert_eq!(one.get(TCB).status(), 200);
    assert_eq!(one.get(&known.target_with_ppid()).status(), 200);
    let hosts = ["two", "three"].map(|name| cluster.host(name));
    let administrator = [("admin-token", TOKEN)];
    let user = [("user-token", TOKEN)];

    ways[0].fall_silent();
    // Before anybody knows of it, all at once.
    std::thread::scope(|scope| {
        let get = |target: String| one.get(&target).status();
        scope.spawn(move || assert_eq!(ask("a document", || get(TCB.to_owned())), 200));
        let target = known.target();
        scope.spawn(move || assert_eq!(ask("a certificate", || get(target)), 200));
        scope.spawn(move || assert_eq!(ask("readiness", || get("/readyz".to_owned())), 200));
        scope.spawn(move || assert_eq!(ask("counts", || get("/metrics".to_owned())), 200));
        let target = hosts[0].target();
        scope.spawn(move || assert_eq!(ask("an unknown platform", || get(target)), 503));
        scope.spawn(|| assert_eq!(ask("registering", || register(&one, &hosts[0])), 503));
        let list = || one.send("GET", "/platforms", &administrator, b"").status();
        scope.spawn(move || assert_eq!(ask("the fleet", list), 503));
        let audit = || one.send("GET", "/audit", &administrator, b"").status();
        scope.spawn(move || assert_eq!(ask("the audit", audit), 503));
        let baselines = || one.send("GET", "/baselines", &user, b"").status();
        scope.spawn(move || assert_eq!(ask("baselines", baselines), 200));
    });
    until("it is noticed", || count(&one, "store_reached") == Some(0));
    let (met, detail) = condition(&one, "store");
    assert!(met && detail.contains("out of reach"), "{detail}");
    let log = cluster.log("one");
    assert!(log.contains("no answer within"), "{log}");
    // And as long as it goes on.
    for _ in 0..3 {
        assert_eq!(ask("a document, later", || one.get(TCB).status()), 200);
        let certificate = || one.get(&known.target()).status();
        assert_eq!(ask("a certificate, later", certificate), 200);
        assert_eq!(ask("registering, later", || register(&one, &hosts[1])), 503);
    }
    assert_eq!(register(&other, &hosts[0]), 200);

    ways[0].mend();
    until("it is found again", || {
        count(&one, "store_reached") == Some(1)
    });
    until("what was missed is there", || {
        one.get(&hosts[0].target()).status() == 200
    });
    until("it registers again", || register(&one, &hosts[1]) == 200);
    let answers = |node: &Daemon| -> Reply { node.get(&hosts[1].target()) };
    assert_eq!(answers(&one).body, answers(&other).body);
}
