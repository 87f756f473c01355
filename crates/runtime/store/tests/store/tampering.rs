//! Somebody changes the audit trail behind the store's back.

use std::path::Path;

use bulla_store::{Audit, Store, StoreError};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::folder::Folder;
use crate::samples::event;

const ENTRIES: i64 = 6;

fn recorded(path: &Path) {
    let store = Store::open(path).unwrap();
    for number in 0..ENTRIES {
        store.record(&event(&number.to_string())).unwrap();
    }
    assert!(store.verify_chain().unwrap().is_ok());
}

const COLUMNS: &[&str] = &["actor", "action", "subject", "details"];

/// What can be done to rows, as SQL.
fn tampering() -> impl Strategy<Value = String> {
    let row = || 1..=ENTRIES;
    prop_oneof![
        (row(), prop::sample::select(COLUMNS)).prop_map(|(row, column)| format!(
            "UPDATE audit SET {column} = {column} || '.' WHERE sequence = {row}"
        )),
        (row(), prop::sample::select(COLUMNS)).prop_map(|(row, column)| format!(
            "UPDATE audit SET {column} = CAST(x'ff' AS TEXT) WHERE sequence = {row}"
        )),
        row().prop_map(|row| format!(
            "UPDATE audit SET action = '', actor = actor || action WHERE sequence = {row}"
        )),
        (row(), -100_i64..100)
            .prop_filter("a change", |(_, by)| *by != 0)
            .prop_map(|(row, by)| format!(
                "UPDATE audit SET at = at + {by} WHERE sequence = {row}"
            )),
        row().prop_map(|row| format!("UPDATE audit SET at = -1 WHERE sequence = {row}")),
        (row(), any::<[u8; 32]>()).prop_map(|(row, digest)| format!(
            "UPDATE audit SET sha256 = x'{}' WHERE sequence = {row}",
            hex(&digest)
        )),
        row().prop_map(|row| format!("DELETE FROM audit WHERE sequence = {row}")),
        row().prop_map(|row| format!("DELETE FROM audit WHERE sequence >= {row}")),
        row().prop_map(|row| format!(
            "DELETE FROM audit WHERE sequence = {row};
             UPDATE audit SET sequence = sequence - 1 WHERE sequence > {row}"
        )),
        (row(), row())
            .prop_filter("two rows", |(one, other)| one != other)
            .prop_map(|(one, other)| format!(
                "UPDATE audit SET sequence = 0 WHERE sequence = {one};
                 UPDATE audit SET sequence = {one} WHERE sequence = {other};
                 UPDATE audit SET sequence = {other} WHERE sequence = 0"
            )),
        row().prop_map(|row| format!(
            "INSERT INTO audit SELECT {ENTRIES} + 1, at, actor, action, subject, details, sha256
             FROM audit WHERE sequence = {row}"
        )),
        Just("DELETE FROM audit_head".to_owned()),
        row()
            .prop_filter("another", |row| *row != ENTRIES)
            .prop_map(|row| format!(
                "UPDATE audit_head SET (sequence, sha256) =
                 (SELECT sequence, sha256 FROM audit WHERE sequence = {row})"
            )),
    ]
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn it_is_always_noticed(sql in tampering()) {
        let folder = Folder::new();
        let path = folder.file("store.sqlite");
        recorded(&path);
        Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
        let store = Store::open(&path).unwrap();
        let found = store.verify_chain().unwrap();
        prop_assert!(found.is_err(), "{sql}");
        prop_assert!(matches!(store.check(), Err(StoreError::Damaged { .. })), "{sql}");
        // Recording goes on, unless the end itself is in doubt, and does not heal it.
        match store.record(&event("later")) {
            Ok(_) => prop_assert!(!sql.contains("audit_head") && !sql.contains("INSERT")),
            Err(error) => prop_assert!(matches!(error, StoreError::Damaged { .. }), "{error}"),
        }
        prop_assert!(store.verify_chain().unwrap().is_err(), "{sql}");
    }
}

#[test]
fn the_place_is_told() {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    recorded(&path);
    let tamper = |sql: &str| {
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let store = Store::open(&path).unwrap();
        let found = store.verify_chain().unwrap().unwrap_err();
        (found.sequence, found.reason)
    };
    let (place, reason) = tamper("DELETE FROM audit WHERE sequence = 6");
    assert_eq!(place, 6);
    assert!(reason.contains("missing, at the end"), "{reason}");
    let (place, reason) = tamper("UPDATE audit SET actor = 'nobody' WHERE sequence = 4");
    assert_eq!(place, 4);
    assert!(reason.contains("digest"), "{reason}");
    let (place, reason) = tamper("DELETE FROM audit WHERE sequence = 2");
    assert_eq!(place, 2);
    assert!(reason.contains("missing"), "{reason}");
}
