//! `bulla pccs`: taking over from Intel's cache, and the way back.

mod batches;
mod export;
mod import;

use crate::args::PccsCommand;
use crate::error::Result;
use crate::output::{Exit, Output};

pub(crate) fn run(command: &PccsCommand, output: &mut Output) -> Result<Exit> {
    match command {
        PccsCommand::Import(args) => import::run(args, output),
        PccsCommand::Export(args) => export::run(args, output),
    }
}
