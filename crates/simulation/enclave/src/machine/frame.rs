//! Frames of the state save area: what an enclave's thread was doing when it was left.

use bulla_processor::structures::PAGE_SIZE;
use bulla_processor::xsave_size;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::event::{Event, Exception, Vector};
use super::registers::{Registers, flags};

/// The registers at the end of a frame, `GPRSGX`, 184 bytes (Intel SDM volume 3D).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub(super) struct Gprsgx {
    /// 0/64: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI.
    pub(super) low: [U64; 8],
    /// 64/64: R8 to R15.
    pub(super) high: [U64; 8],
    /// 128/8
    pub(super) rflags: U64,
    /// 136/8
    pub(super) rip: U64,
    /// 144/8: RSP outside.
    pub(super) ursp: U64,
    /// 152/8: RBP outside.
    pub(super) urbp: U64,
    /// 160/4: which exception.
    pub(super) exit_info: [u8; 4],
    /// 164/4: zero; the byte at 167 is of AEX-notify.
    pub(super) reserved: [u8; 4],
    /// 168/8
    pub(super) fs_base: U64,
    /// 176/8
    pub(super) gs_base: U64,
}

/// Bytes of [`Gprsgx`].
pub(super) const GPRSGX_SIZE: u64 = 184;

/// Where the parts of a frame are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    start: u64,
    size: u64,
}

impl Frame {
    /// Frame number `index` of an area that starts at `area`, of frames of so many pages.
    pub(super) fn new(area: u64, index: u32, pages: u32) -> Self {
        let size = u64::from(pages) * PAGE_SIZE;
        let start = area.wrapping_add(u64::from(index).wrapping_mul(size));
        Self { start, size }
    }

    /// Its pages.
    pub(super) fn pages(self) -> impl Iterator<Item = u64> {
        (0..self.size / PAGE_SIZE).map(move |page| self.start.wrapping_add(page * PAGE_SIZE))
    }

    /// Where the extended state is.
    pub(super) fn state(self) -> u64 {
        self.start
    }

    /// Where [`Gprsgx`] is.
    pub(super) fn registers(self) -> u64 {
        self.start.wrapping_add(self.size - GPRSGX_SIZE)
    }

    /// Where the outside's `RSP` and `RBP` are, of eight bytes each.
    pub(super) fn outside_stack(self) -> u64 {
        self.registers() + 144
    }

    /// Where `MADDR`, `ERRCD` and four zeros are, if `MISCSELECT.EXINFO` is set.
    pub(super) fn extra(self) -> u64 {
        self.registers() - 16
    }
}

impl Gprsgx {
    /// What an asynchronous exit writes; `outside` is RSP and RBP of the outside, as they were.
    pub(super) fn saved(
        registers: &Registers,
        outside: (u64, u64),
        event: &Event,
        has_exinfo: bool,
    ) -> Self {
        let r = registers;
        let exit_info = match event {
            Event::Exception(exception) => exception.vector.exit_info(has_exinfo),
            Event::Tick | Event::Interrupt => 0,
        };
        Self {
            low: [r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi].map(U64::new),
            high: [r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15].map(U64::new),
            rflags: r.rflags.into(),
            rip: r.rip.into(),
            ursp: outside.0.into(),
            urbp: outside.1.into(),
            exit_info: exit_info.to_le_bytes(),
            fs_base: r.fs_base.into(),
            gs_base: r.gs_base.into(),
            ..Self::new_zeroed()
        }
    }

    /// What ERESUME goes on with. Of the flags it takes those that a program may set, and no
    /// single step.
    pub(super) fn restored(&self) -> Registers {
        let [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi] = self.low.map(U64::get);
        let [r8, r9, r10, r11, r12, r13, r14, r15] = self.high.map(U64::get);
        Registers {
            rax,
            rcx,
            rdx,
            rbx,
            rsp,
            rbp,
            rsi,
            rdi,
            r8,
            r9,
            r10,
            r11,
            r12,
            r13,
            r14,
            r15,
            rflags: self.rflags.get() & flags::USER & !flags::TF | flags::ALWAYS,
            rip: self.rip.get(),
            fs_base: self.fs_base.get(),
            gs_base: self.gs_base.get(),
        }
    }
}

