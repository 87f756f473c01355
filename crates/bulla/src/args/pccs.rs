//! The command line of taking over from Intel's cache, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;
use super::service::TokenAt;

const IMPORT_DETAILS: &str = "\
Reads the SQLite database of Intel's cache (pckcache.db), which may be running, or a file that Intel's
pcsclient fetched (platform_collaterals.json), and gives all of it to a service: documents, platforms
with their certificates and what they reported, platforms that wait, appraisal policies. The service
verifies each like what comes from an upstream. What is not good is named, and keeps nothing else from
being taken.

Examples:
  bulla pccs import --database pckcache.db --token-file state/administrator-token
  bulla pccs import --file platform_collaterals.json --token-file state/administrator-token

Exit status: 0 all was taken, 1 something was refused, 2 usage, input or other error.";

const EXPORT_DETAILS: &str = "\
Writes platform_collaterals.json: the documents that are in force, every platform with its certificates
and what it reported. Intel's cache takes it by `pccsadmin put`, where it must not exceed the cache's
MaxRequestBodySize.

Example:
  bulla pccs export --output platform_collaterals.json --token-file state/administrator-token

Exit status: 0 done, 2 usage, input or other error.";

#[derive(Debug, Subcommand)]
pub(crate) enum PccsCommand {
    /// Take over the data of Intel's cache into a service
    #[command(after_long_help = IMPORT_DETAILS)]
    Import(PccsImportArgs),
    /// Write what a service keeps as Intel's cache takes it
    #[command(after_long_help = EXPORT_DETAILS)]
    Export(PccsExportArgs),
}

impl PccsCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::Import(args) => args.format,
            Self::Export(args) => args.format,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PccsImportArgs {
    #[command(flatten)]
    pub(crate) from: PccsSource,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct PccsExportArgs {
    /// The file to write, for its owner alone
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

/// What is taken over.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PccsSource {
    /// The database of Intel's cache, SQLite
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,

    /// A file of Intel's pcsclient, platform_collaterals.json
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}
