//! Watching over a command: while it runs the machine attests again, and it runs no longer than that.

use std::pin::pin;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use bulla_gate::{Attestation, Client, GateError};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::run::tell;
use crate::error::{Error, Result};

/// Longest time between two looks at the clocks: a machine that slept, or whose clock was set, is
/// noticed within it.
const LOOK: Duration = Duration::from_secs(2);

/// Least time between two attempts to attest.
const RETRY_AT_LEAST: Duration = Duration::from_millis(200);

/// Longest time between two attempts to attest.
const RETRY_AT_MOST: Duration = Duration::from_secs(15);

/// Least time between two lines that give the same reason.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// How many attempts fit into what is left after the first has failed.
const RETRIES: u32 = 10;

/// Signals that are passed on.
const PASSED_ON: [Signal; 7] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::TERM,
    Signal::WINCH,
];

/// How it went with the command.
pub(super) enum Ending {
    /// It ended by itself.
    Ended(ExitStatus),
    /// It was stopped, since the machine is no longer attested.
    Stopped,
}

/// Waits for the command to end, and ends it where the attestation does.
pub(super) async fn supervise(
    child: &mut Child,
    signals: &mut Signals,
    gate: &Client,
    attestation: Attestation,
    grace: Duration,
) -> Result<Ending> {
    let group = group(child)?;
    let mut lost = pin!(keep_attested(gate, attestation));
    let reason = loop {
        tokio::select! {
            status = child.wait() => return ended(status).map(Ending::Ended),
            signal = signals.next() => send(group, signal),
            reason = &mut lost => break reason,
        }
    };
    tell(&format!("stopping the command: {reason}"));
    send(group, Signal::TERM);
    let mut over = pin!(sleep(grace));
    loop {
        tokio::select! {
            status = child.wait() => {
                ended(status)?;
                break;
            }
            signal = signals.next() => send(group, signal),
            () = &mut over => {
                send(group, Signal::KILL);
                ended(child.wait().await)?;
                break;
            }
        }
    }
    // What it started and left behind.
    send(group, Signal::KILL);
    Ok(Ending::Stopped)
}

/// Attests again in time, for as long as that succeeds; then says why it does not.
async fn keep_attested(gate: &Client, mut attestation: Attestation) -> GateError {
    loop {
        let Ok(left) = attestation.left() else {
            return expired(&attestation, None);
        };
        if let Err(error) = wait(&attestation, left / 2).await {
            return expired(&attestation, Some(error));
        }
        match renewed(gate, &attestation).await {
            Ok(later) => attestation = later,
            Err(error) => return error,
        }
    }
}

/// A later attestation. What may pass is tried again until the earlier one ends; a refusal is final.
async fn renewed(
    gate: &Client,
    attestation: &Attestation,
) -> std::result::Result<Attestation, GateError> {
    let mut last = None;
    let mut said = Said::default();
    loop {
        let Ok(left) = attestation.left() else {
            return Err(expired(attestation, last));
        };
        match timeout(left, gate.attest()).await {
            Ok(Ok(later)) => return Ok(later),
            Ok(Err(error)) if error.may_pass() => {
                let until = attestation.until();
                let line = format!("attesting again failed, and is tried until {until}: {error}");
                if said.is_news(&line, Instant::now()) {
                    tell(&line);
                }
                last = Some(error);
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(expired(attestation, last)),
        }
        let pause = (left / RETRIES).clamp(RETRY_AT_LEAST, RETRY_AT_MOST);
        if let Err(error) = wait(attestation, pause).await {
            return Err(last.unwrap_or(error));
        }
    }
}

/// What was said last, and when.
#[derive(Default)]
struct Said(Option<(String, Instant)>);

impl Said {
    /// Whether a line is to be said now: it is another one, or that was a while ago.
    fn is_news(&mut self, line: &str, now: Instant) -> bool {
        let is_known = self.0.as_ref().is_some_and(|(last, at)| {
            last == line && now.saturating_duration_since(*at) < SAID_AGAIN
        });
        if !is_known {
            self.0 = Some((line.to_owned(), now));
        }
        !is_known
    }
}

/// Waits, with an eye on the clocks; an error once the attestation has ended.
async fn wait(attestation: &Attestation, time: Duration) -> std::result::Result<(), GateError> {
    let mut rest = time;
    while !rest.is_zero() {
        let step = rest.min(LOOK).min(attestation.left()?);
        sleep(step).await;
        rest = rest.saturating_sub(step);
    }
    attestation.left()?;
    Ok(())
}

/// Why an attestation was not renewed in time: the last failure says more than the end.
fn expired(attestation: &Attestation, last: Option<GateError>) -> GateError {
    match (last, attestation.left()) {
        (Some(error), _) => error,
        (None, Err(ended)) => ended.into(),
        (None, Ok(_)) => GateError::Late,
    }
}

fn group(child: &Child) -> Result<Pid> {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    id.and_then(Pid::from_raw).ok_or(Error::CommandUnstartable {
        reason: "it has no process".to_owned(),
    })
}

fn ended(status: std::io::Result<ExitStatus>) -> Result<ExitStatus> {
    status.map_err(|error| Error::CommandUnstartable {
        reason: format!("it cannot be waited for: {error}"),
    })
}

/// Sends a signal to everything in the command's group; one that has ended cannot be told.
fn send(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}

/// The signals that this process is sent.
pub(super) struct Signals(mpsc::UnboundedReceiver<Signal>);

impl Signals {
    /// Begins to listen: from now on they do not end this process.
    pub(super) fn listen() -> Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        for signal in PASSED_ON {
            let kind = SignalKind::from_raw(signal.as_raw());
            let mut stream = unix::signal(kind).map_err(|error| Error::CommandUnstartable {
                reason: format!("signals cannot be passed on: {error}"),
            })?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() && sender.send(signal).is_ok() {}
            });
        }
        Ok(Self(receiver))
    }

    async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(signal) => signal,
            // Nobody sends any more.
            None => std::future::pending().await,
        }
    }

    /// The number of the first signal that is to end whatever is not yet started.
    pub(super) async fn ending(&mut self) -> i32 {
        loop {
            let signal = self.next().await;
            if [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM].contains(&signal) {
                return signal.as_raw();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_a_minute_and_anything_else_at_once() {
        let mut said = Said::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(said.is_news("busy", start));
        assert!(!said.is_news("busy", after(59)));
        assert!(said.is_news("unreachable", after(59)));
        assert!(said.is_news("busy", after(60)));
        assert!(!said.is_news("busy", after(119)));
        assert!(said.is_news("busy", after(120)));
    }
}
