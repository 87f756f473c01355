//! Backups.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use bulla_collateral::Slot;
use bulla_store::{Audit, Documents, Store, StoreError};

use crate::folder::Folder;
use crate::samples::{ANCHOR, document, event};

fn exists(refused: bulla_store::Result<bulla_store::Checked>) {
    assert!(
        matches!(&refused, Err(StoreError::Unavailable { reason, .. }) if reason.contains("not written over")),
        "{refused:?}"
    );
}

fn filled(folder: &Folder) -> Store {
    let store = Store::open(&folder.file("store.sqlite")).unwrap();
    for number in 0..20 {
        let content = number.to_string().repeat(5_000);
        let document = document(Slot::RootCaCrl, &content, number, number);
        store.add_document(ANCHOR, &document, &[]).unwrap();
        store.record(&event("a")).unwrap();
    }
    store
}

#[test]
fn a_backup_is_a_store_with_everything_in_it() {
    let folder = Folder::new();
    let store = filled(&folder);
    let backup = folder.file("backup.sqlite");
    assert_eq!(store.backup(&backup).unwrap().audit_entries, 20);
    let mode = backup.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let opened = Store::open(&backup).unwrap();
    let all = |store: &Store| {
        store
            .document_history(ANCHOR, Slot::RootCaCrl, usize::MAX)
            .unwrap()
    };
    assert_eq!(all(&opened), all(&store));
    assert_eq!(
        opened.entries(0, 99).unwrap(),
        store.entries(0, 99).unwrap()
    );
    assert_eq!(opened.check().unwrap().audit_entries, 20);
}

#[test]
fn a_backup_of_memory_is_a_store_too() {
    let folder = Folder::new();
    let store = Store::open_in_memory().unwrap();
    store.record(&event("a")).unwrap();
    store.backup(&folder.file("backup.sqlite")).unwrap();
    let opened = Store::open(&folder.file("backup.sqlite")).unwrap();
    assert_eq!(opened.entries(0, 9).unwrap(), store.entries(0, 9).unwrap());
}

#[test]
fn a_backup_is_of_one_state_while_others_write() {
    let folder = Folder::new();
    let store = filled(&folder);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for number in 100..160 {
                let content = number.to_string().repeat(5_000);
                let document = document(Slot::RootCaCrl, &content, number, number);
                store.record(&event("before its document")).unwrap();
                store.add_document(ANCHOR, &document, &[]).unwrap();
            }
        });
        let mut backups = 0;
        while !writing.is_finished() || backups == 0 {
            let path = folder.file(&format!("backup-{backups}.sqlite"));
            let checked = store.backup(&path).unwrap();
            let opened = Store::open(&path).unwrap();
            let documents = opened
                .document_history(ANCHOR, Slot::RootCaCrl, usize::MAX)
                .unwrap();
            let documents = u64::try_from(documents.len()).unwrap();
            let entries = checked.audit_entries;
            assert!(entries == documents || entries == documents + 1);
            backups += 1;
        }
    });
    assert_eq!(store.check().unwrap().audit_entries, 80);
}

#[test]
fn nothing_is_written_over() {
    let folder = Folder::new();
    let store = filled(&folder);
    let taken = folder.file("taken");
    fs::write(&taken, "mine").unwrap();
    exists(store.backup(&taken));
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    let dangling = folder.file("dangling");
    symlink(folder.file("nowhere"), &dangling).unwrap();
    exists(store.backup(&dangling));
    let backup = folder.file("backup.sqlite");
    store.backup(&backup).unwrap();
    exists(Store::restore(&backup, &taken));
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    fs::write(
        folder.file("restored.sqlite-wal"),
        "of a store that is gone",
    )
    .unwrap();
    exists(Store::restore(&backup, &folder.file("restored.sqlite")));
    let left: Vec<_> = fs::read_dir(folder.file("."))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("unfinished"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn what_is_restored_is_what_was_kept() {
    let folder = Folder::new();
    let store = filled(&folder);
    let backup = folder.file("backup.sqlite");
    store.backup(&backup).unwrap();
    let bytes = fs::read(&backup).unwrap();
    let restored = folder.file("new/place/store.sqlite");
    let checked = Store::restore(&backup, &restored).unwrap();
    assert_eq!(checked.audit_entries, 20);
    assert_eq!(fs::read(&backup).unwrap(), bytes, "the backup stays");
    let restored = Store::open(&restored).unwrap();
    assert_eq!(
        restored.latest_documents(ANCHOR).unwrap(),
        store.latest_documents(ANCHOR).unwrap()
    );
    restored.record(&event("it goes on")).unwrap();
    assert_eq!(restored.verify_chain().unwrap(), Ok(21));
}

#[test]
fn a_bad_backup_is_refused_and_makes_nothing() {
    let folder = Folder::new();
    let store = filled(&folder);
    let backup = folder.file("backup.sqlite");
    store.backup(&backup).unwrap();
    let place = folder.file("restored.sqlite");

    let mut bytes = fs::read(&backup).unwrap();
    let page = usize::from(u16::from_be_bytes(bytes[16..18].try_into().unwrap()));
    let middle = bytes.len() / page / 2 * page;
    bytes[middle..middle + page].fill(0xa5);
    let damaged = folder.file("damaged.sqlite");
    fs::write(&damaged, &bytes).unwrap();
    let refused = Store::restore(&damaged, &place);
    assert!(
        matches!(&refused, Err(StoreError::Damaged { path, .. }) if path.contains("damaged.sqlite")),
        "{refused:?}"
    );

    bytes.truncate(middle);
    let short = folder.file("short.sqlite");
    fs::write(&short, &bytes).unwrap();
    let refused = Store::restore(&short, &place);
    assert!(
        matches!(&refused, Err(StoreError::Damaged { .. })),
        "{refused:?}"
    );

    fs::write(folder.file("empty"), "").unwrap();
    let refused = Store::restore(&folder.file("empty"), &place);
    assert!(
        matches!(&refused, Err(StoreError::Unavailable { reason, .. }) if reason.contains("not a backup")),
        "{refused:?}"
    );
    Store::restore(&folder.file("nothing"), &place).unwrap_err();
    assert!(!place.exists());
}
