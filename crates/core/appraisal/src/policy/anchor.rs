//! How a policy names trust anchors.

use std::fmt;
use std::str::FromStr;

use bulla_pki::{TrustAnchor, TrustAnchors};
use serde::{Deserialize, Deserializer};

use super::HexBytes;
use super::value::{ValueError, from_text};

/// A root that a policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnchorName {
    /// A vendor's root, compiled in, by its name.
    Vendor(String),
    /// Any root, by the SHA-256 of its uncompressed public key. The only way to accept a root
    /// that is no vendor's.
    KeySha256(HexBytes<32>),
}

impl AnchorName {
    /// Whether this names the anchor.
    pub fn names(&self, anchor: &TrustAnchor) -> bool {
        match self {
            Self::Vendor(name) => anchor.is_genuine() && anchor.name() == name,
            Self::KeySha256(digest) => anchor.public_key_sha256() == &digest.0,
        }
    }
}

/// Reads a vendor's name, for example `intel-sgx-root`, or 64 hexadecimal digits.
impl FromStr for AnchorName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if TrustAnchors::vendors()
            .iter()
            .any(|anchor| anchor.name() == text)
        {
            return Ok(Self::Vendor(text.to_owned()));
        }
        let name = || text.to_owned();
        if ["custom-", "simulated-"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            return Err(ValueError::ShortenedAnchor { name: name() });
        }
        if text.chars().all(|c| c.is_ascii_hexdigit()) {
            return text.parse().map(Self::KeySha256);
        }
        Err(ValueError::UnknownAnchor { name: name() })
    }
}

impl fmt::Display for AnchorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vendor(name) => f.pad(name),
            Self::KeySha256(digest) => digest.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for AnchorName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_vendors_or_a_whole_digest() {
        let digest = "ab".repeat(32);
        assert!(matches!(
            "intel-sgx-root".parse(),
            Ok(AnchorName::Vendor(_))
        ));
        assert!(
            matches!(digest.parse(), Ok(AnchorName::KeySha256(HexBytes(d))) if d == [0xab; 32])
        );
        for text in ["simulated-0011223344556677", "custom-0011223344556677"] {
            let name = text.to_owned();
            assert_eq!(
                text.parse::<AnchorName>(),
                Err(ValueError::ShortenedAnchor { name })
            );
        }
        assert!(matches!(
            digest[2..].parse::<AnchorName>(),
            Err(ValueError::HexLength {
                bytes: 32,
                found: 62
            })
        ));
        for text in ["Intel-SGX-Root", "amd", "intel-sgx-root "] {
            let name = text.to_owned();
            assert_eq!(
                text.parse::<AnchorName>(),
                Err(ValueError::UnknownAnchor { name })
            );
        }
    }

    #[test]
    fn a_vendors_root_answers_to_its_name_and_to_its_digest() {
        for anchor in TrustAnchors::vendors().iter() {
            let by_name: AnchorName = anchor.name().parse().unwrap();
            let by_digest: AnchorName = hex::encode(anchor.public_key_sha256()).parse().unwrap();
            assert!(by_name.names(anchor) && by_digest.names(anchor));
            assert!(!AnchorName::KeySha256(HexBytes([0; 32])).names(anchor));
        }
    }
}
