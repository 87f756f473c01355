//! The collateral service and the vendor in a box: what is fetched, kept, served and followed.

use std::collections::BTreeSet;
use std::sync::Arc;

use bulla_collateral::{EnclaveId, PckCa, Selector, Series, Slot, TcbInfoId, TcbStatus};
use bulla_pki::Timestamp;
use bulla_service::collection::{Change, Rejection};
use bulla_service::gauges::Gauges;
use bulla_service::held::Snapshot;
use bulla_service::http::Metrics;
use bulla_service::keeper::{Absent, Mode};
use bulla_service::want::Want;
use bulla_store::audit::Entry;
use bulla_store::{Audit as _, Documents as _};
use bulla_tests::service::{Keeping, every_series, numbered, selected, standard, store, tcb_info};
use bulla_tests::site::{Clock, DAY, HOUR, Site, vendor};
use bulla_vendor::{Event, PROCESSOR_FMSPC, Part, Recovery, Revoked, Vendor};
use bulla_verifier::arrival::Received;

const QE: Series = Series::EnclaveIdentity(EnclaveId::Qe);

fn noon() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

/// Everything that the vendor has, asked for in every way.
fn every_want() -> Vec<Want> {
    let mut wants: Vec<Want> = every_series()
        .into_iter()
        .flat_map(|series| {
            [
                standard(series),
                selected(series, Selector::Early),
                numbered(series, 1),
            ]
        })
        .collect();
    wants.extend([TcbInfoId::Sgx, TcbInfoId::Tdx].map(Want::EvaluationDataNumbers));
    wants.extend([PckCa::Processor, PckCa::Platform].map(Want::PckCrl));
    wants.push(Want::RootCaCrl);
    wants
}

fn recovery(number: u32, at: &Clock, vendor: &mut Vendor) {
    let day = at.now().saturating_sub(at.now().unix_seconds() % DAY);
    let recovery = Recovery {
        number,
        date: day,
        raises: [Part::Pce].into(),
        below: TcbStatus::OutOfDate,
        advisory_ids: BTreeSet::new(),
    };
    vendor
        .record(at.now(), Event::Recovery(recovery))
        .expect("a recovery");
}

/// How many documents have a number.
fn with_a_number(snapshot: &Snapshot) -> usize {
    let documents = snapshot.documents();
    documents
        .filter(|held| held.slot.series().is_some())
        .count()
}

fn happened(keeping: &Keeping, action: &str) -> Vec<Entry> {
    let store = keeping.keeper.collection().store();
    let mut entries = store.entries(0, 1_000).expect("entries");
    entries.retain(|entry| entry.event.action == action);
    entries
}

#[tokio::test]
async fn every_document_is_fetched_once_kept_and_served_again_after_a_restart() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Lazy);
    let mut first = Vec::new();
    for want in every_want() {
        let bytes = keeping.bytes(want).await;
        first.push(bytes.unwrap_or_else(|absent| panic!("{want}: {absent}")));
    }
    let exchanges = keeping.exchanges();
    for (want, bytes) in every_want().into_iter().zip(&first) {
        assert_eq!(keeping.bytes(want).await.as_ref(), Ok(bytes), "{want}");
    }
    assert_eq!(
        keeping.exchanges(),
        exchanges,
        "what is there is not asked for"
    );
    assert_eq!(keeping.refused(), 0, "{:?}", keeping.aside());
    let documents = keeping.keeper.collection().snapshot().documents().count();
    drop(keeping);
    // Nobody to ask any more: everything comes from the store.
    let again = Keeping::open(&clock, &store, Vec::new(), Mode::Offline);
    for (want, bytes) in every_want().into_iter().zip(&first) {
        assert_eq!(again.bytes(want).await.as_ref(), Ok(bytes), "{want}");
    }
    let snapshot = again.keeper.collection().snapshot();
    assert_eq!(snapshot.documents().count(), documents);
}

