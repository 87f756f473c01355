//! Which PCK certificate is for a platform: the rule of Intel's library for PCK certificate
//! selection.

use std::cmp::Ordering;

use bulla_processor::PckTcb;

/// Whether no SVN of `one` is lower than that of `other`.
fn reaches(one: &PckTcb, other: &PckTcb) -> bool {
    let components = one.cpusvn.iter().zip(&other.cpusvn);
    components.map(|(a, b)| a.cmp(b)).all(Ordering::is_ge) && one.pcesvn >= other.pcesvn
}

/// The index in `certificates` of the one for a platform that reports `raw`; `None` where it
/// reaches none.
///
/// Each certificate goes to the highest level that it reaches, or behind them all; among those of
/// a level it goes before the first that it reaches, or to the end. The first certificate in this
/// order that `raw` reaches is the one. `levels` are those of TCB info, highest first.
pub(crate) fn select(levels: &[PckTcb], certificates: &[PckTcb], raw: PckTcb) -> Option<usize> {
    let mut buckets: Vec<Vec<usize>> = vec![Vec::new(); levels.len() + 1];
    for (index, certificate) in certificates.iter().enumerate() {
        let level = levels.iter().position(|level| reaches(certificate, level));
        let bucket = &mut buckets[level.unwrap_or(levels.len())];
        let place = bucket
            .iter()
            .position(|other| reaches(certificate, &certificates[*other]));
        bucket.insert(place.unwrap_or(bucket.len()), index);
    }
    buckets
        .into_iter()
        .flatten()
        .find(|index| reaches(&raw, &certificates[*index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcb(first: u8, second: u8, pcesvn: u16) -> PckTcb {
        let mut cpusvn = [0; 16];
        cpusvn[..2].copy_from_slice(&[first, second]);
        PckTcb { cpusvn, pcesvn }
    }

    #[test]
    fn the_highest_level_that_the_platform_reaches_whatever_the_order() {
        let levels = [tcb(3, 3, 12), tcb(2, 2, 11), tcb(1, 1, 10)];
        let mut certificates = levels.to_vec();
        for _ in 0..3 {
            certificates.rotate_left(1);
            let selected = |raw| select(&levels, &certificates, raw).map(|i| certificates[i]);
            assert_eq!(selected(tcb(3, 3, 12)), Some(levels[0]));
            assert_eq!(selected(tcb(9, 9, 99)), Some(levels[0]));
            assert_eq!(selected(tcb(3, 3, 11)), Some(levels[1]));
            assert_eq!(selected(tcb(3, 2, 12)), Some(levels[1]));
            assert_eq!(selected(tcb(3, 1, 12)), Some(levels[2]));
            assert_eq!(selected(tcb(3, 3, 9)), None);
        }
    }

    #[test]
    fn within_a_level_the_higher_certificate_comes_first() {
        let levels = [tcb(2, 0, 10)];
        let certificates = [tcb(2, 1, 10), tcb(2, 2, 10), tcb(2, 0, 10)];
        assert_eq!(select(&levels, &certificates, tcb(2, 9, 10)), Some(1));
        assert_eq!(select(&levels, &certificates, tcb(2, 1, 10)), Some(0));
    }

    #[test]
    fn certificates_below_every_level_come_last() {
        let levels = [tcb(2, 2, 10)];
        let certificates = [tcb(1, 9, 10), tcb(2, 2, 10)];
        assert_eq!(select(&levels, &certificates, tcb(9, 9, 10)), Some(1));
        assert_eq!(select(&levels, &certificates, tcb(1, 9, 10)), Some(0));
    }
}
