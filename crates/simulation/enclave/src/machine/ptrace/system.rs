//! The calls to the operating system that no library offers without `unsafe`. All of bulla's
//! `unsafe` is here.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::null_mut;

use libc::{c_uint, siginfo_t, user_regs_struct};
use rustix::process::Pid;

/// Note type of the extended state in the form of `XSAVE` (`linux/elf.h`).
const NT_X86_XSTATE: usize = 0x202;

/// Has the command's process traced by the calling thread from its first instruction on, with
/// these files left open in it.
pub(super) fn trace(command: &mut Command, files: &[&File]) {
    let descriptors: Vec<i32> = files.iter().map(|file| file.as_raw_fd()).collect();
    let prepare = move || {
        for descriptor in &descriptors {
            // SAFETY: `fcntl` with `F_SETFD` takes integers and touches no memory.
            if unsafe { libc::fcntl(*descriptor, libc::F_SETFD, 0) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: `PTRACE_TRACEME` takes nothing and touches no memory.
        result(unsafe { libc::ptrace(libc::PTRACE_TRACEME) })
    };
    // SAFETY: between fork and exec the closure makes system calls that are safe there; it
    // allocates nothing, takes no lock, and its memory was allocated before the fork.
    unsafe { command.pre_exec(prepare) };
}

/// Has a stopped process die with its tracer, and tell stops at system calls from signals.
pub(super) fn set_options(pid: Pid) -> io::Result<()> {
    let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESYSGOOD;
    // SAFETY: the options are an integer in place of an address; no memory is touched.
    result(unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, raw(pid), 0_usize, options as usize) })
}

/// Continues a stopped process, without the signal that stopped it; `how` is one of the requests
/// that do nothing else.
pub(super) fn resume(pid: Pid, how: c_uint) -> io::Result<()> {
    assert!([libc::PTRACE_CONT, libc::PTRACE_SYSEMU].contains(&how));
    // SAFETY: both requests take a signal's number, here none, and touch no memory of ours.
    result(unsafe { libc::ptrace(how, raw(pid), 0_usize, 0_usize) })
}

/// The registers of a stopped process.
pub(super) fn registers(pid: Pid) -> io::Result<user_regs_struct> {
    let mut registers = MaybeUninit::<user_regs_struct>::uninit();
    // SAFETY: the kernel writes one whole structure of this type to the address, which is good
    // for it.
    result(unsafe {
        libc::ptrace(
            libc::PTRACE_GETREGS,
            raw(pid),
            null_mut::<c_void>(),
            registers.as_mut_ptr(),
        )
    })?;
    // SAFETY: the call succeeded: the kernel wrote all of it.
    Ok(unsafe { registers.assume_init() })
}

/// Sets the registers of a stopped process.
pub(super) fn set_registers(pid: Pid, registers: &user_regs_struct) -> io::Result<()> {
    // SAFETY: the kernel reads one structure of this type from the address, and writes nothing.
    result(unsafe {
        libc::ptrace(
            libc::PTRACE_SETREGS,
            raw(pid),
            null_mut::<c_void>(),
            std::ptr::from_ref(registers),
        )
    })
}

/// Code and address of the signal that stopped a process. For signals that have no address the
/// number means nothing.
pub(super) fn signal_details(pid: Pid) -> io::Result<(i32, u64)> {
    let mut information = MaybeUninit::<siginfo_t>::zeroed();
    // SAFETY: the kernel writes at most one structure of this type to the address, which is good
    // for it.
    result(unsafe {
        libc::ptrace(
            libc::PTRACE_GETSIGINFO,
            raw(pid),
            null_mut::<c_void>(),
            information.as_mut_ptr(),
        )
    })?;
    // SAFETY: it was zeroed, which is valid for its integers, before the kernel wrote to it; the
    // address is only read, as a number.
    let (information, address) = unsafe {
        let information = information.assume_init();
        (information, information.si_addr() as u64)
    };
    Ok((information.si_code, address))
}

/// The extended state of a stopped process, in the standard form of `XSAVE`. `size` is at least as
/// large as the processor's; the answer is cut to what it has.
pub(super) fn extended_state(pid: Pid, size: usize) -> io::Result<Vec<u8>> {
    let mut state = vec![0_u8; size];
    let mut range = libc::iovec {
        iov_base: state.as_mut_ptr().cast::<c_void>(),
        iov_len: state.len(),
    };
    // SAFETY: the kernel writes at most `iov_len` bytes to `iov_base`, which is `state`, and
    // `iov_len`; both live until the call has returned.
    result(unsafe {
        libc::ptrace(
            libc::PTRACE_GETREGSET,
            raw(pid),
            NT_X86_XSTATE,
            &raw mut range,
        )
    })?;
    state.truncate(range.iov_len);
    Ok(state)
}

/// Sets the extended state of a stopped process; `state` is in the form that
/// [`extended_state`] gave.
pub(super) fn set_extended_state(pid: Pid, state: &[u8]) -> io::Result<()> {
    let mut range = libc::iovec {
        iov_base: state.as_ptr().cast_mut().cast::<c_void>(),
        iov_len: state.len(),
    };
    // SAFETY: the kernel reads at most `iov_len` bytes from `iov_base`, which is `state`, and
    // writes nothing there; both live until the call has returned.
    result(unsafe {
        libc::ptrace(
            libc::PTRACE_SETREGSET,
            raw(pid),
            NT_X86_XSTATE,
            &raw mut range,
        )
    })
}

fn raw(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

fn result(returned: libc::c_long) -> io::Result<()> {
    match returned {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