#[tokio::test]
async fn what_is_served_is_what_the_vendor_issued() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let vendor = vendor();
    let now = clock.now();
    let info = vendor
        .tcb_info(
            bulla_evidence::Tee::Tdx,
            PROCESSOR_FMSPC,
            bulla_vendor::Selection::Standard,
            now,
        )
        .expect("TCB info");
    let want = standard(tcb_info(TcbInfoId::Tdx, PROCESSOR_FMSPC));
    assert_eq!(keeping.bytes(want).await, Ok(info.body.clone()));
    let said = keeping
        .get(&format!(
            "/tdx/certification/v4/tcb?fmspc={}",
            hex::encode(PROCESSOR_FMSPC)
        ))
        .await;
    assert_eq!((said.status, said.body), (200, info.body));
    let root = vendor.root_ca_crl(now).der;
    let said = keeping.get("/sgx/certification/v4/rootcacrl").await;
    assert_eq!(said.body, hex::encode(&root).into_bytes());
    // By the place that the vendor's root names, which is not Intel's.
    let uri = keeping.keeper.collection().root_crl_uri().expect("a place");
    assert!(uri.ends_with(bulla_issuer::ROOT_CA_CRL_PATH), "{uri}");
    let said = keeping
        .get(&format!("/sgx/certification/v4/crl?uri={uri}"))
        .await;
    assert_eq!((said.status, said.body), (200, root));
}

#[tokio::test]
async fn equal_misses_at_one_time_are_one_request() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    site.set(&["* latency=200"]);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let get = || keeping.keeper.get(standard(QE), false);
    let all = tokio::join!(get(), get(), get(), get(), get());
    for held in [all.0, all.1, all.2, all.3, all.4] {
        assert!(held.is_ok(), "{held:?}");
    }
    assert_eq!(keeping.exchanges(), 1);
    // The same under another name is another question, of the same document.
    let early = selected(QE, Selector::Early);
    assert_eq!(
        keeping.bytes(early).await,
        keeping.bytes(standard(QE)).await
    );
    assert_eq!(keeping.exchanges(), 2);
}

#[tokio::test]
async fn what_does_not_exist_is_asked_for_once_a_minute() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let unknown = standard(tcb_info(TcbInfoId::Sgx, [1; 6]));
    for want in [unknown, numbered(QE, 9)] {
        let before = keeping.exchanges();
        for _ in 0..3 {
            let absent = keeping.bytes(want).await;
            assert!(matches!(absent, Err(Absent::Missing(_))), "{absent:?}");
        }
        assert_eq!(keeping.exchanges(), before + 1);
        clock.pass(60);
        assert!(keeping.bytes(want).await.is_err());
        assert_eq!(keeping.exchanges(), before + 2);
    }
    let said = keeping
        .get("/sgx/certification/v4/tcb?fmspc=010101010101")
        .await;
    assert_eq!(said.status, 404);
    assert_eq!(said.body, b"No cache data for this platform.");
    assert!(said.header("error-message").contains("vendor"), "{said:?}");
}

