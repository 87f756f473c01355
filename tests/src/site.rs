//! The vendor in a box as a web service on loopback, by a clock that tests turn.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_upstream::{Kind, UpstreamSettings};
use bulla_vendor::web::{Books, Reach, Server, Service};
use bulla_vendor::{Charter, Order, PckCa, Platform, Seed, Vendor};
use tokio::sync::oneshot;

/// An hour and a day, in seconds.
pub const HOUR: u64 = 3_600;
/// See [`HOUR`].
pub const DAY: u64 = 24 * HOUR;

/// A clock that stands until somebody turns it; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// A clock that shows this time.
    pub fn at(text: &str) -> Self {
        let start: Timestamp = text.parse().unwrap();
        Self(Arc::new(AtomicU64::new(start.unix_seconds())))
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::SeqCst)).unwrap()
    }

    /// Turns it on, by seconds.
    pub fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Turns it to a time, also back.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.unix_seconds(), Ordering::SeqCst);
    }

    /// The clock as a function.
    pub fn reader(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}

/// A vendor, founded on 2026-11-02, with `one` and `twin`, of one package, and `two`, of several.
pub fn vendor() -> Vendor {
    static VENDOR: OnceLock<Vendor> = OnceLock::new();
    VENDOR.get_or_init(found).clone()
}

fn found() -> Vendor {
    let founded = "2026-11-02T00:00:00Z".parse().unwrap();
    let charter = Charter {
        public_url: "http://127.0.0.1:8181/vendor".parse().unwrap(),
        founded,
        mark_critically: false,
    };
    let mut vendor = Vendor::new(Seed::from(6), charter);
    for (name, ca) in [
        ("one", PckCa::Processor),
        ("twin", PckCa::Processor),
        ("two", PckCa::Platform),
    ] {
        let order = Order {
            name: name.parse().unwrap(),
            ca,
            fmspc: None,
            number: None,
        };
        vendor.make(order, founded).unwrap();
    }
    // To find it takes a while; every clone has it from now on.
    vendor.provisioning_key();
    vendor
}

/// A platform of the vendor, whenever it was made.
pub fn platform<'a>(vendor: &'a Vendor, name: &str) -> &'a Platform {
    vendor
        .platform(&name.parse().unwrap(), Timestamp::MAX)
        .unwrap()
}

/// The vendor's service until this is dropped.
pub struct Site {
    service: Arc<Service>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// The service of this vendor.
    pub fn open(vendor: Vendor, clock: &Clock) -> Self {
        let service = Arc::new(Service::new(Books::in_memory(vendor), clock.reader()));
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        // A server has a runtime of its own, which cannot be made inside a test's.
        let run = {
            let service = Arc::clone(&service);
            move || {
                let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
                let server = Server::bind(address, Reach::ThisMachine, service).unwrap();
                tell.send(server.address()).unwrap();
                server.run(async {
                    let _ = stopped.await;
                });
            }
        };
        let thread = Some(std::thread::spawn(run));
        Self {
            service,
            address: told.recv().unwrap(),
            stop: Some(stop),
            thread,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets these faults and no others.
    pub fn set(&self, faults: &[&str]) {
        let faults = faults.iter().map(|text| text.parse().unwrap());
        self.service.set_faults(faults.collect()).unwrap();
    }

    /// The service as an upstream that is the source.
    pub fn upstream(&self, name: &str) -> UpstreamSettings {
        source(name, self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// An upstream that speaks the vendor's dialect on loopback, and is the source.
pub fn source(name: &str, address: SocketAddr) -> UpstreamSettings {
    let url = format!("http://{address}");
    let mut settings = UpstreamSettings::new(name, Kind::Pcs { url });
    settings.has_last_word = Some(true);
    // The vendor signs and encrypts in a test's build, on a machine that may be busy.
    settings.deadline = Duration::from_secs(60);
    settings
}
