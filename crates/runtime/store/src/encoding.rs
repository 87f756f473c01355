//! Bytes of a record that no other record has, to take a digest over.
//!
//! Each part says how long it is before it begins, so that parts cannot flow into each other:
//!
//! | Part | Encoding |
//! |---|---|
//! | number | 8 bytes, most significant first |
//! | bytes, text in UTF-8 | their length as a number, then they themselves |
//! | absent | one byte 0 |
//! | present, where it could be absent | one byte 1, then the part |
//!
//! The first part is the name of the kind of record, as text.

use bulla_pki::digest::sha256;

/// So many bytes most records have at most: a PCK certificate in PEM has 1,750.
const LIKELY: usize = 2_048;

/// A record on its way to a digest.
#[derive(Debug)]
pub(crate) struct Encoding(Vec<u8>);

impl Encoding {
    /// Begins a record of a kind.
    pub(crate) fn of(kind: &str) -> Self {
        Self(Vec::with_capacity(LIKELY)).text(kind)
    }

    pub(crate) fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self = self.number(length);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn optional(mut self, bytes: Option<&[u8]>) -> Self {
        self.0.push(u8::from(bytes.is_some()));
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self,
        }
    }

    /// SHA-256 of the record.
    pub(crate) fn sha256(self) -> [u8; 32] {
        sha256(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_as_described() {
        let bytes = Encoding::of("ab")
            .number(0x0102)
            .optional(None)
            .optional(Some(b"c"))
            .0;
        let expected: [&[u8]; 7] = [
            &[0, 0, 0, 0, 0, 0, 0, 2],
            b"ab",
            &[0, 0, 0, 0, 0, 0, 1, 2],
            &[0],
            &[1],
            &[0, 0, 0, 0, 0, 0, 0, 1],
            b"c",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn parts_do_not_flow_into_each_other() {
        let of = |first: &str, second: &str| Encoding::of("k").text(first).text(second).sha256();
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(of("", "a"), of("a", ""));
        assert_ne!(
            Encoding::of("k").optional(None).sha256(),
            Encoding::of("k").optional(Some(b"")).sha256()
        );
    }
}
