//! Writing archives.

use std::collections::BTreeMap;

use bulla_collateral::{Selector, Slot};
use bulla_pki::{SigningKey, Timestamp};

use crate::digest::Sha256;
use crate::error::{ArchiveError, SealError};
use crate::manifest::{Anchor, Base, DocumentRow, Manifest, Part, PlatformRow};
use crate::read::{Archive, MANIFEST};
use crate::{MAX_MANIFEST_SIZE, MAX_SIZE, signature, tar};

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
    /// QE-ID and PCE-ID, in whatever form; only their digest is told by the manifest.
    pub name: String,
    /// The family, 12 upper-case hexadecimal digits.
    pub fmspc: String,
    /// What is known of it, as whoever imports it reads it.
    pub body: Vec<u8>,
    /// PEM: the PCK CA and the root.
    pub issuer_chain: Vec<u8>,
}

/// Everything that a collection holds at an instant.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "what an archive is made from")]
pub struct Contents {
    /// The instant.
    pub created: Timestamp,
    /// Under which root everything is signed.
    pub trust_anchor: Anchor,
    /// The documents, in any order.
    pub documents: Vec<Document>,
    /// The platforms, in any order.
    pub platforms: Vec<Platform>,
}

impl Contents {
    /// The archive, signed: of everything, or of what `base` does not list already.
    ///
    /// The same contents give the same bytes, but for the signature.
    pub fn seal(&self, key: &SigningKey, base: Option<&Archive<'_>>) -> Result<Vec<u8>, SealError> {
        let listed = base.map(|base| base.manifest());
        if let Some(listed) = listed {
            self.follows(listed)?;
        }
        let documents = self.documents(listed)?;
        let platforms = self.platforms(listed)?;
        let manifest = Manifest::new(
            self.created,
            base.map(Archive::as_base),
            self.trust_anchor.clone(),
            documents.values().map(|(row, _)| row.clone()).collect(),
            platforms.values().map(|(row, _)| row.clone()).collect(),
        );
        manifest.check().map_err(SealError::TooLarge)?;
        let text = manifest.write();
        within("its manifest", text.len(), MAX_MANIFEST_SIZE)?;
        let documents = documents.values().filter(|(row, _)| row.carried);
        let documents = documents.flat_map(|(row, document)| {
            let body = (row.file(), &document.body);
            [body, (row.chain_file(), &document.issuer_chain)]
        });
        let platforms = platforms.values().filter(|(row, _)| row.carried);
        let platforms = platforms.flat_map(|(row, platform)| {
            let body = (row.file(), &platform.body);
            [body, (row.chain_file(), &platform.issuer_chain)]
        });
        let files: Vec<_> = documents.chain(platforms).collect();
        let size = files
            .iter()
            .map(|(_, content)| tar::length(content.len()))
            .fold(tar::length(text.len()), usize::saturating_add);
        within("the archive", size.saturating_add(4 * 512), MAX_SIZE)?;

        let mut out = Vec::with_capacity(size.saturating_add(4 * 512));
        tar::write(&mut out, signature::FILE, &signature::write(key, &text)?);
        tar::write(&mut out, MANIFEST, &text);
        for (name, content) in files {
            tar::write(&mut out, &name, content);
        }
        tar::finish(&mut out);
        Ok(out)
    }

    /// Whether an archive can be its base.
    fn follows(&self, base: &Manifest) -> Result<(), SealError> {
        let (own, others) = (&self.trust_anchor, &base.trust_anchor);
        if own.public_key_sha256 != others.public_key_sha256 {
            return Err(SealError::AnchorsDiffer {
                base: others.public_key_sha256.to_string(),
                own: own.public_key_sha256.to_string(),
            });
        }
        if self.created < base.created {
            return Err(SealError::BeforeBase {
                base: base.created.to_string(),
                own: self.created.to_string(),
            });
        }
        Ok(())
    }

    fn documents(
        &self,
        base: Option<&Manifest>,
    ) -> Result<BTreeMap<Slot, (DocumentRow, &Document)>, SealError> {
        let mut rows = BTreeMap::new();
        for document in &self.documents {
            let (body, issuer_chain) = (&document.body, &document.issuer_chain);
            let (body, issuer_chain) = (Part::of(body), Part::of(issuer_chain));
            let mut selected_as = document.selected_as.clone();
            selected_as.sort_unstable();
            let is_known = base.is_some_and(|base| {
                let found = base
                    .documents
                    .binary_search_by_key(&document.slot, |row| row.slot);
                let row = found.ok().and_then(|place| base.documents.get(place));
                // A document that is given out under another name now is brought again, so that
                // whoever takes it learns of the name.
                row.is_some_and(|row| {
                    row.body == body
                        && row.issuer_chain == issuer_chain
                        && row.selected_as == selected_as
                })
            });
            let row = DocumentRow {
                slot: document.slot,
                selected_as,
                issued: document.issued,
                until: document.until,
                body,
                issuer_chain,
                carried: !is_known,
            };
            if rows.insert(document.slot, (row, document)).is_some() {
                let name = document.slot.to_string();
                return Err(SealError::Twice { name });
            }
        }
        Ok(rows)
    }

    fn platforms(
        &self,
        base: Option<&Manifest>,
    ) -> Result<BTreeMap<Sha256, (PlatformRow, &Platform)>, SealError> {
        let mut rows = BTreeMap::new();
        for platform in &self.platforms {
            let name = Sha256::of(platform.name.as_bytes());
            let (body, issuer_chain) = (&platform.body, &platform.issuer_chain);
            let (body, issuer_chain) = (Part::of(body), Part::of(issuer_chain));
            let is_known = base.is_some_and(|base| {
                let found = base.platforms.binary_search_by_key(&name, |row| row.name);
                let row = found.ok().and_then(|place| base.platforms.get(place));
                row.is_some_and(|row| row.body == body && row.issuer_chain == issuer_chain)
            });
            let row = PlatformRow {
                name,
                fmspc: platform.fmspc.clone(),
                body,
                issuer_chain,
                carried: !is_known,
            };
            if rows.insert(name, (row, platform)).is_some() {
                return Err(SealError::Twice {
                    name: format!("the platform {name}"),
                });
            }
        }
        Ok(rows)
    }
}

impl Archive<'_> {
    /// As one that is made since names it.
    pub fn as_base(&self) -> Base {
        Base {
            sha256: self.sha256(),
            created: self.manifest().created,
        }
    }
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
