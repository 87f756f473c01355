//! [`Documents`].

use bulla_collateral::{Selector, Slot};
use bulla_store::Documents;
use bulla_store::documents::{
    NewDocument, SET_ASIDE_BODY, SET_ASIDE_BYTES, SET_ASIDE_COUNT, SET_ASIDE_TEXT, StoredDocument,
};

use crate::samples::{ANCHOR, OTHER, QE, TCB, day, document, refused, selection, slots};

const SLOT: Slot = Slot::RootCaCrl;

fn contents(found: impl IntoIterator<Item = StoredDocument>) -> Vec<NewDocument> {
    found.into_iter().map(|stored| stored.document).collect()
}

pub(crate) fn an_added_document_comes_back_as_it_was(store: &impl Documents) {
    assert_eq!(store.latest_documents(ANCHOR).unwrap(), []);
    let mut ids = Vec::new();
    for slot in slots() {
        let document = document(slot, &slot.to_string(), 1, 2);
        let id = store.add_document(ANCHOR, &document, &[]).unwrap();
        let stored = StoredDocument { id, document };
        assert_eq!(store.document_history(ANCHOR, slot, 9).unwrap(), [stored]);
        ids.push(id);
    }
    assert!(ids.is_sorted_by(|before, after| before < after), "{ids:?}");
    let mut found = contents(store.latest_documents(ANCHOR).unwrap());
    found.sort_by_key(|document| document.slot);
    let mut slots = slots();
    slots.sort();
    let expected: Vec<_> = slots
        .into_iter()
        .map(|slot| document(slot, &slot.to_string(), 1, 2))
        .collect();
    assert_eq!(found, expected);
}

pub(crate) fn an_equal_document_stays_as_it_is(store: &impl Documents) {
    let first = document(SLOT, "same", 1, 2);
    let again = NewDocument {
        arrived: day(9),
        source: "elsewhere".to_owned(),
        ..first.clone()
    };
    let id = store.add_document(ANCHOR, &first, &[]).unwrap();
    assert_eq!(store.add_document(ANCHOR, &again, &[]).unwrap(), id);
    let stored = StoredDocument {
        id,
        document: first,
    };
    assert_eq!(store.document_history(ANCHOR, SLOT, 9).unwrap(), [stored]);
    let elsewhere = document(Slot::Numbered(QE, 17), "same", 1, 2);
    assert_ne!(store.add_document(ANCHOR, &elsewhere, &[]).unwrap(), id);
}

pub(crate) fn the_latest_issue_has_the_latest_start_then_the_latest_arrival(
    store: &impl Documents,
) {
    let latest = || contents(store.latest_documents(ANCHOR).unwrap());
    let newer = document(SLOT, "newer", 5, 6);
    store.add_document(ANCHOR, &newer, &[]).unwrap();
    let older = document(SLOT, "older", 4, 7);
    store.add_document(ANCHOR, &older, &[]).unwrap();
    assert_eq!(latest(), [newer]);
    let equal = document(SLOT, "as new, later", 5, 8);
    store.add_document(ANCHOR, &equal, &[]).unwrap();
    assert_eq!(latest(), [equal]);
}

pub(crate) fn anchors_never_meet(store: &impl Documents) {
    let here = document(SLOT, "same", 1, 1);
    let there = document(SLOT, "same", 1, 3);
    let standard = selection(Selector::Standard, 17, 1);
    store.add_document(ANCHOR, &here, &[standard]).unwrap();
    assert_eq!(store.latest_documents(OTHER).unwrap(), []);
    assert_eq!(store.document_history(OTHER, SLOT, 9).unwrap(), []);
    assert_eq!(store.document_at(OTHER, SLOT, day(9)).unwrap(), None);
    assert_eq!(store.selections(OTHER).unwrap(), []);
    assert_eq!(store.selection_history(OTHER, QE).unwrap(), []);
    store.add_document(OTHER, &there, &[]).unwrap();
    assert_eq!(contents(store.latest_documents(ANCHOR).unwrap()), [here]);
    assert_eq!(contents(store.latest_documents(OTHER).unwrap()), [there]);
    let aside = refused("root-ca-crl", b"x", 1);
    store.set_aside(ANCHOR, &aside).unwrap();
    assert_eq!(store.all_set_aside(OTHER, 9).unwrap(), []);
    store.set_aside(OTHER, &aside).unwrap();
    assert_eq!(store.all_set_aside(ANCHOR, 9).unwrap(), [aside]);
}

