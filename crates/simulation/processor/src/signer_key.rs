//! The key of a signer as PEM: what is read and written of PKCS #1 and PKCS #8.

use bulla_issuer::Seed;
use bulla_pki::pem::{self, PemError};
use crypto_bigint::U1536;
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Reader, SliceReader, Tag};
use rsa::BoxedUint;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::rsa_key::RsaKey;
use crate::signer::{EXPONENT, EnclaveSigner};

/// `rsaEncryption` (RFC 8017, appendix C).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The labels of the two forms: PKCS #8 and PKCS #1.
const PKCS8: &str = "PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";

/// Why text is not the key of a signer of enclaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignerKeyError {
    /// Neither of the two forms.
    #[error(
        "this is not one PEM block `PRIVATE KEY` or `RSA PRIVATE KEY`; a key with a passphrase must \
         be opened first"
    )]
    NotPem,
    /// The block is no private key of RSA.
    #[error("the PEM block holds no private key of RSA")]
    NotRsa,
    /// Another exponent.
    #[error("the public exponent of the key is not 3, the only one that processors accept")]
    Exponent,
    /// Another size, or primes that do not make up the modulus.
    #[error("the key is not one of 3072 bits, of two primes of 1536")]
    Size,
}

impl EnclaveSigner {
    /// A signer with a key that only these random bytes give. Takes a second or two.
    pub fn generate(random: &[u8; 32]) -> Self {
        Self::derive(&Seed::new(*random), "a signer of one's own")
    }

    /// The signer with the key in this text: PKCS #8 or PKCS #1, in PEM, without passphrase.
    ///
    /// # Errors
    ///
    /// See [`SignerKeyError`]. No error tells anything of the key.
    pub fn from_pem(text: &[u8]) -> Result<Self, SignerKeyError> {
        let block = |label| -> Result<Zeroizing<Vec<u8>>, PemError> {
            let mut blocks = pem::decode(text, label, 1)?;
            Ok(Zeroizing::new(blocks.pop().unwrap_or_default()))
        };
        match (block(PKCS8), block(PKCS1)) {
            (Ok(der), _) => Self::from_pkcs1(inner_key(&der).ok_or(SignerKeyError::NotRsa)?),
            (_, Ok(der)) => Self::from_pkcs1(&der),
            _ => Err(SignerKeyError::NotPem),
        }
    }

    /// The key as PKCS #8, in PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let inner = self.to_pkcs1();
        let algorithm = sequence(&[encoded(&RSA), encoded(&AnyRef::NULL)]);
        let key = OctetStringRef::new(&inner).expect("some kilobytes");
        let key = Zeroizing::new(encoded(&key));
        let outer = sequence(&[encoded(&0_u8), algorithm.to_vec(), key.to_vec()]);
        Zeroizing::new(pem::encode(PKCS8, &outer))
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, SignerKeyError> {
        let numbers = numbers(der).ok_or(SignerKeyError::NotRsa)?;
        let [_, modulus, exponent, _, p, q, ..] = numbers;
        if exponent != EXPONENT.to_be_bytes().trim_start() {
            return Err(SignerKeyError::Exponent);
        }
        let prime = |bytes: &[u8]| {
            let mut padded = Zeroizing::new([0; 192]);
            let start = padded.len().checked_sub(bytes.len())?;
            padded[start..].copy_from_slice(bytes);
            Some(U1536::from_be_slice(&*padded))
        };
        let (p, q) = prime(p).zip(prime(q)).ok_or(SignerKeyError::Size)?;
        let key = RsaKey::of_primes(p, q, EXPONENT).ok_or(SignerKeyError::Size)?;
        match modulus == key.modulus() {
            true => Ok(Self::of(key)),
            false => Err(SignerKeyError::Size),
        }
    }

    /// RFC 8017, appendix A.1.2.
    fn to_pkcs1(&self) -> Zeroizing<Vec<u8>> {
        let key = self.key().private();
        let part = |number: &BoxedUint| {
            let bytes = Zeroizing::new(number.to_be_bytes());
            encoded(&UintRef::new(&bytes).expect("some hundred bytes"))
        };
        let [p, q] = key.primes() else {
            unreachable!("made of two primes")
        };
        let present = "computed when the key was made";
        let qinv = key.qinv().expect(present).retrieve();
        sequence(&[
            encoded(&0_u8),
            part(key.n()),
            part(key.e()),
            part(key.d()),
            part(p),
            part(q),
            part(key.dp().expect(present)),
            part(key.dq().expect(present)),
            part(&qinv),
        ])
    }
}

