//! Files with secrets. A secret never stands in a configuration, which is read and copied by many.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::input;

/// Largest file with a secret on one line: the longest header that a key could stand in.
const MAX_SIZE: usize = 16 * 1024;

/// Refuses a file that everybody on the machine may read or write.
pub(crate) fn check(what: &'static str, path: &Path) -> Result<()> {
    let metadata =
        std::fs::metadata(path).map_err(|source| input::unreadable(what, path, source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o007 != 0 {
        let path = path.to_owned();
        return Err(Error::SecretReadable { what, path, mode });
    }
    Ok(())
}

/// The one line of such a file, without white space around it.
pub(crate) fn read_line(what: &'static str, path: &Path) -> Result<String> {
    let bytes = input::read(what, path, MAX_SIZE)?;
    check(what, path)?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let line = text.trim();
    if line.is_empty() || line.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Error::SecretMalformed {
            what,
            path: path.to_owned(),
        });
    }
    Ok(line.to_owned())
}
