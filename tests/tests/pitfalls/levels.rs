//! Pitfalls in finding the TCB level and in what follows from it.

use bulla_appraisal::Reason;

use bulla_collateral::TcbStatus as Status;

use bulla_issuer::{QuoteKind, Scenario, TcbLevelSpec};

use bulla_tests::scenarios::{
    PLATFORM_WORDS, assert_accepted, assert_fails, assert_genuine, assert_refused, assert_status,
    changed, isv_level, judge, judge_changed, module_levels, policy, said, scenario,
};

use bulla_verifier::Code;

const TCB_INFO_MALFORMED: [(Code, &str); 1] = [(Code::DocumentMalformed, "tcb_info")];

const NO_LEVEL: [(Code, &str); 1] = [(Code::TcbLevelNotFound, "tcb")];

/// The level that the platform of the scenario reaches exactly, with this word.
fn own_level(scenario: &Scenario, word: Status) -> TcbLevelSpec {
    TcbLevelSpec {
        status: said(word),
        ..scenario.tcb_info.levels[0].clone()
    }
}

/// Every order of a few things.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = things.split_first() else {
        return vec![Vec::new()];
    };
    let insert_everywhere = |order: Vec<T>| {
        (0..=order.len()).map(move |place| {
            let mut order = order.clone();
            order.insert(place, first.clone());
            order
        })
    };
    orders(rest)
        .into_iter()
        .flat_map(insert_everywhere)
        .collect()
}

#[test]
fn pitfall_04_levels_in_any_order() {
    for kind in [QuoteKind::SgxV3, QuoteKind::Td15V5] {
        let mut shuffled = scenario(kind);
        let own = own_level(&shuffled, Status::SWHardeningNeeded);
        let with = |word, change: fn(&mut TcbLevelSpec)| {
            let mut level = TcbLevelSpec {
                status: said(word),
                ..own.clone()
            };
            change(&mut level);
            level
        };
        let levels = [
            with(Status::UpToDate, |level| level.sgx_components[3].svn += 1),
            own.clone(),
            with(Status::ConfigurationNeeded, |level| level.pcesvn -= 1),
            with(Status::OutOfDate, |level| level.sgx_components[0].svn -= 1),
        ];
        for order in orders(&levels) {
            shuffled.tcb_info.levels = order;
            assert_status(&judge(&shuffled), Status::SWHardeningNeeded);
        }
    }
}

#[test]
fn pitfall_04_levels_of_module_and_quoting_enclave_in_any_order() {
    let levels = |own: u32| {
        [
            isv_level(own + 1, Status::UpToDate),
            isv_level(own, Status::OutOfDate),
            isv_level(own - 1, Status::Revoked),
        ]
    };
    let mut shuffled = scenario(QuoteKind::Td10V4);
    for order in orders(&levels(5)) {
        *module_levels(&mut shuffled) = order;
        assert_status(&judge(&shuffled), Status::OutOfDate);
    }
    let mut shuffled = scenario(QuoteKind::SgxV3);
    for order in orders(&levels(8)) {
        shuffled.qe_identity.levels = order;
        assert_status(&judge(&shuffled), Status::OutOfDate);
    }
}

