//! The container: `ustar` of POSIX.1-1988, in the one form that is written here.
//!
//! Whatever else a tar file can say (owners, times, links, extensions) has one value here. A header
//! that is read must be the very one that would be written for its name and size, so that nothing can
//! hide in it.

use crate::error::ArchiveError;

/// Everything is padded to blocks of so many bytes.
pub(crate) const BLOCK: usize = 512;

/// What ends the container: two blocks of zeros.
pub(crate) const END: usize = 2 * BLOCK;

/// Digits of a size in octal.
const SIZE_DIGITS: usize = 11;

/// Where the size stands in a header.
const SIZE_AT: usize = 124;

/// The size that a header states; absent where it is no number.
pub(crate) fn stated_size(header: &[u8]) -> Option<u64> {
    let digits = header.get(SIZE_AT..)?.get(..SIZE_DIGITS)?;
    u64::from_str_radix(str::from_utf8(digits).ok()?, 8).ok()
}

/// The header of a file. Names have at most 100 bytes, as all that are written here.
pub(crate) fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        let rest = block.get_mut(at..).unwrap_or_default();
        for (place, byte) in rest.iter_mut().zip(bytes) {
            *place = *byte;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(SIZE_AT, format!("{size:011o}\0").as_bytes());
    // 1 January 1970: the same content is the same file.
    put(136, b"00000000000\0");
    // The sum is that over a header with blanks in its place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    let rest = block.get_mut(148..).unwrap_or_default();
    for (place, byte) in rest.iter_mut().zip(sum.as_bytes()) {
        *place = *byte;
    }
    block
}

/// How many zeros follow `size` bytes.
fn padding(size: usize) -> usize {
    size.next_multiple_of(BLOCK).saturating_sub(size)
}

/// How many bytes a file takes.
pub(crate) fn length(size: usize) -> usize {
    BLOCK.saturating_add(size.next_multiple_of(BLOCK))
}

/// Writes the header of a file of so many bytes.
pub(crate) fn begin(out: &mut Vec<u8>, name: &str, size: usize) {
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    out.extend_from_slice(&header(name, size));
}

/// Writes a file.
pub(crate) fn write(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    begin(out, name, content.len());
    out.extend_from_slice(content);
    out.resize(out.len().saturating_add(padding(content.len())), 0);
}

/// Writes the end.
pub(crate) fn finish(out: &mut Vec<u8>) {
    out.resize(out.len().saturating_add(END), 0);
}

/// Reads file after file, each of which must be the one that is expected.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// At which byte of the whole file they begin.
    origin: usize,
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], origin: usize) -> Self {
        Self {
            bytes,
            origin,
            offset: 0,
        }
    }

    /// Where the next file begins, in the whole file.
    pub(crate) fn offset(&self) -> usize {
        self.origin.saturating_add(self.offset)
    }

    /// Whether the next file has this name.
    pub(crate) fn is_next(&self, name: &str) -> bool {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        rest.starts_with(name.as_bytes()) && rest.get(name.len()) == Some(&0)
    }

    /// The next file, which has this name and at most `limit` bytes.
    pub(crate) fn file(&mut self, name: &str, limit: usize) -> Result<&'a [u8], ArchiveError> {
        let offset = self.offset();
        let altered = || ArchiveError::Altered {
            file: name.to_owned(),
            offset,
        };
        let size = stated_size(self.peek(name)?).ok_or_else(altered)?;
        if usize::try_from(size).map_or(true, |size| size > limit) {
            return Err(ArchiveError::TooLarge {
                what: name.to_owned(),
                found: size,
                limit,
                unit: "bytes",
            });
        }
        self.file_of(name, size)
    }

    /// The next file, which has this name and this size.
    pub(crate) fn file_of(&mut self, name: &str, size: u64) -> Result<&'a [u8], ArchiveError> {
        let offset = self.offset();
        let altered = || ArchiveError::Altered {
            file: name.to_owned(),
            offset,
        };
        if self.take(name, BLOCK)? != header(name, size) {
            return Err(altered());
        }
        let size = usize::try_from(size).map_err(|_| altered())?;
        let content = self.take(name, size)?;
        match self
            .take(name, padding(size))?
            .iter()
            .all(|byte| *byte == 0)
        {
            true => Ok(content),
            false => Err(altered()),
        }
    }

    /// The end, behind which nothing stands.
    pub(crate) fn finish(&mut self) -> Result<(), ArchiveError> {
        let offset = self.offset();
        let end = self.take("its end", END)?;
        if end.iter().any(|byte| *byte != 0) || self.offset != self.bytes.len() {
            return Err(ArchiveError::Surplus { offset });
        }
        Ok(())
    }

    fn peek(&self, name: &str) -> Result<&'a [u8], ArchiveError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        rest.get(..BLOCK).ok_or_else(|| self.truncated(name))
    }

    fn take(&mut self, name: &str, size: usize) -> Result<&'a [u8], ArchiveError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let taken = rest.get(..size).ok_or_else(|| self.truncated(name))?;
        self.offset = self.offset.saturating_add(size);
        Ok(taken)
    }

    fn truncated(&self, name: &str) -> ArchiveError {
        ArchiveError::Truncated {
            size: self.origin.saturating_add(self.bytes.len()),
            file: name.to_owned(),
        }
    }
}
