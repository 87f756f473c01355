//! Why a command could not do what it was asked for: exit status 2.
//!
//! A refusal is none of these. What is wrong with evidence or collateral that could be read is
//! said by findings, under exit status 1; an error means that there is no verdict at all.

use std::io;
use std::path::{Path, PathBuf};

use bulla_appraisal::{PolicyError, ValueError};
use bulla_archive::{ArchiveError, SealError};
use bulla_collateral::{DocumentError, SetError};
use bulla_enclave::machine::BackendError;
use bulla_gate::GateError;
use bulla_pki::AnchorError;
use bulla_processor::{ErrorCode, Failure};
use bulla_service::SecretFileError;
use bulla_service::daemon::DaemonError;
use bulla_service::gate::{KeysError, OpenError};
use bulla_service::http::ListenError;
use bulla_store::StoreError;
use bulla_store::pccs_database::PccsDatabaseError;
use bulla_vendor::web::ServerError;
use bulla_vendor::{Absent, AttestError, EventError, ManifestError, PlatformError, StateError};

use crate::config::ConfigPlace;
use crate::input::Rules;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why there is no answer. Every message names the thing and what is wrong with it, and what to do where that
/// does not follow.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{message}")]
    Usage { message: String },

    #[error("{}: there is no such file; check the path of the {what}", shown(path))]
    FileNotFound { what: &'static str, path: PathBuf },

    #[error("{}: this is a directory; the {what} must be a file", shown(path))]
    FileIsDirectory { what: &'static str, path: PathBuf },

    #[error("{}: the {what} cannot be read: {source}", shown(path))]
    FileUnreadable {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },

    #[error(
        "{}: the {what} is empty; check that it was written completely",
        shown(path)
    )]
    InputEmpty { what: &'static str, path: PathBuf },

    #[error("standard input is not the {what} too: it was read already; name a file")]
    StandardInputTaken { what: &'static str },

    #[error(
        "{}: the {what} has more than {limit} bytes, which none needs; check that this is the \
         right file",
        shown(path)
    )]
    InputTooLarge {
        what: &'static str,
        path: PathBuf,
        limit: usize,
    },

    #[error(
        "no collateral was given; add `--collateral PATH` with the directory or JSON file that \
         holds it, or `--service URL`"
    )]
    CollateralNotGiven,

    #[error(
        "{}: the collateral set lacks {names}; fetch it, or give the set as one JSON file",
        shown(directory)
    )]
    CollateralFileMissing { directory: PathBuf, names: String },

    #[error("{}: this is not a collateral set: {reason}", shown(path))]
    CollateralMalformed { path: PathBuf, reason: String },

    #[error("{}: the {} cannot be used: {source}", shown(path), what.as_str())]
    RulesMalformed {
        what: Rules,
        path: PathBuf,
        source: PolicyError,
    },

    #[error("{}: the {} is not UTF-8 text at byte {offset}", shown(path), what.as_str())]
    RulesNotText {
        what: Rules,
        path: PathBuf,
        offset: usize,
    },

    #[error("--accept-tcb-status: {0}")]
    TcbStatusInvalid(#[from] ValueError),

    #[error("{}: {source}{remedy}", shown(path))]
    TrustRootInvalid {
        path: PathBuf,
        source: AnchorError,
        remedy: &'static str,
    },

    #[error(
        "{}: the trust root is neither DER nor one PEM certificate: {reason}",
        shown(path)
    )]
    TrustRootUnreadable { path: PathBuf, reason: String },

    #[error("`{text}` is no time: {reason}; write 2026-11-23T08:00:00Z or Unix seconds")]
    TimeInvalid { text: String, reason: String },

    #[error("the system clock is before 1970 or after 9999; set it, or give the time with `--at`")]
    ClockUnusable,

    #[error("line {number} cannot be read: {source}")]
    LineUnreadable { number: u64, source: io::Error },

    #[error("line {number} is longer than {limit} bytes; write one quote on each line")]
    LineTooLong { number: u64, limit: usize },

    #[error(
        "line {number}: {reason}; each line is {{\"quote\": ..., \"id\"?, \"collateral\"?, \"at\"?}}"
    )]
    LineMalformed { number: u64, reason: String },

    #[error(
        "{}: {reason}; inspect reads {}",
        shown(path),
        crate::inspect::READABLE
    )]
    ContentUnknown { path: PathBuf, reason: String },

    #[error(
        "{}: this looks like {what}, but cannot be read: {reason}",
        shown(path)
    )]
    ContentMalformed {
        path: PathBuf,
        what: &'static str,
        reason: String,
    },

    #[error("this cannot be explained: {reason}")]
    Unexplainable { reason: &'static str },

    #[error("the demonstration cannot be set up: {reason}; this is a fault in bulla, report it")]
    DemoBroken { reason: String },

    #[error("{}: no enclave can be made of this: {reason}", shown(path))]
    ImageInvalid { path: PathBuf, reason: String },

    #[error("{}: no enclave can be signed with this: {reason}", shown(path))]
    SignerKeyInvalid { path: PathBuf, reason: String },

    #[error(
        "{}: this is no SIGSTRUCT, which has 1808 bytes; sign the image anew",
        shown(path)
    )]
    SigstructInvalid { path: PathBuf },

    #[error(
        "{}: the processor does not start this enclave: {source}{}",
        shown(path),
        remedy(source)
    )]
    EnclaveRefused { path: PathBuf, source: Failure },

    #[error(
        "{}: this is no sealed data, which begins with the 512 bytes of a request for a sealing key",
        shown(path)
    )]
    SealedMalformed { path: PathBuf },

    #[error(
        "{}: no socket can be made here: {source}; give another path, of at most 107 bytes",
        shown(path)
    )]
    SocketUnusable { path: PathBuf, source: io::Error },

    #[error("nothing can be executed: {0}")]
    MachineUnavailable(#[from] BackendError),

    #[error(transparent)]
    QuoteRefused(#[from] AttestError),

    #[error("{option}: {reason}")]
    ArgumentInvalid {
        option: &'static str,
        reason: String,
    },

    #[error(
        "{}: this cannot be written: {source}; give another place",
        shown(path)
    )]
    FileUnwritable { path: PathBuf, source: io::Error },

    #[error("the operating system gives no random numbers: {reason}; give a `--seed`")]
    RandomUnavailable { reason: String },

    #[error(transparent)]
    VendorState(#[from] StateError),

    #[error(transparent)]
    VendorEvent(#[from] EventError),

    #[error(transparent)]
    VendorPlatform(#[from] PlatformError),

    #[error("{}: {source}", shown(path))]
    VendorManifest {
        path: PathBuf,
        source: ManifestError,
    },

    #[error(transparent)]
    VendorSet(#[from] Absent),

    #[error(transparent)]
    VendorService(#[from] ServerError),

    #[error("{}: {place}: {reason}", shown(path))]
    ConfigurationInvalid {
        path: PathBuf,
        place: ConfigPlace,
        reason: String,
    },

    #[error(
        "{}: everybody on this machine may use the {what} (mode {mode:o}); close it with \
         `chmod 600`, and replace it if others may have seen it",
        shown(path)
    )]
    SecretReadable {
        what: &'static str,
        path: PathBuf,
        mode: u32,
    },

    #[error("{}: the {what} is not one word on one line", shown(path))]
    SecretMalformed { what: &'static str, path: PathBuf },

    #[error(transparent)]
    Service(#[from] DaemonError),

    #[error("{url}: the service cannot be asked: {reason}; check the address, and that it runs")]
    ServiceUnreachable { url: String, reason: String },

    #[error(
        "{url}: the service refused (status {status}{}{code}): {reason}",
        comma(code)
    )]
    ServiceRefused {
        url: String,
        status: u16,
        code: String,
        reason: String,
    },

    #[error("{url}: this is no answer of a service of bulla: {reason}; check the address")]
    ServiceAnswerUnknown { url: String, reason: String },

    #[error("{url} gives no {what}: {reason}")]
    CollateralUnavailable {
        url: String,
        what: String,
        reason: String,
    },

    #[error("nobody can tell which collateral the quote needs: {reason}; give it by --collateral")]
    CollateralUntold { reason: String },

    #[error("{}: the archive is refused: {source}", shown(path))]
    ArchiveRefused { path: PathBuf, source: ArchiveError },

    #[error(
        "{}: an archive is read twice, and this was not the same the second time; name a file that \
         nobody writes to",
        shown(path)
    )]
    ArchiveChanged { path: PathBuf },

    #[error("{}: no archive can be made: {source}", shown(path))]
    ArchiveUnsealable { path: PathBuf, source: SealError },

    #[error(
        "the import was broken off behind {done} of {all} documents and platforms, which stay; import the \
         archive again: {source}"
    )]
    ImportBrokenOff {
        done: usize,
        all: usize,
        source: Box<Error>,
    },

    #[error(
        "{}: this is no key for archives: {reason}; `bulla collateral keygen` makes a pair",
        shown(path)
    )]
    ArchiveKeyInvalid { path: PathBuf, reason: String },

    #[error("the database of Intel's cache cannot be read: {0}")]
    PccsDatabaseUnreadable(#[from] PccsDatabaseError),

    #[error(
        "{}: this is no platform_collaterals.json of Intel's tools: {reason}; have `pcsclient` write it anew",
        shown(path)
    )]
    PccsFileMalformed { path: PathBuf, reason: String },

    #[error("{}: no platform can be read from it: {reason}", shown(path))]
    PlatformFileMalformed { path: PathBuf, reason: String },

    #[error(transparent)]
    Gate(Box<GateError>),

    #[error("the command cannot be started: {reason}")]
    CommandUnstartable { reason: String },

    #[error("the log cannot be written: {reason}")]
    LogUnusable { reason: String },

    #[error("the result cannot be written: {0}; what was asked for may be done all the same")]
    OutputFailed(io::Error),
}

