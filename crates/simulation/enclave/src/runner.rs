//! The program outside of an enclave that was built for Fortanix EDP: it enters it, and does what
//! it asks for.
//!
//! Whatever the enclave does ends with a [`Report`], and never with an error of ours: it is the
//! program under test.

mod arena;
mod report;
mod streams;
mod usercall;

use std::io;
use std::time::Duration;

use crate::machine::ptrace::TICK;
use crate::machine::{Backend, Event, Exit, Machine, MachineError, Registers, flags};

pub use report::{Crash, Ending, Report, Site};
pub use streams::{Connector, Outside};

use arena::{Arena, OutsideArena};
use streams::Streams;
use usercall::{Answer, Call};

/// Bytes of memory that enclave and outside share: room for a few large messages.
pub const ARENA_SIZE: u64 = 1 << 24;

/// Bytes of the message that a debug build leaves when it panics (Fortanix EDP).
const PANIC_SIZE: u64 = 1024;

/// The longest address that is looked at: a host name has at most 253 bytes.
const MAX_ADDRESS: u64 = 512;

/// The address that stands for the outside: it has no code.
const OUTSIDE: u64 = 0x1000;

/// What an enclave may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time that it may compute in all; `None` for as long as it likes. Waiting does not count.
    /// It is looked at after every 50 ms.
    pub compute: Option<Duration>,
}

/// Runs the first thread of an enclave with these arguments until it ends.
pub fn run<B: Backend>(
    machine: &mut Machine<B>,
    arguments: &[String],
    outside: Outside,
    limits: &Limits,
) -> Report {
    let arena = machine.backend().arena();
    let mut runner = Runner {
        machine,
        arena: Arena::new(arena),
        streams: Streams::new(outside),
        notes: Vec::new(),
        calls: 0,
        ticks: 0,
        pending: 0,
        most_ticks: limits
            .compute
            .map(|time| time.as_millis().div_ceil(TICK.as_millis())),
    };
    let ending = runner.run(arguments);
    runner.streams.finish();
    Report {
        ending,
        notes: runner.notes,
        calls: runner.calls,
    }
}

struct Runner<'a, B> {
    machine: &'a mut Machine<B>,
    arena: Arena,
    streams: Streams,
    notes: Vec<String>,
    calls: u64,
    ticks: u128,
    most_ticks: Option<u128>,
    /// Events that were sent to the thread and that it has not waited for.
    pending: u64,
}

/// Why a call is not answered.
enum Refusal {
    End(Ending),
    Outside(OutsideArena),
}

impl From<OutsideArena> for Refusal {
    fn from(outside: OutsideArena) -> Self {
        Self::Outside(outside)
    }
}

