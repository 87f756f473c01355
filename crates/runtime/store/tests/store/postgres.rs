//! PostgreSQL: the suite against a real server, and what only several nodes can do.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bulla_store::nodes::Turn;
use bulla_store::postgres::Settings;
use bulla_store::secrets::NotReleased;
use bulla_store::{Audit, Documents, Fleet, Governance, Nodes, Secrets, Store, StoreError};

use crate::samples::{ANCHOR, claim, day, document, event, platform, secret, slots};
use crate::server::{PASSWORD, Server};

/// A store in a database of its own, and the server that it shares with the tests at the same time.
pub(crate) struct InDatabase {
    store: Store,
    database: String,
    server: Arc<Server>,
}

impl InDatabase {
    /// Another node with the same store.
    fn another(&self) -> Store {
        connect(&self.server.address(&self.database)).unwrap()
    }
}

impl std::ops::Deref for InDatabase {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

fn connect(address: &str) -> Result<Store, StoreError> {
    let settings = Settings::parse(address, Some(PASSWORD), Path::new("/")).unwrap();
    Store::connect(settings)
}

/// An empty store; `None` where the machine has no PostgreSQL and none is required.
pub(crate) fn in_database() -> Option<InDatabase> {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let server = match shared.upgrade() {
        Some(server) => server,
        None => Arc::new(Server::start("the store in PostgreSQL")?),
    };
    *shared = Arc::downgrade(&server);
    drop(shared);
    let database = server.database();
    let store = connect(&server.address(&database)).unwrap();
    Some(InDatabase {
        store,
        database,
        server,
    })
}

#[test]
fn what_one_node_writes_the_other_reads() {
    let Some(one) = in_database() else { return };
    let other = one.another();
    let document = document(slots()[0], "first", 1, 2);
    one.add_document(ANCHOR, &document, &[]).unwrap();
    let found = other.latest_documents(ANCHOR).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].document, document);
    other.put_platform(ANCHOR, &platform("A")).unwrap();
    assert_eq!(one.platform_count(ANCHOR).unwrap(), 1);
}

#[test]
fn nodes_that_start_at_once_make_one_schema() {
    let Some(first) = in_database() else { return };
    let database = first.server.database();
    let address = first.server.address(&database);
    std::thread::scope(|scope| {
        let nodes: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| connect(&address).unwrap()))
            .collect();
        for node in nodes {
            node.join().unwrap().record(&event("start")).unwrap();
        }
    });
    assert_eq!(connect(&address).unwrap().check().unwrap().audit_entries, 4);
}

