//! The database of Intel's cache: whatever stands in its file, reading it ends, every platform is seen
//! once, and what comes out is what a service takes in.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use bulla_protocol::pccs::{PlatformCollateral, Version};
use bulla_store::pccs_database::PccsDatabase;
use libfuzzer_sys::fuzz_target;

/// Platforms that are read at a time.
const PAGE: usize = 2;

/// One file for all inputs, in memory where the system has such a folder.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = match memory.is_dir() {
        true => memory,
        false => std::env::temp_dir(),
    };
    folder.join(format!("bulla-fuzz-{}.db", std::process::id()))
});

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a file can be written");
    if let Ok(database) = PccsDatabase::open(&FILE) {
        read(&database);
    }
    std::fs::remove_file(&*FILE).expect("it was written");
});

fn read(database: &PccsDatabase) {
    if let Ok(documents) = database.documents() {
        check(Version::V4, &documents.version_4);
        check(Version::V3, &documents.version_3);
    }
    let mut after = None;
    // What is damaged may end sooner, and what has no order in its rows would go on for ever.
    while let Ok(rows) = database.rows_of_platforms(after, PAGE) {
        assert!(rows.by_name.len() <= PAGE);
        assert_eq!(rows.last, rows.by_name.iter().copied().max());
        let Some(last) = rows.last else { break };
        assert!(
            after.is_none_or(|before| before < last),
            "rows come in order"
        );
        after = Some(last);
        let Ok(page) = database.platforms(&rows.by_name) else {
            break;
        };
        check(
            Version::V4,
            &PlatformCollateral {
                pck_certificates: page.certificates,
                platforms: page.reported.into_iter().map(|(one, _)| one).collect(),
                ..PlatformCollateral::default()
            },
        );
    }
    if let Ok((waiting, _)) = database.waiting() {
        check(
            Version::V4,
            &PlatformCollateral {
                platforms: waiting.into_iter().map(|one| one.platform).collect(),
                ..PlatformCollateral::default()
            },
        );
    }
}

/// It is written as a file of Intel's tools and read again.
fn check(version: Version, collateral: &PlatformCollateral) {
    let body = collateral.write(version);
    let read = PlatformCollateral::read(version, &body);
    assert!(read.is_ok(), "{:?}", read.err());
}
