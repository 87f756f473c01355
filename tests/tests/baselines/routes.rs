//! Baselines over HTTP: planned, applied, looked at and explained; what cannot be, is refused with
//! each reason, and nothing is done by half.

use bulla_service::keeper::Mode;
use bulla_tests::baselines::{apply, apply_as, in_force, plan, recovering, refusals};
use bulla_tests::front::{ADMINISTRATOR, Front, USER};
use bulla_tests::site::{Clock, DAY, HOUR, Site, vendor};
use serde_json::{Value, json};

const PLAN: &str = r#"
[baselines.level-1]
sgx = { number = 1 }
tdx = { number = "early" }

[rings.canary]
[rings.prod]
hosts = ["prod.example"]

[rollouts.canary-1]
ring = "canary"
baseline = "level-1"

[rollouts.prod-1]
ring = "prod"
baseline = "level-1"
from = "2026-12-15T06:00:00Z"
deadline = "2027-01-15T06:00:00Z"

[exceptions.rack-12]
advisory = "INTEL-SA-00828"
until = "2026-12-24T23:59:59Z"
reason = "OPS-4711"
author = "k.lindt"
"#;

fn alone() -> (Clock, Front) {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let front = Front::open(&clock, Vec::new(), Mode::Offline);
    (clock, front)
}

fn post(front: &Front, target: &str) -> bulla_tests::daemon::Reply {
    front.administrate("POST", &format!("/baselines/{target}"))
}

#[test]
fn at_first_there_is_one_ring_and_it_follows_what_the_vendor_enforces() {
    let (_clock, front) = alone();
    let expected = json!({
        "at": "2026-11-23T12:00:00Z",
        "decisions": 0,
        "baselines": { "standard": {
            "decision": null,
            "sgx": { "number": "standard", "accepted_tcb_statuses": ["UpToDate"] },
            "tdx": { "number": "standard", "accepted_tcb_statuses": ["UpToDate"] },
        }},
        "rings": { "default": {
            "demand": { "baseline": "standard", "decision": null, "rollout": null },
            "next": [],
        }},
        "rollouts": {},
        "exceptions": {},
        "ending_pins": [],
    });
    assert_eq!(in_force(&front), expected);
    assert_eq!(
        front.administrate("GET", "/baselines/history").json(),
        json!([])
    );
}

#[test]
fn what_is_planned_is_applied_and_takes_effect_at_its_instant() {
    let (clock, front) = alone();
    let before = front.state();
    let planned = plan(&front, PLAN);
    assert_eq!(planned.status(), 200, "{}", planned.text());
    assert_eq!(planned.json()["state"], 0);
    assert_eq!(
        planned.json()["difference"].as_array().map(Vec::len),
        Some(6)
    );
    assert_eq!(front.state(), before, "a plan changes nothing");
    let done = apply(&front, PLAN);
    assert_eq!(
        (&done["decision"], &done["at"]),
        (&json!(1), &json!("2026-11-23T12:00:00Z"))
    );

    // A user sees it as well.
    let shown = front.send("GET", "/baselines", &[USER], b"").json();
    assert_eq!(shown["decisions"], 1);
    let ring = |shown: &Value, name: &str| shown["rings"][name].clone();
    let level_1 = json!({ "baseline": "level-1", "decision": 1, "rollout": "canary-1" });
    assert_eq!(ring(&shown, "canary")["demand"], level_1);
    assert_eq!(ring(&shown, "prod")["demand"]["baseline"], "standard");
    let next =
        json!([{ "rollout": "prod-1", "baseline": "level-1", "from": "2026-12-15T06:00:00Z" }]);
    assert_eq!(ring(&shown, "prod")["next"], next);
    assert_eq!(shown["rollouts"]["prod-1"]["state"], "planned");
    assert_eq!(shown["baselines"]["level-1"]["tdx"]["number"], "early");

    // At its instant, without anybody doing anything; and as of any instant.
    clock.pass(22 * DAY - 6 * HOUR);
    let later = in_force(&front);
    assert_eq!(later["at"], "2026-12-15T06:00:00Z");
    assert_eq!(ring(&later, "prod")["demand"]["rollout"], "prod-1");
    assert_eq!(later["rollouts"]["prod-1"]["state"], "in-force");
    let as_of = |at: &str| {
        front
            .administrate("GET", &format!("/baselines?at={at}"))
            .json()
    };
    assert_eq!(
        as_of("2026-12-15T05:59:59Z")["rings"]["prod"]["demand"]["rollout"],
        Value::Null
    );
    assert_eq!(
        as_of("2026-12-24T23:59:59Z")["exceptions"]["rack-12"]["in_force"],
        true
    );
    assert_eq!(
        as_of("2026-12-25T00:00:00Z")["exceptions"]["rack-12"]["in_force"],
        false
    );
    assert_eq!(as_of("2026-11-23T11:59:59Z")["decisions"], 0);

    let rolled = post(&front, "rollback?ring=prod&reason=OPS-4712").json();
    assert_eq!(rolled["decision"], 2);
    assert_eq!(
        ring(&in_force(&front), "prod")["demand"]["baseline"],
        "standard"
    );
    let next = ring(&in_force(&front), "prod")["next"].clone();
    assert_eq!(next[0]["from"], "2027-01-15T06:00:00Z", "the deadline");

    let history = front.send("GET", "/baselines/history", &[USER], b"").json();
    assert_eq!(history[0]["decision"], 2);
    assert_eq!(history[0]["difference"], rolled["difference"]);
    assert_eq!(history[1]["difference"], done["difference"]);
    assert_eq!(history[1]["author"], "test");
    let audit = front.administrate("GET", "/audit").json();
    let of = |entry: &Value| (entry["action"].clone(), entry["subject"].clone());
    assert_eq!(of(&audit[0]).0, "baselines.apply");
    assert_eq!(of(&audit[1]), ("baselines.rollback".into(), "prod".into()));
    assert_eq!(audit[1]["details"]["decision"], 2);
    assert_eq!(audit[1]["details"]["difference"], rolled["difference"]);
}

