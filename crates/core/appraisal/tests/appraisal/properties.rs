//! What holds for every verdict and every policy.

use std::sync::Arc;

use bulla_appraisal::policy::{
    AdvisoryException, AnyOf, ExpiryException, HexBytes, PlatformPolicy, SgxPolicy, TdxPolicy,
    Tolerance,
};
use bulla_appraisal::{Appraisal, Policy, appraise};
use bulla_collateral::TcbStatus;
use bulla_verifier::{Code, Finding, OwnedBody, Severity, Stage, Verdict};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;

use crate::support::*;

const ADVISORIES: [&str; 3] = ["INTEL-SA-00001", "INTEL-SA-00002", "INTEL-SA-00003"];

/// Values that rules look at come from few, so that a match is as likely as a mismatch.
fn verdicts() -> impl Strategy<Value = Verdict> {
    let body = prop_oneof![
        Just(sgx_verdict as fn() -> Verdict),
        Just(tdx_verdict as fn() -> Verdict),
        Just(tdx10_verdict as fn() -> Verdict),
    ];
    let levels = (statuses(), advisories(), statuses(), advisories());
    let window = (
        select(vec![0, 10, 21, 24]),
        select(vec!["pck_crl", "tcb_info", "root_ca"]),
    );
    (
        body,
        levels,
        window,
        17u32..21,
        17u32..21,
        attribute_bits(),
        0u8..2,
    )
        .prop_map(
            |(
                make,
                (platform, open, qe, qe_open),
                (day, name),
                tcb_info,
                qe_identity,
                bits,
                byte,
            )| {
                let mut verdict = at_level(make(), platform, &open);
                let tcb = verdict.tcb.as_mut().unwrap();
                tcb.qe_level = level(qe, &qe_open);
                tcb.status = platform.max(qe);
                tcb.advisory_ids = ADVISORIES
                    .into_iter()
                    .filter(|id| open.contains(id) || qe_open.contains(id))
                    .map(Arc::from)
                    .collect();
                tcb.tcb_info_evaluation_data_number = tcb_info;
                tcb.qe_identity_evaluation_data_number = qe_identity;
                if day != 0 {
                    let (from, until) = (
                        format!("2026-11-{:02}T00:00:00Z", day - 9),
                        format!("2026-11-{day:02}T00:00:00Z"),
                    );
                    verdict = with_window(verdict, name, &from, &until);
                }
                match &mut verdict.evidence.as_mut().unwrap().body {
                    OwnedBody::Sgx(report) => {
                        report.attributes.flags = (bits & 0xff).into();
                        report.mrenclave = [byte; 32];
                    }
                    OwnedBody::Td10(report) => {
                        report.tdattributes = bits.into();
                        report.mrtd = [byte; 48];
                    }
                    OwnedBody::Td15(report) => {
                        report.td10.tdattributes = bits.into();
                        report.td10.mrtd = [byte; 48];
                        report.mrservicetd = [byte; 48];
                    }
                    OwnedBody::Td15Ex(_) => {}
                }
                verdict
            },
        )
}

fn statuses() -> impl Strategy<Value = TcbStatus> {
    prop_oneof![3 => Just(TcbStatus::UpToDate), 2 => select(TcbStatus::ALL.to_vec())]
}

fn advisories() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(ADVISORIES.to_vec(), 0..=ADVISORIES.len())
}

fn attribute_bits() -> impl Strategy<Value = u64> {
    subsequence(
        vec![1u64, 2, 16, 32, 1 << 17, 1 << 28, 1 << 29, 1 << 63],
        0..=3,
    )
    .prop_map(|bits| bits.into_iter().fold(0, |all, bit| all | bit))
}

fn policies() -> impl Strategy<Value = Policy> {
    let statuses = subsequence(TcbStatus::ALL[..8].to_vec(), 1..=8);
    let tables = (any::<Option<bool>>(), any::<Option<bool>>());
    (
        statuses,
        prop::collection::vec(excuses(), 0..4),
        tables,
        prop::collection::vec(restrictions(), 0..2),
    )
        .prop_map(|(statuses, excuses, (sgx, tdx), restrictions)| {
            let mut policy = Policy::default().with_accepted_statuses(statuses).unwrap();
            let lenient = |lenient| {
                if lenient {
                    Tolerance::Any
                } else {
                    Tolerance::Refused
                }
            };
            policy.sgx = sgx.map(|debug| {
                let mut sgx = SgxPolicy::default();
                sgx.debug = lenient(debug);
                sgx
            });
            policy.tdx = tdx.map(|debug| {
                let mut tdx = TdxPolicy::default();
                (tdx.debug, tdx.profiling, tdx.reserved_attributes) =
                    (lenient(debug), lenient(debug), lenient(debug));
                tdx
            });
            let policy = excuses
                .into_iter()
                .fold(policy, |policy, excuse| excuse.apply(policy));
            restrictions
                .into_iter()
                .fold(policy, |policy, restrict| restrict(policy))
        })
}

