//! Rings in serving: clients of every dialect get the number that their ring demands, in its newest
//! issue.

use bulla_service::keeper::Mode;
use bulla_tests::baselines::{apply, recovering};
use bulla_tests::daemon::{Reply, exchange};
use bulla_tests::front::{Front, USER};
use bulla_tests::site::{Clock, DAY, Site};
use bulla_vendor::PROCESSOR_FMSPC;

/// `canary` follows number 2, `prod` number 1 from the start; the default ring what the vendor
/// enforces: 1 until the 28th, then 2.
const PLAN: &str = r#"
[baselines.level-1]
sgx = { number = 1 }
tdx = { number = 1 }
[baselines.level-2]
sgx = { number = 2 }
tdx = { number = 2 }
[rings.canary]
[rings.prod]
[rollouts.canary-2]
ring = "canary"
baseline = "level-2"
[rollouts.prod-1]
ring = "prod"
baseline = "level-1"
"#;

fn open() -> (Clock, Site, Front) {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let site = Site::open(recovering(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    front.block_on(front.keeping.settle());
    (clock, site, front)
}

/// Every document that has a number, in every dialect.
fn paths() -> Vec<String> {
    let family = format!("tcb?fmspc={}", hex::encode_upper(PROCESSOR_FMSPC));
    let mut paths = Vec::new();
    for base in ["", "/pcs"] {
        for document in [
            &*format!("sgx/certification/v4/{family}"),
            &*format!("tdx/certification/v4/{family}"),
            "sgx/certification/v4/qe/identity",
            "sgx/certification/v4/qve/identity",
            "tdx/certification/v4/qe/identity",
        ] {
            paths.push(format!("{base}/{document}"));
        }
    }
    // Identities are the same in the version that has ended.
    paths.push("/sgx/certification/v3/qe/identity".to_owned());
    paths
}

fn with(path: &str, parameter: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}{parameter}")
}

/// The number that a document has, and when it was issued.
fn issue(reply: &Reply) -> (u64, String) {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let json = reply.json();
    let document = ["tcbInfo", "enclaveIdentity"].map(|name| &json[name]);
    let [info, identity] = document;
    let document = if info.is_null() { identity } else { info };
    let number = document["tcbEvaluationDataNumber"]
        .as_u64()
        .expect("a number");
    (number, document["issueDate"].to_string())
}

#[test]
fn two_rings_get_their_numbers_from_one_service_in_every_dialect() {
    let (clock, _site, front) = open();
    apply(&front, PLAN);
    let get = |ring: &str, path: &str| front.get(&format!("{ring}{path}"));
    let number = |ring: &str, path: &str| issue(&get(ring, path)).0;
    let mut first = Vec::new();
    for path in paths() {
        assert_eq!(number("", &path), 1, "{path}");
        assert_eq!(number("/ring/default", &path), 1, "{path}");
        assert_eq!(number("/ring/prod", &path), 1, "{path}");
        assert_eq!(number("/ring/canary", &path), 2, "{path}");
        // What somebody asks for himself stays what it is.
        for (parameter, expected) in [
            ("tcbEvaluationDataNumber=1", 1),
            ("tcbEvaluationDataNumber=2", 2),
            ("update=early", 2),
        ] {
            let asked = with(&path, parameter);
            assert_eq!(number("/ring/prod", &asked), expected, "{asked}");
            assert_eq!(number("/ring/canary", &asked), expected, "{asked}");
        }
        let standard = with(&path, "update=standard");
        assert_eq!(number("/ring/canary", &standard), 2, "{standard}");
        first.push(issue(&get("/ring/prod", &path)).1);
    }
    // The day of promotion, and long after: pinned is the number, not the document.
    clock.pass(24 * DAY);
    front.block_on(front.keeping.settle());
    for (path, first) in paths().into_iter().zip(first) {
        assert_eq!(number("", &path), 2, "{path}");
        assert_eq!(number("/ring/canary", &path), 2, "{path}");
        let (number, issued) = issue(&get("/ring/prod", &path));
        assert_eq!(number, 1, "{path}");
        assert_ne!(issued, first, "{path}: the newest issue");
    }
}

#[test]
fn whatever_has_no_number_is_the_same_for_every_ring() {
    let (_clock, _site, front) = open();
    apply(&front, PLAN);
    for path in [
        "/sgx/certification/v4/pckcrl?ca=processor",
        "/sgx/certification/v4/rootcacrl",
        "/pcs/sgx/certification/v4/pckcrl?ca=platform",
        "/pcs/IntelSGXRootCA.der",
        "/pcs/tdx/certification/v4/tcbevaluationdatanumbers",
    ] {
        let (plain, ringed) = (front.get(path), front.get(&format!("/ring/canary{path}")));
        assert_eq!(ringed.status(), 200, "{path}");
        assert_eq!(ringed.body, plain.body, "{path}");
    }
    let gone = "/ring/canary/sgx/certification/v4/tcb?fmspc=000000000000";
    assert_eq!(front.get(gone).status(), 404);
}

#[test]
fn a_client_is_found_by_path_token_host_and_listener_in_this_order() {
    let (_clock, _site, front) = open();
    let path = "/sgx/certification/v4/qe/identity";
    let ask = |path: &str, host: &str, headers: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        issue(&exchange(&front.address, request.as_bytes())).0
    };
    let token = format!("{}: {}\r\n", USER.0, USER.1);
    assert_eq!(ask(path, "early.example", &token), 1);
    apply(
        &front,
        "[baselines.level-1]\nsgx.number = 1\n[baselines.level-2]\nsgx.number = 2\n\
         [rings.one]\nhosts = [\"late.example\"]\n\
         [rings.two]\nhosts = [\"early.example\"]\n\
         [rollouts.one]\nring = \"one\"\nbaseline = \"level-1\"\n\
         [rollouts.two]\nring = \"two\"\nbaseline = \"level-2\"\n",
    );
    for (host, expected) in [
        ("early.example", 2),
        ("EARLY.example:8081", 2),
        ("early.example.", 1),
        ("late.example", 1),
        ("127.0.0.1:1", 1),
        ("[::1]:8081", 1),
    ] {
        assert_eq!(ask(path, host, ""), expected, "{host}");
    }
    // The listener, which is called `test` here, after the host.
    apply(
        &front,
        "[rings.two]\nhosts = [\"early.example\"]\nlisteners = [\"test\"]\n",
    );
    assert_eq!(ask(path, "other.example", ""), 2);
    assert_eq!(ask(path, "late.example", ""), 1);
    // The token, whose name is `test`, before the host; a wrong one chooses nothing.
    apply(
        &front,
        "[rings.one]\nhosts = [\"late.example\"]\ntokens = [\"test\"]\n",
    );
    assert_eq!(ask(path, "early.example", &token), 1);
    assert_eq!(ask(path, "early.example", "user-token: wrong\r\n"), 2);
    assert_eq!(ask(path, "early.example", ""), 2);
    // The path before all of them.
    assert_eq!(ask(&format!("/ring/two{path}"), "late.example", &token), 2);
    assert_eq!(
        ask(&format!("/ring/default{path}"), "early.example", &token),
        1
    );
}

