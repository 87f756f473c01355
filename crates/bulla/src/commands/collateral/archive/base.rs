//! The archive since which another is made.

use std::path::Path;

use bulla_archive::{PlatformName, PlatformRow, Signer, Whole};

use super::{Volumes, survey};
use crate::error::Result;

/// An archive that is whole, and is gone through once more beside the fleet.
pub(super) struct Base<'k> {
    whole: Whole,
    volumes: Volumes<'k>,
    /// The platforms of the volume that was read last.
    rows: std::vec::IntoIter<PlatformRow>,
    /// The next platform.
    row: Option<PlatformRow>,
}

impl<'k> Base<'k> {
    /// Whoever makes archives builds on none but his own.
    pub(super) fn open(path: &Path, signer: Signer<'k>) -> Result<Self> {
        let surveyed = survey(path, signer)?;
        Ok(Self {
            whole: surveyed.whole,
            volumes: Volumes::again(path, signer, surveyed.digests)?,
            rows: Vec::new().into_iter(),
            row: None,
        })
    }

    /// What it says of itself.
    pub(super) fn whole(&self) -> &Whole {
        &self.whole
    }

    /// What it has of a platform. Asked for in the order of the names, as it lists them.
    pub(super) fn platform(&mut self, name: &PlatformName) -> Result<Option<PlatformRow>> {
        loop {
            match &self.row {
                Some(row) if row.name == *name => return Ok(self.row.take()),
                Some(row) if row.name > *name => return Ok(None),
                _ => self.row = self.next()?,
            }
            if self.row.is_none() {
                return Ok(None);
            }
        }
    }

    fn next(&mut self) -> Result<Option<PlatformRow>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            let Some(volume) = self.volumes.next()? else {
                return Ok(None);
            };
            self.rows = volume.manifest().platforms.clone().into_iter();
        }
    }
}
