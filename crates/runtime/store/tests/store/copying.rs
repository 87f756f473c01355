//! A store in a file is copied into a database: whatever stands in it, all or nothing, and once.

use std::path::{Path, PathBuf};

use bulla_collateral::Selector;
use bulla_store::audit::Event;
use bulla_store::fleet::RegistrationState;
use bulla_store::postgres::Settings;
use bulla_store::secrets::NotReleased;
use bulla_store::{Audit, Documents, Fleet, Secrets, Store, StoreError};

use crate::folder::Folder;
use crate::samples::{
    ANCHOR, certificates, claim, day, document, event, evidence, platform, raw, refused, reported,
    secret, selection, slots,
};
use crate::server::{PASSWORD, Server};

/// What PostgreSQL keeps in no text, and what stands for it there.
const STRANGE: &str = "a\0b\u{1}0\u{1}1\u{1}";

fn settings(server: &Server, database: &str) -> Settings {
    let address = server.address(database);
    Settings::parse(&address, Some(PASSWORD), Path::new("/")).unwrap()
}

/// A store with gaps in its numbers, strange texts, a large body, and a secret that is half used up.
fn filled(folder: &Folder) -> PathBuf {
    let path = folder.file("store.sqlite");
    let store = Store::open(&path).unwrap();
    for (number, slot) in slots().into_iter().enumerate() {
        let content = format!("of slot {number}");
        let document = document(slot, &content, 1, 2);
        let selections = [selection(Selector::Standard, 17, 2)];
        store.add_document(ANCHOR, &document, &selections).unwrap();
    }
    let large = vec![0xa5; 1 << 20];
    store
        .set_aside(ANCHOR, &refused(STRANGE, &large, 3))
        .unwrap();
    for name in ["A", "B", "C"] {
        store.put_platform(ANCHOR, &platform(name)).unwrap();
    }
    let gone = platform("B").id;
    assert!(store.remove_platform(ANCHOR, &gone).unwrap());
    let kept = platform("C").id;
    store
        .put_pck_certificates(ANCHOR, &kept, &certificates(1), &[raw(1, Some(1))])
        .unwrap();
    store.put_evidence(ANCHOR, &evidence(1, "sgx", 4)).unwrap();
    store
        .enqueue(
            ANCHOR,
            &reported("waits", 1),
            RegistrationState::New,
            day(5),
        )
        .unwrap();
    let told = Event {
        subject: STRANGE.to_owned(),
        details: STRANGE.repeat(1_000),
        ..event("put")
    };
    let mut limited = secret("a", 1);
    limited.limits.times = Some(2);
    assert!(store.put_secret(&limited, &told).unwrap());
    let released = store.release(&claim("a", 1), &event("release"));
    released.unwrap().unwrap();
    path
}

#[test]
fn whatever_stands_in_it_arrives_and_goes_on() {
    let Some(server) = Server::start("a copy of anything") else {
        return;
    };
    let folder = Folder::new();
    let path = filled(&folder);
    let database = server.database();
    Store::copy(&path, settings(&server, &database)).unwrap();
    let file = Store::open(&path).unwrap();
    let copy = Store::connect(settings(&server, &database)).unwrap();
    assert_eq!(copy.entries(0, 10).unwrap(), file.entries(0, 10).unwrap());
    assert_eq!(
        copy.all_set_aside(ANCHOR, 10).unwrap(),
        file.all_set_aside(ANCHOR, 10).unwrap()
    );
    assert_eq!(
        copy.latest_documents(ANCHOR).unwrap(),
        file.latest_documents(ANCHOR).unwrap()
    );

    // Something new in each table whose rows have numbers.
    let new = document(slots()[0], "new", 6, 6);
    let selections = [selection(Selector::Standard, 18, 6)];
    copy.add_document(ANCHOR, &new, &selections).unwrap();
    copy.set_aside(ANCHOR, &refused("new", b"new", 6)).unwrap();
    copy.put_platform(ANCHOR, &platform("D")).unwrap();
    copy.put_evidence(ANCHOR, &evidence(2, "tdx", 6)).unwrap();
    copy.enqueue(ANCHOR, &reported("new", 2), RegistrationState::New, day(6))
        .unwrap();
    let kept = platform("C").id;
    let certified = copy.pck_certificates(ANCHOR, &kept).unwrap();
    assert_eq!(certified, Some(certificates(1)));

    // The count of the secret goes on as well.
    let again = copy.release(&claim("a", 1), &event("release")).unwrap();
    assert!(again.is_ok());
    let third = copy.release(&claim("a", 1), &event("release")).unwrap();
    assert!(matches!(third, Err(NotReleased::Exhausted { .. })));
    copy.check().unwrap();
}

#[test]
fn one_that_fails_leaves_nothing_behind_and_can_be_tried_again() {
    let Some(server) = Server::start("a copy that fails") else {
        return;
    };
    let folder = Folder::new();
    let path = filled(&folder);
    let database = server.database();
    drop(Store::connect(settings(&server, &database)).unwrap());
    // The last table takes nothing.
    let refusing = "ALTER TABLE bulla.secrets ADD CONSTRAINT never CHECK (name <> 'a')";
    server.sql(&database, refusing);
    let failed = Store::copy(&path, settings(&server, &database)).unwrap_err();
    assert!(failed.to_string().contains("never"), "{failed}");
    for table in ["documents", "audit", "audit_head", "platforms"] {
        let count = format!("SELECT count(*) FROM bulla.{table}");
        assert_eq!(server.sql(&database, &count), "0", "{table}");
    }
    server.sql(&database, "ALTER TABLE bulla.secrets DROP CONSTRAINT never");
    Store::copy(&path, settings(&server, &database)).unwrap();
}

#[test]
fn of_two_at_once_one_copies_and_the_other_is_refused() {
    let Some(server) = Server::start("two copies at once") else {
        return;
    };
    let folders = [Folder::new(), Folder::new()];
    let paths = [filled(&folders[0]), filled(&folders[1])];
    let database = server.database();
    let outcomes = std::thread::scope(|scope| {
        let copies = paths.each_ref().map(|path| {
            let settings = settings(&server, &database);
            scope.spawn(move || Store::copy(path, settings))
        });
        copies.map(|copy| copy.join().unwrap())
    });
    let refused: Vec<StoreError> = outcomes.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].to_string().contains("not empty"), "{refused:?}");
    Store::connect(settings(&server, &database))
        .unwrap()
        .check()
        .unwrap();
}
