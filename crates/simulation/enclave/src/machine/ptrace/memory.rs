//! The memory of an enclave, as files without a name that its process maps and its host reads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bulla_processor::Enclave;
use bulla_processor::structures::{PAGE_SIZE, PageType, SecinfoFlags};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::machine::backend::BackendError;

/// Bytes that are written to a file at once.
const PORTION: usize = 1 << 20;

/// A range of addresses, and the file that backs it.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) file: File,
}

/// Neighbouring pages with the same permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Offset in the enclave, in bytes.
    pub(super) offset: u64,
    /// Bytes.
    pub(super) size: u64,
    /// `PROT_READ`, `PROT_WRITE`, `PROT_EXEC`.
    pub(super) protection: i32,
}

impl Segment {
    /// A range of zeros.
    pub(super) fn new(name: &'static str, start: u64, size: u64) -> io::Result<Self> {
        let file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
        file.set_len(size)?;
        Ok(Self { start, size, file })
    }

    /// The range with the pages of the enclave in their places.
    pub(super) fn of_enclave(enclave: &Enclave, start: u64) -> io::Result<Self> {
        let segment = Self::new("enclave", start, enclave.secs().size.get())?;
        let mut at = 0;
        let mut portion = Vec::with_capacity(PORTION);
        for (offset, _, data) in enclave.pages() {
            if offset != at + portion.len() as u64 || portion.len() >= PORTION {
                segment.file.write_all_at(&portion, at)?;
                portion.clear();
                at = offset;
            }
            portion.extend_from_slice(data);
        }
        segment.file.write_all_at(&portion, at)?;
        Ok(segment)
    }

    /// The offset of a range in the file; `None` if it is not all inside.
    fn place(&self, address: u64, length: usize) -> Option<u64> {
        let offset = address.checked_sub(self.start)?;
        let end = offset.checked_add(length as u64)?;
        (end <= self.size).then_some(offset)
    }

    pub(super) fn read(&self, address: u64, bytes: &mut [u8]) -> Option<Result<(), BackendError>> {
        let offset = self.place(address, bytes.len())?;
        let read = self.file.read_exact_at(bytes, offset);
        Some(read.map_err(|source| BackendError::Unavailable {
            what: "reading its memory",
            source,
        }))
    }

    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> Option<Result<(), BackendError>> {
        let offset = self.place(address, bytes.len())?;
        let written = self.file.write_all_at(bytes, offset);
        Some(written.map_err(|_| BackendError::MemoryExhausted))
    }
}

/// What of an enclave is mapped, and how. Thread control structures are not.
pub(super) fn stretches(enclave: &Enclave) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (offset, flags, _) in enclave.pages() {
        if flags.page_type() != Some(PageType::Reg) {
            continue;
        }
        let protection = protection(flags);
        match stretches.last_mut() {
            Some(last) if last.offset + last.size == offset && last.protection == protection => {
                last.size += PAGE_SIZE;
            }
            _ => stretches.push(Stretch {
                offset,
                size: PAGE_SIZE,
                protection,
            }),
        }
    }
    stretches
}

fn protection(flags: SecinfoFlags) -> i32 {
    [
        (SecinfoFlags::R, libc::PROT_READ),
        (SecinfoFlags::W, libc::PROT_WRITE),
        (SecinfoFlags::X, libc::PROT_EXEC),
    ]
    .iter()
    .filter(|(flag, _)| flags.has(*flag))
    .fold(libc::PROT_NONE, |all, (_, protection)| all | protection)
}
