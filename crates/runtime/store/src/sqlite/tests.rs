//! What needs a hand inside the store: an old schema, a full disk, a writer that is held.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bulla_collateral::Slot;
use bulla_pki::{Timestamp, Window};
use rusqlite::StatementStatus;

use super::*;
use crate::audit::Event;
use crate::documents::NewDocument;
use crate::secrets::{Claim, Limits, NewSecret};
use crate::sql::documents;
use crate::{AnchorId, Audit, Documents, Fleet, Governance, Secrets, Store, StoreError};

const ANCHOR: AnchorId = AnchorId([1; 32]);

/// A folder of one test, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bulla-store-inside-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn database(&self) -> PathBuf {
        self.0.join("store.sqlite")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

fn document(content: &[u8]) -> NewDocument {
    NewDocument {
        slot: Slot::RootCaCrl,
        body: content.to_vec(),
        sha256: bulla_pki::digest::sha256(content),
        issuer_chain: Vec::new(),
        window: Window {
            from: at(1),
            until: at(2),
        },
        arrived: at(1),
        source: String::new(),
    }
}

fn event(details: &str) -> Event {
    Event {
        at: at(1),
        actor: String::new(),
        action: String::new(),
        subject: String::new(),
        details: details.to_owned(),
    }
}

/// A database made by other steps than those of this version, with one document in it.
fn made_by(path: &Path, steps: &[migrations::Migration]) {
    connection::create(path).unwrap();
    let mut connection = connection::writer(path).unwrap();
    migrations::apply(&mut connection, "test", steps).unwrap();
    documents::add(&Connection::Sqlite(&connection), ANCHOR, &document(b"old")).unwrap();
}

fn schema_error(path: &Path) -> (u32, u32, String) {
    match Store::open(path) {
        Err(StoreError::Schema {
            found,
            known,
            remedy,
            ..
        }) => (found, known, remedy),
        other => panic!("{other:?}"),
    }
}

const LATEST: u32 = 6;

#[test]
fn every_older_schema_is_brought_up_and_keeps_what_is_in_it() {
    for steps in 1..=migrations::ALL.len() {
        let folder = Folder::new();
        made_by(&folder.database(), &migrations::ALL[..steps]);
        let store = Store::open(&folder.database()).unwrap();
        let kept = store.latest_documents(ANCHOR).unwrap();
        assert_eq!(kept[0].document, document(b"old"));
        store.check().unwrap();
        store.record(&event("")).unwrap();
        store.decide("kind", "name", None, at(1), "").unwrap();
        assert_eq!(store.platform_count(ANCHOR).unwrap(), 0);
        assert_eq!(store.secrets().unwrap(), []);
        drop(store);
        Store::open(&folder.database()).unwrap();
    }
}

#[test]
fn a_later_schema_is_refused_and_left_alone() {
    let folder = Folder::new();
    let later = migrations::Migration {
        number: LATEST + 1,
        sql: "CREATE TABLE later (a INTEGER) STRICT",
    };
    made_by(&folder.database(), &[migrations::ALL, &[later]].concat());
    let (found, known, remedy) = schema_error(&folder.database());
    assert_eq!((found, known), (LATEST + 1, LATEST));
    assert!(remedy.contains("or a later one"), "{remedy}");
    let connection = rusqlite::Connection::open(folder.database()).unwrap();
    connection
        .query_row("SELECT count(*) FROM later", [], |_| Ok(()))
        .unwrap();
}

#[test]
fn a_step_that_was_changed_is_refused() {
    let folder = Folder::new();
    let mut steps = migrations::ALL.to_vec();
    let altered = format!("{} ", steps[1].sql);
    steps[1].sql = altered.leak();
    made_by(&folder.database(), &steps);
    let (found, known, remedy) = schema_error(&folder.database());
    assert_eq!((found, known), (LATEST, LATEST));
    assert!(remedy.starts_with("step 2 is not"), "{remedy}");
}

#[test]
fn a_step_that_is_missing_below_others_is_refused() {
    let folder = Folder::new();
    made_by(&folder.database(), migrations::ALL);
    let connection = rusqlite::Connection::open(folder.database()).unwrap();
    connection
        .execute("DELETE FROM migrations WHERE number = 3", [])
        .unwrap();
    drop(connection);
    let (_, _, remedy) = schema_error(&folder.database());
    assert!(remedy.starts_with("step 3 is not"), "{remedy}");
}