pub(crate) fn history_has_every_issue_latest_first(store: &impl Documents) {
    for issued in [2, 9, 4, 7] {
        let document = document(SLOT, &issued.to_string(), issued, 10);
        store.add_document(ANCHOR, &document, &[]).unwrap();
    }
    let history = |limit| {
        let history = store.document_history(ANCHOR, SLOT, limit).unwrap();
        let issued: Vec<_> = contents(history)
            .iter()
            .map(|document| document.window.from)
            .collect();
        issued
    };
    assert_eq!(history(9), [day(9), day(7), day(4), day(2)]);
    assert_eq!(history(usize::MAX).len(), 4);
    assert_eq!(history(2), [day(9), day(7)]);
    assert_eq!(history(0), []);
}

pub(crate) fn an_instant_has_the_latest_issue_that_had_arrived(store: &impl Documents) {
    let [first, second, late] = [(1, 2), (5, 6), (3, 8)]
        .map(|(issued, arrived)| document(SLOT, &issued.to_string(), issued, arrived));
    for document in [&first, &second, &late] {
        store.add_document(ANCHOR, document, &[]).unwrap();
    }
    let at = |instant| {
        let found = store.document_at(ANCHOR, SLOT, instant).unwrap();
        found.map(|stored| stored.document)
    };
    assert_eq!(at(day(2).saturating_sub(1)), None);
    assert_eq!(at(day(2)), Some(first.clone()));
    assert_eq!(at(day(6).saturating_sub(1)), Some(first));
    assert_eq!(at(day(6)), Some(second.clone()));
    assert_eq!(at(day(9)), Some(second), "{late:?} is of an older issue");
}

pub(crate) fn a_selection_lasts_until_another_number_is_seen(store: &impl Documents) {
    let document = document(SLOT, "any", 1, 1);
    let see = |selector, number, seen| {
        let selection = selection(selector, number, seen);
        store.add_document(ANCHOR, &document, &[selection]).unwrap();
    };
    see(Selector::Standard, 17, 1);
    see(Selector::Early, 18, 1);
    see(Selector::Standard, 17, 4);
    see(Selector::Standard, 17, 2);
    let lasting = |number, since, seen| {
        let mut selection = selection(Selector::Standard, number, since);
        selection.seen = day(seen);
        selection
    };
    let early = selection(Selector::Early, 18, 1);
    let selections = || {
        let mut found = store.selections(ANCHOR).unwrap();
        found.sort_by_key(|selection| selection.selector);
        found
    };
    assert_eq!(selections(), [lasting(17, 1, 4), early]);
    see(Selector::Standard, 18, 5);
    see(Selector::Standard, 17, 6);
    assert_eq!(selections(), [lasting(17, 6, 6), early]);
    assert_eq!(
        store.selection_history(ANCHOR, QE).unwrap(),
        [
            lasting(17, 6, 6),
            lasting(18, 5, 5),
            early,
            lasting(17, 1, 4)
        ]
    );
    assert_eq!(store.selection_history(ANCHOR, TCB).unwrap(), []);
}

pub(crate) fn selections_enter_with_their_document(store: &impl Documents) {
    let both = [
        selection(Selector::Standard, 17, 1),
        selection(Selector::Early, 18, 1),
    ];
    let document = document(Slot::Numbered(QE, 17), "17", 1, 1);
    store.add_document(ANCHOR, &document, &both).unwrap();
    let mut found = store.selections(ANCHOR).unwrap();
    found.sort_by_key(|selection| selection.selector);
    assert_eq!(found, both);
}

