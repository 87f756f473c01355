//! Clients without a token, who may ask anything: what they can cost the upstreams and the store.

use bulla_protocol::value::PceSvn;
use bulla_service::keeper::Mode;
use bulla_store::Fleet as _;
use bulla_tests::front::Front;
use bulla_tests::host::Host;
use bulla_tests::service::{Keeping, Said, store};
use bulla_tests::site::{Clock, Site, vendor};
use bulla_vendor::PROCESSOR_FMSPC;

/// Questions in vain that are granted at once.
const BURST: u64 = 120;

fn clock() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

fn family(number: u32) -> String {
    format!("/sgx/certification/v4/tcb?fmspc=EE{number:010X}")
}

#[track_caller]
fn assert_put_off(said: &Said) {
    assert_eq!(said.status, 503, "{said:?}");
    assert_eq!(said.header("retry-after"), "1");
    assert!(said.body.is_empty());
}

#[tokio::test]
async fn invented_families_cost_the_upstreams_little_and_others_nothing() {
    let clock = clock();
    let site = Site::open(vendor(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let real = format!(
        "/sgx/certification/v4/tcb?fmspc={}",
        hex::encode(PROCESSOR_FMSPC)
    );
    let known = keeping.get(&real).await;
    assert_eq!(known.status, 200);
    let before = keeping.exchanges();
    for number in 0..1_000 {
        let said = keeping.get(&family(number)).await;
        match u64::from(number) < BURST {
            true => assert_eq!(said.status, 404, "{said:?}"),
            false => assert_put_off(&said),
        }
    }
    assert_eq!(keeping.exchanges(), before + BURST);
    // What is at hand is served, what is due is fetched, and time heals the rest.
    assert_eq!(keeping.get(&real).await.body, known.body);
    keeping.settle().await;
    assert!(keeping.exchanges() > before + BURST);
    let identity = "/sgx/certification/v4/qe/identity";
    assert_eq!(keeping.get(identity).await.status, 200);
    let platform = Host::of(&vendor(), "one", clock.now());
    assert_put_off(&keeping.get(&platform.target_with_ppid()).await);
    let registered = keeping.fleet.register(platform.registration()).await;
    registered.expect("whoever has a token is not measured");
    clock.pass(1);
    assert_eq!(keeping.get(&family(2_000)).await.status, 404);
    assert_put_off(&keeping.get(&family(2_001)).await);
}

/// A fleet that starts at once is no reason to put it off.
#[tokio::test]
async fn equal_questions_at_one_time_are_measured_as_one() {
    let clock = clock();
    let site = Site::open(vendor(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let keeping = std::sync::Arc::new(keeping);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let keeping = std::sync::Arc::clone(&keeping);
        all.spawn(async move { keeping.get(&family(1)).await.status });
    }
    assert_eq!(all.join_all().await, [404; 500]);
    assert_eq!(keeping.exchanges(), 1);
}

#[tokio::test]
async fn invented_platforms_are_asked_for_once_a_minute_and_seldom_in_all() {
    let clock = clock();
    let vendor = vendor();
    let site = Site::open(vendor.clone(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let mut ghost = Host::of(&vendor, "one", clock.now());
    ghost.encrypted_ppid = [7; 384];
    let name = ghost.qe_id.clone();
    for number in 0..50 {
        ghost.qe_id = format!("{number:032X}");
        let said = keeping.get(&ghost.target_with_ppid()).await;
        assert_eq!(said.status, 404, "{said:?}");
    }
    assert_eq!(keeping.exchanges(), 1, "the same PPID under many names");
    // Nobody is silenced by what a stranger asks under his name.
    ghost.qe_id = name;
    assert_eq!(keeping.get(&ghost.target_with_ppid()).await.status, 404);
    let host = Host::of(&vendor, "one", clock.now());
    assert_eq!(keeping.get(&host.target_with_ppid()).await.status, 200);
    clock.pass(60);
    let before = keeping.exchanges();
    for number in 0..400_u16 {
        ghost.qe_id = format!("{number:032X}");
        ghost.encrypted_ppid[..2].copy_from_slice(&number.to_be_bytes());
        let said = keeping.get(&ghost.target_with_ppid()).await;
        match u64::from(number) < BURST {
            true => assert_eq!(said.status, 404, "{said:?}"),
            false => assert_put_off(&said),
        }
    }
    assert_eq!(keeping.exchanges(), before + BURST);
    let anchor = keeping.keeper.collection().realm().id();
    let store = keeping.keeper.collection().store();
    assert_eq!(store.platform_count(anchor).expect("a count"), 1);
}

#[tokio::test]
async fn invented_tcbs_of_a_platform_are_answered_and_few_of_them_kept() {
    let clock = clock();
    let vendor = vendor();
    let site = Site::open(vendor.clone(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let mut host = Host::of(&vendor, "one", clock.now());
    let first = keeping.get(&host.target_with_ppid()).await;
    assert_eq!(first.status, 200, "{first:?}");
    for number in 1..=200 {
        host.pce_svn = PceSvn(20_000 + number).0;
        let said = keeping.get(&host.target()).await;
        assert_eq!(said.status, 200, "{said:?}");
        assert_eq!(said.body, first.body);
        assert_eq!(said.header("sgx-tcbm"), first.header("sgx-tcbm"));
    }
    let collection = keeping.keeper.collection();
    let kept = collection
        .store()
        .raw_tcbs(collection.realm().id(), &host.id());
    assert_eq!(kept.expect("TCBs").len(), 64);
}

#[test]
fn what_is_passed_on_is_measured_and_only_as_the_mode_allows() {
    let clock = clock();
    let site = Site::open(vendor(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    let families = "/pcs/sgx/certification/v4/fmspcs";
    for number in 0..BURST + 30 {
        let reply = front.get(families);
        match number < BURST {
            true => assert_eq!(reply.status(), 200, "{}", reply.head),
            false => assert_eq!((reply.status(), &*reply.body), (503, &b""[..])),
        }
    }
    assert_eq!(front.keeping.exchanges(), BURST);

    for mode in [Mode::Req, Mode::Offline] {
        let front = Front::open(&clock, vec![site.upstream("vendor")], mode);
        assert_eq!(front.get(families).status(), 404);
        assert_eq!(front.keeping.exchanges(), 0);
    }
}
