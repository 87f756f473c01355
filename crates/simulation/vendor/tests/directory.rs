//! A vendor's directory under several processes, and under clocks that go backwards.
#![allow(
    clippy::unwrap_used,
    reason = "what cannot be unwrapped fails the test"
)]

use std::fs;
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use bulla_pki::Timestamp;
use bulla_vendor::{
    Charter, ManifestError, Order, PckCa, Registration, Seed, SeedSecret, StateDirectory,
    StateError, Vendor,
};

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bulla-directory-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn charter() -> Charter {
    Charter {
        public_url: "http://127.0.0.1:8181".parse().unwrap(),
        founded: time("2026-11-01T00:00:00Z"),
        mark_critically: false,
    }
}

#[test]
fn of_several_who_found_at_the_same_time_one_does() {
    let folder = Folder::new();
    for round in 0..60 {
        let directory = StateDirectory::new(folder.0.join(round.to_string()));
        let start = Barrier::new(16);
        let results: Vec<_> = thread::scope(|scope| {
            let founders: Vec<_> = (0..16)
                .map(|founder| {
                    let (directory, start) = (&directory, &start);
                    scope.spawn(move || {
                        start.wait();
                        directory.found(&SeedSecret::new([founder; 32]), charter())
                    })
                })
                .collect();
            founders.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let founded: Vec<&Vendor> = results.iter().flatten().collect();
        let [founded] = founded[..] else {
            panic!("{} were founded", founded.len());
        };
        let kept = directory.read().unwrap();
        assert_eq!(kept.root_key_identifier(), founded.root_key_identifier());
        for refused in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(
                matches!(
                    refused,
                    StateError::Locked(_) | StateError::VendorExists(_) | StateError::NotEmpty(_)
                ),
                "{refused}"
            );
        }
    }
}

/// Whoever was interrupted before anything was written can try again.
#[test]
fn a_lock_alone_is_no_vendor() {
    let folder = Folder::new();
    fs::write(folder.0.join("lock"), "").unwrap();
    let directory = StateDirectory::new(&folder.0);
    directory
        .found(&SeedSecret::new([1; 32]), charter())
        .unwrap();
    directory.read().unwrap();
}

#[cfg(unix)]
#[test]
fn what_an_interrupted_process_left_is_neither_followed_nor_kept() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    let folder = Folder::new();
    let directory = StateDirectory::new(folder.0.join("box"));
    directory
        .found(&SeedSecret::new([1; 32]), charter())
        .unwrap();
    let (beside, state) = (
        folder.0.join("box/vendor.new"),
        folder.0.join("box/vendor.state"),
    );
    let elsewhere = folder.0.join("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    let mut names = ["one", "two"].into_iter();
    let mut add = || {
        let order = Order {
            name: names.next().unwrap().parse().unwrap(),
            ca: PckCa::Processor,
            fmspc: None,
            number: None,
        };
        let made = directory.change(|vendor| {
            vendor.make(order, time("2026-11-02T00:00:00Z"))?;
            Ok::<(), Box<dyn std::error::Error>>(())
        });
        made.unwrap();
        assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o600);
        assert!(!beside.exists());
    };
    symlink(&elsewhere, &beside).unwrap();
    add();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    fs::write(&beside, "half a sta").unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)).unwrap();
    add();
    assert_eq!(directory.read().unwrap().platforms().len(), 2);
}

#[test]
fn a_registration_is_not_moved_into_the_past() {
    let mut vendor = Vendor::new(Seed::from(1), charter());
    let order = Order {
        name: "two".parse().unwrap(),
        ca: PckCa::Platform,
        fmspc: None,
        number: None,
    };
    let made = vendor
        .make(order, time("2026-11-02T00:00:00Z"))
        .unwrap()
        .clone();
    let manifest = vendor.manifest(&made).unwrap();
    let (before, since) = (time("2026-11-03T00:00:00Z"), time("2026-11-05T00:00:00Z"));
    vendor
        .register(&manifest, Registration::Indirect, since)
        .unwrap();
    for how in [Registration::Direct, Registration::Indirect] {
        let refused = vendor.register(&manifest, how, before).unwrap_err();
        assert_eq!(
            refused,
            ManifestError::RegisteredLater { at: before, since }
        );
    }
    let platform = vendor.find_by_manifest(&manifest, since).unwrap();
    assert_eq!(platform.registration(before), None);
    assert_eq!(platform.registration(since), Some(Registration::Indirect));
}
