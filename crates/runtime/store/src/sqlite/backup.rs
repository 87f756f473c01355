//! Backups, made while the service runs, and what becomes of them.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::{Sqlite, check, connection, migrations};
use crate::sql::Checked;
use crate::sql::fault::{Fault, Outcome, file};
use crate::{Result, StoreError};

impl Sqlite {
    /// Writes the present state to a new file `to`, checks it, and only then gives it its name.
    /// Refuses to write over something. Readers and the writer go on meanwhile.
    pub(crate) fn backup(&self, to: &Path) -> Result<Checked> {
        match &self.readers {
            Some(readers) => {
                let source = readers.another().map_err(|fault| fault.at(&self.path))?;
                copy(&source, &self.path, to)
            }
            None => copy(&self.writer(), &self.path, to),
        }
    }

    /// Puts the backup `from` in the place `to`, where nothing may be, after checking it and
    /// bringing it to the latest schema. The backup stays as it is.
    pub(crate) fn restore(from: &Path, to: &Path) -> Result<Checked> {
        let name = from.to_string_lossy();
        let source = connection::reader(from).map_err(|fault| fault.at(&name))?;
        if !migrations::is_ours(&source).map_err(|fault| fault.at(&name))? {
            return Err(StoreError::Unavailable {
                path: name.into_owned(),
                reason: "this is not a backup of a store; name another file".to_owned(),
            });
        }
        let to = connection::locate(to)?;
        // The log of a store that was removed would be taken for that of the new one.
        for suffix in ["-wal", "-journal"] {
            refuse(&beside(&to, suffix))?;
        }
        copy(&source, &name, &to)
    }
}

/// Copies a database, whose name for messages is `name`.
fn copy(source: &Connection, name: &str, to: &Path) -> Result<Checked> {
    refuse(to)?;
    let unfinished = Unfinished::create(to)?;
    let checked = write(source, name, &unfinished.0).map_err(|fault| fault.at(name))?;
    let failed = |error: std::io::Error| file(to.to_string_lossy(), &error);
    File::open(&unfinished.0)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    refuse(to)?;
    std::fs::rename(&unfinished.0, to).map_err(failed)?;
    connection::sync_directory(to)?;
    Ok(checked)
}

fn write(source: &Connection, name: &str, to: &Path) -> Outcome<Checked> {
    let on_disk = |error: rusqlite::Error| Fault::from(error).within(to);
    let mut copy = Connection::open(to).map_err(on_disk)?;
    // All pages in one step are of one state, however much is written meanwhile.
    let step = Backup::new(source, &mut copy)
        .and_then(|backup| backup.step(ALL))
        .map_err(on_disk)?;
    if step != StepResult::Done {
        return Err(Fault::Known(StoreError::InUse {
            path: name.to_owned(),
            holder: "a program that keeps its tables locked".to_owned(),
        }));
    }
    // One file, without a log beside it.
    let mode: String = copy
        .query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))
        .map_err(on_disk)?;
    if mode != "delete" {
        return Err(Fault::Damaged(format!("its journal stays {mode}")));
    }
    connection::plan_once(&copy)?;
    migrations::apply(&mut copy, name, migrations::ALL)?;
    check::check(&copy)
}

/// For SQLite any negative number of pages means all of them.
const ALL: std::ffi::c_int = -1;

fn refuse(existing: &Path) -> Result<()> {
    let path = existing.to_string_lossy().into_owned();
    match existing.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file(path, &error)),
        Ok(_) => Err(StoreError::Unavailable {
            path,
            reason: "this exists and is not written over; move it away or name another file"
                .to_owned(),
        }),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// A file that goes away unless it got its name.
struct Unfinished(PathBuf);

impl Unfinished {
    fn create(to: &Path) -> Result<Self> {
        let path = beside(to, &format!(".unfinished-{}", std::process::id()));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| file(path.to_string_lossy(), &error))?;
        Ok(Self(path))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _renamed = std::fs::remove_file(&self.0);
    }
}
