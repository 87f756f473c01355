//! How long documents last, as a drawing: a bar from issue to end for each, and a line for now.

use bulla_pki::Timestamp;

use crate::administration::Row;

const DAY: u64 = 24 * 60 * 60;

/// How many days are drawn before now and after: a document of the usual 30 days is there whole, and
/// its successor would be.
const DAYS: (u64, u64) = (30, 60);

/// Days from one mark to the next.
const STEP: u64 = 15;

/// Width of the names, and of the days, in units of the drawing.
const NAMES: u64 = 280;
const WIDTH: u64 = 600;

/// Width of what stands behind the days.
const STATES: u64 = 150;

/// Height of the dates, and of a row.
const TOP: u64 = 30;
const ROW: u64 = 24;

/// The drawing.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) width: u64,
    pub(super) height: u64,
    /// Where now is.
    pub(super) now: u64,
    pub(super) marks: Vec<Mark>,
    pub(super) bars: Vec<Bar>,
    /// The first day that is drawn, and the last.
    pub(super) days: (String, String),
}

/// A day with its date.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) x: u64,
    pub(super) date: String,
}

/// A document.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    /// The baseline of its text.
    pub(super) text_y: u64,
    pub(super) slot: String,
    pub(super) freshness: &'static str,
    /// Whole days until its end; absent once it has ended.
    pub(super) days_left: Option<u64>,
}

impl Timeline {
    /// Draws these documents, in their order.
    pub(super) fn new(rows: &[Row], now: Timestamp) -> Self {
        let begin = now.saturating_sub(DAYS.0 * DAY);
        let at = |day: u64| begin.saturating_add(day * DAY);
        let all = DAYS.0 + DAYS.1;
        let place =
            |at: Timestamp| NAMES + distance(begin, at).min(all * DAY) * WIDTH / (all * DAY);
        let bars = rows.iter().zip(0..).map(|(row, number)| {
            let (from, until) = (place(row.issued), place(row.until));
            let y = TOP + ROW * number;
            Bar {
                x: from.min(NAMES + WIDTH - 2),
                y: y + 4,
                // What lies outside is a line at the edge.
                width: until.saturating_sub(from).max(2),
                text_y: y + 16,
                slot: row.slot.clone(),
                freshness: row.freshness,
                days_left: (now <= row.until).then(|| distance(now, row.until) / DAY),
            }
        });
        let bars: Vec<Bar> = bars.collect();
        let marks = (0..=all / STEP).map(|number| number * STEP);
        let marks = marks.map(|day| Mark {
            x: place(at(day)),
            date: date(at(day)),
        });
        Self {
            width: NAMES + WIDTH + STATES,
            height: rows.iter().fold(TOP, |height, _| height + ROW),
            now: place(now),
            marks: marks.collect(),
            bars,
            days: (date(begin), date(at(all))),
        }
    }

    /// Where the names end, and where the days do.
    pub(super) fn edges(&self) -> (u64, u64) {
        (NAMES - 10, NAMES + WIDTH + 10)
    }
}

/// Seconds from one instant to a later one; none where it is not later.
fn distance(from: Timestamp, to: Timestamp) -> u64 {
    to.unix_seconds().saturating_sub(from.unix_seconds())
}

/// The day of an instant: 2026-11-23.
fn date(at: Timestamp) -> String {
    let mut text = at.to_string();
    text.truncate(10);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn row(issued: &str, until: &str) -> Row {
        let (issued, until) = (time(issued), time(until));
        Row {
            slot: "root-ca-crl".to_owned(),
            selected_as: Vec::new(),
            freshness: "current",
            issued,
            next_update: until,
            until,
            arrived: issued,
            asked: issued,
            source: "test".to_owned(),
            size: 0,
            sha256: String::new(),
        }
    }

    #[test]
    fn bars_stay_inside_and_now_is_where_it_is() {
        let now = time("2026-11-23T12:00:00Z");
        let rows = [
            row("2026-11-23T12:00:00Z", "2026-12-23T12:00:00Z"),
            row("2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z"),
            row("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"),
            row("2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"),
        ];
        let drawn = Timeline::new(&rows, now);
        assert_eq!(drawn.now, NAMES + WIDTH / 3);
        let [month, long, past, future] = &drawn.bars[..] else {
            panic!("a bar for each");
        };
        assert_eq!((month.x, month.width), (drawn.now, WIDTH / 3));
        assert_eq!(month.days_left, Some(30));
        assert_eq!((long.x, long.width), (NAMES, WIDTH));
        assert_eq!((past.x, past.width, past.days_left), (NAMES, 2, None));
        assert_eq!((future.x, future.width), (NAMES + WIDTH - 2, 2));
        assert_eq!(drawn.marks.len(), 7);
        assert_eq!(
            drawn.days,
            ("2026-10-24".to_owned(), "2027-01-22".to_owned())
        );
    }
}
