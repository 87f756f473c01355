//! Baselines when things go wrong at the worst moment: a decision is whole, in force and in the audit,
//! or none of it happened.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bulla_service::keeper::Mode;
use bulla_tests::baselines::{apply, in_force, plan, refusals};
use bulla_tests::daemon::{Daemon, Reply};
use bulla_tests::front::{ADMINISTRATOR, Front};
use bulla_tests::gate_daemon::Grounds;
use bulla_tests::site::Clock;
use bulla_tests::workbench::run;
use rusqlite::Connection;
use serde_json::Value;

/// How long some decisions may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// After how many decisions each process is killed, while another is on its way.
const KILLED_AFTER: [u64; 4] = [1, 3, 6, 10];

fn post(service: &Daemon, token: &str, target: &str, body: &str) -> Reply {
    service.send("POST", target, &[("admin-token", token)], body.as_bytes())
}

fn get(service: &Daemon, token: &str, target: &str) -> Value {
    service
        .send("GET", target, &[("admin-token", token)], b"")
        .json()
}

/// One ring more.
/// Whether a client can name the ring.
fn has_ring(service: &Daemon, name: &str) -> bool {
    let reply = service.get(&format!("/ring/{name}/healthz"));
    assert_eq!(reply.status(), 404);
    !reply.text().contains("no ring of this name")
}

fn ring(number: u64) -> String {
    format!("[rings.r{number}]\n")
}

/// Plans and applies at a process that may be killed meanwhile; whether it was acknowledged.
fn try_apply(address: &str, token: &str, text: &str) -> bool {
    let ask = |target: &str| -> Option<Value> {
        let length = text.len();
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nadmin-token: {token}\r\n\
             Content-Length: {length}\r\n\r\n{text}"
        );
        let mut stream = std::net::TcpStream::connect(address).ok()?;
        std::io::Write::write_all(&mut stream, head.as_bytes()).ok()?;
        let mut reply = String::new();
        std::io::Read::read_to_string(&mut stream, &mut reply).ok()?;
        let (_, body) = reply.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    };
    let digest = ask("/baselines/plan").and_then(|planned| {
        let digest = planned["digest"].as_str()?;
        Some(digest.to_owned())
    });
    let applied = digest.and_then(|digest| ask(&format!("/baselines/apply?digest={digest}")));
    applied.is_some_and(|applied| applied["decision"].is_u64())
}

#[test]
fn a_service_that_is_killed_while_it_decides_has_decided_whole_or_not_at_all() {
    let grounds = Grounds::new("");
    let mut service = grounds.start();
    let token = grounds.token();
    let next = AtomicU64::new(0);
    let mut acknowledged = 0;
    for after in KILLED_AFTER {
        let done = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                while try_apply(
                    &service.address,
                    &token,
                    &ring(next.fetch_add(1, Ordering::SeqCst)),
                ) {
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
            let end = Instant::now() + PATIENCE;
            while done.load(Ordering::SeqCst) < after && Instant::now() < end {
                thread::sleep(Duration::from_micros(200));
            }
            service.signal("KILL");
        });
        service.wait();
        let done = done.into_inner();
        assert!(done >= after, "{done} decisions in {PATIENCE:?}");
        acknowledged += done;
        service = grounds.start();
        let shown = get(&service, &token, "/baselines");
        let count = shown["decisions"].as_u64().expect("a number");
        // One may have been on its way.
        assert!(
            (acknowledged..=acknowledged + 1).contains(&count),
            "{count}"
        );
        acknowledged = count;
        let history = get(&service, &token, "/baselines/history");
        assert_eq!(
            history.as_array().map(Vec::len),
            usize::try_from(count).ok()
        );
        let rings = shown["rings"].as_object().expect("rings").len();
        assert_eq!(
            u64::try_from(rings).ok(),
            Some(count + 1),
            "each, and `default`"
        );
        let audit = get(&service, &token, "/audit");
        let entries = audit.as_array().expect("a list").iter();
        let decisions = entries.filter(|entry| entry["action"] == "baselines.apply");
        assert_eq!(u64::try_from(decisions.count()).ok(), Some(count));
    }
    let checked = service.send("GET", "/store/check", &[("admin-token", &token)], b"");
    assert_eq!(checked.status(), 200, "{}", checked.text());
}

