//! Many cases on many threads.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Source;
use crate::compare::{Comparison, Outcome, Surprise};
use crate::generate::Generator;

/// Cases that a thread takes at a time.
const BATCH: u64 = 64;

/// What a run counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Outcomes by source.
    pub(crate) sources: BTreeMap<Source, Counts>,
    /// TCB statuses on which both agree.
    pub(crate) statuses: BTreeMap<String, u64>,
    /// Known differences by number of the kind: how often, and the first case.
    pub(crate) known: BTreeMap<usize, (u64, u64)>,
    /// Differences that are not known, by their summary: how often, and the first case.
    pub(crate) surprises: BTreeMap<String, (u64, u64, Surprise)>,
}

/// How cases came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) both_accept: u64,
    pub(crate) both_reject: u64,
    pub(crate) known: u64,
    pub(crate) surprises: u64,
}

impl Counts {
    /// All cases.
    pub(crate) fn total(&self) -> u64 {
        self.both_accept + self.both_reject + self.known + self.surprises
    }

    /// Adds other counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.both_accept += other.both_accept;
        self.both_reject += other.both_reject;
        self.known += other.known;
        self.surprises += other.surprises;
    }
}

impl Tally {
    /// Counts one case.
    pub(crate) fn count(&mut self, index: u64, source: Source, outcome: Outcome) {
        let counts = self.sources.entry(source).or_default();
        match outcome {
            Outcome::BothAccept(status) => {
                counts.both_accept += 1;
                *self.statuses.entry(status).or_default() += 1;
            }
            Outcome::BothReject => counts.both_reject += 1,
            Outcome::Known(kinds) => {
                counts.known += 1;
                for kind in kinds {
                    let (times, first) = self.known.entry(kind).or_insert((0, index));
                    *times += 1;
                    *first = index.min(*first);
                }
            }
            Outcome::Surprise(surprise) => {
                counts.surprises += 1;
                let key = surprise.summary.clone();
                let (times, first, kept) =
                    self.surprises
                        .entry(key)
                        .or_insert((0, index, surprise.clone()));
                *times += 1;
                if index < *first {
                    (*first, *kept) = (index, surprise);
                }
            }
        }
    }

    /// Adds what another thread counted.
    fn merge(&mut self, other: Self) {
        for (source, counts) in other.sources {
            self.sources.entry(source).or_default().add(counts);
        }
        for (status, times) in other.statuses {
            *self.statuses.entry(status).or_default() += times;
        }
        for (kind, (times, first)) in other.known {
            let known = self.known.entry(kind).or_insert((0, first));
            *known = (known.0 + times, known.1.min(first));
        }
        for (key, (times, first, surprise)) in other.surprises {
            let known = self
                .surprises
                .entry(key)
                .or_insert((0, first, surprise.clone()));
            known.0 += times;
            if first < known.1 {
                (known.1, known.2) = (first, surprise);
            }
        }
    }
}

/// Compares the cases `0..count`.
pub(crate) fn run(
    generator: &Generator,
    comparison: &Comparison,
    count: u64,
    threads: NonZeroUsize,
) -> Tally {
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.get())
            .map(|_| scope.spawn(|| work(generator, comparison, count, &next, &done)))
            .collect();
        if std::io::stderr().is_terminal() {
            show_progress(count, &done);
        }
        let mut tally = Tally::default();
        for worker in workers {
            tally.merge(worker.join().expect("a worker does not panic"));
        }
        tally
    })
}

fn work(
    generator: &Generator,
    comparison: &Comparison,
    count: u64,
    next: &AtomicU64,
    done: &AtomicU64,
) -> Tally {
    let mut tally = Tally::default();
    loop {
        let start = next.fetch_add(BATCH, Ordering::Relaxed);
        if start >= count {
            return tally;
        }
        let end = count.min(start + BATCH);
        for index in start..end {
            let case = generator.case(index);
            tally.count(index, case.source, comparison.of(&case));
        }
        done.fetch_add(end - start, Ordering::Relaxed);
    }
}

fn show_progress(count: u64, done: &AtomicU64) {
    let started = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(500));
        let done = done.load(Ordering::Relaxed);
        let rate = done as f64 / started.elapsed().as_secs_f64();
        eprint!("\r{done} of {count} cases, {rate:.0} a second ");
        let _ = std::io::stderr().flush();
        if done >= count {
            eprintln!();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::divergence::Divergences;
    use crate::issued::Issued;
    use crate::ours::Ours;
    use crate::theirs::Theirs;

    #[test]
    fn a_short_run_without_genuine_cases_holds_no_surprise_and_is_the_same_on_any_threads() {
        let root = Issued::root_der();
        let comparison = Comparison {
            ours: Ours::new(&root),
            theirs: Theirs::new(&root),
            divergences: Divergences::known(),
        };
        let generator = Generator::new(7, None, &comparison.ours).expect("a generator");
        let tally = |threads| {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            run(&generator, &comparison, 500, threads)
        };
        let (one, two) = (tally(1), tally(2));
        assert_eq!(one.surprises, BTreeMap::new());
        assert_eq!((&one.sources, &one.known), (&two.sources, &two.known));
        let mut all = Counts::default();
        one.sources.values().for_each(|counts| all.add(*counts));
        assert_eq!(all.total(), 500);
        assert!(
            all.both_accept > 50 && all.both_reject > 50 && all.known > 10,
            "{all:?}"
        );
    }
}