#[test]
fn pitfall_04_levels_that_demand_the_same() {
    for kind in [QuoteKind::SgxV3, QuoteKind::Td15V5] {
        // Whatever they say: which of them counts would be a matter of order.
        for word in [Status::UpToDate, Status::Revoked] {
            let verdict = judge_changed(kind, |s| {
                let again = own_level(s, word);
                s.tcb_info.levels.push(again);
            });
            assert_fails(&verdict, &TCB_INFO_MALFORMED);
            let verdict = judge_changed(kind, |s| s.qe_identity.levels[1].isvsvn += 1);
            assert_fails(&verdict, &[(Code::DocumentMalformed, "qe_identity")]);
        }
        let empty = judge_changed(kind, |s| s.tcb_info.levels.clear());
        assert_fails(&empty, &TCB_INFO_MALFORMED);
        let empty = judge_changed(kind, |s| s.qe_identity.levels.clear());
        assert_fails(&empty, &[(Code::DocumentMalformed, "qe_identity")]);
    }
    let verdict = judge_changed(QuoteKind::Td10V4, |s| module_levels(s)[1].isvsvn += 1);
    assert_fails(&verdict, &TCB_INFO_MALFORMED);
    let verdict = judge_changed(QuoteKind::Td10V4, |s| module_levels(s).clear());
    assert_fails(&verdict, &TCB_INFO_MALFORMED);
    // One TDX component is difference enough.
    let verdict = judge_changed(QuoteKind::Td10V4, |s| {
        let mut below = own_level(s, Status::OutOfDate);
        below.tdx_components.as_mut().expect("TDX")[2].svn -= 1;
        s.tcb_info.levels.push(below);
    });
    assert_status(&verdict, Status::UpToDate);
}

#[test]
fn pitfall_06_pcesvn_is_a_least_value() {
    for kind in QuoteKind::ALL {
        let with_pcesvn = |pcesvn| {
            changed(kind, |s| {
                let mut below = own_level(s, Status::OutOfDate);
                below.pcesvn = 12;
                s.tcb_info.levels = vec![own_level(s, Status::UpToDate), below];
                s.sgx_extension.pcesvn = pcesvn;
            })
        };
        assert_fails(&judge(&with_pcesvn(11)), &NO_LEVEL);
        assert_status(&judge(&with_pcesvn(12)), Status::OutOfDate);
        assert_status(&judge(&with_pcesvn(13)), Status::UpToDate);
        assert_status(&judge(&with_pcesvn(14)), Status::UpToDate);
        // The number in the header stands for nothing.
        for (header, certified, status) in [(0, 14, Status::UpToDate), (99, 12, Status::OutOfDate)]
        {
            let mut scenario = with_pcesvn(certified);
            scenario.quote.header.pce_svn = header.into();
            assert_status(&judge(&scenario), status);
        }
    }
}

#[test]
fn every_component_is_a_least_value() {
    for kind in [QuoteKind::SgxV3, QuoteKind::Td15V5] {
        for component in 0..16 {
            let demanding = |svn: u32| {
                judge_changed(kind, |s| {
                    let mut level = own_level(s, Status::UpToDate);
                    level.sgx_components[component].svn = svn;
                    s.tcb_info.levels = vec![level];
                    s.sgx_extension.component_svns[component] = 9;
                    s.sgx_extension.cpusvn[component] = 9;
                })
            };
            assert_status(&demanding(8), Status::UpToDate);
            assert_status(&demanding(9), Status::UpToDate);
            assert_fails(&demanding(10), &NO_LEVEL);
        }
    }
    for version in [0, 1] {
        for component in 0..16 {
            let demanding = |svn: u32| {
                judge_changed(QuoteKind::Td10V4, |s| {
                    let mut level = own_level(s, Status::UpToDate);
                    level.tdx_components.as_mut().expect("TDX")[component].svn = svn;
                    s.tcb_info.levels = vec![level];
                    let svns = &mut s.quote.body.td10_mut().expect("a TD").tee_tcb_svn;
                    svns[component] = 9;
                    svns[1] = version;
                })
            };
            // A module with a version is judged by its identity, not by the first two components.
            let judged_here = if version == 0 {
                component != 1
            } else {
                component > 1
            };
            if judged_here {
                assert_status(&demanding(9), Status::UpToDate);
                assert_fails(&demanding(10), &NO_LEVEL);
            } else if version == 0 {
                assert_status(&demanding(0), Status::UpToDate);
                assert_fails(&demanding(1), &NO_LEVEL);
            } else {
                assert_status(&demanding(255), Status::UpToDate);
            }
        }
    }
}

