//! Execution in a process of its own, whose exceptions are caught by `ptrace`.
//!
//! A processor without SGX answers `ENCLU` with an invalid opcode, one that has it outside an enclave
//! with a fault, and the kernel stops the process with a signal. The process has an address space with
//! the enclave and the memory that it shares with the outside in it, and nothing else: no program, no
//! library, no stack. It makes no system call: each one is stopped before it happens
//! (`PTRACE_SYSEMU`), and is an exception.

mod memory;
mod process;
mod stub;
mod system;

use std::path::Path;
use std::time::Duration;

use bulla_processor::Enclave;
use libc::user_regs_struct;

use self::memory::Segment;
use self::process::{Process, Stop, ended, unavailable};
use super::backend::{Backend, BackendError};
use super::event::{Event, Exception, Vector};
use super::registers::{Registers, flags};

/// Where arenas start: 32 GiB.
const ARENA: u64 = 1 << 35;

/// Where enclaves start, at the earliest, and their largest size: 64 GiB. The image says how large
/// an enclave is, and hardware of today has room for less.
const ENCLAVE: u64 = 1 << 36;

/// The most neighbourhoods of pages with the same permissions: half of what Linux maps for a
/// process (`vm.max_map_count`).
const MAX_STRETCHES: usize = 32_000;

/// How long an enclave executes before it is left for a moment, to look at the time.
pub const TICK: Duration = Duration::from_millis(50);

/// The device file of a processor with SGX.
pub const DEVICE: &str = "/dev/sgx_enclave";

/// `ARCH_CPUID` of `arch_prctl` (`asm/prctl.h`).
const ARCH_CPUID: u64 = 0x1012;

/// Larger than the extended state of any processor: AMX ends at 11,008 bytes.
const STATE_ROOM: usize = 16_384;

/// Codes of signals (`siginfo.h`) that tell exceptions apart.
const SI_KERNEL: i32 = 0x80;
const FPE_INTDIV: i32 = 1;
const FPE_INTOVF: i32 = 2;
const BUS_ADRALN: i32 = 1;

/// Whether to execute where the processor has SGX.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BesideHardware {
    /// No: who has the hardware is to use it, and not to mistake the simulation for it.
    #[default]
    Refuse,
    /// Yes, it was asked for.
    Insist,
}

/// An enclave in a process of its own. It can be used by the thread that made it only.
#[derive(Debug)]
pub struct PtraceBackend {
    process: Process,
    enclave: Segment,
    arena: Segment,
    stretches: Vec<memory::Stretch>,
    /// Segment registers and the like, which stay as the process began with them.
    template: user_regs_struct,
    xcr0: u64,
    cpuid_faults: bool,
}

impl PtraceBackend {
    /// The enclave in its process, with `arena` bytes of shared memory, a multiple of the page
    /// size of at most 32 GiB.
    ///
    /// # Errors
    ///
    /// When the machine has SGX and nobody insists, when the enclave is larger than 64 GiB, and
    /// when the operating system does not let a process be traced.
    pub fn new(
        enclave: &Enclave,
        arena: u64,
        beside_hardware: BesideHardware,
    ) -> Result<Self, BackendError> {
        if beside_hardware == BesideHardware::Refuse {
            refuse_hardware(Path::new(DEVICE))?;
        }
        let size = enclave.secs().size.get();
        let stretches = memory::stretches(enclave);
        if size > ENCLAVE || arena > ARENA {
            return Err(BackendError::Unplaceable {
                reason: "it is larger than 64 GiB",
            });
        }
        if stretches.len() > MAX_STRETCHES {
            return Err(BackendError::Unplaceable {
                reason: "its pages change their permissions too often",
            });
        }
        let files = || {
            Ok((
                Segment::of_enclave(enclave, ENCLAVE)?,
                Segment::new("arena", ARENA, arena)?,
            ))
        };
        let (enclave, arena) = files().map_err(unavailable("making its memory"))?;
        let process = Process::start(&[&enclave.file, &arena.file])?;
        let mut backend = Self {
            template: process.registers()?,
            process,
            enclave,
            arena,
            stretches,
            xcr0: 0,
            cpuid_faults: false,
        };
        backend.furnish()?;
        Ok(backend)
    }

