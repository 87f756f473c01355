//! The records that are measured, and of which images in SGXS consist (Intel SDM volume 3D,
//! "ECREATE", "EADD", "EEXTEND"; SGXS adds two that are not measured).

use super::SgxsError;
use crate::structures::SecinfoFlags;

/// Bytes of a record, without the data behind it.
pub const RECORD_SIZE: usize = 64;

/// Bytes that one `EEXTEND` measures.
pub const CHUNK_SIZE: usize = 256;

const ECREATE: [u8; 8] = *b"ECREATE\0";
const UNSIZED: [u8; 8] = *b"UNSIZED\0";
const EADD: [u8; 8] = *b"EADD\0\0\0\0";
const EEXTEND: [u8; 8] = *b"EEXTEND\0";
const UNMEASURED: [u8; 8] = *b"UNMEASRD";

/// One record. Offsets are in bytes from the start of the enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The enclave as a whole.
    Create {
        /// Size of one frame of the state save area, in pages.
        ssa_frame_size: u32,
        /// Size of the enclave in bytes.
        size: u64,
    },
    /// The enclave as a whole, its size still open; never measured.
    Unsized {
        /// Size of one frame of the state save area, in pages.
        ssa_frame_size: u32,
        /// Where in the enclave the size is to be written, as 8 bytes.
        size_at: u64,
    },
    /// A page.
    Add {
        /// Where the page is.
        offset: u64,
        /// Its permissions and type.
        flags: SecinfoFlags,
    },
    /// Contents that are measured.
    Extend {
        /// Where they are.
        offset: u64,
        /// What they are.
        data: &'a [u8; CHUNK_SIZE],
    },
    /// Contents that are loaded and not measured.
    Unmeasured {
        /// Where they are.
        offset: u64,
        /// What they are.
        data: &'a [u8; CHUNK_SIZE],
    },
}

impl<'a> Record<'a> {
    /// The record without its data: 64 bytes, zero behind its fields.
    pub fn header(&self) -> [u8; RECORD_SIZE] {
        let mut header = [0; RECORD_SIZE];
        match *self {
            Self::Create {
                ssa_frame_size,
                size,
            } => fill_create(&mut header, ECREATE, ssa_frame_size, size),
            Self::Unsized {
                ssa_frame_size,
                size_at,
            } => fill_create(&mut header, UNSIZED, ssa_frame_size, size_at),
            Self::Add { offset, flags } => {
                fill(&mut header, EADD, offset);
                header[16..24].copy_from_slice(&flags.0.to_le_bytes());
            }
            Self::Extend { offset, .. } => fill(&mut header, EEXTEND, offset),
            Self::Unmeasured { offset, .. } => fill(&mut header, UNMEASURED, offset),
        }
        header
    }

    /// What stands behind the header; empty where nothing does.
    pub fn data(&self) -> &'a [u8] {
        match *self {
            Self::Extend { data, .. } | Self::Unmeasured { data, .. } => data,
            Self::Create { .. } | Self::Unsized { .. } | Self::Add { .. } => &[],
        }
    }

    /// Whether the processor measures it.
    pub fn is_measured(&self) -> bool {
        !matches!(self, Self::Unsized { .. } | Self::Unmeasured { .. })
    }

    /// Reads the record at the start of `bytes`, which stand `at` in the file.
    pub(super) fn read(bytes: &'a [u8], at: usize) -> Result<Self, SgxsError> {
        let header: &[u8; RECORD_SIZE] = bytes.first_chunk().ok_or(SgxsError::RecordCut { at })?;
        let behind = &bytes[RECORD_SIZE..];
        let data = || behind.first_chunk().ok_or(SgxsError::DataCut { at });
        let offset = u64_at(header, 8);
        let [tag, ..] = header.as_chunks::<8>().0 else {
            unreachable!("a record has 64 bytes")
        };
        let record = match *tag {
            ECREATE => Self::Create {
                ssa_frame_size: u32_at(header, 8),
                size: u64_at(header, 12),
            },
            UNSIZED => Self::Unsized {
                ssa_frame_size: u32_at(header, 8),
                size_at: u64_at(header, 12),
            },
            EADD => Self::Add {
                offset,
                flags: SecinfoFlags(u64_at(header, 16)),
            },
            EEXTEND => Self::Extend {
                offset,
                data: data()?,
            },
            UNMEASURED => Self::Unmeasured {
                offset,
                data: data()?,
            },
            tag => return Err(SgxsError::RecordUnknown { at, tag }),
        };
        match record.header() == *header {
            true => Ok(record),
            false => Err(SgxsError::ReservedNotZero { at }),
        }
    }
}

fn fill_create(header: &mut [u8; RECORD_SIZE], tag: [u8; 8], ssa_frame_size: u32, last: u64) {
    header[..8].copy_from_slice(&tag);
    header[8..12].copy_from_slice(&ssa_frame_size.to_le_bytes());
    header[12..20].copy_from_slice(&last.to_le_bytes());
}

fn fill(header: &mut [u8; RECORD_SIZE], tag: [u8; 8], offset: u64) {
    header[..8].copy_from_slice(&tag);
    header[8..16].copy_from_slice(&offset.to_le_bytes());
}

fn u32_at(header: &[u8; RECORD_SIZE], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| header[at + i]))
}

fn u64_at(header: &[u8; RECORD_SIZE], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| header[at + i]))
}
