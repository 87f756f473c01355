//! [`Fleet`].

use bulla_collateral::PckCa;
use bulla_protocol::value::{CpuSvn, Fmspc, PceSvn};
use bulla_store::fleet::{
    CertifiedPlatform, Evidence, PckAnswer, PckCertificates, Platform, PlatformId, RawTcb,
    Registration, RegistrationState, Waiting,
};
use bulla_store::{Fleet, StoreError};

use crate::samples::{
    ANCHOR, OTHER, certificates, day, evidence, fmspc, id, manifest, platform, ppid, raw, reported,
    tcbm,
};

use RegistrationState::{New, NotAvailable};

pub(crate) fn a_platform_comes_back_as_it_was(store: &impl Fleet) {
    let full = Platform {
        encrypted_ppid: Some(ppid(1)),
        manifest: Some(manifest(1)),
        fmspc: Some(fmspc(1)),
        ca: Some(PckCa::Platform),
        ..platform("FULL")
    };
    for platform in [full, platform("BARE")] {
        assert_eq!(store.platform(ANCHOR, &platform.id).unwrap(), None);
        store.put_platform(ANCHOR, &platform).unwrap();
        let found = store.platform(ANCHOR, &platform.id).unwrap();
        assert!(found == Some(platform.clone()));
        assert_eq!(store.platform(OTHER, &platform.id).unwrap(), None);
        let mut other = platform.id;
        other.pce_id.0[1] = 1;
        assert_eq!(store.platform(ANCHOR, &other).unwrap(), None);
    }
    assert_eq!(store.platform_count(ANCHOR).unwrap(), 2);
    assert_eq!(store.platform_count(OTHER).unwrap(), 0);
}

pub(crate) fn a_platform_put_again_keeps_when_it_was_first_seen(store: &impl Fleet) {
    let first = Platform {
        manifest: Some(manifest(1)),
        ca: Some(PckCa::Processor),
        ..platform("A")
    };
    store.put_platform(ANCHOR, &first).unwrap();
    store
        .put_pck_certificates(ANCHOR, &first.id, &certificates(1), &[raw(1, None)])
        .unwrap();
    let again = Platform {
        encrypted_ppid: Some(ppid(2)),
        registered: day(9),
        ..platform("A")
    };
    store.put_platform(ANCHOR, &again).unwrap();
    let expected = Platform {
        registered: first.registered,
        ..again
    };
    assert!(store.platform(ANCHOR, &first.id).unwrap() == Some(expected));
    assert_eq!(store.platform_count(ANCHOR).unwrap(), 1);
    let kept = store.pck_certificates(ANCHOR, &first.id).unwrap();
    assert!(kept == Some(certificates(1)), "its certificates stay");
    assert_eq!(store.raw_tcbs(ANCHOR, &first.id).unwrap(), [raw(1, None)]);
}

pub(crate) fn platforms_are_listed_in_pages_and_by_family(store: &impl Fleet) {
    for (name, family) in [("C", 1), ("A", 1), ("B", 2), ("AA", 1)] {
        let platform = Platform {
            fmspc: Some(fmspc(family)),
            ..platform(name)
        };
        store.put_platform(ANCHOR, &platform).unwrap();
    }
    let mut twin = platform("A");
    twin.id.pce_id.0[0] = 1;
    store.put_platform(ANCHOR, &twin).unwrap();
    store.put_platform(OTHER, &platform("X")).unwrap();
    let list = |family: Option<Fmspc>, after: Option<&PlatformId>, limit| {
        let platforms = store.platforms(ANCHOR, family, after, limit).unwrap();
        let names: Vec<_> = platforms
            .into_iter()
            .map(|platform| format!("{}{}", platform.id.qe_id, platform.id.pce_id.0[0]))
            .collect();
        names.join(" ")
    };
    assert_eq!(list(None, None, 9), "A0 A1 AA0 B0 C0");
    assert_eq!(list(None, Some(&id("A")), 2), "A1 AA0");
    assert_eq!(list(None, Some(&id("AAA")), usize::MAX), "B0 C0");
    assert_eq!(list(Some(fmspc(1)), None, 9), "A0 AA0 C0");
    assert_eq!(list(Some(fmspc(1)), Some(&id("A")), 9), "AA0 C0");
    assert_eq!(list(Some(fmspc(3)), None, 9), "");
    assert_eq!(store.families(ANCHOR).unwrap(), [fmspc(1), fmspc(2)]);
    assert_eq!(store.families(OTHER).unwrap(), []);
}

