//! Why a vendor's directory cannot be read or changed.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// Why a vendor's directory cannot be read or changed. Nothing was changed by what failed, except
/// by [`Self::Unsettled`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// There is no state in the directory.
    #[error(
        "{}: there is no vendor in this directory; `bulla vendor init` founds one",
        .0.display()
    )]
    NoVendor(PathBuf),
    /// Founding where a vendor is.
    #[error(
        "{}: there is a vendor in this directory already; take another directory, or remove this \
         one if the vendor is not needed any more",
        .0.display()
    )]
    VendorExists(PathBuf),
    /// Founding among other files.
    #[error("{}: a vendor needs a directory of its own; this one is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// Another process is at it.
    #[error(
        "{}: another process is changing this vendor; try again when it is done",
        .0.display()
    )]
    Locked(PathBuf),
    /// A file is missing beside a state that needs it.
    #[error("{}: this file is missing; bring it back from a copy of the directory", .0.display())]
    FileMissing(PathBuf),
    /// Others may read or write a file.
    #[error(
        "{}: others than its owner may use this file (mode {mode:03o}), and who has it can sign as \
         this vendor; `chmod 600` it, and found the vendor anew if anybody may have read it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not one of our files.
    #[error(
        "{}: this is not the {kind} of a simulated vendor; bring the right file back from a copy \
         of the directory",
        path.display()
    )]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What it should be.
        kind: &'static str,
    },
    /// Written by a bulla that knows more.
    #[error("{}: this file has format {found}, bulla knows {known}; use a newer bulla", path.display())]
    FormatUnknown {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: String,
        /// The format known.
        known: u32,
    },
    /// Changed or cut since it was written.
    #[error(
        "{}: this file was damaged since bulla wrote it (its checksum does not match); bring it \
         back from a copy of the directory",
        .0.display()
    )]
    Damaged(PathBuf),
    /// Undamaged, and yet nothing that bulla writes.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The files are of two vendors.
    #[error(
        "{}: this file belongs to another vendor or platform than the state beside it; bring the \
         right one back from a copy of the directory",
        .0.display()
    )]
    OfAnother(PathBuf),
    /// A file cannot be read.
    #[error("{}: this cannot be read: {source}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: this cannot be written, and nothing was changed: {source}", path.display())]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file was put in its place, and the disk does not confirm that it is there to stay.
    #[error(
        "{}: this was written, but may be lost with the next power failure: {source}; check the \
         disk",
        path.display()
    )]
    Unsettled {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StateError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::FileMissing(path),
            _ => Self::Unreadable { path, source },
        }
    }

    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Unwritable { path, source }
    }

    pub(super) fn malformed(path: &Path, reason: impl Display) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
