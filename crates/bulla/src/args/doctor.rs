//! The command line of the audit of a cache, as typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;
use super::service::RootArgs;

pub(super) const DETAILS: &str = "\
Asks as clients do, with GET alone and nothing that changes anything; a cache that fetches what it
lacks may do so. Each document is verified by itself, by the vendor's root or the one that is named.

Without --fmspc the families are those that the service lists, if it lists any.

Examples:
  bulla doctor https://cache.test.example:8081 --fmspc 00806F050000
  bulla doctor http://127.0.0.1:8081/pcs
  bulla doctor http://127.0.0.1:8081 --trust-root root.pem --simulated --format json

Exit status: 0 nothing is wrong, 1 something is (a failure or a warning), 2 it could not be asked.";

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The address of the cache, ours or another
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// A family of platforms, 12 hexadecimal digits; repeatable [default: those that it lists]
    #[arg(long, value_name = "FMSPC")]
    pub(crate) fmspc: Vec<String>,

    #[command(flatten)]
    pub(crate) root: RootArgs,

    /// Which interface it has
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) dialect: DialectArg,

    /// The CAs by which its TLS is judged, or its own certificate, in PEM [default: the CAs of the
    /// operating system]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// From how many milliseconds on an answer is called slow
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000)]
    pub(crate) slow_after: u64,

    /// The instant to judge by: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectArg {
    /// Find out
    Auto,
    /// Intel's cache, and what speaks like it
    Pccs,
    /// Intel's service, and what speaks like it
    Pcs,
}
