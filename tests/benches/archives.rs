//! What it costs to carry a fleet across an air gap: time and memory of the commands and of the services,
//! for a small fleet and for one that is ten times as large.
//!
//! `cargo bench -p bulla-tests --bench archives` fills stores through their own interface, and has the
//! real binary export, inspect and import. It needs `time` (GNU) and a gigabyte in `/dev/shm`, for 100,000
//! platforms three. Arguments are other sizes.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use bulla_service::daemon::DATABASE_FILE;
use bulla_tests::binary::bulla;
use bulla_tests::copies::fill;
use bulla_tests::daemon::{Daemon, with_tokens};
use bulla_tests::host::Host;
use bulla_tests::load::cpu_time;
use bulla_tests::site::{Clock, Site, vendor};
use bulla_tests::workbench::{Folder, now, run};

const SIZES: [usize; 2] = [2_000, 20_000];

fn main() {
    let sizes: Vec<usize> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let sizes = match sizes.is_empty() {
        true => SIZES.to_vec(),
        false => sizes,
    };
    for size in sizes {
        carry(size);
    }
}

/// Carries a fleet from one service to another.
fn carry(size: usize) {
    let clock = Clock::at(&now().to_string());
    let vendor = vendor();
    let host = Host::of(&vendor, "one", clock.now());
    let root = vendor.root_certificate();
    let site = Site::open(vendor, &clock);
    let shared = Path::new("/dev/shm");
    let folder = match shared.is_dir() {
        true => Folder::below(shared),
        false => Folder::new(),
    };
    let root_file = folder.write("root.der", &root);
    let tokens = std::fs::read_to_string(with_tokens(&folder)).expect("tokens");
    let begin = |name: &str, asks: &str| {
        let store = folder.path(name);
        let text = format!(
            "{asks}\n{tokens}[store]\npath = {store:?}\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
             [trust]\nroot = {root_file:?}\nsimulated = true\n[log]\naccess = false\n"
        );
        let file = folder.write(&format!("{name}.toml"), text);
        let mut command = bulla();
        command.arg("serve").arg("--config").arg(file);
        Daemon::start(&mut command, &folder.path("log"))
    };
    let upstream = format!(
        "[[upstream]]\nname = \"box\"\nurl = \"http://{}\"",
        site.address()
    );
    let (fetching, offline) = (format!("mode = \"lazy\"\n{upstream}"), "mode = \"offline\"");
    let outside = begin("outside", &fetching);
    assert_eq!(outside.get(&host.target_with_ppid()).status(), 200);
    assert!(outside.end().success(), "a service ends in order");
    fill(
        &folder.path("outside").join(DATABASE_FILE),
        size,
        &host,
        &root,
    );
    let (outside, inside) = (begin("outside", &fetching), begin("inside", offline));

    let key = folder.text_path("key");
    assert_eq!(run(&["collateral", "keygen", &key]).status, 0);
    let public = format!("{key}.pub");
    let token = folder.text_path("admin");
    let [whole, delta] = ["whole", "delta"].map(|name| folder.text_path(name));
    println!(
        "\n| {size} platforms | seconds | CPU of the command | its memory at most | CPU of the service | its memory at most |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    let export = [
        "export",
        "--key",
        &key,
        "--output",
        &whole,
        "--token-file",
        &token,
    ];
    measure("export", &export, Some(&outside));
    let since = [
        "export",
        "--key",
        &key,
        "--output",
        &delta,
        "--token-file",
        &token,
    ];
    measure(
        "export of what changed",
        &[&since[..], &["--since", &whole]].concat(),
        Some(&outside),
    );
    measure("inspect", &["inspect", &whole, "--signer", &public], None);
    let import = [
        "import",
        &whole,
        "--signer",
        &public,
        "--token-file",
        &token,
    ];
    measure("import", &import, Some(&inside));
    measure("import again", &import, Some(&inside));
    let import = [
        "import",
        &delta,
        "--signer",
        &public,
        "--token-file",
        &token,
    ];
    measure("import of what changed", &import, Some(&inside));
    for file in [&whole, &delta] {
        let size = std::fs::metadata(file).expect("a file").len();
        println!(
            "{}: {} bytes",
            file.rsplit('/').next().unwrap_or(file),
            size
        );
    }
    assert!(outside.end().success() && inside.end().success());
}

/// A row: what a command of `bulla collateral` took, and the service that it asked.
fn measure(what: &str, words: &[&str], service: Option<&Daemon>) {
    let program = bulla();
    let mut command = Command::new("time");
    command.args(["-f", "%U %S %M"]).arg(program.get_program());
    command
        .arg("collateral")
        .args(words)
        .args(["--format", "json"]);
    if let Some(service) = service {
        command.args(["--service", &format!("http://{}", service.address)]);
    }
    let before = service.map(|service| cpu_time(service.id()));
    let begin = Instant::now();
    let output = command.output().expect("`time` is installed");
    let seconds = begin.elapsed().as_secs_f64();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{what}: {errors}");
    let figures: Vec<f64> = errors
        .lines()
        .last()
        .expect("figures")
        .split(' ')
        .map(|figure| figure.parse().expect("a figure"))
        .collect();
    let [user, system, kibibytes] = figures[..] else {
        panic!("{errors}");
    };
    let of_service = service.zip(before).map(|(service, before)| {
        let spent = (cpu_time(service.id()) - before).as_secs_f64();
        format!("{spent:.1} s | {:.0} MiB", most_memory(service.id()))
    });
    println!(
        "| {what} | {seconds:.1} | {:.1} s | {:.0} MiB | {} |",
        user + system,
        kibibytes / 1024.0,
        of_service.unwrap_or_else(|| "| ".to_owned())
    );
}

/// Most memory of a process so far, in MiB.
fn most_memory(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a status");
    let value = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = value.and_then(|value| value.split_whitespace().next());
    let number: Option<f64> = number.and_then(|number| number.parse().ok());
    number.expect("KiB") / 1024.0
}
