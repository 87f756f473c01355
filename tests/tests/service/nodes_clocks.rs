//! Nodes whose clocks differ: a rollout switches at each at its instant by the clock of that node, and
//! by how much a clock is wrong is measured and told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_tests::cluster::{Clocks, Cluster, TOKEN, condition, count, until};
use bulla_tests::daemon::Daemon;
use bulla_tests::workbench::run;

/// By how many seconds the clocks of the three nodes are ahead of the database's.
const AHEAD: [i64; 3] = [0, 5, -5];

/// In how many seconds the rollout switches: long enough to plan it, to see it at every node, and to
/// have each document there before, on a machine that is busy.
const LEAD: i64 = 25;

/// The document whose number a ring's baseline gives.
const PATH: &str = "/sgx/certification/v4/tcb?fmspc=FF53494D554C";

/// What a node served, and when: by the clock that the machine and the database have, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Served {
    asked: i64,
    answered: i64,
    number: i64,
}

#[expect(clippy::disallowed_methods, reason = "the nodes live now")]
fn milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.expect("a clock after 1970").as_millis();
    i64::try_from(since).expect("few")
}

fn serve(node: &Daemon, path: &str) -> Served {
    let asked = milliseconds();
    let reply = node.get(path);
    let answered = milliseconds();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let number = reply.json()["tcbInfo"]["tcbEvaluationDataNumber"].as_i64();
    Served {
        asked,
        answered,
        number: number.expect("a number"),
    }
}

/// Plans something at a node, and applies it there.
fn apply(node: &Daemon, plan: &str) {
    let headers = [("admin-token", TOKEN)];
    let planned = node.send("POST", "/baselines/plan", &headers, plan.as_bytes());
    assert_eq!(planned.status(), 200, "{}", planned.text());
    let digest = planned.json()["digest"].as_str().map(str::to_owned);
    let target = format!("/baselines/apply?digest={}", digest.expect("a digest"));
    let applied = node.send("POST", &target, &headers, plan.as_bytes());
    assert_eq!(applied.status(), 200, "{}", applied.text());
}

/// What a node says of the rollout.
fn state(node: &Daemon) -> String {
    let told = node.send("GET", "/baselines", &[("user-token", TOKEN)], b"");
    let told = told.json();
    let state = told["rollouts"]["switch"]["state"].as_str();
    state.unwrap_or("unknown").to_owned()
}

#[test]
fn a_rollout_switches_at_every_node_at_its_instant_within_the_skew_that_is_measured() {
    let test = "a rollout on nodes whose clocks differ";
    let Some(clocks) = Clocks::find(test) else {
        return;
    };
    let Some(cluster) = Cluster::open(test) else {
        return;
    };
    let dir = cluster.folder.text_path("box");
    let recovered = run(&["vendor", "recover", "--raises", "pce", "--dir", &dir]);
    assert_eq!(recovered.status, 0, "{}", recovered.stderr);
    let ways = AHEAD.map(|_| cluster.way());
    let names = ["right", "fast", "slow"];
    let nodes =
        [0, 1, 2].map(|node| cluster.start_ahead(names[node], &ways[node], AHEAD[node], &clocks));
    for node in &nodes {
        assert_eq!(serve(node, PATH).number, 1);
        let next = format!("{PATH}&tcbEvaluationDataNumber=2");
        assert_eq!(serve(node, &next).number, 2, "it is there beforehand");
    }

    // How far each clock is off is measured, and told where it matters.
    for (place, node) in nodes.iter().enumerate() {
        let (name, real) = (names[place], AHEAD[place]);
        until("the clocks are compared", || {
            count(node, "clock_ahead_of_database_seconds")
                .is_some_and(|ahead| (ahead - real).abs() <= 1)
        });
        let (met, detail) = condition(node, "clock");
        assert!(met, "{name}: {detail}");
        let warned = cluster
            .log(name)
            .contains("the clock is not that of the database");
        let told = match real {
            0 => detail.is_empty() && !warned,
            1.. => detail.contains("ahead of the database's") && warned,
            _ => detail.contains("behind the database's") && warned,
        };
        assert!(told, "{name}: {detail:?}, {}", cluster.log(name));
    }

    let from = milliseconds() / 1_000 + LEAD;
    let instant = bulla_pki::Timestamp::from_unix_seconds(from.unsigned_abs()).expect("a time");
    apply(
        &nodes[0],
        &format!(
            "[baselines.next]\nsgx = {{ number = 2 }}\ntdx = {{ number = 2 }}\n[rings.prod]\n\
             [rollouts.switch]\nring = \"prod\"\nbaseline = \"next\"\nfrom = \"{instant}\"\n"
        ),
    );
    for node in &nodes {
        until("the plan is at every node", || state(node) != "unknown");
        assert_eq!(
            state(node),
            "planned",
            "the machine is too slow for this test"
        );
    }

    let is_over = AtomicBool::new(false);
    let seen = AHEAD.map(|_| Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for (node, seen) in nodes.iter().zip(&seen) {
            let is_over = &is_over;
            scope.spawn(move || {
                let path = format!("/ring/prod{PATH}");
                loop {
                    let is_last = is_over.load(Ordering::Relaxed);
                    seen.lock().expect("no panic").push(serve(node, &path));
                    if is_last {
                        break;
                    }
                    thread::sleep(Duration::from_millis(50));
                }
            });
        }
        until("every node has switched", || {
            nodes.iter().all(|node| state(node) == "in-force")
        });
        is_over.store(true, Ordering::Relaxed);
    });
    for (place, node) in nodes.iter().enumerate() {
        // Whole seconds are compared, so that each may be off by one.
        let measured = count(node, "clock_ahead_of_database_seconds").expect("a measure");
        let (earliest, latest) = (from - measured - 1, from - measured + 1);
        let seen = seen[place].lock().expect("no panic");
        for served in seen.iter() {
            let one = format!("{}: {served:?} of {from}", names[place]);
            assert!(
                served.number == 1 || served.answered >= earliest * 1_000,
                "{one}"
            );
            assert!(
                served.number == 2 || served.asked <= latest * 1_000,
                "{one}"
            );
        }
        for number in [1, 2] {
            assert!(
                seen.iter().any(|served| served.number == number),
                "{number}"
            );
        }
    }
}

/// What another has asked for an hour from now, by its clock, was asked for before.
#[test]
fn certificates_are_asked_for_anew_whatever_the_clock_of_the_node_before() {
    let test = "certificates on nodes whose clocks differ";
    let Some(clocks) = Clocks::find(test) else {
        return;
    };
    let Some(cluster) = Cluster::open(test) else {
        return;
    };
    let ways = [cluster.way(), cluster.way()];
    let right = cluster.start("right", &ways[0]);
    let fast = cluster.start_ahead("fast", &ways[1], 3_600, &clocks);
    let host = cluster.host("one");
    assert_eq!(fast.get(&host.target_with_ppid()).status(), 200);
    let asked = || {
        let requests = cluster.vendor.requests();
        requests
            .iter()
            .filter(|one| one.contains("/pckcerts"))
            .count()
    };
    for node in [&right, &fast, &right] {
        // By the clock of the database, which has whole seconds.
        thread::sleep(Duration::from_secs(2));
        let before = asked();
        assert_ne!(before, 0);
        let headers = [("admin-token", TOKEN)];
        let target = "/sgx/certification/v4/refresh?type=certs&fmspc=all";
        let renewed = node.send("POST", target, &headers, b"");
        assert_eq!(renewed.status(), 200, "{}", renewed.text());
        assert_eq!(asked(), before + 1);
    }
}
