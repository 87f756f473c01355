//! When documents count, drawn.

use bulla_pki::Timestamp;
use bulla_verifier::{DocumentKind, Verdict};
use serde::Serialize;

/// Columns of the drawing.
const COLUMNS: u64 = 48;

/// A document and its window.
#[derive(Debug, Serialize)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    #[serde(serialize_with = "as_text")]
    pub(crate) from: Timestamp,
    #[serde(serialize_with = "as_text")]
    pub(crate) until: Timestamp,
    pub(crate) in_window: bool,
}

/// Documents and revocation lists; of the certificates, which live for years, only those that do
/// not count at the instant of the verdict.
pub(crate) fn of(verdict: &Verdict) -> Vec<Span> {
    verdict
        .collateral
        .documents
        .iter()
        .map(|document| {
            (
                document.kind,
                Span {
                    name: document.name,
                    from: document.window.from,
                    until: document.window.until,
                    in_window: document.window.contains(verdict.at),
                },
            )
        })
        .filter(|(kind, span)| *kind != DocumentKind::Certificate || !span.in_window)
        .map(|(_, span)| span)
        .collect()
}

/// Draws the spans over one another: `=` where a document counts, `|` at the instant `at`.
pub(crate) fn draw(spans: &[Span], at: Timestamp) -> Vec<String> {
    let starts = spans.iter().map(|span| span.from);
    let ends = spans.iter().map(|span| span.until);
    let (Some(first), Some(last)) = (starts.chain([at]).min(), ends.chain([at]).max()) else {
        return Vec::new();
    };
    let length = last
        .unix_seconds()
        .saturating_sub(first.unix_seconds())
        .max(1);
    let column = |time: Timestamp| {
        let offset = time.unix_seconds().saturating_sub(first.unix_seconds());
        offset.saturating_mul(COLUMNS.saturating_sub(1)) / length
    };
    spans
        .iter()
        .map(|span| {
            let (from, until, now) = (column(span.from), column(span.until), column(at));
            (0..COLUMNS)
                .map(|here| match here {
                    _ if here == now => '|',
                    _ if (from..=until).contains(&here) => '=',
                    _ => '.',
                })
                .collect()
        })
        .collect()
}

fn as_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap_or(Timestamp::MAX)
    }

    #[test]
    fn spans_share_one_axis() {
        let span = |from, until| Span {
            name: "",
            from: at(from),
            until: at(until),
            in_window: true,
        };
        let drawn = draw(&[span(0, 470), span(470, 470)], at(230));
        let (left, right) = drawn[0].split_at(23);
        assert_eq!(left, "=".repeat(23));
        assert_eq!(right, format!("|{}", "=".repeat(24)));
        assert_eq!(drawn[1], format!("{}|{}=", ".".repeat(23), ".".repeat(23)));
        assert!(draw(&[], at(1)).is_empty());
    }
}
