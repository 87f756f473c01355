//! The process of an enclave: how it is made, stopped, continued, and ended.

use std::fs;
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};

use libc::user_regs_struct;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};

use super::{stub, system};
use crate::machine::backend::BackendError;

/// The signal of a stop at a system call (`PTRACE_O_TRACESYSGOOD`).
const SYSTEM_CALL_STOP: i32 = libc::SIGTRAP | 0x80;

/// A process that is stopped but while [`Self::resume`] runs. It dies with the thread that made
/// it, which alone may use it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: Pid,
    /// Tracing is a matter between threads: not `Send`.
    thread: PhantomData<*const ()>,
}

/// Why the process stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// By a signal, of this number.
    Signal(i32),
    /// At a system call, which is not made.
    SystemCall,
}

impl Process {
    /// Starts the stub, stopped at its first instruction, with these files open.
    pub(super) fn start(files: &[&fs::File]) -> Result<Self, BackendError> {
        let spawned = || -> io::Result<Child> {
            let stub = fs::File::from(memfd_create("stub", MemfdFlags::CLOEXEC)?);
            io::Write::write_all(&mut &stub, &stub::elf())?;
            let mut command = Command::new(format!("/proc/self/fd/{}", stub.as_raw_fd()));
            command
                .env_clear()
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            system::trace(&mut command, files);
            command.spawn()
        };
        let child = spawned().map_err(unavailable("starting it under ptrace"))?;
        let process = Self {
            pid: Pid::from_child(&child),
            child,
            thread: PhantomData,
        };
        match process.wait()? {
            Stop::Signal(libc::SIGTRAP) => {}
            other => return Err(gone(&format!("it began with {other:?}"))),
        }
        system::set_options(process.pid).map_err(unavailable("tracing it"))?;
        Ok(process)
    }

    /// Has the stub make a system call, and gives what it returned.
    pub(super) fn call(&mut self, number: i64, arguments: [u64; 6]) -> Result<i64, BackendError> {
        let mut registers = self.registers()?;
        let [rdi, rsi, rdx, r10, r8, r9] = arguments;
        registers = user_regs_struct {
            rip: stub::CODE,
            rax: number.cast_unsigned(),
            orig_rax: u64::MAX,
            rdi,
            rsi,
            rdx,
            r10,
            r8,
            r9,
            ..registers
        };
        self.set_registers(registers)?;
        system::resume(self.pid, libc::PTRACE_CONT).map_err(ended)?;
        match self.wait()? {
            Stop::Signal(libc::SIGTRAP) => Ok(self.registers()?.rax.cast_signed()),
            // After the page of the stub itself is gone.
            Stop::Signal(libc::SIGSEGV) if number == libc::SYS_munmap => {
                Ok(self.registers()?.rax.cast_signed())
            }
            other => Err(gone(&format!("{other:?} while it was prepared"))),
        }
    }

    /// The same, for calls that must succeed.
    pub(super) fn demand(
        &mut self,
        what: &'static str,
        number: i64,
        arguments: [u64; 6],
    ) -> Result<u64, BackendError> {
        match self.call(number, arguments)? {
            error @ -4095..=-1 => Err(unavailable(what)(io::Error::from_raw_os_error(
                -error as i32,
            ))),
            value => Ok(value.cast_unsigned()),
        }
    }

    /// Continues until the process stops again. A system call stops it and is not made.
    pub(super) fn resume(&mut self) -> Result<Stop, BackendError> {
        system::resume(self.pid, libc::PTRACE_SYSEMU).map_err(ended)?;
        self.wait()
    }

    fn wait(&self) -> Result<Stop, BackendError> {
        loop {
            match waitpid(Some(self.pid), WaitOptions::empty()) {
                Ok(Some((_, status))) => {
                    match (status.stopping_signal(), status.terminating_signal()) {
                        (Some(SYSTEM_CALL_STOP), _) => return Ok(Stop::SystemCall),
                        (Some(signal), _) => return Ok(Stop::Signal(signal)),
                        (_, Some(signal)) => {
                            return Err(gone(&format!("something ended it with signal {signal}")));
                        }
                        _ => return Err(gone("it ended")),
                    }
                }
                Ok(None) | Err(Errno::INTR) => {}
                Err(errno) => return Err(ended(errno.into())),
            }
        }
    }

    pub(super) fn registers(&self) -> Result<user_regs_struct, BackendError> {
        system::registers(self.pid).map_err(ended)
    }

    pub(super) fn set_registers(
        &mut self,
        registers: user_regs_struct,
    ) -> Result<(), BackendError> {
        system::set_registers(self.pid, &registers).map_err(ended)
    }

    /// What the signal that stopped it says beside its number: code, and address.
    pub(super) fn signal_details(&self) -> Result<(i32, u64), BackendError> {
        system::signal_details(self.pid).map_err(ended)
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// What is mapped, as ranges of addresses, with their names.
    pub(super) fn mappings(&self) -> Result<Vec<(u64, u64, String)>, BackendError> {
        let path = format!("/proc/{}/maps", self.pid.as_raw_nonzero());
        let text = fs::read_to_string(path).map_err(unavailable("seeing what is mapped"))?;
        Ok(text.lines().filter_map(mapping).collect())
    }
}

/// `START-END PERMISSIONS OFFSET DEVICE INODE NAME`.
fn mapping(line: &str) -> Option<(u64, u64, String)> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let name = words.nth(4).unwrap_or_default();
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(start)?, number(end)?, name.to_owned()))
}

impl Drop for Process {
    /// Ends it, and waits until it has.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn unavailable(what: &'static str) -> impl Fn(io::Error) -> BackendError {
    move |source| BackendError::Unavailable { what, source }
}

pub(super) fn ended(error: io::Error) -> BackendError {
    gone(&error.to_string())
}

fn gone(reason: &str) -> BackendError {
    BackendError::Gone {
        reason: reason.to_owned(),
    }
}
