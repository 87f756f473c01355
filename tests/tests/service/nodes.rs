//! Two nodes, one database: one truth, asked for once, used once.

use std::collections::BTreeSet;

use bulla_pki::hpke::KeyPair;
use bulla_tests::cluster::{Cluster, TOKEN, condition, count, until};
use bulla_tests::daemon::Daemon;
use bulla_tests::gate_daemon::{quote, wish};
use bulla_tests::gatehouse::{Attempt, POLICY};
use bulla_tests::workbench::run;

const DOCUMENTS: [&str; 6] = [
    "/sgx/certification/v4/tcb?fmspc=FF53494D554C",
    "/tdx/certification/v4/tcb?fmspc=FF53494D554C",
    "/sgx/certification/v4/qe/identity",
    "/sgx/certification/v4/pckcrl?ca=processor",
    "/sgx/certification/v4/pckcrl?ca=platform",
    "/sgx/certification/v4/rootcacrl",
];

const ADMINISTRATOR: [(&str, &str); 1] = [("admin-token", TOKEN)];

/// Asks both nodes at once for the same; gives both answers' bodies.
fn ask_both(nodes: [&Daemon; 2], target: &str) -> [Vec<u8>; 2] {
    std::thread::scope(|scope| {
        nodes
            .map(|node| scope.spawn(move || node.get(target)))
            .map(|asked| {
                let reply = asked.join().expect("an answer");
                assert_eq!(reply.status(), 200, "{target}: {}", reply.head);
                reply.body
            })
    })
}

#[test]
fn what_both_are_asked_for_the_vendor_is_asked_for_once() {
    let Some(cluster) = Cluster::open("what two nodes ask for") else {
        return;
    };
    let ways = [cluster.way(), cluster.way()];
    let one = cluster.start("one", &ways[0]);
    let other = cluster.start("other", &ways[1]);
    for target in DOCUMENTS {
        let [first, second] = ask_both([&one, &other], target);
        assert_eq!(first, second, "{target}");
    }
    let host = cluster.host("one");
    let [first, second] = ask_both([&one, &other], &host.target_with_ppid());
    assert_eq!(first, second);

    // All that is kept beside what clients asked for comes by itself.
    let vendors = |node: &Daemon| {
        let listed = node.send("GET", "/collateral", &ADMINISTRATOR, b"").json();
        let slots = listed["documents"].as_array().map(|all| {
            all.iter()
                .filter_map(|one| one["slot"].as_str().map(str::to_owned))
                .collect::<BTreeSet<_>>()
        });
        slots.unwrap_or_default()
    };
    until("both nodes have the same documents", || {
        let known = vendors(&one);
        known.len() >= 10 && known == vendors(&other)
    });
    let mut asked = cluster.vendor.requests();
    asked.sort();
    let count = asked.len();
    assert!(count >= 10, "{asked:#?}");
    let twice: Vec<_> = asked.windows(2).filter(|two| two[0] == two[1]).collect();
    assert!(twice.is_empty(), "{twice:#?} of {asked:#?}");
}

