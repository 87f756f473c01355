//! The machine: an enclave that executes.
//!
//! [`Machine::enter`] and [`Machine::resume`] are `EENTER` and `ERESUME`; what comes back says how
//! the enclave was left. The outside is whoever calls them, and is not executed. Code runs in a
//! [`Backend`], which knows nothing of SGX but how to catch what a processor without it refuses.
//!
//! One thread is inside at a time, and the enclave's memory lives as long as its machine.

mod backend;
mod event;
mod frame;
mod leaves;
pub mod ptrace;
mod registers;

use std::collections::BTreeMap;

use bulla_evidence::layout::sgx_attributes;
use bulla_processor::structures::{PAGE_SIZE, PageType, SecinfoFlags, Tcs};
use bulla_processor::{Enclave, Processor, xsave_size};
use thiserror::Error;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

pub use backend::{Backend, BackendError};
pub use event::{Event, Exception, Vector};
pub use leaves::leaf;
pub use registers::{Registers, flags};

use frame::{Frame, Gprsgx};
use leaves::{ENCLU, Inside, Trap};

/// An initialised enclave, in a backend, on a processor.
#[derive(Debug)]
pub struct Machine<B> {
    backend: B,
    enclave: Enclave,
    processor: Processor,
    /// How many frames of its state save area each thread uses; those that use none are absent.
    frames_used: BTreeMap<u64, u32>,
}

/// How an enclave was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By `EEXIT`; the registers are those outside, `RIP` is the target that it named, `RCX` the
    /// asynchronous exit point.
    Synchronous(Registers),
    /// By an asynchronous exit: [`Machine::resume`] goes on where it was left.
    Asynchronous {
        /// Why.
        event: Event,
        /// The registers inside, as they were saved. Hardware does not show them.
        inside: Registers,
        /// The registers outside: synthetic, and at the asynchronous exit point.
        outside: Registers,
    },
}

/// Why an enclave was not entered, or cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MachineError {
    /// `EENTER` or `ERESUME` raised an exception outside.
    #[error("{leaf} raised {exception}")]
    NotEntered {
        /// Which of the two.
        leaf: &'static str,
        /// What it raised.
        exception: Exception,
    },
    /// Nothing can be executed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// A thread control structure, and where it is in the enclave.
struct Thread {
    address: u64,
    tcs: Tcs,
}

impl<B: Backend> Machine<B> {
    /// A machine for an enclave that `backend` holds.
    pub fn new(backend: B, enclave: Enclave, processor: Processor) -> Self {
        Self {
            backend,
            enclave,
            processor,
            frames_used: BTreeMap::new(),
        }
    }

    /// What executes.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// The enclave, as it was initialised.
    pub fn enclave(&self) -> &Enclave {
        &self.enclave
    }

    /// The addresses of the enclave's thread control structures, rising.
    pub fn threads(&self) -> Vec<u64> {
        let is_thread = |flags: SecinfoFlags| flags.page_type() == Some(PageType::Tcs);
        self.enclave
            .pages()
            .filter(|(_, flags, _)| is_thread(*flags))
            .map(|(offset, ..)| self.backend.base() + offset)
            .collect()
    }

    /// `EENTER`: enters the thread whose control structure is at the address `tcs`, and executes
    /// until the enclave is left. `outside` are the registers at the instruction; asynchronous
    /// exits go to `aep`.
    ///
    /// # Errors
    ///
    /// When the instruction raises an exception, and when nothing can be executed.
    pub fn enter(&mut self, tcs: u64, aep: u64, outside: &Registers) -> Result<Exit, MachineError> {
        let refused = |exception| MachineError::NotEntered {
            leaf: "EENTER",
            exception,
        };
        let thread = self.thread(tcs, aep).map_err(refused)?;
        let used = self.frames_used.get(&tcs).copied().unwrap_or(0);
        if used >= thread.tcs.nssa.get() {
            let reason = "no frame of the state save area is left (CSSA = NSSA)";
            return Err(refused(Exception::protection(reason)));
        }
        let frame = self.frame(&thread, used).map_err(refused)?;
        let base = self.backend.base();
        let entry = base.wrapping_add(thread.tcs.oentry.get());
        if !is_canonical(entry) {
            let reason = "the entry point is no address";
            return Err(refused(Exception::protection(reason)));
        }
        let stack = [outside.rsp.to_le_bytes(), outside.rbp.to_le_bytes()].concat();
        self.backend.write(frame.outside_stack(), &stack)?;

        let opted_in = thread.tcs.flags.get() & Tcs::DBGOPTIN != 0;
        let rflags = match opted_in {
            true => outside.rflags,
            false => outside.rflags & !flags::TF,
        };
        let inside = Registers {
            rax: used.into(),
            rbx: tcs,
            rcx: outside.rip.wrapping_add(ENCLU.len() as u64),
            rip: entry,
            rflags,
            fs_base: base.wrapping_add(thread.tcs.ofsbase.get()),
            gs_base: base.wrapping_add(thread.tcs.ogsbase.get()),
            ..*outside
        };
        self.execute(&thread, aep, outside, inside)
    }

