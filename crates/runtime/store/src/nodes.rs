//! What several nodes with one store owe each other: that something is asked for once, and used
//! once, and that each hears of what the others did.
//!
//! A store that nobody else has answers without remembering anything: its one process knows all
//! that happened.

use bulla_pki::Timestamp;

use crate::documents::StoredDocument;
use crate::{AnchorId, Result};

/// That a node has a turn: until when, by the clock of the database, in seconds. No later turn for
/// the same thing ends at that instant, so that whoever was silent for too long, and lost his turn to
/// another, can neither extend nor end that one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held(pub(crate) i64);

/// Whose turn it is to ask for something outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever asks has to know each of them"
)]
pub enum Turn {
    /// That of whoever asked for it, until it is ended or its time is over.
    Ours(Held),
    /// That of another node, for so long at most.
    Theirs,
    /// Another node has asked with success, at the instant that it gave: later than what the one that
    /// wanted the turn knows of.
    Asked(Timestamp),
}

/// How far a store has come. Each number rises when something of its kind changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The number of the last document.
    pub documents: i64,
    /// Of selections: the number of the last, and what was said of all of them.
    pub selections: i64,
    /// How many decisions there are.
    pub decisions: u64,
    /// The number of the last platform.
    pub platforms: i64,
    /// The present time by the clock of the database; absent where nobody else has the store.
    pub clock: Option<Timestamp>,
}

/// What nodes owe each other.
pub trait Nodes {
    /// Takes the turn to ask for `what`, for `seconds` by the clock of the database. `known` is when
    /// it was last asked for with success, as far as the node knows; absent where never.
    fn take_turn(
        &self,
        anchor: AnchorId,
        what: &str,
        known: Option<Timestamp>,
        seconds: u32,
    ) -> Result<Turn>;

    /// Has a turn last for `seconds` from now: whoever asks is still about it. Absent where it was over
    /// and is another node's.
    fn extend_turn(
        &self,
        anchor: AnchorId,
        what: &str,
        held: Held,
        seconds: u32,
    ) -> Result<Option<Held>>;

    /// Ends a turn, unless it is another node's by now. `asked` is when there was success, by a clock
    /// that whoever takes the next turn compares with; absent where there was none, and somebody else may
    /// try.
    fn end_turn(
        &self,
        anchor: AnchorId,
        what: &str,
        held: Held,
        asked: Option<Timestamp>,
    ) -> Result<()>;

    /// Uses something that may be used once, up to the instant `until` by the clock of the database;
    /// `false` where it was used before, or has ended. What has ended is forgotten: for this no node's
    /// clock counts, and `until` must follow from the thing alone, or one whose clock is wrong would
    /// have it used again.
    fn use_once(&self, thing: &[u8; 32], until: Timestamp) -> Result<bool>;

    /// Keeps something for `seconds` by the clock of the database, for all nodes.
    fn hold(&self, thing: &[u8; 32], seconds: u32) -> Result<()>;

    /// Whether something is kept, and has not ended. Where nobody else has the store nothing ever is.
    fn is_held(&self, thing: &[u8; 32]) -> Result<bool>;

    /// Keeps something no longer.
    fn let_go(&self, thing: &[u8; 32]) -> Result<()>;

    /// How far the store has come under an anchor.
    fn marks(&self, anchor: AnchorId) -> Result<Marks>;

    /// The documents behind a number, in the order of their numbers.
    fn documents_after(&self, anchor: AnchorId, number: i64) -> Result<Vec<StoredDocument>>;
}