#[test]
fn several_nodes_make_one_chain_and_release_no_more_than_there_is() {
    const TIMES: u64 = 25;
    let Some(first) = in_database() else { return };
    let mut limited = secret("a", 1);
    limited.limits.times = Some(TIMES);
    assert!(first.put_secret(&limited, &event("put")).unwrap());
    let nodes = [first.another(), first.another(), first.another()];
    let released: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = nodes
            .iter()
            .map(|node| {
                scope.spawn(|| {
                    let mut released = 0;
                    loop {
                        match node.release(&claim("a", 1), &event("release")).unwrap() {
                            Ok(_) => released += 1,
                            Err(NotReleased::Exhausted { .. }) => return released,
                            Err(other) => panic!("{other}"),
                        }
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(released, TIMES);
    assert_eq!(first.verify_chain().unwrap(), Ok(TIMES + 1));
}

#[test]
fn a_row_that_was_changed_is_noticed() {
    let Some(store) = in_database() else { return };
    let document = document(slots()[0], "first", 1, 2);
    store.add_document(ANCHOR, &document, &[]).unwrap();
    store.record(&event("a")).unwrap();
    store.check().unwrap();
    let change = |sql: &str| store.server.sql(&store.database, sql);
    change("UPDATE bulla.documents SET body = 'other'");
    let damaged = store.latest_documents(ANCHOR).unwrap_err();
    assert!(matches!(damaged, StoreError::Damaged { .. }), "{damaged}");
    change("DELETE FROM bulla.documents; DELETE FROM bulla.audit");
    let damaged = store.check().unwrap_err().to_string();
    assert!(
        damaged.contains("the audit chain breaks at entry 1"),
        "{damaged}"
    );
}

#[test]
fn a_schema_of_others_is_left_alone() {
    let Some(store) = in_database() else { return };
    let refused = |sql: &str| {
        let database = store.server.database();
        store.server.sql(&database, sql);
        let error = connect(&store.server.address(&database)).unwrap_err();
        assert!(error.to_string().contains(&database), "{error}");
        error.to_string()
    };
    let foreign = refused("CREATE SCHEMA bulla; CREATE TABLE bulla.things (id INT)");
    assert!(foreign.contains("of another program"), "{foreign}");
    let migrations = "CREATE SCHEMA bulla;
        CREATE TABLE bulla.migrations (number BIGINT, sha256 BYTEA);
        INSERT INTO bulla.migrations VALUES";
    let later = refused(&format!(
        "{migrations} (999, decode(repeat('00', 32), 'hex'))"
    ));
    assert!(later.contains("schema 999"), "{later}");
    let changed = refused(&format!(
        "{migrations} (1, decode(repeat('00', 32), 'hex'))"
    ));
    assert!(changed.contains("step 1 is not the one"), "{changed}");
}

#[test]
fn whoever_is_not_let_in_is_told_why_without_the_password() {
    let Some(store) = in_database() else { return };
    let address = store.server.address(&store.database);
    let settings = Settings::parse(&address, Some("geheim"), Path::new("/")).unwrap();
    let refused = Store::connect(settings).unwrap_err();
    assert!(
        matches!(refused, StoreError::Unreachable { .. }),
        "{refused}"
    );
    let told = refused.to_string();
    assert!(told.contains("password authentication failed"), "{told}");
    assert!(!told.contains("geheim"), "{told}");
    let nowhere = connect(&store.server.address("nowhere")).unwrap_err();
    assert!(nowhere.to_string().contains("does not exist"), "{nowhere}");
}

/// The server has no TLS: who did not say that plain text is good enough does not get in.
#[test]
fn nobody_speaks_in_plain_text_by_mistake() {
    let Some(store) = in_database() else { return };
    let address = store.server.address(&store.database);
    for mode in ["", "sslmode=require", "sslmode=verify-full"] {
        let refused = connect(&address.replace("sslmode=disable", mode)).unwrap_err();
        assert!(
            matches!(refused, StoreError::Unreachable { .. }),
            "{refused}"
        );
        assert!(refused.to_string().contains("TLS"), "{refused}");
    }
}

#[test]
fn a_server_that_was_away_is_found_again_and_nothing_is_lost() {
    let Some(mut server) = Server::start("a server that was away") else {
        return;
    };
    let store = connect(&server.address(&server.database())).unwrap();
    store.record(&event("before")).unwrap();
    server.end();
    let away = store.record(&event("meanwhile")).unwrap_err();
    assert!(matches!(away, StoreError::Unreachable { .. }), "{away}");
    assert!(!store.takes_changes());
    assert!(store.head().is_err());
    server.go_on();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while let Err(error) = store.record(&event("after")) {
        assert!(std::time::Instant::now() < until, "{error}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(store.takes_changes());
    assert_eq!(store.verify_chain().unwrap(), Ok(2));
}

/// A connection that ended while nobody used it is not noticed by whoever comes next.
#[test]
fn a_connection_that_was_lost_meanwhile_is_made_anew() {
    let Some(store) = in_database() else { return };
    for name in ["a", "b", "c"] {
        store.record(&event(name)).unwrap();
        let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        assert_ne!(store.server.sql(&store.database, others), "0");
    }
    assert_eq!(store.verify_chain().unwrap(), Ok(3));
}

/// Whoever waits for the database inside a runtime holds up nobody else there.
#[test]
fn others_of_a_runtime_go_on_while_one_waits() {
    let Some(store) = in_database() else { return };
    let node = store.another();
    let writer = i64::from_str_radix("62756c6c61", 16).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let write = format!("SELECT pg_advisory_lock({writer}); SELECT pg_sleep(6)");
            store.server.sql(&store.database, &write)
        });
        let is_held = "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database
                       WHERE locktype = 'advisory' AND granted AND datname = current_database()";
        while store.server.sql(&store.database, is_held).trim() == "0" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let (begin, begun) = std::sync::mpsc::channel();
        let waits = runtime.spawn(async move {
            begin.send(()).unwrap();
            node.record(&event("waits"))
        });
        begun.recv().unwrap();
        runtime.block_on(runtime.spawn(async {})).unwrap();
        assert!(!waits.is_finished(), "the other had to wait for it");
        runtime.block_on(waits).unwrap().unwrap();
    });
}

#[test]
fn backups_are_left_to_the_database() {
    let Some(store) = in_database() else { return };
    let refused = store.backup(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(refused.to_string().contains("pg_dump"), "{refused}");
    assert_eq!(store.file(), None);
    assert!(store.is_shared());
}

#[test]
fn a_turn_is_one_nodes_until_it_ends_it_or_falls_silent() {
    let Some(one) = in_database() else { return };
    let other = one.another();
    let turn = |node: &Store, known| node.take_turn(ANCHOR, "a", known, 60).unwrap();
    let ours = |turn| match turn {
        Turn::Ours(held) => held,
        other => panic!("{other:?}"),
    };
    let held = ours(turn(&one, None));
    assert_eq!(turn(&other, None), Turn::Theirs);
    ours(other.take_turn(ANCHOR, "b", None, 60).unwrap());
    let held = one.extend_turn(ANCHOR, "a", held, 90).unwrap().unwrap();
    assert_eq!(turn(&other, None), Turn::Theirs);
    one.end_turn(ANCHOR, "a", held, Some(day(5))).unwrap();
    assert_eq!(turn(&other, None), Turn::Asked(day(5)));
    assert_eq!(turn(&other, Some(day(4))), Turn::Asked(day(5)));
    let held = ours(turn(&other, Some(day(5))));
    other.end_turn(ANCHOR, "a", held, None).unwrap();
    let held = ours(turn(&one, Some(day(5))));
    one.end_turn(ANCHOR, "a", held, None).unwrap();
    ours(other.take_turn(ANCHOR, "a", Some(day(5)), 0).unwrap());
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while turn(&one, Some(day(5))) == Turn::Theirs {
        assert!(std::time::Instant::now() < until);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn a_turn_that_was_taken_over_is_not_ended_by_whoever_had_it() {
    let Some(one) = in_database() else { return };
    let other = one.another();
    let take = |node: &Store, seconds| node.take_turn(ANCHOR, "a", None, seconds).unwrap();
    let Turn::Ours(first) = take(&one, 0) else {
        panic!("nobody else has it")
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while take(&other, 60) == Turn::Theirs {
        assert!(std::time::Instant::now() < until);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(one.extend_turn(ANCHOR, "a", first, 60).unwrap(), None);
    one.end_turn(ANCHOR, "a", first, None).unwrap();
    assert_eq!(take(&one, 60), Turn::Theirs);
    // What it brought is there all the same.
    one.end_turn(ANCHOR, "a", first, Some(day(5))).unwrap();
    assert_eq!(take(&one, 60), Turn::Theirs);
}

#[test]
fn what_may_be_used_once_is_used_once_at_all_nodes() {
    let Some(one) = in_database() else { return };
    let other = one.another();
    let clock = || one.marks(ANCHOR).unwrap().clock.unwrap();
    let later = clock().saturating_add(600);
    assert!(one.use_once(&[1; 32], later).unwrap());
    assert!(!other.use_once(&[1; 32], later).unwrap());
    assert!(other.use_once(&[2; 32], later).unwrap());

    // What has ended is forgotten, and so never used again, whatever a node's clock says.
    let earlier = clock().saturating_sub(1);
    assert!(!other.use_once(&[3; 32], earlier).unwrap());
    assert!(!one.use_once(&[1; 32], later).unwrap());
}

#[test]
fn what_is_held_is_held_for_all_nodes_until_its_end_or_it_is_let_go() {
    let Some(one) = in_database() else { return };
    let other = one.another();
    assert!(!other.is_held(&[1; 32]).unwrap());
    for thing in [[1; 32], [2; 32]] {
        one.hold(&thing, 600).unwrap();
        assert!(other.is_held(&thing).unwrap());
    }
    other.let_go(&[1; 32]).unwrap();
    assert!(!one.is_held(&[1; 32]).unwrap());
    assert!(one.is_held(&[2; 32]).unwrap());
    one.hold(&[2; 32], 0).unwrap();
    assert!(!other.is_held(&[2; 32]).unwrap());
}

#[test]
fn nodes_hear_of_what_the_others_did() {
    let Some(one) = in_database() else { return };
    let other = one.another();
    let before = other.marks(ANCHOR).unwrap();
    let document = document(slots()[0], "first", 1, 2);
    let id = one.add_document(ANCHOR, &document, &[]).unwrap();
    one.decide("kind", "name", None, day(1), "somebody")
        .unwrap();
    one.put_platform(ANCHOR, &platform("A")).unwrap();
    let after = other.marks(ANCHOR).unwrap();
    assert!(after.documents > before.documents);
    assert!(after.decisions > before.decisions);
    assert!(after.platforms > before.platforms);
    assert!(after.clock.is_some());
    let new = other.documents_after(ANCHOR, before.documents).unwrap();
    assert_eq!((new.len(), new[0].id), (1, id));
    assert_eq!(other.documents_after(ANCHOR, id).unwrap(), []);
}