#[tokio::test]
async fn numbers_are_followed_forward_served_while_signed_and_gone_after() {
    let mut vendor = vendor();
    let clock = noon();
    let (promoted, ended) = (clock.clone(), Clock::at("2026-11-29T09:00:00Z"));
    let disclosed = Clock::at("2026-11-25T10:00:00Z");
    recovery(2, &disclosed, &mut vendor);
    let day = "2026-11-28T09:00:00Z".parse().expect("a time");
    let promotion = Event::Promotion { number: 2 };
    vendor.record(day, promotion).expect("a promotion");
    let end = Event::EndOfSigning { number: 1 };
    vendor.record(ended.now(), end).expect("an end");
    let site = Site::open(vendor, &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    keeping.refresh.keep_early();
    keeping.settle().await;
    let numbers = || {
        (
            keeping.number(QE, Selector::Standard),
            keeping.number(QE, Selector::Early),
        )
    };
    assert_eq!(numbers(), (Some(1), Some(1)));

    clock.set("2026-11-26T12:00:00Z".parse().expect("a time"));
    keeping.settle().await;
    assert_eq!(numbers(), (Some(1), Some(2)));
    assert!(keeping.bytes(numbered(QE, 1)).await.is_ok());
    assert!(keeping.bytes(numbered(QE, 2)).await.is_ok());

    promoted.set("2026-11-29T08:00:00Z".parse().expect("a time"));
    keeping.settle().await;
    assert_eq!(numbers(), (Some(2), Some(2)));
    let path = "/sgx/certification/v4/qe/identity";
    let by = |query: &str| format!("{path}?{query}");
    let of_two = keeping.get(path).await;
    assert_eq!(of_two.body, keeping.get(&by("update=early")).await.body);
    let of_one = keeping.get(&by("tcbEvaluationDataNumber=1")).await;
    assert_eq!(of_one.status, 200, "the vendor still signs it");
    assert_ne!(of_one.body, of_two.body);

    // The last issue of a number that is no longer signed is good until its end, and then gone.
    clock.set("2026-12-05T12:00:00Z".parse().expect("a time"));
    keeping.settle().await;
    assert_eq!(
        keeping.get(&by("tcbEvaluationDataNumber=1")).await.status,
        200
    );
    clock.set("2026-12-30T12:00:00Z".parse().expect("a time"));
    keeping.settle().await;
    let gone = keeping.bytes(numbered(QE, 1)).await;
    assert!(matches!(gone, Err(Absent::Gone(_))), "{gone:?}");
    assert_eq!(
        keeping.get(&by("tcbEvaluationDataNumber=1")).await.status,
        410
    );
    assert_eq!(keeping.get(path).await.status, 200);
    assert!(happened(&keeping, "selection.back").is_empty());
    // Nobody is alarmed about it, and the vendor not asked for it day after day.
    let old = Slot::Numbered(QE, 1);
    let snapshot = keeping.keeper.collection().snapshot();
    assert!(snapshot.get(old).is_some() && snapshot.retired().contains(old));
    let metrics = Metrics::new("test", true);
    let gauges = Box::new(Gauges::new(Arc::clone(&keeping.keeper)));
    metrics.register(|registry| registry.register_collector(gauges));
    let states = metrics.text();
    for state in ["overdue", "expired"] {
        let row = format!("bulla_documents{{simulated=\"true\",state=\"{state}\"}} 0\n");
        assert!(states.contains(&row), "{states}");
    }
    clock.pass(2 * DAY);
    let exchanges = keeping.exchanges();
    keeping.settle().await;
    let selected = snapshot.selections().count();
    let others = snapshot.documents().count() - with_a_number(&snapshot);
    let expected = u64::try_from(selected + others).expect("few");
    assert!(keeping.exchanges() - exchanges <= expected);
    // Also with nobody to ask, and whatever was kept of it.
    let store = Arc::clone(keeping.keeper.collection().store());
    drop(keeping);
    for mode in [Mode::Offline, Mode::Req] {
        let alone = Keeping::open(&clock, &store, Vec::new(), mode);
        for number in [0, 1] {
            let query = format!("tcbEvaluationDataNumber={number}");
            assert_eq!(alone.get(&by(&query)).await.status, 410, "{number}");
        }
        let unknown = alone.get(&by("tcbEvaluationDataNumber=3")).await;
        assert_eq!(unknown.status, 404);
    }
}

#[tokio::test]
async fn a_late_older_copy_changes_nothing() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let new = keeping.bytes(standard(QE)).await.expect("an identity");
    let asked = |keeping: &Keeping| {
        let snapshot = keeping.keeper.collection().snapshot();
        snapshot.find(standard(QE)).expect("held").asked
    };
    assert_eq!(asked(&keeping), clock.now());
    clock.pass(HOUR);
    // As another of the vendor's machines may answer: signed half a day before.
    site.set(&[&format!("*/identity* stale={}", 12 * HOUR)]);
    let held = keeping
        .keeper
        .fetch(standard(QE))
        .await
        .expect("the newer one");
    assert_eq!(held.body, new);
    assert_eq!(keeping.bytes(standard(QE)).await, Ok(new.clone()));
    // It will do until the next question is due.
    assert_eq!(asked(&keeping), clock.now());
    assert_eq!(keeping.refused(), 0);
    let older = keeping.keeper.counters().arrived[3].load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(older, 1);
    // Neither does one that somebody brings.
    let issued = vendor()
        .identity(
            EnclaveId::Qe,
            bulla_vendor::Selection::Standard,
            clock.now().saturating_sub(12 * HOUR),
        )
        .expect("an identity");
    let received = Received::Signed {
        document: &issued.body,
        issuer_chain: &issued.chain,
    };
    let collection = keeping.keeper.collection();
    let admission = collection.admit(received, Some(standard(QE)), "somebody");
    assert_eq!(admission.expect("it is genuine").change, Change::Older);
    assert_eq!(keeping.bytes(standard(QE)).await, Ok(new));
}

