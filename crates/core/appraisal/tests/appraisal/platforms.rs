//! Allow-lists of machines.

use bulla_appraisal::Reason;

use crate::support::*;

const OTHER: &str = "00000000000000000000000000000000";

fn listed(ppid: Option<&str>, instance: Option<&str>) -> String {
    let line = |field, id: Option<&str>| {
        id.map(|id| format!("{field} = [\"{OTHER}\", \"{id}\"]\n"))
            .unwrap_or_default()
    };
    format!(
        "[platforms]\n{}{}",
        line("ppid", ppid),
        line("platform_instance_id", instance)
    )
}

#[test]
fn one_listed_id_suffices() {
    let (ppid, instance) = (hex::encode(PPID), hex::encode(INSTANCE));
    let verdict = sgx_verdict();
    assert_accepted(&verdict, "");
    assert_accepted(&verdict, &listed(Some(&ppid), None));
    assert_accepted(&verdict, &listed(None, Some(&instance)));
    assert_accepted(&verdict, &listed(Some(&ppid), Some(OTHER)));
    assert_accepted(&verdict, &listed(Some(OTHER), Some(&instance)));
    assert_refused(
        &verdict,
        &listed(Some(OTHER), Some(OTHER)),
        &[Reason::PlatformNotListed],
    );
    assert_refused(
        &verdict,
        &listed(Some(&instance), Some(&ppid)),
        &[Reason::PlatformNotListed],
    );
}

#[test]
fn no_finding_tells_a_whole_id() {
    let verdict = sgx_verdict();
    let decision = decide(&verdict, &listed(Some(OTHER), None));
    let shown = format!("{:?}", decision.findings());
    assert!(
        shown.contains("a1a1a1a1…") && shown.contains("b2b2b2b2…"),
        "{shown}"
    );
    assert!(
        !shown.contains("a1a1a1a1a1") && !shown.contains("b2b2b2b2b2"),
        "{shown}"
    );
    assert!(!shown.contains("00000000"), "{shown}");
}

#[test]
fn a_platform_without_ids_is_not_listed() {
    let mut verdict = sgx_verdict();
    let evidence = verdict.evidence.as_mut().unwrap();
    evidence.platform.as_mut().unwrap().platform_instance_id = None;
    assert_refused(
        &verdict,
        &listed(None, Some(OTHER)),
        &[Reason::PlatformNotListed],
    );
    verdict.evidence.as_mut().unwrap().platform = None;
    assert_refused(
        &verdict,
        &listed(Some(OTHER), None),
        &[Reason::PlatformNotListed],
    );
    assert_accepted(&verdict, "");
}