pub(crate) fn of_equal_refusals_the_last_is_kept(store: &impl Documents) {
    let mut again = refused("root-ca-crl", b"x", 5);
    again.reason = "another reason".to_owned();
    let elsewhere = refused("pck-crl/platform", b"x", 2);
    store
        .set_aside(ANCHOR, &refused("root-ca-crl", b"x", 1))
        .unwrap();
    store.set_aside(ANCHOR, &elsewhere).unwrap();
    store.set_aside(ANCHOR, &again).unwrap();
    assert_eq!(
        store.all_set_aside(ANCHOR, 9).unwrap(),
        [again, elsewhere],
        "one for each place"
    );
}

pub(crate) fn refusals_come_latest_first(store: &impl Documents) {
    for body in [b"a", b"c", b"b"] {
        store.set_aside(ANCHOR, &refused("w", body, 1)).unwrap();
    }
    let bodies = |limit| {
        let found = store.all_set_aside(ANCHOR, limit).unwrap();
        let bodies: Vec<_> = found.into_iter().map(|refused| refused.body).collect();
        bodies.concat()
    };
    assert_eq!(bodies(9), b"bca");
    assert_eq!(bodies(2), b"bc");
    assert_eq!(bodies(0), b"");
}

pub(crate) fn refusals_are_bounded_in_number(store: &impl Documents) {
    for number in 0..SET_ASIDE_COUNT + 3 {
        let body = number.to_be_bytes();
        store.set_aside(ANCHOR, &refused("w", &body, 1)).unwrap();
    }
    let found = store.all_set_aside(ANCHOR, usize::MAX).unwrap();
    assert_eq!(u64::try_from(found.len()).unwrap(), SET_ASIDE_COUNT);
    assert_eq!(found[0].body, (SET_ASIDE_COUNT + 2).to_be_bytes());
    assert_eq!(found[found.len() - 1].body, 3_u64.to_be_bytes());
}

pub(crate) fn refusals_are_bounded_in_size(store: &impl Documents) {
    let fitting = SET_ASIDE_BYTES / u64::try_from(SET_ASIDE_BODY).unwrap();
    let mut body = vec![7; SET_ASIDE_BODY];
    for number in 0..fitting + 2 {
        body[..8].copy_from_slice(&number.to_be_bytes());
        store.set_aside(ANCHOR, &refused("w", &body, 1)).unwrap();
    }
    let found = store.all_set_aside(ANCHOR, usize::MAX).unwrap();
    // The texts take room too, so that one less than fits is left.
    assert_eq!(u64::try_from(found.len()).unwrap(), fitting - 1);
    assert_eq!(found[0].body, body);
}

pub(crate) fn a_long_refusal_is_cut_and_says_so(store: &impl Documents) {
    let mut long = refused("w", &vec![7; SET_ASIDE_BODY + 1], 1);
    long.source = "é".repeat(SET_ASIDE_TEXT);
    store.set_aside(ANCHOR, &long).unwrap();
    let found = store.all_set_aside(ANCHOR, 9).unwrap();
    assert_eq!(found[0].body, long.body[..SET_ASIDE_BODY]);
    assert_eq!(found[0].source, "é".repeat(SET_ASIDE_TEXT / 2));
    let size = long.body.len().to_string();
    assert!(found[0].reason.contains(&size), "{}", found[0].reason);
    assert!(found[0].reason.ends_with(&long.reason));
    let fitting = refused("w", &long.body[..SET_ASIDE_BODY], 2);
    store.set_aside(ANCHOR, &fitting).unwrap();
    assert_eq!(
        store.all_set_aside(ANCHOR, 9).unwrap(),
        [fitting],
        "the beginning is the same"
    );
}
