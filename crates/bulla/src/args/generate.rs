//! The command line of what packages install beside the program, as typed.

use std::path::PathBuf;

use clap::Args;

use super::Format;

pub(super) const DETAILS: &str = "\
Makes man/ with a page for each command, and completions/ with those of bash, zsh and fish, in the
directory that is named, and tells which files it wrote.

Examples:
  bulla generate share
  man -l share/man/bulla-verify.1
  . share/completions/bulla.bash

Exit status: 0 all are written, 2 usage or other error.";

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The directory to write into; made where it is not there
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
