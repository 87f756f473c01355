//! Two nodes under load, while the database is started anew and cut off, and a node is killed and
//! replaced: no request fails that another node answers, nothing that was acknowledged is lost.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use bulla_tests::cluster::{Cluster, TOKEN, condition, count, until};
use bulla_tests::daemon::Daemon;
use bulla_tests::gate_daemon::try_send;

const TCB: &str = "/sgx/certification/v4/tcb?fmspc=FF53494D554C";

/// How many platforms are registered meanwhile.
const PLATFORMS: usize = 6;

/// Asks the nodes in turn until one answers, as a balancer of load does where nobody listens; gives
/// the status.
fn ask(nodes: &RwLock<Vec<String>>, request: &[u8]) -> Option<u16> {
    let addresses = nodes.read().expect("no panic before").clone();
    addresses
        .iter()
        .find_map(|address| Some(try_send(address, request)?.status()))
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes()
}

fn register(body: &str) -> Vec<u8> {
    format!(
        "POST /sgx/certification/v4/platforms HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         user-token: {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn nothing_fails_and_nothing_is_lost_while_database_and_nodes_come_and_go() {
    let Some(mut cluster) = Cluster::open("two nodes under load") else {
        return;
    };
    let hosts: Vec<_> = (0..PLATFORMS)
        .map(|number| cluster.host(&format!("host-{number}")))
        .collect();
    let known = cluster.host("one");
    let ways = [cluster.way(), cluster.way()];
    let one = cluster.start("one", &ways[0]);
    let other = cluster.start("other", &ways[1]);
    for node in [&one, &other] {
        assert_eq!(node.get(TCB).status(), 200);
        assert_eq!(node.get(&known.target_with_ppid()).status(), 200);
    }
    let nodes = RwLock::new(vec![one.address.clone(), other.address.clone()]);
    let (is_over, answered) = (AtomicBool::new(false), AtomicU32::new(0));
    let failed = Mutex::new(Vec::new());
    let acknowledged = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for target in [TCB.to_owned(), known.target()] {
            let (nodes, failed, answered, is_over) = (&nodes, &failed, &answered, &is_over);
            scope.spawn(move || {
                let request = get(&target);
                while !is_over.load(Ordering::Relaxed) {
                    match ask(nodes, &request) {
                        Some(200) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        status => failed
                            .lock()
                            .expect("no panic")
                            .push((target.clone(), status)),
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
        scope.spawn(|| {
            for host in &hosts {
                let request = register(&host.body().to_string());
                // Who is told to come again comes again.
                until("the platform is registered", || {
                    ask(&nodes, &request) == Some(200)
                });
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        });

        let reached = |node: &Daemon, is_so| {
            until("the node notices", || {
                count(node, "store_reached") == Some(i64::from(is_so))
            });
        };
        cluster.server.end();
        reached(&one, false);
        reached(&other, false);
        cluster.server.go_on();
        reached(&one, true);
        reached(&other, true);

        ways[0].cut();
        reached(&one, false);
        ways[0].mend();
        reached(&one, true);

        one.signal("KILL");
        drop(one);
        let third = cluster.start("third", &ways[0]);
        *nodes.write().expect("no panic before") =
            vec![third.address.clone(), other.address.clone()];
        until("all platforms are registered", || {
            acknowledged.load(Ordering::Relaxed) == u32::try_from(PLATFORMS).expect("few")
        });
        is_over.store(true, Ordering::Relaxed);
        for node in [&third, &other] {
            assert_eq!(condition(node, "store"), (true, String::new()));
            for host in &hosts {
                assert_eq!(node.get(&host.target()).status(), 200, "{}", host.qe_id);
            }
        }
    });
    let failed = failed.into_inner().expect("no panic before");
    assert!(
        failed.is_empty(),
        "{} failed, first {:?}",
        failed.len(),
        failed.first()
    );
    assert!(answered.into_inner() > 100);
    let checked = cluster
        .server
        .sql("test_0", "SELECT count(*) FROM bulla.platforms");
    assert_eq!(checked, (PLATFORMS + 1).to_string());
}