#[tokio::test]
async fn a_copy_that_lies_far_back_is_refused() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let new = keeping.bytes(standard(QE)).await.expect("an identity");
    let then = clock.now().saturating_sub(10 * DAY);
    let selection = bulla_vendor::Selection::Standard;
    let issued = vendor().identity(EnclaveId::Qe, selection, then);
    let issued = issued.expect("an identity");
    let received = Received::Signed {
        document: &issued.body,
        issuer_chain: &issued.chain,
    };
    let collection = keeping.keeper.collection();
    match collection.admit(received, Some(standard(QE)), "somebody") {
        Err(Rejection::Refused { code, .. }) => assert_eq!(code, "DocumentRolledBack"),
        other => panic!("{other:?}"),
    }
    assert_eq!(keeping.bytes(standard(QE)).await, Ok(new));
    assert_eq!(keeping.aside()[0].code, "DocumentRolledBack");
}

#[tokio::test]
async fn the_mode_says_when_upstreams_are_asked() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let store = store();
    let open = |mode| Keeping::open(&clock, &store, vec![site.upstream("vendor")], mode);
    let offline = open(Mode::Offline);
    let absent = offline.bytes(standard(QE)).await;
    assert!(matches!(absent, Err(Absent::Missing(_))), "{absent:?}");
    assert!(offline.keeper.get(standard(QE), true).await.is_err());
    assert_eq!(offline.refresh.look().await.asked, 0);
    assert_eq!(
        offline
            .get("/sgx/certification/v4/qe/identity")
            .await
            .status,
        404
    );
    assert_eq!(offline.exchanges(), 0);

    let req = open(Mode::Req);
    let absent = req.bytes(standard(QE)).await;
    assert!(matches!(absent, Err(Absent::Missing(_))), "{absent:?}");
    assert_eq!(req.exchanges(), 0);
    assert!(req.keeper.get(standard(QE), true).await.is_ok());
    assert!(req.refresh.look().await.asked > 0);
    let kept = req.bytes(standard(QE)).await.expect("kept");

    // Offline it is served while it lasts, and its end is no absence.
    let offline = open(Mode::Offline);
    assert_eq!(offline.bytes(standard(QE)).await, Ok(kept));
    clock.pass(31 * DAY);
    let said = offline.get("/sgx/certification/v4/qe/identity").await;
    assert_eq!((said.status, said.body.len()), (503, 0));
    assert_eq!(said.header("error-code"), "Expired");
    assert!(!said.header("retry-after").is_empty());
}

