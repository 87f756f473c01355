//! From one service with a file to nodes with a database: everything moves, and answers as before.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use bulla_pki::hpke::KeyPair;
use bulla_tests::daemon::Daemon;
use bulla_tests::gate_daemon::{Grounds, wish};
use bulla_tests::host::Host;
use bulla_tests::postgres::{PASSWORD, Server};
use bulla_tests::workbench::{Answer, now, run};
use bulla_vendor::StateDirectory;
use rusqlite::Connection;
use serde_json::Value;

const ISSUER: &str = "issuer = \"https://gate.test.invalid\"\n";

const PLAN: &str = "[baselines.first]\nsgx = { number = 1 }\n[rings.prod]\n\
                    [rollouts.prod-1]\nring = \"prod\"\nbaseline = \"first\"\n";

/// What is asked before and after, as an administrator.
const QUESTIONS: [&str; 12] = [
    "/sgx/certification/v4/tcb?fmspc=FF53494D554C",
    "/tdx/certification/v4/tcb?fmspc=FF53494D554C",
    "/sgx/certification/v4/qe/identity",
    "/sgx/certification/v4/pckcrl?ca=processor",
    "/sgx/certification/v4/rootcacrl",
    "/platforms",
    "/platforms/evidence",
    "/baselines/history",
    "/gate/policies",
    "/gate/secrets",
    "/gate/keys",
    "/.well-known/jwks.json",
];

fn answers(service: &Daemon, token: &str, platform: &str) -> Vec<(u16, String)> {
    let ask = |target: &str| {
        let reply = service.send("GET", target, &[("admin-token", token)], b"");
        assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
        (reply.status(), hex::encode(&reply.body))
    };
    let mut answers = vec![ask(platform)];
    answers.extend(QUESTIONS.map(ask));
    answers
}

/// Everything that a service can keep.
fn fill(grounds: &Grounds, service: &Daemon, host: &Host) -> String {
    grounds.furnish(service, "door", &["--times", "5"]);
    let key = KeyPair::generate().expect("a key");
    let token = grounds.attest(service, &key);
    let administrator = grounds.token();
    let headers = [("admin-token", administrator.as_str())];
    let planned = service.send("POST", "/baselines/plan", &headers, PLAN.as_bytes());
    let digest = planned.json()["digest"].as_str().map(str::to_owned);
    let target = format!("/baselines/apply?digest={}", digest.expect("a digest"));
    let applied = service.send("POST", &target, &headers, PLAN.as_bytes());
    assert_eq!(applied.status(), 200, "{}", applied.text());
    let rotated = service.send("POST", "/gate/keys/rotate", &headers, b"");
    assert_eq!(rotated.status(), 200, "{}", rotated.text());
    assert_eq!(service.get(&host.target_with_ppid()).status(), 200);
    for target in QUESTIONS {
        assert_eq!(service.send("GET", target, &headers, b"").status(), 200);
    }
    token
}

struct Move<'a> {
    grounds: &'a Grounds,
    config: String,
}

impl Move<'_> {
    fn copy(&self, from: &str) -> Answer {
        let from = self.grounds.folder.text_path(from);
        let words = ["store", "copy", "--from", &from, "--config", &self.config];
        run(&[&words[..], &["--format", "json"]].concat())
    }

    #[track_caller]
    fn refused(&self, from: &str, code: &str, word: &str) {
        let answer = self.copy(from);
        assert_eq!(answer.status, 2, "{}", answer.stdout);
        let told = format!("{}{}", answer.stdout, answer.stderr);
        assert!(told.contains(code) && told.contains(word), "{told}");
    }
}

