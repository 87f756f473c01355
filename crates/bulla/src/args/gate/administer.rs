//! The administrator's side: `bulla gate policy`, `secret`, `keys`, `decisions`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::args::{Format, TokenAt};

const SECRET_DETAILS: &str = "\
The value is the content of the file, byte for byte; it never comes back out of the service but to
whoever attests under the policy. A secret that is there gets a new version, whose releases are
counted from the start.

Examples:
  bulla gate secret set database --policy payroll --file database.key --token-file token
  openssl rand 32 | bulla gate secret set disk --policy payroll --file - --times 1 \\
      --token-file token";

/// The gate that is administered, and how it is answered for.
#[derive(Debug, Args)]
pub(crate) struct Administered {
    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// List the policies in force
    List(Administered),
    /// Print a policy as it was given
    Show(PolicyNameArgs),
    /// Put a policy in force, in place of the one of its name
    Set(PolicySetArgs),
    /// Remove a policy: nothing is appraised under it, and its secrets are held back
    Remove(PolicyNameArgs),
}

impl PolicyCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::List(gate) => gate.format,
            Self::Show(args) | Self::Remove(args) => args.gate.format,
            Self::Set(args) => args.gate.format,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PolicyNameArgs {
    /// The policy
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) gate: Administered,
}

#[derive(Debug, Args)]
pub(crate) struct PolicySetArgs {
    /// The policy: letters, digits and `-_.`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// What it demands, in TOML, as for `bulla verify --policy`; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) gate: Administered,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List the secrets, without their values
    List(Administered),
    /// Give a secret to the gate, under a policy and within limits
    #[command(after_long_help = SECRET_DETAILS)]
    Set(SecretSetArgs),
    /// Remove a secret, and its value for good
    Remove(SecretRemoveArgs),
}

impl SecretCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::List(gate) => gate.format,
            Self::Set(args) => args.gate.format,
            Self::Remove(args) => args.gate.format,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SecretSetArgs {
    /// The secret: letters, digits and `-_.`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The policy under which it is released
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: String,

    /// A file with the value, at most 64 KiB; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// How often it is released at most [default: without end]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) times: Option<NonZeroU32>,

    /// Last second at which it is released: RFC 3339 or Unix seconds [default: without end]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,

    /// A platform that may have it: SHA-256 of its PPID, as `bulla platform list --evidence --format
    /// json` has it; repeatable [default: any]
    #[arg(long, value_name = "DIGEST")]
    pub(crate) platform: Vec<String>,

    #[command(flatten)]
    pub(crate) gate: Administered,
}

#[derive(Debug, Args)]
pub(crate) struct SecretRemoveArgs {
    /// The secret
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) gate: Administered,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys under which tokens are believed
    List(Administered),
    /// Have a new key sign; what the one before signed counts until it ends
    Rotate(Administered),
    /// Have nothing count any more that a key signed
    Withdraw(WithdrawArgs),
}

impl KeysCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::List(gate) | Self::Rotate(gate) => gate.format,
            Self::Withdraw(args) => args.gate.format,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// The key, as `bulla gate keys list` names it
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    pub(crate) kid: String,

    #[command(flatten)]
    pub(crate) gate: Administered,
}

#[derive(Debug, Args)]
pub(crate) struct DecisionsArgs {
    /// How many, the last one first
    #[arg(long, value_name = "NUMBER", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,

    #[command(flatten)]
    pub(crate) gate: Administered,
}
