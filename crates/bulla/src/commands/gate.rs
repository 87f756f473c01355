//! `bulla gate`: attestation as a condition of work.

mod administer;
mod attest;
mod decisions;
mod deliver;
mod exec;
mod keys;
mod policy;
mod reach;
mod run;
mod secret;
mod software;
mod supervise;

use crate::args::GateCommand;
use crate::error::Result;
use crate::output::{Exit, Output};

pub(crate) fn run(command: &GateCommand, output: &mut Output) -> Result<Exit> {
    match command {
        GateCommand::Attest(args) => attest::run(args, output),
        GateCommand::Run(args) => run::run(args),
        GateCommand::Exec(args) => exec::run(args),
        GateCommand::Policy(command) => policy::run(command, output),
        GateCommand::Secret(command) => secret::run(command, output),
        GateCommand::Keys(command) => keys::run(command, output),
        GateCommand::Decisions(args) => decisions::run(args, output),
    }
}
