//! The signature structure of an enclave (Intel SDM volume 3D, "SIGSTRUCT").

use bulla_evidence::layout::SgxAttributes;
use crypto_bigint::{CheckedSub, NonZero, U3072, U6144};
use sha2::{Digest, Sha256};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{ErrorCode, Failure, require};

/// The size of a SIGSTRUCT in bytes.
pub const SIGSTRUCT_SIZE: usize = size_of::<Sigstruct>();

/// First constant of a SIGSTRUCT.
const HEADER: [u8; 16] = *b"\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0";

/// Second constant.
const HEADER2: [u8; 16] = *b"\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0";

/// The vendor's number as vendor of an enclave.
const VENDOR_INTEL: u32 = 0x8086;

/// What an enclave's signer says about it, 1808 bytes.
///
/// Integers are little-endian, also the large ones: modulus, signature, quotients.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Sigstruct {
    /// 0/16: a constant.
    pub header: [u8; 16],
    /// 16/4: 0, or 0x8086 for enclaves of Intel.
    pub vendor: U32,
    /// 20/4: when it was built: `0xyyyymmdd`, decimal digits.
    pub date: U32,
    /// 24/16: a constant.
    pub header2: [u8; 16],
    /// 40/4: of the signer's choice.
    pub swdefined: U32,
    /// 44/84: zero.
    pub reserved1: [u8; 84],
    /// 128/384: modulus of the signer's key.
    pub modulus: [u8; 384],
    /// 512/4: its exponent, 3.
    pub exponent: U32,
    /// 516/384: RSA signature, PKCS #1 v1.5 with SHA-256, over 0..128 and 900..1028.
    pub signature: [u8; 384],
    /// 900/4: `MISCSELECT` under the mask.
    pub miscselect: U32,
    /// 904/4: which bits of `MISCSELECT` are prescribed.
    pub misc_mask: U32,
    /// 908/1: attributes of control-flow enforcement under the mask (unchecked).
    pub cet_attributes: u8,
    /// 909/1: which of those are prescribed (unchecked).
    pub cet_attributes_mask: u8,
    /// 910/2: zero.
    pub reserved2: [u8; 2],
    /// 912/16: product family id.
    pub isvfamilyid: [u8; 16],
    /// 928/16: attributes under the mask.
    pub attributes: SgxAttributes,
    /// 944/16: which attributes are prescribed.
    pub attribute_mask: SgxAttributes,
    /// 960/32: the measurement.
    pub enclavehash: [u8; 32],
    /// 992/16: zero.
    pub reserved3: [u8; 16],
    /// 1008/16: extended product id.
    pub isvextprodid: [u8; 16],
    /// 1024/2: product id.
    pub isvprodid: U16,
    /// 1026/2: security version.
    pub isvsvn: U16,
    /// 1028/12: zero.
    pub reserved4: [u8; 12],
    /// 1040/384: `floor(signature^2 / modulus)`.
    pub q1: [u8; 384],
    /// 1424/384: `floor((signature^3 - q1 * signature * modulus) / modulus)`.
    pub q2: [u8; 384],
}

impl Sigstruct {
    /// A structure that prescribes this measurement and nothing else, to be signed.
    pub fn new(enclavehash: [u8; 32]) -> Self {
        Self {
            header: HEADER,
            header2: HEADER2,
            exponent: 3.into(),
            enclavehash,
            ..Self::new_zeroed()
        }
    }

    /// The SIGSTRUCT of these bytes; `None` if they have not its size and its two constants.
    ///
    /// Nothing else is checked: see [`Self::check_format`] and [`Self::check_signature`].
    pub fn parse(bytes: &[u8]) -> Option<&Self> {
        Self::ref_from_bytes(bytes)
            .ok()
            .filter(|sigstruct| sigstruct.has_headers())
    }

    /// The identity of the signer: SHA-256 of the modulus.
    pub fn mrsigner(&self) -> [u8; 32] {
        Sha256::digest(self.modulus).into()
    }