#[derive(Clone, Debug)]
enum Excuse {
    Advisory(AdvisoryException),
    Expiry(ExpiryException),
}

impl Excuse {
    fn apply(self, mut policy: Policy) -> Policy {
        match self {
            Self::Advisory(exception) => policy.allowed_advisories.push(exception),
            Self::Expiry(exception) => policy.expired_documents.push(exception),
        }
        policy
    }
}

fn excuses() -> impl Strategy<Value = Excuse> {
    let until = || select(vec!["2026-11-22T23:59:59Z", NOW, "2027-01-01T00:00:00Z"]).prop_map(time);
    let reason = || "ticket".to_owned();
    prop_oneof![
        (select(ADVISORIES.to_vec()), until()).prop_map(move |(id, until)| Excuse::Advisory(
            AdvisoryException {
                id: id.parse().unwrap(),
                until,
                reason: reason()
            }
        )),
        (select(vec!["pck_crl", "tcb_info"]), until()).prop_map(move |(name, until)| {
            let documents = AnyOf::try_from(vec![name.parse().unwrap()]).unwrap();
            Excuse::Expiry(ExpiryException {
                documents,
                until,
                reason: reason(),
            })
        }),
    ]
}

/// One more demand on a policy; every one leaves those that are there as they are.
fn restrictions() -> impl Strategy<Value = fn(Policy) -> Policy> {
    fn any_of<T>(value: T) -> Option<AnyOf<T>> {
        Some(AnyOf::try_from(vec![value]).unwrap())
    }
    fn edit(mut policy: Policy, edit: impl FnOnce(&mut Policy)) -> Policy {
        edit(&mut policy);
        policy
    }
    fn edit_sgx(policy: Policy, of_enclaves: impl FnOnce(&mut SgxPolicy)) -> Policy {
        edit(policy, |policy| {
            if let Some(sgx) = &mut policy.sgx {
                of_enclaves(sgx);
            }
        })
    }
    fn edit_tdx(policy: Policy, of_tds: impl FnOnce(&mut TdxPolicy)) -> Policy {
        edit(policy, |policy| {
            if let Some(tdx) = &mut policy.tdx {
                of_tds(tdx);
            }
        })
    }
    let restrictions: Vec<fn(Policy) -> Policy> = vec![
        |policy| {
            edit(policy, |p| {
                p.trust_anchors = p
                    .trust_anchors
                    .take()
                    .or(any_of("intel-sgx-root".parse().unwrap()))
            })
        },
        |policy| {
            edit(policy, |p| {
                p.trust_anchors = p
                    .trust_anchors
                    .take()
                    .or(any_of("00".repeat(32).parse().unwrap()))
            })
        },
        |policy| {
            edit(policy, |p| {
                p.rejected_advisories.push(ADVISORIES[0].parse().unwrap())
            })
        },
        |policy| {
            edit(policy, |p| {
                p.minimum_tcb_date = Some(time("2025-05-14T00:00:01Z"))
            })
        },
        |policy| edit(policy, |p| p.minimum_evaluation_data_number = Some(19)),
        |policy| edit(policy, |p| p.equal_evaluation_data_numbers = true),
        |policy| {
            edit(policy, |p| {
                p.minimum_issue_date = Some(time("2026-11-02T00:00:00Z"))
            })
        },
        |policy| {
            edit(policy, |p| {
                p.minimum_crl_this_update = Some(time("2026-11-02T00:00:00Z"))
            })
        },
        |policy| {
            edit(policy, |p| {
                p.report_data = p.report_data.take().or(any_of(HexBytes([0; 64])))
            })
        },
        |policy| {
            edit(policy, |p| {
                p.report_data = p.report_data.take().or(any_of(HexBytes([1; 64])))
            })
        },
        |policy| {
            edit(policy, |p| {
                let mut platforms = PlatformPolicy::default();
                platforms.ppid = any_of(HexBytes(PPID));
                p.platforms.get_or_insert(platforms);
            })
        },
        |policy| {
            edit(policy, |p| {
                p.platforms = p.platforms.take().or(Some(PlatformPolicy::default()))
            })
        },
        |policy| {
            edit(policy, |p| {
                if p.tdx.is_none() && p.sgx.is_none() {
                    p.sgx = Some(SgxPolicy::default());
                }
            })
        },
        |policy| {
            edit(policy, |p| {
                if p.tdx.is_none() && p.sgx.is_none() {
                    p.tdx = Some(TdxPolicy::default());
                }
            })
        },
        |policy| edit_sgx(policy, |sgx| sgx.mrenclave = any_of(HexBytes([1; 32]))),
        |policy| edit_sgx(policy, |sgx| sgx.minimum_isvsvn = Some(4)),
        |policy| edit_sgx(policy, |sgx| sgx.debug = Tolerance::Refused),
        |policy| edit_tdx(policy, |tdx| tdx.mrtd = any_of(HexBytes([1; 48]))),
        |policy| edit_tdx(policy, |tdx| tdx.mrservicetd = any_of(HexBytes([1; 48]))),
        |policy| edit_tdx(policy, |tdx| tdx.debug = Tolerance::Refused),
        |policy| edit_tdx(policy, |tdx| tdx.migratable = Tolerance::Refused),
        |policy| edit_tdx(policy, |tdx| tdx.service_td = Tolerance::Refused),
    ];
    select(restrictions)
}

