//! Evidence from Gramine, which runs programs in enclaves of SGX: `/dev/attestation`.
//!
//! What is written into `user_report_data` is what the enclave reports at the next opening of
//! `quote`. The files are the process's own, and nothing orders its threads: whoever writes there in
//! between has his data quoted. So a quote that carries other data is thrown away, as is a quote of
//! another scheme than DCAP.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

use crate::configfs::{ATTEMPTS, Files, MAX_BLOB_SIZE, SystemFiles};
use crate::evidence::{
    Evidence, EvidenceError, EvidenceFormat, EvidenceProvider, REPORT_DATA_SIZE,
};

/// Where Gramine has the interface.
pub const GRAMINE_ATTESTATION: &str = "/dev/attestation";

/// Where a quote of SGX has its report data: the last bytes of the report body of 384, behind a
/// header of 48.
const REPORT_DATA: std::ops::Range<usize> = 368..432;

/// The one scheme whose quotes a gate takes.
const DCAP: &str = "dcap";

/// Most bytes of the name of a scheme.
const MAX_WORD_SIZE: usize = 64;

/// Held from writing the data to reading the quote, by all providers of this process.
static ASKING: Mutex<()> = Mutex::new(());

/// The provider of evidence that Gramine is, for a program inside.
#[derive(Clone, Debug)]
pub struct Gramine<F = SystemFiles> {
    base: PathBuf,
    files: F,
}

impl Gramine {
    /// The interface at `base`, which is [`GRAMINE_ATTESTATION`] in every enclave of Gramine.
    pub fn at(base: impl Into<PathBuf>) -> Self {
        Self::over(base, SystemFiles)
    }
}

impl Default for Gramine {
    fn default() -> Self {
        Self::at(GRAMINE_ATTESTATION)
    }
}

impl<F: Files> Gramine<F> {
    /// The same over another file system.
    pub fn over(base: impl Into<PathBuf>, files: F) -> Self {
        Self {
            base: base.into(),
            files,
        }
    }

    fn check_scheme(&self) -> Result<(), EvidenceError> {
        let path = self.base.join("attestation_type");
        let scheme = self.files.read(&path, MAX_WORD_SIZE);
        let scheme = scheme.map_err(|source| explained(&self.base, &path, source))?;
        let name = String::from_utf8_lossy(&scheme).trim_end().to_owned();
        match name == DCAP {
            true => Ok(()),
            false => Err(EvidenceError::SchemeUnknown { path, name }),
        }
    }

    fn quote(&self, report_data: &[u8; REPORT_DATA_SIZE]) -> Result<Vec<u8>, EvidenceError> {
        let explained = |path: &Path, source| explained(&self.base, path, source);
        let path = self.base.join("user_report_data");
        let written = self.files.write(&path, report_data);
        written.map_err(|source| explained(&path, source))?;
        let path = self.base.join("quote");
        let quote = self.files.read(&path, MAX_BLOB_SIZE);
        match quote.map_err(|source| explained(&path, source))? {
            quote if quote.is_empty() => Err(EvidenceError::Empty { path }),
            quote if quote.len() > MAX_BLOB_SIZE => Err(EvidenceError::TooLarge {
                path,
                limit: MAX_BLOB_SIZE,
            }),
            quote => Ok(quote),
        }
    }
}

impl<F: Files> EvidenceProvider for Gramine<F> {
    fn collect(&self, report_data: &[u8; REPORT_DATA_SIZE]) -> Result<Evidence, EvidenceError> {
        // Whoever panicked while it was held has left nothing half done here.
        let _alone = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_scheme()?;
        for _ in 0..ATTEMPTS {
            let quote = self.quote(report_data)?;
            if quote.get(REPORT_DATA) == Some(report_data) {
                return Ok(Evidence {
                    format: EvidenceFormat::DcapQuote,
                    bytes: quote,
                    auxiliary: Vec::new(),
                });
            }
        }
        Err(EvidenceError::OtherData {
            path: self.base.join("quote"),
            attempts: ATTEMPTS,
        })
    }
}

/// What an error means here. Gramine says "not permitted" for whatever fails behind its files.
fn explained(base: &Path, path: &Path, source: io::Error) -> EvidenceError {
    let path = path.to_owned();
    match Errno::from_io_error(&source) {
        Some(Errno::NOENT | Errno::NOTDIR) => EvidenceError::NoGramine {
            path: base.to_owned(),
        },
        Some(Errno::ACCESS) => EvidenceError::Refused { path, source },
        _ => EvidenceError::Io { path, source },
    }
}