    /// Turns the stub into the enclave: maps it, and unmaps everything else.
    fn furnish(&mut self) -> Result<(), BackendError> {
        let state = self.extended_state()?;
        // The kernel leaves XCR0 where the standard form has room for software.
        let xcr0 = state.get(464..472).and_then(|bytes| bytes.try_into().ok());
        self.xcr0 = xcr0.map_or(3, u64::from_le_bytes);

        let shared = (libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE) as u64;
        let descriptor = |segment: &Segment| std::os::fd::AsRawFd::as_raw_fd(&segment.file) as u64;
        let arena_protection = (libc::PROT_READ | libc::PROT_WRITE) as u64;
        let mut maps = vec![(
            self.arena.start,
            self.arena.size,
            arena_protection,
            descriptor(&self.arena),
            0,
        )];
        for stretch in &self.stretches {
            maps.push((
                self.enclave.start + stretch.offset,
                stretch.size,
                stretch.protection as u64,
                descriptor(&self.enclave),
                stretch.offset,
            ));
        }
        let strangers = self.process.mappings()?;
        for (start, size, protection, file, offset) in maps {
            let arguments = [start, size, protection, shared, file, offset];
            self.process
                .demand("mapping it", libc::SYS_mmap, arguments)?;
        }
        self.start_ticks()?;
        let cpuid = [ARCH_CPUID, 0, 0, 0, 0, 0];
        self.cpuid_faults = self.process.call(libc::SYS_arch_prctl, cpuid)? == 0;

        let stub = |(start, ..): &(u64, u64, String)| *start == stub::PAGE;
        let (stub, others): (Vec<_>, Vec<_>) = strangers.into_iter().partition(stub);
        for (start, end, name) in others.into_iter().chain(stub) {
            // The page of ancient system calls is the kernel's and cannot be unmapped.
            if name != "[vsyscall]" {
                let arguments = [start, end - start, 0, 0, 0, 0];
                self.process
                    .demand("emptying it", libc::SYS_munmap, arguments)?;
            }
        }
        Ok(())
    }

    /// Has the kernel interrupt the process after every [`TICK`] of its own time.
    fn start_ticks(&mut self) -> Result<(), BackendError> {
        let micros = TICK.as_micros() as u64;
        let timer: Vec<u8> = [0, micros, 0, micros]
            .iter()
            .flat_map(|value: &u64| value.to_le_bytes())
            .collect();
        self.write(ARENA, &timer)?;
        let arguments = [libc::ITIMER_VIRTUAL as u64, ARENA, 0, 0, 0, 0];
        self.process
            .demand("setting its timer", libc::SYS_setitimer, arguments)?;
        self.write(ARENA, &vec![0; timer.len()])
    }

    fn signal(&self, signal: i32, registers: &mut Registers) -> Result<Event, BackendError> {
        let exception = match signal {
            libc::SIGVTALRM => return Ok(Event::Tick),
            libc::SIGILL => Exception::new(Vector::InvalidOpcode),
            libc::SIGSEGV => match self.process.signal_details()? {
                (SI_KERNEL, _) => Exception::new(Vector::GeneralProtection),
                (_, address) => Exception::page(address, self.page_error(address, registers.rip)),
            },
            libc::SIGFPE => match self.process.signal_details()? {
                (FPE_INTDIV | FPE_INTOVF, _) => Exception::new(Vector::DivideError),
                _ => Exception::new(self.floating_point()?),
            },
            libc::SIGTRAP => match self.process.signal_details()? {
                (SI_KERNEL, _) => {
                    // The kernel shows the instruction behind; inside enclaves a breakpoint is a
                    // fault (unchecked).
                    registers.rip = registers.rip.wrapping_sub(1);
                    Exception::new(Vector::Breakpoint)
                }
                _ => Exception::new(Vector::Debug),
            },
            libc::SIGBUS => match self.process.signal_details()? {
                (BUS_ADRALN, _) => Exception::new(Vector::AlignmentCheck),
                _ => return Err(BackendError::MemoryExhausted),
            },
            _ => return Ok(Event::Interrupt),
        };
        Ok(Event::Exception(exception))
    }

    /// The error code of a page fault. The kernel does not tell it: it follows from what is
    /// mapped, as far as it can.
    fn page_error(&self, address: u64, rip: u64) -> u32 {
        const PRESENT: u32 = 1;
        const WRITE: u32 = 2;
        const USER: u32 = 4;
        const FETCH: u32 = 0x10;
        let offset = address.wrapping_sub(self.enclave.start);
        let inside =
            |stretch: &&memory::Stretch| offset.wrapping_sub(stretch.offset) < stretch.size;
        let protection = match self.stretches.iter().find(inside) {
            Some(stretch) => Some(stretch.protection),
            None => (address.wrapping_sub(self.arena.start) < self.arena.size)
                .then_some(libc::PROT_READ | libc::PROT_WRITE),
        };
        let Some(protection) = protection else {
            return USER | if address == rip { FETCH } else { 0 };
        };
        let is_fetch = protection & libc::PROT_EXEC == 0 && address == rip;
        let is_write = !is_fetch && protection & libc::PROT_READ != 0;
        USER | PRESENT | if is_fetch { FETCH } else { 0 } | if is_write { WRITE } else { 0 }
    }

