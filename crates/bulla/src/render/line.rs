//! Answers on several quotes, one line for each.

use bulla_collateral::TcbStatus;
use serde::Serialize;

use crate::error::Error;
use crate::judge::Outcome;
use crate::output::ErrorReport;
use crate::render::json::Answer;
use crate::render::style::{BAD, FAINT, harmless, paint};
use crate::render::text;

/// What a quote is called in the answers: as its line says, else by the number of the line.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Text(String),
    Line(u64),
}

/// A line of JSON: the answer, or why there is none.
#[derive(Serialize)]
pub(crate) struct Line<'a, T> {
    pub(crate) id: &'a Id,
    #[serde(flatten)]
    pub(crate) content: T,
}

pub(crate) fn json<'a>(id: &'a Id, outcome: &'a Outcome) -> Line<'a, Answer<'a>> {
    Line {
        id,
        content: Answer::from(outcome),
    }
}

pub(crate) fn json_error<'a>(id: &'a Id, error: &Error) -> Line<'a, ErrorReport> {
    Line {
        id,
        content: ErrorReport::new(error),
    }
}

/// The answer for people, with the reasons where it is no plain yes.
pub(crate) fn text(id: &Id, outcome: &Outcome) -> String {
    let codes: Vec<&str> = outcome
        .findings()
        .iter()
        .filter(|finding| finding.refuses() && finding.code != "VerificationFailed")
        .map(|finding| finding.code)
        .fold(Vec::new(), |mut codes, code| {
            if !codes.contains(&code) {
                codes.push(code);
            }
            codes
        });
    let tcb = outcome.verdict.tcb.as_ref();
    let advisories = tcb
        .filter(|tcb| tcb.status != TcbStatus::UpToDate)
        .map(|tcb| tcb.advisory_ids.join(", "))
        .filter(|advisories| !advisories.is_empty());
    let reasons: Vec<String> = codes
        .iter()
        .map(|code| (*code).to_owned())
        .chain(advisories)
        .collect();
    let reasons = match reasons.is_empty() {
        true => String::new(),
        false => format!("  {}", paint(FAINT, reasons.join("; "))),
    };
    format!("{}  {}{reasons}\n", text::headline(outcome), name(id))
}

pub(crate) fn text_error(id: &Id, error: &Error) -> String {
    // The error may quote the line: whoever wrote that must not get to write lines of ours.
    let error = harmless(&error.to_string());
    format!("{}  {}: {error}\n", paint(BAD, "ERROR   "), name(id))
}

fn name(id: &Id) -> String {
    match id {
        Id::Text(text) => harmless(text),
        Id::Line(number) => format!("line {number}"),
    }
}
