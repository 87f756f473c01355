//! Taking over certificates that have changed on disk.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::metrics::{Metrics, Reload};
use super::tls::Tls;

/// How often files are looked at: within a minute a new certificate is in use, without anybody
/// having to say so.
const INTERVAL: Duration = Duration::from_secs(60);

/// Looks at the files of all listeners once a minute, and whenever SIGHUP asks for it.
pub(super) async fn keep_current(
    listeners: Vec<(Arc<str>, Arc<Tls>)>,
    mut hangup: Option<Signal>,
    metrics: Arc<Metrics>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = next(&mut hangup) => {}
        }
        for (name, tls) in &listeners {
            look(name, Arc::clone(tls), &metrics).await;
        }
    }
}

/// From now on SIGHUP does not end the process, also where there is nothing to look at.
pub(super) fn hangup() -> Option<Signal> {
    let signal = signal(SignalKind::hangup());
    signal
        .inspect_err(|error| tracing::warn!(%error, "SIGHUP will end the process"))
        .ok()
}

async fn next(signal: &mut Option<Signal>) {
    let Some(signal) = signal else {
        return std::future::pending().await;
    };
    // It tells nothing more only where the runtime ends.
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

async fn look(name: &str, tls: Arc<Tls>, metrics: &Metrics) {
    // A file can be on a disk that does not answer.
    let Ok(outcome) = tokio::task::spawn_blocking(move || tls.reload()).await else {
        return;
    };
    let result = match outcome {
        Ok(false) => return,
        Ok(true) => {
            tracing::info!(listener = name, "new certificates are in use");
            "taken"
        }
        Err(error) => {
            let listener = name;
            tracing::error!(%error, listener, "certificates have changed and cannot be used; those of before stay in use");
            "failed"
        }
    };
    let reload = Reload {
        listener: name.to_owned(),
        result,
    };
    metrics.tls_reloads.get_or_create(&reload).inc();
}
