//! Who sealed a volume: the key and its signature over the manifest.

use bulla_pki::signing::SigningError;
use bulla_pki::{PublicKey, Signature, SigningKey};

use crate::digest::Sha256;
use crate::error::ArchiveError;

/// The file that it stands in, the first of all.
pub(crate) const FILE: &str = "signature";

/// Its size in bytes: two lines of hexadecimal digits.
pub(crate) const SIZE: usize = 2 * 65 + 1 + 2 * 64 + 1;

/// SHA-256 of a key as people compare it: of the uncompressed point (SEC 1, section 2.3.3).
pub fn key_sha256(key: &PublicKey) -> Sha256 {
    Sha256::of(key.uncompressed())
}

/// Who must have sealed an archive.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is no other way to know somebody"
)]
pub enum Signer<'a> {
    /// Whoever holds this key.
    Key(&'a PublicKey),
    /// Whoever holds the key of this digest ([`key_sha256`]).
    Digest(Sha256),
    /// Anybody: to look into it. Nothing of it may be used.
    Anybody,
}

impl Signer<'_> {
    pub(crate) fn check(self, found: &PublicKey) -> Result<(), ArchiveError> {
        let (is_he, expected) = match self {
            Self::Key(key) => (key == found, key_sha256(key)),
            Self::Digest(digest) => (key_sha256(found) == digest, digest),
            Self::Anybody => return Ok(()),
        };
        match is_he {
            true => Ok(()),
            false => Err(ArchiveError::SignerOther {
                found: key_sha256(found).to_string(),
                expected: expected.to_string(),
            }),
        }
    }
}

/// The file: the key (`04`, x, y) on one line, the signature (r, s) over the manifest on the next.
pub(crate) fn write(key: &SigningKey, manifest: &[u8]) -> Result<Vec<u8>, SigningError> {
    let signature = key.sign(manifest)?;
    Ok(lines(key.public_key().uncompressed(), &signature))
}

fn lines(key: &[u8; 65], signature: &[u8; 64]) -> Vec<u8> {
    format!("{}\n{}\n", hex::encode(key), hex::encode(signature)).into_bytes()
}

/// Whoever signed the manifest.
pub(crate) fn read(file: &[u8], manifest: &[u8]) -> Result<PublicKey, ArchiveError> {
    let invalid = ArchiveError::SignatureInvalid;
    let (mut key, mut signature) = ([0; 65], [0; 64]);
    let text = str::from_utf8(file).map_err(|_| invalid.clone())?;
    let (first, second) = text.split_once('\n').ok_or(invalid.clone())?;
    hex::decode_to_slice(first, &mut key).map_err(|_| invalid.clone())?;
    hex::decode_to_slice(second.trim_end(), &mut signature).map_err(|_| invalid.clone())?;
    // There is one way to write it.
    if lines(&key, &signature) != file {
        return Err(invalid);
    }
    let key = PublicKey::from_uncompressed(&key).map_err(|_| invalid.clone())?;
    let signature = Signature::from_fixed(&signature).map_err(|_| invalid.clone())?;
    key.verify(manifest, &signature).map_err(|_| invalid)?;
    Ok(key)
}
