//! Enclave images in SGXS: exactly the records that the processor measures, in their order.
//!
//! [`records`] reads whatever consists of records; [`Image`] is an image in canonical form.

mod image;
mod record;

use thiserror::Error;

pub use image::{Image, ImagePage, Size};
pub use record::{CHUNK_SIZE, RECORD_SIZE, Record};

/// Whether a file begins with a record that only images begin with.
pub fn is_image(start: &[u8]) -> bool {
    start.starts_with(b"ECREATE\0") || start.starts_with(b"UNSIZED\0")
}

/// The records of a file, one after the other; nothing follows an error.
///
/// The first record, and it alone, describes the enclave as a whole; beyond that, order and
/// offsets are not examined.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Result<Record<'_>, SgxsError>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let record = Record::read(rest, at).and_then(|record| in_place(record, at));
        at = match &record {
            Ok(record) => at + RECORD_SIZE + record.data().len(),
            Err(_) => bytes.len(),
        };
        Some(record)
    })
}

fn in_place(record: Record<'_>, at: usize) -> Result<Record<'_>, SgxsError> {
    let describes_all = matches!(record, Record::Create { .. } | Record::Unsized { .. });
    match describes_all == (at == 0) {
        true => Ok(record),
        false => Err(SgxsError::RecordMisplaced { at }),
    }
}

/// Why a file is not an image. Every error but the last three names the offset in the file of the
/// record that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SgxsError {
    /// The file ends within a record.
    #[error("the record at offset {at} is cut short")]
    RecordCut {
        /// Where the record starts.
        at: usize,
    },
    /// The file ends within the data of a record.
    #[error("the data behind the record at offset {at} is cut short")]
    DataCut {
        /// Where the record starts.
        at: usize,
    },
    /// No record is called so.
    #[error("`{}` at offset {at} is no record of an enclave image", tag.escape_ascii())]
    RecordUnknown {
        /// Where the record starts.
        at: usize,
        /// Its first 8 bytes.
        tag: [u8; 8],
    },
    /// ECREATE or UNSIZED anywhere but at the start, or something else there.
    #[error(
        "the record at offset {at} may not stand there: an image has one ECREATE or UNSIZED, at its start"
    )]
    RecordMisplaced {
        /// Where the record starts.
        at: usize,
    },
    /// Bytes behind the fields of a record.
    #[error("the record at offset {at} has bytes set that must be zero")]
    ReservedNotZero {
        /// Where the record starts.
        at: usize,
    },
    /// A page is not aligned, or not behind the page before it, or not inside the enclave.
    #[error(
        "page {page:#x} at offset {at} is not aligned, not behind the page before it, or outside the enclave"
    )]
    PageMisplaced {
        /// Where the record starts.
        at: usize,
        /// Where the page is to be.
        page: u64,
    },
    /// A thread control structure with permissions.
    #[error("the thread control structure at offset {at} has permissions, which none can have")]
    TcsPermissions {
        /// Where the record starts.
        at: usize,
    },
    /// Contents that are not aligned, or not of the page just added, or there already.
    #[error(
        "the data for {chunk:#x} at offset {at} is not aligned, not of the page just added, or there already"
    )]
    ChunkMisplaced {
        /// Where the record starts.
        at: usize,
        /// Where the contents are to be.
        chunk: u64,
    },
    /// The file has no record at all.
    #[error("the image is empty")]
    Empty,
    /// A size that is no power of two, or smaller than what is in it.
    #[error(
        "an enclave of {size:#x} bytes is impossible: sizes are powers of two from 0x2000 on and hold all pages"
    )]
    SizeInvalid {
        /// The size in bytes.
        size: u64,
    },
    /// The place for the size is not in the image.
    #[error("no page holds {size_at:#x}, where the size of the enclave is to be written")]
    SizeHomeless {
        /// Offset in the enclave.
        size_at: u64,
    },
}
