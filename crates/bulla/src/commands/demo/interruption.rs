//! Being told to end: nothing is to be left behind then, either.

use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::broken;
use crate::error::Result;

/// Whether the process was told to end, by an interrupt or SIGTERM. Neither ends it by itself any
/// more once somebody listens.
#[derive(Clone)]
pub(super) struct Interruption(watch::Receiver<bool>);

impl Interruption {
    /// Begins to listen.
    pub(super) fn listen() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(broken)?;
        let inside = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
        drop(inside);
        let (tell, told) = watch::channel(false);
        thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            // Where nobody waits for it any more, it is over anyway.
            let _ = tell.send(true);
        });
        Ok(Self(told))
    }

    /// Whether it was told so.
    pub(super) fn is_there(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is told so.
    pub(super) async fn wait(mut self) {
        if self.0.wait_for(|told| *told).await.is_err() {
            // Nobody will tell any more.
            std::future::pending().await
        }
    }
}