#[test]
fn a_step_that_fails_leaves_nothing() {
    let folder = Folder::new();
    connection::create(&folder.database()).unwrap();
    let mut connection = connection::writer(&folder.database()).unwrap();
    let broken = migrations::Migration {
        number: LATEST + 1,
        sql: "CREATE TABLE later (a INTEGER) STRICT; SELECT nothing FROM nowhere",
    };
    let steps = [migrations::ALL, &[broken]].concat();
    migrations::apply(&mut connection, "test", &steps).unwrap_err();
    drop(connection);
    assert!(!migrations::is_ours(&connection::reader(&folder.database()).unwrap()).unwrap());
    Store::open(&folder.database()).unwrap().check().unwrap();
}

#[test]
fn steps_are_numbered_without_gaps() {
    let numbers: Vec<_> = migrations::ALL.iter().map(|step| step.number).collect();
    assert_eq!(numbers, (1..=LATEST).collect::<Vec<_>>());
}

#[test]
fn a_statement_is_planned_once_whatever_it_looks_for() {
    let folder = Folder::new();
    drop(Store::open(&folder.database()).unwrap());
    for open in [connection::reader, connection::writer] {
        let connection = open(&folder.database()).unwrap();
        let statement = || {
            let sql = "SELECT * FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
            connection.prepare_cached(sql).unwrap()
        };
        for (after, limit) in [(10, 1), (20, 2), (30, 3)] {
            assert!(!statement().exists((after, limit)).unwrap());
        }
        assert_eq!(statement().get_status(StatementStatus::RePrepare), 0);
    }
}

#[test]
fn a_full_disk_is_named_and_takes_nothing_away() {
    let folder = Folder::new();
    let store = Store::open(&folder.database()).unwrap();
    let pages: i64 = store
        .sqlite()
        .writer()
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let limit = |pages: i64| {
        store
            .sqlite()
            .writer()
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .unwrap();
    };
    limit(pages + 40);
    let mut acknowledged: Vec<NewDocument> = Vec::new();
    let refused = loop {
        let number = u8::try_from(acknowledged.len()).unwrap();
        let document = document(&[number; 9_000]);
        match store.add_document(ANCHOR, &document, &[]) {
            Ok(_) => acknowledged.push(document),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(&refused, StoreError::Full { .. }), "{refused:?}");
    assert!(acknowledged.len() > 5);
    let long = "x".repeat(50_000);
    let refused = store.record(&event(&long));
    assert!(
        matches!(&refused, Err(StoreError::Full { .. })),
        "{refused:?}"
    );

    let history = || {
        let history = store.document_history(ANCHOR, Slot::RootCaCrl, usize::MAX);
        let mut documents: Vec<_> = history
            .unwrap()
            .into_iter()
            .map(|kept| kept.document)
            .collect();
        documents.reverse();
        documents
    };
    assert_eq!(history(), acknowledged);
    assert_eq!(store.check().unwrap().audit_entries, 0);

    limit(pages + 400);
    store.record(&event(&long)).unwrap();
    assert_eq!(store.check().unwrap().audit_entries, 1);
    assert_eq!(history(), acknowledged);
}

#[test]
fn on_a_full_disk_nothing_is_released() {
    let folder = Folder::new();
    let store = Store::open(&folder.database()).unwrap();
    let secret = NewSecret {
        name: "a".to_owned(),
        version: 1,
        policy: String::new(),
        limits: Limits::default(),
        value: b"sealed".to_vec(),
    };
    assert!(store.put_secret(&secret, &event("")).unwrap());
    let claim = Claim {
        name: "a".to_owned(),
        version: 1,
        platform: [0; 32],
        at: at(1),
        in_force: Vec::new(),
    };
    let pages = |pages: &str| {
        let sql = format!("PRAGMA max_page_count{pages}");
        let limit: i64 = store
            .sqlite()
            .writer()
            .query_row(&sql, [], |row| row.get(0))
            .unwrap();
        limit
    };
    let before = pages("");
    // No more than there are.
    pages(" = 1");
    let long = event(&"x".repeat(50_000));
    let refused = store.release(&claim, &long);
    assert!(
        matches!(&refused, Err(StoreError::Full { .. })),
        "{refused:?}"
    );
    assert_eq!(store.secret("a").unwrap().unwrap().releases, 0);
    assert_eq!(store.check().unwrap().audit_entries, 1);
    pages(&format!(" = {before}"));
    assert_eq!(store.release(&claim, &long).unwrap().unwrap().number, 1);
    assert_eq!(store.check().unwrap().audit_entries, 2);
}

#[test]
fn what_cannot_be_written_can_be_read() {
    let folder = Folder::new();
    let store = Store::open(&folder.database()).unwrap();
    store.add_document(ANCHOR, &document(b"kept"), &[]).unwrap();
    store
        .sqlite()
        .writer()
        .pragma_update(None, "query_only", true)
        .unwrap();
    let refused = store.add_document(ANCHOR, &document(b"new"), &[]);
    assert!(
        matches!(&refused, Err(StoreError::ReadOnly { .. })),
        "{refused:?}"
    );
    assert_eq!(
        store.latest_documents(ANCHOR).unwrap()[0].document,
        document(b"kept")
    );
}

#[test]
fn readers_see_the_last_commit_and_wait_for_no_writer() {
    let folder = Folder::new();
    let store = Store::open(&folder.database()).unwrap();
    store.record(&event("before")).unwrap();
    let head = || store.head().unwrap().unwrap().event.details;
    store
        .write(|transaction| {
            transaction.execute("UPDATE audit SET details = 'meanwhile'", &[])?;
            // More at a time than there are readers; all of them end while the writer is held.
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..9).map(|_| scope.spawn(head)).collect();
                for thread in threads {
                    assert_eq!(thread.join().unwrap(), "before");
                }
            });
            assert_eq!(store.check().unwrap().audit_entries, 1);
            store.backup(&folder.0.join("backup")).unwrap();
            Ok(())
        })
        .unwrap();
    assert_eq!(head(), "meanwhile");
}

