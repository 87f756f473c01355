//! Baselines at the gate: what a ring demands is what evidence must reach, a result ends before
//! anything else is demanded, and releases nothing once something else is.

use bulla_pki::hpke::KeyPair;
use bulla_tests::baselines::{ADVISORY, apply, in_force, recovering};
use bulla_tests::front::JSON;
use bulla_tests::gatehouse::{Attempt, Gatehouse, POLICY, later, unverified};
use bulla_tests::site::{HOUR, vendor};
use serde_json::{Value, json};

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// Number 2 for everybody under the policy of all tests, from the 24th at six.
const PLAN: &str = r#"
[baselines.level-2]
sgx = { number = 2 }
tdx = { number = 2 }
[rings.prod]
policies = ["payroll"]
[rollouts.prod-2]
ring = "prod"
baseline = "level-2"
from = "2026-11-24T06:00:00Z"
"#;

fn open() -> Gatehouse {
    Gatehouse::with(recovering())
}

fn exception(until: &str) -> String {
    format!(
        "[exceptions.rack-12]\nadvisory = \"{ADVISORY}\"\nuntil = \"{until}\"\n\
         reason = \"OPS-4711\"\nauthor = \"k.lindt\"\n"
    )
}

fn set(house: &Gatehouse, at: &str) {
    house.clock.set(at.parse().expect("a time"));
}

/// When the result for good evidence ends.
#[track_caller]
fn end(house: &Gatehouse) -> String {
    let reply = house.attest(&house.attempt(&key()));
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.json()["expires"].as_str().expect("an end").to_owned()
}

