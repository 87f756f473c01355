//! Reading files, never more than they may have.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bulla_appraisal::PolicyError;

use crate::error::{Error, Result};

/// Largest file of a collateral set, and largest set in one file: as
/// [`bulla_collateral::MAX_SET_SIZE`].
pub(crate) const MAX_COLLATERAL_SIZE: usize = bulla_collateral::MAX_SET_SIZE;

/// Largest file of rules. A policy that lists a thousand measurements has 100 KB.
const MAX_RULES_SIZE: usize = 1024 * 1024;

/// Largest file with a certificate: one of [`bulla_pki::certificate::MAX_CERTIFICATE_SIZE`] in
/// PEM, twice.
pub(crate) const MAX_ROOT_SIZE: usize = 4 * bulla_pki::certificate::MAX_CERTIFICATE_SIZE;

/// How much of a file is looked at to tell what it is.
const PEEK_SIZE: usize = 64 * 1024;

/// Whether standard input was opened: it can be read once.
static STANDARD_INPUT_TAKEN: AtomicBool = AtomicBool::new(false);

/// A file or standard input, opened and not yet read.
pub(crate) struct Source {
    what: &'static str,
    path: PathBuf,
    size: Option<u64>,
    reader: BufReader<Box<dyn Read>>,
}

impl Source {
    /// Opens the file that holds the `what`; `-` is standard input.
    pub(crate) fn open(what: &'static str, path: &Path) -> Result<Self> {
        let (size, reader): (_, Box<dyn Read>) = if path == Path::new("-") {
            if STANDARD_INPUT_TAKEN.swap(true, Ordering::Relaxed) {
                return Err(Error::StandardInputTaken { what });
            }
            (None, Box::new(io::stdin()))
        } else {
            let file = open_file(what, path)?;
            let metadata = file.metadata().map_err(|e| unreadable(what, path, e))?;
            if metadata.is_dir() {
                let path = path.to_owned();
                return Err(Error::FileIsDirectory { what, path });
            }
            (metadata.is_file().then_some(metadata.len()), Box::new(file))
        };
        Ok(Self {
            what,
            path: path.to_owned(),
            size,
            reader: BufReader::with_capacity(PEEK_SIZE, reader),
        })
    }

    /// The first bytes, which stay to be read.
    pub(crate) fn peek(&mut self) -> Result<&[u8]> {
        let (what, path) = (self.what, &self.path);
        self.reader
            .fill_buf()
            .map_err(|e| unreadable(what, path, e))
    }

    /// Reads all of it: at least one byte that is no white space, at most `limit` bytes.
    ///
    /// What the file system calls too large is refused unread; devices and pipes are read up to
    /// the limit.
    pub(crate) fn read_all(self, limit: usize) -> Result<Vec<u8>> {
        let Self { what, path, .. } = self;
        let ceiling = u64::try_from(limit).unwrap_or(u64::MAX);
        if self.size.is_some_and(|size| size > ceiling) {
            return Err(Error::InputTooLarge { what, path, limit });
        }
        let mut bytes = Vec::new();
        self.reader
            .take(ceiling.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(what, &path, error))?;
        if bytes.len() > limit {
            return Err(Error::InputTooLarge { what, path, limit });
        }
        if bytes.trim_ascii().is_empty() {
            return Err(Error::InputEmpty { what, path });
        }
        Ok(bytes)
    }

    /// How many bytes the file system says that there are; absent for devices and pipes.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Gives the reader away, for whoever reads it piece by piece.
    pub(crate) fn into_reader(self) -> BufReader<Box<dyn Read>> {
        self.reader
    }
}

/// Reads the file that holds the `what`.
pub(crate) fn read(what: &'static str, path: &Path, limit: usize) -> Result<Vec<u8>> {
    Source::open(what, path)?.read_all(limit)
}

/// As [`read`], of a file that may say nothing.
pub(crate) fn read_or_empty(what: &'static str, path: &Path, limit: usize) -> Result<Vec<u8>> {
    match read(what, path, limit) {
        Err(Error::InputEmpty { .. }) => Ok(Vec::new()),
        read => read,
    }
}

/// What an owner writes down in TOML, and evidence is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    Policy,
    Baseline,
    Plan,
}

impl Rules {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Baseline => "baseline",
            Self::Plan => "plan",
        }
    }

    /// Reads the text of a file of them.
    pub(crate) fn read(self, path: &Path) -> Result<String> {
        self.text(path, read(self.as_str(), path, MAX_RULES_SIZE)?)
    }

    /// As [`Self::read`], of a file that may say nothing.
    pub(crate) fn read_or_empty(self, path: &Path) -> Result<String> {
        self.text(path, read_or_empty(self.as_str(), path, MAX_RULES_SIZE)?)
    }

    fn text(self, path: &Path, bytes: Vec<u8>) -> Result<String> {
        String::from_utf8(bytes).map_err(|error| Error::RulesNotText {
            what: self,
            path: path.to_owned(),
            offset: error.utf8_error().valid_up_to(),
        })
    }

    /// What was made of the text, or what is wrong with the file that it stands in.
    pub(crate) fn made<T>(
        self,
        path: &Path,
        made: std::result::Result<T, PolicyError>,
    ) -> Result<T> {
        made.map_err(|source| Error::RulesMalformed {
            what: self,
            path: path.to_owned(),
            source,
        })
    }
}

/// Whether the path is a directory; `false` where there is nothing.
pub(crate) fn is_directory(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

fn open_file(what: &'static str, path: &Path) -> Result<File> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::FileNotFound {
            what,
            path: path.to_owned(),
        },
        _ => unreadable(what, path, error),
    })
}

pub(crate) fn unreadable(what: &'static str, path: &Path, source: io::Error) -> Error {
    Error::FileUnreadable {
        what,
        path: path.to_owned(),
        source,
    }
}
