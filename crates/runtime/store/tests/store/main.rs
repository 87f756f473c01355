//! The store through its public interface.
#![allow(clippy::unwrap_used, reason = "tests")]

mod backups;
#[cfg(feature = "postgres")]
mod commits;
mod conformance;
#[cfg(feature = "postgres")]
mod copying;
mod damage;
mod folder;
mod model;
mod opening;
#[cfg(feature = "postgres")]
mod postgres;
mod processes;
mod releases;
mod retention;
mod samples;
mod secrets;
#[cfg(feature = "postgres")]
pub mod server;
mod tampering;

use std::ops::Deref;

use bulla_store::Store;

use crate::folder::Folder;

/// SQLite in memory.
fn in_memory() -> Option<Box<Store>> {
    Some(Box::new(Store::open_in_memory().unwrap()))
}

/// SQLite in a file.
fn in_file() -> Option<InFile> {
    let folder = Folder::new();
    let store = Store::open(&folder.file("store.sqlite")).unwrap();
    Some(InFile {
        store,
        _folder: folder,
    })
}

/// A store and the folder it is in.
struct InFile {
    store: Store,
    _folder: Folder,
}

impl Deref for InFile {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

conformance!(sqlite_in_memory, crate::in_memory);
conformance!(sqlite_in_a_file, crate::in_file);
#[cfg(feature = "postgres")]
conformance!(postgres_on_a_server, crate::postgres::in_database);
