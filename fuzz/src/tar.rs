//! Volumes of archives with any manifest, signed as if it were a good one.

use bulla_archive::{ArchiveError, HEADER_SIZE, Next, Reading, Signer, Volume, Whole};
use bulla_pki::SigningKey;

/// What `tar` pads to.
const BLOCK: usize = 512;

/// A volume whose signature is right, with these bytes behind its manifest.
///
/// # Panics
///
/// If there are no random bytes to sign with.
pub fn volume(key: &SigningKey, manifest: &[u8], rest: &[u8]) -> Vec<u8> {
    let signature = key.sign(manifest).expect("there are random bytes");
    let point = key.public_key().uncompressed();
    let signature = format!("{}\n{}\n", hex::encode(point), hex::encode(signature));
    let mut out = file("signature", signature.as_bytes());
    out.extend(file("manifest.json", manifest));
    out.extend_from_slice(rest);
    out
}

/// An archive of one volume.
pub fn archive(volume: &[u8]) -> Vec<u8> {
    let mut out = file("volume-00001.tar", volume);
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

/// The volumes of an archive of this signer, and what all of it says.
pub fn read<'a>(
    mut bytes: &'a [u8],
    key: &SigningKey,
) -> Result<(Vec<Volume<'a>>, Whole), ArchiveError> {
    let mut take = |size: usize| {
        let (taken, rest) = bytes.split_at(size.min(bytes.len()));
        bytes = rest;
        taken
    };
    let mut reading = Reading::new(Signer::Key(key.public_key()));
    let mut volumes = Vec::new();
    loop {
        match reading.header(take(HEADER_SIZE))? {
            Next::Volume(size) => volumes.push(reading.volume(take(size))?),
            Next::End => return Ok((volumes, reading.end(take(HEADER_SIZE + 1))?)),
        }
    }
}

/// A file in the `ustar` form (POSIX.1-1988), of nobody and at no time.
fn file(name: &str, content: &[u8]) -> Vec<u8> {
    let fields: [(usize, &[u8]); 8] = [
        (0, name.as_bytes()),
        (100, b"0000644"),
        (108, b"0000000"),
        (116, b"0000000"),
        (124, &format!("{:011o}", content.len()).into_bytes()),
        (136, b"00000000000"),
        (156, b"0"),
        (257, b"ustar\x0000"),
    ];
    let mut out = vec![0; BLOCK];
    for (at, value) in fields {
        out[at..at + value.len()].copy_from_slice(value);
    }
    // The sum counts blanks where it will stand.
    let sum = out.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ');
    out[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out
}
