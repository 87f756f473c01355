//! How an enclave's run ended.

use std::fmt;

use crate::machine::{Exception, Registers};

/// How it ended, and what happened on the way that the enclave could not be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How.
    pub ending: Ending,
    /// What the enclave asked for that this runner does not do, once each.
    pub notes: Vec<String>,
    /// Entries of the enclave, and calls that it made.
    pub calls: u64,
}

/// How an enclave's run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It called `exit`, or its first thread returned.
    Finished,
    /// It called `exit` and said that it panicked; with its message, where it is a debug build.
    Panicked {
        /// The message.
        message: Option<String>,
    },
    /// It raised an exception that it did not handle.
    Crashed(Crash),
    /// It computed longer than it may.
    OutOfTime {
        /// Where it was.
        crash_site: Site,
    },
    /// It made a call that no honest program makes.
    Lied {
        /// The name of the call.
        call: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// It made a call that does not exist.
    CallUnknown {
        /// Its number.
        number: u64,
    },
    /// It waits for ever for what only another thread could do.
    Deadlocked,
    /// It has no thread.
    NoThread,
    /// It could not be entered, or not go on: its process was ended, or the host has no memory.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// An exception, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Which.
    pub exception: Exception,
    /// Where it was.
    pub site: Site,
}

/// A place in an enclave's execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The address of the instruction, in bytes from the start of the enclave.
    pub offset: u64,
    /// The registers, inside.
    pub registers: Box<Registers>,
}

impl Ending {
    /// Whether all is well.
    pub fn is_success(&self) -> bool {
        *self == Self::Finished
    }

    /// A word for programs, stable across releases.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Panicked { .. } => "panicked",
            Self::Crashed(_) => "crashed",
            Self::OutOfTime { .. } => "out_of_time",
            Self::Lied { .. } => "call_invalid",
            Self::CallUnknown { .. } => "call_unknown",
            Self::Deadlocked => "deadlocked",
            Self::NoThread => "no_thread",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// Where it was, if it ended in the midst of something.
    pub fn site(&self) -> Option<&Site> {
        match self {
            Self::Crashed(crash) => Some(&crash.site),
            Self::OutOfTime { crash_site } => Some(crash_site),
            _ => None,
        }
    }
}

/// One sentence.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("the enclave finished"),
            Self::Panicked { message: None } => f.write_str("the enclave panicked"),
            Self::Panicked {
                message: Some(message),
            } => write!(f, "the enclave panicked: {message}"),
            Self::Crashed(Crash { exception, site }) => {
                write!(f, "the enclave crashed at +{:#x}: {exception}", site.offset)
            }
            Self::OutOfTime { crash_site } => write!(
                f,
                "the enclave computed longer than it may; it was at +{:#x}",
                crash_site.offset
            ),
            Self::Lied { call, what } => write!(f, "the enclave called {call} with {what}"),
            Self::CallUnknown { number } => {
                write!(f, "the enclave made call {number}, which does not exist")
            }
            Self::Deadlocked => f.write_str("the enclave waits for a thread that it does not have"),
            Self::NoThread => f.write_str("the enclave has no thread that could be entered"),
            Self::Stopped { reason } => write!(f, "the enclave was stopped: {reason}"),
        }
    }
}
