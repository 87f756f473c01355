//! An image as pages.

use super::{CHUNK_SIZE, RECORD_SIZE, Record, SgxsError, records};
use crate::measurement::Measurement;
use crate::structures::{PAGE_SIZE, PageType, SecinfoFlags};

const PAGE: usize = PAGE_SIZE as usize;

/// An enclave image in canonical form: pages rise, and are measured one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    ssa_frame_size: u32,
    size: Size,
    pages: Vec<ImagePage>,
}

/// How large an enclave is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Bytes: a power of two.
    Bytes(u64),
    /// Not yet known. Nothing can be measured before [`Image::with_size`].
    Open {
        /// Where in the enclave the size is to be written.
        size_at: u64,
    },
}

/// A page of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePage {
    /// Where it is, in bytes from the start of the enclave.
    pub offset: u64,
    /// Its permissions and type.
    pub flags: SecinfoFlags,
    /// Its contents.
    pub data: Box<[u8; PAGE]>,
    /// Which of its 16 chunks of 256 bytes are measured, in the order of measurement.
    pub measured: Vec<u8>,
}

impl ImagePage {
    /// A page that is measured as a whole. Contents shorter than a page are filled up with zeros.
    ///
    /// # Panics
    ///
    /// When the contents are longer than a page.
    pub fn measured(offset: u64, flags: SecinfoFlags, contents: &[u8]) -> Self {
        let mut data = Box::new([0; PAGE]);
        data[..contents.len()].copy_from_slice(contents);
        Self {
            offset,
            flags,
            data,
            measured: (0..16).collect(),
        }
    }

    /// A page of zeros of which only place and flags are measured, such as a heap.
    pub fn unmeasured(offset: u64, flags: SecinfoFlags) -> Self {
        Self {
            measured: Vec::new(),
            ..Self::measured(offset, flags, &[])
        }
    }

    /// The contents of one of its chunks, 0 to 15.
    fn chunk(&self, index: u8) -> (u64, &[u8; CHUNK_SIZE]) {
        let offset = self.offset + u64::from(index) * CHUNK_SIZE as u64;
        let (chunks, _) = self.data.as_chunks();
        (offset, &chunks[usize::from(index)])
    }

    /// The page in records, in the order of the file.
    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let add = Record::Add {
            offset: self.offset,
            flags: self.flags,
        };
        let measured = self.measured.iter().map(|index| {
            let (offset, data) = self.chunk(*index);
            Record::Extend { offset, data }
        });
        let unmeasured = (0..16)
            .filter(|index| !self.measured.contains(index))
            .map(|index| self.chunk(index))
            .filter(|(_, data)| **data != [0; CHUNK_SIZE])
            .map(|(offset, data)| Record::Unmeasured { offset, data });
        std::iter::once(add).chain(measured).chain(unmeasured)
    }
}

impl Image {
    /// An image of these pages, in an enclave just large enough.
    ///
    /// # Errors
    ///
    /// When the pages do not rise or are not aligned, and when there are none.
    pub fn new(ssa_frame_size: u32, pages: Vec<ImagePage>) -> Result<Self, SgxsError> {
        let end = pages.last().map_or(0, |page| page.offset + PAGE_SIZE);
        let size = end.next_power_of_two().max(2 * PAGE_SIZE);
        let mut bytes = Record::Create {
            ssa_frame_size,
            size,
        }
        .header()
        .to_vec();
        for record in pages.iter().flat_map(ImagePage::records) {
            bytes.extend_from_slice(&record.header());
            bytes.extend_from_slice(record.data());
        }
        Self::parse(&bytes)
    }

