//! Several processes: one that is killed, one that comes too late, one without permission.
//!
//! The other process is this test program again, told by `BULLA_STORE_WRITER` which store to write.

use std::collections::hash_map::RandomState;
use std::fs::{self, Permissions};
use std::hash::{BuildHasher, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use bulla_collateral::Slot;
use bulla_store::documents::NewDocument;
use bulla_store::{Audit, Documents, Store, StoreError};

use crate::folder::Folder;
use crate::samples::{ANCHOR, document, event};

const SLOT: Slot = Slot::RootCaCrl;

/// The document that is written as the `number`th. Their sizes go up and down.
fn nth_document(number: u64) -> NewDocument {
    let times = usize::try_from(number * 7_919 % 3_000).unwrap();
    let content = format!("{number} ").repeat(times + 1);
    document(SLOT, &content, number % 365, 1)
}

/// Writes into the store at `path` and says after each call what was acknowledged.
fn write(path: &Path, rounds: u64) {
    let mut out = std::io::stdout().lock();
    let mut say = |line: String| {
        out.write_all(line.as_bytes()).unwrap();
        out.flush().unwrap();
    };
    let store = match Store::open(path) {
        Ok(store) => store,
        Err(error) => return say(format!("\nrefused {error}\n")),
    };
    let recorded = store.head().unwrap().map_or(0, |entry| entry.sequence);
    say(format!("\nopen {recorded}\n"));
    for number in recorded + 1..=recorded + rounds {
        let entry = store.record(&event(&number.to_string())).unwrap();
        say(format!("entry {}\n", entry.sequence));
        store
            .add_document(ANCHOR, &nth_document(number), &[])
            .unwrap();
        say(format!("document {number}\n"));
    }
}

/// The other process; by itself a short run of what it does.
#[test]
fn a_writer_acknowledges_what_is_there() {
    if let Some(path) = std::env::var_os("BULLA_STORE_WRITER") {
        return write(Path::new(&path), u64::MAX / 2);
    }
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    write(&path, 3);
    let acknowledged = Acknowledged {
        entries: 3,
        documents: vec![1, 2, 3],
    };
    acknowledged.holds(&path, 0);
}

/// A process that writes, and what it says.
struct Writer {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Writer {
    fn start(program: &Path, store: &Path, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(program);
        command
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg("processes::a_writer_acknowledges_what_is_there")
            .env("BULLA_STORE_WRITER", store)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        prepare(&mut command);
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Self { process, lines }
    }

    /// The next thing that it says; absent at its end, and for a line that was broken off.
    fn next(&mut self) -> Option<(String, String)> {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            if let Some((what, rest)) = line.strip_suffix('\n')?.split_once(' ')
                && ["open", "entry", "document", "refused"].contains(&what)
            {
                return Some((what.to_owned(), rest.to_owned()));
            }
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// What a store was heard to acknowledge.
#[derive(Default)]
struct Acknowledged {
    /// The last entry of the chain.
    entries: u64,
    /// Which documents.
    documents: Vec<u64>,
}

impl Acknowledged {
    fn hear(&mut self, (what, number): (String, String)) {
        let number = number.parse().unwrap();
        match what.as_str() {
            "entry" => self.entries = number,
            "document" => self.documents.push(number),
            other => panic!("{other} {number}"),
        }
    }

    /// Holds that against what is there. There may be more of each: written, and the process
    /// killed before it could tell, once for each of `kills`.
    fn holds(&self, path: &Path, kills: usize) {
        let store = Store::open(path).unwrap();
        let entries = store.check().unwrap().audit_entries;
        assert!(
            (self.entries..=self.entries + 1).contains(&entries),
            "{entries}"
        );
        let mut found: Vec<_> = store
            .document_history(ANCHOR, SLOT, usize::MAX)
            .unwrap()
            .into_iter()
            .map(|kept| kept.document)
            .collect();
        let kept = found.len();
        for number in &self.documents {
            let expected = nth_document(*number);
            let place = found.iter().position(|document| *document == expected);
            found.swap_remove(place.unwrap_or_else(|| panic!("{number} is lost")));
        }
        assert!(found.len() <= kills, "{kept} are there");
        for document in found {
            assert!((1..=entries).any(|number| document == nth_document(number)));
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let kills: usize = match std::env::var("BULLA_STORE_KILLS") {
        Ok(kills) => kills.parse().unwrap(),
        Err(_) => 10,
    };
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    let mut acknowledged = Acknowledged::default();
    for kill in 1..=kills {
        let chance = RandomState::new().build_hasher().finish();
        let mut writer = Writer::start(&this_program(), &path, |_| {});
        let (what, recorded) = writer.next().unwrap();
        assert_eq!(what, "open", "{recorded}");
        // What was written in the last moment of the one before counts from here on.
        acknowledged.entries = recorded.parse().unwrap();
        for _ in 0..chance % 40 {
            acknowledged.hear(writer.next().unwrap());
        }
        std::thread::sleep(Duration::from_micros(chance / 40 % 5_000));
        writer.kill();
        while let Some(said) = writer.next() {
            acknowledged.hear(said);
        }
        acknowledged.holds(&path, kill);
    }
    let (entries, documents) = (acknowledged.entries, acknowledged.documents.len());
    println!("{kills} kills, {entries} entries, {documents} documents, none lost");
    assert!(entries > 0 && documents > 0);
}

#[test]
fn a_second_process_is_told_who_has_the_store() {
    let folder = Folder::new();
    let path = folder.file("store.sqlite");
    let mut first = Writer::start(&this_program(), &path, |_| {});
    assert_eq!(first.next().unwrap().0, "open");
    let expected = format!(
        "process {} ({}",
        first.process.id(),
        this_program().display()
    );
    match Store::open(&path) {
        Err(StoreError::InUse { holder, .. }) => {
            assert!(holder.starts_with(&expected), "{holder}, {expected}");
        }
        other => panic!("{other:?}"),
    }
    first.kill();
    let store = Store::open(&path).unwrap();
    let mut second = Writer::start(&this_program(), &path, |_| {});
    let (what, reason) = second.next().unwrap();
    assert_eq!(what, "refused");
    let expected = format!("is in use by process {} (", std::process::id());
    assert!(reason.contains(&expected), "{reason}");
    store.check().unwrap();
}

/// What may be read and not written: the other process is nobody where this one is root, whom no
/// permission binds.
#[test]
fn a_store_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    let path = folder.file("closed/store.sqlite");
    drop(Store::open(&path).unwrap());
    let closed = path.parent().unwrap();
    for file in fs::read_dir(closed).unwrap() {
        fs::set_permissions(file.unwrap().path(), Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(closed, Permissions::from_mode(0o555)).unwrap();
    let before = fs::read(&path).unwrap();
    let program = folder.file("program");
    fs::copy(this_program(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut writer = Writer::start(&program, &path, |command| {
        command.current_dir("/");
        if is_root {
            command.uid(65_534);
        }
    });
    let (what, reason) = writer.next().unwrap();
    assert_eq!(what, "refused", "{reason}");
    assert!(reason.contains("cannot be written"), "{reason}");
    assert!(reason.contains("store.sqlite"), "{reason}");
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::set_permissions(closed, Permissions::from_mode(0o755)).unwrap();
}
