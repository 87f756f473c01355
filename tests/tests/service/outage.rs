//! What happens while no upstream answers, and when one is back.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use bulla_collateral::{EnclaveId, PckCa, Series, TcbInfoId};
use bulla_pki::Timestamp;
use bulla_service::keeper::Mode;
use bulla_service::want::Want;
use bulla_tests::host::Host;
use bulla_tests::service::{Keeping, Said, standard, store, tcb_info};
use bulla_tests::site::{Clock, HOUR, Site, source, vendor};
use bulla_vendor::{PLATFORM_FMSPC, PROCESSOR_FMSPC};
use tokio::time::{Instant, advance, pause, resume};

/// How long the vendor cannot be reached, in days.
const OUTAGE: u64 = 35;

/// How often the service looks whether something is due, in seconds.
const LOOK: u64 = 15;

/// Every document of two families, as clients ask for it.
fn documents() -> Vec<(String, Want)> {
    let identity = |id| standard(Series::EnclaveIdentity(id));
    let mut documents: Vec<(String, Want)> = [
        ("sgx", "qe/identity", identity(EnclaveId::Qe)),
        ("sgx", "qve/identity", identity(EnclaveId::Qve)),
        ("tdx", "qe/identity", identity(EnclaveId::TdQe)),
        ("sgx", "pckcrl?ca=processor", Want::PckCrl(PckCa::Processor)),
        ("sgx", "pckcrl?ca=platform", Want::PckCrl(PckCa::Platform)),
        ("sgx", "rootcacrl", Want::RootCaCrl),
    ]
    .map(|(technology, rest, want)| (format!("/{technology}/certification/v4/{rest}"), want))
    .into();
    for fmspc in [PROCESSOR_FMSPC, PLATFORM_FMSPC] {
        for (technology, id) in [("sgx", TcbInfoId::Sgx), ("tdx", TcbInfoId::Tdx)] {
            let digits = hex::encode(fmspc);
            let target = format!("/{technology}/certification/v4/tcb?fmspc={digits}");
            documents.push((target, standard(tcb_info(id, fmspc))));
        }
    }
    documents
}

/// Turns both clocks, that of the service and that of its upstreams.
async fn pass(clock: &Clock, seconds: u64) {
    clock.pass(seconds);
    pause();
    advance(Duration::from_secs(seconds)).await;
    resume();
}

/// The ends of everything that is kept.
fn ends(keeping: &Keeping) -> Vec<Timestamp> {
    let snapshot = keeping.keeper.collection().snapshot();
    snapshot.documents().map(|held| held.until()).collect()
}

fn is_later_please(said: &Said) -> bool {
    let wait: Result<u32, _> = said.header("retry-after").parse();
    said.status == 503 && said.body.is_empty() && wait.is_ok_and(|wait| wait > 0)
}

#[tokio::test]
async fn every_document_is_served_to_its_end_and_what_was_missed_is_fetched_without_a_burst() {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let vendor = vendor();
    let site = Site::open(vendor.clone(), &clock);
    let mut upstream = site.upstream("vendor");
    upstream.attempts = 1;
    let keeping = Keeping::open(&clock, &store(), vec![upstream], Mode::Lazy);
    for fmspc in [PROCESSOR_FMSPC, PLATFORM_FMSPC] {
        keeping.refresh.keep_family(fmspc);
    }
    let host = Host::of(&vendor, "one", clock.now());
    assert_eq!(keeping.get(&host.target_with_ppid()).await.status, 200);
    for _ in 0..24 {
        keeping.refresh.look().await;
        pass(&clock, HOUR).await;
    }
    let kept = ends(&keeping).len();
    assert_eq!(kept, 12, "five lists, three identities, four TCB infos");

    site.set(&["* reset"]);
    let held = keeping.keeper.collection().snapshot();
    let end = |want| held.find(want).expect("kept").until();
    let before = keeping.exchanges();
    let (mut served, mut ended) = (0, 0);
    for _ in 0..OUTAGE * 24 {
        pass(&clock, HOUR).await;
        keeping.refresh.look().await;
        for (target, want) in documents() {
            let said = keeping.get(&target).await;
            if clock.now() <= end(want) {
                served += 1;
                assert_eq!(said.status, 200, "{target} at {}", clock.now());
            } else {
                ended += 1;
                assert!(is_later_please(&said), "{target}: {said:?}");
                assert_eq!(said.header("error-code"), "Expired");
            }
        }
        // Certificates count for seven years.
        assert_eq!(keeping.get(&host.target()).await.status, 200);
    }
    // All but the root's list, which counts for more than a year, ended after 29 or 30 days.
    assert!(served > 9 * 28 * 24 + OUTAGE * 24, "{served}");
    assert!(ended > 9 * 4 * 24, "{ended}");
    // Once an hour while documents last; then clients ask as well, and the breaker holds them off.
    let asked = keeping.exchanges() - before;
    assert!(asked < OUTAGE * 24 * 3, "{asked}");

    site.set(&[]);
    let before = keeping.exchanges();
    let mut most = 0;
    for _ in 0..2 * HOUR / LOOK {
        let so_far = keeping.exchanges();
        keeping.refresh.look().await;
        most = most.max(keeping.exchanges() - so_far);
        pass(&clock, LOOK).await;
    }
    let asked = keeping.exchanges() - before;
    assert!(most <= 10, "{most} at one look");
    assert_eq!(asked, u64::try_from(kept).expect("few"), "each once");
    for (target, _) in documents() {
        assert_eq!(keeping.get(&target).await.status, 200, "{target}");
    }
    assert!(ends(&keeping).into_iter().all(|end| clock.now() < end));
}

#[tokio::test(start_paused = true)]
async fn a_miss_with_everybody_down_is_answered_within_the_deadline() {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let vendor = vendor();
    // One takes connections and says nothing, the other takes none.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let nobody = closed.local_addr().expect("an address");
    drop(closed);
    let deadline = Duration::from_secs(3);
    let upstream = |name: &str, address: SocketAddr| {
        let mut settings = source(name, address);
        settings.deadline = deadline;
        settings
    };
    let silent_address = silent.local_addr().expect("an address");
    let upstreams = vec![
        upstream("silent", silent_address),
        upstream("closed", nobody),
    ];
    let keeping = Keeping::open(&clock, &store(), upstreams, Mode::Lazy);
    let host = Host::of(&vendor, "one", clock.now());
    let misses = documents().into_iter().map(|(target, _)| target);
    for target in misses.chain([host.target_with_ppid()]) {
        let begin = Instant::now();
        let said = keeping.get(&target).await;
        assert!(begin.elapsed() <= 2 * deadline + Duration::from_millis(1));
        assert!(is_later_please(&said), "{target}: {said:?}");
        assert_eq!(said.header("error-code"), "UpstreamUnreachable", "{target}");
    }
    // That nobody answered is no answer: once somebody does, it is had at once.
    let site = Site::open(vendor, &clock);
    resume();
    let again = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    for (target, _) in documents() {
        assert_eq!(again.get(&target).await.status, 200, "{target}");
    }
}
