//! What stands between `bulla gate run` and its command: the command must not outlive its guard.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::args::ExecArgs;
use crate::error::{Error, Result};
use crate::output::Exit;

/// The command was found and cannot be run, as `env` says it.
const CANNOT_RUN: u8 = 126;

/// There is no such command.
const NOT_FOUND: u8 = 127;

/// Becomes the command, and has the kernel kill it should the guard end without having stopped it.
pub(super) fn run(args: &ExecArgs) -> Result<Exit> {
    let guard = |reason: String| Error::ArgumentInvalid {
        option: "--parent",
        reason,
    };
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| guard(format!("the kernel does not watch over it: {error}")))?;
    // The guard may have ended before the kernel began to watch.
    if getppid().map(Pid::as_raw_pid) != Some(args.parent) {
        return Err(guard(
            "the process that guards the command is gone".to_owned(),
        ));
    }
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(guard("no command was given".to_owned()));
    };
    let error = Command::new(program).args(arguments).exec();
    super::run::tell(&format!("{} cannot be run: {error}", program.display()));
    let status = match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        _ => CANNOT_RUN,
    };
    Ok(Exit::Other(status))
}
