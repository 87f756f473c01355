//! [`Secrets`].

use std::sync::atomic::{AtomicU64, Ordering};

use bulla_store::secrets::{Limits, NotReleased, Release, Secret};
use bulla_store::{Audit, Governance, Secrets};

use crate::samples::{claim, day, event, policy, secret};

fn put(store: &impl Secrets, name: &str, version: u32, limits: Limits) {
    let mut secret = secret(name, version);
    secret.limits = limits;
    assert!(store.put_secret(&secret, &event("put")).unwrap());
}

fn actions(store: &impl Audit) -> Vec<String> {
    let entries = store.entries(0, 99).unwrap();
    assert!(store.verify_chain().unwrap().is_ok());
    entries
        .into_iter()
        .map(|entry| entry.event.action)
        .collect()
}

/// Asks for a secret, and says what became of that.
fn ask(store: &impl Secrets, change: impl FnOnce(&mut bulla_store::secrets::Claim)) -> Release {
    let mut claim = claim("a", 1);
    change(&mut claim);
    store.release(&claim, &event("release")).unwrap()
}

pub(crate) fn a_secret_is_listed_without_its_value(store: &impl Secrets) {
    assert_eq!(store.secrets().unwrap(), []);
    assert_eq!(store.secret("a").unwrap(), None);
    let limits = Limits {
        times: Some(3),
        until: Some(day(9)),
        platforms: Some(vec![[1; 32], [2; 32]]),
    };
    put(store, "b", 1, Limits::default());
    put(store, "a", 1, limits.clone());
    let listed = |name: &str, limits| Secret {
        name: name.to_owned(),
        version: 1,
        policy: "any".to_owned(),
        limits,
        releases: 0,
        at: event("").at,
        author: event("").actor,
    };
    let (a, b) = (listed("a", limits), listed("b", Limits::default()));
    assert_eq!(store.secret("a").unwrap(), Some(a.clone()));
    assert_eq!(store.secrets().unwrap(), [a, b]);
}

pub(crate) fn a_version_follows_the_one_before_also_after_a_removal(store: &impl Secrets) {
    let try_version = |version| {
        store
            .put_secret(&secret("a", version), &event("put"))
            .unwrap()
    };
    assert_eq!(store.secret_version("a").unwrap(), 0);
    assert!(!try_version(0) && !try_version(2));
    assert!(try_version(1) && !try_version(1) && try_version(2));
    assert!(store.remove_secret("a", &event("remove")).unwrap());
    assert!(!store.remove_secret("a", &event("remove")).unwrap());
    assert_eq!(store.secret_version("a").unwrap(), 2);
    assert_eq!(store.secrets().unwrap(), []);
    assert!(!try_version(1) && try_version(3));
    assert_eq!(store.secret("a").unwrap().unwrap().version, 3);
}

pub(crate) fn each_change_is_in_the_audit(store: &(impl Secrets + Audit)) {
    put(store, "a", 1, Limits::default());
    assert!(!store.put_secret(&secret("a", 7), &event("no")).unwrap());
    assert!(!store.remove_secret("b", &event("no")).unwrap());
    assert!(store.remove_secret("a", &event("remove")).unwrap());
    assert_eq!(actions(store), ["put", "remove"]);
}

pub(crate) fn a_release_counts_and_is_in_the_audit(store: &(impl Secrets + Audit)) {
    put(store, "a", 1, Limits::default());
    for number in 1..=3 {
        let released = ask(store, |_| {}).unwrap();
        assert_eq!(released.value, secret("a", 1).value);
        assert_eq!(released.number, number);
        assert_eq!(released.entry.event, event("release"));
        assert_eq!(store.head().unwrap(), Some(released.entry));
        assert_eq!(store.secret("a").unwrap().unwrap().releases, number);
    }
    // Another version begins anew.
    put(store, "a", 2, Limits::default());
    assert_eq!(ask(store, |claim| claim.version = 2).unwrap().number, 1);
    let expected = ["put", "release", "release", "release", "put", "release"];
    assert_eq!(actions(store), expected);
}

pub(crate) fn what_is_not_released_counts_nothing_and_is_in_no_audit(
    store: &(impl Secrets + Audit),
) {
    let limits = Limits {
        until: Some(day(1)),
        ..Limits::default()
    };
    put(store, "a", 1, limits);
    ask(store, |claim| claim.at = day(2)).unwrap_err();
    ask(store, |claim| claim.name = "b".to_owned()).unwrap_err();
    assert_eq!(store.secret("a").unwrap().unwrap().releases, 0);
    assert_eq!(actions(store), ["put"]);
}

