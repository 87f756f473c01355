//! Programs of usercalls, assembled: values are kept in slots of the data page.

use std::io::{self, Write};
use std::sync::mpsc::Sender;

use bulla_enclave::runner::{Limits, Outside, Report, run};

use crate::world::*;

/// An argument of a usercall.
#[derive(Clone, Copy)]
pub(crate) enum Argument {
    Value(u64),
    Slot(u8),
}

pub(crate) use Argument::{Slot, Value};

pub(crate) struct Program(Vec<u8>);

impl Program {
    /// Begins where the last usercall left; at first with what the slots 1 and 2 are set to: the
    /// address and number of arguments.
    pub(crate) fn new() -> Self {
        // mov rax, [rbp]; test rax, rax; jz +2; jmp rax
        let entry = [0x48, 0x8b, 0x45, 0, 0x48, 0x85, 0xc0, 0x74, 2, 0xff, 0xe0];
        let mut program = Self([&load("rbp", DATA)[..], &entry].concat());
        program.0.extend([0x48, 0x89, 0x7d, 8]); // mov [rbp + 8], rdi
        program.0.extend([0x48, 0x89, 0x75, 16]); // mov [rbp + 16], rsi
        program
    }

    pub(crate) fn raw(mut self, code: &[u8]) -> Self {
        self.0.extend(code);
        self
    }

    /// A usercall; the two values of its answer are kept in `result` and `value`.
    pub(crate) fn call(
        mut self,
        number: u64,
        arguments: [Argument; 4],
        [result, value]: [u8; 2],
    ) -> Self {
        // RSI, RDX, R8, R9: from a slot, or as a value.
        let from_slot = [
            [0x48, 0x8b, 0x75],
            [0x48, 0x8b, 0x55],
            [0x4c, 0x8b, 0x45],
            [0x4c, 0x8b, 0x4d],
        ];
        let from_value = [[0x48, 0xbe], [0x48, 0xba], [0x49, 0xb8], [0x49, 0xb9]];
        for (index, argument) in arguments.into_iter().enumerate() {
            match argument {
                Slot(slot) => {
                    self.0.extend(from_slot[index]);
                    self.0.push(slot * 8);
                }
                Value(value) => {
                    self.0.extend(from_value[index]);
                    self.0.extend(value.to_le_bytes());
                }
            }
        }
        self.0.extend(load("rdi", number));
        let leave = [&[0x48, 0x89, 0x45, 0][..], &leaf(4, &[("rbx", OUTSIDE)])].concat();
        let next = BASE + (self.0.len() + 10 + leave.len()) as u64;
        self.0.extend(load("rax", next));
        self.0.extend(leave);
        self.0.extend([0x48, 0x89, 0x75, result * 8]);
        self.0.extend([0x48, 0x89, 0x55, value * 8]);
        self
    }

    /// Copies eight bytes at the address in `from`, plus `offset`, to a slot.
    pub(crate) fn follow(self, from: u8, offset: u8, to: u8) -> Self {
        self.raw(&[0x48, 0x8b, 0x7d, from * 8])
            .raw(&[0x48, 0x8b, 0x47, offset])
            .raw(&[0x48, 0x89, 0x45, to * 8])
    }

    /// Writes eight bytes to the address in a slot.
    pub(crate) fn poke(self, slot: u8, bytes: &[u8; 8]) -> Self {
        self.raw(&[0x48, 0x8b, 0x7d, slot * 8])
            .raw(&load("rax", u64::from_le_bytes(*bytes)))
            .raw(&[0x48, 0x89, 0x07])
    }

    pub(crate) fn alloc(self, size: u64, slot: u8) -> Self {
        self.call(
            14,
            [Value(size), Value(8), Value(0), Value(0)],
            [SCRAP, slot],
        )
    }

    pub(crate) fn exit(self) -> Self {
        self.call(10, [Value(0); 4], [SCRAP, SCRAP])
    }

    pub(crate) fn tiny(self) -> Tiny {
        Tiny::new(&[&self.0])
    }

    /// Runs it; gives the report, and the machine to look into.
    pub(crate) fn run(self, arguments: &[&str], outside: Outside) -> (Report, TinyMachine) {
        let mut machine = self.tiny().machine();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let limits = Limits {
            compute: Some(std::time::Duration::from_millis(200)),
        };
        let report = run(&mut machine, &arguments, outside, &limits);
        (report, machine)
    }

    pub(crate) fn report(self) -> Report {
        self.run(&[], Outside::none()).0
    }
}

/// A slot that nobody reads.
pub(crate) const SCRAP: u8 = 15;

pub(crate) fn slot(machine: &TinyMachine, slot: u8) -> u64 {
    read_u64(machine, DATA + u64::from(slot) * 8)
}

/// Outside output that is sent on.
pub(crate) struct Sent(pub(crate) Sender<Vec<u8>>);

impl Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .send(bytes.to_vec())
            .map(|()| bytes.len())
            .map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
