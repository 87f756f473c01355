//! What it costs to take over a fleet from Intel's cache, beside the signatures in it.
//!
//! `cargo bench -p bulla -p bulla-tests --bench import` fills a database in Intel's schema with 100,000
//! platforms, another number where one follows behind `--`, each with certificates of its own for twelve
//! TCBs; `bulla pccs import` brings them into a service. It prints the CPU time of both processes, the
//! kernel's part included, beside that of as many verifications by the crypto library, for which both
//! processes are made to stand still again and again; and the ratio, which is what counts. Documents and
//! CAs are verified too, but only the platforms' certificates are counted as signatures.
//!
//! What the host of a virtual machine charges for giving memory back is kept out of the growth of the
//! service's store by a [`Reserve`].

use std::fs;
use std::hint::black_box;
use std::process::{Child, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use bulla_collateral::TcbStatus;
use bulla_collateral::pck_selection::PckTcb;
use bulla_issuer::certificate::seal;
use bulla_issuer::{Seed, SigningKey, pem};
use bulla_pki::{PublicKey, Signature};
use bulla_protocol::pcs::PckCa;
use bulla_protocol::value::Fmspc;
use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, with_tokens};
use bulla_tests::host::Host;
use bulla_tests::load::{cpu_time, median, thread_time, time_of_children};
use bulla_tests::pccs_database as database;
use bulla_tests::site::DAY;
use bulla_tests::workbench::{Folder, now};
use bulla_vendor::{Charter, ComponentNumber, Event, Order, Part, Platform, Recovery, Vendor};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::Connection;

const PLATFORMS: u32 = 100_000;

/// For how many TCBs each platform has a certificate: as many as the vendor has told apart of one family
/// within six years, with two updates a year.
const TCBS: u32 = 12;

/// The most that the import may cost, in signatures of the platforms' certificates.
const ALLOWED: f64 = 1.5;

/// How many platforms are made ahead.
const AHEAD: usize = 100;

/// How much of a [`Reserve`] is given away at a time, in bytes.
const PIECE: usize = 8 << 20;

/// How much of it is given away ahead, in bytes: at least what the service writes between two looks. What is
/// free for longer goes back to the host.
const LEAD: u64 = 24 << 20;

/// From what the vendor follows.
const SEED: &str = "import";
const ADDRESS: &str = "http://127.0.0.1:8181/vendor";

/// How often the crypto library is measured, and how many verifications at a time.
const EVERY: Duration = Duration::from_millis(500);
const CHECKS: u32 = 200;

/// How many bytes of a PCK certificate are signed, about.
const SIGNED: usize = 1_000;

fn main() {
    let given = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let platforms = given.unwrap_or(PLATFORMS);
    let folder = Folder::new();
    let path = folder.path("pckcache.db");
    let root = fill(&database::empty(&path), platforms);
    let root = pem::block("CERTIFICATE", &root);
    folder.write("root.pem", root);
    let service = Daemon::service(
        &folder,
        &[
            "--config",
            &with_tokens(&folder),
            "--mode",
            "offline",
            "--trust-root",
            &folder.text_path("root.pem"),
            "--simulated",
        ],
    );
    let size = fs::metadata(&path).expect("a database").len();
    let mut reserve = Reserve::of(size);
    let unit = Unit::new();
    // The first one finds everything cold.
    unit.cost();
    let before = cpu_time(service.id());
    // Among them is who built the binary.
    let ended_before = time_of_children();
    let import = import(&folder, &service);
    let (units, memory) = watch(import, &service, &folder, &unit, &mut reserve);
    let service_time = cpu_time(service.id()) - before;
    let import_time = time_of_children() - ended_before;
    let peak = memory_peak(service.id()).expect("a service that runs");

    let signatures = f64::from(platforms) * f64::from(TCBS);
    let unit = harmonic_mean(&units);
    let allowed = signatures * unit;
    let spent = (service_time + import_time).as_secs_f64();
    println!(
        "{platforms} platforms with {TCBS} certificates each, a database of {:.1} MB",
        size as f64 / 1e6
    );
    println!(
        "signature     {:8.1} us, harmonic mean of {} rounds, median {:.1} us",
        unit * 1e6,
        units.len(),
        median(units) * 1e6
    );
    println!("signatures    {allowed:8.2} s");
    println!("service       {:8.2} s", service_time.as_secs_f64());
    println!("import        {:8.2} s", import_time.as_secs_f64());
    println!("peak memory   {peak} KiB of the service, {memory} KiB of the import");
    println!(
        "reserve       {:8.1} MB given, {:.1} MB left",
        reserve.given as f64 / 1e6,
        (reserve.pieces.len() * PIECE) as f64 / 1e6
    );
    println!("ratio         {:8.3}", spent / allowed);
    assert!(
        spent <= ALLOWED * allowed,
        "an import may cost {ALLOWED} times its signatures at most"
    );
}

