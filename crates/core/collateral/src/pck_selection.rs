//! Which of a platform's PCK certificates is for the TCB that it reports: the rule of Intel's
//! library for PCK certificate selection (`tools/PCKCertSelection` of Intel DCAP).
//!
//! Every certificate is for one TCB, and a platform proves its own with the certificate that
//! stands for the highest level it reaches; the vendor's cache, the platform and the verifier must
//! find the same one.

use bulla_pki::sgx_extension::SgxExtension;

use crate::tcb_info::{TcbInfo, TcbInfoId};

/// The TCB of a platform, of a level or of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a TCB has these two parts")]
pub struct PckTcb {
    /// SVN of each of the 16 components, as in CPUSVN.
    pub components: [u8; 16],
    /// SVN of the provisioning certification enclave.
    pub pcesvn: u16,
}

impl PckTcb {
    /// Whether no SVN is lower than that of `other`.
    pub fn reaches(&self, other: &Self) -> bool {
        let mut components = self.components.iter().zip(&other.components);
        components.all(|(own, other)| own >= other) && self.pcesvn >= other.pcesvn
    }
}

/// The index in `certificates` of the one for a platform that reports `raw`; `None` where it
/// reaches none.
///
/// Each certificate goes to the highest level that it reaches, or behind them all; among those of
/// a level it goes before the first that it reaches, or to the end. The first certificate in this
/// order that `raw` reaches is the one. `levels` are in the order in which they are matched.
pub fn select(levels: &[PckTcb], certificates: &[PckTcb], raw: &PckTcb) -> Option<usize> {
    let mut order: Vec<(usize, usize)> = Vec::with_capacity(certificates.len());
    for (index, certificate) in certificates.iter().enumerate() {
        let level = levels
            .iter()
            .position(|level| certificate.reaches(level))
            .unwrap_or(levels.len());
        let reached = |other: &usize| {
            certificates
                .get(*other)
                .is_some_and(|other| certificate.reaches(other))
        };
        let place = order
            .iter()
            .position(|(other, held)| *other > level || *other == level && reached(held))
            .unwrap_or(order.len());
        order.insert(place, (level, index));
    }
    order
        .into_iter()
        .map(|(_, index)| index)
        .find(|index| certificates.get(*index).is_some_and(|tcb| raw.reaches(tcb)))
}

/// Why a certificate cannot be selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PckSelectionError {
    /// Certificates are selected by the levels for SGX, on platforms with TDX too.
    #[error("TCB info for TDX does not select PCK certificates; that for SGX does")]
    NotForSgx,
    /// The platform's provisioning certification enclave is another than that of the TCB info.
    #[error("TCB info is for PCE {tcb_info:02X?}, the platform has PCE {platform:02X?}")]
    PceOfPlatform {
        /// `pceId` of the TCB info.
        tcb_info: [u8; 2],
        /// What the platform reports.
        platform: [u8; 2],
    },
    /// There is nothing to select from.
    #[error("the platform has no PCK certificates")]
    NoCertificates,
    /// A certificate is for another provisioning certification enclave.
    #[error("PCK certificate {index} is for PCE {found:02X?}, not {expected:02X?}")]
    PceOfCertificate {
        /// Which certificate, from 0.
        index: usize,
        /// What the platform reports.
        expected: [u8; 2],
        /// What the certificate says.
        found: [u8; 2],
    },
    /// A certificate is for another family of platforms than the TCB info.
    #[error("PCK certificate {index} is for FMSPC {found:02X?}, TCB info for {expected:02X?}")]
    Fmspc {
        /// Which certificate, from 0.
        index: usize,
        /// `fmspc` of the TCB info.
        expected: [u8; 6],
        /// What the certificate says.
        found: [u8; 6],
    },
    /// A certificate is for another platform than the first. A PPID names a platform, so neither
    /// is shown.
    #[error("PCK certificate {index} is for another PPID than the first")]
    Ppid {
        /// Which certificate, from 0.
        index: usize,
    },
    /// A certificate gives its TCB twice, and differently.
    #[error("PCK certificate {index} has a CPUSVN that differs from its 16 components")]
    CpusvnOfCertificate {
        /// Which certificate, from 0.
        index: usize,
    },
}