/// The codes and the first message with which evidence is refused.
#[track_caller]
fn refusal(house: &Gatehouse, attempt: &Attempt) -> (Vec<String>, String) {
    let reply = house.attest(attempt);
    assert_eq!(reply.status(), 403, "{}", reply.text());
    let problem = reply.json();
    let findings = problem["findings"].as_array();
    let findings = findings.unwrap_or_else(|| panic!("{problem}"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let codes = findings.iter().map(|one| text(&one["code"])).collect();
    (codes, text(&findings[0]["message"]))
}

#[test]
fn a_rollout_is_enforced_from_its_first_second_on_and_results_end_before_it() {
    let house = open();
    apply(&house.front, PLAN);
    assert_eq!(end(&house), later(house.clock.now(), 300));
    set(&house, "2026-11-24T05:59:00Z");
    assert_eq!(end(&house), "2026-11-24T06:00:00Z");
    set(&house, "2026-11-24T05:59:59Z");
    let claims = house.claims(&house.token(&key()));
    assert_eq!(claims.exp.to_string(), "2026-11-24T06:00:00Z");
    let baseline = claims.bulla.baseline.expect("a baseline");
    assert_eq!(
        (&*baseline.name, baseline.version, baseline.decisions),
        ("standard", 0, 1)
    );
    assert_eq!(claims.bulla.tcb.evaluation_data_number, 1);

    set(&house, "2026-11-24T06:00:00Z");
    let (codes, message) = refusal(&house, &house.attempt(&key()));
    assert_eq!(codes, ["TcbStatusNotAccepted"]);
    assert!(message.contains("the baseline level-2"), "{message}");
    assert_eq!(house.last_decision()["code"], "TcbStatusNotAccepted");
    // Whoever is in no ring goes on.
    house.put_policy("lab", &house.naming_root(""));
    drop(house.token_of(&house.attempt(&key()).with("policy", "lab")));
}

#[test]
fn an_exception_holds_to_its_last_second_and_results_end_with_it() {
    let house = open();
    apply(&house.front, PLAN);
    apply(&house.front, &exception("2026-11-25T00:00:00Z"));
    set(&house, "2026-11-24T23:58:00Z");
    let claims = house.claims(&house.token(&key()));
    assert_eq!(claims.exp.to_string(), "2026-11-25T00:00:01Z");
    let baseline = claims.bulla.baseline.expect("a baseline");
    assert_eq!(
        (&*baseline.name, baseline.version, baseline.decisions),
        ("level-2", 1, 2)
    );
    assert_eq!(claims.bulla.tcb.evaluation_data_number, 2);
    set(&house, "2026-11-25T00:00:01Z");
    assert_eq!(
        refusal(&house, &house.attempt(&key())).0,
        ["TcbStatusNotAccepted"]
    );
    // A clock that is set back does not let it live again, once anything was decided after it.
    apply(&house.front, "[rings.lab]\n");
    set(&house, "2026-11-24T12:00:00Z");
    let exceptions = in_force(&house.front)["exceptions"].clone();
    assert_eq!(exceptions["rack-12"]["in_force"], false);
}

#[test]
fn a_pin_holds_on_the_day_of_promotion_while_others_are_refused() {
    let house = open();
    house.put_policy("lab", &house.naming_root(""));
    apply(
        &house.front,
        "[baselines.level-1]\nsgx.number = 1\n[rings.prod]\npolicies = [\"payroll\"]\n\
         [rollouts.pin]\nring = \"prod\"\nbaseline = \"level-1\"\n",
    );
    drop(house.token(&key()));
    set(&house, "2026-11-28T10:00:00Z");
    house.front.block_on(house.front.keeping.settle());
    drop(house.token(&key()));
    let of_lab = house.attempt(&key()).with("policy", "lab");
    assert_eq!(refusal(&house, &of_lab).0, ["TcbStatusNotAccepted"]);
}

#[test]
fn the_ring_is_that_of_the_policy_and_else_the_default() {
    let house = open();
    let plan = "[baselines.level-2]\nsgx.number = 2\n[rings.strict]\n\
                [rollouts.now]\nring = \"strict\"\nbaseline = \"level-2\"\n";
    apply(&house.front, plan);
    let send = |path: &str| {
        let body = house.attempt(&key()).body.to_string();
        house
            .front
            .send("POST", path, &[JSON], body.as_bytes())
            .status()
    };
    assert_eq!(send("/attest"), 200);
    for below in ["/ring/strict/attest", "/ring/nowhere/attest"] {
        assert_eq!(send(below), 404, "{below}");
    }
    apply(&house.front, "[rings.strict]\npolicies = [\"payroll\"]\n");
    assert_eq!(send("/attest"), 403);
}

#[test]
fn whoever_attests_does_not_choose_a_more_lenient_ring() {
    let house = open();
    set(&house, "2026-11-28T10:00:00Z");
    apply(
        &house.front,
        "[baselines.lax.sgx]\naccepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n[rings.lab]\n\
         hosts = [\"lab.example\"]\n[rollouts.lab]\nring = \"lab\"\nbaseline = \"lax\"\n",
    );
    let send = || {
        let body = house.attempt(&key()).body.to_string();
        let headers = [JSON, ("Host", "lab.example")];
        let reply = house
            .front
            .send("POST", "/attest", &headers, body.as_bytes());
        reply.status()
    };
    assert_eq!(
        refusal(&house, &house.attempt(&key())).0,
        ["TcbStatusNotAccepted"]
    );
    assert_eq!(send(), 403);
    apply(
        &house.front,
        "[rings.lab]\nhosts = [\"lab.example\"]\npolicies = [\"payroll\"]\n",
    );
    assert_eq!(send(), 200);
}

#[test]
fn floors_and_statuses_bind_beside_the_number() {
    let house = open();
    apply(
        &house.front,
        "[baselines.high]\nsgx.floor = { pcesvn = 60000 }\n[rings.prod]\npolicies = [\"payroll\"]\n\
         [rollouts.now]\nring = \"prod\"\nbaseline = \"high\"\n",
    );
    assert_eq!(refusal(&house, &house.attempt(&key())).0, ["TcbBelowFloor"]);
    let late = "[baselines.late]\nsgx.minimum_this_update = \"2026-12-24T00:00:00Z\"\n\
                [rollouts.later]\nring = \"prod\"\nbaseline = \"late\"\nfrom = \"2026-11-23T12:00:01Z\"\n";
    apply(&house.front, late);
    set(&house, "2026-11-23T12:00:01Z");
    assert_eq!(
        refusal(&house, &house.attempt(&key())).0,
        ["CrlTooOld", "CrlTooOld"]
    );
    // The number of another ring's choice with the statuses that it accepts.
    let lenient = "[baselines.lenient.sgx]\nnumber = 2\n\
                   accepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n\
                   [rollouts.last]\nring = \"prod\"\nbaseline = \"lenient\"\nfrom = \"2026-11-23T12:00:02Z\"\n";
    apply(&house.front, lenient);
    set(&house, "2026-11-23T12:00:02Z");
    let claims = house.claims(&house.token(&key()));
    assert_eq!(claims.bulla.tcb.evaluation_data_number, 2);
    // Where the policy has a word of its own, both bind.
    house.put_policy(
        POLICY,
        &house.naming_root("accepted_tcb_statuses = [\"UpToDate\"]\n"),
    );
    assert_eq!(
        refusal(&house, &house.attempt(&key())).0,
        ["TcbStatusNotAccepted"]
    );
}

#[test]
fn where_nothing_was_rolled_out_a_policy_with_a_word_of_its_own_has_the_only_one() {
    let house = open();
    let accepting = "accepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n";
    house.put_policy(POLICY, &house.naming_root(accepting));
    set(&house, "2026-11-28T10:00:00Z");
    drop(house.token(&key()));
    apply(&house.front, "[rings.lab]\n");
    drop(house.token(&key()));
    let strict = "[rollouts.strict]\nring = \"default\"\nbaseline = \"standard\"\n";
    apply(&house.front, strict);
    assert_eq!(
        refusal(&house, &house.attempt(&key())).0,
        ["TcbStatusNotAccepted"]
    );
}

#[test]
fn a_token_releases_nothing_once_something_else_is_demanded() {
    let house = open();
    house.put_secret("database", b"open sesame", &json!({}));
    let key = key();
    let before = house.token(&key);
    assert!(unverified(&before)["bulla"]["baseline"].is_null());
    assert_eq!(house.value(&key, &before, "database"), b"open sesame");
    // What does not concern it.
    apply(&house.front, "[rings.lab]\n");
    apply(&house.front, &exception("2026-11-25T00:00:00Z"));
    assert_eq!(house.value(&key, &before, "database"), b"open sesame");
    // Something else is demanded at once, in the same second.
    apply(
        &house.front,
        &PLAN.replace("from = \"2026-11-24T06:00:00Z\"\n", ""),
    );
    assert_eq!(house.withheld(&before, "database"), "baseline-mismatch");
    // By an exception; and not after that was ended, or made for others.
    let excepted = house.token(&key);
    assert_eq!(house.value(&key, &excepted, "database"), b"open sesame");
    let end = house
        .front
        .administrate("DELETE", "/baselines/exceptions?name=rack-12");
    assert_eq!(end.status(), 200, "{}", end.text());
    assert_eq!(house.withheld(&excepted, "database"), "baseline-mismatch");
    // Granted again as it was, the token counts again: what it rests on is in force.
    apply(&house.front, &exception("2026-11-25T00:00:00Z"));
    assert_eq!(house.value(&key, &excepted, "database"), b"open sesame");
    let elsewhere =
        exception("2026-11-25T00:00:00Z") + "group = { families = [\"000000000000\"] }\n";
    apply(&house.front, &elsewhere);
    assert_eq!(house.withheld(&excepted, "database"), "baseline-mismatch");
    // Rolled back, what was given before counts again, as long as it lasts.
    let back = house
        .front
        .administrate("POST", "/baselines/rollback?ring=prod&reason=OPS");
    assert_eq!(back.status(), 200, "{}", back.text());
    assert_eq!(house.value(&key, &before, "database"), b"open sesame");
    house.clock.pass(HOUR);
    assert_eq!(house.withheld(&before, "database"), "token-expired");
}

#[test]
fn a_token_releases_nothing_once_its_policy_is_in_another_ring() {
    let house = Gatehouse::with(vendor());
    house.put_secret("database", b"open sesame", &json!({}));
    let plan = "[baselines.level-1]\nsgx.number = 1\n[rings.strict]\n\
                [rollouts.now]\nring = \"strict\"\nbaseline = \"level-1\"\n";
    apply(&house.front, plan);
    let token = house.token(&key());
    assert_eq!(house.release(&token, "database").status(), 200);
    apply(&house.front, "[rings.strict]\npolicies = [\"payroll\"]\n");
    assert_eq!(house.withheld(&token, "database"), "baseline-mismatch");
}
