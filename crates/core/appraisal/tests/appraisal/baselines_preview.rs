//! Platforms held against a baseline before anybody enforces it.

use std::sync::Arc;

use bulla_appraisal::baseline::preview::{
    Counts, FallsOut, Outcome, Part, Platform, Preview, Remedy, Target, Unknown,
};
use bulla_appraisal::baseline::{Demand, FamilyName, Technology};
use bulla_collateral::{EnclaveIdentity, TcbInfo, TcbStatus};
use bulla_issuer::{QuoteKind, Scenario, Seed};
use bulla_verifier::ReportedTcb;

use crate::support::*;

fn scenario() -> Scenario {
    Scenario::new(&Seed::from("preview"), QuoteKind::Td10V4, time(NOW))
}

fn target(scenario: &Scenario) -> Target {
    let set = scenario.build().collateral;
    Target {
        tcb_info: Arc::new(TcbInfo::parse(&set.tcb_info.body).unwrap()),
        identity: Arc::new(EnclaveIdentity::parse(&set.qe_identity.body).unwrap()),
    }
}

/// The scenario's platform, with everything that its highest level asks for.
fn platform(scenario: &Scenario) -> Platform {
    let svn = |svn: &u32| u8::try_from(*svn).unwrap();
    let components: Vec<u8> = scenario
        .sgx_extension
        .component_svns
        .iter()
        .map(svn)
        .collect();
    let td = scenario.quote.body.as_body().td10().unwrap();
    Platform {
        technology: Technology::Tdx,
        family: FamilyName(scenario.sgx_extension.fmspc),
        ppid: Some(PPID),
        reported: Some(ReportedTcb {
            components: components.try_into().unwrap(),
            pcesvn: scenario.sgx_extension.pcesvn.try_into().unwrap(),
            tdx: Some(td.tee_tcb_svn),
            tdx_now: None,
            qe_isvsvn: scenario.quote.qe_report.isvsvn.get(),
        }),
    }
}

fn with(platform: Platform, change: impl FnOnce(&mut ReportedTcb)) -> Platform {
    let mut reported = platform.reported.unwrap();
    change(&mut reported);
    Platform {
        reported: Some(reported),
        ..platform
    }
}

fn demand(text: &str) -> Demand {
    Demand::from_toml(Demand::default().name, text).unwrap()
}

fn judge(demand: &Demand, target: Target, platform: &Platform) -> Outcome {
    let mut preview = Preview::new(demand, time(NOW));
    preview.target(platform.technology, platform.family, target);
    Outcome::clone(&preview.judge(platform))
}