    /// `ERESUME`: goes on where the thread was last left asynchronously.
    ///
    /// # Errors
    ///
    /// When the instruction raises an exception, such as for a thread that was not left so, and
    /// when nothing can be executed.
    pub fn resume(
        &mut self,
        tcs: u64,
        aep: u64,
        outside: &Registers,
    ) -> Result<Exit, MachineError> {
        let refused = |exception| MachineError::NotEntered {
            leaf: "ERESUME",
            exception,
        };
        let protection = |reason| refused(Exception::protection(reason));
        let thread = self.thread(tcs, aep).map_err(refused)?;
        let used = self.frames_used.get(&tcs).copied().unwrap_or(0);
        let Some(index) = used.checked_sub(1) else {
            return Err(protection(
                "the thread was not left asynchronously (CSSA = 0)",
            ));
        };
        let frame = self.frame(&thread, index).map_err(refused)?;
        let mut saved = Gprsgx::new_zeroed();
        self.backend.read(frame.registers(), saved.as_mut_bytes())?;
        let inside = saved.restored();
        let addresses = [inside.rip, inside.fs_base, inside.gs_base];
        if !addresses.into_iter().all(is_canonical) {
            return Err(protection("a saved address is none"));
        }
        let xfrm = self.xfrm();
        let mut state = vec![0; xsave_size(xfrm).unwrap_or(576) as usize];
        self.backend.read(frame.state(), &mut state)?;
        let size = self.backend.extended_state()?.len();
        let state = frame::state_to_load(&state, xfrm, size);
        let state = state.ok_or_else(|| protection("the saved extended state is invalid"))?;
        match self.backend.set_extended_state(&state) {
            Err(BackendError::StateRefused) => {
                return Err(protection("the saved extended state is invalid"));
            }
            other => other?,
        }
        match index {
            0 => self.frames_used.remove(&tcs),
            _ => self.frames_used.insert(tcs, index),
        };
        self.execute(&thread, aep, outside, inside)
    }

    /// The control structure of a thread, if it may be entered.
    fn thread(&self, address: u64, aep: u64) -> Result<Thread, Exception> {
        if !address.is_multiple_of(PAGE_SIZE) {
            return Err(Exception::protection(
                "the address of the TCS is not aligned",
            ));
        }
        if !is_canonical(aep) {
            return Err(Exception::protection(
                "the asynchronous exit point is no address",
            ));
        }
        let offset = address.wrapping_sub(self.backend.base());
        let page = self.enclave.page(offset);
        let tcs = page.filter(|(flags, _)| flags.page_type() == Some(PageType::Tcs));
        let Some((_, data)) = tcs else {
            return Err(Exception::page(address, 0));
        };
        let tcs = Tcs::read_from_bytes(data).expect("a page");
        if self.xfrm() & !self.backend.xcr0() != 0 {
            let reason = "the processor lacks extended state that XFRM has";
            return Err(Exception::protection(reason));
        }
        Ok(Thread { address, tcs })
    }

    /// A frame of the thread's state save area, if it can be written.
    fn frame(&self, thread: &Thread, index: u32) -> Result<Frame, Exception> {
        let area = self.backend.base().wrapping_add(thread.tcs.ossa.get());
        let frame = Frame::new(area, index, self.enclave.secs().ssa_frame_size.get());
        let needed = SecinfoFlags::R | SecinfoFlags::W;
        for address in frame.pages() {
            let page = self.enclave.page(address.wrapping_sub(self.backend.base()));
            let fits = |flags: SecinfoFlags| {
                flags.page_type() == Some(PageType::Reg) && flags.0 & needed == needed
            };
            if !page.is_some_and(|(flags, _)| fits(flags)) {
                return Err(Exception::page(address, 2));
            }
        }
        Ok(frame)
    }

    fn xfrm(&self) -> u64 {
        self.enclave.secs().attributes.xfrm.get()
    }

    /// Executes from `registers` on until the enclave is left.
    fn execute(
        &mut self,
        thread: &Thread,
        aep: u64,
        outside: &Registers,
        mut registers: Registers,
    ) -> Result<Exit, MachineError> {
        loop {
            let (mut inside, event) = self.backend.run(&registers)?;
            let event = match event {
                Event::Exception(exception) if self.is_at_enclu(&inside, &exception) => {
                    match self.enclu(aep, outside, &mut inside) {
                        Ok(Some(exit)) => return Ok(exit),
                        Ok(None) => {
                            registers = inside;
                            continue;
                        }
                        Err(Trap::Exception(exception)) => Event::Exception(exception),
                        Err(Trap::Backend(error)) => return Err(error.into()),
                    }
                }
                Event::Exception(exception) => Event::Exception(self.as_inside(&inside, exception)),
                other => other,
            };
            return self.leave(thread, aep, outside, inside, event);
        }
    }

