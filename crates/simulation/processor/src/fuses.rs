//! What makes one processor different from every other.

use std::fmt;
use std::str::FromStr;

use bulla_issuer::{Seed, SigningKey};
use hex::FromHexError;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::architectural::provisioning_key;
use crate::derivation::{self, PCK_LABEL};
use crate::kdf::{self, Key, KeyDependencies};

/// Bytes of both secrets.
const SIZE: usize = 64;

/// The two secrets that a processor is made with.
///
/// Whoever knows them knows every key that the model derives: they belong into a file that only
/// its owner can read. They show nothing of themselves and are overwritten when they are dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Fuses {
    seal: [u8; 32],
    provisioning: [u8; 32],
}

impl Fuses {
    /// The fuses that `seed` has under `label`; another label gives an unrelated processor.
    pub fn derive(seed: &Seed, label: &str) -> Self {
        Self {
            seal: seed.bytes(&format!("fuses {label} seal")),
            provisioning: seed.bytes(&format!("fuses {label} provisioning")),
        }
    }

    /// Fuses of these bytes, which must be random: the seal secret, then the provisioning secret,
    /// each 32 bytes.
    pub fn from_bytes(bytes: &[u8; SIZE]) -> Self {
        let (seal, provisioning) = bytes.split_at(32);
        Self {
            seal: seal.try_into().expect("32 bytes"),
            provisioning: provisioning.try_into().expect("32 bytes"),
        }
    }

    /// The bytes that [`Self::from_bytes`] takes.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SIZE]> {
        let mut bytes = Zeroizing::new([0; SIZE]);
        bytes[..32].copy_from_slice(&self.seal);
        bytes[32..].copy_from_slice(&self.provisioning);
        bytes
    }

    /// The same bytes as 128 hexadecimal digits.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(*self.to_bytes()))
    }

    /// The provisioning id, by which the vendor knows the processor. It never changes.
    pub fn ppid(&self) -> [u8; 16] {
        derivation::ppid(&provisioning_key(self, [0; 16], 0))
    }

    /// The platform's certification key at these security versions of processor and
    /// provisioning certification enclave.
    pub fn pck_key(&self, cpusvn: [u8; 16], pcesvn: u16) -> SigningKey {
        derivation::signing_key(&provisioning_key(self, cpusvn, pcesvn), PCK_LABEL)
    }

    /// A key that is the processor's alone.
    pub(crate) fn seal_key(&self, dependencies: &KeyDependencies) -> Key {
        kdf::enclave_key(&self.seal, dependencies)
    }

    /// A key that the vendor can derive too.
    pub(crate) fn provisioning_key(&self, dependencies: &KeyDependencies) -> Key {
        kdf::enclave_key(&self.provisioning, dependencies)
    }

    /// Bytes for what is not an enclave's key, by a label that ends in NUL.
    pub(crate) fn expand<const N: usize>(&self, label: &[u8], info: &[u8]) -> [u8; N] {
        kdf::expand(&self.seal, label, info)
    }
}

impl fmt::Debug for Fuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fuses(..)")
    }
}

impl Drop for Fuses {
    fn drop(&mut self) {
        self.seal.zeroize();
        self.provisioning.zeroize();
    }
}

/// Reads what [`Fuses::to_hex`] gives; white space around it is ignored.
impl FromStr for Fuses {
    type Err = FusesError;

    fn from_str(text: &str) -> Result<Self, FusesError> {
        let mut bytes = Zeroizing::new([0; SIZE]);
        hex::decode_to_slice(text.trim(), &mut bytes[..])?;
        Ok(Self::from_bytes(&bytes))
    }
}

/// Why a text is not fuses. The message shows nothing of the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("fuses are 128 hexadecimal digits; create the platform anew if they are lost")]
pub struct FusesError;

impl From<FromHexError> for FusesError {
    fn from(_: FromHexError) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_bytes_give_the_fuses_back() {
        let fuses = Fuses::derive(&Seed::from(1), "a");
        assert_eq!(Fuses::from_bytes(&fuses.to_bytes()), fuses);
        assert_eq!(format!("{}\n", *fuses.to_hex()).parse(), Ok(fuses.clone()));
        assert_eq!("".parse::<Fuses>(), Err(FusesError));
        assert_eq!(fuses.to_hex()[2..].parse::<Fuses>(), Err(FusesError));
        assert_ne!(Fuses::derive(&Seed::from(1), "b"), fuses);
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        assert_eq!(format!("{:?}", Fuses::from_bytes(&[0x5a; 64])), "Fuses(..)");
    }

    #[test]
    fn the_ppid_never_changes_and_the_pck_changes_with_every_version() {
        let fuses = Fuses::derive(&Seed::from(1), "a");
        let pck = |cpusvn, pcesvn| fuses.pck_key(cpusvn, pcesvn).public_key();
        assert_eq!(
            hex::encode(fuses.ppid()),
            "a86121bc273104fc413527ff257abc71"
        );
        let key = fuses.pck_key([1; 16], 13).key_identifier();
        assert_eq!(hex::encode(key), "9e29fba4aebeabc0affc8ce7dde597d35e221f34");
        assert_eq!(pck([1; 16], 13), pck([1; 16], 13));
        assert_ne!(pck([1; 16], 13), pck([2; 16], 13));
        assert_ne!(pck([1; 16], 13), pck([1; 16], 14));
        assert_ne!(
            pck([1; 16], 13),
            Fuses::derive(&Seed::from(2), "a")
                .pck_key([1; 16], 13)
                .public_key()
        );
    }
}
