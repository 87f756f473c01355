//! The token of whoever administrates the service on its own machine, where no other was set.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bulla_pki::digest::sha512;
use zeroize::Zeroizing;

use crate::http::{Token, TokenError};

/// The file in the directory of the store.
pub const FILE: &str = "administrator-token";

/// The name of the token in logs and in the audit.
const NAME: &str = "local";

/// Bytes of a token: as many as guessing can never reach.
const SIZE: usize = 32;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalTokenError {
    /// Others than the owner may read it.
    #[error(
        "{} can be used by others than its owner (mode {mode:o}): remove it for a new one, and set \
         nothing but `chmod 600` on that",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It cannot be read or written.
    #[error("{}: the administrator's token cannot be {what}: {source}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Read or written.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what was written there.
    #[error("{} holds no token of 64 hexadecimal digits: remove it for a new one", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to make a token from.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
    /// The hash cannot be used.
    #[error(transparent)]
    Hash(#[from] TokenError),
}

/// The token, and where its owner finds it.
pub(super) struct LocalToken {
    pub(super) token: Token,
    pub(super) file: PathBuf,
    pub(super) is_new: bool,
}

/// Reads the token in the directory of the store, or makes one.
pub(super) fn take(directory: &Path) -> Result<LocalToken, LocalTokenError> {
    let path = directory.join(FILE);
    let (digits, is_new) = match fs::read_to_string(&path) {
        Ok(text) => (read(&path, Zeroizing::new(text))?, false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (make(&path)?, true),
        Err(source) => return Err(unusable(&path, "read", source)),
    };
    Ok(LocalToken {
        token: Token::new(NAME, &hex::encode(sha512(digits.as_bytes())))?,
        file: path,
        is_new,
    })
}

fn read(path: &Path, text: Zeroizing<String>) -> Result<Zeroizing<String>, LocalTokenError> {
    let metadata = fs::metadata(path).map_err(|source| unusable(path, "read", source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(LocalTokenError::Exposed { path, mode });
    }
    let digits = Zeroizing::new(text.trim().to_owned());
    let is_token = digits.len() == 2 * SIZE && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_token {
        true => Ok(digits),
        false => Err(LocalTokenError::Malformed {
            path: path.to_owned(),
        }),
    }
}

/// Makes a token. It is whole under its name or not there at all.
fn make(path: &Path) -> Result<Zeroizing<String>, LocalTokenError> {
    let mut bytes = Zeroizing::new([0; SIZE]);
    getrandom::fill(&mut *bytes).map_err(|error| LocalTokenError::Random(error.to_string()))?;
    let digits = Zeroizing::new(hex::encode(*bytes));
    let beside = path.with_extension("new");
    let written = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        // One that was left behind may have had others.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(format!("{}\n", *digits).as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(|source| unusable(path, "written", source))?;
    Ok(digits)
}

fn unusable(path: &Path, what: &'static str, source: io::Error) -> LocalTokenError {
    LocalTokenError::Unusable {
        path: path.to_owned(),
        what,
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::http::{Metrics, Role, Tokens};

    /// A directory that is gone with the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("bulla-token-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, text: &str, mode: u32) {
            let path = self.0.join(FILE);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_token_is_made_once_and_lets_its_owner_in() {
        let directory = Directory::new("made");
        // Left behind by a start that was cut off.
        fs::write(directory.0.join("administrator-token.new"), "half").unwrap();
        let first = take(&directory.0).unwrap();
        let second = take(&directory.0).unwrap();
        assert!(first.is_new && !second.is_new);
        assert!(first.token == second.token);
        let mode = fs::metadata(&first.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let presented = fs::read_to_string(&first.file).unwrap();
        let metrics = Arc::new(Metrics::new("0", false));
        let tokens = Tokens::new(vec![], vec![second.token], metrics, |_| {});
        let presented = Some(presented.trim().as_bytes());
        let now = Instant::now();
        assert!(
            tokens
                .check(Role::Administrator, presented, None, now)
                .is_ok()
        );
        assert!(tokens.check(Role::User, presented, None, now).is_err());
    }

    #[test]
    fn a_file_with_something_else_or_open_to_others_is_refused() {
        let directory = Directory::new("refused");
        for text in ["", "secret", &"ab".repeat(31), &"zz".repeat(32)] {
            directory.write(text, 0o600);
            let error = take(&directory.0).err().unwrap();
            assert!(
                matches!(error, LocalTokenError::Malformed { .. }),
                "{error}"
            );
            assert!(
                text.is_empty() || !error.to_string().contains(text),
                "{error}"
            );
        }
        for mode in [0o640, 0o604, 0o620] {
            directory.write(&"ab".repeat(32), mode);
            let error = take(&directory.0).err().unwrap();
            assert!(matches!(error, LocalTokenError::Exposed { .. }), "{error}");
        }
        let nowhere = take(&directory.0.join("nowhere")).err().unwrap();
        assert!(
            matches!(nowhere, LocalTokenError::Unusable { .. }),
            "{nowhere}"
        );
    }
}
