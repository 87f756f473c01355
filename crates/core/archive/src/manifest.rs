//! The manifest of a volume: what there was in the collection, with digest and end.

use bulla_collateral::{Selector, Slot};
use bulla_pki::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Sha256, text};
use crate::error::ArchiveError;
use crate::platform::PlatformRow;
use crate::{MAX_DOCUMENTS, MAX_FILE_SIZE, MAX_PLATFORMS, MAX_VOLUMES};

/// What every manifest begins with: nothing else that is signed does.
pub(crate) const FORMAT: &str = "bulla-archive/2";

/// Most characters of what is said about a manifest: what is wrong in it may be as long as itself.
const MAX_REASON: usize = 256;

/// What a volume of an archive says of itself.
///
/// In JSON, with the names of the fields; instants in RFC 3339, digests in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// `bulla-archive/2`.
    pub(crate) format: String,
    /// When the archive was made, by the clock of the service that it was made from.
    #[serde(with = "text")]
    pub created: Timestamp,
    /// Which volume this is; the first is 1.
    pub volume: u32,
    /// SHA-256 of the manifest of the volume before it; absent for the first.
    #[serde(with = "optional")]
    pub previous: Option<Sha256>,
    /// Whether no other volume follows. Its digest is the archive's name.
    pub last: bool,
    /// The archive that this one was made since; absent for a whole one.
    pub base: Option<Base>,
    /// Under which root everything in it is signed.
    pub trust_anchor: Anchor,
    /// Every document, in the order of the slots, all in the first volume.
    pub documents: Vec<DocumentRow>,
    /// Platforms, in the order of the names, which goes on in the next volume.
    pub platforms: Vec<PlatformRow>,
}

/// The archive that another was made since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a row of the format")]
pub struct Base {
    /// Its name: SHA-256 of the manifest of its last volume.
    #[serde(with = "text")]
    pub sha256: Sha256,
    /// When it was made.
    #[serde(with = "text")]
    pub created: Timestamp,
}

/// A trust anchor, as the service names it that the archive was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a row of the format")]
pub struct Anchor {
    /// Its name, for people.
    pub name: String,
    /// Whether it is a vendor's own.
    pub genuine: bool,
    /// Whether everything under it is a simulation.
    pub simulated: bool,
    /// SHA-256 of the root's key.
    #[serde(with = "text")]
    pub public_key_sha256: Sha256,
}

/// A file inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a row of the format")]
pub struct Part {
    /// Its digest.
    #[serde(with = "text")]
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

impl Part {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Sha256::of(bytes),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DocumentRow {
    /// Which one.
    #[serde(with = "text")]
    pub slot: Slot,
    /// Under which names the vendor gave it out.
    #[serde(with = "selectors")]
    pub selected_as: Vec<Selector>,
    /// When it was issued.
    #[serde(with = "text")]
    pub issued: Timestamp,
    /// The last second at which it is good: its own end, or that of its chain.
    #[serde(with = "text")]
    pub until: Timestamp,
    /// The document.
    pub body: Part,
    /// Its issuer and the root, in PEM.
    pub issuer_chain: Part,
    /// Whether both are in this archive; where not, they were in one that it builds on.
    pub carried: bool,
}

impl Manifest {
    /// What every manifest of this release says first.
    pub(crate) fn format() -> String {
        FORMAT.to_owned()
    }

