//! Enclave images: the records that are measured, and the signature structure.

use std::ops::Range;

use bulla_pki::digest::{sha256, sha256_of};

use super::{Described, Description, Malformed};
use crate::describe::{Fields, body};

/// First and second header of a SIGSTRUCT (Intel SDM volume 3D, "SIGSTRUCT").
const HEADER: [u8; 16] = *b"\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0";
const HEADER2: [u8; 16] = *b"\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0";

/// The size of a SIGSTRUCT in bytes.
const SIGSTRUCT_SIZE: usize = 1808;

const RECORD_SIZE: usize = 64;
const CHUNK_SIZE: usize = 256;
const PAGE_SIZE: u64 = 4096;

/// Most runs of pages that are listed; a program that needs all of them reads the image itself.
const MAX_RUNS: usize = 256;

const IMAGE: &str = "an SGXS enclave image";

/// Whether the bytes begin with a record that only enclave images begin with.
pub(super) fn is_image(start: &[u8]) -> bool {
    start.starts_with(b"ECREATE\0") || start.starts_with(b"UNSIZED\0")
}

pub(super) fn is_sigstruct(bytes: &[u8]) -> bool {
    bytes.len() == SIGSTRUCT_SIZE && bytes.starts_with(&HEADER) && bytes[24..40] == HEADER2
}

/// A SIGSTRUCT; [`is_sigstruct`] must have said so.
pub(super) fn sigstruct(bytes: &[u8]) -> Description {
    let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    let flags = u64_at(bytes, 928);
    let fields = Fields::new()
        .hex("enclavehash", part(960..992))
        .hex("mrsigner", sha256(part(128..512)))
        .with("isvprodid", u16_at(bytes, 1024))
        .with("isvsvn", u16_at(bytes, 1026))
        .with("date", format!("{:08x}", u32_at(bytes, 20)))
        .with("vendor", format!("{:#x}", u32_at(bytes, 16)))
        .hex("attributes", part(928..936))
        .with("attribute_names", body::sgx_names(flags))
        .hex("xfrm", part(936..944))
        .hex("attributes_mask", part(944..952))
        .hex("xfrm_mask", part(952..960))
        .hex("miscselect", part(900..904))
        .hex("miscselect_mask", part(904..908))
        .hex("isvfamilyid", part(912..928))
        .hex("isvextprodid", part(1008..1024))
        .hex("swdefined", part(40..44))
        .with("exponent", u32_at(bytes, 512))
        .hex("modulus", part(128..512))
        .hex("signature", part(516..900));
    Description::new("sigstruct", fields)
}

/// An image in records, measured.
pub(super) fn image(bytes: &[u8]) -> Described {
    let image = Image::read(bytes).map_err(|reason| Malformed::new(IMAGE, reason))?;
    let listed = image
        .runs
        .iter()
        .take(MAX_RUNS)
        .map(Run::describe)
        .collect::<Vec<_>>();
    let fields = Fields::new()
        .with("mrenclave", image.mrenclave(bytes))
        .with("size", image.size)
        .with("ssaframesize", image.ssa_frame_size)
        .with("pages", image.pages)
        .with("measured_bytes", image.measured_chunks.saturating_mul(256))
        .with(
            "unmeasured_bytes",
            image.unmeasured_chunks.saturating_mul(256),
        )
        .with("run_count", image.runs.len())
        .with("runs", listed);
    Ok(Description::new("sgxs_image", fields))
}

/// What an image in records says (the EDP's SGXS format; the records are those of the measurement).
#[derive(Default)]
struct Image {
    /// Absent where the final size still has to be written into the image.
    size: Option<u64>,
    ssa_frame_size: u32,
    pages: u64,
    measured_chunks: u64,
    unmeasured_chunks: u64,
    runs: Vec<Run>,
    /// Stretches of the file that are hashed.
    measured: Vec<Range<usize>>,
}

/// Pages of one kind that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    offset: u64,
    pages: u64,
    flags: u64,
    measured_chunks: u64,
}

