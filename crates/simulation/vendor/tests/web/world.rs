//! A vendor with three platforms, its service, and a client.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_protocol::pcs::{Answer, PlatformKey, Refusal, Request, Response};
use bulla_protocol::value::{CpuSvn, EncryptedPpid, PceSvn, PlatformManifest};
use bulla_protocol::wire::{Headers, RequestParts, ResponseParts, Status};
use bulla_vendor::web::{Books, Reach, Server, Service};
use bulla_vendor::{
    Charter, Event, Order, Part, PckCa, Platform, Recovery, Seed, SeedSecret, Vendor,
};
use tokio::sync::oneshot;

/// Nothing here takes longer, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The instant at which all is asked.
pub(crate) fn now() -> Timestamp {
    time("2026-11-23T12:00:00Z")
}

/// A vendor that is two months old, has disclosed a recovery and not promoted it.
///
/// `one` and `three` have one package, `two` has several and has not registered.
pub(crate) fn vendor() -> Vendor {
    static VENDOR: OnceLock<Vendor> = OnceLock::new();
    VENDOR.get_or_init(found).clone()
}

fn found() -> Vendor {
    let founded = time("2026-09-20T00:00:00Z");
    let charter = Charter {
        public_url: "http://127.0.0.1:8181/vendor".parse().unwrap(),
        founded,
        mark_critically: false,
    };
    let mut vendor = Vendor::new(Seed::from(1), charter);
    for (name, ca) in [
        ("one", PckCa::Processor),
        ("two", PckCa::Platform),
        ("three", PckCa::Processor),
    ] {
        let order = Order {
            name: name.parse().unwrap(),
            ca,
            fmspc: None,
            number: None,
        };
        vendor.make(order, founded).unwrap();
    }
    let recovery = Recovery {
        number: 2,
        date: time("2026-11-01T00:00:00Z"),
        raises: [Part::Pce, Part::Qe].into(),
        below: bulla_collateral::TcbStatus::OutOfDate,
        advisory_ids: ["SIMULATED-SA-00002".to_owned()].into(),
    };
    let disclosed = time("2026-11-01T00:00:00Z");
    vendor.record(disclosed, Event::Recovery(recovery)).unwrap();
    // To find it takes a while; every clone has it from now on.
    vendor.provisioning_key();
    vendor
}

pub(crate) fn platform<'a>(vendor: &'a Vendor, name: &str) -> &'a Platform {
    vendor.platform(&name.parse().unwrap(), now()).unwrap()
}

/// What a platform is named by when it has one package or registered directly.
pub(crate) fn by_ppid(vendor: &Vendor, name: &str) -> PlatformKey {
    let running = platform(vendor, name).start(now());
    let info = running.pce_info(&vendor.provisioning_key().public_key());
    PlatformKey::EncryptedPpid(Box::new(EncryptedPpid(info.encrypted_ppid)))
}

pub(crate) fn manifest(vendor: &Vendor, name: &str) -> PlatformManifest {
    let bytes = vendor.manifest(platform(vendor, name)).unwrap();
    PlatformManifest::new(bytes).unwrap()
}

/// The request for the certificate of a platform as it is.
pub(crate) fn pck_request(vendor: &Vendor, name: &str, key: PlatformKey) -> Request {
    let pck = platform(vendor, name).start(now()).tcb().pck();
    Request::PckCertificate {
        platform: key,
        cpusvn: CpuSvn(pck.cpusvn),
        pcesvn: PceSvn(pck.pcesvn),
        pceid: "0000".parse().unwrap(),
    }
}

/// A service that runs until this is dropped.
pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Service::new(Books::in_memory(vendor()), now))
    }

    pub(crate) fn of(service: Service) -> Self {
        let service = Arc::new(service);
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let server = Server::bind(address, Reach::ThisMachine, Arc::clone(&service)).unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            server.run(async {
                let _ = stopped.await;
            });
        };
        Self {
            service,
            address,
            stop: Some(stop),
            thread: Some(std::thread::spawn(run)),
        }
    }

    pub(crate) fn with_faults(faults: &[&str]) -> Self {
        let world = Self::new();
        let faults = faults.iter().map(|text| text.parse().unwrap());
        world.service.set_faults(faults.collect()).unwrap();
        world
    }

    /// Stops the service; returns when it has ended.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// What goes over the wire and comes back.
    pub(crate) fn exchange(&self, parts: &RequestParts) -> ResponseParts {
        let answer = exchange(self.address, parts);
        assert_eq!(answer.missing, 0, "the whole body came");
        answer.parts
    }

    /// The response to a request, which carries what every response does.
    pub(crate) fn respond(&self, request: &Request) -> Response {
        let parts = self.exchange(&request.write());
        assert_eq!(parts.headers.find("Bulla-Simulated"), Some("true"));
        let response = Response::read(request, parts).unwrap();
        assert!(response.request_id.is_some());
        response
    }

    #[track_caller]
    pub(crate) fn answer(&self, request: &Request) -> Answer {
        self.respond(request).outcome.unwrap()
    }

    #[track_caller]
    pub(crate) fn refusal(&self, request: &Request) -> Refusal {
        self.respond(request).outcome.unwrap_err()
    }

    /// The status of the answer to a `GET`.
    pub(crate) fn status(&self, target: &str) -> u16 {
        self.exchange(&get(target)).status.number()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn get(target: &str) -> RequestParts {
    of("GET", target, Vec::new())
}

pub(crate) fn of(method: &str, target: &str, body: Vec<u8>) -> RequestParts {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    RequestParts {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Headers::new(),
        body,
    }
}

/// What came back on a connection of its own.
pub(crate) struct Received {
    pub(crate) parts: ResponseParts,
    /// Bytes that were announced and did not come.
    pub(crate) missing: usize,
}

/// One exchange on a connection of its own.
pub(crate) fn exchange(address: SocketAddr, parts: &RequestParts) -> Received {
    received(&send(address, parts).unwrap())
}

/// Sends a request, and everything that came back until the connection ended.
pub(crate) fn send(address: SocketAddr, parts: &RequestParts) -> std::io::Result<Vec<u8>> {
    let mut head = format!("{} {} HTTP/1.1\r\n", parts.method, parts.target());
    head.push_str("Host: localhost\r\nConnection: close\r\n");
    for (name, value) in parts.headers.iter() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", parts.body.len()));
    let mut stream = connect(address);
    stream.write_all(head.as_bytes())?;
    // Whoever refuses early does not read the rest.
    let _ = stream.write_all(&parts.body);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let _ = stream.shutdown(Shutdown::Both);
    Ok(bytes)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn received(bytes: &[u8]) -> Received {
    let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, body) = bytes.split_at(end.expect("a whole head") + 4);
    let head = String::from_utf8(head.to_vec()).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines.fold(Headers::new(), |headers, line| {
        let (name, value) = line.split_once(':').unwrap();
        headers.with(name, value.trim())
    });
    let announced = headers
        .find("Content-Length")
        .map(|text| text.parse().unwrap());
    let announced: usize = announced.unwrap_or(body.len());
    Received {
        missing: announced - body.len(),
        parts: ResponseParts {
            status: Status::new(status.parse().unwrap()).unwrap(),
            headers,
            body: body.to_vec(),
        },
    }
}

/// A secret that is the same in every run.
pub(crate) fn secret() -> SeedSecret {
    SeedSecret::of_text("a rehearsal")
}
