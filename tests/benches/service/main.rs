//! What the collateral service costs: CPU time per request beside a bare hyper handler and nginx
//! that return the same bytes, memory, and the time from start to ready.
//!
//! `cargo bench -p bulla-tests --bench service` prints tables. Every server is a process of its
//! own, asked over loopback with keep-alive and without access log by this one process, in turns,
//! so that a machine whose speed drifts does it to all alike. Without nginx its rows are missing.

mod bare;
mod nginx;
mod process;
mod stores;
mod tls;
mod visitor;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bulla_pki::Timestamp;
use bulla_tests::binary::bulla;
use bulla_tests::daemon::Daemon;
use bulla_tests::host::Host;
use bulla_tests::load::median;
use bulla_tests::site::{Clock, Site, platform, vendor};
use bulla_tests::tls::Identity;
use bulla_tests::workbench::Folder;

use bare::Bare;
use nginx::Nginx;
use stores::Place;

use visitor::{Questions, Visitor};

const ROUNDS: usize = 21;
/// Requests of a round.
const REQUESTS: usize = 4_000;
/// Connections that ask at the same time. One has the server sleep between any two requests.
const CROWDS: [usize; 2] = [1, 8];
/// Starts of each service.
const STARTS: usize = 9;

const SIZES: [usize; 2] = [1_000, 100_000];

const IDENTITY: &str = "/sgx/certification/v4/qe/identity";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["bare", answer] => bare::serve(answer.as_ref()),
        _ => compare(),
    }
}

fn compare() {
    let now = Clock::at("2026-11-02T00:00:00Z");
    now.set(present());
    let vendor = vendor();
    let host = Host::of(&vendor, "one", now.now());
    let fmspc = hex::encode_upper(platform(&vendor, "one").fmspc());
    let tcb = format!("/sgx/certification/v4/tcb?fmspc={fmspc}");
    let root = vendor.root_certificate();
    let site = Site::open(vendor, &now);

    let folder = Folder::below(&memory());
    let identity = Identity::new("bench");
    let places: Vec<Place> = SIZES
        .iter()
        .map(|size| {
            let place = Place::lay_out(&folder, *size, &site, &root, &identity);
            place.fetch(&host, &[&tcb, IDENTITY]);
            place.fill(&host, &root);
            place
        })
        .collect();

    let services: Vec<Daemon> = places.iter().map(Place::start).collect();
    let answer = services[0].get(&tcb);
    let bare = Bare::start(&folder, &answer);
    let nginx = Nginx::start(&folder, &answer, &identity, &tcb);
    println!(
        "{} bytes of body, {} of head\n",
        answer.body.len(),
        answer.head.len()
    );
    for crowd in CROWDS {
        let client = tls::client(&identity);
        let open = |pid, address, tls: bool, questions| {
            let tls = tls.then(|| Arc::clone(&client));
            Visitor::open(pid, address, tls, crowd, questions)
        };
        let one = |target: &str| Questions::One(target.to_owned());
        let service = services[0].id();
        let [plain, secure] = process::addresses(&services[0]);
        let mut rows = vec![
            (
                "bare handler, TCB info".to_owned(),
                open(bare.id(), bare.address, false, one(&tcb)),
            ),
            (
                "bulla, TCB info".to_owned(),
                open(service, plain, false, one(&tcb)),
            ),
            (
                "bulla, QE identity".to_owned(),
                open(service, plain, false, one(IDENTITY)),
            ),
            (
                "bulla, TCB info, TLS".to_owned(),
                open(service, secure, true, one(&tcb)),
            ),
        ];
        for (size, service) in SIZES.iter().zip(&services) {
            let [plain, _] = process::addresses(service);
            let questions = Questions::Platforms(Box::new(host.clone()), *size);
            rows.push((
                format!("bulla, pckcert, {size} platforms"),
                open(service.id(), plain, false, questions),
            ));
        }
        for (name, address, tls) in nginx.iter().flat_map(|nginx| nginx.places()) {
            let visitor = open(nginx.as_ref().map_or(0, Nginx::id), address, tls, one(&tcb));
            rows.push((name.to_owned(), visitor));
        }
        measure(crowd, rows);
    }
    println!("| platforms | resident memory after these requests | at most |\n|---:|---:|---:|");
    for (size, service) in SIZES.iter().zip(&services) {
        let memory = |name| process::memory(service.id(), name) as f64 / 1024.0;
        println!(
            "| {size} | {:.1} MiB | {:.1} MiB |",
            memory("VmRSS:"),
            memory("VmHWM:")
        );
    }
    for service in services {
        assert!(service.end().success(), "a service ends in order");
    }
    measure_starts(&places);
}

/// Asks all in turns, and prints what an answer cost each.
fn measure(crowd: usize, mut rows: Vec<(String, Visitor)>) {
    let mut costs: Vec<Vec<f64>> = vec![Vec::new(); rows.len()];
    for (_, visitor) in &mut rows {
        visitor.cost(REQUESTS);
    }
    for _ in 0..ROUNDS {
        for ((_, visitor), costs) in rows.iter_mut().zip(&mut costs) {
            costs.push(visitor.cost(REQUESTS).as_secs_f64() * 1e6);
        }
    }
    println!("| {crowd} at a time | us a request | times the bare handler |\n|---|---:|---:|");
    for ((name, _), of_this) in rows.iter().zip(&costs) {
        let ratios = of_this
            .iter()
            .zip(&costs[0])
            .map(|(this, bare)| this / bare);
        let ratio = median(ratios.collect());
        println!("| {name} | {:.1} | {ratio:.2} |", median(of_this.clone()));
    }
    println!();
}

/// Starts each service several times, in turns, and prints when it was ready.
fn measure_starts(places: &[Place]) {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); places.len()];
    for _ in 0..STARTS {
        for (place, times) in places.iter().zip(&mut times) {
            let start = Instant::now();
            let service = place.start();
            while service.get("/readyz").status() != 200 {
                assert!(start.elapsed() < Duration::from_secs(60), "never ready");
            }
            times.push(start.elapsed().as_secs_f64() * 1e3);
            assert!(service.end().success(), "a service ends in order");
        }
    }
    println!("\n| platforms | ready after, median | at most |\n|---:|---:|---:|");
    for (place, times) in places.iter().zip(times) {
        let most = times.iter().copied().fold(0.0, f64::max);
        println!(
            "| {} | {:.0} ms | {most:.0} ms |",
            place.size,
            median(times)
        );
    }
}

/// Where files are kept in memory: a store is filled there without waiting for a disk.
fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    match shared.is_dir() {
        true => shared,
        false => std::env::temp_dir(),
    }
}

/// The machine's time, by which the service judges.
#[allow(
    clippy::disallowed_methods,
    reason = "the vendor is to have the time of a service outside"
)]
fn present() -> Timestamp {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = passed.expect("a time after 1970").as_secs();
    Timestamp::from_unix_seconds(seconds).expect("a time before 9999")
}

/// `bulla serve` with a configuration, which says where it listens.
fn service(configuration: &str) -> Daemon {
    let mut command: Command = bulla();
    command.args(["serve", "--config", configuration]);
    Daemon::start(&mut command, Path::new("/dev/null"))
}
