//! Many quotes as JSON Lines: answered one by one in constant memory, in their order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;

use bulla_collateral::CollateralSet;
use bulla_evidence::input::MAX_TEXT_SIZE;
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_service::judging::Need;
use bulla_verifier::{KnownPlatforms, PreparedCollateral};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::args::{Format, VerifyArgs};
use crate::collateral;
use crate::error::{Error, Result};
use crate::input::{MAX_COLLATERAL_SIZE, Source};
use crate::judge::{Judge, Outcome, QuoteInput};
use crate::output::{Exit, Output};
use crate::render::line::{self, Id};
use crate::time;

use super::provider::Provider;

/// Longest line: the largest collateral set, and as much as that again for the quote and white
/// space.
const MAX_LINE_SIZE: usize = MAX_COLLATERAL_SIZE + 2 * MAX_TEXT_SIZE;

/// Platforms that are remembered under the shared collateral: about 16 MB.
const KNOWN_PLATFORMS: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");

/// Most sets of a service that are kept prepared: one for each family, technology and CA, and each
/// instant where lines name one. The vendor has about fifty families; quotes that name more are forged.
const MOST_SETS: usize = 128;

/// After how many quotes a person who waits is told how far we are.
const PROGRESS_STEP: u64 = 1000;

pub(super) fn run(source: Source, args: &VerifyArgs, output: &mut Output) -> Result<Exit> {
    let judge = Judge::from_args(&args.terms)?;
    let shared = match (&args.from.collateral, Provider::open(&args.from)?) {
        (Some(path), _) => Shared::Set(prepare(&collateral::load(path)?, &judge.anchors)),
        (None, Some(provider)) => Shared::Service(Box::new(provider), HashMap::new()),
        (None, None) => Shared::Nothing,
    };
    let mut bench = Bench {
        judge,
        at_given: args.terms.at.is_some(),
        shared,
    };
    // JSON Lines in, JSON Lines out, unless a person asked to read it.
    let as_text = args.format == Some(Format::Text);
    let mut lines = Lines::new(source.into_reader());
    let mut progress = Progress::new();
    let mut exit = Exit::Done;
    while let Some(line) = lines.next_line()? {
        let (id, outcome) = bench.judge_line(&line);
        exit = exit.worst(outcome.as_ref().map_or(Exit::Failed, Outcome::exit));
        match (outcome, as_text) {
            (Ok(outcome), true) => output.text(&line::text(&id, &outcome))?,
            (Err(error), true) => output.text(&line::text_error(&id, &error))?,
            (Ok(outcome), false) => output.json_line(&line::json(&id, &outcome))?,
            (Err(error), false) => output.json_line(&line::json_error(&id, &error))?,
        }
        // Whoever feeds us line by line waits for each answer.
        if lines.is_drained() {
            output.flush()?;
        }
        progress.step();
    }
    Ok(exit)
}

/// What all lines are judged by.
struct Bench {
    judge: Judge,
    at_given: bool,
    shared: Shared,
}

/// The collateral of all quotes that bring none of their own.
enum Shared {
    Nothing,
    Set(KnownPlatforms),
    /// What a service has, or had at an instant; each set fetched once, when the first quote needs it.
    Service(
        Box<Provider>,
        HashMap<(Need, Option<Timestamp>), KnownPlatforms>,
    ),
}

fn prepare(set: &CollateralSet, anchors: &TrustAnchors) -> KnownPlatforms {
    let prepared = Arc::new(PreparedCollateral::new(set, anchors));
    KnownPlatforms::new(prepared, KNOWN_PLATFORMS)
}