/// A vendor with as many levels as a platform shall have certificates, and one platform.
fn found() -> (Vendor, Platform) {
    let age = u64::from(TCBS) * 180 * DAY;
    let founded = now().saturating_sub(age);
    let founded = founded.saturating_sub(founded.unix_seconds() % DAY);
    let charter = Charter {
        public_url: ADDRESS.parse().expect("an address"),
        founded,
        mark_critically: false,
    };
    let mut vendor = Vendor::new(Seed::from(SEED), charter);
    for number in 2..=TCBS {
        let disclosed = founded.saturating_add(u64::from(number - 1) * 180 * DAY);
        let component = ComponentNumber::new(1).expect("one of sixteen");
        let recovery = Recovery {
            number,
            date: disclosed,
            raises: [Part::Component(component)].into(),
            below: TcbStatus::OutOfDate,
            advisory_ids: [].into(),
        };
        let event = Event::Recovery(recovery);
        vendor.record(disclosed, event).expect("the next number");
        let event = Event::Promotion { number };
        vendor.record(disclosed, event).expect("a number");
    }
    let order = Order {
        name: "one".parse().expect("a name"),
        ca: bulla_vendor::PckCa::Processor,
        fmspc: None,
        number: None,
    };
    let platform = vendor.make(order, now()).expect("a platform").clone();
    (vendor, platform)
}

/// All documents of now, and these platforms.
fn fill(database: &Connection, platforms: u32) -> Vec<u8> {
    let (vendor, platform) = found();
    let mint = Mint::new(&vendor, &platform);
    // What is written is read by one program, once.
    let fast = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN";
    database.execute_batch(fast).expect("a database");
    database::documents(database, &vendor, now());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let (give, take) = sync_channel(AHEAD);
        for worker in 0..workers {
            let (give, mint) = (give.clone(), &mint);
            scope.spawn(move || {
                for number in (0..platforms).skip(worker).step_by(workers) {
                    give.send(mint.make(number)).expect("a database");
                }
            });
        }
        drop(give);
        for (host, leaves) in take {
            let fmspc = Fmspc(platform.fmspc());
            database::certified(database, &host, fmspc, PckCa::Processor, &leaves);
        }
    });
    database.execute_batch("COMMIT").expect("a database");
    vendor.root_certificate()
}

/// Makes platforms: the certificates of one, under other names and numbers, signed again by their CA.
struct Mint {
    ca: SigningKey,
    ppid: [u8; 16],
    reported: PckTcb,
    templates: Vec<Template>,
}

/// A certificate that is written anew for each platform.
struct Template {
    tcb: PckTcb,
    signed: Vec<u8>,
}

impl Mint {
    fn new(vendor: &Vendor, platform: &Platform) -> Self {
        let at = now();
        let founded = vendor.charter().founded;
        let authorities = bulla_issuer::Vendor::new(&Seed::from(SEED), ADDRESS, founded);
        let issued = vendor.pck_certificates(platform, at);
        let templates = issued.certificates.iter().map(|leaf| Template {
            tcb: PckTcb {
                components: leaf.tcb.cpusvn,
                pcesvn: leaf.tcb.pcesvn,
            },
            signed: signed(&leaf.der).to_vec(),
        });
        let templates: Vec<_> = templates.collect();
        assert_eq!(templates.len(), TCBS as usize);
        let reported = platform.start(at).tcb().pck();
        Self {
            ca: authorities.ca(issued.ca).key.clone(),
            ppid: platform.ppid(),
            reported: PckTcb {
                components: reported.cpusvn,
                pcesvn: reported.pcesvn,
            },
            templates,
        }
    }

    fn make(&self, number: u32) -> (Host, Vec<(PckTcb, String)>) {
        let seed = Seed::from(u64::from(number));
        let host = Host {
            qe_id: hex::encode_upper(seed.bytes::<16>("qe id")),
            cpu_svn: self.reported.components,
            pce_svn: self.reported.pcesvn,
            // Nobody but the vendor can tell it from one that is genuine.
            encrypted_ppid: seed.bytes("encrypted ppid"),
            manifest: None,
        };
        let ppid = seed.bytes::<16>("ppid");
        let leaves = self.templates.iter().map(|template| {
            let mut signed = template.signed.clone();
            let place = signed.windows(16).position(|part| part == self.ppid);
            let place = place.expect("a PPID");
            signed[place..place + 16].copy_from_slice(&ppid);
            signed[SERIAL + 4..SERIAL + 8].copy_from_slice(&number.to_be_bytes());
            let der = seal(&signed, &self.ca);
            (template.tcb, pem::block("CERTIFICATE", &der))
        });
        (host, leaves.collect())
    }
}

/// Where the serial number of 20 octets stands in what is signed: behind the header of that, the
/// version, and a header of its own.
const SERIAL: usize = 4 + 5 + 2;

