//! Who did what, and when: a chain that shows if anything was taken out or changed.
//!
//! The digest of an entry is SHA-256 over these parts, one behind the other; numbers have 8 bytes,
//! most significant first, and each text has its length in bytes as such a number in front:
//!
//! 1. the text `audit`,
//! 2. the length of a digest, 32, as a number; the digest of the entry before, or 32 zero bytes for
//!    the first,
//! 3. the sequence, a number,
//! 4. when it happened in seconds since 1970, a number,
//! 5. the texts of actor, action, subject and details.
//!
//! There is no key in it: whoever may write the whole database can make a new chain that holds.
//! A digest of the last entry that was noted elsewhere, as in a log, shows that too.

use bulla_pki::Timestamp;

use crate::Result;
use crate::encoding::Encoding;

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
    /// the event; how exactly is said at the module.
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

    /// Entries in their order, behind the sequence `after`, at most `limit`; as they stand there,
    /// whether the chain holds or not.
    fn entries(&self, after: u64, limit: usize) -> Result<Vec<Entry>>;

    /// The last entry; absent where nothing has happened yet.
    fn head(&self) -> Result<Option<Entry>>;

    /// Looks the whole chain through; gives how many entries there are, or where it breaks.
    fn verify_chain(&self) -> Result<std::result::Result<u64, Break>>;
}

/// The digest of an entry; the texts are actor, action, subject and details.
pub(crate) fn digest(previous: &[u8; 32], sequence: u64, at: u64, texts: [&[u8]; 4]) -> [u8; 32] {
    let encoding = Encoding::of("audit")
        .bytes(previous)
        .number(sequence)
        .number(at);
    texts.into_iter().fold(encoding, Encoding::bytes).sha256()
}
