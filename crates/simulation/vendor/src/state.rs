//! A vendor in a directory, and nothing but it: one process changes it at a time, and every change
//! is there completely or not at all.
//!
//! | File | Holds |
//! |---|---|
//! | `vendor.state` | charter, events, platforms |
//! | `seed.secret` | the seed: whoever reads it can sign everything |
//! | `platforms/NAME.fuses` | the secrets of a platform: whoever reads them can be it |
//! | `lock` | held by the process that changes something |

mod error;
mod file;
mod wire;

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use bulla_issuer::Seed;
use bulla_processor::Fuses;

use crate::charter::Charter;
use crate::platform::{Platform, PlatformName};
use crate::vendor::Vendor;

pub use error::StateError;
use file::Kind;

const STATE: &str = "vendor.state";
const SEED: &str = "seed.secret";
const PLATFORMS: &str = "platforms";
const LOCK: &str = "lock";

/// The 32 bytes that a vendor is founded with. They show nothing of themselves.
pub struct SeedSecret([u8; 32]);

impl SeedSecret {
    /// These bytes, which must be random for a vendor that anybody is to rely on.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Bytes that follow from a text: the same vendor again, for whoever knows the text.
    pub fn of_text(text: &str) -> Self {
        Self(bulla_pki::digest::sha256(text.as_bytes()))
    }

    fn seed(&self) -> Seed {
        Seed::new(self.0)
    }
}

/// The directory of a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDirectory(PathBuf);

/// Identifies what a directory held at some time: another value means that it changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(String);

impl StateDirectory {
    /// The vendor in this directory, if there is one.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Founds a vendor in this directory, which must be empty or not exist.
    pub fn found(&self, secret: &SeedSecret, charter: Charter) -> Result<Vendor, StateError> {
        let existed = self.0.exists();
        self.make_directory(&self.0)?;
        // Not even a lock is left in a directory that is somebody else's.
        self.check_empty()?;
        let lock = self.lock();
        if lock.is_err() && !existed {
            // Whoever holds the lock has it in there, so that the directory stays theirs.
            let _ = fs::remove_dir(&self.0);
        }
        let _lock = lock?;
        // Whoever had the lock before may have founded one.
        self.check_empty()?;
        let vendor = Vendor::new(secret.seed(), charter);
        let written = self.make_directory(&self.path(PLATFORMS)).and_then(|()| {
            file::write(
                &self.path(SEED),
                Kind::Seed,
                hex::encode(secret.0).as_bytes(),
            )?;
            self.write(&vendor)
        });
        if let Err(StateError::Unwritable { .. }) = written {
            self.clear(existed);
        }
        written?;
        Ok(vendor)
    }

    /// Reads the vendor. No lock is needed: changes appear at once.
    pub fn read(&self) -> Result<Vendor, StateError> {
        let path = self.path(STATE);
        let state = file::read(&path, Kind::State).map_err(|error| self.of_state(error))?;
        let seed_path = self.path(SEED);
        let mut seed = [0; 32];
        hex::decode_to_slice(file::read(&seed_path, Kind::Seed)?.trim_ascii(), &mut seed)
            .map_err(|_| StateError::malformed(&seed_path, "a seed has 64 hexadecimal digits"))?;
        let fuses = |name: &PlatformName| {
            let path = self.fuses_path(name);
            let text = String::from_utf8(file::read(&path, Kind::Fuses)?)
                .map_err(|_| StateError::malformed(&path, "fuses are text"))?;
            text.parse::<Fuses>()
                .map_err(|error| StateError::malformed(&path, error))
        };
        wire::read(&path, &state, &seed_path, Seed::new(seed), fuses)
    }

    /// Changes the vendor. Where `change` or the writing fails, the directory holds what it held.
    pub fn change<T, E: From<StateError>>(
        &self,
        change: impl FnOnce(&mut Vendor) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = match self.path(STATE).exists() {
            true => self.lock()?,
            false => return Err(StateError::NoVendor(self.0.clone()).into()),
        };
        let mut vendor = self.read()?;
        let known = vendor.platforms().len();
        let done = change(&mut vendor)?;
        let new = &vendor.platforms()[known..];
        let fuses = |platform: &Platform| self.fuses_path(platform.name());
        let written = new
            .iter()
            .try_for_each(|platform| {
                let content = platform.fuses().to_hex();
                file::write(&fuses(platform), Kind::Fuses, content.as_bytes())
            })
            .and_then(|()| self.write(&vendor));
        if let Err(StateError::Unwritable { .. }) = written {
            // The state knows nothing of these.
            for platform in new {
                let _ = fs::remove_file(fuses(platform));
            }
        }
        written?;
        Ok(done)
    }

    /// What the directory holds now, for [`Self::read`] to be called again when it changes.
    pub fn stamp(&self) -> Result<Stamp, StateError> {
        let header = file::header(&self.path(STATE));
        header.map(Stamp).map_err(|error| self.of_state(error))
    }

    /// Where the directory is.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    fn write(&self, vendor: &Vendor) -> Result<(), StateError> {
        file::write(&self.path(STATE), Kind::State, &wire::write(vendor))
    }

    /// Without a state there is no vendor, whatever else is there.
    fn of_state(&self, error: StateError) -> StateError {
        match error {
            StateError::FileMissing(_) => StateError::NoVendor(self.0.clone()),
            other => other,
        }
    }

    /// Whether there is nothing in the directory but the lock of whoever founds a vendor in it.
    fn check_empty(&self) -> Result<(), StateError> {
        let failed = |error| StateError::read(&self.0, error);
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            if entry.map_err(failed)?.file_name() != LOCK {
                return Err(match self.path(STATE).exists() {
                    true => StateError::VendorExists(self.0.clone()),
                    false => StateError::NotEmpty(self.0.clone()),
                });
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<Lock, StateError> {
        let path = self.path(LOCK);
        let file = file::private().truncate(false).open(&path);
        let file = file.map_err(|error| StateError::write(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(StateError::Locked(self.0.clone())),
            Err(TryLockError::Error(error)) => Err(StateError::write(&path, error)),
        }
    }

    fn make_directory(&self, path: &Path) -> Result<(), StateError> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other.map_err(|error| StateError::write(path, error)),
        }
    }

    /// Takes back what [`Self::found`] wrote before it failed, the lock last. What cannot be
    /// removed stays.
    fn clear(&self, existed: bool) {
        for file in [SEED, STATE] {
            let _ = fs::remove_file(self.path(file));
        }
        let _ = fs::remove_dir(self.path(PLATFORMS));
        let _ = fs::remove_file(self.path(LOCK));
        if !existed {
            let _ = fs::remove_dir(&self.0);
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn fuses_path(&self, name: &PlatformName) -> PathBuf {
        self.path(PLATFORMS).join(format!("{name}.fuses"))
    }
}

/// The lock while it is held.
struct Lock(File);

impl Drop for Lock {
    /// Closing the file is not enough: a process that is being started from another thread may
    /// have it open as well.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}
