//! The command line of the store, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

const COPY_DETAILS: &str = "\
Stop the service first, and start no node before the copy is done: the database must be empty. The file
is checked, then everything in it is copied in one transaction (documents, platforms, evidence,
decisions, secrets, the audit), counted, and checked again where it arrived. All of it arrives, or
nothing. The file stays, and is brought to the latest schema.

Secrets and signing keys are sealed under the gate's key, which is in no store: give its file to each
node, and name it by `gate.key_file`.

Example:
  bulla store copy --from /var/lib/bulla/store.sqlite --config node.toml

Exit status: 0 done, 2 usage, input or other error.";

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Copy the store of one service into the database of several nodes
    #[command(after_long_help = COPY_DETAILS)]
    Copy(StoreCopyArgs),
}

impl StoreCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::Copy(args) => args.format,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct StoreCopyArgs {
    /// The file of the service, `store.sqlite` in its directory, or a backup of it
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,

    /// The configuration of a node, which names the database (`store.postgres`)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