#[test]
fn a_ring_that_is_not_there_has_no_documents_and_below_a_ring_is_nothing_else() {
    let (_clock, _site, front) = open();
    apply(&front, PLAN);
    let before = front.state();
    for path in [
        "/ring/nowhere/sgx/certification/v4/qe/identity",
        "/ring/Canary/sgx/certification/v4/qe/identity",
        "/ring/can%61ry/sgx/certification/v4/qe/identity",
        "/ring//sgx/certification/v4/qe/identity",
        "/ring/nowhere",
    ] {
        let reply = front.get(path);
        assert_eq!(reply.status(), 404, "{path}");
        assert!(
            reply.text().contains("no ring of this name"),
            "{}",
            reply.text()
        );
    }
    for path in [
        "/ring/canary",
        "/ring/canary/",
        "/ring/canary/ring/canary/sgx/certification/v4/qe/identity",
        "/ring/canary/collateral",
        "/ring/canary/baselines",
        "/ring/canary/healthz",
        "/ring/canary/gate/policies",
    ] {
        assert_eq!(front.administrate("GET", path).status(), 404, "{path}");
    }
    assert_eq!(front.state(), before);
}

#[test]
fn a_rollout_is_served_from_its_first_second_on_and_a_rollback_at_once() {
    let (clock, _site, front) = open();
    apply(
        &front,
        "[baselines.level-2]\nsgx.number = 2\n[rings.prod]\n\
         [rollouts.prod-2]\nring = \"prod\"\nbaseline = \"level-2\"\nfrom = \"2026-11-24T06:00:00Z\"\n",
    );
    let number = || issue(&front.get("/ring/prod/pcs/sgx/certification/v4/qe/identity")).0;
    clock.set("2026-11-24T05:59:59Z".parse().expect("a time"));
    assert_eq!(number(), 1);
    clock.pass(1);
    assert_eq!(number(), 2);
    let rolled = front.administrate("POST", "/baselines/rollback?ring=prod&reason=OPS-1");
    assert_eq!(rolled.status(), 200, "{}", rolled.text());
    assert_eq!(number(), 1);
}
