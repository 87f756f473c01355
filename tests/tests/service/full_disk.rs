//! The running service on a disk that takes nothing any more.
//!
//! The disk is full by the limit that the system sets to the size of this process's files, which can
//! be moved while it runs.

use std::process::Command;

use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, found_vendor};
use bulla_tests::workbench::Folder;

const HELD: &str = "/sgx/certification/v4/qe/identity";
const OTHER: &str = "/sgx/certification/v4/qve/identity";

/// The service, which goes on where the system says that a file must not grow: otherwise it would be
/// ended by a signal, as on no full disk.
fn service(folder: &Folder, vendor: &Daemon) -> Daemon {
    let program = bulla();
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(program.get_program())
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(["--store", &folder.text_path("state")])
        .args(["--upstream", &format!("http://{}", vendor.address)])
        .args(["--trust-root", &folder.text_path("root.pem"), "--simulated"]);
    // Not even a line about it can be written.
    Daemon::start(&mut command, &folder.path("log"))
}

/// Sets how large files of a process may become, in bytes.
fn limit(service: &Daemon, size: &str) {
    let set = Command::new("prlimit")
        .args(["--pid", &service.id().to_string()])
        .arg(format!("--fsize={size}:unlimited"))
        .status();
    assert!(set.expect("prlimit runs").success());
}

fn store_is_well(service: &Daemon) -> bool {
    let ready = service.get("/readyz");
    let conditions = ready.json()["conditions"].clone();
    let conditions = conditions.as_array().expect("a list").clone();
    let store = conditions.iter().find(|one| one["name"] == "store");
    let is_met = store.expect("a condition")["met"] == true;
    assert_eq!(ready.status() == 200, is_met, "{}", ready.text());
    is_met
}

#[test]
fn on_a_full_disk_what_is_there_is_served_and_nothing_is_acknowledged() {
    let folder = Folder::new();
    found_vendor(&folder);
    let vendor = Daemon::vendor(&folder);
    let service = service(&folder, &vendor);
    let held = service.get(HELD);
    assert_eq!(held.status(), 200, "{}", held.head);
    assert!(store_is_well(&service));

    limit(&service, "0");
    let refused = service.get(OTHER);
    assert_eq!((refused.status(), refused.text()), (503, ""));
    let why = refused.header("Error-Message").expect("a reason");
    assert!(why.contains("cannot be kept"), "{why}");
    assert!(
        !why.contains("state"),
        "what the disk says is in the log: {why}"
    );
    assert!(!store_is_well(&service));
    // What is there is served, also with what it needs of the store.
    let again = service.get(HELD);
    assert_eq!((again.status(), &again.body), (200, &held.body));
    assert_eq!(service.get("/collateral").status(), 200);
    assert_eq!(service.get("/healthz").status(), 200);

    limit(&service, "unlimited");
    let good = service.get(OTHER);
    assert_eq!(good.status(), 200, "{}", good.head);
    assert!(store_is_well(&service));
    assert_eq!(service.get(HELD).body, held.body);
    assert!(service.end().success());
}
