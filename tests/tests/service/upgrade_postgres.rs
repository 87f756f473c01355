//! Upgrading with PostgreSQL: a node starts with the database of every earlier version, and gives from it
//! what that version had.

use std::fs;
use std::path::PathBuf;

use bulla_pki::digest::sha256;
use bulla_tests::cluster::{Cluster, TOKEN, until};
use bulla_tests::daemon::Daemon;
use bulla_tests::gatehouse::POLICY;
use bulla_tests::workbench::run;

const ADMINISTRATOR: [(&str, &str); 1] = [("admin-token", TOKEN)];

/// What is asked; a store of the first step can hold all of it.
const QUESTIONS: [&str; 8] = [
    "/sgx/certification/v4/tcb?fmspc=FF53494D554C",
    "/sgx/certification/v4/qe/identity",
    "/sgx/certification/v4/rootcacrl",
    "/platforms",
    "/gate/policies",
    "/gate/secrets",
    "/.well-known/jwks.json",
    "/audit?limit=3",
];

/// The steps of the schema, in their order.
fn steps() -> Vec<String> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/runtime/store/migrations/postgres"
    );
    let entries = fs::read_dir(folder).expect("the steps");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let texts = files.iter().map(fs::read_to_string);
    texts.collect::<Result<_, _>>().expect("SQL")
}

/// A database as the version with these steps made it, and with what it could hold of that of the
/// cluster, to which nobody is connected; gives its name.
fn made_by(steps: &[String], cluster: &Cluster) -> String {
    let name = format!("version_{}", steps.len());
    let template = format!("CREATE DATABASE {name} TEMPLATE {}", cluster.database);
    cluster.server.sql("postgres", &template);
    let sql = |statements: &str| cluster.server.sql(&name, statements);
    sql("ALTER SCHEMA bulla RENAME TO today; CREATE SCHEMA bulla;
         CREATE TABLE bulla.migrations (
             number BIGINT PRIMARY KEY,
             sha256 BYTEA  NOT NULL CHECK (length(sha256) = 32)
         )");
    for (number, step) in (1..).zip(steps) {
        sql(step);
        let digest = hex::encode(sha256(step.as_bytes()));
        sql(&format!(
            "INSERT INTO bulla.migrations VALUES ({number}, '\\x{digest}')"
        ));
    }
    let columns = "SELECT table_name || '|' || string_agg(quote_ident(column_name), ', ')
                          || '|' || bool_or(is_identity = 'YES')
                   FROM information_schema.columns
                   WHERE table_schema = 'bulla' AND table_name <> 'migrations' GROUP BY table_name";
    let columns = sql(columns);
    assert!(columns.lines().count() > 10, "{columns}");
    // Rows refer to each other.
    let mut copy = "SET session_replication_role = replica;".to_owned();
    for line in columns.lines() {
        let [table, columns, is_numbered] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        copy += &format!(
            "INSERT INTO bulla.{table} ({columns}) OVERRIDING SYSTEM VALUE
             SELECT {columns} FROM today.{table};"
        );
        if is_numbered == "true" {
            copy += &format!(
                "SELECT setval(pg_get_serial_sequence('bulla.{table}', 'id'), max(id))
                 FROM bulla.{table};"
            );
        }
    }
    sql(&copy);
    sql("DROP SCHEMA today CASCADE");
    name
}

/// Answers as the node gives them, which has each.
#[track_caller]
fn answers(node: &Daemon, certificate: &str) -> Vec<String> {
    let all = QUESTIONS.into_iter().chain([certificate]);
    all.map(|target| {
        let reply = node.send("GET", target, &ADMINISTRATOR, b"");
        assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
        reply.text().to_owned()
    })
    .collect()
}

/// What a node is told beside what it fetches: a policy, and a secret under it.
fn furnish(cluster: &Cluster, node: &Daemon) {
    let root = node.told["trust_anchor"]["public_key_sha256"].as_str();
    let policy = format!("trust_anchors = [\"{}\"]\n", root.expect("a digest"));
    let files = [("policy.toml", policy.as_str()), ("secret", "open sesame")];
    let [policy, secret] = files.map(|(name, text)| {
        cluster.folder.write(name, text);
        cluster.folder.text_path(name)
    });
    let url = format!("http://{}", node.address);
    let token = cluster.folder.text_path("token");
    for words in [
        &["policy", "set", POLICY, "--file", &policy][..],
        &[
            "secret", "set", "database", "--policy", POLICY, "--file", &secret,
        ],
    ] {
        let end = ["--service", &url, "--token-file", &token];
        let done = run(&[&["gate"], words, &end].concat());
        assert_eq!(done.status, 0, "{}", done.stderr);
    }
}

#[test]
fn a_node_starts_with_the_database_of_every_earlier_version() {
    let Some(mut cluster) = Cluster::open("upgrading a database") else {
        return;
    };
    let certificate = cluster.host("one").target_with_ppid();
    let way = cluster.way();
    let node = cluster.start("one", &way);
    furnish(&cluster, &node);
    for target in QUESTIONS.into_iter().chain([certificate.as_str()]) {
        until(target, || {
            node.send("GET", target, &ADMINISTRATOR, b"").status() == 200
        });
    }
    let had = answers(&node, &certificate);
    assert!(node.end().success());
    // Nobody is asked: what is answered was in the database.
    cluster.vendor.cut();

    let steps = steps();
    let today = cluster.database.clone();
    for version in 1..=steps.len() {
        cluster.database.clone_from(&today);
        cluster.database = made_by(&steps[..version], &cluster);
        let node = cluster.start(&format!("version-{version}"), &way);
        for (now, before) in answers(&node, &certificate).iter().zip(&had) {
            assert_eq!(now, before, "{version}");
        }
        let checked = node.send("GET", "/store/check", &ADMINISTRATOR, b"");
        assert_eq!(checked.status(), 200, "{version}: {}", checked.text());
        // And it goes on from there.
        furnish(&cluster, &node);
        let policies = node.send("GET", "/gate/policies", &ADMINISTRATOR, b"");
        assert_ne!(policies.text(), had[4], "{version}");
        assert!(node.end().success());
        let applied = "SELECT count(*) FROM bulla.migrations";
        let applied = cluster.server.sql(&cluster.database, applied);
        assert_eq!(applied.trim(), steps.len().to_string(), "{version}");
    }
}
