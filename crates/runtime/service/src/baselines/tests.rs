use std::sync::atomic::{AtomicU64, Ordering};

use bulla_appraisal::baseline::{FamilyName, Name, Number, Technology};
use bulla_store::Audit as _;
use bulla_store::audit::Event;
use bulla_store::governance::Decision;
use bulla_upstream::Upstreams;

use super::*;
use crate::keeper::Mode;
use crate::realm::Realm;
use crate::refresh::Standing;

/// 2026-11-23 at noon.
const START: u64 = 1_795_435_200;

const HOUR: u64 = 3_600;

const PLAN: &str = r#"
[baselines.level-20]
sgx = { number = 20, accepted_tcb_statuses = ["UpToDate", "SWHardeningNeeded"] }
[baselines.level-20.tdx]
number = "early"
minimum_this_update = "2026-11-01T00:00:00Z"
floor = { tdx_components = "03000000000000000000000000000000", qe_isvsvn = 4 }
[baselines.level-20.families.00906ED50000]
sgx = { number = 19 }

[rings.prod]
hosts = ["prod.example"]
policies = ["payroll"]

[rollouts.prod-20]
ring = "prod"
baseline = "level-20"
deadline = "2027-03-01T00:00:00Z"

[exceptions.rack-12]
advisory = "INTEL-SA-00828"
group = { families = ["00806F050000"], platforms = ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] }
until = "2026-11-23T14:00:00Z"
reason = "OPS-4711"
author = "k.lindt"
"#;

struct Office {
    clock: Arc<AtomicU64>,
    store: Arc<Store>,
}

impl Office {
    fn open() -> Self {
        Self {
            clock: Arc::new(AtomicU64::new(START)),
            store: Arc::new(Store::open_in_memory().unwrap()),
        }
    }

    fn baselines(&self) -> Result<Baselines, BaselinesError> {
        let clock = Arc::clone(&self.clock);
        let clock = move || at(clock.load(Ordering::SeqCst));
        let realm = Realm::vendor().unwrap();
        let collection = Collection::open(realm, Arc::clone(&self.store), Arc::new(clock));
        let upstreams = Arc::new(Upstreams::new(Vec::new()).unwrap());
        let keeper = Keeper::new(Arc::new(collection.unwrap()), upstreams, Mode::Offline);
        let refresh = Refresh::new(Arc::new(keeper), Standing::default());
        Baselines::open(Arc::new(refresh))
    }

    fn set(&self, seconds: u64) {
        self.clock.store(seconds, Ordering::SeqCst);
    }

