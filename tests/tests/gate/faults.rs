//! What goes wrong at the worst moment: no secret beyond its limit, none without its entry in the
//! audit.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bulla_pki::hpke::KeyPair;
use bulla_store::Governance as _;
use bulla_tests::daemon::Daemon;
use bulla_tests::gate_daemon::{Grounds, try_release, wish};
use bulla_tests::gatehouse::{Gatehouse, opened};
use bulla_token::KeyState;
use rusqlite::Connection;
use serde_json::{Value, json};

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// How often a secret was released by its count, and by the audit.
fn counted(grounds: &Grounds, service: &Daemon) -> (u64, u64) {
    let token = grounds.token();
    let admin: [(&str, &str); 1] = [("admin-token", &token)];
    let secrets = service.send("GET", "/gate/secrets", &admin, b"").json();
    let releases = secrets[0]["releases"].as_u64().expect("a number");
    let audit = service.send("GET", "/audit", &admin, b"").json();
    let entries = audit.as_array().expect("a list").iter();
    let entries = entries.filter(|entry| entry["action"] == "secret.release");
    let checked = service.send("GET", "/store/check", &admin, b"");
    assert_eq!(checked.status(), 200, "{}", checked.text());
    (releases, u64::try_from(entries.count()).expect("few"))
}

const SETTINGS: &str =
    "place = \"owner\"\nissuer = \"https://gate.example\"\ntoken_seconds = 3600\n";

/// How often the secret may be released in all.
const TIMES: u64 = 60;

/// How many ask at once.
const ASKERS: u64 = 3;

/// After how many answers each process is killed, while the others are on their way.
const KILLED_AFTER: [u64; 5] = [1, 4, 7, 9, 12];

