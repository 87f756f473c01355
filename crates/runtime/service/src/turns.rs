//! Asking once for what several nodes want: each takes its turn.

use std::pin::pin;
use std::time::Duration;

use bulla_pki::Timestamp;
use bulla_store::nodes::Turn;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chance {
    /// Ask, and say afterwards what came of it.
    Ask,
    /// Nothing: another node has asked with success, at this instant.
    Asked(Timestamp),
}

/// Waits until it is this node's turn to ask for `what`, or another has asked since `known`.
pub(crate) async fn take(
    store: &Store,
    anchor: AnchorId,
    what: &str,
    known: Option<Timestamp>,
) -> Result<Chance, StoreError> {
    loop {
        match unhurried(|| store.take_turn(anchor, what, known, SECONDS))? {
            Turn::Ours => return Ok(Chance::Ask),
            Turn::Asked(at) => return Ok(Chance::Asked(at)),
            Turn::Theirs => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Does what a turn was taken for, and keeps the turn as long as that takes.
pub(crate) async fn hold<T>(
    store: &Store,
    anchor: AnchorId,
    what: &str,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(EXTENDED, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => {
                if let Err(error) = unhurried(|| store.extend_turn(anchor, what, SECONDS)) {
                    tracing::warn!(what, %error, "the turn to ask cannot be extended");
                }
            }
        }
    }
}

/// Whether a duty that is done every now and then is this node's for the next `seconds`.
pub(crate) fn has_duty(store: &Store, anchor: AnchorId, duty: &str, seconds: u32) -> bool {
    let turn = unhurried(|| store.take_turn(anchor, duty, None, seconds));
    matches!(turn, Ok(Turn::Ours))
}

/// Ends a turn: `asked` is when there was success. Where that cannot be said, the turn ends by
/// itself.
pub(crate) fn end(store: &Store, anchor: AnchorId, what: &str, asked: Option<Timestamp>) {
    if let Err(error) = unhurried(|| store.end_turn(anchor, what, asked)) {
        tracing::warn!(what, %error, "the turn to ask ends by itself");
    }
}
