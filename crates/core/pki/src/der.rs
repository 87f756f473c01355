//! Strict DER (ITU-T X.690), as far as the vendors' certificates and CRLs need it.
//!
//! Reading a CRL of fifty entries with a general library cost as much as half a signature check;
//! this reader borrows, allocates nothing and knows the place of every error. A property test
//! holds it against the `der` crate.

/// The tags of the profile, whole identifier octets.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]`, primitive.
    pub(crate) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]`, constructed.
    pub(crate) const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// Bytes that break strict DER or the expected structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub struct DerError {
    /// Offset of the element in the structure that was read.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// What remains to be read of a structure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest` in the structure that was read.
    end: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            end: bytes.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that remains, unread.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next element; absent at the end.
    pub(crate) fn next_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// An error unless everything was read.
    pub(crate) fn finish(self) -> Result<(), DerError> {
        match self.rest {
            [] => Ok(()),
            _ => Err(self.error("more follows than belongs there")),
        }
    }

    pub(crate) fn error(&self, problem: &'static str) -> DerError {
        DerError {
            offset: self.offset(),
            problem,
        }
    }

    fn offset(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    /// The next element, whatever it is: its tag and its contents.
    pub(crate) fn any(&mut self) -> Result<(u8, Reader<'a>), DerError> {
        let (tag, length, behind) = self.header()?;
        let (contents, rest) = behind
            .split_at_checked(length)
            .ok_or_else(|| self.error("the contents are cut off"))?;
        self.rest = rest;
        let contents = Reader {
            rest: contents,
            end: self.offset(),
        };
        Ok((tag, contents))
    }

    /// The contents of the next element, which must have this tag.
    pub(crate) fn element(
        &mut self,
        tag: u8,
        problem: &'static str,
    ) -> Result<Reader<'a>, DerError> {
        if self.next_tag() != Some(tag) {
            return Err(self.error(problem));
        }
        self.any().map(|(_, contents)| contents)
    }

    /// The contents of the next element if it has this tag; nothing is read otherwise.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Reader<'a>>, DerError> {
        match self.next_tag() == Some(tag) {
            true => self.any().map(|(_, contents)| Some(contents)),
            false => Ok(None),
        }
    }

    pub(crate) fn sequence(&mut self) -> Result<Reader<'a>, DerError> {
        self.element(tag::SEQUENCE, "a SEQUENCE is expected")
    }

    /// The whole encoding of the next element, which must be a SEQUENCE, and its contents.
    pub(crate) fn raw_sequence(&mut self) -> Result<(&'a [u8], Reader<'a>), DerError> {
        let before = self.rest;
        let contents = self.sequence()?;
        let length = before.len().saturating_sub(self.rest.len());
        Ok((before.get(..length).unwrap_or_default(), contents))
    }

    pub(crate) fn octet_string(&mut self) -> Result<&'a [u8], DerError> {
        self.element(tag::OCTET_STRING, "an OCTET STRING is expected")
            .map(|contents| contents.rest)
    }

    /// The content octets of an object identifier, each number in its shortest form.
    pub(crate) fn object_identifier(&mut self) -> Result<&'a [u8], DerError> {
        let contents = self.element(tag::OBJECT_IDENTIFIER, "an OBJECT IDENTIFIER is expected")?;
        let mut starts = true;
        for octet in contents.rest {
            if starts && *octet == 0x80 {
                return Err(contents.error("a number is not in its shortest form"));
            }
            starts = *octet < 0x80;
        }
        match contents.rest {
            [] => Err(contents.error("an OBJECT IDENTIFIER is empty")),
            _ if !starts => Err(contents.error("an OBJECT IDENTIFIER is cut off")),
            octets => Ok(octets),
        }
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, DerError> {
        let contents = self.element(tag::BOOLEAN, "a BOOLEAN is expected")?;
        match contents.rest {
            [0x00] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(contents.error("a BOOLEAN is neither 00 nor ff")),
        }
    }

    /// The digits of a number that is not negative, big-endian, without the octet that only keeps
    /// the sign clear. Zero is one zero octet.
    pub(crate) fn unsigned(&mut self) -> Result<&'a [u8], DerError> {
        let contents = self.element(tag::INTEGER, "an INTEGER is expected")?;
        match contents.rest {
            [] => Err(contents.error("an INTEGER is empty")),
            [0x80..=0xff, ..] => Err(contents.error("an INTEGER is negative")),
            [0, 0..=0x7f, ..] => Err(contents.error("an INTEGER is not in its shortest form")),
            [0, digits @ ..] if !digits.is_empty() => Ok(digits),
            digits => Ok(digits),
        }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DerError> {
        let at = *self;
        match self.unsigned()? {
            [digit] => Ok(*digit),
            _ => Err(at.error("an INTEGER does not fit 8 bits")),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DerError> {
        let at = *self;
        match self.unsigned()? {
            [low] => Ok(u16::from(*low)),
            [high, low] => Ok(u16::from_be_bytes([*high, *low])),
            _ => Err(at.error("an INTEGER does not fit 16 bits")),
        }
    }

    /// The octets of a bit string, and how many bits at its end do not count (they must be 0).
    pub(crate) fn bit_string(&mut self) -> Result<(u8, &'a [u8]), DerError> {
        let contents = self.element(tag::BIT_STRING, "a BIT STRING is expected")?;
        match contents.rest {
            [0, octets @ ..] => Ok((0, octets)),
            [unused @ 1..=7, octets @ .., last] => {
                let padding = u8::MAX.checked_shr(8_u32.saturating_sub(u32::from(*unused)));
                if last & padding.unwrap_or(0) != 0 {
                    return Err(contents.error("bits behind the end of a BIT STRING are set"));
                }
                let octets = contents.rest.get(1..).unwrap_or(octets);
                Ok((*unused, octets))
            }
            _ => Err(contents.error("a BIT STRING is malformed")),
        }
    }

    /// The tag, the length of the contents, and all that follows these two.
    fn header(&self) -> Result<(u8, usize, &'a [u8]), DerError> {
        let [tag, first, behind @ ..] = self.rest else {
            return Err(self.error("an element is cut off"));
        };
        // The profile has no tag numbers of 31 and more.
        if tag & 0x1f == 0x1f {
            return Err(self.error("a tag number of 31 or more"));
        }
        let (length, behind) = match (first, behind) {
            (0..=0x7f, _) => (usize::from(*first), behind),
            (0x81, [a @ 0x80..=0xff, behind @ ..]) => (usize::from(*a), behind),
            (0x82, [a @ 1..=0xff, b, behind @ ..]) => {
                (usize::from(u16::from_be_bytes([*a, *b])), behind)
            }
            (0x83, [a @ 1..=0xff, b, c, behind @ ..]) => {
                let length = u32::from_be_bytes([0, *a, *b, *c]);
                (usize::try_from(length).unwrap_or(usize::MAX), behind)
            }
            _ => {
                return Err(self.error("a length is cut off, too long or not in its shortest form"));
            }
        };
        Ok((*tag, length, behind))
    }
}

/// The dotted form of an object identifier, given its content octets.
pub(crate) fn object_identifier_text(octets: &[u8]) -> String {
    let mut numbers: Vec<u128> = Vec::new();
    let mut number: u128 = 0;
    for octet in octets {
        number = number.checked_shl(7).unwrap_or(0) | u128::from(octet & 0x7f);
        if *octet < 0x80 {
            if numbers.is_empty() {
                let root = number.checked_div(40).unwrap_or(0).min(2);
                numbers.push(root);
                number = number.saturating_sub(root.saturating_mul(40));
            }
            numbers.push(std::mem::take(&mut number));
        }
    }
    let texts: Vec<String> = numbers.iter().map(u128::to_string).collect();
    texts.join(".")
}

#[cfg(test)]
mod tests {
    use ::der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
    use ::der::{Decode, Encode, SliceReader};
    use proptest::prelude::*;

    use super::*;

    fn whole<T>(
        bytes: &[u8],
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, DerError>,
    ) -> Option<T> {
        let mut reader = Reader::new(bytes);
        let value = read(&mut reader).ok()?;
        reader.finish().ok().map(|()| value)
    }

    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, contents.len() as u8], contents].concat()
    }

    /// Bytes that look like an element more often than random ones do.
    fn element_like() -> impl Strategy<Value = Vec<u8>> {
        let tags = prop_oneof![
            Just(1),
            Just(2),
            Just(3),
            Just(4),
            Just(6),
            Just(0x30),
            any::<u8>()
        ];
        let contents = prop::collection::vec(prop_oneof![Just(0), Just(0x80), any::<u8>()], 0..300);
        (tags, contents, 0..6_u8).prop_map(|(tag, contents, damage)| {
            let mut bytes = vec![tag];
            match contents.len() {
                length @ 0..=127 if damage == 1 => bytes.extend([0x81, length as u8]),
                length @ 0..=127 => bytes.push(length as u8),
                length @ 128..=255 if damage == 2 => bytes.extend([0x82, 0, length as u8]),
                length @ 128..=255 => bytes.extend([0x81, length as u8]),
                length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
            }
            bytes.extend(contents);
            match damage {
                3 => drop(bytes.pop()),
                4 => bytes.push(0),
                _ => {}
            }
            bytes
        })
    }

    proptest! {
        #[test]
        fn agrees_with_the_der_crate(bytes in element_like()) {
            let any = whole(&bytes, |reader| reader.any().map(|(tag, c)| (tag, c.rest().to_vec())));
            let theirs = AnyRef::from_der(&bytes).ok().map(|any| {
                (any.to_der().unwrap()[0], any.value().to_vec())
            });
            // Theirs knows fewer universal tags; ours leaves the meaning of a tag to its reader.
            if theirs.is_some() {
                prop_assert_eq!(&any, &theirs);
            }
            let unsigned = whole(&bytes, |reader| reader.unsigned().map(<[u8]>::to_vec));
            let theirs = UintRef::from_der(&bytes).ok().map(|number| number.as_bytes().to_vec());
            prop_assert_eq!(unsigned, theirs);
            let boolean = whole(&bytes, |reader| reader.boolean());
            prop_assert_eq!(boolean, bool::from_der(&bytes).ok());
            let octets = whole(&bytes, |reader| reader.octet_string().map(<[u8]>::to_vec));
            let theirs = <&OctetStringRef>::from_der(&bytes).ok();
            prop_assert_eq!(octets, theirs.map(|octets| octets.as_bytes().to_vec()));
            let bits = whole(&bytes, |reader| reader.bit_string().map(|(n, o)| (n, o.to_vec())));
            let theirs = BitStringRef::from_der(&bytes).ok();
            let theirs = theirs.map(|bits| (bits.unused_bits(), bits.raw_bytes().to_vec()));
            // Theirs lets the bits behind the end be set (X.690, section 11.2.1).
            let theirs = theirs.filter(|(unused, octets)| {
                octets.last().is_none_or(|last| last.trailing_zeros() >= u32::from(*unused))
            });
            prop_assert_eq!(bits, theirs);
            let number = whole(&bytes, |reader| reader.u16());
            prop_assert_eq!(number, u16::from_der(&bytes).ok());
            let theirs = SliceReader::new(&bytes).and_then(|mut reader| {
                ::der::asn1::ObjectIdentifier::<39>::decode(&mut reader)
            });
            if let (Ok(oid), Some(octets)) =
                (theirs, whole(&bytes, |reader| reader.object_identifier().map(<[u8]>::to_vec)))
            {
                prop_assert_eq!(object_identifier_text(&octets), oid.to_string());
            }
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while let Ok((_, contents)) = reader.any() {
                let mut inner = contents;
                while inner.any().is_ok() {}
            }
        }
    }

    /// What chance seldom meets; of each form the nearest that are none.
    #[test]
    fn bit_strings_end_where_they_say() {
        let read = |contents| {
            whole(&element(3, contents), |reader| {
                reader.bit_string().map(|(unused, o)| (unused, o.to_vec()))
            })
        };
        assert_eq!(read(&[0]), Some((0, vec![])));
        assert_eq!(read(&[0, 0xff]), Some((0, vec![0xff])));
        assert_eq!(read(&[1, 0xfe]), Some((1, vec![0xfe])));
        assert_eq!(read(&[4, 0xff, 0xf0]), Some((4, vec![0xff, 0xf0])));
        assert_eq!(read(&[7, 0x80]), Some((7, vec![0x80])));
        for malformed in [
            &[][..],
            &[1],
            &[8, 0],
            &[1, 0xff],
            &[4, 0xff, 0xf8],
            &[4, 0xff, 0xff],
            &[7, 0xc0],
        ] {
            assert_eq!(read(malformed), None, "{malformed:02x?}");
        }
    }

    #[test]
    fn numbers_and_booleans_have_one_form_each() {
        let u8 = |contents| whole(&element(2, contents), |reader| reader.u8());
        assert_eq!(
            [&[0][..], &[1], &[0x7f]].map(u8),
            [Some(0), Some(1), Some(0x7f)]
        );
        assert_eq!(u8(&[0, 0x80]), Some(0x80));
        assert_eq!(u8(&[0, 0xff]), Some(0xff));
        for none in [&[][..], &[0x80], &[0, 0], &[0, 0x7f], &[1, 0]] {
            assert_eq!(u8(none), None, "{none:02x?}");
        }
        let u16 = |contents| whole(&element(2, contents), |reader| reader.u16());
        assert_eq!(
            [&[0][..], &[5], &[0, 0x80]].map(u16),
            [Some(0), Some(5), Some(0x80)]
        );
        assert_eq!(u16(&[1, 2]), Some(0x102));
        assert_eq!(u16(&[0, 0xff, 0xfe]), Some(0xfffe));
        for none in [&[][..], &[0, 0x7f], &[0x80, 0], &[1, 0, 0]] {
            assert_eq!(u16(none), None, "{none:02x?}");
        }
        let boolean = |contents| whole(&element(1, contents), |reader| reader.boolean());
        assert_eq!([&[0][..], &[0xff]].map(boolean), [Some(false), Some(true)]);
        for none in [&[][..], &[1], &[0xfe], &[0, 0], &[0xff, 0xff]] {
            assert_eq!(boolean(none), None, "{none:02x?}");
        }
    }

    #[test]
    fn lengths_have_one_form_each() {
        let read = |header: &[u8], length: usize| {
            let bytes = [header, &vec![0; length]].concat();
            whole(&bytes, |reader| {
                reader
                    .any()
                    .map(|(tag, contents)| (tag, contents.rest().len()))
            })
        };
        let forms: [(&[u8], usize); 8] = [
            (&[4, 0], 0),
            (&[4, 0x7f], 0x7f),
            (&[4, 0x81, 0x80], 0x80),
            (&[4, 0x81, 0xff], 0xff),
            (&[4, 0x82, 1, 0], 0x100),
            (&[4, 0x82, 0xff, 0xff], 0xffff),
            (&[4, 0x83, 1, 0, 0], 0x1_0000),
            (&[4, 0x83, 1, 2, 3], 0x1_0203),
        ];
        for (header, length) in forms {
            assert_eq!(read(header, length), Some((4, length)), "{header:02x?}");
            assert_eq!(read(header, length + 1), None, "{header:02x?}");
            if let Some(less) = length.checked_sub(1) {
                assert_eq!(read(header, less), None, "{header:02x?}");
            }
        }
        let others: [(&[u8], usize); 9] = [
            (&[4], 0),
            (&[4, 0x80], 0),
            (&[4, 0x81, 0x7f], 0x7f),
            (&[4, 0x82, 0, 0x80], 0x80),
            (&[4, 0x82, 0, 0xff], 0xff),
            (&[4, 0x83, 0, 1, 0], 0x100),
            (&[4, 0x84, 0, 0, 1, 0], 0x100),
            (&[0x1f, 0], 0),
            (&[0x3f, 0], 0),
        ];
        for (header, length) in others {
            assert_eq!(read(header, length), None, "{header:02x?}");
        }
    }

    #[test]
    fn errors_know_their_place() {
        let bytes = [0x30, 6, 2, 1, 5, 2, 1, 0x85];
        let mut outer = Reader::new(&bytes);
        let mut inner = outer.sequence().unwrap();
        assert_eq!(inner.u8(), Ok(5));
        let error = inner.unsigned().unwrap_err();
        assert_eq!((error.offset, error.problem), (7, "an INTEGER is negative"));
    }

    #[test]
    fn object_identifiers_in_their_shortest_form() {
        let text = |octets: &[u8]| {
            let bytes = [&[6, octets.len() as u8], octets].concat();
            whole(&bytes, |reader| {
                reader.object_identifier().map(object_identifier_text)
            })
        };
        let sgx = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];
        assert_eq!(text(&sgx).as_deref(), Some("1.2.840.113741.1.13.1"));
        assert_eq!(text(&[0x55, 4, 3]).as_deref(), Some("2.5.4.3"));
        assert_eq!(text(&[0x2a, 0x80, 0x01]), None);
        assert_eq!(text(&[0x2a, 0x86]), None);
        assert_eq!(
            text(&[0x2a, 0x81, 0x80, 0x80, 0x01]).as_deref(),
            Some("1.2.2097153")
        );
        assert_eq!(text(&[0x2a, 0x81, 0x80]), None);
        assert_eq!(text(&[]), None);
    }
}