/// The 16 bytes of `EXINFO`: only page faults and general protection faults have any.
pub(super) fn extra(exception: &Exception) -> Option<[u8; 16]> {
    if !matches!(
        exception.vector,
        Vector::PageFault | Vector::GeneralProtection
    ) {
        return None;
    }
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&exception.address.unwrap_or(0).to_le_bytes());
    bytes[8..12].copy_from_slice(&exception.error_code.to_le_bytes());
    Some(bytes)
}

/// Where the header of the standard form tells which components follow.
const XSTATE_BV: usize = 512;

/// The state as it is when nothing was computed: every component initial.
pub(super) fn initial_state(size: usize) -> Vec<u8> {
    let mut state = vec![0; size.max(576)];
    state[..2].copy_from_slice(&0x037f_u16.to_le_bytes()); // x87 control word
    state[24..28].copy_from_slice(&0x1f80_u32.to_le_bytes()); // MXCSR
    state
}

/// What of the processor's state goes into a frame: the components of `xfrm`, and nothing of what
/// the kernel adds for itself.
pub(super) fn state_to_save(state: &[u8], xfrm: u64) -> Vec<u8> {
    let size = xsave_size(xfrm).unwrap_or(576) as usize;
    let mut saved = state.to_vec();
    saved.resize(size, 0);
    saved[464..512].fill(0);
    let present = present(&saved) & xfrm;
    saved[XSTATE_BV..XSTATE_BV + 8].copy_from_slice(&present.to_le_bytes());
    saved
}

/// The processor's state after one was loaded from a frame; `None` where the header has set what
/// it may not: components beyond `xfrm`, or reserved bytes.
pub(super) fn state_to_load(saved: &[u8], xfrm: u64, size: usize) -> Option<Vec<u8>> {
    let header = saved.get(XSTATE_BV..576)?;
    if present(saved) & !xfrm != 0 || header[8..].iter().any(|byte| *byte != 0) {
        return None;
    }
    let mut state = initial_state(size);
    let length = saved.len().min(state.len());
    state[..length].copy_from_slice(&saved[..length]);
    state[464..512].fill(0);
    Some(state)
}

fn present(state: &[u8]) -> u64 {
    let bytes = state[XSTATE_BV..XSTATE_BV + 8].try_into();
    u64::from_le_bytes(bytes.expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn registers_stand_where_the_manual_has_them() {
        assert_eq!(size_of::<Gprsgx>() as u64, GPRSGX_SIZE);
        assert_eq!(offset_of!(Gprsgx, rflags), 128);
        assert_eq!(offset_of!(Gprsgx, ursp), 144);
        assert_eq!(offset_of!(Gprsgx, exit_info), 160);
        assert_eq!(offset_of!(Gprsgx, fs_base), 168);
    }

    #[test]
    fn a_state_that_has_more_than_the_enclave_may_is_not_loaded() {
        let mut state = initial_state(1024);
        state[XSTATE_BV] = 0b111;
        assert!(state_to_load(&state, 0b111, 1024).is_some());
        assert!(state_to_load(&state, 0b011, 1024).is_none());
        state[XSTATE_BV + 8] = 1;
        assert!(state_to_load(&state, 0b111, 1024).is_none());
        assert!(state_to_load(&state[..500], 0b111, 1024).is_none());
    }

    #[test]
    fn what_is_saved_is_cut_to_what_the_enclave_may_use() {
        let mut state = initial_state(1024);
        state[XSTATE_BV] = 0b111;
        state[464] = 0xff;
        let saved = state_to_save(&state, 0b011);
        assert_eq!(saved.len(), 576);
        assert_eq!((saved[XSTATE_BV], saved[464]), (0b011, 0));
    }
}
