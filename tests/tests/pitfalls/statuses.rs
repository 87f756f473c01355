//! Pitfalls in putting statuses together: of the parts of a platform, and of launch and present.

use bulla_appraisal::Reason;

use bulla_collateral::TcbStatus as Status;

use bulla_issuer::{QuoteKind, Scenario, TcbLevelSpec};

use bulla_tests::scenarios::{
    PART_WORDS, PLATFORM_WORDS, assert_fails, assert_genuine, assert_refused, assert_status,
    changed, isv_level, judge, judge_changed, module_levels, policy, said,
};

use bulla_verifier::{Code, Verdict};

/// Short names, so that a table fits the eye.
mod words {
    pub(super) use bulla_collateral::TcbStatus::{
        ConfigurationAndSWHardeningNeeded as Both, ConfigurationNeeded as Conf, OutOfDate as Old,
        OutOfDateConfigurationNeeded as OldConf, Revoked, SWHardeningNeeded as Soft,
        TDRelaunchAdvised as Relaunch, TDRelaunchAdvisedConfigurationNeeded as RelaunchConf,
        UpToDate as Good,
    };
}

fn set_platform(scenario: &mut Scenario, word: Status) {
    scenario.tcb_info.levels[0].status = said(word);
}

fn set_module(scenario: &mut Scenario, word: Status) {
    module_levels(scenario)[0].status = said(word);
}

fn set_quoting_enclave(scenario: &mut Scenario, word: Status) {
    scenario.qe_identity.levels[0].status = said(word);
}

/// What a platform's word becomes beside the worse of the words of module and quoting enclave:
/// `UpToDate`, `OutOfDate`, `Revoked`.
#[rustfmt::skip]
const CONVERGED: [(Status, [Status; 3]); 7] = {
    use words::*;
    [
        (Good,    [Good,    Old,     Revoked]),
        (Soft,    [Soft,    Old,     Revoked]),
        (Conf,    [Conf,    OldConf, Revoked]),
        (Both,    [Both,    OldConf, Revoked]),
        (Old,     [Old,     Old,     Revoked]),
        (OldConf, [OldConf, OldConf, Revoked]),
        (Revoked, [Revoked, Revoked, Revoked]),
    ]
};

#[test]
fn pitfall_10_every_combination_of_platform_and_quoting_enclave() {
    for (platform, expected) in CONVERGED {
        for (enclave, expected) in PART_WORDS.into_iter().zip(expected) {
            let verdict = judge_changed(QuoteKind::SgxV3, |s| {
                set_platform(s, platform);
                set_quoting_enclave(s, enclave);
            });
            assert_status(&verdict, expected);
            let facts = assert_genuine(&verdict);
            assert_eq!(
                (facts.platform_level.status, facts.qe_level.status),
                (platform, enclave)
            );
            assert_eq!(facts.tdx_module_level, None);
        }
    }
}

#[test]
fn pitfall_10_every_combination_of_platform_module_and_quoting_enclave() {
    for kind in [QuoteKind::Td10V4, QuoteKind::Td15V5] {
        for (platform, expected) in CONVERGED {
            for (of_module, module) in PART_WORDS.into_iter().enumerate() {
                for (of_enclave, enclave) in PART_WORDS.into_iter().enumerate() {
                    let verdict = judge_changed(kind, |s| {
                        set_platform(s, platform);
                        set_module(s, module);
                        set_quoting_enclave(s, enclave);
                    });
                    assert_status(&verdict, expected[of_module.max(of_enclave)]);
                    let facts = assert_genuine(&verdict);
                    let parts = [
                        facts.platform_level.status,
                        facts.tdx_module_level.as_ref().expect("a level").status,
                        facts.qe_level.status,
                    ];
                    assert_eq!(parts, [platform, module, enclave]);
                }
            }
        }
    }
}

#[test]
fn revoked_is_refused_whatever_the_policy_says() {
    let all_but_revoked = PLATFORM_WORDS.into_iter().chain([
        Status::TDRelaunchAdvised,
        Status::TDRelaunchAdvisedConfigurationNeeded,
    ]);
    let list: Vec<String> = all_but_revoked
        .filter(|word| *word != Status::Revoked)
        .map(|word| format!("\"{word}\""))
        .collect();
    let lines = format!("accepted_tcb_statuses = [{}]", list.join(","));
    for revoke in [set_platform, set_module, set_quoting_enclave] {
        let scenario = changed(QuoteKind::Td15V5, |s| revoke(s, Status::Revoked));
        let verdict = judge(&scenario);
        assert_status(&verdict, Status::Revoked);
        assert_refused(&verdict, &policy(&scenario, &lines), &[Reason::TcbRevoked]);
    }
}

/// A TD whose platform's level said `launch` when it was launched and says `current` now.
fn launched_and_updated(kind: QuoteKind, launch: Status, current: Status) -> Scenario {
    changed(kind, |s| {
        let level = |component: u32, word| {
            let mut level = TcbLevelSpec {
                status: said(word),
                ..s.tcb_info.levels[0].clone()
            };
            level.tdx_components.as_mut().expect("TDX")[2].svn = component;
            level
        };
        s.tcb_info.levels = vec![level(3, launch), level(4, current)];
        s.quote.body.td10_mut().expect("a TD").tee_tcb_svn[2] = 3;
    })
}

fn statuses(verdict: &Verdict) -> [Status; 3] {
    let facts = assert_genuine(verdict);
    [facts.status, facts.launch_status, facts.current_status]
}

