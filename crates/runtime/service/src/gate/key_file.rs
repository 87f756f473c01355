//! The key under which secrets and signing keys are sealed: in a file of its own, never in the
//! store or a backup of it.

use std::path::{Path, PathBuf};

use bulla_pki::seal::KEY_SIZE;
use bulla_pki::{MacKey, SealingKey};
use zeroize::Zeroizing;

use crate::secret_file::{Kind, SecretFileError};

/// The file beside the store, where no other is named.
pub const FILE: &str = "gate-key";

const KEY: Kind = Kind {
    what: "the gate's key",
    if_missing: "put it back, or name another by `gate.key_file`",
    if_exposed: "`chmod 600`",
    if_malformed: "put the right one back",
};

/// The key, and where its owner finds it.
pub(super) struct KeyFile {
    pub(super) key: SealingKey,
    /// A key for nonces that follows from it: that of all nodes that have the same file.
    pub(super) nonces: MacKey,
    pub(super) file: PathBuf,
    pub(super) is_new: bool,
}

impl KeyFile {
    fn new(path: &Path, digits: &str, is_new: bool) -> Self {
        let mut key = Zeroizing::new([0; KEY_SIZE]);
        hex::decode_to_slice(digits, &mut *key).expect("two digits for each byte of the key");
        Self {
            nonces: MacKey::from_bytes(&MacKey::from_bytes(&key).tag(b"bulla nonces v1")),
            key: SealingKey::from_bytes(&key),
            file: path.to_owned(),
            is_new,
        }
    }
}

/// Reads the key that is named.
pub(super) fn read(path: &Path) -> Result<KeyFile, SecretFileError> {
    Ok(KeyFile::new(path, &KEY.read(path)?, false))
}

/// Refuses a file that is not there, or that others than its owner may use.
pub fn check(path: &Path) -> Result<(), SecretFileError> {
    KEY.open(path).map(|_| ())
}

/// Makes a key, where nothing may be.
pub(super) fn make(path: &Path) -> Result<KeyFile, SecretFileError> {
    Ok(KeyFile::new(path, &KEY.make(path)?, true))
}
