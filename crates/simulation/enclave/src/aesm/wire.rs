//! Protocol buffers, as far as the interface needs them: numbers and bytes.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The bytes are no protocol buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The fields of a message in their order, each with its number.
pub(super) fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields { rest: bytes }
}

#[derive(Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field().ok_or(Malformed);
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = self.number()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    /// Seven bits in each byte, the lowest first; all but the last byte have the highest bit set.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length.try_into().ok()?)?;
        self.rest = rest;
        Some(taken)
    }
}

/// A message that is written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// The same with a field that is a number.
    pub(super) fn number(mut self, field: u64, value: u64) -> Self {
        self.push(field << 3);
        self.push(value);
        self
    }

    /// The same with a field of bytes, or of another message.
    pub(super) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.push(field << 3 | 2);
        self.push(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn push(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 & 0x7f | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_documentation() {
        // "Protocol Buffers: Encoding": field 1 is 150, field 2 is "testing".
        let bytes = b"\x08\x96\x01\x12\x07testing";
        let read: Vec<_> = fields(bytes).collect();
        let expected = [(1, Value::Number(150)), (2, Value::Bytes(b"testing"))];
        assert_eq!(read, expected.map(Ok));
        let written = Message::default().number(1, 150).bytes(2, b"testing");
        assert_eq!(written.into_bytes(), bytes);
    }

    #[test]
    fn what_ends_early_or_is_too_large_is_malformed() {
        for bytes in [
            &b"\x08"[..],
            b"\x08\x80",
            b"\x12\x08testing",
            b"\x0b",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(fields(bytes).last(), Some(Err(Malformed)), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_to_its_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
        }

        #[test]
        fn what_is_written_is_read(number in 1u64..1000, value: u64, text: Vec<u8>) {
            let bytes = Message::default().number(number, value).bytes(number, &text).into_bytes();
            let read: Vec<_> = fields(&bytes).collect();
            let expected = [(number, Value::Number(value)), (number, Value::Bytes(&text))];
            prop_assert_eq!(read, expected.map(Ok));
        }
    }
}
