//! Evidence from the Linux kernel: configfs-tsm, for guests of TDX and SEV-SNP.
//!
//! An entry is a directory: `mkdir` makes its files, `rmdir` removes it with all of them. What is
//! written into `inblob` is signed at the next reading of `outblob`. Whoever may use the interface
//! may also write into the entry of another, so the kernel counts all writes in `generation`: where
//! it has counted more than our own, the evidence may carry the data of somebody else, and is
//! thrown away.

mod files;

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use crate::evidence::{
    Evidence, EvidenceError, EvidenceFormat, EvidenceProvider, REPORT_DATA_SIZE,
};

pub use files::{Files, SystemFiles};

/// Where the kernel has the interface.
pub const TSM_REPORTS: &str = "/sys/kernel/config/tsm/report";

/// Most bytes of a blob: what the kernel allows of TDX and SEV-SNP. Quotes have 5,000 to 16,000.
pub const MAX_BLOB_SIZE: usize = 32 * 1024;

/// How often an entry is tried. Each makes the firmware sign once, and firmware that is asked too
/// often answers nobody.
pub const ATTEMPTS: u32 = 4;

/// Most bytes of a word or number, with the end of its line.
const MAX_WORD_SIZE: usize = 64;

/// Time before another attempt.
const PAUSE: Duration = Duration::from_millis(50);

/// The provider of evidence that the kernel is.
#[derive(Clone, Debug)]
pub struct ConfigfsTsm<F = SystemFiles> {
    base: PathBuf,
    privilege_level: Option<u8>,
    files: F,
}

impl ConfigfsTsm {
    /// The interface at `base`, which is [`TSM_REPORTS`] on every Linux.
    pub fn at(base: impl Into<PathBuf>) -> Self {
        Self::over(base, SystemFiles)
    }
}

impl Default for ConfigfsTsm {
    fn default() -> Self {
        Self::at(TSM_REPORTS)
    }
}

impl<F: Files> ConfigfsTsm<F> {
    /// The same over another file system.
    pub fn over(base: impl Into<PathBuf>, files: F) -> Self {
        Self {
            base: base.into(),
            privilege_level: None,
            files,
        }
    }

    /// Asks for a report of a privilege level (VMPL, 0 to 3) of SEV-SNP, at or above the guest's
    /// own. Without it the level is the kernel's.
    pub fn with_privilege_level(mut self, level: u8) -> Self {
        self.privilege_level = Some(level);
        self
    }

    fn attempt(&self, report_data: &[u8; REPORT_DATA_SIZE]) -> Result<Evidence, Failure> {
        let entry = Entry::make(&self.files, &self.base)?;
        let collected = self.read(&entry, report_data);
        // The entry goes whatever came of it; what went wrong first is what is told.
        let removed = entry.remove();
        let evidence = collected?;
        removed?;
        Ok(evidence)
    }

    fn read(
        &self,
        entry: &Entry<'_, F>,
        report_data: &[u8; REPORT_DATA_SIZE],
    ) -> Result<Evidence, Failure> {
        let provider = entry.word("provider")?;
        let format = match provider.as_str() {
            "tdx_guest" => EvidenceFormat::DcapQuote,
            "sev_guest" => EvidenceFormat::SnpReport,
            _ => return Err(EvidenceError::ProviderUnknown { name: provider }.into()),
        };
        let mut writes = 0;
        if let Some(level) = self.privilege_level {
            entry.write("privlevel", level.to_string().as_bytes())?;
            writes += 1;
        }
        entry.expect_writes(writes, "privlevel")?;
        entry.write("inblob", report_data)?;
        writes += 1;
        entry.expect_writes(writes, "inblob")?;
        let bytes = entry.blob("outblob")?;
        if bytes.is_empty() {
            let path = entry.path.join("outblob");
            return Err(EvidenceError::Empty { path }.into());
        }
        // Without a write in between it belongs to the same report.
        let auxiliary = match format {
            EvidenceFormat::SnpReport => entry.blob("auxblob")?,
            EvidenceFormat::DcapQuote => Vec::new(),
        };
        entry.expect_writes(writes, "inblob")?;
        Ok(Evidence {
            format,
            bytes,
            auxiliary,
        })
    }
}

impl<F: Files> EvidenceProvider for ConfigfsTsm<F> {
    fn collect(&self, report_data: &[u8; REPORT_DATA_SIZE]) -> Result<Evidence, EvidenceError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failure = match self.attempt(report_data) {
                Ok(evidence) => return Ok(evidence),
                Err(Failure::Final(error)) => return Err(error),
                Err(failure) => failure,
            };
            if attempts == ATTEMPTS {
                return Err(failure.after(attempts));
            }
            thread::sleep(PAUSE);
        }
    }
}