/// What is signed of a certificate: the first of its three parts, which has two octets of length, as the
/// whole has.
fn signed(der: &[u8]) -> &[u8] {
    let signed = &der[4..];
    assert_eq!((der[1], signed[1]), (0x82, 0x82));
    let length = usize::from(u16::from_be_bytes([signed[2], signed[3]]));
    assert_eq!(signed[SERIAL - 2..SERIAL], [2, 20]);
    &signed[..4 + length]
}

fn import(folder: &Folder, service: &Daemon) -> Child {
    let told = fs::File::create(folder.path("told")).expect("a file");
    let mut command = bulla();
    command.args(["pccs", "import", "--format", "json"]);
    command.args(["--database", &folder.text_path("pckcache.db")]);
    command.args(["--service", &format!("http://{}", service.address)]);
    command.args(["--token-file", &folder.text_path("admin")]);
    let child = command.stdin(Stdio::null()).stdout(told).spawn();
    child.expect("bulla starts")
}

/// Waits for the import: what a verification cost meanwhile, each time in seconds, and the most memory
/// that the import had, in KiB.
fn watch(
    mut import: Child,
    service: &Daemon,
    folder: &Folder,
    unit: &Unit,
    reserve: &mut Reserve,
) -> (Vec<f64>, u64) {
    let both = [import.id(), service.id()];
    let (mut units, mut memory) = (Vec::new(), 0);
    let status = loop {
        if let Some(status) = import.try_wait().expect("a child") {
            break status;
        }
        memory = memory_peak(import.id()).unwrap_or(memory);
        let standing = Standing::still(both);
        units.push(unit.cost());
        drop(standing);
        reserve.stay_ahead_of(store_size(folder));
        thread::sleep(EVERY);
    };
    let told = fs::read_to_string(folder.path("told")).expect("a report");
    assert!(status.success(), "{told}");
    (units, memory)
}

/// Processes that stand still until this is dropped.
struct Standing([Pid; 2]);

impl Standing {
    /// None of these may have been waited for.
    fn still(processes: [u32; 2]) -> Self {
        let process = |id: u32| Pid::from_raw(id.try_into().expect("a process"));
        let standing = Self(processes.map(process));
        for process in standing.0 {
            kill(process, Signal::SIGSTOP).expect("a process of ours");
        }
        standing
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        for process in self.0 {
            kill(process, Signal::SIGCONT).expect("a process of ours");
        }
    }
}

/// One verification of the crypto library: messages as long as what is signed of a certificate, under one
/// key, which is kept parsed.
struct Unit {
    key: PublicKey,
    signed: Vec<(Vec<u8>, Signature)>,
}

impl Unit {
    fn new() -> Self {
        let seed = Seed::from("unit");
        let key = SigningKey::derive(&seed, "ca");
        let signed = (0_u8..64).map(|number| {
            let message = vec![number; SIGNED];
            let signature = Signature::from_fixed(&key.sign(&message));
            (message, signature.expect("a signature"))
        });
        let signed = signed.collect();
        let [_, coordinates @ ..] = key.public_key();
        Self {
            key: PublicKey::from_coordinates(&coordinates).expect("a key"),
            signed,
        }
    }

    /// CPU time, in seconds.
    fn cost(&self) -> f64 {
        let before = thread_time();
        for (message, signature) in self.signed.iter().cycle().take(CHECKS as usize) {
            black_box(self.key.verify(message, signature)).expect("a genuine signature");
        }
        (thread_time() - before).as_secs_f64() / f64::from(CHECKS)
    }
}

/// Memory that the machine has, and gives away as the service's store needs it.
///
/// A virtual machine may return to its host what it has not used for a second or two. To get a page of 4 KiB
/// back costs up to 13 us where this was measured, a fifth of a signature, and is charged to whoever touches
/// it first: here the service, whose files grow. A store takes about as much as Intel's database.
struct Reserve {
    pieces: Vec<Vec<u8>>,
    given: u64,
}

impl Reserve {
    /// So many bytes.
    fn of(bytes: u64) -> Self {
        let pieces = (bytes + LEAD).div_ceil(PIECE as u64);
        Self {
            // Ones, as memory of zeros is not there before it is written.
            pieces: (0..pieces).map(|_| vec![1; PIECE]).collect(),
            given: 0,
        }
    }

    /// Gives away as much as a store of so many bytes needs, and its lead.
    fn stay_ahead_of(&mut self, store: u64) {
        while self.given < store + LEAD && self.pieces.pop().is_some() {
            self.given += PIECE as u64;
        }
    }
}

/// The size of the service's files, in bytes.
fn store_size(folder: &Folder) -> u64 {
    let files = fs::read_dir(folder.path("state")).expect("a store");
    let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
    sizes.sum()
}

/// The cost of one where the same work is done at all of these costs, each for as long as the others: fewer fit
/// into a time when the machine is slow, so that the arithmetic mean would be too high.
fn harmonic_mean(costs: &[f64]) -> f64 {
    let speeds: f64 = costs.iter().map(|cost| 1.0 / cost).sum();
    costs.len() as f64 / speeds
}

/// The most memory that a process has had, in KiB; absent where it has ended.
fn memory_peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
