//! Lists in parts that a person can take.

use crate::administration::{Problem, Query};

/// How many entries stand on one page.
pub(super) const LENGTH: usize = 50;

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// How many entries are before it.
    pub(super) from: usize,
    /// How many there are in all.
    pub(super) all: usize,
}

impl Part {
    /// The part of a list of this length that a parameter names: how many entries to pass over; the
    /// first where it is absent.
    pub(super) fn read(query: &Query, name: &str, all: usize) -> Result<Self, Problem> {
        let from = query.number(name)?.unwrap_or(0);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(Self { from, all })
    }

    /// The entries of this part.
    pub(super) fn of<T>(self, list: &[T]) -> &[T] {
        let rest = list.get(self.from..).unwrap_or_default();
        &rest[..rest.len().min(LENGTH)]
    }

    /// Where the part before this begins; absent for the first.
    pub(super) fn before(&self) -> Option<usize> {
        let last = self.all.saturating_sub(1) / LENGTH * LENGTH;
        (self.from > 0).then(|| self.from.saturating_sub(LENGTH).min(last))
    }

    /// Where the part behind this begins; absent for the last.
    pub(super) fn behind(&self) -> Option<usize> {
        let next = self.from.saturating_add(LENGTH);
        (next < self.all).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_list_and_lead_to_each_other() {
        let list: Vec<usize> = (0..120).collect();
        let mut seen = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let part = Part {
                from,
                all: list.len(),
            };
            assert_eq!(part.before(), from.checked_sub(LENGTH));
            seen.extend_from_slice(part.of(&list));
            next = part.behind();
        }
        assert_eq!(seen, list);
    }

    #[test]
    fn a_part_that_there_is_not_is_empty_and_leads_back() {
        for (from, all) in [(200, 120), (usize::MAX, 120), (7, 0)] {
            let part = Part { from, all };
            assert!(part.of(&vec![0; all]).is_empty());
            assert_eq!(part.behind(), None);
            assert!(part.before().is_some_and(|before| before < all.max(1)));
        }
    }
}
