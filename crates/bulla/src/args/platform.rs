//! The command line of a service's fleet, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Format;
use super::service::{TOKEN_OF_A_USER, TokenAt};

pub(super) const DETAILS: &str = "\
Examples:
  bulla platform list --token-file state/administrator-token
  bulla platform observe --quote quote.bin --token-file user
  bulla platform register --file platform_list.json --token-file user
  bulla platform export --output platform_list.json --token-file state/administrator-token";

const REGISTER_DETAILS: &str = "\
The file is JSON, one object or a list of them, with qe_id, pce_id, cpu_svn, pce_svn, enc_ppid and
platform_manifest, as Intel's tools write it; or the CSV of Intel's PCKIDRetrievalTool: enc_ppid,
pce_id, cpu_svn, pce_svn, qe_id and perhaps platform_manifest, without a line of titles.

A file with a bad line is refused as a whole, before anything is sent; each such line is named.

Examples:
  bulla platform register --file platform_list.json --token-file admin
  bulla platform register --file - --token-file user < pckid_retrieval.csv

Exit status: 0 all are registered, 1 the service refused one, 2 usage, input or other error.";

const EXPORT_DETAILS: &str = "\
The file is the platform_list.json of Intel's tools: a list of objects with qe_id, pce_id, cpu_svn,
pce_svn, platform_manifest and enc_ppid. Whoever fetches certificates outside reads it: Intel's
pcsclient, or another service of bulla by `bulla platform register`.

Platforms that wait, or have no certificate for their TCB, are not handed out again for seven days,
unless their certificates come first.

Example:
  bulla platform export --output platform_list.json --token-file admin

Exit status: 0 done, 2 usage, input or other error.";

#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// List the platforms that a service knows
    List(FleetListArgs),
    /// Give a service a quote as evidence of the state of its platform
    #[command(mut_arg("token_file", |arg| arg.help(TOKEN_OF_A_USER)))]
    Observe(ObserveArgs),
    /// Remove a platform from a service, and everything about it
    Remove(RemoveArgs),
    /// Register platforms with a service
    #[command(after_long_help = REGISTER_DETAILS)]
    #[command(mut_arg("token_file", |arg| arg.help(TOKEN_OF_A_USER)))]
    Register(RegisterArgs),
    /// List platforms in a file for whoever fetches their certificates elsewhere
    #[command(after_long_help = EXPORT_DETAILS)]
    Export(PlatformExportArgs),
}

impl FleetCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::List(args) => args.format,
            Self::Observe(args) => args.format,
            Self::Remove(args) => args.format,
            Self::Register(args) => args.format,
            Self::Export(args) => args.format,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct FleetListArgs {
    /// Only the platforms of this family, 12 hexadecimal digits
    #[arg(long, value_name = "FMSPC", conflicts_with = "evidence")]
    pub(crate) fmspc: Option<String>,

    /// The last evidence of each platform instead
    #[arg(long)]
    pub(crate) evidence: bool,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct ObserveArgs {
    /// The quote: raw, hex or base64; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) quote: PathBuf,

    /// Keep it also if it shows an older state than the known one; takes an administrator's token
    #[arg(long)]
    pub(crate) replace: bool,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The platform, as `bulla platform list` names it
    #[arg(value_name = "QE_ID")]
    pub(crate) qe_id: String,

    /// Identity of its provisioning certification enclave, 4 hexadecimal digits
    #[arg(long, value_name = "ID", default_value = "0000")]
    pub(crate) pce_id: String,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct RegisterArgs {
    /// The platforms, as JSON or CSV; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct PlatformExportArgs {
    /// The list to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Which platforms
    #[arg(long, value_enum, default_value = "waiting")]
    pub(crate) source: SourceArg,

    /// A family, 12 hexadecimal digits; repeatable, of those that are cached [default: all]
    #[arg(long, value_name = "FMSPC")]
    pub(crate) fmspc: Vec<String>,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

/// Which platforms of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceArg {
    /// Those that wait for certificates
    Waiting,
    /// Those for whose TCB the vendor had none
    NotAvailable,
    /// Those that have some
    Cached,
}
