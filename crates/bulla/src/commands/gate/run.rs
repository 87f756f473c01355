//! `bulla gate run`: no attestation, no command.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use bulla_gate::{Attestation, Client, GateError};

use super::deliver::Delivery;
use super::reach;
use super::supervise::{Ending, Signals, supervise};
use crate::args::GateRunArgs;
use crate::client;
use crate::error::{Error, Result};
use crate::output::{Exit, remark};

/// The command was stopped because attestation failed, as `timeout` says it of what it stops.
const STOPPED: u8 = 124;

/// What a shell adds to the number of the signal that ended a command.
const BY_SIGNAL: i32 = 128;

/// This very program, also where its file was replaced since it was started.
const THIS_PROGRAM: &str = "/proc/self/exe";

pub(super) fn run(args: &GateRunArgs) -> Result<Exit> {
    for (position, secret) in args.secret.iter().enumerate() {
        let earlier = args.secret.iter().take(position);
        if earlier
            .into_iter()
            .any(|other| other.variable == secret.variable)
        {
            return Err(Error::ArgumentInvalid {
                option: "--secret",
                reason: format!("{} is to hold two secrets", secret.variable),
            });
        }
    }
    reach::warn_if_simulated(&args.gate);
    let gate = reach::open(&args.gate)?;
    client::runtime(&args.gate.at.service)?.block_on(guard(args, &gate))
}

async fn guard(args: &GateRunArgs, gate: &Client) -> Result<Exit> {
    // From here on no signal ends this process, so that none leaves the command without its guard.
    let mut signals = Signals::listen()?;
    let (attestation, command, delivery) = tokio::select! {
        prepared = prepare(args, gate) => match prepared {
            Ok(prepared) => prepared,
            Err(Error::Gate(error)) if error.is_refusal() => {
                tell(&format!("not started: {error}"));
                return Ok(Exit::Refused);
            }
            Err(error) => return Err(error),
        },
        number = signals.ending() => return Ok(Exit::Other(by_signal(number))),
    };
    tell(&format!("attested until {}", attestation.until()));
    let mut command = tokio::process::Command::from(command);
    let mut child = command.spawn().map_err(|error| Error::CommandUnstartable {
        reason: format!("{error}; check its name, and that it may be executed"),
    })?;
    // With it go the copies of secrets that were meant for its environment.
    drop(command);
    let grace = Duration::from_secs(u64::from(args.grace));
    let ending = supervise(&mut child, &mut signals, gate, attestation, grace).await?;
    drop(delivery);
    Ok(Exit::Other(match ending {
        Ending::Ended(status) => status_of(status),
        Ending::Stopped => STOPPED,
    }))
}

/// Attests, has the secrets released, and readies the command.
async fn prepare(args: &GateRunArgs, gate: &Client) -> Result<(Attestation, Command, Delivery)> {
    let attestation = gate.attest().await?;
    let mut command = Command::new(THIS_PROGRAM);
    let mut delivery = Delivery::default();
    for secret in &args.secret {
        let value = gate.release(&attestation, &secret.name).await?;
        let value = value.get().map_err(GateError::from)?;
        delivery.add(&mut command, secret, value)?;
    }
    let guard = std::process::id().to_string();
    command
        .args(["gate", "exec", "--parent", &guard, "--"])
        .args(&args.command)
        // Of its own, so that what it starts is stopped with it.
        .process_group(0);
    // Releasing may have taken long.
    attestation.token().map_err(GateError::from)?;
    Ok((attestation, command, delivery))
}

/// The status of a command, as a shell gives it.
fn status_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(number)) => by_signal(number),
        (None, None) => u8::MAX,
    }
}

fn by_signal(number: i32) -> u8 {
    u8::try_from(BY_SIGNAL.saturating_add(number)).unwrap_or(u8::MAX)
}

/// A line for whoever looks after it; standard output is the command's.
pub(super) fn tell(line: &str) {
    let line = crate::render::style::harmless(line);
    remark(&format!("bulla: {line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_command_is_passed_on() {
        // As wait(2) encodes them.
        assert_eq!(status_of(ExitStatus::from_raw(0)), 0);
        assert_eq!(status_of(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(status_of(ExitStatus::from_raw(255 << 8)), 255);
        assert_eq!(status_of(ExitStatus::from_raw(9)), 137);
        assert_eq!(status_of(ExitStatus::from_raw(15)), 143);
    }
}