    /// What is signed, 256 bytes: everything up to the modulus, and from `miscselect` to `isvsvn`.
    pub fn signed_message(&self) -> [u8; 256] {
        let mut message = [0; 256];
        message[..128].copy_from_slice(&self.as_bytes()[..128]);
        message[128..].copy_from_slice(&self.as_bytes()[900..1028]);
        message
    }

    /// Whether constants, vendor, exponent and zeros are what they must be.
    ///
    /// # Errors
    ///
    /// 1 (`InvalidSigStruct`).
    pub fn check_format(&self) -> Result<(), Failure> {
        let check = |condition, reason| require(condition, ErrorCode::InvalidSigStruct, reason);
        check(self.has_headers(), "the constants of the SIGSTRUCT")?;
        check(
            [0, VENDOR_INTEL].contains(&self.vendor.get()),
            "the vendor is neither 0 nor 0x8086",
        )?;
        check(self.exponent == 3, "the exponent is not 3")?;
        check(
            self.reserved1 == [0; 84]
                && self.reserved2 == [0; 2]
                && self.reserved3 == [0; 16]
                && self.reserved4 == [0; 12],
            "reserved bytes of the SIGSTRUCT are not zero",
        )
    }

    /// Whether the signature holds, by the quotients that the structure brings: with them, two
    /// multiplications and no division, as the processor does it.
    ///
    /// # Errors
    ///
    /// 8 (`InvalidSignature`).
    pub fn check_signature(&self) -> Result<(), Failure> {
        let check = |condition, reason| require(condition, ErrorCode::InvalidSignature, reason);
        let number = U3072::from_le_slice;
        let (n, s) = (number(&self.modulus), number(&self.signature));
        check(n.bit_width() == 3072, "the modulus has not 3072 bits")?;
        check(s < n, "the signature is not below the modulus")?;

        let square = remainder(&wide(&s, &s), &number(&self.q1), &n);
        let square = square.ok_or(Failure::code(
            ErrorCode::InvalidSignature,
            "Q1 is not the quotient of the signature's square",
        ))?;
        let cube = remainder(&wide(&square, &s), &number(&self.q2), &n);
        let cube = cube.ok_or(Failure::code(
            ErrorCode::InvalidSignature,
            "Q2 is not the quotient of the signature's cube",
        ))?;
        let digest = Sha256::digest(self.signed_message()).into();
        check(
            cube == U3072::from_be_slice(&padded(&digest)),
            "the signature is not of this structure",
        )
    }

    /// Puts modulus and signature in, and the quotients that follow from them. All three are
    /// big-endian numbers; a modulus of zero gives quotients of zero.
    pub(crate) fn set_signature(&mut self, modulus: &[u8; 384], signature: &[u8; 384]) {
        let (n, s) = (
            U3072::from_be_slice(modulus),
            U3072::from_be_slice(signature),
        );
        self.modulus = little_endian(&n);
        self.signature = little_endian(&s);
        let Some(n) = NonZero::new(n).into_option() else {
            return;
        };
        let (q1, square) = quotient(&wide(&s, &s), &n);
        let (q2, _) = quotient(&wide(&square, &s), &n);
        self.q1 = little_endian(&q1);
        self.q2 = little_endian(&q2);
    }

    fn has_headers(&self) -> bool {
        self.header == HEADER && self.header2 == HEADER2
    }
}

/// `product - quotient * n`, if that is a remainder: neither negative nor `n` or more.
fn remainder(product: &U6144, quotient: &U3072, n: &U3072) -> Option<U3072> {
    let rest = product.checked_sub(&wide(quotient, n)).into_option()?;
    let (low, high) = rest.split();
    (high == U3072::ZERO && low < *n).then_some(low)
}

/// Quotient and remainder; the quotient of numbers below `n` is below `n` itself.
fn quotient(product: &U6144, n: &NonZero<U3072>) -> (U3072, U3072) {
    let wide_n = NonZero::new(n.get().concat(&U3072::ZERO)).expect("not zero");
    let (quotient, remainder) = product.div_rem_vartime(&wide_n);
    (quotient.split().0, remainder.split().0)
}

