//! Reading an archive, volume after volume.

use bulla_pki::PublicKey;

use crate::MAX_VOLUME_SIZE;
use crate::digest::Sha256;
use crate::error::ArchiveError;
use crate::manifest::{Base, Manifest};
use crate::platform::PlatformName;
use crate::signature::Signer;
use crate::tar;
use crate::volume::Volume;

/// Bytes of what stands before each volume, and of the first half of the end.
pub const HEADER_SIZE: usize = tar::BLOCK;

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else")]
pub enum Next {
    /// A volume of so many bytes, at most [`MAX_VOLUME_SIZE`].
    Volume(usize),
    /// The rest of the end, [`HEADER_SIZE`] bytes, and nothing behind it.
    End,
}

/// Reads an archive. Whoever has the file gives it in the pieces that are asked for, so that no more
/// than one volume is at hand: a header, the volume that it announces, the next header, to the end.
///
/// Each volume is whole, of the signer, and the one that was sealed after the one before it. That none
/// is missing behind it is known at the end.
#[derive(Debug)]
pub struct Reading<'k> {
    signer: Signer<'k>,
    offset: usize,
    /// The size of the volume that was announced.
    announced: usize,
    /// What the volumes so far say; absent before the first.
    begun: Option<Whole>,
    /// The last platform so far.
    after: Option<PlatformName>,
    is_last: bool,
}

/// An archive that was read to its end.
#[derive(Clone, Debug)]
pub struct Whole {
    first: Manifest,
    sha256: Sha256,
    signer: PublicKey,
    volumes: u32,
}

impl<'k> Reading<'k> {
    /// Of an archive that was sealed by `signer`.
    pub fn new(signer: Signer<'k>) -> Self {
        Self {
            signer,
            offset: 0,
            announced: 0,
            begun: None,
            after: None,
            is_last: false,
        }
    }

    /// Takes the next [`HEADER_SIZE`] bytes, or as many as there are.
    pub fn header(&mut self, bytes: &[u8]) -> Result<Next, ArchiveError> {
        let name = self.name();
        if self.begun.is_none() && !bytes.starts_with(name.as_bytes()) {
            return Err(ArchiveError::NotAnArchive);
        }
        if bytes.len() != HEADER_SIZE {
            return Err(self.truncated(bytes.len()));
        }
        let offset = self.offset;
        self.offset = offset.saturating_add(HEADER_SIZE);
        let is_end = bytes.iter().all(|byte| *byte == 0);
        match (self.is_last, is_end) {
            (true, true) => return Ok(Next::End),
            (true, false) => return Err(ArchiveError::Surplus { offset }),
            (false, true) => {
                return Err(ArchiveError::Truncated {
                    size: offset,
                    file: name,
                });
            }
            (false, false) => {}
        }
        let stated = tar::stated_size(bytes).filter(|size| bytes == tar::header(&name, *size));
        let stated = stated.ok_or_else(|| ArchiveError::Altered {
            file: name.clone(),
            offset,
        })?;
        let size = usize::try_from(stated).ok();
        let size = size.filter(|size| *size <= MAX_VOLUME_SIZE);
        self.announced = size.ok_or(ArchiveError::TooLarge {
            what: name,
            found: stated,
            limit: MAX_VOLUME_SIZE,
            unit: "bytes",
        })?;
        Ok(Next::Volume(self.announced))
    }

    /// Takes the volume that was announced, or what there is of it.
    pub fn volume<'a>(&mut self, bytes: &'a [u8]) -> Result<Volume<'a>, ArchiveError> {
        if bytes.len() < self.announced {
            return Err(self.truncated(bytes.len()));
        }
        let volume = Volume::read_at(bytes, self.offset, self.signer)?;
        self.follows(&volume)?;
        self.offset = self.offset.saturating_add(bytes.len());
        let manifest = volume.manifest();
        self.is_last = manifest.last;
        if let Some(last) = manifest.platforms.last() {
            self.after = Some(last.name.clone());
        }
        match &mut self.begun {
            Some(begun) => {
                begun.sha256 = volume.sha256();
                begun.volumes = manifest.volume;
            }
            begun => {
                // Of the platforms there may be many.
                let first = Manifest {
                    platforms: Vec::new(),
                    ..manifest.clone()
                };
                *begun = Some(Whole {
                    first,
                    sha256: volume.sha256(),
                    signer: volume.signer().clone(),
                    volumes: 1,
                });
            }
        }
        Ok(volume)
    }

    /// Takes the rest of the end, and one byte more if there is one.
    pub fn end(&mut self, bytes: &[u8]) -> Result<Whole, ArchiveError> {
        if bytes.len() < HEADER_SIZE {
            return Err(ArchiveError::Truncated {
                size: self.offset.saturating_add(bytes.len()),
                file: "its end".to_owned(),
            });
        }
        let is_end = bytes.len() == HEADER_SIZE && bytes.iter().all(|byte| *byte == 0);
        let whole = self.begun.take().filter(|_| is_end);
        whole.ok_or(ArchiveError::Surplus {
            offset: self.offset,
        })
    }

    /// The file of the next volume.
    fn name(&self) -> String {
        let before = self.begun.as_ref().map_or(0, |begun| begun.volumes);
        file(before.saturating_add(1))
    }

    fn truncated(&self, more: usize) -> ArchiveError {
        ArchiveError::Truncated {
            size: self.offset.saturating_add(more),
            file: self.name(),
        }
    }

    /// Whether a volume is the one that was sealed after the one before it.
    fn follows(&self, volume: &Volume<'_>) -> Result<(), ArchiveError> {
        let manifest = volume.manifest();
        let is_next = match &self.begun {
            None => manifest.volume == 1,
            Some(begun) => {
                Some(manifest.volume) == begun.volumes.checked_add(1)
                    && manifest.previous == Some(begun.sha256)
                    && manifest.created == begun.first.created
                    && manifest.base == begun.first.base
                    && manifest.trust_anchor == begun.first.trust_anchor
                    && volume.signer() == &begun.signer
            }
        };
        let first = manifest.platforms.first().map(|row| &row.name);
        let is_ordered = self.after.is_none() || first.is_none() || self.after.as_ref() < first;
        match is_next && is_ordered {
            true => Ok(()),
            false => Err(ArchiveError::OutOfOrder { file: self.name() }),
        }
    }
}

impl Whole {
    /// What its first volume says, without platforms: everything but those.
    pub fn manifest(&self) -> &Manifest {
        &self.first
    }

    /// Its name: SHA-256 of the manifest of its last volume, which names all others.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Whose signature it bears.
    pub fn signer(&self) -> &PublicKey {
        &self.signer
    }

    /// How many volumes it has.
    pub fn volumes(&self) -> u32 {
        self.volumes
    }

    /// As one that is made since names it.
    pub fn as_base(&self) -> Base {
        Base {
            sha256: self.sha256,
            created: self.first.created,
        }
    }
}

/// The file of a volume in the archive.
pub(crate) fn file(volume: u32) -> String {
    format!("volume-{volume:05}.tar")
}
