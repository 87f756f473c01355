//! The levels of security that follow from a history.

use std::collections::BTreeSet;

use bulla_collateral::TcbStatus;
use bulla_issuer::StatusSpec;
use bulla_pki::Timestamp;

use crate::history::{FIRST_NUMBER, History};
use crate::tcb::{Part, Svns};

/// A level: who has these SVNs, and not those of the next, stands so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The SVNs it asks for.
    pub svns: Svns,
    /// When its first number was disclosed.
    pub disclosed: Timestamp,
    /// Everything made public until then is mitigated here.
    pub date: Timestamp,
    /// The vendor's word.
    pub status: TcbStatus,
    /// The advisories that apply here.
    pub advisory_ids: BTreeSet<String>,
}

impl Level {
    pub(crate) fn status_spec(&self) -> StatusSpec {
        StatusSpec {
            date: self.date,
            word: self.status.to_string(),
            advisory_ids: self.advisory_ids.iter().cloned().collect(),
        }
    }
}

/// The levels of number `number` that these parts tell apart, newest first: never none, no two
/// alike.
///
/// The newest is up to date. Each below it lacks some updates: its status unites what the
/// recoveries say of whoever lacks them, and so do its advisories. A recovery that raises none of
/// these parts only moves the date of the newest level.
pub fn levels(
    history: &History,
    number: u32,
    parts: impl Iterator<Item = Part> + Clone,
) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    let editions = history.editions(Timestamp::MAX);
    for edition in editions.take_while(|edition| edition.number <= number.max(FIRST_NUMBER)) {
        let svns = history.svns(edition.number);
        if let Some(newest) = levels.last_mut()
            && !newest.svns.differ_in(&svns, parts.clone())
        {
            newest.date = edition.date;
            continue;
        }
        if let Some(recovery) = edition.recovery {
            for lower in &mut levels {
                lower.status = united(lower.status, recovery.below);
                lower
                    .advisory_ids
                    .extend(recovery.advisory_ids.iter().cloned());
            }
        }
        levels.push(Level {
            svns,
            disclosed: edition.disclosed,
            date: edition.date,
            status: TcbStatus::UpToDate,
            advisory_ids: BTreeSet::new(),
        });
    }
    levels.reverse();
    levels
}

/// The status of whoever stands so for one reason and so for another.
///
/// `Revoked` outweighs all. Else `OutOfDate` outweighs the need for hardening, as an update is
/// needed anyway, and the need for configuration stays beside both.
fn united(one: TcbStatus, other: TcbStatus) -> TcbStatus {
    use TcbStatus::{
        ConfigurationAndSWHardeningNeeded, ConfigurationNeeded, OutOfDate,
        OutOfDateConfigurationNeeded, Revoked, SWHardeningNeeded, UpToDate,
    };
    let either = |of: &[TcbStatus]| of.contains(&one) || of.contains(&other);
    let configuration = either(&[
        ConfigurationNeeded,
        ConfigurationAndSWHardeningNeeded,
        OutOfDateConfigurationNeeded,
    ]);
    if either(&[Revoked]) {
        Revoked
    } else if either(&[OutOfDate, OutOfDateConfigurationNeeded]) {
        match configuration {
            true => OutOfDateConfigurationNeeded,
            false => OutOfDate,
        }
    } else {
        let hardening = either(&[SWHardeningNeeded, ConfigurationAndSWHardeningNeeded]);
        match (configuration, hardening) {
            (true, true) => ConfigurationAndSWHardeningNeeded,
            (true, false) => ConfigurationNeeded,
            (false, true) => SWHardeningNeeded,
            (false, false) => UpToDate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, Recovery};

    fn history(recoveries: &[(&[&str], TcbStatus)]) -> History {
        let mut history = History::new("2026-01-01T06:00:00Z".parse().unwrap());
        for (number, (raises, below)) in (2..).zip(recoveries) {
            let date = history
                .founded()
                .saturating_add(u64::from(number) * 86_400 * 10);
            let recovery = Recovery {
                number,
                date: crate::cadence::midnight(date),
                raises: raises
                    .iter()
                    .flat_map(|word| Part::named(word).unwrap())
                    .collect(),
                below: *below,
                advisory_ids: [format!("SIMULATED-SA-{number:05}")].into(),
            };
            history.record(date, Event::Recovery(recovery)).unwrap();
        }
        history
    }

    fn told(levels: &[Level]) -> Vec<(u8, String, String)> {
        levels
            .iter()
            .map(|level| {
                let ids: Vec<&str> = level.advisory_ids.iter().map(|id| &id[13..]).collect();
                let story = format!("{} {}", level.status, ids.join(" "));
                (
                    level.svns.components[0],
                    level.date.to_string()[..10].to_owned(),
                    story,
                )
            })
            .collect()
    }

    #[test]
    fn each_level_unites_what_it_lacks_and_has_the_date_of_all_that_it_has() {
        let history = history(&[
            (&["microcode"], TcbStatus::SWHardeningNeeded),
            (&["qe"], TcbStatus::OutOfDate),
            (
                &["microcode", "pce"],
                TcbStatus::OutOfDateConfigurationNeeded,
            ),
        ]);
        let sgx = |number| told(&levels(&history, number, Part::of_sgx_platforms()));
        let level = |svn, date: &str, story: &str| (svn, date.to_owned(), story.to_owned());
        assert_eq!(sgx(1), [level(7, "2026-01-01", "UpToDate ")]);
        assert_eq!(
            sgx(4),
            [
                level(9, "2026-02-10", "UpToDate "),
                level(8, "2026-01-31", "OutOfDateConfigurationNeeded 00004"),
                level(7, "2026-01-01", "OutOfDateConfigurationNeeded 00002 00004"),
            ]
        );
        let qe = levels(&history, 3, [Part::Qe].into_iter());
        let statuses: Vec<_> = qe
            .iter()
            .map(|level| (level.svns.qe, level.status))
            .collect();
        assert_eq!(
            statuses,
            [(9, TcbStatus::UpToDate), (8, TcbStatus::OutOfDate)]
        );
    }

    #[test]
    fn uniting_statuses_is_like_uniting_sets() {
        let statuses = || {
            TcbStatus::ALL
                .into_iter()
                .filter(|s| !s.as_str().starts_with("TD"))
        };
        for a in statuses() {
            assert_eq!(united(a, a), a);
            assert_eq!(united(a, TcbStatus::UpToDate), a);
            assert_eq!(united(a, TcbStatus::Revoked), TcbStatus::Revoked);
            for b in statuses() {
                assert_eq!(united(a, b), united(b, a));
                for c in statuses() {
                    assert_eq!(united(united(a, b), c), united(a, united(b, c)));
                }
            }
        }
    }
}
