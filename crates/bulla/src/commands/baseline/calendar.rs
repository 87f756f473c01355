//! `bulla baseline calendar`: what comes, for a calendar (iCalendar, RFC 5545).

use bulla_pki::Timestamp;
use serde::Serialize;

use super::list::ask;
use crate::args::{BaselineListArgs, Format};
use crate::client::PATIENCE;
use crate::commands::collateral::Answer;
use crate::error::Result;
use crate::in_force::Shown;
use crate::output::{Exit, Output};
use crate::render::style::harmless;
use crate::service::Service;

/// Longest line in bytes, without its end (RFC 5545, 3.1).
const LONGEST_LINE: usize = 75;

/// Something at an instant.
#[derive(Debug, Serialize)]
struct Event {
    /// Stays the same where the instant is moved, so that calendars move the event.
    uid: String,
    #[serde(serialize_with = "as_text")]
    at: Timestamp,
    summary: String,
    description: String,
}

/// What comes behind an instant.
#[derive(Serialize)]
struct Calendar {
    at: String,
    events: Vec<Event>,
}

pub(super) fn run(args: &BaselineListArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.asking.at, PATIENCE)?;
    let told = ask(&service, args.at.as_deref())?;
    let shown = Shown::read(&service, &told.value)?;
    let at = shown.instant(&service, &shown.at)?;
    let mut events = coming(&shown, &service)?;
    events.retain(|event| event.at > at);
    events.sort_by(|one, other| (one.at, &one.uid).cmp(&(other.at, &other.uid)));
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: told.simulated,
            content: Calendar {
                at: shown.at,
                events,
            },
        })?,
        Format::Text => output.text(&calendar(&events, at, told.simulated))?,
    }
    Ok(Exit::Done)
}

/// Every rollout that will count, every exception that will end, and every number that a ring stays at
/// and that the vendor signs no more.
fn coming(shown: &Shown, service: &Service) -> Result<Vec<Event>> {
    let (_, place) = service.url.split_once("://").unwrap_or_default();
    let event = |name: String, at: &str, summary: String, description: String| -> Result<Event> {
        Ok(Event {
            uid: format!("{name}@{place}"),
            at: shown.instant(service, at)?,
            summary,
            description,
        })
    };
    let rollouts = shown.rings.iter().flat_map(|(ring, followed)| {
        followed.next.iter().map(move |next| {
            event(
                format!("rollout-{}", next.rollout),
                &next.from,
                format!("{ring}: {} becomes mandatory", next.baseline),
                format!("The rollout {} takes effect.", next.rollout),
            )
        })
    });
    let exceptions = shown.exceptions.iter().map(|(name, shown)| {
        let exception = &shown.exception;
        event(
            format!("exception-{name}"),
            &exception.until.to_string(),
            format!("exception {name} ends: {}", exception.advisory),
            format!("{} ({})", exception.reason, exception.author),
        )
    });
    let pins = shown.ending_pins.iter().filter_map(|pin| {
        let technology = &pin.technology;
        let family = pin.family.as_deref().unwrap_or("all");
        Some(event(
            format!("pin-{}-{technology}-{family}-{}", pin.ring, pin.number),
            pin.last_next_update.as_deref()?,
            format!(
                "{}: the last document of number {} ends",
                pin.ring, pin.number
            ),
            pin.message.clone(),
        ))
    });
    rollouts.chain(exceptions).chain(pins).collect()
}

fn calendar(events: &[Event], at: Timestamp, simulated: bool) -> String {
    let mut text = String::new();
    let mut property = |name: &str, value: &str| text.push_str(&line(name, value));
    property("BEGIN", "VCALENDAR");
    property("VERSION", "2.0");
    property("PRODID", "-//bulla//baselines//EN");
    for event in events {
        let mark = if simulated { "SIMULATED " } else { "" };
        property("BEGIN", "VEVENT");
        property("UID", &escaped(&event.uid));
        property("DTSTAMP", &instant(at));
        property("DTSTART", &instant(event.at));
        property("SUMMARY", &escaped(&format!("{mark}{}", event.summary)));
        property("DESCRIPTION", &escaped(&event.description));
        property("TRANSP", "TRANSPARENT");
        property("END", "VEVENT");
    }
    property("END", "VCALENDAR");
    text
}

/// In UTC, as `20270115T060000Z`.
fn instant(at: Timestamp) -> String {
    at.to_string().replace(['-', ':'], "")
}

/// A text as the value of a property (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in harmless(text).chars() {
        if matches!(character, '\\' | ';' | ',') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A property, in as many lines as it takes: what goes on begins with a space.
fn line(name: &str, value: &str) -> String {
    let mut folded = String::new();
    let mut length = 0_usize;
    for character in format!("{name}:{value}").chars() {
        if length.saturating_add(character.len_utf8()) > LONGEST_LINE {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(character);
        length = length.saturating_add(character.len_utf8());
    }
    folded.push_str("\r\n");
    folded
}

fn as_text<S: serde::Serializer>(
    at: &Timestamp,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let value = "ä, b; c\\d ".repeat(20);
        let folded = line("SUMMARY", &escaped(&value));
        let lines: Vec<&str> = folded.split_terminator("\r\n").collect();
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE));
        let unfolded = folded.replace("\r\n ", "");
        let expected = value
            .replace('\\', "\\\\")
            .replace(',', "\\,")
            .replace(';', "\\;");
        assert_eq!(unfolded, format!("SUMMARY:{expected}\r\n"));
    }

    #[test]
    fn nobody_writes_a_property_of_his_own() {
        assert!(!escaped("a\r\nEND:VCALENDAR").contains(['\r', '\n']));
    }

    #[test]
    fn an_instant_is_in_utc_without_marks() {
        let at = Timestamp::from_unix_seconds(1_800_000_000).unwrap_or(Timestamp::MAX);
        assert_eq!(instant(at), "20270115T080000Z");
    }
}
