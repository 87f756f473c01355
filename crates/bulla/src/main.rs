//! The `bulla` command: arguments in, files read, verdicts and descriptions out.
//!
//! Nothing is decided here. Whether evidence is genuine is for `bulla-verifier` to say, whether
//! it is good enough for `bulla-appraisal`; this crate reads files, asks them, and writes their
//! answers for people or programs.
#![forbid(unsafe_code)]
// They panic where nothing can be written.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod client;
mod collateral;
mod commands;
mod config;
mod describe;
mod doctor;
mod error;
mod explain;
mod in_force;
mod input;
mod inspect;
mod judge;
mod output;
mod past;
mod private_file;
mod progress;
mod render;
mod roots;
mod service;
mod supply;
mod time;

use std::process::ExitCode;

use args::{Command, Format};
use error::Error;
use output::{Exit, Output};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let command = match args::parse(&arguments) {
        Ok(command) => command,
        Err(stop) => return stop.report().into(),
    };
    let format = command.format();
    let mut output = Output::new(format.unwrap_or(Format::Text));
    let done = match command {
        Command::Verify(args) => commands::verify::run(&args, &mut output),
        Command::Explain(args) => commands::explain::run(&args, &mut output),
        Command::Inspect(args) => commands::inspect::run(&args, &mut output),
        Command::Demo(args) => commands::demo::run(&args, &mut output),
        Command::Serve(args) => commands::serve::run(&args, &mut output),
        Command::Collateral(command) => commands::collateral::run(&command, &mut output),
        Command::Pccs(command) => commands::pccs::run(&command, &mut output),
        #[cfg(feature = "postgres")]
        Command::Store(command) => commands::store::run(&command, &mut output),
        Command::Baseline(command) => commands::baseline::run(&command, &mut output),
        Command::Platform(command) => commands::platform::run(&command, &mut output),
        Command::Doctor(args) => commands::doctor::run(&args, &mut output),
        Command::Gate(command) => commands::gate::run(&command, &mut output),
        Command::Enclave(command) => commands::enclave::run(&command, &mut output),
        Command::Vendor(args) => commands::vendor::run(&args.command, &mut output),
        Command::Generate(args) => commands::generate::run(&args, &mut output),
    };
    let done = done.and_then(|exit| output.flush().map(|()| exit));
    done.unwrap_or_else(|error| fail(&error, format)).into()
}

fn fail(error: &Error, format: Option<Format>) -> Exit {
    output::report_error(error, format.unwrap_or(Format::Text));
    Exit::Failed
}
