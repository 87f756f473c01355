//! Sealed data: what an enclave keeps outside of itself.
//!
//! The processor gives keys only. Layout and cipher here are those of the vendor's enclave runtime
//! (`linux-sgx`, `sgx_tseal.h`): AES-128-GCM under a sealing key with an id of its own, so that the
//! nonce is zero.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, KeyInit, Nonce};
use bulla_evidence::layout::{SgxAttributes, sgx_attributes};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::enclave::Enclave;
use crate::error::Failure;
use crate::processor::Processor;
use crate::structures::{KeyRequest, key_name};

/// Attributes that count: whether the enclave is initialised, debugged, or may identify the
/// platform. Mode and extended state may differ.
const ATTRIBUTES: u64 = sgx_attributes::INIT
    | sgx_attributes::DEBUG
    | sgx_attributes::PROVISION_KEY
    | sgx_attributes::EINITTOKEN_KEY;

/// `MISCSELECT` bits that count: all that the architecture reserves.
const MISC_MASK: u32 = 0xf000_0000;

/// What stands before the ciphertext, 560 bytes.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    /// 0/512: the request that gives the key again.
    key_request: KeyRequest,
    /// 512/4: bytes of ciphertext; text that is only authenticated would follow it.
    plain_text_offset: U32,
    /// 516/12: zero.
    reserved1: [u8; 12],
    /// 528/4: bytes of everything behind the header.
    payload_size: U32,
    /// 532/12: zero.
    reserved2: [u8; 12],
    /// 544/16: tag of the cipher.
    payload_tag: [u8; 16],
}

impl Processor {
    /// Seals `secret` for whoever `key_policy` says, at the current security versions: the same
    /// enclave, or any of its signer's that is not older.
    ///
    /// The same secret gives the same bytes: the key's id follows from it and from the fuses.
    ///
    /// # Errors
    ///
    /// What `EGETKEY` says of the policy.
    ///
    /// # Panics
    ///
    /// For 4 GiB and more.
    pub fn seal(
        &self,
        enclave: &Enclave,
        key_policy: u16,
        secret: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let size = u32::try_from(secret.len()).expect("less than 4 GiB");
        let secs = enclave.secs();
        let key_request = KeyRequest {
            keyid: self.random(&Sha256::digest(secret)),
            attribute_mask: SgxAttributes {
                flags: ATTRIBUTES.into(),
                xfrm: 0.into(),
            },
            misc_mask: MISC_MASK.into(),
            configsvn: secs.configsvn,
            ..KeyRequest::new(key_name::SEAL, key_policy).at(self.cpusvn(), secs.isvsvn.get())
        };
        let mut ciphertext = secret.to_vec();
        let tag = self
            .cipher(enclave, &key_request)?
            .encrypt_inout_detached(&Nonce::default(), &[], ciphertext.as_mut_slice().into())
            .expect("less than 4 GiB");
        let header = Header {
            key_request,
            plain_text_offset: size.into(),
            payload_size: size.into(),
            payload_tag: tag.into(),
            ..Header::new_zeroed()
        };
        Ok([header.as_bytes(), &ciphertext].concat())
    }

    /// What was sealed.
    ///
    /// # Errors
    ///
    /// When the processor refuses the key, for one of a later security version above all; when
    /// the data was changed, or sealed for somebody else.
    pub fn unseal(&self, enclave: &Enclave, sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
        let (header, payload) =
            Header::read_from_prefix(sealed).map_err(|_| UnsealError::Malformed)?;
        let well_formed = usize::try_from(header.payload_size.get()) == Ok(payload.len())
            && header.plain_text_offset == header.payload_size
            && header.reserved1 == [0; 12]
            && header.reserved2 == [0; 12]
            && header.key_request.key_name == key_name::SEAL;
        if !well_formed {
            return Err(UnsealError::Malformed);
        }
        let mut secret = payload.to_vec();
        self.cipher(enclave, &header.key_request)?
            .decrypt_inout_detached(
                &Nonce::default(),
                &[],
                secret.as_mut_slice().into(),
                &header.payload_tag.into(),
            )
            .map_err(|_| UnsealError::Closed)?;
        Ok(secret)
    }

    fn cipher(&self, enclave: &Enclave, request: &KeyRequest) -> Result<Aes128Gcm, Failure> {
        let key = self.egetkey(enclave, request)?;
        Ok(Aes128Gcm::new(key.as_bytes().into()))
    }
}

impl KeyRequest {
    /// The request that sealed data begins with, whatever follows it; `None` where it begins with
    /// none for a sealing key.
    pub fn of_sealed(sealed: &[u8]) -> Option<Self> {
        let (request, _) = Self::read_from_prefix(sealed).ok()?;
        let is_zero = request.reserved1 == 0 && request.reserved2 == [0; 434];
        (request.key_name == key_name::SEAL && is_zero).then_some(request)
    }
}

/// Why sealed data stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// Not sealed data, or with text beside the secret that is only authenticated.
    #[error("this is not sealed data")]
    Malformed,
    /// The processor refuses the key: mostly because the data was sealed by a later version.
    #[error("the processor refuses the key: {0}")]
    Refused(#[from] Failure),
    /// The key is another one, or the data was changed.
    #[error("the data was sealed by another enclave or processor, or was changed")]
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_560_bytes() {
        assert_eq!(size_of::<Header>(), 560);
    }
}
