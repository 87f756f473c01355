//! Enclave images and signature structures.

use bulla_processor::sgxs::{CHUNK_SIZE, Record, records};
use bulla_processor::structures::{PAGE_SIZE, SecinfoFlags};
use bulla_processor::{Measurement, Sigstruct};

use super::{Described, Description, Malformed};
use crate::describe::{Fields, body};

/// Most runs of pages that are listed; a program that needs all of them reads the image itself.
const MAX_RUNS: usize = 256;

const IMAGE: &str = "an SGXS enclave image";

/// A SIGSTRUCT.
pub(super) fn sigstruct(sigstruct: &Sigstruct) -> Description {
    Description::new("sigstruct", sigstruct_fields(sigstruct))
}

/// The fields of a SIGSTRUCT.
pub(crate) fn sigstruct_fields(sigstruct: &Sigstruct) -> Fields {
    let (attributes, mask) = (&sigstruct.attributes, &sigstruct.attribute_mask);
    Fields::new()
        .hex("enclavehash", sigstruct.enclavehash)
        .hex("mrsigner", sigstruct.mrsigner())
        .with("isvprodid", sigstruct.isvprodid.get())
        .with("isvsvn", sigstruct.isvsvn.get())
        .with("date", format!("{:08x}", sigstruct.date))
        .with("vendor", format!("{:#x}", sigstruct.vendor))
        .hex("attributes", attributes.flags.to_bytes())
        .with("attribute_names", body::sgx_names(attributes.flags.get()))
        .hex("xfrm", attributes.xfrm.to_bytes())
        .hex("attributes_mask", mask.flags.to_bytes())
        .hex("xfrm_mask", mask.xfrm.to_bytes())
        .hex("miscselect", sigstruct.miscselect.to_bytes())
        .hex("miscselect_mask", sigstruct.misc_mask.to_bytes())
        .hex("isvfamilyid", sigstruct.isvfamilyid)
        .hex("isvextprodid", sigstruct.isvextprodid)
        .hex("swdefined", sigstruct.swdefined.to_bytes())
        .with("exponent", sigstruct.exponent.get())
        .hex("modulus", sigstruct.modulus)
        .hex("signature", sigstruct.signature)
}

/// An image in records, measured.
pub(super) fn image(bytes: &[u8]) -> Described {
    for record in records(bytes) {
        record.map_err(|error| Malformed::new(IMAGE, error))?;
    }
    Ok(Description::new("sgxs_image", image_fields(bytes)))
}

/// The fields of an image whose records can be read.
pub(crate) fn image_fields(bytes: &[u8]) -> Fields {
    let mut image = Image::default();
    for record in records(bytes).flatten() {
        image.take(&record);
    }
    let listed = image
        .runs
        .iter()
        .take(MAX_RUNS)
        .map(Run::describe)
        .collect::<Vec<_>>();
    let mrenclave = image.size.map(|_| image.measurement.mrenclave());
    Fields::new()
        .with("mrenclave", mrenclave.map(hex::encode))
        .with("size", image.size)
        .with("ssaframesize", image.ssa_frame_size)
        .with("pages", image.pages)
        .with("measured_bytes", image.measured_chunks * CHUNK_SIZE)
        .with("unmeasured_bytes", image.unmeasured_chunks * CHUNK_SIZE)
        .with("run_count", image.runs.len())
        .with("runs", listed)
}

/// Type and permissions of a page, as `reg r-x`.
pub(crate) fn permissions(flags: SecinfoFlags) -> String {
    let kind = flags.page_type().map_or("unknown", |kind| kind.as_str());
    format!("{kind} {}", letters(flags))
}

fn letters(flags: SecinfoFlags) -> String {
    let letters = [
        (SecinfoFlags::R, 'r'),
        (SecinfoFlags::W, 'w'),
        (SecinfoFlags::X, 'x'),
    ];
    letters
        .iter()
        .map(|(flag, letter)| if flags.has(*flag) { *letter } else { '-' })
        .collect()
}

/// What an image says, in canonical form or not.
#[derive(Default)]
struct Image {
    /// Absent where the final size still has to be written into the image.
    size: Option<u64>,
    ssa_frame_size: u32,
    pages: u64,
    measured_chunks: usize,
    unmeasured_chunks: usize,
    runs: Vec<Run>,
    measurement: Measurement,
}

/// Pages of one kind that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    offset: u64,
    pages: u64,
    flags: SecinfoFlags,
    measured_chunks: usize,
}

impl Image {
    fn take(&mut self, record: &Record<'_>) {
        if record.is_measured() {
            self.measurement.record(record);
        }
        match *record {
            Record::Create {
                ssa_frame_size,
                size,
            } => {
                self.ssa_frame_size = ssa_frame_size;
                self.size = Some(size);
            }
            Record::Unsized { ssa_frame_size, .. } => self.ssa_frame_size = ssa_frame_size,
            Record::Add { offset, flags } => self.add_page(offset, flags),
            Record::Extend { .. } => {
                self.measured_chunks += 1;
                if let Some(run) = self.runs.last_mut() {
                    run.measured_chunks += 1;
                }
            }
            Record::Unmeasured { .. } => self.unmeasured_chunks += 1,
        }
    }

    fn add_page(&mut self, offset: u64, flags: SecinfoFlags) {
        self.pages += 1;
        match self.runs.last_mut() {
            Some(run) if run.flags == flags && run.end() == offset => run.pages += 1,
            _ => self.runs.push(Run {
                offset,
                pages: 1,
                flags,
                measured_chunks: 0,
            }),
        }
    }
}

impl Run {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.pages * PAGE_SIZE)
    }

    fn describe(&self) -> Fields {
        let kind = self
            .flags
            .page_type()
            .map_or("unknown", |kind| kind.as_str());
        Fields::new()
            .with("offset", format!("{:#x}", self.offset))
            .with("pages", self.pages)
            .with("type", kind)
            .with("permissions", letters(self.flags))
            .with("measured_bytes", self.measured_chunks * CHUNK_SIZE)
    }
}