impl Error {
    /// The name of the error, stable across releases.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Usage { .. } => "UsageInvalid",
            Self::FileNotFound { .. } => "FileNotFound",
            Self::FileIsDirectory { .. } => "FileIsDirectory",
            Self::FileUnreadable { .. } => "FileUnreadable",
            Self::InputEmpty { .. } => "InputEmpty",
            Self::InputTooLarge { .. } => "InputTooLarge",
            Self::StandardInputTaken { .. } => "StandardInputTaken",
            Self::CollateralNotGiven => "CollateralNotGiven",
            Self::CollateralFileMissing { .. } => "CollateralFileMissing",
            Self::CollateralMalformed { .. } => "CollateralMalformed",
            Self::RulesMalformed { what, .. } | Self::RulesNotText { what, .. } => match what {
                Rules::Policy => "PolicyMalformed",
                Rules::Baseline => "BaselineMalformed",
                Rules::Plan => "PlanMalformed",
            },
            Self::TcbStatusInvalid(_) => "TcbStatusInvalid",
            Self::TrustRootInvalid { .. } | Self::TrustRootUnreadable { .. } => "TrustRootInvalid",
            Self::TimeInvalid { .. } => "TimeInvalid",
            Self::ClockUnusable => "ClockUnusable",
            Self::LineUnreadable { .. } => "FileUnreadable",
            Self::LineTooLong { .. } => "LineTooLong",
            Self::LineMalformed { .. } => "LineMalformed",
            Self::ContentUnknown { .. } => "ContentUnknown",
            Self::ContentMalformed { .. } => "ContentMalformed",
            Self::Unexplainable { .. } => "Unexplainable",
            Self::DemoBroken { .. } => "DemoBroken",
            Self::ImageInvalid { .. } => "ImageInvalid",
            Self::SignerKeyInvalid { .. } => "SignerKeyInvalid",
            Self::SigstructInvalid { .. } => "SigstructInvalid",
            Self::SocketUnusable { .. } => "AddressUnavailable",
            Self::SealedMalformed { .. } => "SealedMalformed",
            Self::EnclaveRefused { .. } => "EnclaveRefused",
            Self::MachineUnavailable(BackendError::HardwarePresent { .. }) => "HardwarePresent",
            Self::MachineUnavailable(_) => "MachineUnavailable",
            Self::QuoteRefused(AttestError::Collateral(_)) => "SetUnavailable",
            Self::QuoteRefused(_) => "QuoteRefused",
            Self::ArgumentInvalid { .. } => "ArgumentInvalid",
            Self::FileUnwritable { .. } => "FileUnwritable",
            Self::RandomUnavailable { .. } => "RandomUnavailable",
            Self::VendorState(error) => state_code(error),
            Self::VendorEvent(_) => "EventImpossible",
            Self::VendorPlatform(_) => "PlatformRefused",
            Self::VendorManifest { .. } => "ManifestRefused",
            Self::VendorSet(_) => "SetUnavailable",
            Self::VendorService(error) => service_code(error),
            Self::ConfigurationInvalid { .. } => "ConfigurationInvalid",
            Self::SecretReadable { .. } => "SecretExposed",
            Self::SecretMalformed { .. } => "SecretMalformed",
            Self::Service(error) => daemon_code(error),
            Self::ServiceUnreachable { .. } => "ServiceUnreachable",
            Self::ServiceRefused { .. } => "ServiceRefused",
            Self::ServiceAnswerUnknown { .. } => "ServiceAnswerUnknown",
            Self::CollateralUnavailable { .. } => "CollateralUnavailable",
            Self::CollateralUntold { .. } => "CollateralUntold",
            Self::ArchiveRefused { source, .. } => source.code(),
            Self::ImportBrokenOff { source, .. } => source.code(),
            Self::ArchiveChanged { .. } => "ArchiveChanged",
            Self::ArchiveUnsealable { .. } => "ArchiveUnsealable",
            Self::ArchiveKeyInvalid { .. } => "ArchiveKeyInvalid",
            Self::PccsDatabaseUnreadable(_) => "PccsDatabaseUnreadable",
            Self::PccsFileMalformed { .. } => "PccsFileMalformed",
            Self::PlatformFileMalformed { .. } => "PlatformFileMalformed",
            Self::Gate(error) => gate_code(error),
            Self::CommandUnstartable { .. } => "CommandUnstartable",
            Self::LogUnusable { .. } => "OutputFailed",
            Self::OutputFailed(_) => "OutputFailed",
        }
    }

    /// Whether nobody is left to be told: the reader of our output went away.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::OutputFailed(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// What is wrong with the directory of a vendor.
