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