#[test]
fn pauses_and_exceptions_are_decisions_of_their_own() {
    let (clock, front) = alone();
    apply(&front, PLAN);
    assert_eq!(
        post(&front, "pause?rollout=prod-1&reason=freeze").status(),
        200
    );
    assert_eq!(
        in_force(&front)["rollouts"]["prod-1"]["held"]["reason"],
        "freeze"
    );
    assert_eq!(in_force(&front)["rollouts"]["prod-1"]["state"], "held");
    assert_eq!(post(&front, "resume?rollout=prod-1").status(), 200);
    let text = b"advisory = \"INTEL-SA-00614\"\nuntil = \"2026-12-01T00:00:00Z\"\n\
                 reason = \"OPS-4713\"\nauthor = \"m.ito\"\n";
    let target = "/baselines/exceptions?name=lab";
    let granted = front.send("POST", target, &[ADMINISTRATOR], text);
    assert_eq!(granted.status(), 200, "{}", granted.text());
    assert_eq!(granted.json()["decision"], 4);
    let again = front.send("POST", target, &[ADMINISTRATOR], text);
    assert_eq!(again.status(), 422);
    assert_eq!(refusals(&again)[0].0, "nothing-changes");
    assert_eq!(front.administrate("DELETE", target).status(), 200);
    assert_eq!(in_force(&front)["exceptions"]["lab"], Value::Null);
    let gone = front.administrate("DELETE", target);
    assert_eq!(gone.status(), 422);
    assert_eq!(refusals(&gone)[0].0, "unknown-object");
    clock.pass(60);
    assert_eq!(in_force(&front)["decisions"], 5);
}