#[tokio::test]
async fn what_a_revoked_signer_signed_is_withdrawn_and_fetched_anew() {
    let mut vendor = vendor();
    let clock = noon();
    let revoked: Timestamp = "2026-11-24T10:00:00Z".parse().expect("a time");
    let of = Revoked::Signer;
    vendor
        .record(revoked, Event::Revocation { of })
        .expect("a revocation");
    vendor
        .record(revoked, Event::SignerRotation)
        .expect("a rotation");
    let site = Site::open(vendor, &clock);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Lazy);
    keeping.refresh.keep_family(PROCESSOR_FMSPC);
    keeping.settle().await;
    // This one nobody keeps but the client who asks for it.
    let asked_for = standard(Series::EnclaveIdentity(EnclaveId::Qae));
    let before = keeping.bytes(asked_for).await.expect("an identity");

    clock.set("2026-11-24T11:00:00Z".parse().expect("a time"));
    assert_eq!(keeping.bytes(asked_for).await.as_ref(), Ok(&before));
    keeping.keeper.fetch(Want::RootCaCrl).await.expect("a list");
    let snapshot = keeping.keeper.collection().snapshot();
    let left: Vec<Slot> = snapshot.documents().map(|held| held.slot).collect();
    let lists = [
        Slot::PckCrl(PckCa::Processor),
        Slot::PckCrl(PckCa::Platform),
        Slot::RootCaCrl,
    ];
    assert_eq!(left, lists);
    let withdrawn = happened(&keeping, "document.withdrawn");
    assert!(withdrawn.len() >= 8, "{withdrawn:?}");
    assert!(
        withdrawn[0].event.details.contains("Revoked"),
        "{withdrawn:?}"
    );

    // A restart does not bring them back.
    let again = Keeping::open(&clock, &store, Vec::new(), Mode::Offline);
    let snapshot = again.keeper.collection().snapshot();
    assert_eq!(snapshot.documents().count(), 3);
    drop(again);

    keeping.settle().await;
    let snapshot = keeping.keeper.collection().snapshot();
    for want in [standard(QE), asked_for] {
        let held = snapshot.find(want).unwrap_or_else(|| panic!("{want}"));
        assert_eq!(held.window.from, revoked);
    }
    assert_ne!(keeping.bytes(asked_for).await, Ok(before));
}

#[tokio::test]
async fn the_store_keeps_every_issue() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Lazy);
    keeping.settle().await;
    for _ in 0..5 {
        clock.pass(DAY);
        keeping.settle().await;
    }
    let anchor = keeping.keeper.collection().realm().id();
    let slot = Slot::Numbered(QE, 1);
    let history = store
        .document_history(anchor, slot, 100)
        .expect("a history");
    assert_eq!(history.len(), 6);
    // The root's list is one and the same all the time.
    let history = store.document_history(anchor, Slot::RootCaCrl, 100);
    assert_eq!(history.expect("a history").len(), 1);
}

#[tokio::test]
async fn what_has_ended_is_served_by_permission_alone_and_says_so() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Lazy);
    let before = keeping.bytes(standard(QE)).await.expect("an identity");
    drop(keeping);
    let offline = Keeping::open(&clock, &store, Vec::new(), Mode::Offline);
    clock.pass(31 * DAY);
    let path = "/sgx/certification/v4/qe/identity";
    assert_eq!(offline.get(path).await.status, 503);
    offline.keeper.serve_expired(true);
    let said = offline.get(path).await;
    assert_eq!((said.status, said.body), (200, before));
    let said = offline.get(path).await;
    assert!(said.header("warning").starts_with("110 "), "{said:?}");
    assert_eq!(said.header("cache-control"), "max-age=0");
    assert_eq!(said.header("age"), (31 * DAY).to_string());
    // What never was there is not there by permission either.
    let other = offline.get("/tdx/certification/v4/qe/identity").await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn tcb_info_of_version_3_is_not_asked_for() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let fmspc = hex::encode(PROCESSOR_FMSPC);
    let said = keeping
        .get(&format!("/sgx/certification/v3/tcb?fmspc={fmspc}"))
        .await;
    assert_eq!(said.status, 410);
    assert_eq!(said.header("error-code"), "Version3Ended");
    assert_eq!(keeping.exchanges(), 0);
    // What is the same in both versions is served in both.
    let old = keeping.get("/sgx/certification/v3/qe/identity").await;
    let new = keeping.get("/sgx/certification/v4/qe/identity").await;
    assert_eq!((old.status, &old.body), (200, &new.body));
    assert!(old.header("warning").starts_with("299 "), "{old:?}");
}
