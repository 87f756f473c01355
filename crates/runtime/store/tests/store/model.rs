//! The collection of documents against a plain list.

use std::cmp::Reverse;

use bulla_collateral::Slot;
use bulla_pki::Timestamp;
use bulla_store::documents::NewDocument;
use bulla_store::{Documents, Store};
use proptest::prelude::*;

use crate::samples::{ANCHOR, OTHER, day, document, slots};

/// Documents in the order in which they were added.
#[derive(Default)]
struct Model(Vec<NewDocument>);

impl Model {
    fn add(&mut self, document: &NewDocument) {
        let known =
            |kept: &NewDocument| (kept.slot, kept.sha256) == (document.slot, document.sha256);
        if !self.0.iter().any(known) {
            self.0.push(document.clone());
        }
    }

    /// Latest first.
    fn history(&self, slot: Slot) -> Vec<NewDocument> {
        let mut history: Vec<_> = self
            .0
            .iter()
            .rev()
            .filter(|kept| kept.slot == slot)
            .collect();
        history.sort_by_key(|kept| Reverse(kept.window.from));
        history.into_iter().cloned().collect()
    }

    fn at(&self, slot: Slot, at: Timestamp) -> Option<NewDocument> {
        let history = self.history(slot);
        history.into_iter().find(|kept| kept.arrived <= at)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn documents_are_found_as_in_a_list(
        added in prop::collection::vec((0..3_usize, 0..4_u8, 0..6_u64, 0..6_u64, any::<bool>()), 0..40),
    ) {
        let store = Store::open_in_memory().unwrap();
        let mut models = [Model::default(), Model::default()];
        for (slot, content, issued, arrived, other) in added {
            let document = document(slots()[slot], &content.to_string(), issued, arrived);
            let anchor = if other { OTHER } else { ANCHOR };
            store.add_document(anchor, &document, &[]).unwrap();
            models[usize::from(other)].add(&document);
        }
        for (anchor, model) in [ANCHOR, OTHER].into_iter().zip(&models) {
            let mut latest = Vec::new();
            for slot in slots() {
                let history: Vec<_> = store
                    .document_history(anchor, slot, usize::MAX)
                    .unwrap()
                    .into_iter()
                    .map(|kept| kept.document)
                    .collect();
                prop_assert_eq!(&history, &model.history(slot));
                latest.extend(history.into_iter().next());
                for instant in 0..6 {
                    let found = store.document_at(anchor, slot, day(instant)).unwrap();
                    let found = found.map(|kept| kept.document);
                    prop_assert_eq!(found, model.at(slot, day(instant)));
                }
            }
            let mut found: Vec<_> = store
                .latest_documents(anchor)
                .unwrap()
                .into_iter()
                .map(|kept| kept.document)
                .collect();
            found.sort_by_key(|kept| kept.slot);
            latest.sort_by_key(|kept| kept.slot);
            prop_assert_eq!(found, latest);
        }
    }
}
