//! Colours, widths and lines. Escape codes are taken out again wherever they do not belong; see
//! [`crate::output::Output`].

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default().bold();

/// Columns of text. Digests of 64 bytes are longer and are left whole, to be copied.
pub(crate) const WIDTH: usize = 100;

/// The text in a style.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Breaks text into lines of at most `width` characters, between words.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Text that came from outside, without what a terminal obeys or a reader cannot see: control
/// characters, line ends, marks that turn the direction of writing.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = (!matches!(c, '"' | '\'' | '\\')).then(|| c.escape_debug());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// How far `seconds` reach, in the largest unit that leaves a number above one.
pub(crate) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (2 * 31_556_952, "years"),
        (2 * 86_400, "days"),
        (2 * 3_600, "hours"),
        (2 * 60, "minutes"),
    ];
    UNITS
        .iter()
        .find(|(twice, _)| seconds >= *twice)
        .map_or_else(
            || format!("{seconds} s"),
            |(twice, unit)| format!("{} {unit}", seconds / (twice / 2)),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert!(wrap(" ", 3).is_empty());
    }

    #[test]
    fn a_terminal_is_given_no_orders() {
        assert_eq!(harmless("CN=\u{1b}[2J\tevil é"), "CN=\\u{1b}[2J\\tevil é");
    }

    #[test]
    fn spans_are_rounded_down_to_one_unit() {
        let spans = [
            0, 119, 120, 7_199, 7_200, 172_799, 172_800, 63_113_903, 63_113_904,
        ];
        let texts = [
            "0 s",
            "119 s",
            "2 minutes",
            "119 minutes",
            "2 hours",
            "47 hours",
            "2 days",
            "730 days",
            "2 years",
        ];
        assert_eq!(spans.map(span), texts);
    }
}
