//! Secrets that only the vendor opens: encryption with a synthetic initialisation vector, after
//! the construction of RFC 5297 with HMAC-SHA-256 as its pseudo-random function.
//!
//! The same content gives the same bytes, so that everything of a vendor follows from its seed.

use bulla_issuer::Seed;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How much longer than its content a sealed text is, in bytes.
pub(crate) const OVERHEAD: usize = 32;

/// Seals `content` under the key that `seed` has for `purpose`.
pub(crate) fn seal(seed: &Seed, purpose: &str, content: &[u8]) -> Vec<u8> {
    let tag: [u8; OVERHEAD] = keyed(seed, purpose, "tag")
        .chain_update(content)
        .finalize()
        .into_bytes()
        .into();
    let mut sealed = tag.to_vec();
    sealed.extend(masked(seed, purpose, &tag, content));
    sealed
}

/// What [`seal`] sealed under the same key; `None` if it did not, or a bit has changed.
pub(crate) fn open(seed: &Seed, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (tag, hidden) = sealed.split_first_chunk::<OVERHEAD>()?;
    let content = masked(seed, purpose, tag, hidden);
    let expected = keyed(seed, purpose, "tag").chain_update(&content);
    expected.verify_slice(tag).is_ok().then_some(content)
}

/// `text` under the key stream that belongs to `tag`; twice is once back.
fn masked(seed: &Seed, purpose: &str, tag: &[u8; OVERHEAD], text: &[u8]) -> Vec<u8> {
    let mut masked = text.to_vec();
    for (block, part) in (0_u32..).zip(masked.chunks_mut(32)) {
        let stream = keyed(seed, purpose, "stream")
            .chain_update(tag)
            .chain_update(block.to_be_bytes())
            .finalize()
            .into_bytes();
        for (byte, mask) in part.iter_mut().zip(stream) {
            *byte ^= mask;
        }
    }
    masked
}

fn keyed(seed: &Seed, purpose: &str, role: &str) -> Hmac<Sha256> {
    let key: [u8; 32] = seed.bytes(&format!("{purpose} {role}"));
    Hmac::new_from_slice(&key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_under_the_same_key_only() {
        let seed = Seed::from(1);
        for content in [&b""[..], b"a", &[0; 100]] {
            let sealed = seal(&seed, "test", content);
            assert_eq!(sealed.len(), content.len() + OVERHEAD);
            assert_eq!(open(&seed, "test", &sealed).as_deref(), Some(content));
            assert_eq!(open(&seed, "other", &sealed), None);
            assert_eq!(open(&Seed::from(2), "test", &sealed), None);
            for bit in 0..sealed.len() * 8 {
                let mut changed = sealed.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(&seed, "test", &changed), None, "{bit}");
            }
        }
        assert_eq!(open(&seed, "test", &[0; OVERHEAD - 1]), None);
    }
}