    /// Reads a manifest whose signature was checked.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ArchiveError> {
        #[derive(Deserialize)]
        struct Begin {
            format: String,
        }
        let malformed = |error: serde_json::Error| ArchiveError::ManifestMalformed {
            reason: error.to_string().chars().take(MAX_REASON).collect(),
        };
        // What another release wrote has other fields.
        let Begin { format } = serde_json::from_slice(bytes).map_err(malformed)?;
        if format != FORMAT {
            let known = FORMAT;
            return Err(ArchiveError::FormatUnknown {
                found: format.chars().take(64).collect(),
                known,
            });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// In JSON, a row on a line, the same for the same content.
    pub(crate) fn write(&self) -> Vec<u8> {
        // Serde fails on maps with keys that are no text, and there is none.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The budgets, that each thing is there once, and that it says of itself what can be.
    pub(crate) fn check(&self) -> Result<(), ArchiveError> {
        let malformed = |reason: &str| {
            Err(ArchiveError::ManifestMalformed {
                reason: reason.to_owned(),
            })
        };
        count("the list of documents", self.documents.len(), MAX_DOCUMENTS)?;
        count("the list of platforms", self.platforms.len(), MAX_PLATFORMS)?;
        let documents = self.documents.iter().map(|row| row.slot);
        let platforms = self.platforms.iter().map(|row| &row.name);
        if !documents.is_sorted_by(|one, next| one < next)
            || !platforms.is_sorted_by(|one, next| one < next)
        {
            return malformed("its rows are not in order, or one is there twice");
        }
        let is_first = self.volume == 1;
        let is_number = (1..=MAX_VOLUMES).contains(&self.volume);
        if !is_number || is_first != self.previous.is_none() {
            return malformed("it has no number, or none that fits the volume before it");
        }
        if !is_first && !self.documents.is_empty() {
            return malformed("documents stand in the first volume only");
        }
        let is_named_once = |row: &DocumentRow| {
            let names = row.selected_as.iter();
            names.is_sorted_by(|one, next| one < next)
        };
        if !self.documents.iter().all(is_named_once)
            || !self.platforms.iter().all(PlatformRow::is_well_formed)
        {
            return malformed("a selector stands twice, or a platform's name or FMSPC is none");
        }
        let bodies = self.documents.iter().map(|row| (row.file(), row.body));
        let chains = self.documents.iter();
        let chains = chains.map(|row| (row.file(), row.issuer_chain));
        let platforms = self
            .platforms
            .iter()
            .flat_map(|row| [row.body, row.issuer_chain].map(|part| (row.file(), part)));
        for (file, part) in bodies.chain(chains).chain(platforms) {
            if usize::try_from(part.size).is_ok_and(|size| size <= MAX_FILE_SIZE) {
                continue;
            }
            return Err(ArchiveError::TooLarge {
                what: file,
                found: part.size,
                limit: MAX_FILE_SIZE,
                unit: "bytes",
            });
        }
        let is_whole = self.documents.iter().all(|row| row.carried)
            && self.platforms.iter().all(|row| row.carried);
        if self.base.is_none() && !is_whole {
            return malformed("it leaves something out, and builds on no other archive");
        }
        Ok(())
    }

    /// The earliest end of a document that is listed; absent where none is.
    pub fn good_until(&self) -> Option<Timestamp> {
        self.documents.iter().map(|row| row.until).min()
    }
}

fn count(what: &str, found: usize, limit: usize) -> Result<(), ArchiveError> {
    match found <= limit {
        true => Ok(()),
        false => Err(ArchiveError::TooLarge {
            what: what.to_owned(),
            found: u64::try_from(found).unwrap_or(u64::MAX),
            limit,
            unit: "entries",
        }),
    }
}

impl DocumentRow {
    /// Its file in the archive.
    pub(crate) fn file(&self) -> String {
        let kind = match self.slot {
            Slot::PckCrl(_) | Slot::RootCaCrl => "der",
            _ => "json",
        };
        format!("documents/{}.{kind}", self.slot)
    }

    /// The file of its issuer chain.
    pub(crate) fn chain_file(&self) -> String {
        format!("documents/{}.issuer-chain.pem", self.slot)
    }
}

/// A digest that may be absent.
mod optional {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Sha256};
    use crate::digest::text;

    #[derive(Deserialize, Serialize)]
    struct Text(#[serde(with = "text")] Sha256);

    pub(super) fn serialize<S: Serializer>(
        value: &Option<Sha256>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Text).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Sha256>, D::Error> {
        let text = Option::<Text>::deserialize(deserializer)?;
        Ok(text.map(|Text(digest)| digest))
    }
}

/// Selectors as the vendor names them.
mod selectors {
    use super::{Deserialize, Deserializer, Selector, Serializer};
    use serde::de::Error;

    pub(super) fn serialize<S: Serializer>(
        all: &[Selector],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(|selector| selector.as_str()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Selector>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let known = [Selector::Standard, Selector::Early];
        let all = names.iter().map(|name| {
            let found = known.into_iter().find(|known| known.as_str() == name);
            found.ok_or_else(|| D::Error::custom("a selector that there is not"))
        });
        all.collect()
    }
}
