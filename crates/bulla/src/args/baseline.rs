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

const PREVIEW_DETAILS: &str = "\
The last evidence of every platform is held against what a ring follows, against a baseline, or
against a number. Who has shown no evidence is unknown, and does not pass.

Examples:
  bulla baseline preview --number early --token-file token
  bulla baseline preview --ring prod --at 2027-01-15T06:00:00Z --token-file token
  bulla baseline preview --baseline level-20 --fail-if-below 99% --token-file token

Exit status: 0 done, 1 fewer pass than --fail-if-below asks for, 2 usage, input or other error.";

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
    /// Say who of the fleet would fall out, and what raises him
    #[command(after_long_help = PREVIEW_DETAILS)]
    Preview(BaselinePreviewArgs),
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
    /// Write what comes as a calendar (iCalendar): rollouts, ends of exceptions and of pins
    Calendar(BaselineListArgs),
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
            Self::Preview(args) => args.asking.format,
            Self::Pause(args) => args.asking.format,
            Self::Resume(args) => args.asking.format,
            Self::Rollback(args) => args.asking.format,
            Self::Exception(ExceptionCommand::List(args)) => args.asking.format,
            Self::Exception(ExceptionCommand::Grant(args)) => args.asking.format,
            Self::Exception(ExceptionCommand::End(args)) => args.asking.format,
            Self::History(args) => args.asking.format,
            Self::Calendar(args) => args.asking.format,
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
pub(crate) struct BaselinePreviewArgs {
    /// What the ring follows [default: what the ring `default` follows]
    #[arg(long, value_name = "RING", conflicts_with_all = ["baseline", "number"])]
    pub(crate) ring: Option<String>,

    /// A baseline, whoever follows it
    #[arg(long, value_name = "NAME", conflicts_with = "number")]
    pub(crate) baseline: Option<String>,

    /// An evaluation data number: standard, early or a number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) number: Option<String>,

    /// The instant in question, now or later: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    /// List everybody who does not pass, and not only the first 30, in JSON the first 1,000
    #[arg(long)]
    pub(crate) all: bool,

    /// Fail where fewer than this share of all platforms pass, for example 99% or 99.5%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) fail_if_below: Option<u32>,

    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// Hundredths of a percent.
fn share(text: &str) -> Result<u32, String> {
    let wrong = || "a share from 0% to 100%, with at most two digits behind the point".to_owned();
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "00"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || !(1..=3).contains(&whole.len()) {
        return Err(wrong());
    }
    let hundredths = match part.len() {
        1 => format!("{whole}{part}0"),
        2 => format!("{whole}{part}"),
        _ => return Err(wrong()),
    };
    let share: u32 = hundredths.parse().map_err(|_| wrong())?;
    if share <= 10_000 {
        Ok(share)
    } else {
        Err(wrong())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_in_hundredths_of_a_percent() {
        for (text, hundredths) in [
            ("0%", 0),
            ("99%", 9_900),
            ("99.5%", 9_950),
            ("99.99%", 9_999),
            ("100%", 10_000),
            ("100.00%", 10_000),
        ] {
            assert_eq!(share(text), Ok(hundredths), "{text}");
        }
        for text in [
            "99", "%", "100.01%", "101%", "-1%", "9.999%", ".5%", "1.%", "1e2%", "९%",
        ] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
