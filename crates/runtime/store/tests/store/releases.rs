//! A process is killed while it releases: no secret goes out beyond its limit, and none without its
//! entry in the audit.
//!
//! The other process is this test program again, told by `BULLA_STORE_RELEASER` which store to use.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bulla_store::secrets::NotReleased;
use bulla_store::{Audit, Secrets, Store};

use crate::folder::Folder;
use crate::samples::{claim, event, secret};

/// How often the secret may be released.
const TIMES: u64 = 60;

/// After how many releases each process is killed.
const KILLED_AFTER: [usize; 6] = [0, 1, 3, 7, 12, 20];

fn store_with_secret(path: &Path) {
    let mut secret = secret("a", 1);
    secret.limits.times = Some(TIMES);
    let store = Store::open(path).unwrap();
    assert!(store.put_secret(&secret, &event("put")).unwrap());
}

/// Releases as often as it can, and says so after each time.
fn release(path: &Path) -> u64 {
    let mut out = std::io::stdout().lock();
    let store = Store::open(path).unwrap();
    let mut count = 0;
    loop {
        match store.release(&claim("a", 1), &event("release")).unwrap() {
            Ok(_) => count += 1,
            Err(NotReleased::Exhausted { .. }) => return count,
            Err(other) => panic!("{other}"),
        }
        out.write_all(b"\nreleased\n").unwrap();
        out.flush().unwrap();
    }
}

/// The other process; by itself a run to the limit.
#[test]
fn a_releaser_stops_at_the_limit() {
    if let Some(path) = std::env::var_os("BULLA_STORE_RELEASER") {
        release(Path::new(&path));
        return;
    }
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    store_with_secret(&path);
    assert_eq!(release(&path), TIMES);
    assert_eq!(release(&path), 0);
}

/// Has a process release until it has said so this many times, and kills it; gives how often it has
/// said so at all.
fn killed_after(path: &Path, releases: usize) -> u64 {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("releases::a_releaser_stops_at_the_limit")
        .env("BULLA_STORE_RELEASER", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut said = lines
        .map_while(Result::ok)
        .filter(|line| line == "released");
    let before = said.by_ref().take(releases).count();
    process.kill().unwrap();
    process.wait().unwrap();
    u64::try_from(before + said.count()).unwrap()
}

#[test]
fn who_is_killed_has_released_nothing_beyond_the_limit_or_without_an_entry() {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    store_with_secret(&path);
    let mut said = 0;
    for (kills, after) in (1..).zip(KILLED_AFTER) {
        said += killed_after(&path, after);
        let store = Store::open(&path).unwrap();
        let counted = store.secret("a").unwrap().unwrap().releases;
        // Each that was killed may have released one that it could not tell any more.
        assert!(
            (said..=said + kills).contains(&counted),
            "{said}, {counted}"
        );
        let entries = store.check().unwrap().audit_entries;
        assert_eq!(entries, counted + 1, "one for each, and one for putting it");
    }
    let left = release(&path);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.secret("a").unwrap().unwrap().releases, TIMES);
    assert!(said + left <= TIMES, "{said} and {left}");
    assert_eq!(store.verify_chain().unwrap(), Ok(TIMES + 1));
}