impl<B: Backend> Runner<'_, B> {
    fn run(&mut self, arguments: &[String]) -> Ending {
        let Some(tcs) = self.machine.threads().first().copied() else {
            return Ending::NoThread;
        };
        let Some((panic, list)) = self.prepare(arguments) else {
            return Ending::Stopped {
                reason: "the arguments do not fit into the shared memory".to_owned(),
            };
        };
        let mut registers = Registers {
            rdi: list,
            rsi: arguments.len() as u64,
            r10: panic,
            rip: OUTSIDE,
            rflags: flags::ALWAYS,
            ..Registers::default()
        };
        loop {
            let left = match self.enter(tcs, &registers) {
                Ok(left) => left,
                Err(ending) => return ending,
            };
            let Some(call) = Call::of(&left) else {
                return Ending::Finished;
            };
            self.calls += 1;
            let [rsi, rdx] = match self.answer(call, panic) {
                Ok(answer) => answer,
                Err(Refusal::End(ending)) => return ending,
                Err(Refusal::Outside(OutsideArena { address, length })) => {
                    return Ending::Lied {
                        call: call.name(),
                        what: format!(
                            "{length} bytes at {address:#x}, which are not in the memory it shares"
                        ),
                    };
                }
            };
            registers = Registers {
                rdi: 0,
                rsi,
                rdx,
                rip: OUTSIDE,
                r10: panic,
                ..left
            };
        }
    }

    /// Places what the enclave begins with in shared memory: room for its last words, and its
    /// arguments as pairs of address and length.
    fn prepare(&mut self, arguments: &[String]) -> Option<(u64, u64)> {
        let panic = self.arena.allocate(PANIC_SIZE, 16)?;
        let mut pairs = Vec::with_capacity(arguments.len() * 16);
        for argument in arguments {
            let place = self.place(argument.as_bytes())?;
            pairs.extend(place.to_le_bytes());
            pairs.extend((argument.len() as u64).to_le_bytes());
        }
        Some((panic, self.place(&pairs)?))
    }

    fn place(&mut self, bytes: &[u8]) -> Option<u64> {
        let place = self.arena.allocate(bytes.len() as u64, 8)?;
        let backend = self.machine.backend();
        self.arena.write(backend, place, bytes).ok()?;
        Some(place)
    }

    /// Enters, and goes on after interruptions, until the enclave leaves by itself.
    fn enter(&mut self, tcs: u64, registers: &Registers) -> Result<Registers, Ending> {
        let stopped = |error: MachineError| Ending::Stopped {
            reason: error.to_string(),
        };
        let mut exit = self.machine.enter(tcs, OUTSIDE, registers);
        loop {
            let (event, inside) = match exit.map_err(stopped)? {
                Exit::Synchronous(registers) => return Ok(registers),
                Exit::Asynchronous { event, inside, .. } => (event, inside),
            };
            let site = Site {
                offset: inside.rip.wrapping_sub(self.machine.backend().base()),
                registers: Box::new(inside),
            };
            match event {
                Event::Exception(exception) => {
                    return Err(Ending::Crashed(Crash { exception, site }));
                }
                Event::Tick => {
                    self.ticks += 1;
                    if self.most_ticks.is_some_and(|most| self.ticks >= most) {
                        return Err(Ending::OutOfTime { crash_site: site });
                    }
                }
                Event::Interrupt => {}
            }
            exit = self.machine.resume(tcs, OUTSIDE, registers);
        }
    }

    fn answer(&mut self, call: Call, panic: u64) -> Result<Answer, Refusal> {
        let [first, second, third, fourth] = call.arguments;
        match call.number {
            usercall::READ => self.read(first, second, third),
            usercall::READ_ALLOC => self.read_alloc(first, second),
            usercall::WRITE => {
                let bytes = self.shown(second, third)?;
                Ok(counted(self.streams.write(first, &bytes)))
            }
            usercall::FLUSH => Ok(match self.streams.flush(first) {
                Ok(()) => [0, 0],
                Err(error) => [usercall::error(&error), 0],
            }),
            usercall::CLOSE => {
                self.streams.close(first);
                Ok([0, 0])
            }
            usercall::BIND_STREAM => {
                let Some(address) = self.address(first, second)? else {
                    return Ok([usercall::INVALID_INPUT, 0]);
                };
                let bound = self.streams.bind(&address);
                self.opened(bound.map(|(number, local)| (number, vec![local])), &[third])
            }
            usercall::ACCEPT_STREAM => {
                let accepted = self.streams.accept(first);
                let accepted = accepted.map(|(number, both)| (number, both.to_vec()));
                self.opened(accepted, &[second, third])
            }
            usercall::CONNECT_STREAM => {
                let Some(address) = self.address(first, second)? else {
                    return Ok([usercall::INVALID_INPUT, 0]);
                };
                let connected = self.streams.connect(&address);
                let connected = connected.map(|(number, both)| (number, both.to_vec()));
                self.opened(connected, &[third, fourth])
            }
            usercall::LAUNCH_THREAD => {
                self.note("launch_thread: an enclave has one thread here");
                Ok([usercall::OTHER, 0])
            }
            usercall::EXIT => Err(Refusal::End(self.ending(first != 0, panic))),
            usercall::WAIT => self.wait(first, second),
            usercall::SEND => Ok(self.send(first)),
            usercall::INSECURE_TIME => Ok([self.streams.time(), 0]),
            usercall::ALLOC => Ok(match self.arena.allocate(first, second) {
                Some(place) => [0, place],
                None => [usercall::OTHER, 0],
            }),
            usercall::FREE => match self.arena.free(first, second) {
                // Null is given back by whoever got nothing.
                _ if first == 0 => Ok([0, 0]),
                Ok(()) => Ok([0, 0]),
                Err(_) => Err(Refusal::End(Ending::Lied {
                    call: call.name(),
                    what: format!("{second} bytes at {first:#x}, which it does not have"),
                })),
            },
            number => Err(Refusal::End(Ending::CallUnknown { number })),
        }
    }

    fn read(&mut self, number: u64, address: u64, length: u64) -> Result<Answer, Refusal> {
        self.arena.check(address, length)?;
        let mut bytes = vec![0; length as usize];
        let read = self.streams.read(number, &mut bytes);
        if let Ok(count) = read {
            let backend = self.machine.backend();
            self.arena.write(backend, address, &bytes[..count])?;
        }
        Ok(counted(read))
    }

    /// Reads as much as there is at once, into memory of our choice.
    fn read_alloc(&mut self, number: u64, buffer: u64) -> Result<Answer, Refusal> {
        self.arena.check(buffer, 16)?;
        let mut bytes = vec![0; 1 << 16];
        match self.streams.read(number, &mut bytes) {
            Ok(count) => {
                bytes.truncate(count);
                self.give(buffer, &bytes)
            }
            Err(error) => Ok([usercall::error(&error), 0]),
        }
    }

    /// Places bytes in shared memory and writes where into a buffer of the enclave, if it has one.
    fn give(&mut self, buffer: u64, bytes: &[u8]) -> Result<Answer, Refusal> {
        if buffer == 0 {
            return Ok([0, 0]);
        }
        self.arena.check(buffer, 16)?;
        let Some(place) = self.place(bytes) else {
            return Ok([usercall::OTHER, 0]);
        };
        let pair = [place.to_le_bytes(), (bytes.len() as u64).to_le_bytes()].concat();
        self.arena.write(self.machine.backend(), buffer, &pair)?;
        Ok([0, 0])
    }

    /// Tells of a stream that was opened, and its addresses.
    fn opened(
        &mut self,
        opened: io::Result<(u64, Vec<String>)>,
        buffers: &[u64],
    ) -> Result<Answer, Refusal> {
        let (number, addresses) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok([usercall::error(&error), 0]),
        };
        for (buffer, address) in buffers.iter().zip(addresses) {
            let [error, _] = self.give(*buffer, address.as_bytes())?;
            if error != 0 {
                self.streams.close(number);
                return Ok([error, 0]);
            }
        }
        Ok([0, number])
    }

    fn shown(&self, address: u64, length: u64) -> Result<Vec<u8>, OutsideArena> {
        self.arena.read(self.machine.backend(), address, length)
    }

    /// An address as text; `None` if it is none.
    fn address(&self, address: u64, length: u64) -> Result<Option<String>, OutsideArena> {
        self.arena.check(address, length)?;
        if length > MAX_ADDRESS {
            return Ok(None);
        }
        Ok(String::from_utf8(self.shown(address, length)?).ok())
    }

    fn wait(&mut self, mask: u64, timeout: u64) -> Result<Answer, Refusal> {
        let came = self.pending & mask;
        if mask & !usercall::EVENTS != 0 {
            return Ok([usercall::INVALID_INPUT, 0]);
        }
        if came != 0 {
            self.pending &= !came;
            return Ok([0, came]);
        }
        match timeout {
            0 => {}
            // Only another thread could end it, and there is none.
            u64::MAX => return Err(Refusal::End(Ending::Deadlocked)),
            nanoseconds => std::thread::sleep(Duration::from_nanos(nanoseconds)),
        }
        Ok([usercall::WOULD_BLOCK, 0])
    }

    fn send(&mut self, events: u64) -> Answer {
        if events & !usercall::EVENTS != 0 {
            return [usercall::INVALID_INPUT, 0];
        }
        self.pending |= events;
        [0, 0]
    }

    fn ending(&self, panicked: bool, panic: u64) -> Ending {
        if !panicked {
            return Ending::Finished;
        }
        let bytes = self.shown(panic, PANIC_SIZE).unwrap_or_default();
        let text: Vec<u8> = bytes.into_iter().take_while(|byte| *byte != 0).collect();
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        Ending::Panicked {
            message: (!text.is_empty()).then_some(text),
        }
    }

    fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|note| note == text) {
            self.notes.push(text.to_owned());
        }
    }
}

fn counted(result: io::Result<usize>) -> Answer {
    match result {
        Ok(count) => [0, count as u64],
        Err(error) => [usercall::error(&error), 0],
    }
}
