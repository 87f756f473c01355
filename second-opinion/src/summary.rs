//! What a run found, as text.

use std::fmt;

use crate::case::Source;
use crate::divergence::Divergences;
use crate::generate::Generator;
use crate::run::{Counts, Tally};

/// From this many cases on, a kind of difference that was never seen is out of date.
pub(crate) const FULL_RUN: u64 = 1_000_000;

/// The summary of a run.
pub(crate) struct Summary<'a> {
    pub(crate) seed: u64,
    pub(crate) count: u64,
    /// How many surprises are shown with their case.
    pub(crate) show: usize,
    pub(crate) tally: &'a Tally,
    pub(crate) divergences: &'a Divergences,
    pub(crate) generator: &'a Generator,
}

impl Summary<'_> {
    /// Whether every difference is known and, in a full run, every known one was seen.
    pub(crate) fn is_good(&self) -> bool {
        let stale = self.count >= FULL_RUN && !self.unseen().is_empty();
        self.tally.surprises.is_empty() && !stale
    }

    fn unseen(&self) -> Vec<&str> {
        let unseen = self.divergences.iter().enumerate();
        unseen
            .filter(|(number, _)| !self.tally.known.contains_key(number))
            .map(|(_, known)| known.kind.as_str())
            .collect()
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        writeln!(f, "{} cases from seed {}\n", self.count, self.seed)?;
        let head = ["both accept", "both reject", "known", "surprises", "cases"];
        writeln!(
            f,
            "{:<56}{}",
            "source",
            head.map(|head| format!("{head:>13}")).concat()
        )?;
        let mut all = Counts::default();
        for source in Source::ALL {
            let counts = tally.sources.get(&source).copied().unwrap_or_default();
            row(f, &source.to_string(), counts)?;
            all.add(counts);
        }
        row(f, "all", all)?;

        writeln!(f, "\nagreed TCB status")?;
        for (status, times) in &tally.statuses {
            writeln!(f, "{times:>9}  {status}")?;
        }
        writeln!(
            f,
            "\n{:>9}  {:<45} {:<8} first case",
            "times", "known difference", "right"
        )?;
        for (number, known) in self.divergences.iter().enumerate() {
            if let Some((times, first)) = tally.known.get(&number) {
                let right = known.who_is_right.as_str();
                writeln!(f, "{times:>9}  {:<45} {right:<8} {first}", known.kind)?;
            }
        }
        let unseen = self.unseen();
        if self.count >= FULL_RUN && !unseen.is_empty() {
            writeln!(f, "\nKNOWN AND NEVER SEEN: {}", unseen.join(", "))?;
        }
        self.surprises(f)
    }
}

impl Summary<'_> {
    fn surprises(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut surprises: Vec<_> = self.tally.surprises.iter().collect();
        surprises.sort_by_key(|(_, (times, first, _))| (std::cmp::Reverse(*times), *first));
        for (summary, (times, first, surprise)) in surprises.iter().take(self.show) {
            writeln!(f, "\nSURPRISE, {times} times: {summary}")?;
            writeln!(f, "  {}", surprise.detail)?;
            writeln!(
                f,
                "  first: reproduce --seed {} --index {first} --save FOLDER",
                self.seed
            )?;
            writeln!(f, "{}", self.generator.case(*first))?;
            writeln!(f, "  traits: {:?}", surprise.traits)?;
        }
        if let Some(more) = surprises
            .len()
            .checked_sub(self.show)
            .filter(|more| *more > 0)
        {
            writeln!(f, "\nand {more} more kinds of surprise")?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, counts: Counts) -> fmt::Result {
    let Counts {
        both_accept,
        both_reject,
        known,
        surprises,
    } = counts;
    let total = counts.total();
    writeln!(
        f,
        "{name:<56}{both_accept:>13}{both_reject:>13}{known:>13}{surprises:>13}{total:>13}"
    )
}
