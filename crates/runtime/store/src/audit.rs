//! Who did what, and when: a chain that shows if anything was taken out or changed.

use bulla_pki::Timestamp;

use crate::Result;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who: a token's name, a command, or the service itself.
    pub actor: String,
    /// What, a stable name, for example `platform.remove`.
    pub action: String,
    /// On what, for example the name of a slot.
    pub subject: String,
    /// More about it, in JSON; no secrets, and of platforms only their name.
    pub details: String,
}

/// An event in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place: 1 for the first.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
    /// SHA-256 over the digest of the entry before (32 zero bytes for the first), the sequence and
    /// the event.
    pub sha256: [u8; 32],
}

/// The chain was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The first place where it does not hold.
    pub sequence: u64,
    /// What is wrong there.
    pub reason: String,
}

/// The audit trail.
pub trait Audit {
    /// Adds an event; durable when this returns.
    fn record(&self, event: &Event) -> Result<Entry>;

    /// Entries in their order, behind the sequence `after`, at most `limit`.
    fn entries(&self, after: u64, limit: usize) -> Result<Vec<Entry>>;

    /// The last entry; absent where nothing has happened yet.
    fn head(&self) -> Result<Option<Entry>>;

    /// Looks the whole chain through; gives how many entries there are, or where it breaks.
    fn verify_chain(&self) -> Result<std::result::Result<u64, Break>>;
}