/// The list of numbers is asked for about once a day: who plans with one that was disclosed since must
/// not be told that there is none.
#[test]
fn a_number_that_was_disclosed_after_the_list_was_asked_for_is_looked_up() {
    let clock = Clock::at("2026-11-19T23:00:00Z");
    let site = Site::open(recovering(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Req);
    front.block_on(front.keeping.settle());
    let level = "[baselines.level-2]\nsgx.number = 2\n[baselines.level-2.families.00906ED50000]\n\
                 sgx.number = 2\n";
    let asked = || front.keeping.exchanges();
    let before = asked();
    assert_eq!(refusals(&plan(&front, level)).len(), 2);
    assert_eq!(asked() - before, 1, "for the one list that lacks it");

    // It is disclosed, and nobody has asked since.
    clock.pass(2 * HOUR);
    let before = asked();
    apply(&front, level);
    apply(&front, "[baselines.level-1]\nsgx.number = 1\n");
    assert_eq!(asked() - before, 1, "what is on the list needs no question");

    // Nobody answers: what is at hand counts.
    drop(site);
    let refused = plan(&front, "[baselines.level-3]\ntdx.number = 3\n");
    let expected = ("number-unknown", "baselines.level-3.tdx.number");
    let found = refusals(&refused);
    assert_eq!((&*found[0].0, &*found[0].1), expected);
    apply(&front, "[baselines.level-2-too]\nsgx.number = 2\n");
}

/// What each refusal of a plan is, with nothing changed by it.
#[test]
fn what_cannot_be_is_refused_with_each_reason_and_changes_nothing() {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let site = Site::open(vendor(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    // The vendor's list of numbers is known from now on.
    front.block_on(front.keeping.settle());
    apply(&front, PLAN);
    let before = front.state();
    let contradictory = "[rings.a]\nhosts = [\"x.example\"]\n[rings.b]\nhosts = [\"x.example\"]\n";
    let past =
        "[rollouts.r]\nring = \"prod\"\nbaseline = \"level-1\"\nfrom = \"2026-11-23T11:59:59Z\"\n";
    for (text, expected) in [
        (
            "[baselines.x]\nsgx.number = 99\n",
            &[("number-unknown", "baselines.x.sgx.number")][..],
        ),
        (
            "[baselines.level-1]\nsgx.number = \"early\"\n",
            &[("baseline-in-force", "baselines.level-1")],
        ),
        (past, &[("in-the-past", "rollouts.r.from")]),
        (contradictory, &[("contradiction", "rings.b")]),
        (
            "[rollouts.r]\nring = \"nowhere\"\nbaseline = \"nothing\"\n[remove]\nrings = [\"none\"]\n",
            &[
                ("unknown-object", "remove.rings.none"),
                ("unknown-ring", "rollouts.r.ring"),
                ("unknown-baseline", "rollouts.r.baseline"),
            ],
        ),
        (PLAN, &[("nothing-changes", "plan")]),
        ("# nothing\n", &[("nothing-changes", "plan")]),
    ] {
        let reply = plan(&front, text);
        assert_eq!(reply.status(), 422, "{text}: {}", reply.text());
        assert_eq!(reply.json()["code"], "decision-refused");
        let found = refusals(&reply);
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(found, expected, "{text}");
    }
    for text in [
        "rings = 1",
        "[rings.Prod]\n",
        "[rings.a]\npaths = []\n",
        "[exceptions.a]\n",
        "\u{0}",
    ] {
        let reply = plan(&front, text);
        assert_eq!(reply.status(), 400, "{text}");
        assert!(reply.text().contains("line "), "{}", reply.text());
    }
    assert_eq!(plan(&front, " \n").status(), 400);
    for (target, code) in [
        ("pause?rollout=canary-1&reason=a", "rollout-begun"),
        ("pause?rollout=none&reason=a", "rollout-unknown"),
        ("resume?rollout=prod-1", "rollout-not-held"),
        ("rollback?ring=prod&reason=a", "nothing-in-force"),
    ] {
        let reply = post(&front, target);
        assert_eq!(reply.status(), 422, "{target}");
        assert_eq!(refusals(&reply)[0].0, code, "{target}");
    }
    assert_eq!(front.state(), before);
}

#[test]
fn a_plan_is_applied_once_and_only_as_it_was_reviewed() {
    let (clock, front) = alone();
    let digest = plan(&front, PLAN).json()["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let moved = |reply: bulla_tests::daemon::Reply| {
        assert_eq!(reply.status(), 409, "{}", reply.text());
        assert_eq!(reply.json()["code"], "plan-moved");
        assert_eq!(refusals(&reply)[0].0, "plan-moved");
    };
    moved(apply_as(&front, "[rings.lab]\n", &digest));
    moved(apply_as(&front, PLAN, &"0".repeat(64)));
    assert_eq!(in_force(&front)["decisions"], 0);
    assert_eq!(apply_as(&front, PLAN, &digest).status(), 200);
    moved(apply_as(&front, PLAN, &digest));
    // Reviewed before another decision.
    let lab = plan(&front, "[rings.lab]\n").json()["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    apply(&front, "[rings.qa]\n");
    moved(apply_as(&front, "[rings.lab]\n", &lab));
    assert_eq!(in_force(&front)["decisions"], 2);

    // By a clock that was set back nothing is decided, and the service says so.
    clock.set("2026-11-22T12:00:00Z".parse().expect("a time"));
    let reply = plan(&front, "[rings.lab]\n");
    assert_eq!(reply.status(), 422);
    assert_eq!(
        refusals(&reply),
        [("clock-behind".to_owned(), "clock".to_owned())]
    );
    assert_eq!(in_force(&front)["at"], "2026-11-23T12:00:00Z");
    let ready = front.get("/readyz");
    assert_eq!(ready.status(), 503);
    assert!(
        ready.text().contains("behind the last decision"),
        "{}",
        ready.text()
    );
}