fn wide(left: &U3072, right: &U3072) -> U6144 {
    let (low, high) = left.widening_mul(right);
    low.concat(&high)
}

fn little_endian(number: &U3072) -> [u8; 384] {
    let mut bytes = [0; 384];
    bytes.copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The digest as RSA signs it: EMSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 9.2).
fn padded(digest: &[u8; 32]) -> [u8; 384] {
    const ALGORITHM: [u8; 19] =
        *b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\0\x04\x20";
    let mut padded = [0xff; 384];
    padded[..2].copy_from_slice(&[0, 1]);
    padded[332] = 0;
    padded[333..352].copy_from_slice(&ALGORITHM);
    padded[352..].copy_from_slice(digest);
    padded
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use crypto_bigint::Resize as _;

    use super::*;
    use crate::signer::EnclaveSigner;

    fn signed() -> Sigstruct {
        let mut sigstruct = Sigstruct::new([7; 32]);
        sigstruct.date = 0x2026_1123.into();
        EnclaveSigner::architectural().sign(&mut sigstruct);
        sigstruct
    }

    #[test]
    fn the_offsets_of_the_manual() {
        assert_eq!(SIGSTRUCT_SIZE, 1808);
        assert_eq!(offset_of!(Sigstruct, modulus), 128);
        assert_eq!(offset_of!(Sigstruct, miscselect), 900);
        assert_eq!(offset_of!(Sigstruct, isvfamilyid), 912);
        assert_eq!(offset_of!(Sigstruct, enclavehash), 960);
        assert_eq!(offset_of!(Sigstruct, isvprodid), 1024);
        assert_eq!(offset_of!(Sigstruct, q1), 1040);
        assert_eq!(offset_of!(Sigstruct, q2), 1424);
    }

    #[test]
    fn what_was_signed_holds() {
        let sigstruct = signed();
        assert_eq!(sigstruct.check_format(), Ok(()));
        assert_eq!(sigstruct.check_signature(), Ok(()));
        assert_eq!(Sigstruct::parse(sigstruct.as_bytes()), Some(&sigstruct));
        assert_eq!(Sigstruct::parse(&sigstruct.as_bytes()[1..]), None);
        assert_eq!(Sigstruct::parse(&[0; SIGSTRUCT_SIZE]), None);
    }

    #[test]
    fn the_quotients_are_those_of_the_definition() {
        let sigstruct = signed();
        let boxed = |bytes: &[u8; 384]| {
            rsa::BoxedUint::from_le_slice(bytes, 3072)
                .expect("3072 bits")
                .resize_unchecked(4 * 3072)
        };
        let n = boxed(&sigstruct.modulus).to_nz().expect("not zero");
        let (s, q1) = (boxed(&sigstruct.signature), boxed(&sigstruct.q1));
        let (by_definition, _) = s.wrapping_mul(&s).div_rem(&n);
        assert_eq!(q1, by_definition);
        let cube = s.wrapping_mul(&s).wrapping_mul(&s);
        let rest = cube.wrapping_sub(q1.wrapping_mul(&s).wrapping_mul(n.as_ref()));
        let (by_definition, _) = rest.div_rem(&n);
        assert_eq!(boxed(&sigstruct.q2), by_definition);
    }

    #[test]
    fn a_signature_of_the_other_library_holds_in_ours_and_the_reverse() {
        let sigstruct = signed();
        let mut big_endian = sigstruct.signature;
        big_endian.reverse();
        let digest = Sha256::digest(sigstruct.signed_message());
        EnclaveSigner::architectural()
            .public_key()
            .verify(rsa::Pkcs1v15Sign::new::<Sha256>(), &digest, &big_endian)
            .expect("the signature holds");
    }

    #[test]
    fn a_signature_at_or_above_the_modulus_is_refused() {
        let mut sigstruct = signed();
        sigstruct.signature = sigstruct.modulus;
        assert_eq!(
            sigstruct.check_signature().unwrap_err().error_code(),
            Some(ErrorCode::InvalidSignature)
        );
        sigstruct.modulus = [0; 384];
        assert!(sigstruct.check_signature().is_err());
    }
}