    fn actions(&self) -> Vec<String> {
        let entries = self.store.entries(0, 99).unwrap();
        assert!(self.store.verify_chain().unwrap().is_ok());
        entries.into_iter().map(|one| one.event.action).collect()
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn changes(text: &str) -> Changes {
    Changes::from_toml(text).unwrap()
}

fn apply(baselines: &Baselines, text: &str) -> Result<Decided, NotDecided> {
    let governance = baselines.governance();
    let now = baselines.collection().now().at;
    let plan = governance.plan(changes(text), &baselines.known_numbers(), now)?;
    baselines.apply(changes(text), &plan.digest, "k.lindt")
}

fn codes(outcome: Result<Decided, NotDecided>) -> Vec<&'static str> {
    match outcome {
        Err(NotDecided::Refused(refused)) => {
            refused.refusals().iter().map(|one| one.code).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The number that a ring demands for SGX, and how many exceptions there are.
fn demanded(baselines: &Baselines, ring: &str) -> (Number, usize) {
    let demand = baselines
        .governance()
        .in_force(&name(ring), baselines.now());
    let demand = demand.unwrap();
    let family = FamilyName([0; 6]);
    let requirement = demand.requirement(Technology::Sgx, &family);
    (requirement.number, demand.exceptions.len())
}

#[test]
fn what_was_decided_is_in_force_at_once_in_the_audit_and_there_again_after_a_restart() {
    let office = Office::open();
    let baselines = office.baselines().unwrap();
    assert_eq!(*baselines.governance(), Governance::default());
    let decided = apply(&baselines, PLAN).unwrap();
    assert_eq!((decided.number, decided.at), (1, at(START)));
    assert_eq!(decided.difference.len(), 4, "{decided:?}");
    assert_eq!(demanded(&baselines, "prod"), (Number::Pinned(20), 1));
    office.set(START + HOUR);
    baselines
        .roll_back(&name("prod"), "OPS-4712", "m.ito")
        .unwrap();
    assert_eq!(demanded(&baselines, "prod"), (Number::Standard, 1));
    baselines.resume(&name("prod-20"), "m.ito").unwrap();
    baselines.end(&name("rack-12"), "m.ito").unwrap();
    assert_eq!(demanded(&baselines, "prod"), (Number::Pinned(20), 0));
    let exception = "advisory = \"INTEL-SA-00614\"\nuntil = \"2026-12-01T00:00:00Z\"\n\
                     reason = \"OPS-4713\"\nauthor = \"m.ito\"\n";
    let exception = bulla_appraisal::baseline::Exception::from_toml(exception).unwrap();
    let granted = baselines.grant(&name("all"), exception, "m.ito").unwrap();
    assert_eq!(granted.number, 5);
    let expected = [
        "apply",
        "rollback",
        "resume",
        "exception.end",
        "exception.grant",
    ];
    assert_eq!(
        office.actions(),
        expected.map(|one| format!("baselines.{one}"))
    );
    let again = office.baselines().unwrap();
    assert_eq!(*again.governance(), *baselines.governance());
    assert_eq!(again.governance().digest(), baselines.governance().digest());
}

#[test]
fn a_clock_that_was_set_back_decides_nothing_and_undoes_nothing() {
    let office = Office::open();
    let baselines = office.baselines().unwrap();
    apply(&baselines, PLAN).unwrap();
    // The exception ends at 14 o'clock; then something else is decided.
    office.set(START + 3 * HOUR);
    apply(&baselines, "[rings.lab]\n").unwrap();
    let before = demanded(&baselines, "prod");
    assert_eq!(before, (Number::Pinned(20), 0));
    for back in [HOUR, 2 * HOUR, 100 * HOUR] {
        office.set(START + 3 * HOUR - back);
        assert_eq!(baselines.clock_behind(), back);
        assert_eq!(demanded(&baselines, "prod"), before);
        assert_eq!(codes(apply(&baselines, "[rings.qa]\n")), ["clock-behind"]);
        let rolled = baselines.roll_back(&name("prod"), "OPS", "m.ito");
        assert_eq!(codes(rolled), ["clock-behind"]);
        let again = office.baselines().unwrap();
        assert_eq!(demanded(&again, "prod"), before);
    }
    office.set(START + 3 * HOUR - TOLERANCE);
    assert_eq!(baselines.clock_behind(), 0);
    assert_eq!(office.actions().len(), 2);
}

#[test]
fn a_plan_that_is_not_the_reviewed_one_is_not_carried_out() {
    let office = Office::open();
    let baselines = office.baselines().unwrap();
    let wrong = baselines.apply(changes(PLAN), &"0".repeat(64), "k.lindt");
    assert_eq!(codes(wrong), ["plan-moved"]);
    assert_eq!(office.actions(), [""; 0]);
    let governance = baselines.governance();
    let plan = governance.plan(changes(PLAN), &KnownNumbers::default(), at(START));
    let digest = plan.unwrap().digest;
    baselines.apply(changes(PLAN), &digest, "k.lindt").unwrap();
    let twice = baselines.apply(changes(PLAN), &digest, "k.lindt");
    assert_eq!(codes(twice), ["plan-moved"]);
    assert_eq!(office.actions(), ["baselines.apply"]);
}

#[test]
fn what_another_hand_decided_is_seen_before_anything_else_is_decided() {
    let office = Office::open();
    let baselines = office.baselines().unwrap();
    let kept = Decision {
        kind: KIND.to_owned(),
        name: KIND.to_owned(),
        version: 1,
        body: Some(serde_json::json!(changes("[rings.prod]\n")).to_string()),
        at: at(START),
        author: "another".to_owned(),
    };
    let event = Event {
        at: at(START),
        actor: "another".to_owned(),
        action: "baselines.apply".to_owned(),
        subject: String::new(),
        details: "{}".to_owned(),
    };
    assert!(office.store.enact(&kept, &event).unwrap());
    let changed = apply(&baselines, "[rings.lab]\n");
    assert!(matches!(changed, Err(NotDecided::Changed)), "{changed:?}");
    assert_eq!(apply(&baselines, "[rings.lab]\n").unwrap().number, 2);
    assert!(baselines.governance().latest().has_ring(&name("prod")));
}

#[test]
fn what_cannot_be_read_or_followed_is_told_and_nothing_is_in_force_by_half() {
    for (body, seconds, reason) in [
        (
            "{\"rings\":{\"a\":{\"paths\":[]}}}",
            START,
            "decision 2 on baselines cannot be read",
        ),
        ("", START, "decision 2 on baselines cannot be read"),
        ("{}", START - 1, "the last decision was made at"),
    ] {
        let office = Office::open();
        apply(&office.baselines().unwrap(), PLAN).unwrap();
        let added = office
            .store
            .decide(KIND, KIND, Some(body), at(seconds), "another");
        assert_eq!(added.unwrap(), 2);
        let error = office.baselines().err().unwrap().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
