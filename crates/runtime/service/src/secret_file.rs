//! Secrets of 32 random bytes, each in a file of its own that nobody but its owner may use.
//!
//! Such a file holds 64 hexadecimal digits and the end of their line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Bytes of a secret: as many as guessing can never reach.
pub(crate) const SIZE: usize = 32;

/// Most bytes of a file that are read: the digits, with room for blanks.
const MOST_READ: u64 = 128;

/// What is kept in such a file, and what to do about a file that will not do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// As `the gate's key`.
    pub(crate) what: &'static str,
    pub(crate) if_missing: &'static str,
    pub(crate) if_exposed: &'static str,
    pub(crate) if_malformed: &'static str,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// There is no file.
    #[error("{}: there is no file with {what}: {remedy}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is kept in it.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Others than the owner may use it.
    #[error("{} can be used by others than its owner (mode {mode:o}): {remedy}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// What to do.
        remedy: &'static str,
    },
    /// It cannot be read.
    #[error("{}: {what} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is kept in it.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("{}: {what} cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What is kept in it.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what was written there.
    #[error("{} does not hold {what}, 64 hexadecimal digits: {remedy}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is kept in it.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// There is nothing to make a secret from.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
}

impl Kind {
    /// The digits in the file.
    pub(crate) fn read(self, path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
        let file = self.open(path)?;
        let mut text = Zeroizing::new(Vec::with_capacity(MOST_READ as usize));
        file.take(MOST_READ)
            .read_to_end(&mut text)
            .map_err(|source| self.unreadable(path, source))?;
        let digits = text.trim_ascii();
        let is_secret = digits.len() == 2 * SIZE && digits.iter().all(u8::is_ascii_hexdigit);
        match str::from_utf8(digits) {
            Ok(digits) if is_secret => Ok(Zeroizing::new(digits.to_owned())),
            _ => Err(SecretFileError::Malformed {
                path: path.to_owned(),
                what: self.what,
                remedy: self.if_malformed,
            }),
        }
    }

    /// Opens the file, unless others than its owner may use it.
    pub(crate) fn open(self, path: &Path) -> Result<File, SecretFileError> {
        let file = File::open(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => SecretFileError::Missing {
                path: path.to_owned(),
                what: self.what,
                remedy: self.if_missing,
            },
            _ => self.unreadable(path, source),
        })?;
        let metadata = file.metadata();
        let metadata = metadata.map_err(|source| self.unreadable(path, source))?;
        let mode = metadata.permissions().mode() & 0o7777;
        match mode & 0o077 {
            0 => Ok(file),
            _ => Err(SecretFileError::Exposed {
                path: path.to_owned(),
                mode,
                remedy: self.if_exposed,
            }),
        }
    }

    /// Makes a secret, where no file may be. The file is whole under its name or not there at all.
    pub(crate) fn make(self, path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
        let mut bytes = Zeroizing::new([0; SIZE]);
        getrandom::fill(&mut *bytes).map_err(|error| SecretFileError::Random(error.to_string()))?;
        let digits = Zeroizing::new(hex::encode(*bytes));
        let beside = path.with_extension(format!("new-{}", std::process::id()));
        // Left behind by a process of the same number that was cut off.
        let _nothing_there = fs::remove_file(&beside);
        let written = write(&digits, &beside, path);
        written.map_err(|source| {
            let _never_made = fs::remove_file(&beside);
            SecretFileError::Unwritable {
                path: path.to_owned(),
                what: self.what,
                source,
            }
        })?;
        Ok(digits)
    }

    fn unreadable(self, path: &Path, source: io::Error) -> SecretFileError {
        SecretFileError::Unreadable {
            path: path.to_owned(),
            what: self.what,
            source,
        }
    }
}

fn write(digits: &str, beside: &Path, path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    file.write_all(digits.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // Unlike a rename this never takes the place of another.
    fs::hard_link(beside, path)?;
    fs::remove_file(beside)?;
    sync_directory(path)
}

/// What rests on the secret must not outlive it in a power failure.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    const KIND: Kind = Kind {
        what: "the key of a test",
        if_missing: "put it back",
        if_exposed: "hide it",
        if_malformed: "make another",
    };

    /// A directory that is gone with the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("bulla-secret-file-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
            let path = self.0.join("secret");
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_secret_that_was_made_is_read_again_and_never_made_over() {
        let directory = Directory::new("made");
        let path = directory.0.join("secret");
        // Left behind by a start that was cut off, and in the way of nothing.
        let beside = path.with_extension(format!("new-{}", std::process::id()));
        fs::write(beside, "half").unwrap();
        let made = KIND.make(&path).unwrap();
        assert_eq!(KIND.read(&path).unwrap(), made);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let again = KIND.make(&path);
        assert!(matches!(again, Err(SecretFileError::Unwritable { .. })));
        assert_eq!(KIND.read(&path).unwrap(), made);
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);
        let other = KIND.make(&directory.0.join("other")).unwrap();
        assert_ne!(other, made);
    }

    #[test]
    fn a_file_that_is_missing_open_to_others_or_no_secret_is_refused() {
        let directory = Directory::new("refused");
        let nowhere = directory.0.join("nowhere");
        let missing = KIND.read(&nowhere);
        assert!(matches!(missing, Err(SecretFileError::Missing { .. })));
        let nowhere = KIND.make(&nowhere.join("secret"));
        assert!(matches!(nowhere, Err(SecretFileError::Unwritable { .. })));
        let no_file = fs::set_permissions(&directory.0, Permissions::from_mode(0o700));
        no_file.unwrap();
        let no_file = KIND.read(&directory.0);
        assert!(matches!(no_file, Err(SecretFileError::Unreadable { .. })));
        for text in [
            b"".as_slice(),
            b"secret",
            &b"0".repeat(63),
            &b"g".repeat(64),
            &b"0".repeat(66),
            &b"\xff".repeat(64),
            &[b"0".repeat(64), b" ".repeat(63), b"0".to_vec()].concat(),
        ] {
            let path = directory.write(text, 0o600);
            let error = KIND.read(&path).unwrap_err();
            assert!(
                matches!(error, SecretFileError::Malformed { .. }),
                "{error}"
            );
            let told = error.to_string();
            assert!(
                !told.contains("secret\n") && told.ends_with("make another"),
                "{told}"
            );
        }
        for mode in [0o640, 0o604, 0o620] {
            let path = directory.write("0".repeat(64), mode);
            let error = KIND.read(&path).unwrap_err();
            assert!(matches!(error, SecretFileError::Exposed { .. }), "{error}");
            assert!(KIND.open(&path).is_err());
        }
    }
}
