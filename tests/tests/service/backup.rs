//! A backup of a service that runs, and what is in it.

use std::fs;
use std::path::Path;

use bulla_tests::daemon::{Daemon, found_vendor};
use bulla_tests::workbench::Folder;

const TCB: &str = "/sgx/certification/v4/tcb?fmspc=FF53494D554C";

fn administrator(state: &Path) -> String {
    let token = fs::read_to_string(state.join("administrator-token")).expect("a token");
    token.trim().to_owned()
}

#[test]
fn a_backup_holds_what_the_service_has_while_it_runs() {
    let folder = Folder::new();
    found_vendor(&folder);
    let vendor = Daemon::vendor(&folder);
    let root = folder.text_path("root.pem");
    let upstream = format!("http://{}", vendor.address);
    let arguments = [
        "--upstream",
        &upstream,
        "--trust-root",
        &root,
        "--simulated",
    ];
    let mut service = Daemon::service(&folder, &arguments);
    let served = service.get(TCB);
    assert_eq!(served.status(), 200);

    let state = folder.path("state");
    let token = administrator(&state);
    let nobody = service.send("POST", "/store/backup", &[], b"");
    assert_eq!(nobody.status(), 401);
    let admin: [(&str, &str); 1] = [("admin-token", &token)];
    let checked = service.send("GET", "/store/check", &admin, b"");
    assert_eq!(checked.status(), 200, "{}", checked.text());
    let backup = service.send("POST", "/store/backup", &admin, b"");
    assert_eq!(backup.status(), 200, "{}", backup.text());
    let file = backup.json()["file"].as_str().expect("a file").to_owned();
    let audit = service.send("GET", "/audit", &admin, b"");
    assert!(audit.text().contains("store.backup"), "{}", audit.text());

    // The service and the vendor go without a word; the backup is all there is.
    service.signal("KILL");
    service.wait();
    drop(vendor);
    let second = Folder::new();
    let place = second.path("state");
    fs::create_dir(&place).expect("a folder");
    fs::copy(&file, place.join("store.sqlite")).expect("the backup");
    let service = Daemon::service(&second, &arguments);
    assert_ne!(service.told["documents"], 0);
    let again = service.get(TCB);
    assert_eq!(again.status(), 200);
    assert_eq!(again.body, served.body);
}
