//! Writing archives.

use bulla_collateral::{Selector, Slot};
use bulla_pki::{SigningKey, Timestamp};

use crate::digest::Sha256;
use crate::error::{ArchiveError, SealError};
use crate::manifest::{Anchor, DocumentRow, Manifest, Part};
use crate::platform::{PlatformName, PlatformRow};
use crate::reading::{self, Whole};
use crate::volume::MANIFEST;
use crate::{MAX_FILE_SIZE, MAX_MANIFEST_SIZE, MAX_VOLUME_SIZE, signature, tar};

/// Bytes of platforms after which a volume ends: a quarter of the largest one, which is all the memory
/// that a fleet takes, and few enough that a service takes them within seconds.
const ENOUGH: usize = MAX_VOLUME_SIZE / 4;

/// Platforms after which a volume ends in any case: those that are listed and not carried have no bytes.
const MANY: usize = 4_096;

/// A document of a collection.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "what an archive has of a document"
)]
pub struct Document {
    /// Which one.
    pub slot: Slot,
    /// Under which names the vendor gives it out.
    pub selected_as: Vec<Selector>,
    /// When it was issued.
    pub issued: Timestamp,
    /// The last second at which it is good.
    pub until: Timestamp,
    /// JSON with its signature, or the DER of a CRL.
    pub body: Vec<u8>,
    /// PEM: the issuer and the root.
    pub issuer_chain: Vec<u8>,
}

/// A platform's certificates. They are personal to a machine.
#[derive(Clone)]
#[expect(
    clippy::exhaustive_structs,
    reason = "what an archive has of a platform"
)]
pub struct Platform {
    /// Which one.
    pub name: PlatformName,
    /// The family, 12 upper-case hexadecimal digits.
    pub fmspc: String,
    /// The last second at which all of its certificates are good.
    pub until: Timestamp,
    /// What is known of it, as whoever imports it reads it.
    pub body: Vec<u8>,
    /// PEM: the PCK CA and the root.
    pub issuer_chain: Vec<u8>,
}

/// What a collection holds at an instant, but for the platforms.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "what an archive is made from")]
pub struct Contents {
    /// The instant.
    pub created: Timestamp,
    /// Under which root everything is signed.
    pub trust_anchor: Anchor,
    /// The documents, in any order.
    pub documents: Vec<Document>,
}

/// Writes an archive: of everything, or of what another does not list already. What it gives is the
/// next piece of the file.
///
/// The same contents give the same bytes, but for the signatures.
pub struct Sealing<'k> {
    key: &'k SigningKey,
    /// The volume that is being filled.
    manifest: Manifest,
    /// The files of it.
    files: Vec<u8>,
    /// The last platform so far.
    after: Option<PlatformName>,
}

impl<'k> Sealing<'k> {
    /// Begins with the documents.
    pub fn begin(
        contents: Contents,
        key: &'k SigningKey,
        base: Option<&Whole>,
    ) -> Result<Self, SealError> {
        let listed = base.map(Whole::manifest);
        if let Some(listed) = listed {
            follows(&contents, listed)?;
        }
        let mut sealing = Self {
            key,
            manifest: Manifest {
                format: Manifest::format(),
                created: contents.created,
                volume: 1,
                previous: None,
                last: false,
                base: base.map(Whole::as_base),
                trust_anchor: contents.trust_anchor,
                documents: Vec::new(),
                platforms: Vec::new(),
            },
            files: Vec::new(),
            after: None,
        };
        let mut documents = contents.documents;
        documents.sort_by_key(|document| document.slot);
        for document in documents {
            sealing.document(document, listed)?;
        }
        Ok(sealing)
    }

    fn document(&mut self, document: Document, base: Option<&Manifest>) -> Result<(), SealError> {
        let mut selected_as = document.selected_as;
        selected_as.sort_unstable();
        let mut row = DocumentRow {
            slot: document.slot,
            selected_as,
            issued: document.issued,
            until: document.until,
            body: Part::of(&document.body),
            issuer_chain: Part::of(&document.issuer_chain),
            carried: true,
        };
        let last = self.manifest.documents.last();
        if last.is_some_and(|last| last.slot == row.slot) {
            let name = row.slot.to_string();
            return Err(SealError::Twice { name });
        }
        let found = base.and_then(|base| {
            let rows = &base.documents;
            let place = rows.binary_search_by_key(&row.slot, |row| row.slot);
            rows.get(place.ok()?)
        });
        // A document that is given out under another name now is brought again, so that whoever takes
        // it learns of the name.
        row.carried = found.is_none_or(|found| {
            (found.body, found.issuer_chain, &found.selected_as)
                != (row.body, row.issuer_chain, &row.selected_as)
        });
        if row.carried {
            self.carry(row.file(), &document.body)?;
            self.carry(row.chain_file(), &document.issuer_chain)?;
        }
        self.manifest.documents.push(row);
        Ok(())
    }