/// The status by the words at launch (rows) and now (columns, in the order of the rows).
#[rustfmt::skip]
const RELAUNCH: [(Status, [Status; 7]); 7] = {
    use words::*;
    [
        //          Good          Soft          Conf          Both          Old      OldConf  Revoked
        (Good,    [Good,         Good,         Good,         Good,         Good,    Good,    Revoked]),
        (Soft,    [Soft,         Soft,         Soft,         Soft,         Soft,    Soft,    Revoked]),
        (Conf,    [Conf,         Conf,         Conf,         Conf,         Conf,    Conf,    Revoked]),
        (Both,    [Both,         Both,         Both,         Both,         Both,    Both,    Revoked]),
        (Old,     [Relaunch,     Relaunch,     RelaunchConf, RelaunchConf, Old,     Old,     Revoked]),
        (OldConf, [RelaunchConf, RelaunchConf, RelaunchConf, RelaunchConf, OldConf, OldConf, Revoked]),
        (Revoked, [Revoked,      Revoked,      Revoked,      Revoked,      Revoked, Revoked, Revoked]),
    ]
};

#[test]
fn pitfall_12_every_combination_of_launch_and_present() {
    for kind in [QuoteKind::Td15V5, QuoteKind::Td15ExV5] {
        for (launch, expected) in RELAUNCH {
            for (column, (current, _)) in RELAUNCH.into_iter().enumerate() {
                let scenario = launched_and_updated(kind, launch, current);
                let advised = [
                    Status::TDRelaunchAdvised,
                    Status::TDRelaunchAdvisedConfigurationNeeded,
                ]
                .contains(&expected[column]);
                let at_launch = if advised { expected[column] } else { launch };
                assert_eq!(
                    statuses(&judge(&scenario)),
                    [expected[column], at_launch, current],
                    "{launch} at launch, {current} now"
                );
            }
        }
    }
}

#[test]
fn pitfall_12_a_td_report_1_0_knows_no_present() {
    for kind in [QuoteKind::Td10V4, QuoteKind::Td10V5] {
        for (launch, _) in RELAUNCH {
            let verdict = judge(&launched_and_updated(kind, launch, Status::UpToDate));
            assert_eq!(statuses(&verdict), [launch; 3]);
        }
    }
}

#[test]
fn pitfall_12_date_and_advisories_are_those_of_the_launch() {
    let mut scenario = launched_and_updated(QuoteKind::Td15V5, Status::OutOfDate, Status::UpToDate);
    let [at_launch, current] = &mut scenario.tcb_info.levels[..] else {
        panic!("two levels");
    };
    at_launch.status.date = "2024-01-01T00:00:00Z".parse().expect("a time");
    at_launch.status.advisory_ids = vec!["INTEL-SA-00001".to_owned()];
    current.status.date = "2023-01-01T00:00:00Z".parse().expect("a time");
    current.status.advisory_ids = vec!["INTEL-SA-00002".to_owned()];
    let verdict = judge(&scenario);
    assert_status(&verdict, Status::TDRelaunchAdvised);
    let facts = assert_genuine(&verdict);
    assert_eq!(facts.date.to_string(), "2024-01-01T00:00:00Z");
    assert_eq!(
        facts
            .advisory_ids
            .iter()
            .map(|id| &**id)
            .collect::<Vec<_>>(),
        ["INTEL-SA-00001"]
    );
    assert_refused(
        &verdict,
        &policy(&scenario, ""),
        &[Reason::TcbStatusNotAccepted],
    );
}

/// Where no level applies now, there is no verdict that says how the platform stands.
#[test]
fn pitfall_12_no_level_now() {
    for kind in [QuoteKind::Td15V5, QuoteKind::Td15ExV5] {
        let now_with = |byte: usize, svn: u8| {
            judge_changed(kind, |s| {
                s.quote.body.td15_mut().expect("a TD 1.5").tee_tcb_svn2[byte] = svn;
            })
        };
        assert_status(&now_with(2, 5), Status::UpToDate);
        assert_fails(&now_with(2, 3), &[(Code::TcbLevelNotFound, "tcb")]);
        assert_status(&now_with(0, 4), Status::UpToDate);
        assert_fails(&now_with(0, 3), &[(Code::TdxModuleTcbLevelNotFound, "tcb")]);
    }
}

/// The module alone can be what was updated.
#[test]
fn pitfall_12_relaunch_for_the_module() {
    let launched_on = |launch: u8, current: u8| {
        judge_changed(QuoteKind::Td15V5, |s| {
            let td15 = s.quote.body.td15_mut().expect("a TD 1.5");
            td15.td10.tee_tcb_svn[0] = launch;
            td15.tee_tcb_svn2[0] = current;
            for level in &mut s.tcb_info.levels {
                level.tdx_components.as_mut().expect("TDX")[0].svn = 0;
            }
            *module_levels(s) = vec![
                isv_level(5, Status::UpToDate),
                isv_level(4, Status::OutOfDate),
                isv_level(3, Status::Revoked),
            ];
        })
    };
    use words::*;
    assert_eq!(statuses(&launched_on(5, 5)), [Good, Good, Good]);
    assert_eq!(statuses(&launched_on(4, 5)), [Relaunch, Relaunch, Good]);
    assert_eq!(statuses(&launched_on(4, 4)), [Old, Old, Old]);
    assert_eq!(statuses(&launched_on(5, 4)), [Good, Good, Old]);
    assert_eq!(statuses(&launched_on(3, 5)), [Revoked, Revoked, Good]);
    assert_eq!(statuses(&launched_on(5, 3)), [Revoked, Good, Revoked]);
}