pub(crate) fn platforms_are_found_by_the_age_of_their_certificates(store: &impl Fleet) {
    let by_ppid = |name| Platform {
        encrypted_ppid: Some(ppid(1)),
        ..platform(name)
    };
    let by_manifest = |name| Platform {
        manifest: Some(manifest(1)),
        ..platform(name)
    };
    for (platform, number, arrived) in [
        (by_ppid("A"), 1, 3),
        (by_manifest("B"), 1, 2),
        (by_ppid("C"), 2, 1),
        (by_ppid("D"), 1, 4),
        (platform("nothing to ask with"), 1, 1),
    ] {
        store.put_platform(ANCHOR, &platform).unwrap();
        let certificates = PckCertificates {
            fmspc: fmspc(number),
            arrived: day(arrived),
            ..certificates(1)
        };
        store
            .put_pck_certificates(ANCHOR, &platform.id, &certificates, &[])
            .unwrap();
    }
    store
        .put_platform(ANCHOR, &by_ppid("without certificates"))
        .unwrap();
    let found = |anchor, before, limit| {
        let found = store
            .platforms_certified_before(anchor, fmspc(1), day(before), limit)
            .unwrap();
        let names: Vec<_> = found
            .into_iter()
            .map(|platform| platform.id.qe_id)
            .collect();
        names.join(" ")
    };
    assert_eq!(found(ANCHOR, 4, 9), "B A");
    assert_eq!(found(ANCHOR, 9, 2), "B A");
    assert_eq!(found(ANCHOR, 2, 9), "");
    assert_eq!(found(OTHER, 9, 9), "");
}

pub(crate) fn a_removed_platform_leaves_nothing(store: &impl Fleet) {
    for anchor in [ANCHOR, OTHER] {
        store.put_platform(anchor, &platform("A")).unwrap();
        store
            .put_pck_certificates(anchor, &id("A"), &certificates(1), &[raw(1, Some(1))])
            .unwrap();
        store
            .enqueue(anchor, &reported("A", 1), New, day(1))
            .unwrap();
    }
    store
        .enqueue(ANCHOR, &reported("B", 1), New, day(1))
        .unwrap();
    assert!(store.remove_platform(ANCHOR, &id("A")).unwrap());
    assert!(!store.remove_platform(ANCHOR, &id("A")).unwrap());
    assert_eq!(store.platform(ANCHOR, &id("A")).unwrap(), None);
    assert_eq!(store.pck_certificates(ANCHOR, &id("A")).unwrap(), None);
    assert_eq!(store.raw_tcbs(ANCHOR, &id("A")).unwrap(), []);
    assert_eq!(answer(store, 1), None);
    assert_eq!(store.queue_length(ANCHOR).unwrap(), 1);
    assert_eq!(store.queue_length(OTHER).unwrap(), 1);
    assert!(store.platform(OTHER, &id("A")).unwrap().is_some());
    assert!(!store.remove_platform(ANCHOR, &id("B")).unwrap());
    assert_eq!(store.queue_length(ANCHOR).unwrap(), 0, "of no platform");
    store.put_platform(ANCHOR, &platform("A")).unwrap();
    assert_eq!(store.pck_certificates(ANCHOR, &id("A")).unwrap(), None);
}

pub(crate) fn with_a_platform_goes_its_evidence(store: &impl Fleet) {
    for number in [1, 2] {
        let evidence = evidence(number, "tdx", 1);
        store.put_evidence(ANCHOR, &evidence).unwrap();
        store.put_evidence(OTHER, &evidence).unwrap();
    }
    // QE-IDs of evidence are bytes, names of platforms their digits in upper case.
    let name = "02".repeat(16);
    store.put_platform(ANCHOR, &platform(&name)).unwrap();
    assert!(store.remove_platform(ANCHOR, &id(&name)).unwrap());
    let left = |anchor| {
        let left = store.evidence(anchor, None, 9).unwrap();
        left.iter()
            .map(|evidence| evidence.ppid[0])
            .collect::<Vec<_>>()
    };
    assert_eq!(left(ANCHOR), [2]);
    assert_eq!(left(OTHER), [1, 2]);
}