impl Image {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut image = Self::default();
        let mut at = 0;
        while at < bytes.len() {
            let end = at.saturating_add(RECORD_SIZE);
            let record = bytes
                .get(at..end)
                .ok_or_else(|| format!("the record at offset {at} is cut short"))?;
            at = image.take(record, at, bytes)?;
        }
        Ok(image)
    }

    /// Takes the record at offset `at`, and says where the next one is.
    fn take(&mut self, record: &[u8], at: usize, bytes: &[u8]) -> Result<usize, String> {
        let end = at.saturating_add(RECORD_SIZE);
        let with_data = end.saturating_add(CHUNK_SIZE);
        let first = at == 0;
        match record.get(..8).unwrap_or_default() {
            b"ECREATE\0" if first => {
                self.ssa_frame_size = u32_at(record, 8);
                self.size = Some(u64_at(record, 12));
                self.measure(at..end);
                Ok(end)
            }
            b"UNSIZED\0" if first => {
                self.ssa_frame_size = u32_at(record, 8);
                Ok(end)
            }
            b"EADD\0\0\0\0" if !first => {
                self.add_page(u64_at(record, 8), u64_at(record, 16));
                self.measure(at..end);
                Ok(end)
            }
            tag @ (b"EEXTEND\0" | b"UNMEASRD") if !first => {
                if with_data > bytes.len() {
                    return Err(format!(
                        "the data behind the record at offset {at} is cut short"
                    ));
                }
                if tag == b"UNMEASRD" {
                    self.unmeasured_chunks = self.unmeasured_chunks.saturating_add(1);
                } else {
                    self.measured_chunks = self.measured_chunks.saturating_add(1);
                    if let Some(run) = self.runs.last_mut() {
                        run.measured_chunks = run.measured_chunks.saturating_add(1);
                    }
                    self.measure(at..with_data);
                }
                Ok(with_data)
            }
            tag => Err(format!(
                "`{}` at offset {at} is no record that may stand there",
                tag.escape_ascii()
            )),
        }
    }

    fn add_page(&mut self, offset: u64, flags: u64) {
        self.pages = self.pages.saturating_add(1);
        match self.runs.last_mut() {
            Some(run) if run.flags == flags && run.end() == offset => {
                run.pages = run.pages.saturating_add(1);
            }
            _ => self.runs.push(Run {
                offset,
                pages: 1,
                flags,
                measured_chunks: 0,
            }),
        }
    }

    fn measure(&mut self, stretch: Range<usize>) {
        match self.measured.last_mut() {
            Some(last) if last.end == stretch.start => last.end = stretch.end,
            _ => self.measured.push(stretch),
        }
    }

    /// SHA-256 over the records and the data that is measured; absent while the size is open.
    fn mrenclave(&self, bytes: &[u8]) -> Option<String> {
        let stretches = self
            .measured
            .iter()
            .filter_map(|range| bytes.get(range.clone()));
        let parts: Vec<&[u8]> = stretches.collect();
        self.size.map(|_| hex::encode(sha256_of(&parts)))
    }
}

impl Run {
    fn end(&self) -> u64 {
        self.offset
            .saturating_add(self.pages.saturating_mul(PAGE_SIZE))
    }

    fn describe(&self) -> Fields {
        let kind = match (self.flags >> 8) & 0xff {
            0 => "SECS",
            1 => "TCS",
            2 => "REG",
            3 => "VA",
            4 => "TRIM",
            5 => "SS_FIRST",
            6 => "SS_REST",
            _ => "unknown",
        };
        let letter = |bit: u64, letter: char| if self.flags & bit != 0 { letter } else { '-' };
        let permissions: String = [letter(1, 'r'), letter(2, 'w'), letter(4, 'x')]
            .iter()
            .collect();
        Fields::new()
            .with("offset", format!("{:#x}", self.offset))
            .with("pages", self.pages)
            .with("type", kind)
            .with("permissions", permissions)
            .with("measured_bytes", self.measured_chunks.saturating_mul(256))
    }
}

fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let tail = bytes.get(offset..).unwrap_or_default();
    tail.first_chunk().copied().unwrap_or([0; N])
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, offset))
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, offset))
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, offset))
}
