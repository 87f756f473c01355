//! A position in a quote, from which structures are borrowed one after the other.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::QuoteError;

/// Reads bytes from front to back and knows the offset in the whole quote.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    quote: &'a [u8],
    offset: usize,
    end: End,
}

/// What ends the bytes that may be read: it decides which error a shortage is.
#[derive(Clone, Copy)]
enum End {
    Quote,
    AuthData(usize),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(quote: &'a [u8]) -> Self {
        Self {
            quote,
            offset: 0,
            end: End::Quote,
        }
    }

    /// The next `size` bytes.
    pub(crate) fn take(
        &mut self,
        field: &'static str,
        size: usize,
    ) -> Result<&'a [u8], QuoteError> {
        self.rest()
            .get(..size)
            .inspect(|_| self.offset = self.offset.saturating_add(size))
            .ok_or_else(|| self.shortage(field, size))
    }

    /// The next structure, in place.
    pub(crate) fn read<T>(&mut self, field: &'static str) -> Result<&'a T, QuoteError>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let shortage = self.shortage(field, size_of::<T>());
        let bytes = self.take(field, size_of::<T>())?;
        T::ref_from_bytes(bytes).map_err(|_| shortage)
    }

    /// The next 4 bytes, as a number of bytes in memory.
    pub(crate) fn size(&mut self, field: &'static str) -> Result<usize, QuoteError> {
        let size: &U32 = self.read(field)?;
        // Where usize is narrower, such a size is beyond every buffer in any case.
        Ok(usize::try_from(size.get()).unwrap_or(usize::MAX))
    }

    /// The next `size` bytes, as a reader that ends where the auth data ends.
    pub(crate) fn auth_data(&mut self, size: usize) -> Result<Self, QuoteError> {
        let start = *self;
        self.take("the auth data", size)?;
        Ok(Self {
            end: End::AuthData(self.offset),
            ..start
        })
    }

    /// Where in the quote the next byte is.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub(crate) fn available(&self) -> usize {
        self.rest().len()
    }

    /// All bytes of the quote up to here.
    pub(crate) fn consumed(&self) -> &'a [u8] {
        self.quote.get(..self.offset).unwrap_or(self.quote)
    }

    /// All bytes from here on.
    pub(crate) fn rest(&self) -> &'a [u8] {
        let end = match self.end {
            End::Quote => self.quote.len(),
            End::AuthData(end) => end,
        };
        self.quote.get(self.offset..end).unwrap_or_default()
    }

    fn shortage(&self, field: &'static str, needed: usize) -> QuoteError {
        let (offset, available) = (self.offset, self.available());
        match self.end {
            End::Quote => QuoteError::QuoteTruncated {
                field,
                offset,
                needed,
                available,
            },
            End::AuthData(_) => QuoteError::AuthDataSizeMismatch {
                field,
                offset,
                needed,
                available,
            },
        }
    }
}
