//! Files that only their owner may read, and that are whole under their name or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
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
        // What is there already, left behind or laid out by somebody else, may be open to others.
        match fs::remove_file(&beside) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(unwritable(path, source));
            }
            _ => {}
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let file = options
            .open(&beside)
            .map_err(|source| unwritable(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            file,
        })
    }

    /// Where it is until it is finished.
    pub(crate) fn beside(&self) -> &Path {
        &self.beside
    }

    /// Writes a piece of it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| unwritable(&self.path, source))
    }

    /// Writes the rest of it, and puts it under its path in place of what was there.
    pub(crate) fn finish(mut self, bytes: &[u8]) -> Result<()> {
        let mut written = || -> io::Result<()> {
            self.file.write_all(bytes)?;
            self.file.sync_all()?;
            if !self.is_own()? {
                return Err(io::Error::other("another command writes the same file"));
            }
            fs::rename(&self.beside, &self.path)
        };
        written().map_err(|source| unwritable(&self.path, source))
    }

    /// Whether what lies beside the path is what was begun here.
    fn is_own(&self) -> io::Result<bool> {
        let (own, there) = (self.file.metadata()?, fs::symlink_metadata(&self.beside)?);
        Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // Under its path it is no longer here.
        if self.is_own().unwrap_or(false) {
            let _ = fs::remove_file(&self.beside);
        }
    }
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::FileUnwritable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_lies_there_already_is_neither_followed_nor_kept() {
        let folder = std::env::temp_dir().join(format!("bulla-private-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a directory");
        let [path, beside, elsewhere] =
            ["file", "file.part", "elsewhere"].map(|name| folder.join(name));
        fs::write(&elsewhere, "other").expect("a file");
        symlink(&elsewhere, &beside).expect("a link");
        let begun = PrivateFile::begin(&path).expect("begun");
        begun.finish(b"one").expect("written");
        assert_eq!(fs::read(&elsewhere).expect("a file"), b"other");

        fs::write(&beside, "left behind").expect("a file");
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)).expect("permissions");
        let begun = PrivateFile::begin(&path).expect("begun");
        begun.finish(b"two").expect("written");
        assert_eq!(fs::read(&path).expect("a file"), b"two");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!beside.exists());

        let overtaken = PrivateFile::begin(&path).expect("begun");
        let mut later = PrivateFile::begin(&path).expect("begun");
        later.write(b"half ").expect("written");
        assert!(overtaken.finish(b"three").is_err());
        assert_eq!(fs::read(&path).expect("a file"), b"two");
        later.finish(b"and whole").expect("written");
        assert_eq!(fs::read(&path).expect("a file"), b"half and whole");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
