//! `bulla gate policy`, `secret`, `keys`, `decisions`, and `bulla serve` with a gate.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use bulla_pki::hpke::KeyPair;
use bulla_tests::daemon::Daemon;
use bulla_tests::gate_daemon::{Grounds, try_release, wish};
use bulla_tests::gatehouse::{POLICY, opened};
use bulla_tests::workbench::{Answer, run};
use serde_json::Value;

#[track_caller]
fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 0, "{}{}", answer.stdout, answer.stderr);
    answer.json()
}

#[test]
fn an_administrator_keeps_policies_secrets_and_keys() {
    let grounds = Grounds::new("place = \"owner\"\n");
    let service = grounds.start();
    let gate = |words: &[&str]| grounds.gate(&service, words);
    let as_json = |words: &[&str]| json(&gate(&[words, &["--format", "json"]].concat()));

    let policy = grounds.policy(&service);
    let put = as_json(&["policy", "set", POLICY, "--file", &policy]);
    assert_eq!(
        (&put["name"], &put["version"], &put["simulated"]),
        (&POLICY.into(), &1.into(), &true.into())
    );
    let shown = gate(&["policy", "show", POLICY]);
    assert_eq!(shown.stdout, fs::read_to_string(&policy).expect("a policy"));
    let listed = gate(&["policy", "list"]);
    assert!(listed.stdout.contains("1 policy at") && listed.stdout.contains(POLICY));

    let words = [
        "secret", "set", "database", "--policy", POLICY, "--file", "-", "--times", "2",
    ];
    let put = grounds.gate_with_input(&service, &words, b"open sesame");
    assert_eq!(put.status, 0, "{}", put.stderr);
    assert!(
        put.stdout.contains("secret database is kept, version 1"),
        "{}",
        put.stdout
    );
    let key = KeyPair::generate().expect("a key");
    let token = grounds.attest(&service, &key);
    let reply = try_release(&service.address, &wish(&token, "database")).expect("an answer");
    let value = opened(&reply, &key, &token, "database").expect("the value");
    assert_eq!(value, b"open sesame", "byte for byte");
    let listed = gate(&["secret", "list"]);
    assert!(listed.stdout.contains("1 of 2"), "{}", listed.stdout);
    let listed = as_json(&["secret", "list"]);
    assert_eq!(listed["secrets"][0]["releases"], 1);

    let keys = as_json(&["keys", "list"]);
    let first = keys["keys"][0]["kid"].as_str().expect("an id").to_owned();
    assert_eq!(keys["keys"][0]["state"], "current");
    let second = as_json(&["keys", "rotate"])["kid"].clone();
    assert_ne!(second, first.as_str());
    // An id may begin with a hyphen, being base64url.
    let withdrawn = as_json(&["keys", "withdraw", &first]);
    assert_eq!(
        (&withdrawn["withdrawn"], &withdrawn["kid"]),
        (&first.as_str().into(), &second)
    );
    let reply = try_release(&service.address, &wish(&token, "database")).expect("an answer");
    assert_eq!(reply.status(), 403);

    let decisions = as_json(&["decisions", "--limit", "2"]);
    let last = &decisions["decisions"][0];
    assert_eq!(
        (&last["code"], &last["secret"]),
        (&"token-key-withdrawn".into(), &"database".into())
    );
    assert_eq!(decisions["decisions"][1]["outcome"], "released");
    let told = gate(&["decisions"]);
    assert!(
        told.stdout.contains("token-key-withdrawn: "),
        "{}",
        told.stdout
    );

    let removed = gate(&["policy", "remove", POLICY]);
    assert!(
        removed.stdout.contains("1 secret held back"),
        "{}",
        removed.stdout
    );
    assert_eq!(
        as_json(&["secret", "remove", "database"])["removed"],
        "database"
    );
    let gone = gate(&["secret", "remove", "database"]);
    assert_eq!(gone.status, 2);
    assert!(gone.stderr.contains("404"), "{}", gone.stderr);
}

#[test]
fn what_is_wrong_is_said_before_it_is_sent() {
    let grounds = Grounds::new("place = \"owner\"\n");
    let service = grounds.start();
    grounds
        .folder
        .write("broken.toml", "accepted_tcb_statuses = [\"Revoked\"]\n");
    let broken = grounds.folder.text_path("broken.toml");
    let refused = grounds.gate(&service, &["policy", "set", "a", "--file", &broken]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("line 1"), "{}", refused.stderr);
    for (options, reason) in [
        (vec!["--platform", "00"], "--platform"),
        (vec!["--until", "tomorrow"], "tomorrow"),
        (vec!["--times", "0"], "--times"),
    ] {
        let words = ["secret", "set", "a", "--policy", "p", "--file", &broken];
        let refused = grounds.gate(&service, &[&words[..], &options].concat());
        assert_eq!(refused.status, 2, "{options:?}");
        assert!(refused.stderr.contains(reason), "{}", refused.stderr);
    }
    // A value is no argument.
    let refused = run(&[
        "gate", "secret", "set", "a", "--policy", "p", "--value", "v",
    ]);
    assert_eq!(refused.status, 2);
}

