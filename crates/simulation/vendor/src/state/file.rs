//! One file of the directory: a line that says what it is, then its content.
//!
//! The line is `SIMULATED bulla vendor KIND FORMAT sha256 DIGEST`, the digest over the content. It
//! tells damage from another format, and both from a file that has nothing to do with us; it is no
//! protection against whoever can write the file.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use bulla_pki::digest::sha256;

use super::StateError;

const MARK: &str = "SIMULATED bulla vendor";

/// The format of all files.
const FORMAT: u32 = 1;

/// Largest file, in bytes. A thousand platforms that were updated ten times have 3 MB.
const MAX_SIZE: u64 = 64 * 1024 * 1024;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    State,
    Seed,
    Fuses,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Seed => "seed",
            Self::Fuses => "fuses",
        }
    }
}

/// Writes a file that only its owner may use. It has the new content, or the old one if anything
/// fails: the content goes into a file beside it first.
pub(super) fn write(path: &Path, kind: Kind, content: &[u8]) -> Result<(), StateError> {
    let beside = path.with_extension("new");
    let written = write_through(&beside, kind, content).and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        // What stays is overwritten next time.
        let _ = fs::remove_file(&beside);
        return Err(StateError::write(path, error));
    }
    // The name is on disk when the directory is.
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| StateError::Unsettled {
            path: path.to_owned(),
            source,
        })
}

fn write_through(path: &Path, kind: Kind, content: &[u8]) -> std::io::Result<()> {
    // What an interrupted process left here may be for others to read, or lead elsewhere.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private().create_new(true).open(path)?;
    let digest = hex::encode(sha256(content));
    writeln!(file, "{MARK} {} {FORMAT} sha256 {digest}", kind.as_str())?;
    file.write_all(content)?;
    file.sync_all()
}

/// The content of a file.
pub(super) fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, StateError> {
    let text = read_whole(path)?;
    let unrecognised = || StateError::Unrecognised {
        path: path.to_owned(),
        kind: kind.as_str(),
    };
    let end = text
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(unrecognised)?;
    let (line, content) = (&text[..end], &text[end + 1..]);
    let line = std::str::from_utf8(line).map_err(|_| unrecognised())?;
    let rest = line.strip_prefix(MARK).ok_or_else(unrecognised)?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    match words[..] {
        [found, ..] if found != kind.as_str() => Err(unrecognised()),
        [_, format, ..] if format != FORMAT.to_string() => Err(StateError::FormatUnknown {
            path: path.to_owned(),
            found: format.chars().take(20).collect(),
            known: FORMAT,
        }),
        [_, _, "sha256", digest] if digest == hex::encode(sha256(content)) => Ok(content.to_vec()),
        [_, _, ..] => Err(StateError::Damaged(path.to_owned())),
        _ => Err(unrecognised()),
    }
}

/// The first line of a file, unchecked: it changes with the content.
pub(super) fn header(path: &Path) -> Result<String, StateError> {
    let mut start = Vec::new();
    let longest = MARK.len() + 100;
    File::open(path)
        .and_then(|file| file.take(longest as u64).read_to_end(&mut start))
        .map_err(|error| StateError::read(path, error))?;
    let line = start
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

/// How files are opened that only their owner may use.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn read_whole(path: &Path) -> Result<Vec<u8>, StateError> {
    let failed = |error| StateError::read(path, error);
    let file = File::open(path).map_err(failed)?;
    #[cfg(unix)]
    check_mode(path, &file.metadata().map_err(failed)?)?;
    let mut content = Vec::new();
    file.take(MAX_SIZE + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    match content.len() as u64 > MAX_SIZE {
        true => Err(StateError::malformed(
            path,
            format_args!("more than {MAX_SIZE} bytes"),
        )),
        false => Ok(content),
    }
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), StateError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(StateError::Exposed {
            path: path.to_owned(),
            mode,
        }),
    }
}
