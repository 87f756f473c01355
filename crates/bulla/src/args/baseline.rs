//! The command line of baselines, as typed.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;
use super::service::TokenAt;

pub(super) const DETAILS: &str = "\
A baseline is a TCB level that is mandatory, a ring is who follows it, a rollout from when on, an
exception an open advisory that is tolerated until a day. All of it is changed by plans:

  bulla baseline plan --file plan.toml --token-file token
  bulla baseline apply --file plan.toml --digest DIGEST --token-file token

The digest is that of what was reviewed: if anything was decided since, or the file is another, it is
not applied. What is planned takes effect at its instant, without anybody doing anything.";

const PLAN_DETAILS: &str = "\
Example of a plan:
  [baselines.level-20]
  sgx = { number = 20 }
  tdx = { number = 20 }

  [rings.prod]
  hosts = [\"prod.collateral.example\"]

  [rollouts.prod-20]
  ring = \"prod\"
  baseline = \"level-20\"
  from = \"2027-01-15T06:00:00Z\"
  deadline = \"2027-03-01T00:00:00Z\"

Each object stands whole, in place of the one of its name; what is left out stays; a table
`[remove]` has lists of names.";

/// What can be done with baselines.
#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// List the rings and what each follows, now or at any time
    List(BaselineListArgs),
    /// Show everything of a name: baseline, ring, rollout, exception
    Show(BaselineShowArgs),
    /// Say what a plan would change; changes nothing
    #[command(after_long_help = PLAN_DETAILS)]
    Plan(BaselinePlanArgs),
    /// Carry out a plan that was reviewed
    Apply(BaselineApplyArgs),
    /// Hold a rollout that has not begun, until its deadline if it has one
    Pause(PauseArgs),
    /// Let a rollout that is held count again
    Resume(ResumeArgs),
    /// Have a ring follow again what it followed before
    Rollback(RollbackArgs),
    /// Tolerate an open advisory for a while, or stop it
    #[command(subcommand)]
    Exception(ExceptionCommand),
    /// List what was decided, the latest first
    History(BaselineHistoryArgs),
}

/// What can be done with exceptions.
#[derive(Debug, Subcommand)]
pub(crate) enum ExceptionCommand {
    /// List the exceptions, ended ones included
    List(BaselineListArgs),
    /// Grant an exception, in place of the one of its name
    Grant(Box<GrantArgs>),
    /// End an exception before its time
    End(EndArgs),
}

impl BaselineCommand {
    /// The format that was asked for.
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::List(args) => args.asking.format,
            Self::Show(args) => args.asking.format,
            Self::Plan(args) => args.asking.format,
            Self::Apply(args) => args.asking.format,
            Self::Pause(args) => args.asking.format,
            Self::Resume(args) => args.asking.format,
            Self::Rollback(args) => args.asking.format,
            Self::Exception(ExceptionCommand::List(args)) => args.asking.format,
            Self::Exception(ExceptionCommand::Grant(args)) => args.asking.format,
            Self::Exception(ExceptionCommand::End(args)) => args.asking.format,
            Self::History(args) => args.asking.format,
        }
    }
}

/// Who is asked, and how to answer.
#[derive(Debug, Args)]
pub(crate) struct Asking {
    #[command(flatten)]
    pub(crate) at: TokenAt,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineListArgs {
    /// The instant to look at: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineShowArgs {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The instant to look at: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct BaselinePlanArgs {
    /// The plan, in TOML; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineApplyArgs {
    /// The plan that was reviewed; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Its digest, as `bulla baseline plan` gave it
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: String,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The rollout
    #[arg(value_name = "ROLLOUT")]
    pub(crate) rollout: String,

    /// Why, for whoever wonders later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The rollout
    #[arg(value_name = "ROLLOUT")]
    pub(crate) rollout: String,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The ring
    #[arg(value_name = "RING")]
    pub(crate) ring: String,

    /// Why, for whoever wonders later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The name of the exception
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The advisory that is tolerated
    #[arg(long, value_name = "ID")]
    pub(crate) advisory: String,

    /// The last second at which it is: RFC 3339 or Unix seconds
    #[arg(long, value_name = "TIME")]
    pub(crate) until: String,

    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,

    /// Only on platforms of this family, 12 hexadecimal digits; repeatable
    #[arg(long, value_name = "FMSPC")]
    pub(crate) family: Vec<String>,

    /// Only on this platform, by the SHA-256 of its PPID; repeatable
    #[arg(long, value_name = "SHA256")]
    pub(crate) platform: Vec<String>,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct EndArgs {
    /// The exception
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineHistoryArgs {
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    pub(crate) limit: NonZeroU32,

    #[command(flatten)]
    pub(crate) asking: Asking,
}
