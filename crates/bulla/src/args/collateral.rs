//! The command line of collections of collateral, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;
use super::service::{RootArgs, ServiceAt, TokenAt};

pub(super) const DETAILS: &str = "\
Examples:
  bulla collateral list
  bulla collateral history root-ca-crl
  bulla collateral refresh --token-file state/administrator-token
  bulla collateral fetch --upstream https://api.trustedservices.intel.com --out documents
  bulla collateral export --key archive.key --token-file admin --output monday.bulla
  bulla collateral import monday.bulla --signer archive.key.pub --token-file admin";

const FETCH_DETAILS: &str = "\
Every document is verified when it arrives: chain to the root, signature over the received bytes,
window, revocation. What fails is named and not written, and what is in the directory already is
never replaced by something older.

The directory can be an upstream of `bulla serve` (directory=DIR), also across an air gap.

Examples:
  bulla collateral fetch --upstream https://api.trustedservices.intel.com --out documents
  bulla collateral fetch --upstream pccs=https://cache.test.example:8081 --fmspc 00806F050000 \\
      --out documents
  bulla collateral fetch --upstream http://127.0.0.1:8181 --trust-root root.pem --simulated \\
      --out documents

Exit status: 0 done, 1 something was refused, 2 something could not be had, or other error.";

const EXPORT_DETAILS: &str = "\
The archive holds every document that the service keeps and that has not ended, and the PCK
certificates of every platform. It is a tar file with a manifest, signed with a key that
`bulla collateral keygen` made. With --since it carries only what that archive did not list.

Certificates are personal to machines: the file can be read by its owner alone, and they are left
out by --without-platforms, which needs no token.

Examples:
  bulla collateral keygen archive.key
  bulla collateral export --key archive.key --token-file admin --output monday.bulla
  bulla collateral export --key archive.key --token-file admin --output tuesday.bulla \\
      --since monday.bulla

Exit status: 0 done, 1 the archive given by --since was refused, 2 usage, input or other error.";

const IMPORT_DETAILS: &str = "\
An archive is refused, and nothing of it enters, if it is not as it was sealed, if it is not signed
with the key given by --signer, if it holds what is under another root than the service's, if a later
one of the same signer was imported or begun before, or if it builds on one that was not imported.

Everything in it is verified by the service like what comes from an upstream. What fails is named,
and keeps nothing else from entering.

Example:
  bulla collateral import monday.bulla --signer archive.key.pub --token-file admin

Exit status: 0 done, 1 the archive or something in it was refused, or something that it builds on is
not there, 2 usage, input or other error.";

#[derive(Debug, Subcommand)]
pub(crate) enum CollateralCommand {
    /// List what a service keeps, and how fresh it is
    List(ListArgs),
    /// List every issue of a document that a service has had
    History(HistoryArgs),
    /// Have a service ask its upstreams anew
    Refresh(RefreshArgs),
    /// List what a service refused on arrival, and why
    Refused(RefusedArgs),
    /// Fetch documents into a directory, each verified on arrival
    #[command(after_long_help = FETCH_DETAILS)]
    Fetch(FetchArgs),
    /// Make a pair of keys for archives: one that signs, one for whoever takes them
    Keygen(KeygenArgs),
    /// Write all that a service keeps, or what changed, into one signed archive
    #[command(after_long_help = EXPORT_DETAILS)]
    Export(ExportArgs),
    /// Show what an archive holds and until when it is good
    Inspect(InspectArchiveArgs),
    /// Give a service an archive that came across an air gap
    #[command(after_long_help = IMPORT_DETAILS)]
    Import(ImportArgs),
}

impl CollateralCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::List(args) => args.format,
            Self::History(args) => args.format,
            Self::Refresh(args) => args.format,
            Self::Refused(args) => args.format,
            Self::Fetch(args) => args.format,
            Self::Keygen(args) => args.format,
            Self::Export(args) => args.format,
            Self::Inspect(args) => args.format,
            Self::Import(args) => args.format,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) at: ServiceAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The document, as `bulla collateral list` names it, for example root-ca-crl
    #[arg(value_name = "DOCUMENT")]
    pub(crate) slot: String,

    #[command(flatten)]
    pub(crate) at: ServiceAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct RefreshArgs {
    /// The document, as `bulla collateral list` names it [default: all that are kept]
    #[arg(value_name = "DOCUMENT")]
    pub(crate) slot: Option<String>,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct RefusedArgs {
    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// Whom to ask: a PCS or another bulla by its address, a cache by pccs=URL, a directory by
    /// directory=PATH
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: String,

    /// A family of platforms, 12 hexadecimal digits; repeatable [default: all that the upstream
    /// lists]
    #[arg(long, value_name = "FMSPC")]
    pub(crate) fmspc: Vec<String>,

    /// The directory to write to; it is made where there is none
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Fetch the vendor's newest set too, beside the one in force
    #[arg(long)]
    pub(crate) early: bool,

    #[command(flatten)]
    pub(crate) root: RootArgs,

    /// The CAs by which the upstream's TLS is judged, or its own certificate, in PEM [default: the CAs
    /// of the operating system]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Through which proxy: none, environment (HTTPS_PROXY and its kin), or an address
    #[arg(long, value_name = "PROXY", default_value = "none")]
    pub(crate) proxy: String,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The file for the key that signs; the public key goes into a file of this name with .pub
    #[arg(value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The key to sign with, as `bulla collateral keygen` makes it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// The archive to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Carry only what this archive of the same signer does not list
    #[arg(long, value_name = "ARCHIVE")]
    pub(crate) since: Option<PathBuf>,

    /// Leave out the platforms and their certificates
    #[arg(long)]
    pub(crate) without_platforms: bool,

    #[command(flatten)]
    pub(crate) at: ServiceAt,

    /// A file with the token of an administrator, which platforms take
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "without_platforms"
    )]
    pub(crate) token_file: Option<PathBuf>,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArchiveArgs {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,

    /// The public key that it must be signed with [default: any]
    #[arg(long, value_name = "FILE")]
    pub(crate) signer: Option<PathBuf>,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    pub(crate) archive: PathBuf,

    /// The public key that it must be signed with
    #[arg(long, value_name = "FILE")]
    pub(crate) signer: PathBuf,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
