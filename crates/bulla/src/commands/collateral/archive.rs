//! Archives for air gaps, as files: the keys that sign them, and reading one.

mod base;
mod export;
mod import;
mod keys;
mod report;
mod volumes;

use std::path::Path;

use bulla_archive::{Sha256, Signer, Whole};

use crate::args::{ExportArgs, ImportArgs, InspectArchiveArgs};
use crate::error::{Error, Result};
use crate::output::{Exit, Output, report_error};
use crate::progress::Progress;
use crate::time;

use report::{Overview, Report};
use volumes::Volumes;

pub(super) use keys::generate as keygen;

/// Writes what a service keeps into an archive.
pub(super) fn export(args: &ExportArgs, output: &mut Output) -> Result<Exit> {
    let done = export::run(args, output);
    settled(done, output)
}

/// Gives a service an archive.
pub(super) fn import(args: &ImportArgs, output: &mut Output) -> Result<Exit> {
    let done = import::run(args, output);
    settled(done, output)
}

/// Shows what an archive holds, without a service.
pub(super) fn inspect(args: &InspectArchiveArgs, output: &mut Output) -> Result<Exit> {
    let done = report(args, output);
    settled(done, output)
}

fn report(args: &InspectArchiveArgs, output: &mut Output) -> Result<Exit> {
    let signer = args.signer.as_deref().map(keys::public).transpose()?;
    let path = &args.archive;
    let surveyed = survey(path, signer.as_ref().map_or(Signer::Anybody, Signer::Key))?;
    let report = Report::of(path, surveyed, signer.is_some());
    report.tell(output)?;
    Ok(Exit::Done)
}

/// An archive that was read to its end.
struct Surveyed {
    whole: Whole,
    overview: Overview,
    /// Of the manifests of the volumes.
    digests: Vec<Sha256>,
}

/// Reads all of an archive, and gives what there is in it.
fn survey(path: &Path, signer: Signer<'_>) -> Result<Surveyed> {
    let mut volumes = Volumes::open(path, signer)?;
    let mut overview = Overview::at(time::now()?);
    let mut digests = Vec::new();
    let progress = Progress::new(megabytes(volumes.size()));
    loop {
        progress.show(megabytes(volumes.offset()), "MB of the archive are checked");
        let Some(volume) = volumes.next()? else {
            break;
        };
        overview.add(&volume);
        digests.push(volume.sha256());
    }
    let size = volumes.offset();
    Ok(Surveyed {
        whole: volumes.whole()?,
        overview: overview.of_size(size),
        digests,
    })
}

fn megabytes(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(1_000_000)).unwrap_or(usize::MAX)
}

/// An archive that is not as it was sealed, or not by whom it should be, is refused: that is the answer
/// to what was asked.
fn settled(done: Result<Exit>, output: &Output) -> Result<Exit> {
    match done {
        Err(error @ Error::ArchiveRefused { .. }) => {
            report_error(&error, output.format());
            Ok(Exit::Refused)
        }
        done => done,
    }
}
