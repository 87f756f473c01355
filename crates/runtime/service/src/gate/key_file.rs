//! The key under which secrets and signing keys are sealed: in a file of its own, never in the
//! store or a backup of it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bulla_pki::SealingKey;
use bulla_pki::seal::{KEY_SIZE, SealError};
use zeroize::Zeroizing;

/// The file beside the store, where no other is named.
pub const FILE: &str = "gate-key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It is named and not there.
    #[error(
        "{}: there is no file with the gate's key; put it back, or name another by `gate.key_file`",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may use it.
    #[error("{} can be used by others than its owner (mode {mode:o}): `chmod 600`", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It cannot be read or written.
    #[error("{}: the gate's key cannot be {what}: {source}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Read or written.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what was written there.
    #[error("{} holds no key of 64 hexadecimal digits", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to make a key from.
    #[error(transparent)]
    Random(#[from] SealError),
}

/// The key, and where its owner finds it.
pub(super) struct KeyFile {
    pub(super) key: SealingKey,
    pub(super) file: PathBuf,
    pub(super) is_new: bool,
}

/// Reads the key that is named.
pub(super) fn read(path: &Path) -> Result<KeyFile, KeyFileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = path.to_owned();
            return Err(KeyFileError::Missing { path });
        }
        Err(source) => return Err(unusable(path, "read", source)),
    };
    check(path)?;
    let mut key = Zeroizing::new([0; KEY_SIZE]);
    hex::decode_to_slice(text.trim(), &mut *key).map_err(|_| KeyFileError::Malformed {
        path: path.to_owned(),
    })?;
    Ok(KeyFile {
        key: SealingKey::from_bytes(&key),
        file: path.to_owned(),
        is_new: false,
    })
}

/// Refuses a file that others than its owner may use.
pub fn check(path: &Path) -> Result<(), KeyFileError> {
    let metadata = fs::metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing {
            path: path.to_owned(),
        },
        _ => unusable(path, "read", source),
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(KeyFileError::Exposed {
            path: path.to_owned(),
            mode,
        }),
    }
}

/// Makes a key, where nothing may be. It is whole under its name or not there at all.
pub(super) fn make(path: &Path) -> Result<KeyFile, KeyFileError> {
    let key = SealingKey::generate()?;
    let digits = Zeroizing::new(hex::encode(key.expose()));
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let written = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(digits.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        // Unlike a rename this never takes the place of another.
        fs::hard_link(&beside, path)?;
        fs::remove_file(&beside)?;
        sync_directory(path)
    };
    written().map_err(|source| {
        let _left_over = fs::remove_file(&beside);
        unusable(path, "written", source)
    })?;
    Ok(KeyFile {
        key,
        file: path.to_owned(),
        is_new: true,
    })
}

/// What is sealed must not outlive the key in a power failure.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn unusable(path: &Path, what: &'static str, source: io::Error) -> KeyFileError {
    KeyFileError::Unusable {
        path: path.to_owned(),
        what,
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    /// A directory that is gone with the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("bulla-gate-key-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_key_that_was_made_is_read_again_and_never_made_over() {
        let directory = Directory::new("made");
        let path = directory.0.join(FILE);
        let made = make(&path).unwrap();
        let sealed = made.key.seal(b"", b"text").unwrap();
        let again = read(&path).unwrap();
        assert!(made.is_new && !again.is_new);
        assert_eq!(again.key.open(b"", &sealed).unwrap().as_slice(), b"text");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(make(&path), Err(KeyFileError::Unusable { .. })));
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_missing_open_to_others_or_no_key_is_refused() {
        let directory = Directory::new("refused");
        let path = directory.0.join(FILE);
        let refused = || read(&path).err().unwrap();
        assert!(matches!(refused(), KeyFileError::Missing { .. }));
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66)] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert!(
                matches!(refused(), KeyFileError::Malformed { .. }),
                "{text}"
            );
        }
        fs::write(&path, "0".repeat(64)).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(refused(), KeyFileError::Exposed { .. }));
        }
    }
}