    /// Reads an image.
    ///
    /// # Errors
    ///
    /// When it is not in canonical form: see [`SgxsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SgxsError> {
        let mut at = 0;
        let mut image: Option<Self> = None;
        for record in records(bytes) {
            let record = record?;
            match &mut image {
                Some(image) => image.take(record, at)?,
                none => *none = Some(Self::start(record)?),
            }
            at += RECORD_SIZE + record.data().len();
        }
        image.ok_or(SgxsError::Empty)
    }

    /// The image as a file. Contents that are neither measured nor zero follow the measured ones
    /// of their page.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for record in self.records() {
            bytes.extend_from_slice(&record.header());
            bytes.extend_from_slice(record.data());
        }
        bytes
    }

    /// Size of one frame of the state save area, in pages.
    pub fn ssa_frame_size(&self) -> u32 {
        self.ssa_frame_size
    }

    /// How large the enclave is.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The pages, by rising offset.
    pub fn pages(&self) -> &[ImagePage] {
        &self.pages
    }

    /// The measurement; `None` while the size is open.
    pub fn mrenclave(&self) -> Option<[u8; 32]> {
        let Size::Bytes(_) = self.size else {
            return None;
        };
        let mut measurement = Measurement::default();
        for record in self.records().filter(Record::is_measured) {
            measurement.record(&record);
        }
        Some(measurement.mrenclave())
    }

    /// The image with this size, written to where the image wants it.
    ///
    /// # Errors
    ///
    /// When the size is not a power of two, does not hold all pages, or has no place to be
    /// written to. An image whose size is known stays as it is if it is the same.
    pub fn with_size(mut self, size: u64) -> Result<Self, SgxsError> {
        let size_at = match self.size {
            Size::Bytes(known) if known == size => return Ok(self),
            Size::Bytes(_) => return Err(SgxsError::SizeInvalid { size }),
            Size::Open { size_at } => size_at,
        };
        let end = self.pages.last().map_or(0, |page| page.offset + PAGE_SIZE);
        if !is_size(size) || end > size {
            return Err(SgxsError::SizeInvalid { size });
        }
        let place = self.pages.iter_mut().find_map(|page| {
            let start = usize::try_from(size_at.checked_sub(page.offset)?).ok()?;
            page.data.get_mut(start..start.checked_add(8)?)
        });
        place
            .ok_or(SgxsError::SizeHomeless { size_at })?
            .copy_from_slice(&size.to_le_bytes());
        self.size = Size::Bytes(size);
        Ok(self)
    }

    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let ssa_frame_size = self.ssa_frame_size;
        let first = match self.size {
            Size::Bytes(size) => Record::Create {
                ssa_frame_size,
                size,
            },
            Size::Open { size_at } => Record::Unsized {
                ssa_frame_size,
                size_at,
            },
        };
        std::iter::once(first).chain(self.pages.iter().flat_map(ImagePage::records))
    }

    fn start(record: Record<'_>) -> Result<Self, SgxsError> {
        let (ssa_frame_size, size) = match record {
            Record::Create {
                ssa_frame_size,
                size,
            } if is_size(size) => (ssa_frame_size, Size::Bytes(size)),
            Record::Create { size, .. } => return Err(SgxsError::SizeInvalid { size }),
            Record::Unsized {
                ssa_frame_size,
                size_at,
            } => (ssa_frame_size, Size::Open { size_at }),
            Record::Add { .. } | Record::Extend { .. } | Record::Unmeasured { .. } => {
                return Err(SgxsError::RecordMisplaced { at: 0 });
            }
        };
        Ok(Self {
            ssa_frame_size,
            size,
            pages: Vec::new(),
        })
    }

    fn take(&mut self, record: Record<'_>, at: usize) -> Result<(), SgxsError> {
        match record {
            Record::Create { .. } | Record::Unsized { .. } => {
                Err(SgxsError::RecordMisplaced { at })
            }
            Record::Add { offset, flags } => self.take_page(offset, flags, at),
            Record::Extend { offset, data } => self.take_chunk(offset, data, true, at),
            Record::Unmeasured { offset, data } => self.take_chunk(offset, data, false, at),
        }
    }

    fn take_page(&mut self, page: u64, flags: SecinfoFlags, at: usize) -> Result<(), SgxsError> {
        let end = match self.size {
            Size::Bytes(size) => size,
            Size::Open { .. } => u64::MAX - PAGE_SIZE,
        };
        let rises = self.pages.last().is_none_or(|last| page > last.offset);
        if !page.is_multiple_of(PAGE_SIZE) || !rises || page >= end {
            return Err(SgxsError::PageMisplaced { at, page });
        }
        let permissions = SecinfoFlags::R | SecinfoFlags::W | SecinfoFlags::X;
        if flags.page_type() == Some(PageType::Tcs) && flags.has(permissions) {
            return Err(SgxsError::TcsPermissions { at });
        }
        self.pages.push(ImagePage::unmeasured(page, flags));
        Ok(())
    }

    fn take_chunk(
        &mut self,
        chunk: u64,
        data: &[u8; CHUNK_SIZE],
        measured: bool,
        at: usize,
    ) -> Result<(), SgxsError> {
        let misplaced = SgxsError::ChunkMisplaced { at, chunk };
        let Some(page) = self.pages.last_mut() else {
            return Err(misplaced);
        };
        let place = chunk
            .checked_sub(page.offset)
            .filter(|place| *place < PAGE_SIZE && place.is_multiple_of(CHUNK_SIZE as u64));
        let Some(index) = place.map(|place| (place / CHUNK_SIZE as u64) as u8) else {
            return Err(misplaced);
        };
        let (chunks, _) = page.data.as_chunks_mut();
        let there: &mut [u8; CHUNK_SIZE] = &mut chunks[usize::from(index)];
        if page.measured.contains(&index) || *there != [0; CHUNK_SIZE] {
            return Err(misplaced);
        }
        *there = *data;
        if measured {
            page.measured.push(index);
        }
        Ok(())
    }
}

/// Whether an enclave can have this size.
fn is_size(size: u64) -> bool {
    size.is_power_of_two() && size >= 2 * PAGE_SIZE
}