#[test]
fn a_gate_that_is_killed_between_decision_and_answer_releases_nothing_beyond_the_limit() {
    let grounds = Grounds::new(SETTINGS);
    let mut service = grounds.start();
    grounds.furnish(&service, "database", &["--times", &TIMES.to_string()]);
    let key = key();
    let token = grounds.attest(&service, &key);
    let body = wish(&token, "database");
    let mut received = 0;
    for (kills, after) in (1..).zip(KILLED_AFTER) {
        let answers = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..ASKERS {
                scope.spawn(|| {
                    while let Some(reply) = try_release(&service.address, &body) {
                        assert_eq!(reply.status(), 200, "{}", reply.text());
                        let value = opened(&reply, &key, &token, "database");
                        assert_eq!(value.expect("the value"), b"open sesame");
                        answers.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            while answers.load(Ordering::SeqCst) < after {
                thread::sleep(Duration::from_micros(200));
            }
            service.signal("KILL");
        });
        service.wait();
        received += answers.into_inner();
        service = grounds.start();
        let (count, entries) = counted(&grounds, &service);
        assert_eq!(count, entries, "one entry for each");
        // Those on their way were counted and may never have come.
        assert!(
            (received..=received + kills * ASKERS).contains(&count),
            "{received} received, {count} counted"
        );
        assert!(count <= TIMES);
    }
    while let Some(reply) = try_release(&service.address, &body) {
        match reply.status() {
            200 => received += 1,
            status => {
                assert_eq!(status, 403, "{}", reply.text());
                break;
            }
        }
    }
    assert!(received <= TIMES, "{received}");
    assert_eq!(counted(&grounds, &service), (TIMES, TIMES));
}

#[test]
fn on_a_full_disk_nothing_is_released_and_nothing_counted() {
    let grounds = Grounds::new(SETTINGS);
    let service = grounds.start_unlimited();
    grounds.furnish(&service, "database", &["--times", "1"]);
    let key = key();
    let token = grounds.attest(&service, &key);
    let limit = |size: &str| {
        let set = Command::new("prlimit")
            .args(["--pid", &service.id().to_string()])
            .arg(format!("--fsize={size}:unlimited"))
            .status();
        assert!(set.expect("prlimit runs").success());
    };
    let release = || try_release(&service.address, &wish(&token, "database")).expect("an answer");
    limit("0");
    for _ in 0..3 {
        let reply = release();
        assert_eq!(reply.status(), 500, "{}", reply.text());
        assert_eq!(reply.json()["code"], "store-unavailable");
        assert!(
            !reply.text().contains("state"),
            "what the disk says is in the log"
        );
    }
    // Attesting gives nothing out but a signature.
    drop(grounds.attest(&service, &key));
    limit("unlimited");
    let reply = release();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let value = opened(&reply, &key, &token, "database").expect("the value");
    assert_eq!(value, b"open sesame");
    assert_eq!(release().status(), 403);
    assert_eq!(counted(&grounds, &service), (1, 1));
}

/// A gate in this process, and a second hand on its store.
fn with_second_hand() -> (Gatehouse, Connection) {
    let house = Gatehouse::open();
    house.put_secret("database", b"open sesame", &json!({ "times": 2 }));
    let connection =
        Connection::open(house.front.store.file().expect("a file")).expect("the store");
    (house, connection)
}

fn releases(house: &Gatehouse) -> Value {
    house.front.administrate("GET", "/gate/secrets").json()[0]["releases"].clone()
}

#[test]
fn without_the_audit_nothing_is_released() {
    let (house, store) = with_second_hand();
    let key = key();
    let token = house.token(&key);
    let break_audit = "CREATE TRIGGER broken BEFORE INSERT ON audit
         BEGIN SELECT RAISE(ABORT, 'the audit is broken'); END";
    store.execute_batch(break_audit).expect("a trigger");
    for _ in 0..3 {
        let reply = house.release(&token, "database");
        assert_eq!(reply.status(), 500, "{}", reply.text());
        assert_eq!(reply.json()["code"], "store-unavailable");
    }
    assert_eq!(releases(&house), 0);
    store
        .execute_batch("DROP TRIGGER broken")
        .expect("no trigger");
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
    assert_eq!(releases(&house), 1);
}

#[test]
fn a_store_that_is_gone_or_changed_by_another_hand_releases_nothing() {
    let (house, store) = with_second_hand();
    let key = key();
    let token = house.token(&key);
    for (harm, repair) in [
        (
            "ALTER TABLE secrets RENAME TO gone",
            "ALTER TABLE gone RENAME TO secrets",
        ),
        (
            "ALTER TABLE audit RENAME TO gone",
            "ALTER TABLE gone RENAME TO audit",
        ),
        (
            "ALTER TABLE decisions RENAME TO gone",
            "ALTER TABLE gone RENAME TO decisions",
        ),
        // The count set back, and the limit raised: the row's digest tells.
        (
            "UPDATE secrets SET releases = 7",
            "UPDATE secrets SET releases = 0",
        ),
        (
            "UPDATE secrets SET times = 9",
            "UPDATE secrets SET times = 2",
        ),
        (
            "UPDATE secrets SET policy = 'lax'",
            "UPDATE secrets SET policy = 'payroll'",
        ),
    ] {
        store.execute_batch(harm).expect(harm);
        let reply = house.release(&token, "database");
        assert_eq!(reply.status(), 500, "{harm}: {}", reply.text());
        store.execute_batch(repair).expect(repair);
    }
    assert_eq!(releases(&house), 0);
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
}

/// Decides about a key in the store, as the gate does before it takes that up itself: whatever is on
/// its way at that moment has the key in hand as it was before.
fn decide(house: &Gatehouse, kid: &str, state: KeyState) {
    let store = &house.front.store;
    let history = store.decision_history("token-key", kid).expect("a history");
    let body = history[0].body.as_deref().expect("a key");
    let mut kept: Value = serde_json::from_str(body).expect("JSON");
    kept["state"] = json!(state);
    kept.as_object_mut().expect("an object").remove("private");
    let (body, now) = (kept.to_string(), house.clock.now());
    let decided = store.decide("token-key", kid, Some(&body), now, "a test");
    decided.expect("decided");
}

#[track_caller]
fn change_keys(house: &Gatehouse, target: &str) {
    let reply = house.front.administrate("POST", target);
    assert_eq!(reply.status(), 200, "{}", reply.text());
}

/// The key changes between a decision and its signature, and between the look at a token and the
/// count.
#[test]
fn a_key_that_is_rotated_or_withdrawn_under_a_request_opens_nothing_out_of_turn() {
    let house = Gatehouse::open();
    house.put_secret("database", b"open sesame", &json!({ "times": 3 }));
    let key = key();
    let current = || {
        let keys = house.front.administrate("GET", "/gate/keys").json();
        let keys = keys.as_array().expect("a list").iter();
        let mut signing = keys.filter(|key| key["state"] == "current");
        let signing = signing.next().expect("one signs");
        signing["kid"].as_str().expect("an id").to_owned()
    };

    let (first, before) = (current(), house.token(&key));
    let until = house.clock.now().saturating_add(300);
    decide(&house, &first, KeyState::Retired { until });
    let during = house.token(&key);
    // A release reads anew what changed: both count, as what the key signed while it did.
    for token in [&before, &during] {
        assert_eq!(house.claims(token).cnf.jwk.0.0, *key.public_key());
        assert_eq!(house.value(&key, token, "database"), b"open sesame");
    }
    change_keys(&house, "/gate/keys/rotate");

    let (second, before) = (current(), house.token(&key));
    assert_ne!(second, first);
    decide(&house, &second, KeyState::Withdrawn);
    let during = house.token(&key);
    for token in [&before, &during] {
        assert_eq!(house.withheld(token, "database"), "token-key-withdrawn");
    }
    assert!(house.keys().find(&second).is_none(), "nobody believes it");
    assert_eq!(releases(&house), 2);

    let last = house.token(&key);
    assert_eq!(house.value(&key, &last, "database"), b"open sesame");
    assert_eq!(house.withheld(&last, "database"), "times-reached");
    let audit = house.audit(0);
    let released = audit.iter().filter(|it| it["action"] == "secret.release");
    assert_eq!(released.count(), 3);
}

/// Whoever can write the store, digests and all, still cannot have a value released under another
/// policy than the one it was given in under.
#[test]
fn what_was_sealed_for_one_policy_opens_under_no_other() {
    let house = Gatehouse::open();
    house.put_policy("lax", &house.naming_root("# anything\n"));
    house.put_secret("database", b"open sesame", &json!({}));
    house.put_secret("other", b"another", &json!({ "policy": "lax" }));
    let store = Connection::open(house.front.store.file().expect("a file")).expect("the store");
    let key = key();
    let token = house.token_of(&house.attempt(&key).with("policy", "lax"));
    // The value of one in the row of the other, with the digest that it then has.
    let value: Vec<u8> = store
        .query_row(
            "SELECT value FROM secrets WHERE name = 'database'",
            [],
            |row| row.get(0),
        )
        .expect("a value");
    let (at, author): (u64, String) = store
        .query_row(
            "SELECT at, author FROM secrets WHERE name = 'other'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("a row");
    let seal = row_digest("other", at, &author, "lax", &value);
    store
        .execute(
            "UPDATE secrets SET value = ?1, seal = ?2 WHERE name = 'other'",
            (&value, &seal[..]),
        )
        .expect("a change");
    let before = u64::try_from(house.audit(0).len()).expect("few");
    let reply = house.release(&token, "other");
    assert_eq!(reply.status(), 500, "{}", reply.text());
    assert_eq!(reply.json()["code"], "internal");
    // It was counted and never left, which the audit says.
    let actions: Vec<Value> = house
        .audit(before)
        .iter()
        .map(|entry| entry["action"].clone())
        .collect();
    assert_eq!(actions, ["secret.release", "secret.lost"]);
}

/// The digest of a row of the first version, without limits and releases, as the store makes it.
fn row_digest(name: &str, at: u64, author: &str, policy: &str, value: &[u8]) -> [u8; 32] {
    let number = |number: u64| number.to_be_bytes().to_vec();
    let bytes = |bytes: &[u8]| {
        let length = u64::try_from(bytes.len()).expect("short");
        [number(length), bytes.to_vec()].concat()
    };
    let parts = [
        bytes(b"secret"),
        bytes(name.as_bytes()),
        number(1),
        number(at),
        bytes(author.as_bytes()),
        bytes(policy.as_bytes()),
        vec![0],
        vec![0],
        vec![0],
        number(0),
        vec![1],
        bytes(value),
    ];
    bulla_pki::digest::sha256(&parts.concat())
}
