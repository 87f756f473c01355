//! What the operator and the service manager tell a running service, and are told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

/// Done when the process is told to end: by SIGTERM, or an interrupt from the terminal.
pub async fn termination() {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    match (interrupt, terminate) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Whoever cannot be told ends as any process does.
        _ => std::future::pending().await,
    }
}

/// Tells systemd that the service is ready. Does nothing where there is no systemd.
pub fn tell_ready() {
    tell(NotifyState::Ready);
}

/// Tells systemd that the service is about to end.
pub fn tell_stopping() {
    tell(NotifyState::Stopping);
}

/// Tells systemd, and whoever asks it, in a line how the service is.
pub fn tell_status(status: &str) {
    tell(NotifyState::Status(status));
}

/// How long systemd waits for a sign of life before it ends the process; absent where it does not.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero())
}

/// Gives systemd a sign of life.
pub fn tell_alive() {
    tell(NotifyState::Watchdog);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