pub(crate) fn a_secret_is_released_so_often_and_no_more(store: &impl Secrets) {
    for (version, times) in [(1, 0), (2, 1), (3, 2)] {
        let limits = Limits {
            times: Some(times),
            ..Limits::default()
        };
        put(store, "a", version, limits);
        for _ in 0..times {
            ask(store, |claim| claim.version = version).unwrap();
        }
        let refused = ask(store, |claim| claim.version = version);
        assert_eq!(refused, Err(NotReleased::Exhausted { times }));
    }
}

pub(crate) fn a_secret_is_released_until_its_last_second(store: &impl Secrets) {
    let limits = Limits {
        until: Some(day(5)),
        ..Limits::default()
    };
    put(store, "a", 1, limits);
    ask(store, |claim| claim.at = day(5)).unwrap();
    let refused = ask(store, |claim| claim.at = day(5).saturating_add(1));
    assert_eq!(refused, Err(NotReleased::Ended { until: day(5) }));
}

pub(crate) fn a_secret_is_released_to_its_platforms(store: &impl Secrets) {
    let limits = |platforms| Limits {
        platforms: Some(platforms),
        ..Limits::default()
    };
    put(store, "a", 1, limits(vec![[7; 32], [8; 32]]));
    for (platform, is_listed) in [([7; 32], true), ([8; 32], true), ([9; 32], false)] {
        let answer = ask(store, |claim| claim.platform = platform);
        match is_listed {
            true => drop(answer.unwrap()),
            false => assert_eq!(answer, Err(NotReleased::PlatformNotListed)),
        }
    }
    put(store, "a", 2, limits(Vec::new()));
    let refused = ask(store, |claim| claim.version = 2);
    assert_eq!(refused, Err(NotReleased::PlatformNotListed));
}

pub(crate) fn a_removed_secret_is_not_released(store: &impl Secrets) {
    assert_eq!(ask(store, |_| {}), Err(NotReleased::Absent));
    put(store, "a", 1, Limits::default());
    assert!(store.remove_secret("a", &event("remove")).unwrap());
    assert_eq!(ask(store, |_| {}), Err(NotReleased::Absent));
}

pub(crate) fn what_changed_is_to_be_looked_at_anew(store: &impl Secrets) {
    put(store, "a", 1, Limits::default());
    put(store, "a", 2, Limits::default());
    let changed = ask(store, |claim| claim.version = 1);
    assert!(matches!(changed, Err(NotReleased::Changed { .. })));
    ask(store, |claim| claim.version = 2).unwrap();
}

pub(crate) fn decisions_that_are_not_in_force_release_nothing(store: &(impl Secrets + Governance)) {
    put(store, "a", 1, Limits::default());
    let decide = |name, body| store.decide("policy", name, body, day(1), "me").unwrap();
    let rests_on = |all: &[(&str, u32)]| {
        let all = all.iter().map(|(name, version)| policy(name, *version));
        ask(store, |claim| claim.in_force = all.collect())
    };
    let changed = |release: Release| match release {
        Err(NotReleased::Changed { what }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(changed(rests_on(&[("p", 1)])), "policy p");
    rests_on(&[("p", 0)]).unwrap();
    decide("p", Some("1"));
    assert_eq!(changed(rests_on(&[("p", 0)])), "policy p");
    decide("q", Some("1"));
    rests_on(&[("p", 1), ("q", 1)]).unwrap();
    decide("q", Some("2"));
    assert_eq!(changed(rests_on(&[("p", 1), ("q", 1)])), "policy q");
    rests_on(&[("p", 1), ("q", 2)]).unwrap();
    decide("q", None);
    assert_eq!(changed(rests_on(&[("p", 1), ("q", 3)])), "policy q");
}

pub(crate) fn many_may_ask_at_once_for_the_last_one(store: &(impl Secrets + Audit + Sync)) {
    let limits = Limits {
        times: Some(5),
        ..Limits::default()
    };
    put(store, "a", 1, limits);
    let released = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let answer = ask(store, |_| {});
                    released.fetch_add(u64::from(answer.is_ok()), Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(released.into_inner(), 5);
    assert_eq!(actions(store).len(), 6);
}
