//! How far the server is from its end, known to every connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// The stages, which only ever go forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// Requests are answered.
    Serving = 0,
    /// Those that are being answered are finished, and no others begun.
    Stopping = 1,
    /// Nothing any more.
    Over = 2,
}

/// Sets the stage.
#[derive(Clone, Debug, Default)]
pub(super) struct Curtain(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stage: AtomicU8,
    changed: Arc<Notify>,
}

impl Curtain {
    pub(super) fn set(&self, stage: Stage) {
        self.0.stage.store(stage as u8, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }

    fn stage(&self) -> Stage {
        match self.0.stage.load(Ordering::SeqCst) {
            0 => Stage::Serving,
            1 => Stage::Stopping,
            _ => Stage::Over,
        }
    }

    pub(super) fn watch(&self) -> Watch {
        Watch {
            curtain: self.clone(),
            seen: Stage::Serving,
            changed: None,
        }
    }
}

/// Watches the stage on behalf of one task.
#[derive(Debug)]
pub(super) struct Watch {
    curtain: Curtain,
    seen: Stage,
    /// What wakes the task at the next change, and whom it wakes. Asking it again each time the task
    /// runs would have all threads of the server wait for one lock.
    changed: Option<(Pin<Box<OwnedNotified>>, Waker)>,
}

impl Watch {
    /// The stage. The task is woken when it changes.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Stage {
        let waits = self
            .changed
            .as_ref()
            .is_some_and(|(_, waker)| waker.will_wake(context.waker()));
        if !waits || self.curtain.stage() != self.seen {
            let mut changed = Box::pin(Arc::clone(&self.curtain.0.changed).notified_owned());
            // A change between two polls is seen below, where the stage is read after this.
            let _ = changed.as_mut().poll(context);
            self.changed = Some((changed, context.waker().clone()));
            self.seen = self.curtain.stage();
        }
        self.seen
    }

    /// Done when the server is about to end.
    pub(super) async fn stopping(&mut self) {
        let stopping = |context: &mut Context<'_>| match self.poll(context) {
            Stage::Serving => Poll::Pending,
            Stage::Stopping | Stage::Over => Poll::Ready(()),
        };
        std::future::poll_fn(stopping).await;
    }
}
