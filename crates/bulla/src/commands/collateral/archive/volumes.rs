//! Reading the file of an archive, with one volume of it at hand.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use bulla_archive::{ArchiveError, HEADER_SIZE, Next, Reading, Sha256, Signer, Volume, Whole};

use crate::error::{Error, Result};
use crate::input::{Source, unreadable};

/// What the file is called in messages.
const WHAT: &str = "archive";

/// An archive that is being read.
pub(super) struct Volumes<'k> {
    path: PathBuf,
    size: Option<u64>,
    reader: BufReader<Box<dyn Read>>,
    reading: Reading<'k>,
    /// The piece that was read last.
    piece: Vec<u8>,
    offset: u64,
    whole: Option<Whole>,
    /// Of the volumes when they were read before; absent the first time.
    expected: Option<std::vec::IntoIter<Sha256>>,
}

impl<'k> Volumes<'k> {
    /// Opens the archive at a path, which must be sealed by `signer`.
    pub(super) fn open(path: &Path, signer: Signer<'k>) -> Result<Self> {
        let source = Source::open(WHAT, path)?;
        Ok(Self {
            path: path.to_owned(),
            size: source.size(),
            reader: source.into_reader(),
            reading: Reading::new(signer),
            piece: Vec::new(),
            offset: 0,
            whole: None,
            expected: None,
        })
    }

    /// Opens once more what was read to its end before, with these volumes. What is other than it was is
    /// not given.
    pub(super) fn again(path: &Path, signer: Signer<'k>, digests: Vec<Sha256>) -> Result<Self> {
        // A pipe is empty now, or waits for somebody.
        if !path.is_file() {
            return Err(changed(path));
        }
        let mut volumes = Self::open(path, signer)?;
        volumes.expected = Some(digests.into_iter());
        Ok(volumes)
    }

    /// Its size in bytes, as far as is known: of a pipe what was read.
    pub(super) fn size(&self) -> u64 {
        self.size.unwrap_or(self.offset)
    }

    /// How many bytes of it were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next volume; absent behind the last, when all of the archive is known to be as it was sealed.
    pub(super) fn next(&mut self) -> Result<Option<Volume<'_>>> {
        if self.whole.is_some() {
            return Ok(None);
        }
        self.read(HEADER_SIZE)?;
        let next = self.reading.header(&self.piece);
        match next.map_err(|source| refused(&self.path, source))? {
            Next::Volume(size) => {
                self.read(size)?;
                let volume = self.reading.volume(&self.piece);
                let volume = volume.map_err(|source| refused(&self.path, source))?;
                if let Some(expected) = &mut self.expected
                    && expected.next() != Some(volume.sha256())
                {
                    return Err(changed(&self.path));
                }
                Ok(Some(volume))
            }
            Next::End => {
                // Nothing stands behind it.
                self.read(HEADER_SIZE + 1)?;
                let whole = self.reading.end(&self.piece);
                self.whole = Some(whole.map_err(|source| refused(&self.path, source))?);
                Ok(None)
            }
        }
    }

    /// What all of it says, once there is no volume left.
    pub(super) fn whole(mut self) -> Result<Whole> {
        while self.next()?.is_some() {}
        let whole = self.whole.take();
        whole.ok_or_else(|| refused(&self.path, ArchiveError::NotAnArchive))
    }

    /// Reads so many bytes, or what there is.
    fn read(&mut self, size: usize) -> Result<()> {
        self.piece.clear();
        let limit = u64::try_from(size).unwrap_or(u64::MAX);
        let taken = (&mut self.reader).take(limit).read_to_end(&mut self.piece);
        let taken = taken.map_err(|error| unreadable(WHAT, &self.path, error))?;
        self.offset += u64::try_from(taken).unwrap_or(u64::MAX);
        Ok(())
    }
}

fn changed(path: &Path) -> Error {
    Error::ArchiveChanged {
        path: path.to_owned(),
    }
}

fn refused(path: &Path, source: ArchiveError) -> Error {
    Error::ArchiveRefused {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use bulla_archive::{Anchor, Contents, Sealing};
    use bulla_pki::SigningKey;

    use super::*;

    fn sealed(key: &SigningKey, created: &str) -> Vec<u8> {
        let contents = Contents {
            created: created.parse().expect("an instant"),
            trust_anchor: Anchor {
                name: "simulated".to_owned(),
                genuine: false,
                simulated: true,
                public_key_sha256: Sha256([7; 32]),
            },
            documents: Vec::new(),
        };
        let sealing = Sealing::begin(contents, key, None).expect("it begins");
        sealing.finish().expect("an archive")
    }

    #[test]
    fn the_second_time_another_archive_of_the_same_signer_is_not_taken() {
        let key = SigningKey::generate().expect("a key");
        let signer = Signer::Key(key.public_key());
        let path = std::env::temp_dir().join(format!("bulla-volumes-{}", std::process::id()));
        std::fs::write(&path, sealed(&key, "2026-11-23T09:00:00Z")).expect("a file");
        let surveyed = super::super::survey(&path, signer).expect("it is whole");
        let again = |digests: &[Sha256]| {
            let mut volumes = Volumes::again(&path, signer, digests.to_vec())?;
            volumes.next().map(|volume| volume.is_some())
        };
        assert!(again(&surveyed.digests).expect("it is the same"));
        std::fs::write(&path, sealed(&key, "2026-11-24T09:00:00Z")).expect("a file");
        let changed = again(&surveyed.digests).expect_err("it is another");
        assert_eq!(changed.code(), "ArchiveChanged");
        std::fs::remove_file(&path).expect("removed");
        let gone = again(&surveyed.digests).expect_err("it is gone");
        assert_eq!(gone.code(), "ArchiveChanged");
    }
}
