//! Batches of records, sealed by their owner.
//!
//! ```text
//! nonce (12 random bytes) || AES-256-GCM of the lines || tag (16)
//!
//! associated data: "risk score batch v1" || 0x00 || number of the batch (u64, big-endian)
//! ```

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// What the associated data of a batch begins with.
const BATCH: &[u8; 19] = b"risk score batch v1";

/// What the hash that names an owner begins with.
const OWNER: &[u8; 19] = b"risk score owner v1";

/// Bytes of a nonce of AES-GCM.
const NONCE: usize = 12;

/// Why a batch is not opened or sealed.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// Not 32 bytes.
    #[error("the key has {0} bytes instead of 32")]
    KeySize(usize),
    /// No random bytes for the nonce.
    #[error("the system gives no random bytes")]
    Random,
    /// Another key, another number, or changed bytes; which of them cannot be known.
    #[error("this is not batch {0} as its owner sealed it")]
    NotOpened(u64),
}

/// The key of whoever owns the records.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// The key of these 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, BatchError> {
        let key = bytes
            .try_into()
            .map_err(|_| BatchError::KeySize(bytes.len()))?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// By which a key is recognised without being kept: SHA-256 over a text and the key.
    pub fn owner(&self) -> [u8; 32] {
        let parts = Sha256::new_with_prefix(OWNER);
        parts
            .chain_update([0])
            .chain_update(*self.0)
            .finalize()
            .into()
    }

    /// The records, one on each line, as batch `number`, from 1.
    pub fn seal(&self, number: u64, records: &[u8]) -> Result<Vec<u8>, BatchError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| BatchError::Random)?;
        let aad = associated(number);
        let payload = Payload {
            msg: records,
            aad: &aad,
        };
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| BatchError::NotOpened(number))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// The records of batch `number`.
    pub fn open(&self, number: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, BatchError> {
        let refused = BatchError::NotOpened(number);
        let Some((nonce, msg)) = sealed.split_first_chunk::<NONCE>() else {
            return Err(refused);
        };
        let aad = associated(number);
        let payload = Payload { msg, aad: &aad };
        let opened = self.cipher().decrypt(&Nonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| refused)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&(*self.0).into())
    }
}

fn associated(number: u64) -> Vec<u8> {
    [&BATCH[..], &[0], &number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_opens_with_its_key_and_number_only() {
        let key = DataKey::new(&[7; 32]).expect("32 bytes");
        let sealed = key.seal(3, b"62,150,240,1,0\n").expect("sealed");
        let opened = key.open(3, &sealed).expect("it opens");
        assert_eq!(&opened[..], b"62,150,240,1,0\n");
        assert_eq!(key.open(4, &sealed), Err(BatchError::NotOpened(4)));
        let other = DataKey::new(&[8; 32]).expect("32 bytes");
        assert_eq!(other.open(3, &sealed), Err(BatchError::NotOpened(3)));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(3, &changed).is_err(), "{at}");
            assert!(key.open(3, &sealed[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn sealing_twice_gives_other_bytes_and_owners_differ() {
        let [one, two] = [[7; 32], [8; 32]].map(|bytes| DataKey::new(&bytes).expect("32 bytes"));
        assert_ne!(one.seal(1, b"text"), one.seal(1, b"text"));
        assert_ne!(one.owner(), two.owner());
        assert_eq!(DataKey::new(&[0; 31]).err(), Some(BatchError::KeySize(31)));
    }
}
