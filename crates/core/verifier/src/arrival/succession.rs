//! Which issue of a document follows which. A copy that arrives late never replaces a newer one.

use bulla_pki::{Timestamp, Window};

/// How far apart the vendor's copies of one issue may have been signed, in seconds. Copies fetched
/// one after another were signed up to seven minutes apart; this is twice that, rounded up.
pub const RESIGNING_SPREAD: u64 = 900;

/// What decides which of two documents of one slot follows the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is compared")]
pub struct Known {
    /// From when until when the document is current.
    pub window: Window,
    /// SHA-256 of the body that is kept.
    pub sha256: [u8; 32],
}

/// What a document is to the one that is kept in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "what can be")]
pub enum Succession {
    /// Nothing is kept yet.
    First,
    /// The very same bytes, or another signature of the same second: nothing to replace.
    Same,
    /// A later issue, which replaces the one that is kept.
    Newer,
    /// A copy that arrives late: genuine, nothing to worry about, and not to be kept in its place.
    Older,
}

/// What `new` is to `kept`, the document of its slot that is kept; absent where there is none.
///
/// Evaluation data numbers are part of the slot, so the instant of issue decides, and where that
/// is the same the end.
pub fn succession(kept: Option<&Known>, new: &Known) -> Succession {
    let Some(kept) = kept else {
        return Succession::First;
    };
    if kept.sha256 == new.sha256 {
        return Succession::Same;
    }
    let order = |known: &Known| (known.window.from, known.window.until);
    match order(new).cmp(&order(kept)) {
        std::cmp::Ordering::Greater => Succession::Newer,
        std::cmp::Ordering::Equal => Succession::Same,
        std::cmp::Ordering::Less => Succession::Older,
    }
}

/// What a selector (`standard`, `early`) gave out for a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is compared")]
pub struct Selection {
    /// `tcbEvaluationDataNumber`.
    pub number: u32,
    /// When the document was issued.
    pub issued: Timestamp,
}

/// Where a selector has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "what can be")]
pub enum SelectorStep {
    /// It was not asked before.
    First,
    /// The same number, issued then or later, or not earlier than copies of one issue can be.
    Same,
    /// A greater number.
    Forward,
    /// A smaller number, which the vendor does not do: to be reported.
    BackToNumber,
    /// The same number in an issue that was replaced long before: an upstream that lags behind, or
    /// is made to. To be reported.
    BackToIssue,
}

impl SelectorStep {
    /// Whether an operator should hear of it.
    pub const fn is_backward(self) -> bool {
        matches!(self, Self::BackToNumber | Self::BackToIssue)
    }
}

/// Where a selector moves that gave `before` and gives `now`.
pub fn selector_step(before: Option<&Selection>, now: &Selection) -> SelectorStep {
    let Some(before) = before else {
        return SelectorStep::First;
    };
    let earliest_copy = before.issued.saturating_sub(RESIGNING_SPREAD);
    match now.number.cmp(&before.number) {
        std::cmp::Ordering::Greater => SelectorStep::Forward,
        std::cmp::Ordering::Less => SelectorStep::BackToNumber,
        std::cmp::Ordering::Equal if now.issued < earliest_copy => SelectorStep::BackToIssue,
        std::cmp::Ordering::Equal => SelectorStep::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000 + seconds).unwrap()
    }

    fn known(from: u64, until: u64, mark: u8) -> Known {
        Known {
            window: Window {
                from: at(from),
                until: at(until),
            },
            sha256: [mark; 32],
        }
    }

    #[test]
    fn the_later_issue_follows_and_nothing_goes_back() {
        let kept = known(1_000, 2_000, 1);
        assert_eq!(succession(None, &kept), Succession::First);
        for (new, expected) in [
            (kept, Succession::Same),
            (known(1_001, 1_500, 2), Succession::Newer),
            (known(999, 3_000, 2), Succession::Older),
            (known(1_000, 2_001, 2), Succession::Newer),
            (known(1_000, 1_999, 2), Succession::Older),
            (known(1_000, 2_000, 2), Succession::Same),
        ] {
            assert_eq!(succession(Some(&kept), &new), expected, "{new:?}");
        }
    }

    /// Whatever arrives in whatever order, the latest is kept in the end.
    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let issues = [known(1, 9, 1), known(2, 9, 2), known(3, 9, 3)];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut kept = None;
            for new in order.map(|index| issues[index]) {
                if matches!(
                    succession(kept.as_ref(), &new),
                    Succession::First | Succession::Newer
                ) {
                    kept = Some(new);
                }
            }
            assert_eq!(kept, Some(issues[2]), "{order:?}");
        }
    }

    #[test]
    fn a_selector_that_goes_back_is_told_apart_from_copies_of_one_issue() {
        let selection = |number, issued| Selection {
            number,
            issued: at(issued),
        };
        let before = selection(18, 10_000);
        let first = selector_step(None, &before);
        assert_eq!(first, SelectorStep::First);
        for (now, expected) in [
            (selection(18, 10_000), SelectorStep::Same),
            (selection(18, 20_000), SelectorStep::Same),
            (selection(18, 10_000 - RESIGNING_SPREAD), SelectorStep::Same),
            (
                selection(18, 10_000 - RESIGNING_SPREAD - 1),
                SelectorStep::BackToIssue,
            ),
            (selection(19, 0), SelectorStep::Forward),
            (selection(17, 20_000), SelectorStep::BackToNumber),
        ] {
            let step = selector_step(Some(&before), &now);
            assert_eq!(step, expected, "{now:?}");
            let backward = [SelectorStep::BackToNumber, SelectorStep::BackToIssue];
            assert_eq!(step.is_backward(), backward.contains(&expected));
        }
    }
}
