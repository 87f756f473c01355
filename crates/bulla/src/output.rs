//! Where results go, and what the exit status means.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use crate::args::Format;
use crate::error::{Error, Result};

/// The exit status of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: accepted, or done.
    Done,
    /// 1: refused by verification or appraisal.
    Refused,
    /// 2: usage, input or other error.
    Failed,
    /// That of a command that was run.
    Other(u8),
}

impl Exit {
    /// The status for several results: an error outweighs a refusal, which outweighs all else.
    pub(crate) fn worst(self, other: Self) -> Self {
        match (self, other) {
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (Self::Refused, _) | (_, Self::Refused) => Self::Refused,
            _ => Self::Done,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::from(0),
            Exit::Refused => Self::from(1),
            Exit::Failed => Self::from(2),
            Exit::Other(status) => Self::from(status),
        }
    }
}

/// Standard output: colours only on a terminal, and only where `NO_COLOR` does not forbid them.
pub(crate) struct Output {
    stream: BufWriter<io::Stdout>,
    format: Format,
    coloured: bool,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            stream: BufWriter::new(io::stdout()),
            format,
            coloured: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Writes text for people, with escape codes for colours.
    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        let written = match self.coloured {
            true => self.stream.write_all(text.as_bytes()),
            false => write!(self.stream, "{}", strip_str(text)),
        };
        written.map_err(Error::OutputFailed)
    }

    /// Writes a value as JSON over several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let written = serde_json::to_writer_pretty(&mut self.stream, value);
        self.end_line(written)
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<()> {
        let written = serde_json::to_writer(&mut self.stream, value);
        self.end_line(written)
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.stream.flush().map_err(Error::OutputFailed)
    }

    fn end_line(&mut self, written: serde_json::Result<()>) -> Result<()> {
        written.map_err(|error| Error::OutputFailed(error.into()))?;
        self.stream.write_all(b"\n").map_err(Error::OutputFailed)
    }
}

/// An error as programs read it.
#[derive(Serialize)]
pub(crate) struct ErrorReport {
    error: ErrorBody,
}

#[derive(Serialize)]
struct ErrorBody {
    code: &'static str,
    message: String,
}

impl ErrorReport {
    pub(crate) fn new(error: &Error) -> Self {
        Self {
            error: ErrorBody {
                code: error.code(),
                message: error.to_string(),
            },
        }
    }
}

/// Tells an error: programs on standard output, people on standard error.
pub(crate) fn report_error(error: &Error, format: Format) {
    if error.is_broken_pipe() {
        return;
    }
    // Where not even this can be written, the exit status has to do.
    let _ = match format {
        Format::Json => {
            let mut output = Output::new(format);
            output
                .json(&ErrorReport::new(error))
                .and_then(|()| output.flush())
        }
        Format::Text => {
            let label = crate::render::style::paint(crate::render::style::BAD, "error:");
            let message = crate::render::style::harmless(&error.to_string());
            writeln!(anstream::stderr(), "{label} {message} ({})", error.code())
                .map_err(Error::OutputFailed)
        }
    };
}

/// A line for people on standard error, beside what is the output. Where nothing can be written any more, as
/// on a full disk, the command goes on.
pub(crate) fn remark(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
