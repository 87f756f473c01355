//! Asking once for what several nodes want: each takes its turn.

use std::pin::pin;
use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_store::nodes::{Held, Turn};
use bulla_store::{AnchorId, Nodes as _, Store, StoreError};

use crate::keeper::unhurried;

/// How long a turn lasts, in seconds, unless it is extended: so long others wait for a node that was
/// killed.
const SECONDS: u32 = 30;

/// How often the turn of whoever is still about it is extended.
const EXTENDED: Duration = Duration::from_secs(10);

/// How often it is looked whether somebody else's turn is over. Whoever waits is a client.
const LOOK: Duration = Duration::from_millis(150);

/// What a node may do.
pub(crate) enum Chance<'a> {
    /// Ask, and say afterwards what came of it.
    Ask(Mine<'a>),
    /// Nothing: another node has asked with success, at this instant.
    Asked(Timestamp),
}

/// A turn of this node's.
pub(crate) struct Mine<'a> {
    store: &'a Store,
    anchor: AnchorId,
    what: &'a str,
    held: Held,
}

/// Waits until it is this node's turn to ask for `what`, or another has asked since `known`.
pub(crate) async fn take<'a>(
    store: &'a Store,
    anchor: AnchorId,
    what: &'a str,
    known: Option<Timestamp>,
) -> Result<Chance<'a>, StoreError> {
    loop {
        match unhurried(|| store.take_turn(anchor, what, known, SECONDS))? {
            Turn::Ours(held) => {
                return Ok(Chance::Ask(Mine {
                    store,
                    anchor,
                    what,
                    held,
                }));
            }
            Turn::Asked(at) => return Ok(Chance::Asked(at)),
            Turn::Theirs => tokio::time::sleep(LOOK).await,
        }
    }
}

impl Mine<'_> {
    /// Does what the turn was taken for, and keeps the turn as long as that takes.
    pub(crate) async fn hold<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(EXTENDED, work.as_mut()).await {
                Ok(done) => return done,
                Err(_) => self.extend(),
            }
        }
    }

    fn extend(&mut self) {
        let (store, what) = (self.store, self.what);
        match unhurried(|| store.extend_turn(self.anchor, what, self.held, SECONDS)) {
            Ok(Some(held)) => self.held = held,
            Ok(None) => tracing::warn!(what, "the turn to ask was over; another node asks too"),
            Err(error) => tracing::warn!(what, %error, "the turn to ask cannot be extended"),
        }
    }

    /// Ends it: `asked` is when there was success. Where that cannot be said, the turn ends by itself.
    pub(crate) fn end(self, asked: Option<Timestamp>) {
        let (store, what) = (self.store, self.what);
        if let Err(error) = unhurried(|| store.end_turn(self.anchor, what, self.held, asked)) {
            tracing::warn!(what, %error, "the turn to ask ends by itself");
        }
    }
}

/// Whether a duty that is done every now and then is this node's for the next `seconds`.
pub(crate) fn has_duty(store: &Store, anchor: AnchorId, duty: &str, seconds: u32) -> bool {
    let turn = unhurried(|| store.take_turn(anchor, duty, None, seconds));
    matches!(turn, Ok(Turn::Ours(_)))
}
