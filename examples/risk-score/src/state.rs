//! What the enclave keeps between batches: sealed by its processor, held by whoever runs it.
//!
//! ```text
//! request for the key (512) || AES-128-GCM of the state (60), nonce zero || tag (16)
//!
//! state: owner (32) || batches (u64) || records (u32) || refused (u32) || total (u64) || high (u32)
//! associated data: "risk score state v1" || 0x00 || request
//! ```
//!
//! Integers are little-endian. The request is the one for `EGETKEY`: by signer and product, for the
//! security versions at which the state was sealed, with an id that is new each time. A processor
//! derives the keys of older versions than its own, so that state survives an update, and never
//! those of newer ones.
//!
//! Nothing in the file says whether it is the newest. The gate does: it releases the key once for each
//! batch, and an old state asks for a batch that was computed.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes128Gcm, KeyInit, Nonce};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::record::Summary;

/// What the associated data of a state begins with.
const PURPOSE: &[u8; 20] = b"risk score state v1\0";

/// Bytes of a request for a key.
const REQUEST: usize = 512;

/// Bytes of a state.
const STATE: usize = 32 + 8 + 4 + 4 + 8 + 4;

/// Bytes of a sealed state.
pub const SEALED: usize = REQUEST + STATE + 16;

/// The security versions of processor and program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Of the processor: 16 components.
    pub cpusvn: [u8; 16],
    /// Of the program, as its signer numbers it.
    pub isvsvn: u16,
}

/// Which sealing key is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyWish {
    /// The versions that the key is of; at most the current ones.
    pub versions: Versions,
    /// Any 32 bytes: others give another key.
    pub key_id: [u8; 32],
}

impl KeyWish {
    /// The wish as `KEYREQUEST` (Intel SDM volume 3D), little-endian: a sealing key by signer and
    /// product, so that an update of this program reads on; on which of the attributes count that
    /// the enclave is initialised and whether it is debugged.
    pub fn request(&self) -> [u8; REQUEST] {
        const SEAL: u16 = 4;
        const BY_SIGNER: u16 = 2;
        const INIT_AND_DEBUG: u64 = 3;
        let mut request = [0; REQUEST];
        let mut put = |at: usize, bytes: &[u8]| {
            request[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &SEAL.to_le_bytes());
        put(2, &BY_SIGNER.to_le_bytes());
        put(4, &self.versions.isvsvn.to_le_bytes());
        put(8, &self.versions.cpusvn);
        put(24, &INIT_AND_DEBUG.to_le_bytes());
        put(40, &self.key_id);
        request
    }

    /// The wish of a request; `None` where it asks for anything else. A file that names another
    /// kind of key must not choose it.
    fn of(request: &[u8; REQUEST]) -> Option<Self> {
        let mut versions = &request[4..];
        let isvsvn = u16::from_le_bytes(take(&mut versions)?);
        let cpusvn = take(&mut &request[8..])?;
        let key_id = take(&mut &request[40..])?;
        let wish = Self {
            versions: Versions { cpusvn, isvsvn },
            key_id,
        };
        (wish.request() == *request).then_some(wish)
    }
}

/// The processor as this enclave sees it.
pub trait Processor {
    /// The current security versions.
    fn versions(&self) -> Versions;

    /// The key that this enclave, and none of another signer or product, gets for a wish.
    fn sealing_key(&self, wish: &KeyWish) -> Result<Zeroizing<[u8; 16]>, StateError>;
}

/// Why a state is not opened or sealed.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// Not as long as a sealed state, or sealed under another kind of key.
    #[error("this is no sealed state")]
    Malformed,
    /// Sealed at a later security version: only a newer processor or program opens it.
    #[error("the state was sealed at a later security version than this one")]
    Newer,
    /// The processor gives no key, for another reason.
    #[error("the processor gives no sealing key (error {0})")]
    NoKey(u32),
    /// Another processor, signer or product, or changed bytes; which of them cannot be known.
    #[error("the state was sealed elsewhere or by another program, or changed since")]
    NotOpened,
    /// No random bytes for the key's id.
    #[error("the system gives no random bytes")]
    Random,
}

/// What is kept between batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whose records these are: [`DataKey::owner`](crate::batch::DataKey::owner) of the first batch;
    /// zeros before it.
    pub owner: [u8; 32],
    /// How many batches were computed.
    pub batches: u64,
    /// What is known of their records.
    pub summary: Summary,
}

impl State {
    /// The state for whoever keeps it.
    pub fn seal(&self, processor: &impl Processor) -> Result<Vec<u8>, StateError> {
        let mut key_id = [0; 32];
        getrandom::fill(&mut key_id).map_err(|_| StateError::Random)?;
        let wish = KeyWish {
            versions: processor.versions(),
            key_id,
        };
        let request = wish.request();
        let text = Zeroizing::new(self.write());
        let payload = Payload {
            msg: &text,
            aad: &associated(&request),
        };
        // The key is new, so that the nonce may be zero.
        let sealed = cipher(processor, &wish)?.encrypt(&Nonce::default(), payload);
        Ok([&request[..], &sealed.map_err(|_| StateError::NotOpened)?].concat())
    }

    /// The state that was sealed.
    pub fn open(sealed: &[u8], processor: &impl Processor) -> Result<Self, StateError> {
        let parts = sealed
            .split_first_chunk()
            .filter(|_| sealed.len() == SEALED);
        let (request, msg) = parts.ok_or(StateError::Malformed)?;
        let wish = KeyWish::of(request).ok_or(StateError::Malformed)?;
        let aad = &associated(request);
        let opened = cipher(processor, &wish)?.decrypt(&Nonce::default(), Payload { msg, aad });
        let opened = opened.map(Zeroizing::new);
        let opened = opened.map_err(|_| StateError::NotOpened)?;
        Self::read(&opened).ok_or(StateError::Malformed)
    }

    fn write(&self) -> Vec<u8> {
        let summary = &self.summary;
        let mut bytes = self.owner.to_vec();
        bytes.extend(self.batches.to_le_bytes());
        bytes.extend(summary.records.to_le_bytes());
        bytes.extend(summary.refused.to_le_bytes());
        bytes.extend(summary.total.to_le_bytes());
        bytes.extend(summary.high.to_le_bytes());
        bytes
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        let owner = take(&mut bytes)?;
        let batches = u64::from_le_bytes(take(&mut bytes)?);
        let summary = Summary {
            records: u32::from_le_bytes(take(&mut bytes)?),
            refused: u32::from_le_bytes(take(&mut bytes)?),
            total: u64::from_le_bytes(take(&mut bytes)?),
            high: u32::from_le_bytes(take(&mut bytes)?),
        };
        bytes.is_empty().then_some(Self {
            owner,
            batches,
            summary,
        })
    }
}

fn associated(request: &[u8; REQUEST]) -> Vec<u8> {
    [&PURPOSE[..], request].concat()
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn cipher(processor: &impl Processor, wish: &KeyWish) -> Result<Aes128Gcm, StateError> {
    let key = processor.sealing_key(wish)?;
    Ok(Aes128Gcm::new(&(*key).into()))
}
