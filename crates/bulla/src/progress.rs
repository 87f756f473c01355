//! Telling a person how far long work is.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// One line on standard error, where that is a terminal; it is gone when this is.
pub(crate) struct Progress {
    shown: bool,
    all: usize,
}

impl Progress {
    /// Of so many steps.
    pub(crate) fn new(all: usize) -> Self {
        let shown = io::stderr().is_terminal();
        Self { shown, all }
    }

    /// How many steps there are.
    pub(crate) fn all(&self) -> usize {
        self.all
    }

    /// What is done now, and how many steps were done before.
    pub(crate) fn show(&self, done: usize, what: impl Display) {
        if self.shown {
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K{done} of {}: {what}", self.all);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