/// The index in `certificates` of the one for a platform with this PCE-ID that reports `raw`;
/// `None` where it reaches none.
///
/// `tcb_info` is that for SGX, the newest there is. Its levels are taken highest first, as
/// [`TcbInfo`] sorts them; Intel's library takes the order of the document, which is the same in
/// all that the vendor has signed.
pub fn select_certificate(
    tcb_info: &TcbInfo,
    certificates: &[SgxExtension],
    pce_id: [u8; 2],
    raw: &PckTcb,
) -> Result<Option<usize>, PckSelectionError> {
    check_tcb_info(tcb_info, pce_id)?;
    let first = certificates
        .first()
        .ok_or(PckSelectionError::NoCertificates)?;
    for (index, certificate) in certificates.iter().enumerate() {
        if certificate.pce_id != pce_id {
            return Err(PckSelectionError::PceOfCertificate {
                index,
                expected: pce_id,
                found: certificate.pce_id,
            });
        }
        if certificate.fmspc != tcb_info.fmspc {
            return Err(PckSelectionError::Fmspc {
                index,
                expected: tcb_info.fmspc,
                found: certificate.fmspc,
            });
        }
        if certificate.ppid != first.ppid {
            return Err(PckSelectionError::Ppid { index });
        }
        if certificate.cpusvn != certificate.components {
            return Err(PckSelectionError::CpusvnOfCertificate { index });
        }
    }
    let tcbs: Vec<PckTcb> = certificates
        .iter()
        .map(|certificate| PckTcb {
            components: certificate.cpusvn,
            pcesvn: certificate.pcesvn,
        })
        .collect();
    select_verified(tcb_info, &tcbs, pce_id, raw)
}

/// As [`select_certificate`], among the TCBs of certificates that were verified before as those of one
/// platform of the family of `tcb_info`.
pub fn select_verified(
    tcb_info: &TcbInfo,
    certificates: &[PckTcb],
    pce_id: [u8; 2],
    raw: &PckTcb,
) -> Result<Option<usize>, PckSelectionError> {
    check_tcb_info(tcb_info, pce_id)?;
    if certificates.is_empty() {
        return Err(PckSelectionError::NoCertificates);
    }
    let levels: Vec<PckTcb> = tcb_info
        .tcb_levels
        .iter()
        .map(|level| PckTcb {
            components: level.sgx_components,
            pcesvn: level.pcesvn,
        })
        .collect();
    Ok(select(&levels, certificates, raw))
}