    /// Which of the two units raised a floating-point error: SSE if an error that `MXCSR` does not
    /// mask stands in it.
    fn floating_point(&self) -> Result<Vector, BackendError> {
        let state = self.extended_state()?;
        let mxcsr = state.get(24..28).and_then(|bytes| bytes.try_into().ok());
        let mxcsr = mxcsr.map_or(0, u32::from_le_bytes);
        Ok(match mxcsr & !(mxcsr >> 7) & 0x3f {
            0 => Vector::FloatingPoint,
            _ => Vector::SimdFloatingPoint,
        })
    }
}

impl Backend for PtraceBackend {
    fn base(&self) -> u64 {
        self.enclave.start
    }

    fn arena(&self) -> (u64, u64) {
        (self.arena.start, self.arena.size)
    }

    fn xcr0(&self) -> u64 {
        self.xcr0
    }

    fn cpuid_faults(&self) -> bool {
        self.cpuid_faults
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), BackendError> {
        let done = match self.arena.read(address, bytes) {
            Some(done) => Some(done),
            None => self.enclave.read(address, bytes),
        };
        done.unwrap_or(Err(BackendError::OutOfBounds {
            address,
            length: bytes.len(),
        }))
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), BackendError> {
        let done = match self.arena.write(address, bytes) {
            Some(done) => Some(done),
            None => self.enclave.write(address, bytes),
        };
        done.unwrap_or(Err(BackendError::OutOfBounds {
            address,
            length: bytes.len(),
        }))
    }

    fn extended_state(&self) -> Result<Vec<u8>, BackendError> {
        system::extended_state(self.process.pid(), STATE_ROOM).map_err(ended)
    }

    fn set_extended_state(&mut self, state: &[u8]) -> Result<(), BackendError> {
        system::set_extended_state(self.process.pid(), state).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::EINVAL | libc::EFAULT) => BackendError::StateRefused,
                _ => ended(error),
            }
        })
    }

    fn run(&mut self, registers: &Registers) -> Result<(Registers, Event), BackendError> {
        self.process
            .set_registers(to_kernel(registers, self.template))?;
        let stop = self.process.resume()?;
        let raw = self.process.registers()?;
        let mut registers = from_kernel(&raw);
        let event = match stop {
            Stop::Signal(signal) => self.signal(signal, &mut registers)?,
            Stop::SystemCall => {
                registers.rax = raw.orig_rax;
                registers.rip = registers.rip.wrapping_sub(2);
                Event::Exception(Exception::forbidden(
                    "a system call, which no enclave can make",
                ))
            }
        };
        Ok((registers, event))
    }
}

/// Refuses to execute where this device file says that the processor has SGX.
fn refuse_hardware(device: &Path) -> Result<(), BackendError> {
    match device.exists() {
        true => Err(BackendError::HardwarePresent {
            device: device.display().to_string(),
        }),
        false => Ok(()),
    }
}

fn to_kernel(registers: &Registers, template: user_regs_struct) -> user_regs_struct {
    user_regs_struct {
        r15: registers.r15,
        r14: registers.r14,
        r13: registers.r13,
        r12: registers.r12,
        rbp: registers.rbp,
        rbx: registers.rbx,
        r11: registers.r11,
        r10: registers.r10,
        r9: registers.r9,
        r8: registers.r8,
        rax: registers.rax,
        rcx: registers.rcx,
        rdx: registers.rdx,
        rsi: registers.rsi,
        rdi: registers.rdi,
        // No system call is under way that the kernel could make again.
        orig_rax: u64::MAX,
        rip: registers.rip,
        eflags: registers.rflags & flags::USER | flags::ALWAYS,
        rsp: registers.rsp,
        fs_base: registers.fs_base,
        gs_base: registers.gs_base,
        ..template
    }
}

fn from_kernel(raw: &user_regs_struct) -> Registers {
    Registers {
        rax: raw.rax,
        rcx: raw.rcx,
        rdx: raw.rdx,
        rbx: raw.rbx,
        rsp: raw.rsp,
        rbp: raw.rbp,
        rsi: raw.rsi,
        rdi: raw.rdi,
        r8: raw.r8,
        r9: raw.r9,
        r10: raw.r10,
        r11: raw.r11,
        r12: raw.r12,
        r13: raw.r13,
        r14: raw.r14,
        r15: raw.r15,
        rflags: raw.eflags,
        rip: raw.rip,
        fs_base: raw.fs_base,
        gs_base: raw.gs_base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_hardware_is_nobody_pretends() {
        assert!(refuse_hardware(Path::new("/nonexistent/sgx_enclave")).is_ok());
        let refused = refuse_hardware(Path::new("/dev/null")).expect_err("it is there");
        assert!(refused.to_string().contains("has SGX"), "{refused}");
    }
}
