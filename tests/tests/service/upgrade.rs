//! Upgrading: the service starts with the store of every earlier version, and gives from it what that
//! version had.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bulla_pki::digest::sha256;
use bulla_tests::daemon::Daemon;
use bulla_tests::gate_daemon::Grounds;
use bulla_tests::workbench::{Folder, run};
use rusqlite::Connection;

/// How long a fetch may take, far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked, and since which step of the schema a store can hold the answer.
const QUESTIONS: [(usize, &str); 7] = [
    (1, "/sgx/certification/v4/tcb?fmspc=FF53494D554C"),
    (1, "/sgx/certification/v4/qe/identity"),
    (1, "/sgx/certification/v4/rootcacrl"),
    (2, "/platforms"),
    (2, "/platforms/evidence"),
    (3, "/gate/policies"),
    (5, "/gate/secrets"),
];

/// Since which step a store knows platforms, and an audit.
const FLEET: usize = 2;
const AUDIT: usize = 4;

/// The steps of the schema, in their order.
fn steps() -> Vec<String> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/runtime/store/migrations"
    );
    let entries = fs::read_dir(folder).expect("the steps");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|name| name == "sql"))
        .collect();
    files.sort();
    let texts = files.iter().map(fs::read_to_string);
    texts.collect::<Result<_, _>>().expect("SQL")
}

/// A store as the version with these steps made it, and with what it could hold of `full`.
fn made_by(steps: &[String], path: &Path, full: &Path) {
    let database = Connection::open(path).expect("a database");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("a mode");
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA foreign_keys = OFF;
             PRAGMA application_id = 0x62756c6c;
             CREATE TABLE migrations (
                 number INTEGER PRIMARY KEY,
                 sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
             ) STRICT;",
        )
        .expect("a store");
    for (number, step) in (1_u32..).zip(steps) {
        database.execute_batch(step).expect("a step");
        let row = (number, sha256(step.as_bytes()));
        database
            .execute("INSERT INTO migrations VALUES (?1, ?2)", row)
            .expect("a row");
    }
    let full = full.to_str().expect("UTF-8");
    database
        .execute("ATTACH ?1 AS full", [full])
        .expect("the store of today");
    let tables = "SELECT name FROM main.sqlite_schema
                  WHERE type = 'table' AND name NOT IN ('migrations', 'sqlite_sequence')";
    for table in texts(&database, tables) {
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns = texts(&database, &columns).join(", ");
        let copy =
            format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM full.{table}");
        database.execute_batch(&copy).expect("a copy");
    }
}

fn texts(database: &Connection, query: &str) -> Vec<String> {
    let mut statement = database.prepare(query).expect("a query");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("text")
}

/// The question of the vendor's platform `one` for its certificate.
fn certificate(folder: &Folder) -> String {
    let directory = folder.text_path("box");
    let shown = run(&[
        "vendor", "platform", "show", "one", "--dir", &directory, "--format", "json",
    ]);
    let request = shown.json()["request"].clone();
    let field = |name: &str| request[name].as_str().expect("text").to_owned();
    format!(
        "/sgx/certification/v4/pckcert?qeid={}&cpusvn={}&pcesvn={}&pceid={}&encrypted_ppid={}",
        field("qe_id"),
        field("cpusvn"),
        field("pcesvn"),
        field("pceid"),
        field("encrypted_ppid")
    )
}

/// The answer, which is there.
#[track_caller]
fn answer(service: &Daemon, token: &str, target: &str) -> String {
    let reply = service.send("GET", target, &[("admin-token", token)], b"");
    assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
    reply.text().to_owned()
}

/// Waits until the service has fetched the answer from the vendor, which takes as long as the machine
/// has other things to do.
#[track_caller]
fn fetched(service: &Daemon, token: &str, target: &str) {
    let end = Instant::now() + PATIENCE;
    let headers = [("admin-token", token)];
    while service.send("GET", target, &headers, b"").status() != 200 {
        assert!(Instant::now() < end, "{target}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_service_starts_with_the_store_of_every_earlier_version() {
    let grounds = Grounds::new("place = \"owner\"\n");
    let service = grounds.start();
    let token = grounds.token();
    let admin = [("admin-token", token.as_str())];
    grounds.furnish(&service, "database", &[]);
    let quote = fs::read(grounds.folder.path("attested/quote.bin")).expect("a quote");
    let observed = service.send("POST", "/platforms/evidence", &admin, &quote);
    assert_eq!(observed.status(), 200, "{}", observed.text());
    let mut questions = QUESTIONS
        .map(|(since, target)| (since, target.to_owned()))
        .to_vec();
    questions.push((FLEET, certificate(&grounds.folder)));
    for (_, target) in questions.iter().rev() {
        fetched(&service, &token, target);
    }
    let had: Vec<(usize, String, String)> = questions
        .into_iter()
        .map(|(since, target)| {
            let text = answer(&service, &token, &target);
            (since, target, text)
        })
        .collect();
    let recorded = grounds.folder.path("state/store.sqlite");
    assert!(service.end().success());

    let steps = steps();
    assert!(steps.len() >= 6);
    for version in 1..=steps.len() {
        let folder = Folder::new();
        let state = folder.path("state");
        DirBuilder::new()
            .mode(0o700)
            .create(&state)
            .expect("a folder");
        let store = state.join("store.sqlite");
        made_by(&steps[..version], &store, &recorded);
        for key in ["administrator-token", "gate-key"] {
            fs::copy(grounds.folder.path("state").join(key), state.join(key)).expect("a file");
        }

        // Nobody is asked: what is answered was in the store.
        let arguments = [grounds.arguments(), vec!["--mode".into(), "offline".into()]].concat();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let service = Daemon::service(&folder, &arguments);
        for (since, target, text) in &had {
            if *since <= version {
                assert_eq!(
                    &answer(&service, &token, target),
                    text,
                    "{version}: {target}"
                );
            }
        }
        let audit = answer(&service, &token, "/audit");
        assert_eq!(
            audit.contains("policy.put"),
            version >= AUDIT,
            "{version}: {audit}"
        );
        let checked = service.send("GET", "/store/check", &admin, b"");
        assert_eq!(checked.status(), 200, "{version}: {}", checked.text());
        assert!(service.end().success());
        let database = Connection::open(&store).expect("a database");
        let applied = texts(&database, "SELECT CAST(number AS TEXT) FROM migrations");
        assert_eq!(applied.len(), steps.len(), "{version}");
    }
}