pub(crate) fn platforms_without_evidence_are_listed_in_pages(store: &impl Fleet) {
    let seen = "02".repeat(16);
    let silent = [
        "03".repeat(16),
        "A".to_owned(),
        "not hexadecimal".to_owned(),
    ];
    for name in silent.iter().chain([&seen]) {
        store.put_platform(ANCHOR, &platform(name)).unwrap();
        store.put_platform(OTHER, &platform(name)).unwrap();
    }
    store.put_evidence(ANCHOR, &evidence(1, "tdx", 1)).unwrap();
    // Of another provisioning certification enclave.
    let mut elsewhere = evidence(2, "sgx", 1);
    elsewhere.pce_id.0 = [1, 0];
    store.put_evidence(ANCHOR, &elsewhere).unwrap();
    let names = |anchor, after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(id);
        let found = store.platforms_without_evidence(anchor, after.as_ref(), limit);
        let found = found.unwrap().into_iter();
        found.map(|platform| platform.id.qe_id).collect()
    };
    assert_eq!(names(ANCHOR, None, 9), silent);
    assert_eq!(names(ANCHOR, None, 2), silent[..2]);
    assert_eq!(names(ANCHOR, Some(&silent[1]), 2), silent[2..]);
    assert_eq!(names(OTHER, None, 9).len(), 4);
}

fn answer(store: &impl Fleet, number: u8) -> Option<PckAnswer> {
    let tcb = raw(number, None);
    store
        .pck_answer(ANCHOR, &id("A"), tcb.cpu_svn, tcb.pce_svn)
        .unwrap()
}

pub(crate) fn certificates_come_back_as_they_were(store: &impl Fleet) {
    store.put_platform(ANCHOR, &platform("A")).unwrap();
    assert_eq!(store.pck_certificates(ANCHOR, &id("A")).unwrap(), None);
    for number in [1, 2] {
        let certificates = certificates(number);
        store
            .put_pck_certificates(ANCHOR, &id("A"), &certificates, &[])
            .unwrap();
        let found = store.pck_certificates(ANCHOR, &id("A")).unwrap();
        assert!(found == Some(certificates), "in place of those before");
    }
    let empty = PckCertificates {
        certificates: Vec::new(),
        not_available: Vec::new(),
        ..certificates(3)
    };
    store
        .put_pck_certificates(ANCHOR, &id("A"), &empty, &[])
        .unwrap();
    assert!(store.pck_certificates(ANCHOR, &id("A")).unwrap() == Some(empty));
    let platform = store.platform(ANCHOR, &id("A")).unwrap().unwrap();
    assert_eq!(platform.fmspc, Some(certificates(3).fmspc));
    assert_eq!(platform.ca, Some(certificates(3).ca));
}

pub(crate) fn what_is_selected_is_answered(store: &impl Fleet) {
    store.put_platform(ANCHOR, &platform("A")).unwrap();
    store
        .put_raw_tcb(ANCHOR, &id("A"), &raw(1, Some(2)))
        .unwrap();
    assert_eq!(answer(store, 1), None, "there is no certificate yet");
    let first = certificates(1);
    let selected = [
        raw(1, Some(1)),
        raw(2, Some(2)),
        raw(3, None),
        raw(4, Some(9)),
    ];
    store
        .put_pck_certificates(ANCHOR, &id("A"), &first, &selected)
        .unwrap();
    let expected = |of: &PckCertificates, index: usize| PckAnswer {
        certificate: of.certificates[index].1.clone(),
        tcbm: of.certificates[index].0,
        fmspc: of.fmspc,
        ca: of.ca,
        issuer_chain: of.issuer_chain.clone(),
    };
    assert!(answer(store, 1) == Some(expected(&first, 0)));
    assert!(answer(store, 2) == Some(expected(&first, 1)));
    assert_eq!(answer(store, 3), None, "none is for it");
    assert_eq!(answer(store, 4), None, "the vendor has none: {:?}", tcbm(9));
    assert_eq!(answer(store, 5), None, "it was never reported");
    assert_eq!(store.raw_tcbs(ANCHOR, &id("A")).unwrap(), selected);
    store
        .put_raw_tcb(ANCHOR, &id("A"), &raw(3, Some(2)))
        .unwrap();
    assert!(answer(store, 3) == Some(expected(&first, 1)));
    let tcb = raw(1, None);
    let elsewhere = store.pck_answer(OTHER, &id("A"), tcb.cpu_svn, tcb.pce_svn);
    assert_eq!(elsewhere.unwrap(), None);

    let renewed = certificates(2);
    store
        .put_pck_certificates(ANCHOR, &id("A"), &renewed, &[raw(1, Some(2))])
        .unwrap();
    assert!(answer(store, 1) == Some(expected(&renewed, 1)));
    assert!(answer(store, 2) == Some(expected(&renewed, 1)), "it stays");
}

