//! What a platform says about itself, and whoever has it say so.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Bytes that the evidence carries for the attester.
pub const REPORT_DATA_SIZE: usize = 64;

/// Something that has the platform sign who it is, together with data of the asker.
///
/// Collecting takes milliseconds as a rule, and up to a minute where the platform is asked by many:
/// it blocks, and is called where blocking is allowed.
pub trait EvidenceProvider: Send + Sync {
    /// Evidence that carries exactly `report_data`.
    fn collect(&self, report_data: &[u8; REPORT_DATA_SIZE]) -> Result<Evidence, EvidenceError>;
}

/// What kind of evidence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvidenceFormat {
    /// A quote of SGX or TDX, for Intel's DCAP.
    DcapQuote,
    /// A report of AMD's SEV-SNP, 1184 bytes, with the certificates that the host gives out.
    SnpReport,
}

impl EvidenceFormat {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DcapQuote => "dcap-quote",
            Self::SnpReport => "snp-report",
        }
    }
}

impl fmt::Display for EvidenceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Evidence as the platform gave it. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What kind it is.
    pub format: EvidenceFormat,
    /// The quote or the report.
    pub bytes: Vec<u8>,
    /// What came beside it: the table of certificates of SEV-SNP. Empty where there is none.
    pub auxiliary: Vec<u8>,
}

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The interface of the kernel is not there.
    #[error(
        "{}: there is no such interface; it needs Linux 6.7, configfs mounted, and a guest of TDX \
         or SEV-SNP",
        .path.display()
    )]
    NoInterface {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The interface is there, and nothing behind it (`ENXIO` of its `mkdir`).
    #[error(
        "{}: the kernel has the interface, but nothing that gives evidence; load the driver \
         tdx_guest or sev_guest",
        .path.display()
    )]
    NoProvider {
        /// Where the interface is.
        path: PathBuf,
    },
    /// The platform gave evidence of a kind that is not known here.
    #[error("the kernel's provider of evidence is {name:?}; known are tdx_guest and sev_guest")]
    ProviderUnknown {
        /// What the kernel calls it.
        name: String,
    },
    /// The interface of Gramine is not there.
    #[error(
        "{}: there is no such interface; it is there in an enclave of Gramine whose manifest has \
         sgx.remote_attestation = \"dcap\"",
        .path.display()
    )]
    NoGramine {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Gramine attests by another scheme, or by none.
    #[error(
        "{}: the scheme is {name:?}; set sgx.remote_attestation = \"dcap\" in the manifest",
        .path.display()
    )]
    SchemeUnknown {
        /// What was read.
        path: PathBuf,
        /// The scheme.
        name: String,
    },
    /// The quote carried other data than what was written for it, at each attempt.
    #[error(
        "{}: it carries other data at {attempts} attempts; find out who else in this process uses \
         the interface",
        .path.display()
    )]
    OtherData {
        /// What was read.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// Only root may use the interface, as a rule.
    #[error("{}: not permitted; the interface belongs to root", .path.display())]
    NotPermitted {
        /// What was not to be used.
        path: PathBuf,
    },
    /// The interface was busy at each attempt.
    #[error("{}: busy at {attempts} attempts; somebody else uses the interface", .path.display())]
    Busy {
        /// What was busy.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// Somebody else wrote into our entry at each attempt, so that the evidence may be for his data.
    #[error(
        "{}: somebody else wrote into the entry at {attempts} attempts (generation {found}, \
         {expected} of our own); find out who uses this interface",
        .path.display()
    )]
    Interfered {
        /// The last entry.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
        /// How many writes were ours.
        expected: u64,
        /// How many the kernel counted.
        found: u64,
    },
    /// The kernel did not take what was written: its count of writes did not rise.
    #[error("{}: the kernel did not take what was written", .path.display())]
    NotTaken {
        /// What was written.
        path: PathBuf,
    },
    /// The platform refuses to sign: `EINVAL`, as for a privilege level that it has not.
    #[error("{}: the platform refuses: {source}", .path.display())]
    Refused {
        /// What was read or written.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The platform was asked too often: the kernel gave up after a minute.
    #[error("{}: the platform was asked too often, by all its users; wait", .path.display())]
    Throttled {
        /// What was read.
        path: PathBuf,
    },
    /// The kernel lost the way to the firmware, which it does for good after a failed question.
    #[error("{}: the platform gives no evidence until it is started anew", .path.display())]
    Unusable {
        /// What was read.
        path: PathBuf,
    },
    /// A blob with nothing in it.
    #[error("{}: empty", .path.display())]
    Empty {
        /// What was read.
        path: PathBuf,
    },
    /// A blob longer than any evidence.
    #[error("{}: more than {limit} bytes, which no evidence has", .path.display())]
    TooLarge {
        /// What was read.
        path: PathBuf,
        /// The most that is read.
        limit: usize,
    },
    /// A number that is none.
    #[error("{}: {text:?} is no number", .path.display())]
    Malformed {
        /// What was read.
        path: PathBuf,
        /// What it said.
        text: String,
    },
    /// The operating system has no random numbers for the name of an entry.
    #[error("the operating system gives no random numbers: {reason}")]
    Random {
        /// Why.
        reason: String,
    },
    /// Anything else that reading and writing can meet.
    #[error("{}: {source}", .path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Why a provider of another kind has nothing.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}
