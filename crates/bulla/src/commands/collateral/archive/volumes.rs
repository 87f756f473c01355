//! Reading the file of an archive, with one volume of it at hand.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use bulla_archive::{ArchiveError, HEADER_SIZE, Next, Reading, Signer, Volume, Whole};

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
        })
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

fn refused(path: &Path, source: ArchiveError) -> Error {
    Error::ArchiveRefused {
        path: path.to_owned(),
        source,
    }
}
