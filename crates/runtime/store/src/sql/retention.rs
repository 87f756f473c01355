//! What is removed when it has become old.

use bulla_pki::Timestamp;

use super::connection::Connection;
use super::fault::Outcome;
use super::set_aside;
use crate::{AnchorId, Result, Store};

/// How long what is kept.
///
/// The latest issue in every slot, selections, decisions and the audit trail are kept for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long an issue that was followed by a later one is kept after its window ended, in
    /// seconds.
    pub documents: u64,
    /// How long a refusal is kept after it arrived, in seconds.
    pub set_aside: u64,
    /// How many refusals are kept, whatever their anchor; no more than
    /// [`SET_ASIDE_COUNT`](crate::documents::SET_ASIDE_COUNT) are in any case.
    pub set_aside_count: u64,
    /// How many bytes they may have; no more than
    /// [`SET_ASIDE_BYTES`](crate::documents::SET_ASIDE_BYTES) are in any case.
    pub set_aside_bytes: u64,
}

impl Default for Retention {
    /// Issues for 400 days, so that what was served a year ago can be told; refusals for 30, the
    /// time in which the vendor replaces a document, and within the limits in any case.
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            documents: 400 * DAY,
            set_aside: 30 * DAY,
            set_aside_count: crate::documents::SET_ASIDE_COUNT,
            set_aside_bytes: crate::documents::SET_ASIDE_BYTES,
        }
    }
}

/// How much was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Issues of documents.
    pub documents: usize,
    /// Refusals.
    pub set_aside: usize,
}

impl Store {
    /// Removes what is older than it is to be kept at `now`. The file does not become smaller; its
    /// room is used again.
    pub fn prune(&self, anchor: AnchorId, retention: &Retention, now: Timestamp) -> Result<Pruned> {
        self.write(|transaction| {
            let oldest = now.saturating_sub(retention.set_aside);
            let (count, bytes) = (retention.set_aside_count, retention.set_aside_bytes);
            Ok(Pruned {
                documents: documents(transaction, anchor, now.saturating_sub(retention.documents))?,
                set_aside: set_aside::keep_since(transaction, anchor, oldest)?
                    + set_aside::keep_latest(transaction, count, bytes)?,
            })
        })
    }
}

/// Removes the issues whose window ended before an instant, but for the latest of each slot.
fn documents(connection: &Connection<'_>, anchor: AnchorId, oldest: Timestamp) -> Outcome<usize> {
    connection.execute(
        "DELETE FROM documents WHERE anchor = ?1 AND valid_until < ?2 AND id <> (
             SELECT id FROM documents AS issue
             WHERE issue.anchor = documents.anchor AND issue.slot = documents.slot
             ORDER BY valid_from DESC, id DESC LIMIT 1
         )",
        &[&anchor.0, &oldest.unix_seconds()],
    )
}