fn state_code(error: &StateError) -> &'static str {
    match error {
        StateError::NoVendor(_) => "VendorNotFound",
        StateError::VendorExists(_) => "VendorExists",
        StateError::NotEmpty(_) => "DirectoryNotEmpty",
        StateError::Locked(_) => "VendorBusy",
        StateError::FileMissing(_) => "StateIncomplete",
        StateError::Exposed { .. } => "SecretExposed",
        StateError::Unrecognised { .. } => "StateUnrecognised",
        StateError::FormatUnknown { .. } => "StateFormatUnknown",
        StateError::Damaged(_) => "StateDamaged",
        StateError::OfAnother(_) => "StateMixed",
        StateError::Unreadable { .. } => "FileUnreadable",
        StateError::Unwritable { .. } => "StateUnwritable",
        StateError::Unsettled { .. } => "StateUnsettled",
        _ => "StateMalformed",
    }
}

/// Why the vendor's service cannot start.
fn service_code(error: &ServerError) -> &'static str {
    match error {
        ServerError::NotLoopback(_) => "AddressNotLoopback",
        _ => "AddressUnavailable",
    }
}

/// Why the collateral service cannot start.
fn daemon_code(error: &DaemonError) -> &'static str {
    match error {
        DaemonError::Store(StoreError::InUse { .. }) => "StoreInUse",
        DaemonError::Store(StoreError::Full { .. }) => "StoreFull",
        DaemonError::Store(StoreError::ReadOnly { .. }) => "StoreReadOnly",
        DaemonError::Store(StoreError::Damaged { .. }) => "StoreDamaged",
        DaemonError::Store(StoreError::Schema { .. }) => "StoreSchemaUnknown",
        DaemonError::Store(_) => "StoreUnavailable",
        DaemonError::Listen(ListenError::NotLoopback(_)) => "AddressNotLoopback",
        DaemonError::Listen(_) => "AddressUnavailable",
        DaemonError::LocalToken(error) => secret_file_code(error),
        DaemonError::Gate(error) => opening_code(error),
        _ => "SystemExhausted",
    }
}

