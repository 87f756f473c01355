//! `bulla gate`: attestation as a condition of work.

mod attest;
mod deliver;
mod exec;
mod reach;
mod run;
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
    }
}
