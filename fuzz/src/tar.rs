//! Archives with any manifest, signed as if it were a good one.

use bulla_pki::SigningKey;

/// What `tar` pads to.
const BLOCK: usize = 512;

/// An archive whose signature is right, with these bytes behind its manifest.
///
/// # Panics
///
/// If there are no random bytes to sign with.
pub fn archive(key: &SigningKey, manifest: &[u8], rest: &[u8]) -> Vec<u8> {
    let signature = key.sign(manifest).expect("there are random bytes");
    let point = key.public_key().uncompressed();
    let signature = format!("{}\n{}\n", hex::encode(point), hex::encode(signature));
    let mut out = file("signature", signature.as_bytes());
    out.extend(file("manifest.json", manifest));
    out.extend_from_slice(rest);
    out
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
