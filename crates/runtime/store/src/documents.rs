//! The vendor's documents, every issue of them.

use bulla_collateral::{Selector, Series, Slot};
use bulla_pki::{Timestamp, Window};

use crate::{AnchorId, Result};

/// A document that was verified and is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDocument {
    /// Which document.
    pub slot: Slot,
    /// The document as received: JSON with its signature around it, or a CRL in DER.
    pub body: Vec<u8>,
    /// SHA-256 of `body`.
    pub sha256: [u8; 32],
    /// PEM: the issuer and the root, without which nobody can check the document.
    pub issuer_chain: Vec<u8>,
    /// From when until when the document is current (`issueDate` to `nextUpdate`).
    pub window: Window,
    /// When it arrived.
    pub arrived: Timestamp,
    /// Where it came from, for people.
    pub source: String,
}

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its number in this store, rising with arrival.
    pub id: i64,
    /// The document.
    pub document: NewDocument,
}

/// The number that the vendor gives out under a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Of which series.
    pub series: Series,
    /// Under which name.
    pub selector: Selector,
    /// Which number.
    pub number: u32,
    /// When that was first seen.
    pub since: Timestamp,
    /// When that was last seen.
    pub seen: Timestamp,
}

/// Something that was refused on arrival, kept for inspection and never served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// When it arrived.
    pub arrived: Timestamp,
    /// Where it came from, for people.
    pub source: String,
    /// What it was to be, for people: the name of a slot, or of a platform's certificates.
    pub what: String,
    /// Stable name of the reason.
    pub code: String,
    /// The reason in words.
    pub reason: String,
    /// What arrived.
    pub body: Vec<u8>,
}

/// How much of one body is kept, in bytes: 1 MiB, the size of the largest document that bulla
/// reads. Of a longer one the beginning is kept.
pub const SET_ASIDE_BODY: usize = 1 << 20;

/// How much of each text beside a body is kept, in bytes: a page, for people to read.
pub const SET_ASIDE_TEXT: usize = 2_000;

/// How many refusals are kept: more than somebody reads. The oldest make room.
pub const SET_ASIDE_COUNT: u64 = 1_000;

/// How many bytes all refusals may have, bodies and texts: 64 MiB, so that small disks hold them
/// beside the documents. The oldest make room.
pub const SET_ASIDE_BYTES: u64 = 64 << 20;

/// The collection of documents.
pub trait Documents {
    /// Keeps a document; one that is there already (equal slot and digest) stays as it is. Gives
    /// its number. `selections` become current in the same transaction; one with the number that
    /// is current already only moves its `seen`, if that is later.
    fn add_document(
        &self,
        anchor: AnchorId,
        document: &NewDocument,
        selections: &[Selection],
    ) -> Result<i64>;

    /// The latest issue in every slot: that with the latest start of its window; of several, the
    /// one that was added last.
    fn latest_documents(&self, anchor: AnchorId) -> Result<Vec<StoredDocument>>;

    /// The present selections.
    fn selections(&self, anchor: AnchorId) -> Result<Vec<Selection>>;

    /// Every selection there ever was of a series, latest first.
    fn selection_history(&self, anchor: AnchorId, series: Series) -> Result<Vec<Selection>>;

    /// Every issue of a document, latest first, at most `limit`.
    fn document_history(
        &self,
        anchor: AnchorId,
        slot: Slot,
        limit: usize,
    ) -> Result<Vec<StoredDocument>>;

    /// The issue that was served at an instant: the latest of those that had arrived by then;
    /// absent where none had.
    fn document_at(
        &self,
        anchor: AnchorId,
        slot: Slot,
        at: Timestamp,
    ) -> Result<Option<StoredDocument>>;

    /// Puts something aside. Of equal bodies for the same place only the last arrival is kept,
    /// and of all no more than the limits of this module: the oldest make room.
    fn set_aside(&self, anchor: AnchorId, refused: &SetAside) -> Result<()>;

    /// What was put aside, latest first, at most `limit`.
    fn all_set_aside(&self, anchor: AnchorId, limit: usize) -> Result<Vec<SetAside>>;
}