pub(crate) fn many_platforms_are_kept_as_one_after_the_other(store: &impl Fleet) {
    let first = platform("A");
    store.put_platform(ANCHOR, &first).unwrap();
    store.put_raw_tcb(ANCHOR, &id("A"), &raw(3, None)).unwrap();
    for name in ["A", "B", "C"] {
        let waiting = reported(name, 1);
        store.enqueue(ANCHOR, &waiting, New, day(1)).unwrap();
    }
    let brought = |name: &str, number: u8| CertifiedPlatform {
        platform: Platform {
            encrypted_ppid: Some(ppid(number)),
            fmspc: Some(fmspc(1)),
            ca: Some(PckCa::Processor),
            registered: day(9),
            ..platform(name)
        },
        certificates: certificates(number),
        raw_tcbs: vec![raw(1, Some(1))],
    };
    let all = [brought("A", 1), brought("B", 2)];
    store.put_certified(ANCHOR, &all, Waiting::Ends).unwrap();
    store.put_certified(ANCHOR, &[], Waiting::Ends).unwrap();
    for (one, registered) in all.iter().zip([first.registered, day(9)]) {
        let id = &one.platform.id;
        let kept = store.pck_certificates(ANCHOR, id).unwrap();
        assert!(kept == Some(one.certificates.clone()));
        let expected = Platform {
            registered,
            ..one.platform.clone()
        };
        assert!(store.platform(ANCHOR, id).unwrap() == Some(expected));
    }
    assert_eq!(store.queue_length(ANCHOR).unwrap(), 1);
    let known = [id("B"), id("C"), id("A")];
    let known = store.known_platforms(ANCHOR, &known).unwrap();
    let tcbs = known.iter().map(|known| {
        let known = known.as_ref()?;
        Some((known.platform.id.qe_id.as_str(), known.raw_tcbs.clone()))
    });
    let expected = [
        Some(("B", vec![raw(1, Some(1))])),
        None,
        Some(("A", vec![raw(1, Some(1)), raw(3, None)])),
    ];
    assert_eq!(tcbs.collect::<Vec<_>>(), expected);
    let elsewhere = store.known_platforms(OTHER, &[id("A")]).unwrap();
    assert!(elsewhere.iter().all(Option::is_none));

    let all = [brought("C", 1)];
    store.put_certified(ANCHOR, &all, Waiting::GoesOn).unwrap();
    assert_eq!(
        store.queue_length(ANCHOR).unwrap(),
        1,
        "nobody is served yet"
    );
}

pub(crate) fn nothing_is_kept_for_a_platform_that_is_not_there(store: &impl Fleet) {
    store.put_platform(OTHER, &platform("A")).unwrap();
    let refused = [
        store.put_pck_certificates(ANCHOR, &id("A"), &certificates(1), &[]),
        store.put_raw_tcb(ANCHOR, &id("A"), &raw(1, None)),
    ];
    for refused in refused {
        assert!(
            matches!(&refused, Err(StoreError::NoPlatform { qe_id }) if qe_id == "A"),
            "{refused:?}"
        );
    }
}

pub(crate) fn raw_tcbs_come_in_order(store: &impl Fleet) {
    store.put_platform(ANCHOR, &platform("A")).unwrap();
    let tcb = |cpu, pce| RawTcb {
        cpu_svn: CpuSvn([cpu; 16]),
        pce_svn: PceSvn(pce),
        selected: None,
    };
    for tcb in [tcb(2, 1), tcb(1, 0x0201), tcb(1, 0x0102), tcb(0xff, 0)] {
        store.put_raw_tcb(ANCHOR, &id("A"), &tcb).unwrap();
    }
    let found = store.raw_tcbs(ANCHOR, &id("A")).unwrap();
    assert_eq!(
        found,
        [tcb(1, 0x0102), tcb(1, 0x0201), tcb(2, 1), tcb(0xff, 0)]
    );
    assert!(found.is_sorted());
}