impl From<GateError> for Error {
    fn from(error: GateError) -> Self {
        Self::Gate(Box::new(error))
    }
}

/// Why a gate gives nothing.
fn gate_code(error: &GateError) -> &'static str {
    match error {
        GateError::Setting { .. } => "ArgumentInvalid",
        GateError::Evidence(_) | GateError::Provider { .. } => "EvidenceUnavailable",
        GateError::Unreachable { .. } => "ServiceUnreachable",
        GateError::Unavailable { .. } => "GateUnavailable",
        GateError::Refused { .. } => "ServiceRefused",
        GateError::Answer { .. } => "ServiceAnswerUnknown",
        GateError::Token(_) | GateError::OtherToken { .. } => "TokenRefused",
        GateError::Key { .. } => "SecretUnreadable",
        GateError::Clock => "ClockUnusable",
        _ => "AttestationEnded",
    }
}

/// Why the gate does not open.
fn opening_code(error: &OpenError) -> &'static str {
    match error {
        OpenError::KeyFile(error) => secret_file_code(error),
        OpenError::Random(_) => "RandomUnavailable",
        OpenError::KeyGone { .. } | OpenError::Keys(KeysError::OtherKey { .. }) => "GateKeyWrong",
        OpenError::Keys(KeysError::Malformed { .. }) => "StoreDamaged",
        _ => "StoreUnavailable",
    }
}