fn falls_out(outcome: Outcome) -> FallsOut {
    match outcome {
        Outcome::FallsOut(falls_out) => falls_out,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_platform_is_short_of_is_told_with_what_raises_it() {
    let scenario = scenario();
    let behind = with(platform(&scenario), |reported| {
        reported.components[0] -= 1;
        reported.tdx.as_mut().unwrap()[0] -= 1;
        reported.qe_isvsvn -= 1;
        reported.pcesvn += 1;
    });
    let told = falls_out(judge(&Demand::default(), target(&scenario), &behind));
    assert_eq!(told.status, Some(TcbStatus::OutOfDate));
    assert_eq!(told.closes, ["SIMULATED-SA-00001"]);
    let short: Vec<(Part, u16, u16, Remedy)> = told
        .short
        .iter()
        .map(|short| (short.part, short.has, short.needs, short.remedy))
        .collect();
    let expected = [
        (Part::SgxComponent(1), 6, 7, Remedy::Microcode),
        (Part::TdxModule, 4, 5, Remedy::TdxModule),
        (Part::Qe, 3, 4, Remedy::Enclaves),
    ];
    assert_eq!(short, expected);
}

#[test]
fn a_floor_adds_to_what_the_level_asks_for() {
    let scenario = scenario();
    let behind = with(platform(&scenario), |reported| reported.components[0] -= 1);
    let floor = "[tdx.floor]\nsgx_components = \"09000000000000000000000000000000\"\npcesvn = 14\n";
    let told = falls_out(judge(&demand(floor), target(&scenario), &behind));
    let short: Vec<(Part, u16)> = told.short.iter().map(|s| (s.part, s.needs)).collect();
    assert_eq!(short, [(Part::SgxComponent(1), 9), (Part::Pce, 14)]);
}

#[test]
fn a_level_that_a_higher_one_hides_is_no_way() {
    let mut scenario = scenario();
    let levels = &mut scenario.tcb_info.levels;
    "ConfigurationNeeded".clone_into(&mut levels[0].status.word);
    levels[0].status.advisory_ids = vec!["SIMULATED-SA-00002".to_owned()];
    "UpToDate".clone_into(&mut levels[1].status.word);
    levels[1].status.advisory_ids.clear();
    let told = falls_out(judge(
        &Demand::default(),
        target(&scenario),
        &platform(&scenario),
    ));
    assert_eq!(told.status, Some(TcbStatus::ConfigurationNeeded));
    assert_eq!((told.short, told.closes), (vec![], vec![]));
}

#[test]
fn of_several_exceptions_the_one_that_ends_last_counts() {
    let scenario = scenario();
    let behind = with(platform(&scenario), |reported| reported.components[0] -= 1);
    let exception = |name: &str, until: &str| {
        format!(
            "[exceptions.{name}]\nadvisory = \"SIMULATED-SA-00001\"\nuntil = \"{until}\"\n\
             reason = \"r\"\nauthor = \"a\"\n"
        )
    };
    let ended = exception("a", "2026-11-22T23:59:59Z");
    let short = exception("b", NOW);
    let long = exception("c", "2026-12-01T00:00:00Z");
    for (text, until) in [
        (
            format!("{ended}{long}{short}"),
            Some("2026-12-01T00:00:00Z"),
        ),
        (format!("{ended}{short}"), Some(NOW)),
        (ended.clone(), None),
    ] {
        let outcome = judge(&demand(&text), target(&scenario), &behind);
        let passes = match &outcome {
            Outcome::Passes(passes) => passes.until,
            _ => None,
        };
        assert_eq!(passes, until.map(time), "{outcome:?}");
    }
}

#[test]
fn who_is_unknown_never_passes() {
    let scenario = scenario();
    let unseen = Platform {
        reported: None,
        ..platform(&scenario)
    };
    let stranger = Platform {
        family: FamilyName([1; 6]),
        ..platform(&scenario)
    };
    let demand = Demand::default();
    let mut preview = Preview::new(&demand, time(NOW));
    let family = platform(&scenario).family;
    preview.target(Technology::Tdx, family, target(&scenario));
    // Documents of another family, or of the other technology, are for nobody here.
    preview.target(Technology::Tdx, stranger.family, target(&scenario));
    preview.target(Technology::Sgx, family, target(&scenario));
    let unknown = |reason| Outcome::Unknown { reason };
    assert_eq!(*preview.judge(&unseen), unknown(Unknown::NoEvidence));
    assert_eq!(*preview.judge(&stranger), unknown(Unknown::NoDocuments));
    let as_sgx = Platform {
        technology: Technology::Sgx,
        ..platform(&scenario)
    };
    assert_eq!(*preview.judge(&as_sgx), unknown(Unknown::NoDocuments));
    for _ in 0..3 {
        let passes = preview.judge(&platform(&scenario));
        assert!(matches!(*passes, Outcome::Passes(_)));
    }
    let counts = Counts {
        pass: 3,
        fall_out: 0,
        unknown: 3,
    };
    assert_eq!((preview.counts(), preview.different()), (counts, 1));
    assert!(counts.pass_share_is_at_least(5_000));
    assert!(!counts.pass_share_is_at_least(5_001));
    assert!(Counts::default().pass_share_is_at_least(10_000));
}
