//! Archives for air gaps, as files: the keys that sign them, and reading one.

mod export;
mod import;
mod keys;
mod report;

use std::path::Path;

use bulla_archive::{Archive, ArchiveError, MAX_SIZE};

use crate::args::InspectArchiveArgs;
use crate::error::{Error, Result};
use crate::input;
use crate::output::{Exit, Output, report_error};

pub(super) use export::run as export;
pub(super) use import::run as import;
pub(super) use keys::generate as keygen;

/// Shows what an archive holds, without a service.
pub(super) fn inspect(args: &InspectArchiveArgs, output: &mut Output) -> Result<Exit> {
    let signer = args.signer.as_deref().map(keys::public).transpose()?;
    let bytes = read(&args.archive)?;
    let archive = match &signer {
        Some(signer) => Archive::read(&bytes, signer),
        None => Archive::read_of_anybody(&bytes),
    };
    let archive = match archive {
        Ok(archive) => archive,
        Err(source) => return Ok(refused(&args.archive, source, output)),
    };
    let report = report::Report::of(&args.archive, &archive, bytes.len(), signer.is_some());
    report.tell(output)?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    input::read("archive", path, MAX_SIZE)
}

/// An archive that is not as it was sealed, or not by whom it should be, is refused: that is the answer
/// to what was asked.
fn refused(path: &Path, source: ArchiveError, output: &Output) -> Exit {
    let path = path.to_owned();
    report_error(&Error::ArchiveRefused { path, source }, output.format());
    Exit::Refused
}