fn accepted(verdict: &Verdict, policy: &Policy) -> bool {
    appraise(verdict, policy).appraisal() == Appraisal::Accepted
}

proptest! {
    #[test]
    fn a_further_demand_never_turns_a_refusal_around(
        verdict in verdicts(),
        policy in policies(),
        restrict in restrictions(),
    ) {
        let stricter = restrict(policy.clone());
        prop_assert!(accepted(&verdict, &policy) || !accepted(&verdict, &stricter));
    }

    #[test]
    fn a_further_exception_never_causes_a_refusal(
        verdict in verdicts(),
        policy in policies(),
        excuse in excuses(),
    ) {
        let excused = excuse.apply(policy.clone());
        prop_assert!(accepted(&verdict, &excused) || !accepted(&verdict, &policy));
    }

    #[test]
    fn what_the_default_accepts_is_up_to_date_and_in_its_windows(verdict in verdicts()) {
        if accepted(&verdict, &Policy::default()) {
            prop_assert_eq!(verdict.tcb.unwrap().status, TcbStatus::UpToDate);
            prop_assert!(verdict.collateral.expired.is_empty());
        }
    }

    #[test]
    fn revoked_and_unproven_evidence_is_refused_by_every_policy(
        verdict in verdicts(),
        policy in policies(),
    ) {
        let mut revoked = verdict.clone();
        revoked.tcb.as_mut().unwrap().status = TcbStatus::Revoked;
        prop_assert!(!accepted(&revoked, &policy));

        let mut unproven = verdict;
        unproven.findings.push(finding(Severity::Failure));
        prop_assert!(!accepted(&unproven, &policy));
    }

    #[test]
    fn what_is_no_business_of_a_policy_changes_nothing(
        verdict in verdicts(),
        policy in policies(),
        byte in any::<u8>(),
    ) {
        let mut other = verdict.clone();
        other.findings.push(finding(Severity::Note));
        other.collateral.pck_crl_number = Some(byte.into());
        for document in &mut other.collateral.documents {
            document.sha256 = [byte; 32];
        }
        let evidence = other.evidence.as_mut().unwrap();
        evidence.header.user_data = [byte; 20];
        evidence.qe_report.reportdata = [byte; 64];
        prop_assert_eq!(appraise(&verdict, &policy), appraise(&other, &policy));
    }
}

fn finding(severity: Severity) -> Finding {
    Finding {
        code: Code::RootCertificateUnknown,
        severity,
        stage: Stage::PckChain,
        subject: "root_ca",
        message: String::new(),
        expected: None,
        actual: None,
    }
}

#[test]
fn verdicts_and_policies_made_here_are_refused_and_accepted_alike() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let pairs = (verdicts(), policies());
    let mut count = 0;
    for _ in 0..1000 {
        let (verdict, policy) = pairs.new_tree(&mut runner).unwrap().current();
        count += usize::from(accepted(&verdict, &policy));
    }
    assert!((20..=980).contains(&count), "{count} of 1000 accepted");
}
