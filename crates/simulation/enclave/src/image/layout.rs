//! Where heap and threads are, behind the program.

use bulla_processor::sgxs::ImagePage;
use bulla_processor::structures::{PAGE_SIZE, SecinfoFlags, Tcs};
use zerocopy::{FromZeros, IntoBytes};

use super::MAX_ENCLAVE_SIZE;
use super::convert::Memory;
use super::error::ConvertError;

/// Bytes without pages below each stack, so that one that overflows faults.
const GUARD_SIZE: u64 = 0x10000;

/// Pages of a frame of the state save area; it holds all state that XFRM 0xe7 selects.
pub(super) const SSA_FRAME_SIZE: u32 = 1;

/// Frames of a thread: one, as the standard library handles no exceptions.
const FRAMES: u32 = 1;

/// Places behind the program, in bytes from the start of the enclave.
pub(super) struct Layout {
    memory: Memory,
    pub(super) heap_base: u64,
    /// Behind the last page.
    pub(super) memory_size: u64,
    pub(super) enclave_size: u64,
}

impl Layout {
    /// The layout behind a program that ends at `end`.
    pub(super) fn new(memory: Memory, end: u64) -> Result<Self, ConvertError> {
        for (what, size) in [("heap", memory.heap_size), ("stack", memory.stack_size)] {
            if size == 0 || !size.is_multiple_of(PAGE_SIZE) {
                return Err(ConvertError::SizeInvalid { what, size });
            }
        }
        if memory.threads == 0 {
            return Err(ConvertError::ThreadsMissing);
        }
        let heap_base = end.next_multiple_of(PAGE_SIZE);
        let memory_size = thread_size(memory.stack_size)
            .saturating_mul(memory.threads.into())
            .saturating_add(memory.heap_size)
            .saturating_add(heap_base);
        if memory_size > MAX_ENCLAVE_SIZE {
            return Err(ConvertError::TooLarge {
                size: memory_size,
                limit: MAX_ENCLAVE_SIZE,
            });
        }
        Ok(Self {
            memory,
            heap_base,
            memory_size,
            enclave_size: memory_size.next_power_of_two(),
        })
    }

    /// The pages of the heap and all threads.
    pub(super) fn pages(&self, entry: u64) -> Vec<ImagePage> {
        let mut pages = unmeasured(self.heap_base, self.memory.heap_size);
        let first = self.heap_base + self.memory.heap_size;
        for thread in 0..self.memory.threads {
            let start = first + u64::from(thread) * thread_size(self.memory.stack_size);
            pages.extend(self.thread(start, thread > 0, entry));
        }
        pages
    }

    /// A gap, the stack, the page at FS and GS, the control structure, the state save area.
    fn thread(&self, start: u64, secondary: bool, entry: u64) -> Vec<ImagePage> {
        let stack = start + GUARD_SIZE;
        let local = stack + self.memory.stack_size;
        let control = local + PAGE_SIZE;
        let frames = control + PAGE_SIZE;
        // Top of the stack, and whether the thread is one that the program has started itself.
        let words = [local, secondary.into()];
        let words: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        let tcs = Tcs {
            ossa: frames.into(),
            nssa: FRAMES.into(),
            oentry: entry.into(),
            ofsbase: local.into(),
            ogsbase: local.into(),
            fslimit: 0xfff.into(),
            gslimit: 0xfff.into(),
            ..Tcs::new_zeroed()
        };
        let mut pages = unmeasured(stack, self.memory.stack_size);
        pages.push(ImagePage::measured(local, SecinfoFlags::DATA, &words));
        pages.push(ImagePage::measured(
            control,
            SecinfoFlags::TCS,
            tcs.as_bytes(),
        ));
        pages.extend(unmeasured(frames, frames_size()));
        pages
    }
}

fn thread_size(stack_size: u64) -> u64 {
    stack_size.saturating_add(GUARD_SIZE + 2 * PAGE_SIZE + frames_size())
}

fn frames_size() -> u64 {
    u64::from(FRAMES * SSA_FRAME_SIZE) * PAGE_SIZE
}

fn unmeasured(start: u64, size: u64) -> Vec<ImagePage> {
    (start..start + size)
        .step_by(PAGE_SIZE as usize)
        .map(|offset| ImagePage::unmeasured(offset, SecinfoFlags::DATA))
        .collect()
}
