//! Bytes of the file change on the disk.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use bulla_collateral::{Selector, Slot};
use bulla_store::fleet::RegistrationState;
use bulla_store::{Audit, Documents, Fleet, Governance, Secrets, Store, StoreError};
use proptest::prelude::*;

use crate::folder::Folder;
use crate::samples::{
    ANCHOR, QE, certificates, day, document, event, evidence, id, manifest, platform, ppid, raw,
    refused, reported, secret, selection, slots,
};

/// Something of everything.
fn fill(store: &Store) {
    for (number, slot) in (1..).zip(slots()) {
        for issue in 0..3 {
            let content = format!("{slot} {issue} ").repeat(300);
            let document = document(slot, &content, number + issue, number + issue);
            let early = selection(Selector::Early, u32::try_from(issue).unwrap(), number);
            store.add_document(ANCHOR, &document, &[early]).unwrap();
        }
        store
            .set_aside(ANCHOR, &refused(&slot.to_string(), b"refused", 1))
            .unwrap();
    }
    for name in ["A", "B", "C"] {
        let mut platform = platform(name);
        platform.encrypted_ppid = Some(ppid(1));
        platform.manifest = Some(manifest(1));
        store.put_platform(ANCHOR, &platform).unwrap();
        let tcbs = [raw(1, Some(1)), raw(2, Some(2)), raw(3, None)];
        store
            .put_pck_certificates(ANCHOR, &id(name), &certificates(1), &tcbs)
            .unwrap();
        let state = RegistrationState::New;
        store
            .enqueue(ANCHOR, &reported(name, 1), state, day(1))
            .unwrap();
        store
            .decide("kind", name, Some("{}"), day(1), "me")
            .unwrap();
        store.record(&event(name)).unwrap();
        let mut secret = secret(name, 1);
        secret.limits.platforms = Some(vec![[1; 32], [2; 32]]);
        store.put_secret(&secret, &event("put")).unwrap();
    }
    store.put_evidence(ANCHOR, &evidence(1, "sgx", 1)).unwrap();
    store.put_evidence(ANCHOR, &evidence(2, "tdx", 1)).unwrap();
}

/// One answer to each question, or what is damaged.
type Answers = Vec<Result<String, String>>;

fn all<T>(found: bulla_store::Result<T>, text: impl FnOnce(T) -> String) -> Result<String, String> {
    found.map(text).map_err(|error| match error {
        StoreError::Damaged { reason, .. } => reason,
        other => panic!("damage is called {other:?}"),
    })
}

fn ask(store: &Store) -> Answers {
    let mut answers = Vec::new();
    for slot in slots() {
        let history = store.document_history(ANCHOR, slot, 9);
        answers.push(all(history, |found| format!("{found:?}")));
        let at = store.document_at(ANCHOR, slot, day(9));
        answers.push(all(at, |found| format!("{found:?}")));
    }
    answers.push(all(store.latest_documents(ANCHOR), |found| {
        format!("{found:?}")
    }));
    answers.push(all(store.selections(ANCHOR), |found| format!("{found:?}")));
    let history = store.selection_history(ANCHOR, QE);
    answers.push(all(history, |found| format!("{found:?}")));
    answers.push(all(store.all_set_aside(ANCHOR, 99), |found| {
        format!("{found:?}")
    }));
    answers.push(all(store.decisions("kind"), |found| format!("{found:?}")));
    for name in ["A", "B", "C"] {
        let platform = store.platform(ANCHOR, &id(name));
        answers.push(all(platform, |found| {
            let found =
                found.map(|found| (found.encrypted_ppid, found.manifest.map(|m| m.to_string())));
            format!("{found:?}")
        }));
        let certificates = store.pck_certificates(ANCHOR, &id(name));
        answers.push(all(certificates, |found| {
            format!(
                "{:?}",
                found.map(|found| (found.certificates, found.issuer_chain))
            )
        }));
        let tcbs = store.raw_tcbs(ANCHOR, &id(name));
        answers.push(all(tcbs, |found| format!("{found:?}")));
        for number in 1..4 {
            let tcb = raw(number, None);
            let answer = store.pck_answer(ANCHOR, &id(name), tcb.cpu_svn, tcb.pce_svn);
            answers.push(all(answer, |found| {
                format!(
                    "{:?}",
                    found.map(|found| (found.certificate, found.issuer_chain))
                )
            }));
        }
    }
    let evidence = store.evidence(ANCHOR, None, 9);
    answers.push(all(evidence, |found| {
        let quotes: Vec<_> = found
            .iter()
            .map(|found| (found.ppid, &found.quote))
            .collect();
        format!("{quotes:?}")
    }));
    answers.push(all(store.secrets(), |found| format!("{found:?}")));
    let entries = store.entries(0, 9);
    answers.push(all(entries, |found| format!("{found:?}")));
    answers
}

/// What became of a store some bytes of which were changed.
#[derive(Debug, PartialEq)]
enum Fate {
    /// It was not opened.
    Refused,
    /// A check finds it.
    Found,
    /// Everything is as before: the bytes mean nothing.
    Harmless,
}

