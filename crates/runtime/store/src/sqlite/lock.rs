//! One process for a store.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::sql::fault::file;
use crate::{Result, StoreError};

/// How much of a lock's file is read to tell who holds it, in bytes: a process id and the path of
/// a program fit.
const HOLDER: u64 = 512;

/// Holds a store until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// To close the file is not enough: a process that is just being started by another thread has
    /// it open too, until it becomes its own program.
    fn drop(&mut self) {
        let _closed_at_least = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of the database at `database`, or says who has it. The file stays when the
    /// lock is gone: to remove it could remove that of another process.
    pub(super) fn take(database: &Path) -> Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let failed = |error: &std::io::Error| file(path.to_string_lossy(), error);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _unreadable = (&mut lock).take(HOLDER).read_to_string(&mut holder);
                if holder.is_empty() {
                    "another process".clone_into(&mut holder);
                }
                let path = database.to_string_lossy().into_owned();
                return Err(StoreError::InUse { path, holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let program = std::env::current_exe().unwrap_or_default();
        let holder = format!("process {} ({})", std::process::id(), program.display());
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(holder.as_bytes()))
            .map_err(|error| failed(&error))?;
        Ok(Self { file: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_when_it_is_dropped_even_if_the_file_is_still_open_elsewhere() {
        let folder = std::env::temp_dir().join(format!("bulla-store-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let database = folder.join("store.sqlite");
        let lock = Lock::take(&database).unwrap();
        let elsewhere = lock.file.try_clone().unwrap();
        assert!(matches!(
            Lock::take(&database),
            Err(StoreError::InUse { .. })
        ));
        drop(lock);
        drop(Lock::take(&database).unwrap());
        drop(elsewhere);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
