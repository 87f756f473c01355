//! From the ELF file of the target `x86_64-fortanix-unknown-sgx` to an image.

use bulla_processor::sgxs::{Image, ImagePage};
use bulla_processor::structures::PAGE_SIZE;

use super::elf::{Elf, Segment};
use super::error::ConvertError;
use super::layout::{Layout, SSA_FRAME_SIZE};
use super::symbols::{Patch, Settled, Symbols};

/// The section of code that is not for enclaves, if the program has any.
const NO_SGX: &str = ".text_no_sgx";

/// An instruction that does nothing.
const NOP: u8 = 0x90;

/// What the enclave gets beside the program. All of it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of heap, whole pages.
    pub heap_size: u64,
    /// Bytes of stack of each thread, whole pages.
    pub stack_size: u64,
    /// How many threads can be inside at a time.
    pub threads: u32,
    /// Whether the program may tell the outside why it panics.
    pub debug: bool,
}

/// Makes an image of a program: the segments of the file, a heap, and the threads.
///
/// The same file and the same arguments always give the same image, and the one that Fortanix'
/// converter gives.
///
/// # Errors
///
/// When the file is no program for an enclave, or the memory cannot be given; see
/// [`ConvertError`].
pub fn convert(elf: &[u8], memory: Memory) -> Result<Image, ConvertError> {
    let elf = Elf::parse(elf)?;
    let mut segments = elf.segments()?;
    let symbols = Symbols::of(&elf, &segments)?;
    let end = segments.last().map_or(0, |segment| segment.end);
    let layout = Layout::new(memory, end)?;
    let mut patches = symbols.patches(&Settled {
        heap_base: layout.heap_base,
        heap_size: memory.heap_size,
        memory_size: layout.memory_size,
        enclave_size: layout.enclave_size,
        debug: memory.debug,
    })?;
    let mut pages = Vec::new();
    let no_sgx = elf.section(NO_SGX).filter(|(_, size)| *size > 0);
    if let Some((address, size)) = no_sgx {
        let segment = segments.iter_mut().find(|s| holds(s, address, size));
        let segment = segment.ok_or(ConvertError::Outside {
            name: NO_SGX,
            address,
        })?;
        match address + size == segment.end {
            true => segment.end = address,
            false => patches.push(Patch {
                name: NO_SGX,
                address,
                value: vec![NOP; usize::try_from(size).unwrap_or_default()],
            }),
        }
    }
    for segment in &segments {
        pages.extend(segment_pages(segment));
    }
    for patch in &patches {
        let size = patch.value.len() as u64;
        if !segments.iter().any(|s| holds(s, patch.address, size)) {
            return Err(ConvertError::Outside {
                name: patch.name,
                address: patch.address,
            });
        }
        write(&mut pages, patch);
    }
    pages.extend(layout.pages(symbols.entry()?));
    Ok(Image::new(SSA_FRAME_SIZE, pages)?)
}

fn holds(segment: &Segment<'_>, address: u64, size: u64) -> bool {
    address >= segment.start
        && address
            .checked_add(size)
            .is_some_and(|end| end <= segment.end)
}

/// The pages of a segment, with zeros around what the file holds.
fn segment_pages(segment: &Segment<'_>) -> Vec<ImagePage> {
    let first = segment.first_page();
    let before = segment.start - first;
    let used = usize::try_from(segment.end - segment.start).unwrap_or(usize::MAX);
    let data = segment.data.get(..used).unwrap_or(segment.data);
    (first..segment.end)
        .step_by(PAGE_SIZE as usize)
        .map(|offset| {
            let mut page = ImagePage::measured(offset, segment.flags, &[]);
            // Where the segment's data starts in this page, and where in the data the page starts.
            let (at, from) = match offset == first {
                true => (before, 0),
                false => (0, offset - segment.start),
            };
            let data = usize::try_from(from).ok().and_then(|from| data.get(from..));
            let room = page.data.iter_mut().skip(usize::try_from(at).unwrap_or(0));
            for (byte, value) in room.zip(data.unwrap_or_default()) {
                *byte = *value;
            }
            page
        })
        .collect()
}

/// Writes a patch, which may lie across the end of a page.
fn write(pages: &mut [ImagePage], patch: &Patch) {
    for (address, value) in (patch.address..).zip(&patch.value) {
        let offset = address - address % PAGE_SIZE;
        let page = pages.binary_search_by_key(&offset, |page| page.offset);
        let page = page.ok().and_then(|index| pages.get_mut(index));
        let place = page.and_then(|page| page.data.get_mut((address % PAGE_SIZE) as usize));
        if let Some(place) = place {
            *place = *value;
        }
    }
}
