//! `bulla collateral list`: the collection of a service at a glance.

use std::cmp::Ordering;

use bulla_pki::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, ago, counted, headline};
use crate::args::{Format, ListArgs};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::{BAD, CAUTION, GOOD, PLAIN, STRONG, harmless, paint, span};
use crate::render::table;
use crate::service::{Service, Told};

/// Columns of the drawing of one document.
const COLUMNS: u64 = 30;

#[derive(Deserialize, Serialize)]
pub(super) struct Listing {
    pub(super) now: String,
    pub(super) trust_anchor: Anchor,
    pub(super) mode: String,
    pub(super) documents: Vec<Row>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Anchor {
    pub(super) name: String,
    pub(super) genuine: bool,
    pub(super) simulated: bool,
    pub(super) public_key_sha256: String,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Row {
    pub(super) slot: String,
    pub(super) selected_as: Vec<String>,
    pub(super) freshness: String,
    pub(super) issued: String,
    pub(super) next_update: String,
    pub(super) until: String,
    pub(super) arrived: String,
    pub(super) asked: String,
    pub(super) source: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

pub(super) fn run(args: &ListArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open(&args.at)?;
    let Told { simulated, value } = service.get::<Listing>("/collateral", &[])?;
    let simulated = simulated || value.trust_anchor.simulated;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: value,
        })?,
        Format::Text => output.text(&text(&service.url, simulated, &value))?,
    }
    Ok(Exit::Done)
}

fn text(url: &str, simulated: bool, listing: &Listing) -> String {
    let title = format!(
        "{} at {url}, under {}, mode {}",
        counted(listing.documents.len(), "document"),
        harmless(&listing.trust_anchor.name),
        harmless(&listing.mode),
    );
    let mut text = headline(simulated, &title);
    let now = listing.now.parse::<Timestamp>().unwrap_or(Timestamp::MAX);
    let rows: Vec<[String; 6]> = listing
        .documents
        .iter()
        .map(|row| state(row, now))
        .collect();
    let titles = [
        "document",
        "number",
        "selected as",
        "state",
        "asked",
        "source",
    ];
    table::write(titles, &rows, &mut text);
    let title = format!("from issue to end (| is {})", harmless(&listing.now));
    text.push_str(&format!("\n{}\n", paint(STRONG, title)));
    let rows: Vec<[String; 5]> = listing.documents.iter().map(|row| life(row, now)).collect();
    table::write(
        ["document", "issued", "", "until", "left"],
        &rows,
        &mut text,
    );
    text
}

fn state(row: &Row, now: Timestamp) -> [String; 6] {
    let (name, number) = named(&row.slot);
    [
        harmless(name),
        harmless(number),
        harmless(&row.selected_as.join(", ")),
        paint(style(&row.freshness), harmless(&row.freshness)),
        ago(&row.asked, now),
        harmless(&row.source),
    ]
}

/// The name without the number, and the number, of what has one.
fn named(slot: &str) -> (&str, &str) {
    match slot.rsplit_once('/') {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => (name, number),
        _ => (slot, "-"),
    }
}

fn style(freshness: &str) -> anstyle::Style {
    match freshness {
        "current" => GOOD,
        "due" => PLAIN,
        "expired" => BAD,
        _ => CAUTION,
    }
}

fn life(row: &Row, now: Timestamp) -> [String; 5] {
    let times = (row.issued.parse(), row.until.parse());
    let (Ok(issued), Ok(until)) = times else {
        let unknown = String::new;
        return [
            harmless(&row.slot),
            unknown(),
            unknown(),
            unknown(),
            unknown(),
        ];
    };
    [
        harmless(&row.slot),
        day(issued),
        paint(style(&row.freshness), bar(issued, until, now)),
        day(until),
        left(until, now),
    ]
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

pub(super) fn left(until: Timestamp, now: Timestamp) -> String {
    let seconds = until.unix_seconds().abs_diff(now.unix_seconds());
    match now <= until {
        true => span(seconds),
        false => format!("ended {} ago", span(seconds)),
    }
}

/// The life of a document from its issue to its end: `=` has passed, `|` is now.
fn bar(issued: Timestamp, until: Timestamp, now: Timestamp) -> String {
    let seconds = |later: Timestamp, earlier: Timestamp| {
        let passed = later.unix_seconds().saturating_sub(earlier.unix_seconds());
        u128::from(passed)
    };
    let all = seconds(until, issued).max(1);
    let last = u128::from(COLUMNS).saturating_sub(1);
    let here = seconds(now, issued).saturating_mul(u128::from(COLUMNS)) / all;
    let has_ended = now > until;
    (0..u128::from(COLUMNS))
        .map(|column| match column.cmp(&here.min(last)) {
            _ if has_ended => '=',
            Ordering::Less => '=',
            Ordering::Equal => '|',
            Ordering::Greater => '.',
        })
        .chain(has_ended.then_some('|'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap_or(Timestamp::MAX)
    }

    #[test]
    fn a_bar_tells_where_in_its_life_a_document_is() {
        let bar = |now| bar(at(1_000), at(31_000), at(now));
        assert_eq!(bar(1_000), format!("|{}", ".".repeat(29)));
        assert_eq!(bar(500), format!("|{}", ".".repeat(29)), "not begun");
        assert_eq!(
            bar(16_000),
            format!("{}|{}", "=".repeat(15), ".".repeat(14))
        );
        assert_eq!(bar(30_999), format!("{}|", "=".repeat(29)));
        assert_eq!(
            bar(31_000),
            format!("{}|", "=".repeat(29)),
            "the last second"
        );
        assert_eq!(bar(31_001), format!("{}|", "=".repeat(30)), "ended");
    }

    #[test]
    fn numbers_stand_in_a_column_of_their_own() {
        assert_eq!(
            named("enclave-identity/qe/17"),
            ("enclave-identity/qe", "17")
        );
        assert_eq!(named("pck-crl/platform"), ("pck-crl/platform", "-"));
        assert_eq!(named("root-ca-crl"), ("root-ca-crl", "-"));
    }
}
