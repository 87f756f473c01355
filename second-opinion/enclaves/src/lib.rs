//! Fortanix' library for enclave images, `sgxs`, with the digests and signatures of OpenSSL: what it
//! says of images and of what signs them. How bulla says the same stands in `tests`.

use openssl::bn::BigNum;
use openssl::hash::Hasher;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use sgxs::crypto::SgxRsaPubOps;
use sgxs::sgxs::{CanonicalSgxsReader, CanonicalSgxsWriter, PageChunk, PageReader};
use sgxs::sigstruct::{self, EnclaveHash, Signer};

/// MRENCLAVE of an image whose size is known.
///
/// # Errors
///
/// In its words: no records, or not in canonical form.
pub fn mrenclave(image: &[u8]) -> anyhow::Result<[u8; 32]> {
    let mut rest = image;
    let mut reader = CanonicalSgxsReader::new(&mut rest);
    EnclaveHash::from_stream::<_, Hasher>(&mut reader).map(|measured| measured.hash())
}

/// The image taken apart into pages, and written anew.
///
/// # Errors
///
/// As [`mrenclave`]; and for an image that has contents which are not measured.
pub fn rewritten(image: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut rest = image;
    let (enclave, mut pages) = PageReader::new(&mut rest)?;
    let mut written = Vec::new();
    let mut writer = CanonicalSgxsWriter::new(&mut written, enclave.ecreate, enclave.sized)?;
    while let Some((page, measured, contents)) = pages.read_page()? {
        let is_measured = |index: usize| measured.0 & (1 << index) != 0;
        let chunks = std::array::from_fn(|index| match is_measured(index) {
            true => PageChunk::IncludedMeasured,
            false => PageChunk::Skipped,
        });
        // The writer asks for nothing else.
        let contents = contents.chunks(256).enumerate();
        let contents: Vec<&[u8]> = contents
            .filter_map(|(index, chunk)| is_measured(index).then_some(chunk))
            .collect();
        let contents = contents.concat();
        let data = (&mut &contents[..], chunks);
        writer.write_page(data, Some(page.offset), page.secinfo)?;
    }
    Ok(written)
}

/// Whose signature a SIGSTRUCT bears, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The measurement that it prescribes.
    pub mrenclave: [u8; 32],
    /// SHA-256 of the signer's modulus, little-endian.
    pub mrsigner: [u8; 32],
}

/// What a SIGSTRUCT says, once its signature and both quotients hold.
///
/// # Errors
///
/// In its words, and in ours for the quotients.
pub fn signed(mut bytes: &[u8]) -> anyhow::Result<Signed> {
    let signed = sigstruct::read(&mut bytes)?;
    let mut modulus = signed.modulus;
    modulus.reverse();
    let key = Rsa::from_public_components(BigNum::from_slice(&modulus)?, BigNum::from_u32(3)?)?;
    sigstruct::verify::<_, Hasher>(&signed, &*key)?;
    let mut signature = signed.signature;
    signature.reverse();
    let (q1, q2) = key.calculate_q1_q2(&signature)?;
    let holds = |quotient: &[u8; 384], computed: &[u8]| {
        quotient.starts_with(computed) && quotient[computed.len()..].iter().all(|byte| *byte == 0)
    };
    anyhow::ensure!(holds(&signed.q1, &q1), "the first quotient differs");
    anyhow::ensure!(holds(&signed.q2, &q2), "the second quotient differs");
    Ok(Signed {
        mrenclave: signed.enclavehash,
        mrsigner: sha256(&signed.modulus),
    })
}

/// The SIGSTRUCT that it signs with this key, in PEM.
///
/// # Errors
///
/// In the words of OpenSSL: no key, or none that signs.
pub fn sign(signer: Signer, key: &[u8]) -> anyhow::Result<Vec<u8>> {
    let key = PKey::private_key_from_pem(key)?.rsa()?;
    let signed = signer.sign::<_, Hasher>(&*key)?;
    let bytes: &[u8] = signed.as_ref();
    Ok(bytes.to_vec())
}