#[test]
fn what_is_decided_at_one_holds_at_the_other_and_a_nonce_is_good_once_at_all() {
    let Some(cluster) = Cluster::open("what two nodes decide") else {
        return;
    };
    let ways = [cluster.way(), cluster.way()];
    let one = cluster.start("one", &ways[0]);
    let other = cluster.start("other", &ways[1]);
    let root = one.told["trust_anchor"]["public_key_sha256"]
        .as_str()
        .expect("a digest");
    let policy = cluster
        .folder
        .write("policy.toml", format!("trust_anchors = [\"{root}\"]\n"));
    let put = run(&[
        "gate",
        "policy",
        "set",
        POLICY,
        "--file",
        &policy.display().to_string(),
        "--service",
        &format!("http://{}", one.address),
        "--token-file",
        &cluster.folder.text_path("token"),
    ]);
    assert_eq!(put.status, 0, "{}", put.stderr);
    until("the policy is at the other node", || {
        let policies = other.send("GET", "/gate/policies", &ADMINISTRATOR, b"");
        policies.text().contains(POLICY)
    });
    let keys = |node: &Daemon| node.get("/.well-known/jwks.json").body;
    until("both nodes sign with the same key", || {
        keys(&one) == keys(&other)
    });

    let key = KeyPair::generate().expect("a key");
    let challenge = one.send("POST", "/challenge", &[], b"").json();
    let nonce = bulla_tests::cluster::nonce(&challenge);
    let quote = quote(&cluster.folder, &nonce, &key);
    let attempt = Attempt::new(&nonce, &quote, &key).body.to_string();
    let attested = other.send("POST", "/attest", &[], attempt.as_bytes());
    assert_eq!(attested.status(), 200, "{}", attested.text());
    for node in [&one, &other] {
        let again = node.send("POST", "/attest", &[], attempt.as_bytes());
        assert_ne!(again.status(), 200);
        assert!(again.text().contains("nonce-used"), "{}", again.text());
    }

    // A key that was retired a moment ago at one counts at the other as it stands now.
    let service = format!("http://{}", one.address);
    let file = cluster.folder.write("secret", "open sesame");
    let token_file = cluster.folder.text_path("token");
    let at_one = |words: &[&str]| {
        let rest = ["--service", &service, "--token-file", &token_file];
        let done = run(&[&["gate"], words, &rest].concat());
        assert_eq!(done.status, 0, "{words:?}: {}", done.stderr);
    };
    let file = file.display().to_string();
    at_one(&["secret", "set", "door", "--policy", POLICY, "--file", &file]);
    let token = attested.json()["token"].as_str().map(str::to_owned);
    let wish = wish(&token.expect("a token"), "door");
    for _ in 0..3 {
        let rotated = one.send("POST", "/gate/keys/rotate", &ADMINISTRATOR, b"");
        assert_eq!(rotated.status(), 200, "{}", rotated.text());
        let released = other.send("POST", "/release", &[], &wish);
        assert_eq!(released.status(), 200, "{}", cluster.log("other"));
    }
}

#[test]
fn a_node_that_loses_the_database_serves_what_it_knows_says_so_and_comes_back() {
    let Some(cluster) = Cluster::open("a node without its database") else {
        return;
    };
    let ways = [cluster.way(), cluster.way()];
    let one = cluster.start("one", &ways[0]);
    let other = cluster.start("other", &ways[1]);
    let host = cluster.host("one");
    assert_eq!(other.get(&host.target_with_ppid()).status(), 200);
    for target in DOCUMENTS {
        assert_eq!(other.get(target).status(), 200, "{target}");
    }
    assert_eq!(count(&other, "store_reached"), Some(1));

    ways[1].cut();
    until("it is noticed", || {
        count(&other, "store_reached") == Some(0)
    });
    let ready = other.get("/readyz");
    assert_eq!(ready.status(), 200, "{}", ready.text());
    let (met, detail) = condition(&other, "store");
    assert!(met && detail.contains("out of reach"), "{detail}");
    let log = cluster.log("other");
    assert!(log.contains("the store is out of reach"), "{log}");
    for target in DOCUMENTS {
        assert_eq!(other.get(target).status(), 200, "{target}");
    }
    assert_eq!(other.get(&host.target()).status(), 200);
    let new = cluster.host("two");
    let user = [("user-token", TOKEN), ("Content-Type", "application/json")];
    let body = new.body().to_string();
    let register = |node: &Daemon| {
        let target = "/sgx/certification/v4/platforms";
        node.send("POST", target, &user, body.as_bytes()).status()
    };
    assert_eq!(register(&other), 503);
    assert_eq!(other.get(&new.target_with_ppid()).status(), 503);
    let decided = other.send("GET", "/gate/policies", &ADMINISTRATOR, b"");
    assert_eq!(decided.status(), 200, "what is known is told");

    // The other node has its database, and goes on; what it learns is taken up afterwards.
    assert_eq!(register(&one), 200);
    ways[1].mend();
    until("it is found again", || {
        count(&other, "store_reached") == Some(1)
    });
    until("what was missed is there", || {
        other.get(&new.target()).status() == 200
    });
    assert_eq!(condition(&other, "store"), (true, String::new()));
    let log = cluster.log("other");
    assert!(log.contains("within reach again"), "{log}");
}

#[test]
fn clocks_are_compared() {
    let Some(cluster) = Cluster::open("the clocks of nodes") else {
        return;
    };
    let way = cluster.way();
    let node = cluster.start("one", &way);
    until("the clocks were compared", || {
        count(&node, "clock_ahead_of_database_seconds").is_some_and(|ahead| ahead.abs() <= 1)
    });
    let (met, detail) = condition(&node, "clock");
    assert!(met && detail.is_empty(), "{detail}");
}