pub(crate) fn the_last_evidence_is_kept(store: &impl Fleet) {
    let of = |arrived| evidence(1, "sgx", arrived);
    let list = || store.evidence(ANCHOR, None, 9).unwrap();
    assert!(list().is_empty());
    store.put_evidence(ANCHOR, &of(5)).unwrap();
    store.put_evidence(ANCHOR, &of(4)).unwrap();
    assert!(list() == [of(5)], "there was a later one");
    store.put_evidence(ANCHOR, &of(6)).unwrap();
    assert!(list() == [of(6)]);
    let equal = Evidence {
        tcb_status: "OutOfDate".to_owned(),
        ..of(6)
    };
    store.put_evidence(ANCHOR, &equal).unwrap();
    assert!(list() == [equal.clone()], "none is later");
    assert!(store.evidence(OTHER, None, 9).unwrap().is_empty());
    let last = |anchor, tee| store.last_evidence(anchor, &equal.ppid, tee).unwrap();
    assert!(last(ANCHOR, "sgx") == Some(equal.clone()));
    assert!(last(ANCHOR, "tdx").is_none() && last(OTHER, "sgx").is_none());
    let under = |anchor, qe_id| store.evidence_under(anchor, qe_id).unwrap();
    assert!(under(ANCHOR, &equal.qe_id) == [equal.clone()]);
    assert!(under(ANCHOR, &[0xEE; 16]).is_empty() && under(OTHER, &equal.qe_id).is_empty());
}

pub(crate) fn evidence_is_listed_in_pages(store: &impl Fleet) {
    for (number, tee) in [(2, "tdx"), (1, "tdx"), (2, "sgx"), (0, "sgx"), (3, "sgx")] {
        store
            .put_evidence(ANCHOR, &evidence(number, tee, 1))
            .unwrap();
    }
    let list = |after, limit| {
        let evidence = store.evidence(ANCHOR, after, limit).unwrap();
        let names: Vec<_> = evidence
            .iter()
            .map(|evidence| format!("{}{}", evidence.ppid[0], evidence.tee))
            .collect();
        names.join(" ")
    };
    assert_eq!(list(None, 9), "0sgx 1tdx 2sgx 2tdx 3sgx");
    assert_eq!(list(Some((&[2; 16], "sgx")), 1), "2tdx");
    assert_eq!(list(Some((&[2; 16], "tdx")), 9), "3sgx");
    assert_eq!(list(Some((&[9; 16], "")), 9), "");
}

fn lease(store: &impl Fleet, state: RegistrationState, now: u64, until: u64) -> Vec<Registration> {
    store.lease(ANCHOR, state, day(now), day(until)).unwrap()
}

pub(crate) fn a_registration_is_queued_once_and_comes_back_as_it_was(store: &impl Fleet) {
    let with_manifest = Registration {
        cpu_svn: None,
        pce_svn: None,
        encrypted_ppid: None,
        manifest: Some(manifest(1)),
        ..reported("B", 1)
    };
    let all = [
        reported("B", 2),
        with_manifest,
        reported("A", 1),
        reported("B", 1),
    ];
    for registration in all.iter().chain(&all) {
        store.enqueue(ANCHOR, registration, New, day(1)).unwrap();
    }
    assert_eq!(store.queue_length(ANCHOR).unwrap(), 4);
    assert_eq!(store.queue_length(OTHER).unwrap(), 0);
    assert!(lease(store, New, 2, 3) == all, "first in, first out");
}

pub(crate) fn a_lease_lasts_until_its_end(store: &impl Fleet) {
    store
        .enqueue(ANCHOR, &reported("A", 1), New, day(1))
        .unwrap();
    assert_eq!(lease(store, NotAvailable, 2, 4).len(), 0);
    assert_eq!(lease(store, New, 2, 4).len(), 1);
    store
        .enqueue(ANCHOR, &reported("B", 1), New, day(2))
        .unwrap();
    store
        .enqueue(ANCHOR, &reported("A", 1), New, day(2))
        .unwrap();
    let taken = lease(store, New, 3, 5);
    assert!(taken == [reported("B", 1)], "A is leased");
    assert_eq!(store.queue_length(ANCHOR).unwrap(), 2);
    assert!(lease(store, New, 4, 6) == [reported("A", 1)], "it ended");
    assert!(lease(store, New, 5, 6) == [reported("B", 1)]);
}