#[test]
fn a_reading_is_of_one_state() {
    let folder = Folder::new();
    let store = Store::open(&folder.database()).unwrap();
    store
        .read(|transaction| {
            let count = || {
                let sql = "SELECT count(*) AS count FROM audit";
                transaction.first(sql, &[], |row| row.get::<i64>("count"))
            };
            let before = count()?;
            store.record(&event("")).map_err(Fault::Known)?;
            assert_eq!(count()?, before);
            Ok(())
        })
        .unwrap();
    assert_eq!(store.entries(0, 9).unwrap().len(), 1);
}

#[test]
fn a_failed_or_broken_off_change_leaves_nothing() {
    let folder = Folder::new();
    let store = Store::open(&folder.database()).unwrap();
    let change =
        |transaction: &Connection<'_>| documents::add(transaction, ANCHOR, &document(b"half"));
    let failed: Result<()> = store.write(|transaction| {
        change(transaction)?;
        Err(Fault::Damaged("test".to_owned()))
    });
    failed.unwrap_err();
    assert_eq!(store.latest_documents(ANCHOR).unwrap(), []);
    let broken_off = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _: Result<()> = store.write(|transaction| {
                change(transaction)?;
                panic!("on purpose")
            });
        });
        thread.join()
    });
    assert!(broken_off.is_err());
    assert_eq!(store.latest_documents(ANCHOR).unwrap(), []);
    store.record(&event("")).unwrap();
}

#[test]
fn what_is_acknowledged_is_asked_to_be_on_the_disk() {
    let folder = Folder::new();
    let store = Store::open(&folder.database()).unwrap();
    let setting = |connection: &rusqlite::Connection, name: &str| {
        let value: rusqlite::types::Value = connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .unwrap();
        format!("{value:?}")
    };
    let writer = store.sqlite().writer();
    assert_eq!(setting(&writer, "journal_mode"), "Text(\"wal\")");
    assert_eq!(setting(&writer, "synchronous"), "Integer(2)", "FULL");
    assert_eq!(setting(&writer, "foreign_keys"), "Integer(1)");
}