/// What to do about an enclave that does not start.
fn remedy(failure: &Failure) -> &'static str {
    match failure.error_code() {
        Some(ErrorCode::InvalidMeasurement) => {
            "; the image is not the one that was signed: `bulla enclave diff` says what differs"
        }
        Some(ErrorCode::InvalidSignature) => "; the SIGSTRUCT was changed: sign the image anew",
        Some(ErrorCode::InvalidAttribute) => "; start it as it was signed, with or without --debug",
        _ => "",
    }
}

/// Why there is no secret in a file of the service.
fn secret_file_code(error: &SecretFileError) -> &'static str {
    match error {
        SecretFileError::Missing { .. } => "FileNotFound",
        SecretFileError::Exposed { .. } => "SecretExposed",
        SecretFileError::Unreadable { .. } => "FileUnreadable",
        SecretFileError::Malformed { .. } => "SecretMalformed",
        SecretFileError::Random(_) => "RandomUnavailable",
        _ => "FileUnwritable",
    }
}

/// What stands before a text that may be empty.
fn comma(text: &str) -> &'static str {
    if text.is_empty() { "" } else { ", " }
}

/// A path as people know it.
fn shown(path: &Path) -> String {
    match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

/// What is wrong with a set, for a file at `path`.
pub(crate) fn malformed_set(path: &Path, error: &SetError) -> Error {
    Error::CollateralMalformed {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// What is wrong with a document of a set, for a file at `path`.
pub(crate) fn malformed_document(path: &Path, error: &DocumentError) -> Error {
    Error::CollateralMalformed {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