/// What became of an attempt.
enum Failure {
    /// Another attempt would end likewise.
    Final(EvidenceError),
    Busy {
        path: PathBuf,
    },
    Interfered {
        path: PathBuf,
        expected: u64,
        found: u64,
    },
}

impl Failure {
    fn after(self, attempts: u32) -> EvidenceError {
        match self {
            Self::Final(error) => error,
            Self::Busy { path } => EvidenceError::Busy { path, attempts },
            Self::Interfered {
                path,
                expected,
                found,
            } => EvidenceError::Interfered {
                path,
                attempts,
                expected,
                found,
            },
        }
    }
}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Self {
        Self::Final(error)
    }
}

/// An entry of our own, which goes when this does.
struct Entry<'a, F: Files> {
    files: &'a F,
    path: PathBuf,
    is_there: bool,
}

impl<'a, F: Files> Entry<'a, F> {
    fn make(files: &'a F, base: &Path) -> Result<Self, Failure> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| EvidenceError::Random {
            reason: error.to_string(),
        })?;
        let name = format!(
            "bulla-{}-{:016x}",
            std::process::id(),
            u64::from_ne_bytes(random)
        );
        let path = base.join(name);
        files.make_directory(&path).map_err(|source| {
            let path = base.to_owned();
            match Errno::from_io_error(&source) {
                Some(Errno::NOENT | Errno::NOTDIR) => EvidenceError::NoInterface { path }.into(),
                Some(Errno::NXIO) => EvidenceError::NoProvider { path }.into(),
                _ => explained(path, source),
            }
        })?;
        Ok(Self {
            files,
            path,
            is_there: true,
        })
    }

    /// Writes a file at once: the kernel takes what was written when the file is closed.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let path = self.path.join(name);
        let written = self.files.write(&path, content);
        written.map_err(|source| explained(path, source))
    }

    fn blob(&self, name: &str) -> Result<Vec<u8>, Failure> {
        self.content(name, MAX_BLOB_SIZE)
    }

    fn word(&self, name: &str) -> Result<String, Failure> {
        let content = self.content(name, MAX_WORD_SIZE)?;
        Ok(String::from_utf8_lossy(&content).trim_end().to_owned())
    }

    fn content(&self, name: &str, limit: usize) -> Result<Vec<u8>, Failure> {
        let path = self.path.join(name);
        match self.files.read(&path, limit) {
            Ok(content) if content.len() > limit => {
                Err(EvidenceError::TooLarge { path, limit }.into())
            }
            Ok(content) => Ok(content),
            Err(source) => Err(explained(path, source)),
        }
    }

    /// Compares the kernel's count with the writes that were ours, the last of them to `written`.
    fn expect_writes(&self, expected: u64, written: &str) -> Result<(), Failure> {
        let text = self.word("generation")?;
        let found: u64 = text.parse().map_err(|_| EvidenceError::Malformed {
            path: self.path.join("generation"),
            text: text.clone(),
        })?;
        match found {
            _ if found == expected => Ok(()),
            _ if found < expected => Err(EvidenceError::NotTaken {
                path: self.path.join(written),
            }
            .into()),
            _ => Err(Failure::Interfered {
                path: self.path.clone(),
                expected,
                found,
            }),
        }
    }

    fn remove(mut self) -> Result<(), Failure> {
        self.is_there = false;
        match self.files.remove_directory(&self.path) {
            // Somebody else removed it; it is gone.
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => {
                let path = self.path.clone();
                Err(EvidenceError::Io { path, source }.into())
            }
            Ok(()) => Ok(()),
        }
    }
}

impl<F: Files> Drop for Entry<'_, F> {
    fn drop(&mut self) {
        if self.is_there {
            // Only on the way out of a panic; nobody is left to be told.
            let _ = self.files.remove_directory(&self.path);
        }
    }
}

/// What an error of the kernel means here.
fn explained(path: PathBuf, source: io::Error) -> Failure {
    let error = match Errno::from_io_error(&source) {
        // EINTR and EAGAIN: another user's question was in the way.
        Some(Errno::BUSY | Errno::INTR | Errno::AGAIN) => return Failure::Busy { path },
        Some(Errno::ACCESS | Errno::PERM) => EvidenceError::NotPermitted { path },
        Some(Errno::INVAL) => EvidenceError::Refused { path, source },
        Some(Errno::TIMEDOUT) => EvidenceError::Throttled { path },
        Some(Errno::NOTTY | Errno::NXIO) => EvidenceError::Unusable { path },
        Some(Errno::FBIG) => EvidenceError::TooLarge {
            path,
            limit: MAX_BLOB_SIZE,
        },
        _ => EvidenceError::Io { path, source },
    };
    Failure::Final(error)
}
