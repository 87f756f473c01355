//! Reading a volume.

use bulla_pki::PublicKey;

use crate::digest::Sha256;
use crate::error::ArchiveError;
use crate::manifest::{DocumentRow, Manifest, Part};
use crate::platform::PlatformRow;
use crate::signature::{self, Signer};
use crate::tar::Reader;
use crate::{MAX_MANIFEST_SIZE, MAX_VOLUME_SIZE};

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

/// A volume that is whole and as it was sealed. Whether all others are there is not its to say.
#[derive(Clone, Debug)]
pub struct Volume<'a> {
    bytes: &'a [u8],
    manifest: Manifest,
    sha256: Sha256,
    signer: PublicKey,
    documents: Vec<Option<Item<'a>>>,
    platforms: Vec<Option<Item<'a>>>,
}

impl<'a> Volume<'a> {
    /// Reads a volume that was sealed by `signer`.
    pub fn read(bytes: &'a [u8], signer: Signer<'_>) -> Result<Self, ArchiveError> {
        Self::read_at(bytes, 0, signer)
    }

    /// The same; for whom errors are told the volume begins at byte `origin`.
    pub(crate) fn read_at(
        bytes: &'a [u8],
        origin: usize,
        trusted: Signer<'_>,
    ) -> Result<Self, ArchiveError> {
        if bytes.len() > MAX_VOLUME_SIZE {
            return Err(ArchiveError::TooLarge {
                what: "the volume".to_owned(),
                found: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                limit: MAX_VOLUME_SIZE,
                unit: "bytes",
            });
        }
        let mut reader = Reader::new(bytes, origin);
        if !reader.is_next(signature::FILE) {
            return Err(ArchiveError::NotAnArchive);
        }
        let signature = reader.file(signature::FILE, signature::SIZE)?;
        let text = reader.file(MANIFEST, MAX_MANIFEST_SIZE)?;
        // Nothing is read that nobody has signed.
        let signer = signature::read(signature, text)?;
        trusted.check(&signer)?;
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
            bytes,
            sha256: Sha256::of(text),
            manifest,
            signer,
            documents,
            platforms,
        })
    }

    /// All of it, as whoever takes archives takes it.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of its manifest, which the next one names. That of the last is the archive's.
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
