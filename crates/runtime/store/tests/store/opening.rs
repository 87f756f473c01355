//! How a store is opened, and who may have it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use bulla_collateral::Slot;
use bulla_store::{Audit, Documents, Governance, Store, StoreError};

use crate::folder::Folder;
use crate::samples::{ANCHOR, day, document, event};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn holder(path: &Path) -> String {
    match Store::open(path) {
        Err(StoreError::InUse { holder, .. }) => holder,
        other => panic!("{other:?}"),
    }
}

fn unavailable(path: &Path) -> String {
    match Store::open(path) {
        Err(StoreError::Unavailable { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_kept_is_there_again() {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    let document = document(Slot::RootCaCrl, "kept", 1, 1);
    let store = Store::open(&path).unwrap();
    store.add_document(ANCHOR, &document, &[]).unwrap();
    store.decide("kind", "name", None, day(1), "me").unwrap();
    let entry = store.record(&event("a")).unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    let kept = store.latest_documents(ANCHOR).unwrap();
    assert_eq!(kept[0].document, document);
    assert_eq!(store.decision_history("kind", "name").unwrap().len(), 1);
    assert_eq!(store.head().unwrap(), Some(entry));
    assert_eq!(store.record(&event("b")).unwrap().sequence, 2);
    assert_eq!(store.check().unwrap().audit_entries, 2);
}

#[test]
fn nobody_but_the_owner_may_look_into_it() {
    let folder = Folder::new();
    let path = folder.file("made/for/it/store.sqlite");
    let store = Store::open(&path).unwrap();
    store.record(&event("a")).unwrap();
    assert_eq!(mode(&folder.file("made")), 0o700);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let mut files = 0;
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        files += 1;
    }
    assert_eq!(files, 4, "the database, its log, the log's index, the lock");
}

#[test]
fn a_file_that_others_may_read_is_closed_to_them() {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    drop(Store::open(&path).unwrap());
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    store.check().unwrap();
}

#[test]
fn it_is_open_once_at_a_time_whatever_its_name() {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    let store = Store::open(&path).unwrap();
    let own = format!("process {} (", std::process::id());
    assert!(holder(&path).starts_with(&own), "{}", holder(&path));
    let link = folder.file("link.sqlite");
    symlink(&path, &link).unwrap();
    assert!(holder(&link).starts_with(&own));
    store.record(&event("the refused do no harm")).unwrap();
    assert_eq!(store.check().unwrap().audit_entries, 1);
    drop(store);
    let store = Store::open(&link).unwrap();
    assert_eq!(store.verify_chain().unwrap(), Ok(1));
}

#[test]
fn files_that_are_no_stores_are_left_alone() {
    let folder = Folder::new();
    let of_others = folder.file("others.sqlite");
    let connection = rusqlite::Connection::open(&of_others).unwrap();
    connection.execute_batch("CREATE TABLE others (a)").unwrap();
    drop(connection);
    let before = fs::read(&of_others).unwrap();
    assert!(unavailable(&of_others).contains("another program"));
    let connection = rusqlite::Connection::open(&of_others).unwrap();
    connection.execute_batch("SELECT * FROM others").unwrap();
    drop(connection);
    assert_eq!(fs::read(&of_others).unwrap().len(), before.len());

    let text = folder.file("notes.txt");
    fs::write(&text, "no database at all, but a page of text ".repeat(200)).unwrap();
    let refused = Store::open(&text);
    assert!(
        matches!(&refused, Err(StoreError::Damaged { .. })),
        "{refused:?}"
    );
    assert!(fs::read(&text).unwrap().starts_with(b"no database"));

    fs::create_dir(folder.file("directory")).unwrap();
    assert!(unavailable(&folder.file("directory")).contains("directory"));
    assert!(unavailable(&folder.file("..")).contains("names no file"));
}

#[test]
fn an_impossible_place_is_named() {
    let folder = Folder::new();
    let file = folder.file("file");
    fs::write(&file, "").unwrap();
    let refused = Store::open(&file.join("store.sqlite")).unwrap_err();
    assert!(
        refused.to_string().contains("file/store.sqlite"),
        "{refused}"
    );
}