/// The octets of the key in PKCS #8 (RFC 5958), if it is one of RSA.
fn inner_key(der: &[u8]) -> Option<&[u8]> {
    let mut reader = SliceReader::new(der).ok()?;
    let inner = reader.sequence(|reader| -> der::Result<_> {
        let _version = u8::decode(reader)?;
        let algorithm = reader.sequence(|reader| -> der::Result<_> {
            let algorithm = ObjectIdentifier::decode(reader)?;
            AnyRef::decode(reader)?;
            Ok(algorithm)
        })?;
        let key: &OctetStringRef = Decode::decode(reader)?;
        let rest = reader.remaining_len();
        reader.read_slice(rest)?;
        Ok((algorithm == RSA).then_some(key.as_bytes()))
    });
    inner.ok().flatten()
}

/// The nine numbers of a key with two primes.
fn numbers(der: &[u8]) -> Option<[&[u8]; 9]> {
    let mut reader = SliceReader::new(der).ok()?;
    let numbers = reader.sequence(|reader| -> der::Result<_> {
        let mut numbers = [&[][..]; 9];
        for number in &mut numbers {
            *number = <UintRef<'_> as Decode>::decode(reader)?.as_bytes();
        }
        Ok(numbers)
    });
    reader.finish().ok()?;
    numbers.ok()
}

fn encoded(value: &impl Encode) -> Vec<u8> {
    value.to_der().expect("values that DER can express")
}

fn sequence(parts: &[Vec<u8>]) -> Zeroizing<Vec<u8>> {
    let body = Zeroizing::new(parts.concat());
    let any = AnyRef::new(Tag::Sequence, &body).expect("some kilobytes");
    Zeroizing::new(encoded(&any))
}

/// The bytes of a number without leading zeros.
trait TrimStart {
    fn trim_start(&self) -> &[u8];
}

impl TrimStart for [u8; 4] {
    fn trim_start(&self) -> &[u8] {
        let zeros = self.iter().take_while(|byte| **byte == 0).count();
        &self[zeros..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_text() {
        let signer = EnclaveSigner::demonstration();
        let text = signer.to_pem();
        let again = EnclaveSigner::from_pem(text.as_bytes()).expect("a key");
        assert_eq!(again.mrsigner(), signer.mrsigner());
        let inner = pem::encode(PKCS1, &signer.to_pkcs1());
        let again = EnclaveSigner::from_pem(inner.as_bytes()).expect("a key");
        assert_eq!(again.mrsigner(), signer.mrsigner());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let read = |text: &str| EnclaveSigner::from_pem(text.as_bytes()).map(|_| ());
        assert_eq!(read(""), Err(SignerKeyError::NotPem));
        assert_eq!(
            read(&pem::encode("EC PRIVATE KEY", b"key")),
            Err(SignerKeyError::NotPem)
        );
        assert_eq!(
            read(&pem::encode(PKCS8, b"\x30\0")),
            Err(SignerKeyError::NotRsa)
        );
        let two = EnclaveSigner::demonstration().to_pem().repeat(2);
        assert_eq!(read(&two), Err(SignerKeyError::NotPem));
    }

    #[test]
    fn another_exponent_or_modulus_is_refused() {
        let signer = EnclaveSigner::demonstration();
        let changed = |at: &dyn Fn(&mut Vec<u8>)| {
            let mut der = signer.to_pkcs1().to_vec();
            at(&mut der);
            EnclaveSigner::from_pem(pem::encode(PKCS1, &der).as_bytes()).map(|_| ())
        };
        // Header 4, version 3, header of the modulus 4 and its leading zero.
        assert_eq!(changed(&|_| ()), Ok(()));
        let wrong = changed(&|der| der[12 + 100] ^= 1);
        assert_eq!(wrong, Err(SignerKeyError::Size));
        let wrong = changed(&|der| der[12 + 384 + 2] = 5);
        assert_eq!(wrong, Err(SignerKeyError::Exponent));
    }
}