fn check_tcb_info(tcb_info: &TcbInfo, pce_id: [u8; 2]) -> Result<(), PckSelectionError> {
    // What else Intel's library demands of TCB info (`tcbType` 0, at least one level, components
    // in each) holds for every `TcbInfo`; a certificate with the extension is of version 3.
    if tcb_info.id != TcbInfoId::Sgx {
        return Err(PckSelectionError::NotForSgx);
    }
    if tcb_info.pce_id != pce_id {
        return Err(PckSelectionError::PceOfPlatform {
            tcb_info: tcb_info.pce_id,
            platform: pce_id,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn tcb(first: u8, second: u8, pcesvn: u16) -> PckTcb {
        let mut components = [0; 16];
        components[..2].copy_from_slice(&[first, second]);
        PckTcb { components, pcesvn }
    }

    #[test]
    fn the_highest_level_that_the_platform_reaches_whatever_the_order() {
        let levels = [tcb(3, 3, 12), tcb(2, 2, 11), tcb(1, 1, 10)];
        let mut certificates = levels.to_vec();
        for _ in 0..3 {
            certificates.rotate_left(1);
            let selected = |raw| select(&levels, &certificates, &raw).map(|i| certificates[i]);
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
        assert_eq!(select(&levels, &certificates, &tcb(2, 9, 10)), Some(1));
        assert_eq!(select(&levels, &certificates, &tcb(2, 1, 10)), Some(0));
    }

    #[test]
    fn certificates_below_every_level_come_last_and_are_sorted_too() {
        let levels = [tcb(2, 2, 10)];
        let certificates = [tcb(1, 8, 10), tcb(1, 9, 10), tcb(2, 2, 10)];
        assert_eq!(select(&levels, &certificates, &tcb(9, 9, 10)), Some(2));
        assert_eq!(select(&levels, &certificates, &tcb(1, 9, 10)), Some(1));
        assert_eq!(select(&[], &certificates, &tcb(1, 9, 10)), Some(1));
        assert_eq!(select(&levels, &[], &tcb(9, 9, 10)), None);
    }

    #[test]
    fn a_certificate_goes_behind_those_that_it_cannot_be_compared_with() {
        let levels = [tcb(1, 1, 10)];
        // The third reaches the second, not the first: its place is between them. Intel's cache
        // skips the first when it counts, and would put the third in front.
        let certificates = [tcb(5, 1, 10), tcb(1, 3, 10), tcb(1, 4, 10)];
        assert_eq!(select(&levels, &certificates, &tcb(9, 9, 10)), Some(0));
        assert_eq!(select(&levels, &certificates, &tcb(4, 4, 10)), Some(2));
        let turned = [tcb(1, 3, 10), tcb(5, 1, 10), tcb(1, 4, 10)];
        assert_eq!(select(&levels, &turned, &tcb(9, 9, 10)), Some(2));
    }

    fn extension(tcb: &PckTcb) -> SgxExtension {
        SgxExtension {
            ppid: [7; 16],
            components: tcb.components,
            pcesvn: tcb.pcesvn,
            cpusvn: tcb.components,
            pce_id: [0, 1],
            fmspc: [0, 0x90, 0x6e, 0xd5, 0, 0],
            sgx_type: 0,
            platform: None,
        }
    }

    fn tcb_info(id: &str, levels: &[PckTcb]) -> TcbInfo {
        let level = |tcb: &PckTcb| {
            let svns: Vec<String> = tcb
                .components
                .iter()
                .map(|svn| format!(r#"{{"svn":{svn}}}"#))
                .collect();
            let (svns, pcesvn) = (svns.join(","), tcb.pcesvn);
            let tdx = match id {
                "TDX" => format!(r#","tdxtcbcomponents":[{svns}]"#),
                _ => String::new(),
            };
            format!(
                r#"{{"tcb":{{"sgxtcbcomponents":[{svns}],"pcesvn":{pcesvn}{tdx}}},
                "tcbDate":"2025-08-13T00:00:00Z","tcbStatus":"UpToDate"}}"#
            )
        };
        let levels: Vec<String> = levels.iter().map(level).collect();
        let module = match id {
            "TDX" => format!(
                r#""tdxModule":{{"mrsigner":"{}","attributes":"0000000000000000",
                "attributesMask":"FFFFFFFFFFFFFFFF"}},"#,
                "0".repeat(96)
            ),
            _ => String::new(),
        };
        let text = format!(
            r#"{{"id":"{id}","version":3,"issueDate":"2026-01-01T00:00:00Z",
            "nextUpdate":"2026-01-31T00:00:00Z","fmspc":"00906ED50000","pceId":"0001",
            "tcbType":0,"tcbEvaluationDataNumber":19,{module}"tcbLevels":[{}]}}"#,
            levels.join(",")
        );
        TcbInfo::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_levels_of_tcb_info_select() {
        let levels = [tcb(3, 3, 12), tcb(1, 1, 10)];
        let info = tcb_info("SGX", &levels);
        let certificates = [levels[1], levels[0]].map(|tcb| extension(&tcb));
        let select = |raw| select_certificate(&info, &certificates, [0, 1], &raw);
        assert_eq!(select(tcb(3, 3, 12)), Ok(Some(1)));
        assert_eq!(select(tcb(3, 2, 12)), Ok(Some(0)));
        assert_eq!(select(tcb(0, 2, 12)), Ok(None));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let levels = [tcb(3, 3, 12), tcb(1, 1, 10)];
        let info = tcb_info("SGX", &levels);
        let raw = tcb(3, 3, 12);
        let good = levels.map(|tcb| extension(&tcb));
        let refused = |info: &TcbInfo, change: fn(&mut SgxExtension)| {
            let mut certificates = good;
            change(&mut certificates[1]);
            select_certificate(info, &certificates, [0, 1], &raw).unwrap_err()
        };
        assert_eq!(
            refused(&tcb_info("TDX", &levels), |_| ()),
            PckSelectionError::NotForSgx
        );
        assert_eq!(
            select_certificate(&info, &good, [0, 0], &raw),
            Err(PckSelectionError::PceOfPlatform {
                tcb_info: [0, 1],
                platform: [0, 0]
            })
        );
        assert_eq!(
            select_certificate(&info, &[], [0, 1], &raw),
            Err(PckSelectionError::NoCertificates)
        );
        assert_eq!(
            refused(&info, |other| other.pce_id = [9, 9]),
            PckSelectionError::PceOfCertificate {
                index: 1,
                expected: [0, 1],
                found: [9, 9]
            }
        );
        assert_eq!(
            refused(&info, |other| other.fmspc = [9; 6]),
            PckSelectionError::Fmspc {
                index: 1,
                expected: info.fmspc,
                found: [9; 6]
            }
        );
        let error = refused(&info, |other| other.ppid = [0xab; 16]);
        assert_eq!(error, PckSelectionError::Ppid { index: 1 });
        assert!(!error.to_string().to_uppercase().contains("AB"));
        assert_eq!(
            refused(&info, |other| other.cpusvn[5] = 1),
            PckSelectionError::CpusvnOfCertificate { index: 1 }
        );
    }

    /// How two TCBs compare, in the words of the specification: 0, -1, +1, or not at all.
    fn compare(a: &PckTcb, b: &PckTcb) -> Option<i8> {
        let vector = |tcb: &PckTcb| -> Vec<u16> {
            let components = tcb.components.iter().copied().map(u16::from);
            components.chain([tcb.pcesvn]).collect()
        };
        let (a, b) = (vector(a), vector(b));
        let lower = a.iter().zip(&b).any(|(a, b)| a < b);
        let higher = a.iter().zip(&b).any(|(a, b)| a > b);
        match (lower, higher) {
            (false, false) => Some(0),
            (true, false) => Some(-1),
            (false, true) => Some(1),
            (true, true) => None,
        }
    }

    fn at_least(a: &PckTcb, b: &PckTcb) -> bool {
        matches!(compare(a, b), Some(0 | 1))
    }

    /// The rule as it is told: buckets, then places, then the answer.
    fn model(levels: &[PckTcb], certificates: &[PckTcb], raw: &PckTcb) -> Option<usize> {
        let mut buckets = vec![Vec::<usize>::new(); levels.len() + 1];
        for (index, certificate) in certificates.iter().enumerate() {
            let mut number = 0;
            while number < levels.len() && !at_least(certificate, &levels[number]) {
                number += 1;
            }
            let bucket = &mut buckets[number];
            let mut place = 0;
            while place < bucket.len() && !at_least(certificate, &certificates[bucket[place]]) {
                place += 1;
            }
            bucket.insert(place, index);
        }
        let mut all = buckets.into_iter().flatten();
        all.find(|index| at_least(raw, &certificates[*index]))
    }

    /// Few values, so that many are equal and many cannot be compared.
    fn any_tcb() -> impl Strategy<Value = PckTcb> {
        (0_u8..4, 0_u8..4, 0_u8..2, 9_u16..12).prop_map(|(first, second, last, pcesvn)| {
            let mut tcb = tcb(first, second, pcesvn);
            tcb.components[15] = last;
            tcb
        })
    }

    fn sorted_levels() -> impl Strategy<Value = Vec<PckTcb>> {
        vec(any_tcb(), 0..6).prop_map(|mut levels| {
            levels.sort_by(|a, b| b.cmp(a));
            levels
        })
    }

    /// TCBs each of which reaches the one before.
    fn chain() -> impl Strategy<Value = Vec<PckTcb>> {
        vec((0_u8..2, 0_u8..2, 0_u16..2), 1..8).prop_map(|steps| {
            let mut current = tcb(0, 0, 0);
            let mut all = Vec::new();
            for (first, second, pcesvn) in steps {
                current.components[0] += first;
                current.components[1] += second;
                current.pcesvn += pcesvn;
                all.push(current);
            }
            all
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn agrees_with_the_rule_as_it_is_told(
            levels in sorted_levels(),
            certificates in vec(any_tcb(), 0..8),
            raw in any_tcb(),
        ) {
            let selected = select(&levels, &certificates, &raw);
            prop_assert_eq!(selected, model(&levels, &certificates, &raw));
        }

        #[test]
        fn no_certificate_that_is_reached_is_higher_than_the_selected(
            levels in sorted_levels(),
            certificates in vec(any_tcb(), 0..8),
            raw in any_tcb(),
        ) {
            let reached = || certificates.iter().filter(|tcb| raw.reaches(tcb));
            match select(&levels, &certificates, &raw).map(|index| certificates[index]) {
                None => prop_assert_eq!(reached().count(), 0),
                Some(selected) => {
                    prop_assert!(raw.reaches(&selected));
                    prop_assert!(reached().all(|tcb| compare(tcb, &selected) != Some(1)));
                }
            }
        }

        #[test]
        fn order_does_not_count_where_all_can_be_compared(
            levels in sorted_levels(),
            (certificates, shuffled) in chain()
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            raw in any_tcb(),
        ) {
            let of = |list: &[PckTcb]| select(&levels, list, &raw).map(|index| list[index]);
            prop_assert_eq!(of(&certificates), of(&shuffled));
            let highest = certificates.iter().rev().find(|tcb| raw.reaches(tcb)).copied();
            prop_assert_eq!(of(&certificates), highest);
        }
    }
}
