//! Under which trust anchor a service works.

use bulla_pki::{AnchorKind, TrustAnchor, TrustAnchors};
use bulla_store::AnchorId;

/// The one trust anchor of a service. Everything that it keeps and answers rests on it; what ends
/// in another is refused, and what another service kept in the same store is not looked at.
#[derive(Clone, Debug)]
pub struct Realm {
    anchors: TrustAnchors,
    anchor: TrustAnchor,
}

impl Realm {
    /// The realm of the vendor's own root.
    pub fn vendor() -> Option<Self> {
        Self::of(TrustAnchors::vendors(), |anchor| anchor.is_genuine())
    }

    /// The realm of a root that was added to the vendors' by name; absent where there is none.
    pub fn named(anchors: TrustAnchors) -> Option<Self> {
        Self::of(anchors, |anchor| !anchor.is_genuine())
    }

    fn of(anchors: TrustAnchors, is_it: impl Fn(&TrustAnchor) -> bool) -> Option<Self> {
        let anchor = anchors.iter().find(|anchor| is_it(anchor))?.clone();
        Some(Self { anchors, anchor })
    }

    /// The anchor.
    pub fn anchor(&self) -> &TrustAnchor {
        &self.anchor
    }

    /// What chains are checked against: the anchor and the vendors', so that a document of theirs
    /// is refused by its name.
    pub fn anchors(&self) -> &TrustAnchors {
        &self.anchors
    }

    /// The anchor's name in the store.
    pub fn id(&self) -> AnchorId {
        AnchorId(*self.anchor.public_key_sha256())
    }

    /// Whether everything here is a simulation, which every answer, metric and log line says.
    pub fn is_simulated(&self) -> bool {
        self.anchor.kind() == AnchorKind::Simulated
    }
}
