//! Files that only their owner may read, and that are whole under their name or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that is begun: whoever must not fail at the end finds out here whether it can be written.
pub(crate) struct PrivateFile {
    path: PathBuf,
    beside: PathBuf,
    file: File,
}

impl PrivateFile {
    /// Begins a file beside the path; nothing is under the path itself yet.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let beside = PathBuf::from(name);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let file = options
            .open(&beside)
            .map_err(|source| unwritable(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            file,
        })
    }

    /// Writes it, and puts it under its path in place of what was there.
    pub(crate) fn finish(mut self, bytes: &[u8]) -> Result<()> {
        let mut written = || -> io::Result<()> {
            self.file.write_all(bytes)?;
            self.file.sync_all()?;
            fs::rename(&self.beside, &self.path)
        };
        written().map_err(|source| unwritable(&self.path, source))
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // Under its path it is no longer here.
        let _ = fs::remove_file(&self.beside);
    }
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::FileUnwritable {
        path: path.to_owned(),
        source,
    }
}