fn fate(path: &Path, expected: &Answers) -> Fate {
    let store = match Store::open(path) {
        Ok(store) => store,
        // What marks a store, or its steps, may be what was changed.
        Err(
            StoreError::Damaged { .. } | StoreError::Schema { .. } | StoreError::Unavailable { .. },
        ) => {
            return Fate::Refused;
        }
        Err(other) => panic!("{other:?}"),
    };
    match store.check() {
        Ok(_) => {
            assert_eq!(&ask(&store), expected, "a wrong answer that no check finds");
            Fate::Harmless
        }
        Err(StoreError::Damaged { .. }) => Fate::Found,
        Err(other) => panic!("damage is called {other:?}"),
    }
}

/// A filled store's bytes, and its answers.
fn original() -> (Vec<u8>, Answers) {
    static ORIGINAL: OnceLock<(Vec<u8>, Answers)> = OnceLock::new();
    ORIGINAL.get_or_init(make_original).clone()
}

fn make_original() -> (Vec<u8>, Answers) {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    let store = Store::open(&path).unwrap();
    fill(&store);
    let answers = ask(&store);
    assert!(answers.iter().all(Result::is_ok));
    drop(store);
    assert!(
        !folder.file("store.sqlite-wal").exists(),
        "the log was taken in"
    );
    (fs::read(&path).unwrap(), answers)
}

fn damaged(bytes: &[u8], expected: &Answers) -> Fate {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    fs::write(&path, bytes).unwrap();
    fate(&path, expected)
}

#[test]
fn a_certificate_that_is_missing_is_noticed() {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    let store = Store::open(&path).unwrap();
    fill(&store);
    drop(store);
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute("DELETE FROM pck_certificates WHERE position = 3", [])
        .unwrap();
    let store = Store::open(&path).unwrap();
    let refused = store.pck_certificates(ANCHOR, &id("A"));
    assert!(
        matches!(&refused, Err(StoreError::Damaged { .. })),
        "{refused:?}"
    );
    assert!(matches!(store.check(), Err(StoreError::Damaged { .. })));
}

/// The size of the pages of a file, in bytes, as its header has it.
fn page_size(bytes: &[u8]) -> usize {
    u16::from_be_bytes(bytes[16..18].try_into().unwrap()).into()
}

#[test]
fn a_page_of_garbage_is_found_wherever_it_is_in_use() {
    let (bytes, expected) = original();
    assert_eq!(damaged(&bytes, &expected), Fate::Harmless);
    let size = page_size(&bytes);
    assert_eq!(size, 16_384);
    let pages = bytes.len() / size;
    assert!(pages > 40, "{pages}");
    let mut harmless = 0;
    for page in 0..pages {
        let mut bytes = bytes.clone();
        let garbage = (0..size).map(|offset| u8::try_from((offset * 31 + page) % 251).unwrap());
        bytes.splice(page * size..(page + 1) * size, garbage);
        harmless += usize::from(damaged(&bytes, &expected) == Fate::Harmless);
    }
    // The header counts the pages that are not in use; the first of them lists the others.
    let free = u32::from_be_bytes(bytes[36..40].try_into().unwrap());
    assert_eq!(harmless, usize::try_from(free).unwrap().saturating_sub(1));
}

#[test]
fn every_value_that_changes_is_found() {
    // The content of values, which SQLite itself does not look at.
    let (bytes, expected) = original();
    for text in [
        "root-ca-crl 1 root-ca-crl 1 ",
        "BEGIN CERTIFICATE----- 1 1",
        "the signature does not hold",
        "quote 1",
        "https://vendor.example",
        "operator",
        "sealed A 1",
    ] {
        let places = bytes
            .windows(text.len())
            .enumerate()
            .filter(|(_, window)| *window == text.as_bytes())
            .map(|(place, _)| place);
        // Some may be left over in room that is not in use.
        let found = places.filter(|place| {
            let mut bytes = bytes.clone();
            bytes[*place] ^= 1;
            damaged(&bytes, &expected) == Fate::Found
        });
        assert_ne!(found.count(), 0, "{text}");
    }
}

#[test]
fn what_is_damaged_is_not_given_out() {
    let (mut bytes, expected) = original();
    let slot = Slot::RootCaCrl;
    let body = b"root-ca-crl 2 root-ca-crl 2 ";
    let place = bytes
        .windows(body.len())
        .position(|window| window == body)
        .unwrap();
    bytes[place] ^= 0x20;
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    fs::write(&path, &bytes).unwrap();
    let store = Store::open(&path).unwrap();
    let refused = store.document_history(ANCHOR, slot, 1).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("store.sqlite is damaged"), "{text}");
    assert!(text.contains("restore a backup"), "{text}");
    let answers = ask(&store);
    let mut intact = 0;
    for (answer, expected) in answers.iter().zip(&expected) {
        if answer.is_ok() {
            assert_eq!(answer, expected);
            intact += 1;
        }
    }
    assert_eq!(intact, answers.len() - 3, "history, instant and latest");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_damage_makes_a_wrong_answer(
        place in any::<prop::sample::Index>(),
        garbage in prop::collection::vec(any::<u8>(), 1..600),
    ) {
        let (mut bytes, expected) = original();
        let place = place.index(bytes.len());
        let end = bytes.len().min(place + garbage.len());
        bytes[place..end].copy_from_slice(&garbage[..end - place]);
        damaged(&bytes, &expected);
    }
}