#[test]
fn a_store_in_a_file_moves_into_a_database_and_nodes_answer_as_before() {
    let Some(server) = Server::start("moving into a database") else {
        return;
    };
    let grounds = Grounds::new(ISSUER);
    let folder = &grounds.folder;
    let vendor = StateDirectory::new(folder.text_path("box")).read();
    let host = Host::of(&vendor.expect("a vendor"), "one", now());
    let service = grounds.start();
    let token = fill(&grounds, &service, &host);
    let administrator = grounds.token();
    let before = answers(&service, &administrator, &host.target());

    let password = folder.write("password", PASSWORD);
    std::fs::set_permissions(password, Permissions::from_mode(0o600)).expect("a file");
    let database = server.database();
    let node = format!(
        "[store]\npath = \"state\"\npostgres = \"{}\"\npassword_file = \"password\"\n\
         [gate]\nenabled = true\nkey_file = \"state/gate-key\"\n{ISSUER}",
        server.address(&database)
    );
    folder.write("node.toml", node);
    let moving = Move {
        grounds: &grounds,
        config: folder.text_path("node.toml"),
    };
    moving.refused("state/store.sqlite", "StoreInUse", "store.sqlite");
    assert!(service.end().success());
    moving.refused("state/none.sqlite", "none.sqlite", "");
    assert!(!folder.path("state/none.sqlite").exists());
    moving.refused("root.pem", "root.pem", "");
    let nowhere = Move {
        grounds: &grounds,
        config: folder.text_path("gate.toml"),
    };
    nowhere.refused(
        "state/store.sqlite",
        "ConfigurationInvalid",
        "store.postgres",
    );

    let copied = moving.copy("state/store.sqlite");
    assert_eq!(copied.status, 0, "{}", copied.stderr);
    let copied: Value = serde_json::from_str(&copied.stdout).expect("JSON");
    let file = Connection::open(folder.path("state/store.sqlite")).expect("a database");
    let rows = copied["rows"].as_object().expect("tables");
    for (table, rows) in rows {
        let count = format!("SELECT count(*) FROM {table}");
        let there: i64 = file
            .query_row(&count, [], |row| row.get(0))
            .expect("a count");
        assert_eq!(rows.as_i64(), Some(there), "{table}");
        let arrived = server.sql(&database, &count.replace("FROM ", "FROM bulla."));
        assert_eq!(arrived, there.to_string(), "{table}");
        // What this service had no occasion to keep.
        let is_empty = ["set_aside", "registrations"].contains(&table.as_str());
        assert_eq!(there == 0, is_empty, "{table}");
    }
    let chain: String = file
        .query_row(
            "SELECT group_concat(lower(hex(sha256)), ',') FROM (SELECT sha256 FROM audit ORDER BY sequence)",
            [],
            |row| row.get(0),
        )
        .expect("a chain");
    drop(file);
    let digests =
        "SELECT string_agg(encode(sha256, 'hex'), ',' ORDER BY sequence) FROM bulla.audit";
    assert_eq!(server.sql(&database, digests), chain);
    moving.refused("state/store.sqlite", "not empty", "documents");

    // The node has its administrator's token and the gate's key from the same directory.
    let mut arguments = grounds.arguments();
    let config = arguments.iter().position(|word| word == "--config");
    arguments[config.expect("a configuration") + 1].clone_from(&moving.config);
    let mut command = bulla_tests::binary::bulla();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.args(arguments);
    let node = Daemon::start(&mut command, &folder.path("node.log"));
    assert_eq!(answers(&node, &administrator, &host.target()), before);
    let released = node.send("POST", "/release", &[], &wish(&token, "door"));
    assert_eq!(released.status(), 200, "{}", released.text());
    // What is new gets numbers behind those that were copied.
    let dir = folder.text_path("box");
    let made = run(&["vendor", "platform", "add", "two", "--dir", &dir]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let vendor = StateDirectory::new(&dir).read().expect("a vendor");
    let second = Host::of(&vendor, "two", now());
    assert_eq!(node.get(&second.target_with_ppid()).status(), 200);
    let checked = node.send(
        "GET",
        "/store/check",
        &[("admin-token", &administrator)],
        b"",
    );
    assert_eq!(checked.status(), 200, "{}", checked.text());
}
