//! `bulla doctor`: what is wrong with a cache, and how clients use it.

use crate::args::{DoctorArgs, Format};
use crate::commands::collateral::{counted, headline};
use crate::doctor::clients::Settings;
use crate::doctor::{self, Audit, Document, Finding, Severity, State};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::{
    BAD, CAUTION, FAINT, GOOD, PLAIN, STRONG, WIDTH, harmless, paint, wrap,
};
use crate::render::table;

/// How far findings and settings stand to the right.
const MARGIN: &str = "  ";

pub(crate) fn run(args: &DoctorArgs, output: &mut Output) -> Result<Exit> {
    let audit = doctor::examine(args)?;
    match output.format() {
        Format::Json => output.json(&audit)?,
        Format::Text => output.text(&text(&audit))?,
    }
    Ok(match audit.is_wrong() {
        true => Exit::Refused,
        false => Exit::Done,
    })
}

fn text(audit: &Audit) -> String {
    let outcome = match audit.is_wrong() {
        false => "nothing is wrong".to_owned(),
        true => format!(
            "{}, {}",
            counted(audit.count(Severity::Failure), "failure"),
            counted(audit.count(Severity::Warning), "warning")
        ),
    };
    let mut text = headline(audit.simulated, &format!("{}: {outcome}", audit.url));
    let kind = if audit.bulla { ", bulla" } else { "" };
    let numbers = match audit.honours_numbers {
        Some(true) => "honoured",
        Some(false) => "ignored",
        None => "not known",
    };
    text.push_str(&format!(
        "interface {}{kind}; {}; tcbEvaluationDataNumber {numbers}; judged at {} under {}\n\n",
        audit.dialect, audit.transport, audit.at, audit.trust_anchor
    ));
    let rows: Vec<[String; 7]> = audit.documents.iter().map(row).collect();
    let titles = [
        "document", "number", "state", "issued", "until", "ms", "bytes",
    ];
    table::write(titles, &rows, &mut text);
    let title = paint(STRONG, "findings");
    match audit.findings.is_empty() {
        true => text.push_str(&format!("\n{title}  none\n")),
        false => text.push_str(&format!("\n{title}\n")),
    }
    for finding in &audit.findings {
        write_finding(finding, &mut text);
    }
    text.push_str(&format!("\n{}\n", paint(STRONG, "settings for clients")));
    for settings in &audit.clients {
        write_settings(settings, &mut text);
    }
    text
}

fn row(document: &Document) -> [String; 7] {
    let style = match document.state {
        State::Current | State::Due => GOOD,
        State::Overdue => CAUTION,
        State::Absent => FAINT,
        _ => BAD,
    };
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let day = |time: &Option<String>| time.iter().flat_map(|time| time.chars().take(10)).collect();
    [
        document.name.clone(),
        number(document.number.map(u64::from)),
        paint(style, document.state.as_str()),
        day(&document.issued),
        day(&document.until),
        number(document.milliseconds),
        number(document.size.and_then(|size| u64::try_from(size).ok())),
    ]
}

fn write_finding(finding: &Finding, text: &mut String) {
    let style = match finding.severity {
        Severity::Failure => BAD,
        Severity::Warning => CAUTION,
        Severity::Note => PLAIN,
    };
    let severity = paint(style, format!("{:<7}", finding.severity.as_str()));
    let subject = paint(FAINT, &finding.subject);
    text.push_str(&format!(
        "{MARGIN}{severity}  {}  {subject}\n",
        finding.code
    ));
    let inner = " ".repeat(11);
    let remedy = format!("To do: {}.", finding.remedy);
    let parts = [harmless(&finding.message), remedy];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        for line in wrap(part, WIDTH.saturating_sub(inner.len())) {
            text.push_str(&format!("{inner}{line}\n"));
        }
    }
}

fn write_settings(settings: &Settings, text: &mut String) {
    let place = match settings.usable {
        true => paint(FAINT, settings.place),
        false => paint(CAUTION, "cannot use this service"),
    };
    text.push_str(&format!("\n{MARGIN}{}  {place}\n", settings.client));
    for note in &settings.notes {
        for line in wrap(note, WIDTH.saturating_sub(MARGIN.len())) {
            text.push_str(&format!("{MARGIN}{line}\n"));
        }
    }
    for line in settings.content.lines() {
        text.push_str(&format!("{MARGIN}{MARGIN}{line}\n"));
    }
}