    /// Adds a platform, behind all before it in the order of the names; with the row that the archive
    /// has of it since which this one is made, if there is one. What is given is a piece of the file,
    /// or nothing yet.
    pub fn platform(
        &mut self,
        platform: Platform,
        base: Option<&PlatformRow>,
    ) -> Result<Vec<u8>, SealError> {
        let mut row = PlatformRow {
            name: platform.name,
            fmspc: platform.fmspc,
            until: platform.until,
            body: Part::of(&platform.body),
            issuer_chain: Part::of(&platform.issuer_chain),
            carried: true,
        };
        if self.after.as_ref() >= Some(&row.name) {
            let name = format!("the platform {}", row.name.sha256());
            return Err(SealError::Twice { name });
        }
        row.carried = base.is_none_or(|base| {
            (&base.name, base.body, base.issuer_chain) != (&row.name, row.body, row.issuer_chain)
        });
        let is_full = self.files.len() >= ENOUGH || self.manifest.platforms.len() >= MANY;
        let piece = match is_full {
            true => self.volume(false)?,
            false => Vec::new(),
        };
        if row.carried {
            self.carry(row.file(), &platform.body)?;
            self.carry(row.chain_file(), &platform.issuer_chain)?;
        }
        self.after = Some(row.name.clone());
        self.manifest.platforms.push(row);
        Ok(piece)
    }

    /// The last piece.
    pub fn finish(mut self) -> Result<Vec<u8>, SealError> {
        let mut piece = self.volume(true)?;
        tar::finish(&mut piece);
        Ok(piece)
    }

    fn carry(&mut self, name: String, content: &[u8]) -> Result<(), SealError> {
        within(&name, content.len(), MAX_FILE_SIZE)?;
        tar::write(&mut self.files, &name, content);
        within("the volume", self.files.len(), MAX_VOLUME_SIZE)
    }

    /// Ends the volume and begins the next one.
    fn volume(&mut self, last: bool) -> Result<Vec<u8>, SealError> {
        self.manifest.last = last;
        self.manifest.check().map_err(SealError::TooLarge)?;
        let text = self.manifest.write();
        within("its manifest", text.len(), MAX_MANIFEST_SIZE)?;
        let signature = signature::write(self.key, &text)?;
        let heads = tar::length(signature.len()).saturating_add(tar::length(text.len()));
        let size = heads
            .saturating_add(self.files.len())
            .saturating_add(tar::END);
        within("the volume", size, MAX_VOLUME_SIZE)?;
        let mut piece = Vec::with_capacity(size.saturating_add(tar::BLOCK));
        let name = reading::file(self.manifest.volume);
        // A volume fills its last block.
        tar::begin(&mut piece, &name, size);
        tar::write(&mut piece, signature::FILE, &signature);
        tar::write(&mut piece, MANIFEST, &text);
        piece.extend_from_slice(&self.files);
        tar::finish(&mut piece);
        self.files.clear();
        self.manifest.previous = Some(Sha256::of(&text));
        self.manifest.volume = self.manifest.volume.saturating_add(1);
        self.manifest.documents.clear();
        self.manifest.platforms.clear();
        Ok(piece)
    }
}

/// Whether an archive can be the base of what is to be made.
fn follows(contents: &Contents, base: &Manifest) -> Result<(), SealError> {
    let (own, others) = (&contents.trust_anchor, &base.trust_anchor);
    if own.public_key_sha256 != others.public_key_sha256 {
        return Err(SealError::AnchorsDiffer {
            base: others.public_key_sha256.to_string(),
            own: own.public_key_sha256.to_string(),
        });
    }
    if contents.created < base.created {
        return Err(SealError::BeforeBase {
            base: base.created.to_string(),
            own: contents.created.to_string(),
        });
    }
    Ok(())
}

fn within(what: &str, found: usize, limit: usize) -> Result<(), SealError> {
    match found <= limit {
        true => Ok(()),
        false => Err(SealError::TooLarge(ArchiveError::TooLarge {
            what: what.to_owned(),
            found: u64::try_from(found).unwrap_or(u64::MAX),
            limit,
            unit: "bytes",
        })),
    }
}
