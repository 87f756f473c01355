//! Reading archives.

use bulla_pki::PublicKey;

use crate::digest::Sha256;
use crate::error::ArchiveError;
use crate::manifest::{DocumentRow, Manifest, Part, PlatformRow};
use crate::signature::{self, key_sha256};
use crate::tar::Reader;
use crate::{MAX_MANIFEST_SIZE, MAX_SIZE};

/// The file of the manifest, the second of all.
pub(crate) const MANIFEST: &str = "manifest.json";

/// What is carried of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the two files of a row")]
pub struct Item<'a> {
    /// The document, or what is known of the platform.
    pub body: &'a [u8],
    /// PEM: the issuer and the root.
    pub issuer_chain: &'a [u8],
}

/// An archive that is whole and as it was sealed.
#[derive(Clone, Debug)]
pub struct Archive<'a> {
    manifest: Manifest,
    sha256: Sha256,
    signer: PublicKey,
    documents: Vec<Option<Item<'a>>>,
    platforms: Vec<Option<Item<'a>>>,
}

impl<'a> Archive<'a> {
    /// Reads an archive that was sealed with this key.
    pub fn read(bytes: &'a [u8], signer: &PublicKey) -> Result<Self, ArchiveError> {
        Self::read_signed(bytes, |found| match found == signer {
            true => Ok(()),
            false => Err(ArchiveError::SignerOther {
                found: key_sha256(found).to_string(),
                expected: key_sha256(signer).to_string(),
            }),
        })
    }

    /// Reads an archive that was sealed with the key of this digest ([`key_sha256`]).
    pub fn read_by_digest(bytes: &'a [u8], signer: Sha256) -> Result<Self, ArchiveError> {
        Self::read_signed(bytes, |found| match key_sha256(found) == signer {
            true => Ok(()),
            false => Err(ArchiveError::SignerOther {
                found: key_sha256(found).to_string(),
                expected: signer.to_string(),
            }),
        })
    }

    /// Reads an archive, whoever sealed it: to look into it. Nothing of it may be used.
    pub fn read_of_anybody(bytes: &'a [u8]) -> Result<Self, ArchiveError> {
        Self::read_signed(bytes, |_| Ok(()))
    }

    fn read_signed(
        bytes: &'a [u8],
        trusted: impl FnOnce(&PublicKey) -> Result<(), ArchiveError>,
    ) -> Result<Self, ArchiveError> {
        if bytes.len() > MAX_SIZE {
            return Err(ArchiveError::TooLarge {
                what: "the archive".to_owned(),
                found: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                limit: MAX_SIZE,
                unit: "bytes",
            });
        }
        let mut reader = Reader::new(bytes);
        if !reader.is_next(signature::FILE) {
            return Err(ArchiveError::NotAnArchive);
        }
        let signature = reader.file(signature::FILE, signature::SIZE)?;
        let text = reader.file(MANIFEST, MAX_MANIFEST_SIZE)?;
        // Nothing is read that nobody has signed.
        let signer = signature::read(signature, text)?;
        trusted(&signer)?;
        let manifest = Manifest::parse(text)?;
        let documents = manifest.documents.iter().map(|row| {
            let names = (row.file(), row.chain_file());
            item(&mut reader, names, row.body, row.issuer_chain, row.carried)
        });
        let documents = documents.collect::<Result<_, _>>()?;
        let platforms = manifest.platforms.iter().map(|row| {
            let names = (row.file(), row.chain_file());
            item(&mut reader, names, row.body, row.issuer_chain, row.carried)
        });
        let platforms = platforms.collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self {
            sha256: Sha256::of(text),
            manifest,
            signer,
            documents,
            platforms,
        })
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its name: SHA-256 of its manifest.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Whose signature it bears.
    pub fn signer(&self) -> &PublicKey {
        &self.signer
    }

    /// Every document that is listed, with what is carried of it.
    pub fn documents(&self) -> impl Iterator<Item = (&DocumentRow, Option<Item<'a>>)> {
        self.manifest
            .documents
            .iter()
            .zip(self.documents.iter().copied())
    }

    /// Every platform that is listed, with what is carried of it.
    pub fn platforms(&self) -> impl Iterator<Item = (&PlatformRow, Option<Item<'a>>)> {
        self.manifest
            .platforms
            .iter()
            .zip(self.platforms.iter().copied())
    }
}

/// The two files of a row, where they are carried.
fn item<'a>(
    reader: &mut Reader<'a>,
    (body_file, chain_file): (String, String),
    body: Part,
    issuer_chain: Part,
    carried: bool,
) -> Result<Option<Item<'a>>, ArchiveError> {
    if !carried {
        return Ok(None);
    }
    let body = part(reader, &body_file, body)?;
    let issuer_chain = part(reader, &chain_file, issuer_chain)?;
    Ok(Some(Item { body, issuer_chain }))
}

fn part<'a>(reader: &mut Reader<'a>, name: &str, part: Part) -> Result<&'a [u8], ArchiveError> {
    let offset = reader.offset();
    let content = reader.file_of(name, part.size)?;
    match Sha256::of(content) == part.sha256 {
        true => Ok(content),
        false => Err(ArchiveError::Altered {
            file: name.to_owned(),
            offset,
        }),
    }
}
