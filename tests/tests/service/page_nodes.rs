//! The operator's page of several nodes: whoever signs in at one is signed in at each.

use bulla_tests::cluster::{Cluster, TOKEN};
use bulla_tests::daemon::Daemon;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Signs in at a node, and gives the cookie as a browser sends it back.
fn sign_in(node: &Daemon) -> String {
    let body = format!("token={TOKEN}");
    let reply = node.send("POST", "/page/sign-in", &[FORM], body.as_bytes());
    assert_eq!(reply.status(), 303, "{}", reply.text());
    let cookie = reply.header("Set-Cookie").expect("a cookie");
    cookie.split("; ").next().expect("a pair").to_owned()
}

fn see(node: &Daemon, path: &str, cookie: &str) -> (u16, String) {
    let reply = node.send("GET", path, &[("Cookie", cookie)], b"");
    (reply.status(), reply.text().to_owned())
}

#[test]
fn whoever_signs_in_at_one_node_is_signed_in_at_each_until_he_signs_out_anywhere() {
    let Some(cluster) = Cluster::open("the page of two nodes") else {
        return;
    };
    let ways = [cluster.way(), cluster.way()];
    let one = cluster.start("one", &ways[0]);
    let other = cluster.start("other", &ways[1]);
    let [cookie, stays] = [sign_in(&one), sign_in(&one)];
    for node in [&one, &other] {
        for path in ["/page/fleet", "/page/enforcement", "/page/refusals"] {
            assert_eq!(see(node, path, &cookie).0, 200, "{path}");
        }
        let made_up = format!("bulla-session={}", "0".repeat(64));
        assert_eq!(see(node, "/page/fleet", &made_up).0, 401);
    }

    // A form of one node's page is taken by the other.
    let (_, page) = see(&one, "/page", &cookie);
    let (_, rest) = page.split_once("name=\"check\" value=\"").expect("a form");
    let body = format!("check={}", &rest[..64]);
    let headers = [FORM, ("Cookie", cookie.as_str())];
    let out = other.send("POST", "/page/sign-out", &headers, body.as_bytes());
    assert_eq!(out.status(), 303, "{}", out.text());
    for node in [&one, &other] {
        assert_eq!(see(node, "/page/fleet", &cookie).0, 401);
        assert_eq!(see(node, "/page/fleet", &stays).0, 200);
    }

    // Without the database nobody is taken for somebody, and the rest goes on.
    ways[1].cut();
    assert_eq!(see(&other, "/page/upstreams", &stays).0, 503);
    let (status, page) = see(&other, "/page", &stays);
    assert_eq!(status, 200);
    assert!(page.contains("Sign in"), "{page}");
    ways[1].mend();
    assert_eq!(see(&one, "/page/upstreams", &stays).0, 200);
}
