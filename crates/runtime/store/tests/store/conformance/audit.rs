//! [`Audit`].

use bulla_store::Audit;
use bulla_store::audit::Event;

use crate::samples::{day, event};

fn record(store: &impl Audit, actions: &[&str]) {
    for action in actions {
        store.record(&event(action)).unwrap();
    }
}

pub(crate) fn an_event_gets_the_next_place(store: &impl Audit) {
    assert_eq!(store.head().unwrap(), None);
    for (sequence, action) in (1..).zip(["a", "b", "c"]) {
        let entry = store.record(&event(action)).unwrap();
        assert_eq!((entry.sequence, &entry.event), (sequence, &event(action)));
        assert_eq!(store.head().unwrap(), Some(entry));
    }
}

pub(crate) fn entries_come_in_their_order(store: &impl Audit) {
    assert_eq!(store.entries(0, 9).unwrap(), []);
    record(store, &["a", "b", "c", "d"]);
    let actions = |after, limit| {
        let entries = store.entries(after, limit).unwrap();
        let actions: Vec<_> = entries
            .into_iter()
            .map(|entry| entry.event.action)
            .collect();
        actions.concat()
    };
    assert_eq!(actions(0, 9), "abcd");
    assert_eq!(actions(1, 2), "bc");
    assert_eq!(actions(4, 9), "");
    assert_eq!(actions(u64::MAX, usize::MAX), "");
    assert_eq!(actions(0, 0), "");
}

pub(crate) fn the_chain_holds(store: &impl Audit) {
    assert_eq!(store.verify_chain().unwrap(), Ok(0));
    record(store, &["a", "", "a", "å\0"]);
    assert_eq!(store.verify_chain().unwrap(), Ok(4));
}

/// The encoding once more, by hand and as the module describes it.
pub(crate) fn the_digests_are_as_described(store: &impl Audit) {
    let number = |number: usize| u64::try_from(number).unwrap().to_be_bytes();
    let text = |text: &str| [&number(text.len())[..], text.as_bytes()].concat();
    let mut previous = [0; 32];
    for (sequence, action) in [(1, "a"), (2, "b")] {
        let Event {
            at,
            actor,
            action,
            subject,
            details,
        } = event(action);
        let encoded = [
            text("audit"),
            number(32).to_vec(),
            previous.to_vec(),
            number(sequence).to_vec(),
            at.unix_seconds().to_be_bytes().to_vec(),
            text(&actor),
            text(&action),
            text(&subject),
            text(&details),
        ];
        previous = bulla_pki::digest::sha256(&encoded.concat());
        assert_eq!(store.record(&event(&action)).unwrap().sha256, previous);
    }
}

pub(crate) fn equal_events_have_different_digests(store: &impl Audit) {
    let first = store.record(&event("a")).unwrap();
    let second = store.record(&event("a")).unwrap();
    assert_ne!(first.sha256, second.sha256);
    let later = Event {
        at: day(2),
        ..event("a")
    };
    assert_ne!(store.record(&later).unwrap().sha256, second.sha256);
}

pub(crate) fn many_may_record_at_once(store: &(impl Audit + Sync)) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || record(store, &[&thread.to_string()[..]; 10]));
        }
    });
    assert_eq!(store.verify_chain().unwrap(), Ok(40));
}
