//! The command line of the gate, as typed.

mod administer;
mod client;

use clap::Subcommand;

use super::Format;

pub(crate) use administer::{
    Administered, DecisionsArgs, KeysCommand, PolicyCommand, PolicyNameArgs, PolicySetArgs,
    SecretCommand, SecretRemoveArgs, SecretSetArgs, WithdrawArgs,
};
pub(crate) use client::{
    AttestArgs, EvidenceArgs, ExecArgs, GateAt, GateRunArgs, SecretArg, SecretTarget,
};

pub(super) const DETAILS: &str = "\
Who looks after a gate gives it policies and secrets; who attests runs what needs them:
  bulla gate policy set payroll --file payroll.toml --token-file token
  bulla gate secret set database --policy payroll --file database.key --token-file token
  bulla gate run --policy payroll --secret database=file:DATABASE_KEY -- payroll
  bulla gate decisions --token-file token";

/// What can be done with the gate.
#[derive(Debug, Subcommand)]
pub(crate) enum GateCommand {
    /// Attest this machine at a gate, and take the signed result
    #[command(after_long_help = client::ATTEST_DETAILS)]
    Attest(AttestArgs),
    /// Run a command only while this machine is attested, with secrets from the gate
    #[command(after_long_help = client::RUN_DETAILS)]
    Run(GateRunArgs),
    /// What `run` starts its command through
    #[command(hide = true)]
    Exec(ExecArgs),
    /// Say what a gate demands: the policies that it appraises under
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Keep secrets at a gate, which releases them to those who attest
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Look after the keys that a gate signs with
    #[command(subcommand)]
    Keys(KeysCommand),
    /// See what a gate decided of late, and why
    Decisions(DecisionsArgs),
}

impl GateCommand {
    /// The format that was asked for.
    pub(crate) fn format(&self) -> Option<Format> {
        match self {
            Self::Attest(args) => args.format,
            Self::Run(_) | Self::Exec(_) => None,
            Self::Policy(command) => command.format(),
            Self::Secret(command) => command.format(),
            Self::Keys(command) => command.format(),
            Self::Decisions(args) => args.gate.format,
        }
    }
}