    /// Whether the exception is how the processor of this machine answers `ENCLU`.
    fn is_at_enclu(&self, registers: &Registers, exception: &Exception) -> bool {
        leaves::is_answer(registers, exception) && self.code::<3>(registers.rip) == Some(ENCLU)
    }

    /// The first bytes of an instruction, where they are the enclave's.
    fn code<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut code = [0; N];
        self.backend.read(address, &mut code).ok()?;
        Some(code)
    }

    /// Executes `ENCLU`; gives the exit where it was `EEXIT`.
    fn enclu(
        &self,
        aep: u64,
        outside: &Registers,
        registers: &mut Registers,
    ) -> Result<Option<Exit>, Trap> {
        if registers.rax as u32 == leaf::EEXIT {
            if !is_canonical(registers.rbx) {
                return Err(Exception::protection("EEXIT to what is no address").into());
            }
            return Ok(Some(Exit::Synchronous(Registers {
                rip: registers.rbx,
                rcx: aep,
                fs_base: outside.fs_base,
                gs_base: outside.gs_base,
                ..*registers
            })));
        }
        let inside = Inside {
            backend: &self.backend,
            enclave: &self.enclave,
            processor: &self.processor,
        };
        inside.execute(registers)?;
        registers.rip = registers.rip.wrapping_add(ENCLU.len() as u64);
        Ok(None)
    }

    /// The exception as an enclave gets it: instructions that a program may not use at all, or
    /// only inside, are invalid there.
    fn as_inside(&self, registers: &Registers, exception: Exception) -> Exception {
        if exception.vector != Vector::GeneralProtection {
            return exception;
        }
        match self.code::<2>(registers.rip) {
            Some([0x0f, 0xa2]) => Exception::forbidden("CPUID, which no enclave can use"),
            Some([0xcd, _]) => Exception::forbidden("INT n, which no enclave can use"),
            Some([0xe4..=0xe7 | 0xec..=0xef | 0x6c..=0x6f, _]) => {
                Exception::forbidden("IN or OUT, which no enclave can use")
            }
            _ => exception,
        }
    }

    /// An asynchronous exit: saves the state in the next frame, and leaves nothing of it outside.
    fn leave(
        &mut self,
        thread: &Thread,
        aep: u64,
        outside: &Registers,
        inside: Registers,
        event: Event,
    ) -> Result<Exit, MachineError> {
        let used = self.frames_used.get(&thread.address).copied().unwrap_or(0);
        let area = self.backend.base().wrapping_add(thread.tcs.ossa.get());
        let frame = Frame::new(area, used, self.enclave.secs().ssa_frame_size.get());
        let has_exinfo = self.enclave.secs().miscselect.get() & 1 != 0;

        let state = self.backend.extended_state()?;
        let saved = frame::state_to_save(&state, self.xfrm());
        self.backend.write(frame.state(), &saved)?;
        self.backend
            .set_extended_state(&frame::initial_state(state.len()))?;
        let mut stack = [[0; 8]; 2];
        self.backend
            .read(frame.outside_stack(), stack.as_flattened_mut())?;
        let stack = stack.map(u64::from_le_bytes);
        let saved = Gprsgx::saved(&inside, stack.into(), &event, has_exinfo);
        self.backend.write(frame.registers(), saved.as_bytes())?;
        if let (Event::Exception(exception), true) = (&event, has_exinfo)
            && let Some(extra) = frame::extra(exception)
        {
            self.backend.write(frame.extra(), &extra)?;
        }
        self.frames_used.insert(thread.address, used + 1);
        let [rsp, rbp] = stack;
        Ok(Exit::Asynchronous {
            event,
            inside,
            outside: Registers {
                rax: leaf::ERESUME.into(),
                rbx: thread.address,
                rcx: aep,
                rip: aep,
                rsp,
                rbp,
                rflags: flags::ALWAYS,
                fs_base: outside.fs_base,
                gs_base: outside.gs_base,
                ..Registers::default()
            },
        })
    }

    /// Whether the enclave is open to debugging.
    pub fn is_debug(&self) -> bool {
        self.enclave.secs().has(sgx_attributes::DEBUG)
    }
}

/// Whether bits 47 to 63 of an address are all the same.
fn is_canonical(address: u64) -> bool {
    let high = address.cast_signed() >> 47;
    high == 0 || high == -1
}
