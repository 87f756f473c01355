//! The command line of collections of collateral, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;
use super::service::{RootArgs, ServiceAt, TokenAt};

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
}

impl CollateralCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::List(args) => args.format,
            Self::History(args) => args.format,
            Self::Refresh(args) => args.format,
            Self::Refused(args) => args.format,
            Self::Fetch(args) => args.format,
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

    /// The CAs by which the upstream's TLS is judged, in PEM [default: those of the operating
    /// system]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Through which proxy: none, environment (HTTPS_PROXY and its kin), or an address
    #[arg(long, value_name = "PROXY", default_value = "none")]
    pub(crate) proxy: String,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
