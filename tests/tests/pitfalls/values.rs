//! Pitfalls in the values of TCB levels: how many there are, how large, which words.

use bulla_collateral::TcbStatus as Status;
use bulla_issuer::sgx_extension::SgxExtensionSpec;
use bulla_issuer::{QuoteKind, TcbLevelSpec};
use bulla_tests::scenarios::{
    PART_WORDS, PLATFORM_WORDS, SGX_KINDS, TDX_KINDS, assert_fails, assert_status, isv_level,
    judge_changed, module_levels, said,
};
use bulla_verifier::Code;

const TCB_INFO_MALFORMED: [(Code, &str); 1] = [(Code::DocumentMalformed, "tcb_info")];
const NO_LEVEL: [(Code, &str); 1] = [(Code::TcbLevelNotFound, "tcb")];

const PCK_MALFORMED: [(Code, &str); 1] = [(Code::PckExtensionInvalid, "pck_certificate")];

#[test]
fn pitfall_05_number_of_components() {
    let resized = |kind, change: fn(&mut TcbLevelSpec)| {
        judge_changed(kind, |s| {
            change(s.tcb_info.levels.last_mut().expect("two levels"))
        })
    };
    for kind in QuoteKind::ALL {
        for length in [0, 1, 15, 17, 18, 32] {
            let verdict = judge_changed(kind, |s| {
                s.tcb_info.levels[1]
                    .sgx_components
                    .resize(length, Default::default());
            });
            assert_fails(&verdict, &TCB_INFO_MALFORMED);
        }
    }
    for kind in TDX_KINDS {
        for length in [0, 1, 15, 17, 18, 32] {
            let verdict = judge_changed(kind, |s| {
                let components = s.tcb_info.levels[1].tdx_components.as_mut();
                components.expect("TDX").resize(length, Default::default());
            });
            assert_fails(&verdict, &TCB_INFO_MALFORMED);
        }
        assert_fails(
            &resized(kind, |level| level.tdx_components = None),
            &TCB_INFO_MALFORMED,
        );
    }
    for kind in SGX_KINDS {
        let with_tdx = |level: &mut TcbLevelSpec| {
            level.tdx_components = Some(level.sgx_components.clone());
        };
        assert_fails(&resized(kind, with_tdx), &TCB_INFO_MALFORMED);
        // Version 2 gives every component a name of its own.
        for (length, accepted) in [(15, false), (16, true), (17, false)] {
            let verdict = judge_changed(kind, |s| {
                s.tcb_info.version = 2;
                for level in &mut s.tcb_info.levels {
                    level.sgx_components.resize(length, Default::default());
                }
            });
            if accepted {
                assert_status(&verdict, Status::UpToDate);
            } else {
                assert_fails(&verdict, &TCB_INFO_MALFORMED);
            }
        }
    }
    for length in [15, 17] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| {
            s.sgx_extension.component_svns.resize(length, 0)
        });
        assert_fails(&verdict, &PCK_MALFORMED);
    }
}

#[test]
fn the_components_of_a_certificate_are_its_cpusvn() {
    for component in 0..16 {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| s.sgx_extension.cpusvn[component] ^= 1);
        assert_fails(&verdict, &[(Code::PckCpusvnMismatch, "pck_certificate")]);
    }
}

#[test]
fn pitfall_44_svns_beyond_their_range() {
    for kind in QuoteKind::ALL {
        for (svn, in_range) in [(255, true), (256, false), (u32::MAX, false)] {
            let verdict = judge_changed(kind, |s| s.tcb_info.levels[0].sgx_components[7].svn = svn);
            if in_range {
                assert_status(&verdict, Status::UpToDate);
            } else {
                assert_fails(&verdict, &TCB_INFO_MALFORMED);
            }
            // In a level that asks more than any platform has, 256 cut to 8 bits would ask nothing.
            let verdict = judge_changed(kind, |s| s.tcb_info.levels[1].sgx_components[8].svn = svn);
            if in_range {
                assert_status(&verdict, Status::UpToDate);
            } else {
                assert_fails(&verdict, &TCB_INFO_MALFORMED);
            }
        }
        for (pcesvn, expected) in [(65_535, &NO_LEVEL), (65_536, &TCB_INFO_MALFORMED)] {
            let verdict = judge_changed(kind, |s| {
                s.tcb_info
                    .levels
                    .iter_mut()
                    .for_each(|level| level.pcesvn = pcesvn);
            });
            assert_fails(&verdict, expected);
        }
        for (isvsvn, code, subject) in [
            (65_535, Code::QeTcbLevelNotFound, "tcb"),
            (65_536, Code::DocumentMalformed, "qe_identity"),
        ] {
            let verdict = judge_changed(kind, |s| {
                s.qe_identity.levels = vec![isv_level(isvsvn, Status::UpToDate)];
            });
            assert_fails(&verdict, &[(code, subject)]);
        }
    }
    let certified = |change: fn(&mut SgxExtensionSpec)| {
        judge_changed(QuoteKind::SgxV3, |s| change(&mut s.sgx_extension))
    };
    assert_fails(
        &certified(|sgx| sgx.component_svns[8] = 256),
        &PCK_MALFORMED,
    );
    assert_status(&certified(|sgx| sgx.pcesvn = 65_535), Status::UpToDate);
    assert_fails(&certified(|sgx| sgx.pcesvn = 65_536), &PCK_MALFORMED);
}

#[test]
fn words_that_no_level_has() {
    let advice = ["TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"];
    for word in [
        &advice[..],
        &["", "uptodate", "UpToDate ", "SWHardeningneeded"],
    ]
    .concat()
    {
        for level in [0, 1] {
            let verdict = judge_changed(QuoteKind::Td15V5, |s| {
                s.tcb_info.levels[level].status.word = word.to_owned();
            });
            assert_fails(&verdict, &TCB_INFO_MALFORMED);
        }
    }
    for word in PLATFORM_WORDS {
        let in_module = judge_changed(QuoteKind::Td10V4, |s| {
            module_levels(s)[0].status = said(word)
        });
        let in_identity = judge_changed(QuoteKind::SgxV3, |s| {
            s.qe_identity.levels[0].status = said(word)
        });
        if PART_WORDS.contains(&word) {
            assert_status(&in_module, word);
            assert_status(&in_identity, word);
        } else {
            assert_fails(&in_module, &TCB_INFO_MALFORMED);
            assert_fails(&in_identity, &[(Code::DocumentMalformed, "qe_identity")]);
        }
    }
}
