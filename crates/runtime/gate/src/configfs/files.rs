//! The calls of a file system that the interface is used with, and no others.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// A file system, or what stands in for one.
pub trait Files: Send + Sync {
    /// `mkdir`.
    fn make_directory(&self, path: &Path) -> io::Result<()>;

    /// Opens a file that exists, writes `content` by a single `write`, closes it.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()>;

    /// Opens a file and reads it to its end, but at most one byte more than `limit`.
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>>;

    /// `rmdir`. Files inside are not removed one by one: the kernel does not allow it.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;
}

/// The file system of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        match file.write(content)? {
            written if written == content.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut content = Vec::new();
        File::open(path)?.take(limit).read_to_end(&mut content)?;
        Ok(content)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn directory(name: &str) -> std::path::PathBuf {
        let name = format!("bulla-gate-files-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        SystemFiles.make_directory(&path).unwrap();
        path
    }

    #[test]
    fn writing_makes_no_file_and_leaves_what_was_not_overwritten() {
        let directory = directory("write");
        let path = directory.join("inblob");
        let missing = SystemFiles.write(&path, b"x").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        fs::write(&path, b"abc").unwrap();
        SystemFiles.write(&path, b"x").unwrap();
        assert_eq!(SystemFiles.read(&path, 64).unwrap(), b"xbc");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn reading_stops_one_byte_behind_the_limit() {
        let directory = directory("read");
        let path = directory.join("outblob");
        fs::write(&path, [7; 100]).unwrap();
        assert_eq!(SystemFiles.read(&path, 100).unwrap().len(), 100);
        assert_eq!(SystemFiles.read(&path, 99).unwrap().len(), 100);
        assert_eq!(SystemFiles.read(&path, 10).unwrap().len(), 11);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn an_entry_with_files_is_not_emptied() {
        let directory = directory("remove");
        fs::write(directory.join("inblob"), b"").unwrap();
        assert!(SystemFiles.remove_directory(&directory).is_err());
        assert!(directory.join("inblob").exists());
        fs::remove_dir_all(directory).unwrap();
    }
}
