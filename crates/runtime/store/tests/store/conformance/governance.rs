//! [`Governance`].

use std::slice;

use bulla_store::governance::Decision;
use bulla_store::{Audit, Governance};

use crate::samples::{day, event};

fn decision(name: &str, version: u32, body: Option<&str>) -> Decision {
    Decision {
        kind: "baseline".to_owned(),
        name: name.to_owned(),
        version,
        body: body.map(str::to_owned),
        at: day(version.into()),
        author: format!("author {version}"),
    }
}

fn decide(store: &impl Governance, decision: &Decision) {
    let body = decision.body.as_deref();
    let version = store
        .decide(
            &decision.kind,
            &decision.name,
            body,
            decision.at,
            &decision.author,
        )
        .unwrap();
    assert_eq!(version, decision.version);
}

pub(crate) fn versions_count_for_each_object(store: &impl Governance) {
    assert_eq!(store.decisions("baseline").unwrap(), []);
    assert_eq!(store.decision_history("baseline", "a").unwrap(), []);
    let first = decision("a", 1, Some("{}"));
    let second = decision("a", 2, Some(""));
    let other = decision("b", 1, Some("[1]"));
    for each in [&first, &second, &other] {
        decide(store, each);
    }
    assert_eq!(
        store.decisions("baseline").unwrap(),
        [second.clone(), other]
    );
    assert_eq!(
        store.decision_history("baseline", "a").unwrap(),
        [second, first]
    );
}

pub(crate) fn a_removed_object_has_its_history_and_can_come_back(store: &impl Governance) {
    let [first, gone, back] = [(1, Some("1")), (2, None), (3, Some("3"))]
        .map(|(version, body)| decision("a", version, body));
    decide(store, &first);
    decide(store, &gone);
    assert_eq!(store.decisions("baseline").unwrap(), []);
    decide(store, &back);
    assert_eq!(store.decisions("baseline").unwrap(), slice::from_ref(&back));
    assert_eq!(
        store.decision_history("baseline", "a").unwrap(),
        [back, gone, first]
    );
}

pub(crate) fn kinds_never_meet(store: &impl Governance) {
    let first = decision("a", 1, Some("1"));
    decide(store, &first);
    let elsewhere = Decision {
        kind: "exception".to_owned(),
        ..first.clone()
    };
    decide(store, &elsewhere);
    assert_eq!(store.decisions("baseline").unwrap(), [first]);
    assert_eq!(
        store.decision_history("exception", "a").unwrap(),
        [elsewhere]
    );
}

pub(crate) fn a_version_that_is_told_of_enters_with_its_entry_or_not_at_all(
    store: &(impl Governance + Audit),
) {
    let enact = |decision: &Decision| store.enact(decision, &event("put")).unwrap();
    let [first, gone, back] = [(1, Some("1")), (2, None), (3, Some("3"))]
        .map(|(version, body)| decision("a", version, body));
    assert_eq!(store.decision_version("baseline", "a").unwrap(), 0);
    assert_eq!(store.last_decision("baseline", "a").unwrap(), None);
    assert!(!enact(&gone) && !enact(&decision("a", 0, None)));
    assert_eq!(store.head().unwrap(), None);
    assert!(enact(&first) && !enact(&first) && enact(&gone) && enact(&back));
    assert_eq!(store.decision_version("baseline", "a").unwrap(), 3);
    let last = store.last_decision("baseline", "a").unwrap();
    assert_eq!(last.as_ref(), Some(&back));
    assert_eq!(
        store.decision_history("baseline", "a").unwrap(),
        [back, gone, first]
    );
    let entries = store.entries(0, 99).unwrap();
    assert!(entries.iter().all(|entry| entry.event == event("put")));
    assert_eq!(store.verify_chain().unwrap(), Ok(3));
    assert_eq!(entries.len(), 3);
    let next = decision("a", 4, None);
    assert!(store.supersede(&next).unwrap() && !store.supersede(&next).unwrap());
    assert_eq!(store.decision_version("baseline", "a").unwrap(), 4);
    assert_eq!(store.last_decision("baseline", "a").unwrap(), Some(next));
    assert_eq!(store.entries(0, 99).unwrap().len(), 3);
}
