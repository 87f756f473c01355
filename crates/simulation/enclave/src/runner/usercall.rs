//! The interface of Fortanix EDP: which calls there are, and how errors are told.

use std::io::{self, ErrorKind};

use crate::machine::Registers;

/// A call of the enclave: number, and four arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) number: u64,
    pub(super) arguments: [u64; 4],
}

impl Call {
    /// What `EEXIT` brought; `None` for a normal return of the thread.
    pub(super) fn of(registers: &Registers) -> Option<Self> {
        (registers.rdi != 0).then_some(Self {
            number: registers.rdi,
            arguments: [registers.rsi, registers.rdx, registers.r8, registers.r9],
        })
    }

    pub(super) fn name(self) -> &'static str {
        name(self.number)
    }
}

/// What the enclave gets back, in `RSI` and `RDX`.
pub(super) type Answer = [u64; 2];

pub(super) const READ: u64 = 1;
pub(super) const READ_ALLOC: u64 = 2;
pub(super) const WRITE: u64 = 3;
pub(super) const FLUSH: u64 = 4;
pub(super) const CLOSE: u64 = 5;
pub(super) const BIND_STREAM: u64 = 6;
pub(super) const ACCEPT_STREAM: u64 = 7;
pub(super) const CONNECT_STREAM: u64 = 8;
pub(super) const LAUNCH_THREAD: u64 = 9;
pub(super) const EXIT: u64 = 10;
pub(super) const WAIT: u64 = 11;
pub(super) const SEND: u64 = 12;
pub(super) const INSECURE_TIME: u64 = 13;
pub(super) const ALLOC: u64 = 14;
pub(super) const FREE: u64 = 15;

/// The name of a call, for people.
pub(super) fn name(number: u64) -> &'static str {
    match number {
        READ => "read",
        READ_ALLOC => "read_alloc",
        WRITE => "write",
        FLUSH => "flush",
        CLOSE => "close",
        BIND_STREAM => "bind_stream",
        ACCEPT_STREAM => "accept_stream",
        CONNECT_STREAM => "connect_stream",
        LAUNCH_THREAD => "launch_thread",
        EXIT => "exit",
        WAIT => "wait",
        SEND => "send",
        INSECURE_TIME => "insecure_time",
        ALLOC => "alloc",
        FREE => "free",
        16 => "async_queues",
        _ => "a call that is not known",
    }
}

/// The events of `wait` and `send`, and all of them.
pub(super) const EVENTS: u64 = 0b1111;

/// `WouldBlock`.
pub(super) const WOULD_BLOCK: u64 = 0xb;
/// `InvalidInput`.
pub(super) const INVALID_INPUT: u64 = 0x16;
/// `Other`.
pub(super) const OTHER: u64 = 0x3fff_ffff;

/// An error as the number that the interface has for it.
pub(super) fn error(error: &io::Error) -> u64 {
    match error.kind() {
        ErrorKind::PermissionDenied => 1,
        ErrorKind::NotFound => 2,
        ErrorKind::Interrupted => 4,
        ErrorKind::WouldBlock => WOULD_BLOCK,
        ErrorKind::AlreadyExists => 0x11,
        ErrorKind::InvalidInput => INVALID_INPUT,
        ErrorKind::BrokenPipe => 0x20,
        ErrorKind::AddrInUse => 0x62,
        ErrorKind::AddrNotAvailable => 0x63,
        ErrorKind::ConnectionAborted => 0x67,
        ErrorKind::ConnectionReset => 0x68,
        ErrorKind::NotConnected => 0x6b,
        ErrorKind::TimedOut => 0x6e,
        ErrorKind::ConnectionRefused => 0x6f,
        ErrorKind::InvalidData => 0x2000_0000,
        ErrorKind::WriteZero => 0x2000_0001,
        ErrorKind::UnexpectedEof => 0x2000_0002,
        _ => OTHER,
    }
}
