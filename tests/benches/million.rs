//! How much memory a service takes that knows a million platforms.
//!
//! `cargo bench -p bulla-tests --bench million` fills a store in `/dev/shm`, which takes 10 GB there, through
//! the store's own interface; starts `bulla serve` on it; asks for the certificates of 10,000 platforms
//! of all, for the page, for the list of all platforms and for a preview; and prints what the system says
//! of the process's memory after each. An argument is another number of platforms.

use std::path::{Path, PathBuf};
use std::time::Instant;

use bulla_service::daemon::DATABASE_FILE;
use bulla_tests::binary::bulla;
use bulla_tests::copies::{fill, name};
use bulla_tests::daemon::{Daemon, with_tokens};
use bulla_tests::host::Host;
use bulla_tests::site::{Clock, Site, platform, vendor};
use bulla_tests::workbench::{Folder, now};

const MILLION: usize = 1_000_000;

/// Platforms whose certificates are asked for.
const ASKED: usize = 10_000;

/// From one of them to the next, so that neighbours are not asked for together.
const STRIDE: usize = 61_803;

const TOKEN: (&str, &str) = ("admin-token", "admin-of-the-test");

fn main() {
    let count = std::env::args().find_map(|word| word.parse().ok());
    let count: usize = count.unwrap_or(MILLION);
    let clock = Clock::at(&now().to_string());
    let vendor = vendor();
    let host = Host::of(&vendor, "one", clock.now());
    let fmspc = hex::encode_upper(platform(&vendor, "one").fmspc());
    let root = vendor.root_certificate();
    let site = Site::open(vendor, &clock);

    let shared = Path::new("/dev/shm");
    let folder = match shared.is_dir() {
        true => Folder::below(shared),
        false => Folder::new(),
    };
    let (configuration, store) = lay_out(&folder, &site, &root);
    let service = start(&folder, &configuration);
    let tcb = format!("/sgx/certification/v4/tcb?fmspc={fmspc}");
    let identity = "/sgx/certification/v4/qe/identity";
    for target in [&*tcb, identity, &host.target_with_ppid()] {
        let reply = service.get(target);
        assert_eq!(reply.status(), 200, "{target}: {}", reply.head);
    }
    assert!(service.end().success(), "a service ends in order");
    let begin = Instant::now();
    fill(&store.join(DATABASE_FILE), count, &host, &root);
    println!("filled in {:.0} s\n", begin.elapsed().as_secs_f64());

    println!("| after | seconds | resident | at most |\n|---|---:|---:|---:|");
    let begin = Instant::now();
    let service = start(&folder, &configuration);
    while service.get("/readyz").status() != 200 {
        assert!(begin.elapsed().as_secs() < 600, "never ready");
    }
    tell("the start", begin, &service);

    let begin = Instant::now();
    for turn in 0..ASKED {
        let qe_id = name(turn.wrapping_mul(STRIDE) % count);
        let target = Host {
            qe_id,
            ..host.clone()
        }
        .target();
        assert_eq!(service.get(&target).status(), 200, "{target}");
    }
    tell(&format!("{ASKED} of `pckcert`"), begin, &service);

    for target in [
        "/page",
        "/page/fleet",
        "/page/enforcement",
        "/metrics",
        "/baselines/preview?number=1",
        "/platforms/certificates",
    ] {
        let begin = Instant::now();
        let reply = service.send("GET", target, &[TOKEN], b"");
        assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
        tell(&format!("`{target}`"), begin, &service);
    }

    let begin = Instant::now();
    let (mut listed, mut after) = (0, String::new());
    loop {
        let target = format!("/platforms?limit=1000{after}");
        let reply = service.send("GET", &target, &[TOKEN], b"");
        assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
        let rows = reply.json();
        let rows = rows.as_array().expect("a list");
        listed += rows.len();
        let Some(last) = rows.last() else { break };
        let field = |name: &str| last[name].as_str().expect("text").to_owned();
        let (qe_id, pce_id) = (field("qe_id"), field("pce_id"));
        after = format!("&after_qe_id={qe_id}&after_pce_id={pce_id}");
    }
    assert_eq!(listed, count + 1, "the copies and the host");
    tell("all of `/platforms`", begin, &service);
    assert!(service.end().success(), "a service ends in order");
}

/// Writes a configuration, with the vendor's service behind it; gives it, and where the store is.
fn lay_out(folder: &Folder, site: &Site, root: &[u8]) -> (String, PathBuf) {
    let tokens = std::fs::read_to_string(with_tokens(folder)).expect("tokens");
    let store = folder.path("store");
    let root = folder.write("root.der", root);
    let text = format!(
        "{tokens}[store]\npath = {store:?}\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[upstream]]\nname = \"box\"\nurl = \"http://{}\"\n\
         [trust]\nroot = {root:?}\nsimulated = true\n[log]\naccess = false\n",
        site.address()
    );
    folder.write("million.toml", text);
    (folder.text_path("million.toml"), store)
}

fn start(folder: &Folder, configuration: &str) -> Daemon {
    let mut command = bulla();
    command.args(["serve", "--config", configuration]);
    Daemon::start(&mut command, &folder.path("log"))
}

/// A row: what was done since `begin`, and the memory of the service.
fn tell(what: &str, begin: Instant, service: &Daemon) {
    let text = std::fs::read_to_string(format!("/proc/{}/status", service.id()));
    let text = text.expect("a status");
    let mebibytes = |row: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(row));
        let number = value.and_then(|value| value.split_whitespace().next());
        let number: Option<f64> = number.and_then(|number| number.parse().ok());
        number.expect("KiB") / 1024.0
    };
    println!(
        "| {what} | {:.1} | {:.1} MiB | {:.1} MiB |",
        begin.elapsed().as_secs_f64(),
        mebibytes("VmRSS:"),
        mebibytes("VmHWM:")
    );
}