#[test]
fn levels_of_module_and_quoting_enclave_are_least_values() {
    let module_at = |svn: u8| {
        judge_changed(QuoteKind::Td10V4, |s| {
            *module_levels(s) = vec![
                isv_level(5, Status::UpToDate),
                isv_level(3, Status::OutOfDate),
            ];
            s.quote.body.td10_mut().expect("a TD").tee_tcb_svn[0] = svn;
        })
    };
    assert_fails(&module_at(2), &[(Code::TdxModuleTcbLevelNotFound, "tcb")]);
    assert_status(&module_at(3), Status::OutOfDate);
    assert_status(&module_at(4), Status::OutOfDate);
    assert_status(&module_at(5), Status::UpToDate);
    assert_status(&module_at(255), Status::UpToDate);

    let enclave_at = |svn: u16| {
        judge_changed(QuoteKind::SgxV3, |s| {
            s.qe_identity.levels = vec![
                isv_level(8, Status::UpToDate),
                isv_level(6, Status::OutOfDate),
            ];
            s.quote.qe_report.isvsvn = svn.into();
        })
    };
    assert_fails(&enclave_at(5), &[(Code::QeTcbLevelNotFound, "tcb")]);
    assert_status(&enclave_at(6), Status::OutOfDate);
    assert_status(&enclave_at(7), Status::OutOfDate);
    assert_status(&enclave_at(8), Status::UpToDate);
    assert_status(&enclave_at(u16::MAX), Status::UpToDate);
}

#[test]
fn pitfall_08_the_default_policy_takes_nothing_but_up_to_date() {
    for kind in [QuoteKind::SgxV3, QuoteKind::Td10V4] {
        for word in PLATFORM_WORDS {
            let scenario = changed(kind, |s| s.tcb_info.levels[0].status = said(word));
            let (verdict, default) = (judge(&scenario), policy(&scenario, ""));
            assert_status(&verdict, word);
            match word {
                Status::UpToDate => assert_accepted(&verdict, &default),
                Status::Revoked => assert_refused(&verdict, &default, &[Reason::TcbRevoked]),
                _ => assert_refused(&verdict, &default, &[Reason::TcbStatusNotAccepted]),
            }
        }
    }
}

#[test]
fn pitfall_26_advisories_beside_up_to_date() {
    let with = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let scenario = changed(QuoteKind::Td10V4, |s| {
        s.tcb_info.levels[0].status.advisory_ids = with(&["INTEL-SA-00837", "INTEL-SA-00002"]);
        module_levels(s)[0].status.advisory_ids = with(&["INTEL-SA-00837", "INTEL-SA-00001"]);
        s.qe_identity.levels[0].status.advisory_ids = with(&["INTEL-SA-00003"]);
    });
    let verdict = judge(&scenario);
    assert_status(&verdict, Status::UpToDate);
    let advisories: Vec<String> = assert_genuine(&verdict)
        .advisory_ids
        .iter()
        .map(|id| id.to_string())
        .collect();
    assert_eq!(
        advisories,
        [
            "INTEL-SA-00001",
            "INTEL-SA-00002",
            "INTEL-SA-00003",
            "INTEL-SA-00837"
        ]
    );
    assert_accepted(&verdict, &policy(&scenario, ""));
    // Who wants to refuse them says so.
    let rejecting = policy(&scenario, r#"rejected_advisories = ["INTEL-SA-00001"]"#);
    assert_refused(&verdict, &rejecting, &[Reason::AdvisoryRejected]);
}

#[test]
fn the_date_is_that_of_the_oldest_part() {
    let dates = [
        "2026-03-01T00:00:00Z",
        "2026-02-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
    ];
    for order in orders(&dates) {
        let verdict = judge_changed(QuoteKind::Td15V5, |s| {
            let date = |text: &str| text.parse().expect("a time");
            s.tcb_info.levels[0].status.date = date(order[0]);
            module_levels(s)[0].status.date = date(order[1]);
            s.qe_identity.levels[0].status.date = date(order[2]);
        });
        assert_eq!(assert_genuine(&verdict).date.to_string(), dates[2]);
    }
}