impl Bench {
    fn judge_line(&mut self, line: &Line) -> (Id, Result<Outcome>) {
        let text = match &line.content {
            Ok(text) => text,
            Err(TooLong) => {
                let error = Error::LineTooLong {
                    number: line.number,
                    limit: MAX_LINE_SIZE,
                };
                return (Id::Line(line.number), Err(error));
            }
        };
        // serde would read an array as the fields in their order.
        if !super::is_json(text) {
            let error = Error::LineMalformed {
                number: line.number,
                reason: "a JSON object was expected".to_owned(),
            };
            return (Id::Line(line.number), Err(error));
        }
        match serde_json::from_slice::<Request<'_>>(text) {
            Ok(request) => {
                let id = request.id.clone().map_or(Id::Line(line.number), Id::Text);
                (id, self.judge_request(&request, line.number))
            }
            Err(error) => {
                let id = serde_json::from_slice(text)
                    .ok()
                    .and_then(|Named { id }| id);
                let error = malformed(line.number, &error);
                (id.map_or(Id::Line(line.number), Id::Text), Err(error))
            }
        }
    }

    fn judge_request(&mut self, request: &Request<'_>, number: u64) -> Result<Outcome> {
        // What the command line says is not for a line to change: whoever could would judge a
        // revoked platform by a day on which it was not.
        let shared = match &self.shared {
            Shared::Nothing => None,
            Shared::Set(_) => Some("--collateral"),
            Shared::Service(..) => Some("--service"),
        };
        for (field, stands, given) in [
            ("at", request.at.is_some(), self.at_given.then_some("--at")),
            ("collateral", request.collateral.is_some(), shared),
        ] {
            if let Some(option) = given
                && stands
            {
                return Err(Error::LineMalformed {
                    number,
                    reason: format!("`{field}` was given for all quotes by {option}"),
                });
            }
        }
        let at = match &request.at {
            Some(Instant::Text(text)) => time::parse(text)?,
            Some(Instant::Seconds(seconds)) => time::parse(&seconds.to_string())?,
            None => self.judge.at,
        };
        let quote = self.quote(request, number)?;
        let known = match (request.collateral, &mut self.shared) {
            (Some(own), _) => return self.judge_with(own, quote, at, number),
            (None, Shared::Set(known)) => known,
            (None, Shared::Service(provider, sets)) => {
                let need = self.judge.need(quote.bytes())?;
                let is_of_then = self.at_given || request.at.is_some();
                let key = (need, is_of_then.then_some(at));
                if !sets.contains_key(&key) {
                    let set = prepare(&provider.set(key.0, key.1)?, &self.judge.anchors);
                    if sets.len() >= MOST_SETS {
                        sets.clear();
                    }
                    sets.insert(key, set);
                }
                sets.get(&key).ok_or(Error::CollateralNotGiven)?
            }
            (None, Shared::Nothing) => return Err(Error::CollateralNotGiven),
        };
        Ok(self.judge.judge(quote, |quote| known.verify(quote, at)))
    }

    fn quote(&self, request: &Request<'_>, number: u64) -> Result<QuoteInput> {
        let text = request.quote.as_bytes();
        let problem = match text.len() {
            _ if text.trim_ascii().is_empty() => "`quote` is empty".to_owned(),
            size if size > MAX_TEXT_SIZE => {
                format!("`quote` has {size} characters, {MAX_TEXT_SIZE} are allowed")
            }
            _ => return Ok(QuoteInput::decode(text)),
        };
        Err(Error::LineMalformed {
            number,
            reason: problem,
        })
    }

    fn judge_with(
        &self,
        own: &RawValue,
        quote: QuoteInput,
        at: Timestamp,
        number: u64,
    ) -> Result<Outcome> {
        let set = CollateralSet::from_json(own.get().as_bytes());
        let set = set.map_err(|error| Error::LineMalformed {
            number,
            reason: format!("`collateral`: {error}"),
        })?;
        let prepared = PreparedCollateral::new(&set, &self.judge.anchors);
        Ok(self.judge.judge(quote, |quote| prepared.verify(quote, at)))
    }
}

/// One line. A field that is misspelt must not be taken for one that was left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(borrow)]
    quote: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    collateral: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "present")]
    at: Option<Instant>,
}

/// Reads a field that has a value where it is there: `null` is none.
fn present<'de, D, T>(deserializer: D) -> std::result::Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`at` is neither a text nor whole seconds")]
enum Instant {
    Text(String),
    Seconds(u64),
}

/// The name of a line that is wrong otherwise.
#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

fn malformed(number: u64, error: &serde_json::Error) -> Error {
    // The line of the text is always 1; the one in the file is what helps.
    let reason = error
        .to_string()
        .replace(" at line 1 column ", " at column ");
    Error::LineMalformed { number, reason }
}

/// A line that is longer than any can be; it was skipped.
struct TooLong;

struct Line {
    number: u64,
    content: std::result::Result<Vec<u8>, TooLong>,
}

/// Lines that are not blank, each read into no more than [`MAX_LINE_SIZE`] bytes.
struct Lines<R> {
    reader: io::BufReader<R>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn new(reader: io::BufReader<R>) -> Self {
        Self { reader, number: 0 }
    }

    /// Whether the next line has to be waited for.
    fn is_drained(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let limit = u64::try_from(MAX_LINE_SIZE).unwrap_or(u64::MAX);
            let bounded = &mut (&mut self.reader).take(limit.saturating_add(1));
            self.number = self.number.saturating_add(1);
            let number = self.number;
            let unreadable = |source| Error::LineUnreadable { number, source };
            if bounded.read_until(b'\n', &mut bytes).map_err(unreadable)? == 0 {
                return Ok(None);
            }
            if bytes.len() > MAX_LINE_SIZE && !bytes.ends_with(b"\n") {
                self.reader.skip_until(b'\n').map_err(unreadable)?;
                return Ok(Some(self.line(Err(TooLong))));
            }
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some(self.line(Ok(bytes))));
            }
        }
    }

    fn line(&self, content: std::result::Result<Vec<u8>, TooLong>) -> Line {
        Line {
            number: self.number,
            content,
        }
    }
}

/// Tells a person how far we are, where one can see it and it does not mix with the answers.
struct Progress {
    shown: bool,
    done: u64,
}

impl Progress {
    fn new() -> Self {
        Self {
            shown: io::stderr().is_terminal() && !io::stdout().is_terminal(),
            done: 0,
        }
    }

    fn step(&mut self) {
        self.done = self.done.saturating_add(1);
        if self.shown && self.done.is_multiple_of(PROGRESS_STEP) {
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(io::stderr(), "\r{} quotes", self.done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown && self.done >= PROGRESS_STEP {
            let _ = writeln!(io::stderr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Option<usize>)> {
        let mut lines = Lines::new(io::BufReader::new(text));
        let mut found = Vec::new();
        while let Ok(Some(line)) = lines.next_line() {
            found.push((line.number, line.content.ok().map(|bytes| bytes.len())));
        }
        found
    }

    #[test]
    fn blank_lines_are_counted_and_skipped() {
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n \r\na\n\nbc"), [(3, Some(2)), (5, Some(2))]);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_rest_goes_on() {
        let longest = vec![b'x'; MAX_LINE_SIZE];
        let text = [&longest[..], b"\n", &longest, b"xxx\n", b"a\n"].concat();
        let expected = [(1, Some(MAX_LINE_SIZE + 1)), (2, None), (3, Some(2))];
        assert_eq!(read(&text), expected);
    }
}