#[test]
fn on_a_full_disk_nothing_is_decided_and_everything_stays_in_force() {
    let grounds = Grounds::new("");
    let service = grounds.start_unlimited();
    let token = grounds.token();
    assert!(try_apply(&service.address, &token, &ring(0)));
    let before = get(&service, &token, "/baselines/history");
    let limit = |size: &str| {
        let set = Command::new("prlimit")
            .args(["--pid", &service.id().to_string()])
            .arg(format!("--fsize={size}:unlimited"))
            .status();
        assert!(set.expect("prlimit runs").success());
    };
    let planned = post(&service, &token, "/baselines/plan", &ring(1)).json();
    let digest = planned["digest"].as_str().expect("a digest");
    let target = format!("/baselines/apply?digest={digest}");
    limit("0");
    for _ in 0..3 {
        let reply = post(&service, &token, &target, &ring(1));
        assert_eq!(reply.status(), 500, "{}", reply.text());
        assert_eq!(reply.json()["code"], "store-unavailable");
    }
    assert_eq!(get(&service, &token, "/baselines/history"), before);
    assert!(has_ring(&service, "r0"));
    assert!(!has_ring(&service, "r1"));
    limit("unlimited");
    // What was reviewed is still what happens.
    let reply = post(&service, &token, &target, &ring(1));
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert!(has_ring(&service, "r1"));
}

#[test]
fn without_the_audit_nothing_is_decided() {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let front = Front::open(&clock, Vec::new(), Mode::Offline);
    apply(&front, &ring(0));
    let store = Connection::open(front.store.file().expect("a file")).expect("the store");
    let break_audit = "CREATE TRIGGER broken BEFORE INSERT ON audit
         BEGIN SELECT RAISE(ABORT, 'the audit is broken'); END";
    store.execute_batch(break_audit).expect("a trigger");
    let before = front.state();
    let digest = plan(&front, &ring(1)).json()["digest"].clone();
    let target = format!("/baselines/apply?digest={}", digest.as_str().expect("text"));
    let attempt = |method: &str, target: &str, body: &str| {
        let reply = front.send(method, target, &[ADMINISTRATOR], body.as_bytes());
        assert_eq!(reply.status(), 500, "{target}: {}", reply.text());
        assert_eq!(reply.json()["code"], "store-unavailable");
    };
    attempt("POST", &target, &ring(1));
    // Of the gate's policies the same holds.
    attempt("PUT", "/gate/policies?name=payroll", "# anything\n");
    attempt("POST", "/gate/keys/rotate", "");
    assert_eq!(front.state(), before);
    assert_eq!(in_force(&front)["decisions"], 1);
    assert_eq!(
        front.administrate("GET", "/gate/policies").json(),
        Value::Array(Vec::new())
    );
    store
        .execute_batch("DROP TRIGGER broken")
        .expect("no trigger");
    assert_eq!(
        front
            .send("POST", &target, &[ADMINISTRATOR], ring(1).as_bytes())
            .status(),
        200
    );
}

#[test]
fn a_store_whose_decisions_another_hand_changed_does_not_serve() {
    let grounds = Grounds::new("");
    let service = grounds.start();
    let token = grounds.token();
    assert!(try_apply(&service.address, &token, &ring(0)));
    assert!(service.end().success());
    let store = Connection::open(grounds.folder.path("state/store.sqlite")).expect("the store");
    let changed = store.execute(
        "UPDATE decisions SET body = replace(body, 'r0', 'r9') WHERE kind = 'baselines'",
        [],
    );
    assert_eq!(changed.expect("a change"), 1);
    drop(store);
    let store = grounds.folder.text_path("state");
    let arguments = grounds.arguments();
    let mut words = vec!["serve", "--listen", "127.0.0.1:0", "--store", &store];
    words.extend(arguments.iter().map(String::as_str));
    let answer = run(&words);
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    assert!(answer.stderr.contains("damaged"), "{}", answer.stderr);
}

#[test]
fn a_ring_cannot_claim_what_the_service_is_not_configured_with() {
    let grounds = Grounds::new("");
    let service = grounds.start();
    let token = grounds.token();
    let claiming = "[rings.a]\ntokens = [\"nobody\"]\nlisteners = [\"nowhere\"]\n";
    let digest = "0".repeat(64);
    for target in [
        "/baselines/plan",
        &format!("/baselines/apply?digest={digest}"),
    ] {
        let reply = post(&service, &token, target, claiming);
        assert_eq!(reply.status(), 422, "{}", reply.text());
        let codes: Vec<String> = refusals(&reply).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, ["unknown-token", "unknown-listener"]);
    }
    let listener = "[rings.a]\nlisteners = [\"127.0.0.1:0\"]\n";
    assert!(try_apply(&service.address, &token, listener));
}