#[test]
fn without_the_setting_there_is_no_gate_and_no_key() {
    let grounds = Grounds::new("");
    grounds
        .folder
        .write("gate.toml", "[gate]\nplace = \"owner\"\n");
    let service = grounds.start();
    assert!(service.told["gate"].is_null(), "{}", service.told);
    for (method, path) in [
        ("POST", "/challenge"),
        ("POST", "/attest"),
        ("POST", "/release"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/gate/secrets"),
    ] {
        assert_eq!(service.send(method, path, &[], b"").status(), 404, "{path}");
    }
    assert!(!grounds.folder.path("state/gate-key").exists());
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn the_key_is_beside_the_store_for_its_owner_alone_and_in_no_backup() {
    let grounds = Grounds::new("place = \"owner\"\nissuer = \"https://gate.example\"\n");
    let service = grounds.start();
    let file = grounds.folder.path("state/gate-key");
    assert_eq!(service.told["gate_key"]["file"], file.display().to_string());
    assert_eq!(service.told["gate_key"]["made_now"], true);
    assert_eq!(mode(&file), 0o600);
    let digits = fs::read_to_string(&file).expect("a key");
    grounds.furnish(&service, "database", &[]);
    let key = KeyPair::generate().expect("a key");
    let token = grounds.attest(&service, &key);

    let administrator = grounds.token();
    let admin: [(&str, &str); 1] = [("admin-token", &administrator)];
    let backup = service.send("POST", "/store/backup", &admin, b"").json();
    let backup = fs::read(backup["file"].as_str().expect("a file")).expect("a backup");
    let has = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
    let store = fs::read(grounds.folder.path("state/store.sqlite")).expect("a store");
    let octets = hex::decode(digits.trim()).expect("digits");
    for bytes in [&backup, &store] {
        for secret in [digits.trim().as_bytes(), &octets, b"open sesame"] {
            assert!(!has(bytes, secret));
        }
    }
    let log = fs::read(grounds.folder.path("log")).expect("a log");
    for secret in [digits.trim().as_bytes(), b"open sesame", token.as_bytes()] {
        assert!(!has(&log, secret), "{}", String::from_utf8_lossy(&log));
    }
    assert!(
        has(&log, b"the gate decided"),
        "what was decided is in the log"
    );

    // After the next start the same keys sign and open.
    assert!(service.end().success());
    let service = grounds.start();
    assert_eq!(service.told["gate_key"]["made_now"], false);
    let reply = try_release(&service.address, &wish(&token, "database")).expect("an answer");
    let value = opened(&reply, &key, &token, "database").expect("the value");
    assert_eq!(value, b"open sesame");
    assert!(service.end().success());

    // Without the key there is no gate: none is made over what it sealed.
    let refused = |code: &str| {
        let arguments = grounds.arguments();
        let mut words = vec!["serve", "--listen", "127.0.0.1:0", "--format", "json"];
        let state = grounds.folder.text_path("state");
        words.extend(["--store", &state]);
        words.extend(arguments.iter().map(String::as_str));
        let answer = run(&words);
        assert_eq!(answer.status, 2, "{}", answer.stdout);
        assert_eq!(answer.json()["error"]["code"], code, "{}", answer.stdout);
    };
    fs::rename(&file, grounds.folder.path("elsewhere")).expect("moved");
    refused("GateKeyWrong");
    fs::write(&file, "00".repeat(32)).expect("another key");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("permissions");
    refused("GateKeyWrong");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("permissions");
    refused("SecretExposed");
}

#[test]
fn a_gate_in_the_wrong_place_warns_and_one_in_the_right_place_does_not() {
    for (place, warns) in [
        ("", true),
        ("place = \"elsewhere\"\n", true),
        ("place = \"owner\"\n", false),
        ("place = \"attested\"\n", false),
    ] {
        let grounds = Grounds::new(place);
        let service: Daemon = grounds.start();
        let told = service.told["gate"]["warning"].as_str().is_some();
        assert_eq!(told, warns, "{place}");
        let log = fs::read_to_string(grounds.folder.path("log")).expect("a log");
        assert_eq!(
            log.contains("run the gate on the data owner"),
            warns,
            "{log}"
        );
    }
}

#[test]
fn a_configuration_of_the_gate_is_checked_field_by_field() {
    let grounds = Grounds::new("place = \"owner\"\n");
    grounds.folder.write("open-key", "00".repeat(32));
    let open = grounds.folder.path("open-key");
    fs::set_permissions(&open, Permissions::from_mode(0o644)).expect("permissions");
    let check = |table: &str| {
        grounds
            .folder
            .write("gate.toml", format!("[gate]\nenabled = true\n{table}"));
        let config = grounds.folder.text_path("gate.toml");
        run(&["serve", "--check-config", "--config", &config])
    };
    for (table, reason) in [
        ("token_seconds = 5\n", "gate.token_seconds"),
        ("nonce_seconds = 86400\n", "gate.nonce_seconds"),
        ("requests_per_minute = 0\n", "gate.requests_per_minute"),
        ("issuer = \"\"\n", "gate.issuer"),
        ("audience = \"a b\"\n", "gate.audience"),
        ("place = \"cloud\"\n", "gate.place"),
        ("key_file = \"nowhere\"\n", "gate.key_file"),
        ("key_file = \"open-key\"\n", "gate.key_file"),
        ("accept_simulated = true\n", "accept_simulated"),
    ] {
        let answer = check(table);
        assert_eq!(answer.status, 2, "{table}");
        assert!(answer.stderr.contains(reason), "{table}: {}", answer.stderr);
        assert!(
            answer.stderr.contains("line 3"),
            "{table}: {}",
            answer.stderr
        );
    }
    fs::set_permissions(&open, Permissions::from_mode(0o600)).expect("permissions");
    let good = check("key_file = \"open-key\"\nplace = \"attested\"\ntoken_seconds = 60\n");
    assert_eq!(good.status, 0, "{}", good.stderr);
    assert!(good.stdout.contains("attested"), "{}", good.stdout);
}
