//! A service whose clock is wrong.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bulla_collateral::{EnclaveId, Series};
use bulla_protocol::pccs::RouteRules;
use bulla_service::Service;
use bulla_service::baselines::Baselines;
use bulla_service::http::{
    Limits, Listener, Metrics, Place, Reach, Server, ServerSettings, Speech, Tokens,
};
use bulla_service::keeper::{Absent, Mode};
use bulla_service::want::Want;
use bulla_tests::service::{Keeping, standard, store};
use bulla_tests::site::{Clock, DAY, HOUR, Site, vendor};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const QE: Want = standard_identity(EnclaveId::Qe);
const TD_QE: Want = standard_identity(EnclaveId::TdQe);

const fn standard_identity(id: EnclaveId) -> Want {
    let choice = bulla_service::want::Choice::Selected(bulla_collateral::Selector::Standard);
    Want::Series(Series::EnclaveIdentity(id), choice)
}

/// The service behind its front, for one request: status and body.
async fn asked(keeping: &Keeping, path: &str) -> (String, String) {
    let metrics = Arc::new(Metrics::new("test", true));
    let settings = ServerSettings {
        listeners: vec![Listener {
            name: "test".into(),
            place: Place::Tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)),
            speech: Speech::Plain(Reach::ThisMachine),
        }],
        limits: Limits::default(),
        access_log: false,
    };
    let server = Server::bind(settings, Arc::clone(&metrics)).await;
    let server = server.expect("a listener");
    let address = server.addresses()[0];
    let tokens = Tokens::new(vec![], vec![], Arc::clone(&metrics), |_| {});
    let baselines = Baselines::open(Arc::clone(&keeping.refresh));
    let service = Service::new(
        Arc::clone(&keeping.fleet),
        Arc::clone(&keeping.refresh),
        tokens,
        metrics,
        RouteRules::default(),
        Arc::new(baselines.expect("decisions")),
        None,
    );
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(Arc::new(service), async {
        let _ = stopped.await;
    }));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("answered");
    drop(stop);
    running.await.expect("it ends");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    (status.to_owned(), body.to_owned())
}

/// The condition of readiness about the clock: whether it is met, and what is said.
async fn clock_condition(keeping: &Keeping) -> (bool, String) {
    let (status, body) = asked(keeping, "/readyz").await;
    let said: Value = serde_json::from_str(&body).expect("JSON");
    let conditions = said["conditions"].as_array().expect("conditions");
    let clock = conditions.iter().find(|one| one["name"] == "clock");
    let clock = clock.expect("about the clock");
    let met = clock["met"].as_bool().expect("yes or no");
    assert!(met || status == "503", "{body}");
    let detail = clock["detail"].as_str().unwrap_or_default();
    (met, detail.to_owned())
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_nothing_current_again() {
    let right = Clock::at("2026-11-23T12:00:00Z");
    let clock = right.clone();
    let site = Site::open(vendor(), &right);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Lazy);
    keeping.bytes(QE).await.expect("an identity");
    // This one is asked for again, when the first has ended.
    clock.pass(31 * DAY);
    let later = keeping.bytes(TD_QE).await.expect("an identity");
    drop(keeping);
    assert_eq!(clock.now().to_string(), "2026-12-24T12:00:00Z");

    let set_back = Clock::at("2026-12-01T12:00:00Z");
    let offline = Keeping::open(&set_back, &store, Vec::new(), Mode::Offline);
    let now = offline.keeper.collection().now();
    assert_eq!(now.at.to_string(), "2026-12-24T04:00:00Z");
    assert_eq!(now.behind, 22 * DAY + 16 * HOUR);
    let ended = offline.bytes(QE).await;
    assert!(matches!(ended, Err(Absent::Expired { .. })), "{ended:?}");
    assert_eq!(
        offline.bytes(TD_QE).await,
        Ok(later),
        "it is good by any clock"
    );
    let (met, detail) = clock_condition(&offline).await;
    assert!(
        !met && detail.contains("behind") && detail.contains("set it"),
        "{detail}"
    );
    let (_, metrics) = asked(&offline, "/metrics").await;
    let behind = format!(
        "bulla_clock_behind_seconds{{simulated=\"true\"}} {}\n",
        now.behind
    );
    assert!(metrics.contains(&behind), "{metrics}");
    // Set right, all is as it was.
    set_back.set(right.now());
    assert_eq!(clock_condition(&offline).await, (true, String::new()));
    assert!(offline.bytes(QE).await.is_err());
    assert!(offline.bytes(TD_QE).await.is_ok());
}

#[tokio::test]
async fn what_arrives_is_judged_by_the_vendors_time_where_the_clock_is_behind() {
    let right = Clock::at("2026-12-24T12:00:00Z");
    let site = Site::open(vendor(), &right);
    let behind = Clock::at("2026-12-20T12:00:00Z");
    let keeping = Keeping::open(&behind, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    // Nothing is known yet, so the clock has to be believed.
    let absent = keeping.bytes(QE).await;
    assert!(
        matches!(absent, Err(Absent::Unavailable { .. })),
        "{absent:?}"
    );
    assert_eq!(keeping.aside()[0].code, "DocumentNotYetValid");
    behind.set(right.now());
    keeping.bytes(QE).await.expect("an identity");
    // From now on the vendor's signature tells how late it is at least.
    behind.set("2026-12-20T12:00:00Z".parse().expect("a time"));
    keeping.bytes(TD_QE).await.expect("an identity");
}

#[tokio::test]
async fn a_clock_that_was_ahead_delays_nothing() {
    let right = Clock::at("2026-11-23T12:00:00Z");
    let site = Site::open(vendor(), &right);
    let clock = Clock::at("2027-01-20T12:00:00Z");
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    // Everything has ended, as far as it knows; it asks less and less often.
    for _ in 0..5 {
        keeping.refresh.look().await;
        clock.pass(HOUR);
    }
    let unknown = standard(Series::TcbInfo {
        id: bulla_collateral::TcbInfoId::Sgx,
        fmspc: [1; 6],
        version: 3,
    });
    let absent = keeping.bytes(unknown).await;
    assert!(matches!(absent, Err(Absent::Missing(_))), "{absent:?}");
    assert!(keeping.refused() > 0);
    clock.set(right.now());
    let exchanges = keeping.exchanges();
    assert!(keeping.bytes(unknown).await.is_err());
    assert_eq!(keeping.exchanges(), exchanges + 1, "it is asked for again");
    keeping.settle().await;
    assert_eq!(
        keeping.keeper.collection().snapshot().documents().count(),
        8
    );

    // What was fetched by a clock that was ahead is asked for again once that is right.
    clock.pass(10 * DAY);
    right.pass(4 * DAY);
    keeping.settle().await;
    clock.set(right.now());
    keeping.settle().await;
    let snapshot = keeping.keeper.collection().snapshot();
    for held in snapshot.documents() {
        assert!(held.asked <= right.now(), "{}", held.slot);
    }
}
