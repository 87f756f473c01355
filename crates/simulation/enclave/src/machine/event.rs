//! What ends a stretch of execution inside an enclave without the enclave's will.

use std::fmt;

/// The exceptions that a program can raise, by the number of their vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vector {
    /// `#DE`: division by zero, or its result too large.
    DivideError = 0,
    /// `#DB`: a single step or a hardware breakpoint.
    Debug = 1,
    /// `#BP`: a breakpoint.
    Breakpoint = 3,
    /// `#BR`: a bound exceeded.
    BoundRange = 5,
    /// `#UD`: no instruction, or one that no enclave may use.
    InvalidOpcode = 6,
    /// `#GP`: general protection.
    GeneralProtection = 13,
    /// `#PF`: no page, or none that permits it.
    PageFault = 14,
    /// `#MF`: an error of the x87 unit.
    FloatingPoint = 16,
    /// `#AC`: an address that is not aligned.
    AlignmentCheck = 17,
    /// `#XM`: an error of SSE or AVX.
    SimdFloatingPoint = 19,
}

impl Vector {
    /// The vendor's mnemonic.
    pub const fn mnemonic(self) -> &'static str {
        match self {
            Self::DivideError => "#DE",
            Self::Debug => "#DB",
            Self::Breakpoint => "#BP",
            Self::BoundRange => "#BR",
            Self::InvalidOpcode => "#UD",
            Self::GeneralProtection => "#GP",
            Self::PageFault => "#PF",
            Self::FloatingPoint => "#MF",
            Self::AlignmentCheck => "#AC",
            Self::SimdFloatingPoint => "#XM",
        }
    }

    /// In plain words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::DivideError => "division error",
            Self::Debug => "debug exception",
            Self::Breakpoint => "breakpoint",
            Self::BoundRange => "bound exceeded",
            Self::InvalidOpcode => "illegal instruction",
            Self::GeneralProtection => "general protection fault",
            Self::PageFault => "page fault",
            Self::FloatingPoint => "x87 floating-point error",
            Self::AlignmentCheck => "alignment check",
            Self::SimdFloatingPoint => "SIMD floating-point error",
        }
    }

    /// `EXITINFO` for it (Intel SDM volume 3D): vector, type and the valid bit; zero for those
    /// that are told only where `MISCSELECT.EXINFO` is set, unless it is.
    pub(crate) const fn exit_info(self, has_exinfo: bool) -> u32 {
        let kind = match self {
            Self::Breakpoint => 6,
            Self::GeneralProtection | Self::PageFault if !has_exinfo => return 0,
            _ => 3,
        };
        self as u32 | kind << 8 | 1 << 31
    }
}

/// An exception, with what the processor knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Which.
    pub vector: Vector,
    /// The address that could not be used; only with page faults.
    pub address: Option<u64>,
    /// The error code of a page fault: present 1, write 2, user 4, instruction fetch 0x10; zero
    /// with others.
    pub error_code: u32,
    /// Why, where it is known better than by the vector.
    pub reason: Option<&'static str>,
}

impl Exception {
    /// The exception without anything beside.
    pub const fn new(vector: Vector) -> Self {
        Self {
            vector,
            address: None,
            error_code: 0,
            reason: None,
        }
    }

    /// A general protection fault, and why.
    pub const fn protection(reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..Self::new(Vector::GeneralProtection)
        }
    }

    /// An instruction that no enclave may use, and which.
    pub const fn forbidden(reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..Self::new(Vector::InvalidOpcode)
        }
    }

    /// A page fault at `address`.
    pub const fn page(address: u64, error_code: u32) -> Self {
        Self {
            address: Some(address),
            error_code,
            ..Self::new(Vector::PageFault)
        }
    }
}

/// `#PF (page fault) at 0x1000: reason`.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.vector.mnemonic(), self.vector.meaning())?;
        if let Some(address) = self.address {
            let what = match self.error_code {
                code if code & 0x10 != 0 => "executing",
                code if code & 2 != 0 => "writing",
                _ => "using",
            };
            write!(f, " {what} {address:#x}")?;
        }
        match self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// Why an enclave was left asynchronously.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It raised an exception.
    Exception(Exception),
    /// It used another slice of time; nothing is wrong.
    Tick,
    /// Something of the host that is not the enclave's doing; nothing is wrong.
    Interrupt,
}