pub(crate) fn whoever_waits_is_found_by_its_last_registration(store: &impl Fleet) {
    let without_key = Registration {
        encrypted_ppid: None,
        ..reported("C", 1)
    };
    let newer = Registration {
        encrypted_ppid: Some(ppid(7)),
        ..reported("A", 2)
    };
    for registration in [&reported("A", 1), &reported("B", 1), &newer, &without_key] {
        store.enqueue(ANCHOR, registration, New, day(1)).unwrap();
    }
    assert!(store.waiting(ANCHOR, &id("A")).unwrap() == Some(newer.clone()));
    assert!(store.waiting(ANCHOR, &id("C")).unwrap().is_none());
    assert!(store.waiting(OTHER, &id("A")).unwrap().is_none());
    let all = |state, now, limit| store.all_waiting(ANCHOR, state, day(now), limit).unwrap();
    assert!(all(New, 2, 9) == [reported("B", 1), newer]);
    assert!(all(New, 2, 1) == [reported("B", 1)]);
    assert!(all(NotAvailable, 2, 9).is_empty());
    lease(store, New, 2, 4);
    assert!(all(New, 3, 9).is_empty(), "somebody has them");
    assert_eq!(all(New, 4, 9).len(), 2);
    assert!(store.waiting(ANCHOR, &id("B")).unwrap().is_some());
}

pub(crate) fn a_registration_queued_anew_says_what_is_new(store: &impl Fleet) {
    store
        .enqueue(ANCHOR, &reported("A", 1), New, day(1))
        .unwrap();
    assert_eq!(lease(store, New, 1, 9).len(), 1);
    let renewed = Registration {
        encrypted_ppid: Some(ppid(7)),
        ..reported("A", 1)
    };
    store
        .enqueue(ANCHOR, &renewed, NotAvailable, day(2))
        .unwrap();
    assert_eq!(lease(store, New, 20, 30).len(), 0);
    assert!(lease(store, NotAvailable, 3, 9) == [renewed]);
    assert_eq!(store.queue_length(ANCHOR).unwrap(), 1);
}

pub(crate) fn an_acknowledged_platform_waits_no_longer(store: &impl Fleet) {
    for registration in [reported("A", 1), reported("A", 2), reported("B", 1)] {
        store.enqueue(ANCHOR, &registration, New, day(1)).unwrap();
        store.enqueue(OTHER, &registration, New, day(1)).unwrap();
    }
    store.acknowledge(ANCHOR, &id("A"), None).unwrap();
    store.acknowledge(ANCHOR, &id("unknown"), None).unwrap();
    assert!(lease(store, New, 2, 3) == [reported("B", 1)]);
    assert_eq!(store.queue_length(OTHER).unwrap(), 3);
}

pub(crate) fn who_waits_with_another_manifest_waits_on(store: &impl Fleet) {
    let with = |number: u8, own: u8| Registration {
        manifest: Some(manifest(own)),
        ..reported("A", number)
    };
    // A machine has one manifest at a time: the last is what it waits with.
    for registration in [reported("A", 1), with(2, 1), with(3, 2)] {
        store.enqueue(ANCHOR, &registration, New, day(1)).unwrap();
    }
    assert_eq!(store.queue_length(ANCHOR).unwrap(), 2);
    store
        .acknowledge(ANCHOR, &id("A"), Some(&manifest(1)))
        .unwrap();
    assert!(lease(store, New, 2, 3) == [with(3, 2)]);

    let certified = |own: u8| CertifiedPlatform {
        platform: Platform {
            manifest: Some(manifest(own)),
            fmspc: Some(fmspc(1)),
            ca: Some(PckCa::Processor),
            ..platform("A")
        },
        certificates: certificates(1),
        raw_tcbs: Vec::new(),
    };
    for (own, left) in [(1, 1), (2, 0)] {
        let all = [certified(own)];
        store.put_certified(ANCHOR, &all, Waiting::Ends).unwrap();
        assert_eq!(store.queue_length(ANCHOR).unwrap(), left, "{own}");
    }
}
