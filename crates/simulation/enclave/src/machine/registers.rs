//! The registers of a thread.

use std::fmt;

/// General registers, instruction pointer, flags, and the bases of `FS` and `GS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the vendor's")]
pub struct Registers {
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rbx: u64,
    pub rsp: u64,
    pub rbp: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rflags: u64,
    pub rip: u64,
    pub fs_base: u64,
    pub gs_base: u64,
}

/// Bits of `RFLAGS`.
pub mod flags {
    /// Carry.
    pub const CF: u64 = 1;
    /// Parity.
    pub const PF: u64 = 1 << 2;
    /// Auxiliary carry.
    pub const AF: u64 = 1 << 4;
    /// Zero.
    pub const ZF: u64 = 1 << 6;
    /// Sign.
    pub const SF: u64 = 1 << 7;
    /// Trap: single steps.
    pub const TF: u64 = 1 << 8;
    /// Overflow.
    pub const OF: u64 = 1 << 11;
    /// The flags that a program may set: those above, direction, alignment check, and ID.
    pub const USER: u64 = CF | PF | AF | ZF | SF | TF | 1 << 10 | OF | 1 << 18 | 1 << 21;
    /// What is set in every program: the bit that is always one, and interrupts.
    pub const ALWAYS: u64 = 1 << 1 | 1 << 9;
}

impl Registers {
    /// Each register with its name, in the order in which people read them.
    pub fn named(&self) -> [(&'static str, u64); 20] {
        [
            ("rip", self.rip),
            ("rflags", self.rflags),
            ("rax", self.rax),
            ("rbx", self.rbx),
            ("rcx", self.rcx),
            ("rdx", self.rdx),
            ("rsi", self.rsi),
            ("rdi", self.rdi),
            ("rsp", self.rsp),
            ("rbp", self.rbp),
            ("r8", self.r8),
            ("r9", self.r9),
            ("r10", self.r10),
            ("r11", self.r11),
            ("r12", self.r12),
            ("r13", self.r13),
            ("r14", self.r14),
            ("r15", self.r15),
            ("fs_base", self.fs_base),
            ("gs_base", self.gs_base),
        ]
    }
}

/// Two registers on each line.
impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pair in self.named().chunks(2) {
            for (name, value) in pair {
                write!(f, "  {name:<7} {value:016x}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
