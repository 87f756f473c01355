//! What is removed when it has become old, and what never is.

use bulla_collateral::{Selector, Slot};
use bulla_store::documents::{SET_ASIDE_BYTES, SET_ASIDE_COUNT};
use bulla_store::{Documents, Pruned, Retention, Store};
use proptest::prelude::*;

use crate::samples::{ANCHOR, DAY, OTHER, QE, day, document, refused, selection, slots};

/// Nothing is too much, and nothing too old before a year.
const LONG: Retention = Retention {
    documents: 365 * DAY,
    set_aside: 365 * DAY,
    set_aside_count: SET_ASIDE_COUNT,
    set_aside_bytes: SET_ASIDE_BYTES,
};

fn counts(pruned: Pruned) -> (usize, usize) {
    (pruned.documents, pruned.set_aside)
}

#[test]
fn an_issue_is_removed_when_its_window_ended_long_enough_ago() {
    let store = Store::open_in_memory().unwrap();
    let slot = Slot::Numbered(QE, 17);
    for issued in [1, 11, 21] {
        let document = document(slot, &issued.to_string(), issued, issued);
        let standard = selection(Selector::Standard, 17, issued);
        store.add_document(ANCHOR, &document, &[standard]).unwrap();
        store.add_document(OTHER, &document, &[]).unwrap();
    }
    let retention = Retention {
        documents: 5 * DAY,
        ..LONG
    };
    let prune = |now| counts(store.prune(ANCHOR, &retention, now).unwrap());
    // Windows have 30 days, so that the first is kept through the 36th day.
    assert_eq!(prune(day(36)), (0, 0));
    assert_eq!(prune(day(36).saturating_add(1)), (1, 0));
    let left = store.document_history(ANCHOR, slot, 9).unwrap();
    assert_eq!(left.len(), 2);
    assert_eq!(prune(day(9_999)), (1, 0), "the latest stays");
    assert_eq!(store.latest_documents(ANCHOR).unwrap(), left[..1]);
    assert_eq!(store.document_history(OTHER, slot, 9).unwrap().len(), 3);
    assert_eq!(store.selection_history(ANCHOR, QE).unwrap().len(), 1);
    store.check().unwrap();
}

#[test]
fn a_number_is_not_given_again() {
    let store = Store::open_in_memory().unwrap();
    let issue = |issued: u64| document(Slot::RootCaCrl, &issued.to_string(), issued, issued);
    store.add_document(ANCHOR, &issue(9), &[]).unwrap();
    let removed = store.add_document(ANCHOR, &issue(1), &[]).unwrap();
    let pruned = store.prune(ANCHOR, &LONG, day(9_999)).unwrap();
    assert_eq!(counts(pruned), (1, 0));
    let next = store.add_document(ANCHOR, &issue(2), &[]).unwrap();
    assert!(next > removed, "{next} after {removed}");
}

#[test]
fn refusals_go_by_age_number_and_size() {
    let store = Store::open_in_memory().unwrap();
    for arrived in 1..=6 {
        let body = vec![u8::try_from(arrived).unwrap(); 1_000];
        store
            .set_aside(ANCHOR, &refused("w", &body, arrived))
            .unwrap();
    }
    store.set_aside(OTHER, &refused("w", b"x", 0)).unwrap();
    let first = || store.all_set_aside(ANCHOR, 9).unwrap().pop().unwrap();
    let prune = |retention: Retention, now| counts(store.prune(ANCHOR, &retention, now).unwrap());
    assert_eq!(prune(LONG, day(7)), (0, 0));
    let young = Retention {
        set_aside: 5 * DAY,
        ..LONG
    };
    assert_eq!(prune(young, day(7)), (0, 1));
    assert_eq!(first().arrived, day(2));
    let few = Retention {
        set_aside_count: 5,
        ..LONG
    };
    assert_eq!(prune(few, day(7)), (0, 1), "with that of the other anchor");
    assert_eq!(first().arrived, day(3));
    let small = Retention {
        set_aside_bytes: 3_000,
        ..LONG
    };
    assert_eq!(prune(small, day(7)), (0, 2), "each has some texts");
    assert_eq!(first().arrived, day(5));
    assert_eq!(store.all_set_aside(OTHER, 9).unwrap().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_served_is_never_removed(
        issues in prop::collection::vec((0..7_usize, 0..60_u64, 0..60_u64), 0..40),
        keep in 0..40_u64,
        now in 0..150_u64,
    ) {
        let store = Store::open_in_memory().unwrap();
        for (slot, issued, arrived) in issues {
            let document = document(slots()[slot], &issued.to_string(), issued, arrived);
            store.add_document(ANCHOR, &document, &[]).unwrap();
        }
        let latest = store.latest_documents(ANCHOR).unwrap();
        let retention = Retention { documents: keep * DAY, ..LONG };
        store.prune(ANCHOR, &retention, day(now)).unwrap();
        prop_assert_eq!(store.latest_documents(ANCHOR).unwrap(), latest.clone());
        for slot in slots() {
            let history = store.document_history(ANCHOR, slot, usize::MAX).unwrap();
            for kept in history {
                let until = kept.document.window.until;
                let old = until < day(now).saturating_sub(keep * DAY);
                prop_assert!(!old || latest.contains(&kept));
            }
        }
    }
}
