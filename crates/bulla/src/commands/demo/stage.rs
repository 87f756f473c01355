//! The stage: a clock that can be turned, the vendor's service, and bulla's with its gate; both on
//! loopback, each in a thread of this process.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use bulla_pki::mac::random;
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_protocol::pccs::RouteRules;
use bulla_service::daemon::{Daemon, Database, Settings};
use bulla_service::gate::{GateSettings, Place as GatePlace};
use bulla_service::http::{Limits, Listener, Place, Reach, Speech};
use bulla_service::keeper::Mode;
use bulla_service::realm::Realm;
use bulla_service::refresh::Standing;
use bulla_store::Retention;
use bulla_upstream::{Kind, UpstreamSettings, Upstreams};
use bulla_vendor::Vendor;
use bulla_vendor::web::{self, Books, Server};
use tokio::sync::oneshot;

use super::broken;
use super::interruption::Interruption;
use crate::error::Result;
use crate::time;

/// Any port of this machine.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The machine's time, and how far it was turned ahead.
#[derive(Clone)]
pub(super) struct Clock {
    started: Timestamp,
    ahead: Arc<AtomicU64>,
}

impl Clock {
    pub(super) fn new(started: Timestamp) -> Self {
        Self {
            started,
            ahead: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        let now = time::now().unwrap_or(self.started);
        now.saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    /// Lets time pass for everybody who goes by this clock.
    pub(super) fn pass(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// Both services, and where they keep what they keep. All of it is gone when this is dropped.
pub(super) struct Stage {
    /// Absent once it was switched off.
    vendor: Option<Running>,
    /// Ends before its directory goes.
    _gate: Running,
    directory: Directory,
    /// The address of the service.
    pub(super) url: String,
}

impl Stage {
    /// Starts both services.
    pub(super) fn open(
        vendor: &Vendor,
        clock: &Clock,
        interruption: &Interruption,
    ) -> Result<Self> {
        let directory = Directory::make()?;
        let (selling, address) = serve_vendor(vendor.clone(), clock, interruption)?;
        let settings = settings(vendor, address, &directory, clock)?;
        let (gate, url) = serve_gate(settings, interruption)?;
        Ok(Self {
            vendor: Some(selling),
            _gate: gate,
            directory,
            url,
        })
    }

    /// Switches the vendor's service off, for good.
    pub(super) fn switch_vendor_off(&mut self) {
        drop(self.vendor.take());
    }

    /// The file with the token by which the service is looked after.
    pub(super) fn token_file(&self) -> PathBuf {
        self.directory
            .0
            .join(bulla_service::daemon::LOCAL_TOKEN_FILE)
    }
}

/// A directory for this user alone, gone when it is dropped.
struct Directory(PathBuf);

impl Directory {
    fn make() -> Result<Self> {
        let chance = hex::encode(random::<8>().map_err(broken)?);
        let path = std::env::temp_dir().join(format!("bulla-demo-{chance}"));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| broken(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A service in a thread of its own, until this is dropped.
struct Running {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(serve: impl FnOnce(oneshot::Receiver<()>) + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self {
            stop: Some(stop),
            thread: Some(thread::spawn(move || serve(stopped))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Until the service is stopped, or the process told to end.
async fn told_to_end(stopped: oneshot::Receiver<()>, interruption: Interruption) {
    tokio::select! {
        _ = stopped => {}
        () = interruption.wait() => {}
    }
}

fn serve_vendor(
    vendor: Vendor,
    clock: &Clock,
    interruption: &Interruption,
) -> Result<(Running, SocketAddr)> {
    let clock = clock.clone();
    let service = web::Service::new(Books::in_memory(vendor), move || clock.now());
    let server = Server::bind(ANY_PORT, web::Reach::ThisMachine, Arc::new(service));
    let server = server.map_err(broken)?;
    let address = server.address();
    let interruption = interruption.clone();
    let running = Running::start(move |stopped| server.run(told_to_end(stopped, interruption)));
    Ok((running, address))
}

fn serve_gate(settings: Settings, interruption: &Interruption) -> Result<(Running, String)> {
    let daemon = Daemon::open(settings).map_err(broken)?;
    let (tell, told) = mpsc::channel();
    let interruption = interruption.clone();
    let running = Running::start(move |stopped| {
        let started = |start: &bulla_service::daemon::Start| tell.send(start.listening.clone());
        // Whoever waited for the address is gone, and so is the need for a service.
        let _ = daemon.run_until(told_to_end(stopped, interruption), started);
    });
    let listening = told.recv().map_err(broken)?;
    let url = listening.into_iter().next();
    Ok((running, url.ok_or_else(|| broken("it listens nowhere"))?))
}

/// A service as `bulla serve` starts it, but for its clock.
fn settings(
    vendor: &Vendor,
    address: SocketAddr,
    directory: &Directory,
    clock: &Clock,
) -> Result<Settings> {
    let anchors = TrustAnchors::vendors()
        .with_simulated(&vendor.root_certificate())
        .map_err(broken)?;
    let url = format!("http://{address}");
    let mut upstream = UpstreamSettings::new("vendor", Kind::Pcs { url });
    upstream.has_last_word = Some(true);
    // Once it is off it stays off.
    upstream.attempts = 1;
    let version = env!("CARGO_PKG_VERSION");
    let clock = clock.clone();
    Ok(Settings {
        database: Database::default(),
        version,
        realm: Realm::named(anchors).ok_or_else(|| broken("there is no root"))?,
        clock: Arc::new(move || clock.now()),
        store: directory.0.clone(),
        upstreams: Upstreams::new(vec![upstream]).map_err(broken)?,
        mode: Mode::Lazy,
        listeners: vec![Listener {
            name: "demo".into(),
            place: Place::Tcp(ANY_PORT),
            speech: Speech::Plain(Reach::ThisMachine),
        }],
        dialects: HashMap::new(),
        limits: Limits::default(),
        access_log: false,
        users: Vec::new(),
        administrators: Vec::new(),
        standing: Standing::default(),
        serve_expired: false,
        retention: Retention::default(),
        shadow: None,
        rules: RouteRules::default(),
        gate: Some(GateSettings {
            place: GatePlace::Owner,
            ..GateSettings::new(version)
        }),
    })
}
