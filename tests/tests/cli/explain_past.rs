//! `bulla explain` about the past: with the documents that a service had at an instant, by what it
//! demanded then, of a quote and of a platform.

use std::time::{Duration, Instant};

use bulla_pki::Timestamp;
use bulla_tests::site::DAY;
use bulla_tests::workbench::{Answer, now};
use bulla_tests::world::World;
use serde_json::{Value, json};

/// How long a second may take, far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// An instant after everything that has happened, and before everything that will.
pub(super) fn between() -> Timestamp {
    let (at, end) = (now(), Instant::now() + PATIENCE);
    let passes = || now() > at;
    while !passes() {
        assert!(Instant::now() < end, "the clock stands still");
        std::thread::sleep(Duration::from_millis(50));
    }
    let between = now();
    while now() <= between {
        assert!(Instant::now() < end, "the clock stands still");
        std::thread::sleep(Duration::from_millis(50));
    }
    between
}

/// The vendor, which has published number 2, gives out what he had a day ago.
pub(super) fn with_old_documents() -> World {
    let founded = now().saturating_sub(3 * DAY);
    let recovery = "recover --raises microcode --advisory SIMULATED-SA-00002";
    let world = World::founded(founded, &[&format!("{recovery} --at {founded}")]);
    faults(&world, &json!([{"paths": "*", "fault": {"stale": DAY}}]));
    world
}

pub(super) fn faults(world: &World, faults: &Value) {
    let headers = [("Content-Type", "application/json")];
    let body = faults.to_string();
    let set = world
        .vendor
        .send("PUT", "/simulation/faults", &headers, body.as_bytes());
    assert!(set.status() < 300, "{}", set.head);
}

/// A ring that follows a number from now on.
fn follow(world: &World, number: u32) {
    world.apply(&format!(
        "[rings.prod]\n[baselines.level-{number}]\nsgx.number = {number}\n\
         [rollouts.prod-{number}]\nring = \"prod\"\nbaseline = \"level-{number}\"\n"
    ));
}

/// `bulla explain` at the service, with its token.
fn explain(world: &World, words: &[&str]) -> Answer {
    let url = world.url();
    let token = world.folder.text_path("state/administrator-token");
    let place = ["--service", &url, "--token-file", &token];
    world.judge("explain", &[&place, words].concat())
}

/// The story of the quote at an instant, as the ring `prod` was to see it.
#[track_caller]
fn story(world: &World, at: Timestamp, appraisal: &str) -> Value {
    let quote = world.folder.text_path("attested/quote.bin");
    let at = at.to_string();
    let words = ["--quote", &quote, "--ring", "prod", "--at", &at];
    let answer = explain(world, &[&words[..], &["--format", "json"]].concat());
    let story = answer.json();
    assert_eq!(story["answer"]["appraisal"], appraisal, "{story:#}");
    assert_eq!(answer.status, i32::from(appraisal == "refused"));
    assert_eq!(story["answer"]["at"], at);
    story
}

/// The code of an error, and what it says.
#[track_caller]
pub(super) fn error(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    let error = answer.json()["error"].clone();
    let text = |name: &str| error[name].as_str().expect("text").to_owned();
    (text("code"), text("message"))
}

#[test]
fn a_quote_is_judged_by_the_documents_and_the_baseline_of_the_instant() {
    let world = with_old_documents();
    let before = between();
    follow(&world, 1);
    let prod = format!("{}/ring/prod", world.url());
    assert_eq!(world.ask("verify", &prod, &[]).status, 0);
    let at_first = between();
    faults(&world, &json!([]));
    let refreshed = world.administer(&["collateral", "refresh"]);
    assert_eq!(refreshed.status, 0, "{}", refreshed.stdout);
    let signed_anew = between();
    follow(&world, 2);
    // Whoever attests has the service fetch what is demanded of him.
    assert_eq!(world.ask("verify", &prod, &[]).status, 1);
    let at_last = between();

    let story_at_first = story(&world, at_first, "accepted");
    let moment = &story_at_first["moment"];
    assert_eq!(moment["service"], world.url());
    assert_eq!(moment["ring"], "prod");
    assert_eq!(moment["baseline"], "level-1");
    assert_eq!(moment["rollout"], "prod-1");
    assert_eq!(moment["decision"], 1);
    assert_eq!(story_at_first["decides"], Value::Null);
    let numbers = |story: &Value| story["answer"]["tcb"]["evaluation_data_numbers"].clone();
    let one = json!({"tcb_info": 1, "qe_identity": 1});
    assert_eq!(numbers(&story_at_first), one);

    // Signed anew, the document is of the same number and a day younger.
    let story_after = story(&world, signed_anew, "accepted");
    let info = |story: &Value| story["moment"]["documents"][0].clone();
    let (old, new) = (info(&story_at_first), info(&story_after));
    assert_eq!(old["document"], "tcb-info/sgx/FF53494D554C/3/1");
    assert_eq!(old["document"], new["document"]);
    let issued = |info: &Value| -> Timestamp {
        let text = info["issued"].as_str().expect("text");
        text.parse().expect("a time")
    };
    let age = issued(&new).unix_seconds() - issued(&old).unix_seconds();
    assert!((1..=DAY).contains(&age), "{old} {new}");
    let facts = |story: &Value| {
        let documents = story["answer"]["collateral"]["documents"].clone();
        let documents = documents.as_array().expect("a list").clone();
        let is_info = |one: &&Value| one["name"] == "tcb_info";
        documents.iter().find(is_info).expect("it is there")["from"].clone()
    };
    assert_eq!(facts(&story_at_first), old["issued"]);
    assert_eq!(facts(&story_after), new["issued"]);

    let story_at_last = story(&world, at_last, "refused");
    assert_eq!(story_at_last["moment"]["baseline"], "level-2");
    assert_eq!(
        numbers(&story_at_last),
        json!({"tcb_info": 2, "qe_identity": 2})
    );
    let decides = &story_at_last["decides"];
    assert_eq!(decides["code"], "TcbStatusNotAccepted");
    assert_eq!(decides["short"][0]["part"], json!({"sgx-component": 1}));
    assert_eq!(decides["closes"], json!(["SIMULATED-SA-00002"]));

    // Without an instant it is told by what is demanded now.
    let quote = world.folder.text_path("attested/quote.bin");
    let told = explain(&world, &["--quote", &quote, "--ring", "prod"]);
    assert_eq!(told.status, 1, "{}", told.stderr);
    for words in [
        "what it rests on\n",
        "baseline  level-2",
        "rollout   prod-2",
        "The first part that is too low: SGX component 1 (",
        "Raising them closes SIMULATED-SA-00002.",
    ] {
        assert!(
            told.stdout.contains(words),
            "no {words} in\n{}",
            told.stdout
        );
    }
    let told = explain(
        &world,
        &[
            "--quote",
            &quote,
            "--ring",
            "prod",
            "--at",
            &at_first.to_string(),
        ],
    );
    assert!(told.stdout.starts_with("ACCEPTED"), "{}", told.stdout);
    let row = format!("tcb-info/sgx/FF53494D554C/3/1  {}", issued(&old));
    assert!(told.stdout.contains(&row), "{}", told.stdout);

    // Neither decided nor fetched: it is said what there is not.
    let at = before.to_string();
    let words = ["--quote", &quote, "--at", &at, "--format", "json"];
    let (code, message) = error(&explain(&world, &words));
    assert_eq!(code, "CollateralUnavailable");
    for word in ["tcb-info/sgx/FF53494D554C/3/standard", &at, "--collateral"] {
        assert!(message.contains(word), "no {word} in {message}");
    }
    let (code, message) = error(&explain(
        &world,
        &[&words[..], &["--ring", "prod"]].concat(),
    ));
    assert_eq!(code, "ArgumentInvalid");
    assert!(message.contains("no ring `prod`"), "{message}");
}

#[test]
fn a_platform_is_judged_by_its_last_evidence_and_later_evidence_is_told_as_such() {
    let world = with_old_documents();
    follow(&world, 1);
    let prod = format!("{}/ring/prod", world.url());
    assert_eq!(world.ask("verify", &prod, &[]).status, 0);
    let unseen = between();
    world.observe();
    let seen = between();
    follow(&world, 2);
    assert_eq!(world.ask("verify", &prod, &[]).status, 1);
    let listed = world.administer(&["platform", "list", "--evidence", "--format", "json"]);
    let evidence = listed.json()["evidence"][0].clone();
    let qe_id = evidence["qe_id"].as_str().expect("text");
    let of_platform = |words: &[&str]| {
        let common = ["--platform", qe_id, "--ring", "prod"];
        explain(&world, &[&common[..], words].concat())
    };
    let json_at = |at: Timestamp| of_platform(&["--at", &at.to_string(), "--format", "json"]);

    let at_first = json_at(seen);
    assert_eq!(at_first.status, 0, "{}", at_first.stdout);
    let expected = json!({
        "qe_id": qe_id,
        "tee": "sgx",
        "arrived": evidence["arrived"],
        "is_later": false,
    });
    assert_eq!(at_first.json()["moment"]["evidence"], expected);
    assert_eq!(at_first.json()["moment"]["baseline"], "level-1");
    let at_last = of_platform(&["--format", "json"]);
    assert_eq!(at_last.status, 1, "{}", at_last.stdout);
    assert_eq!(at_last.json()["moment"]["baseline"], "level-2");
    let short = at_last.json()["decides"]["short"][0].clone();
    assert_eq!(short["part"], json!({"sgx-component": 1}));

    // What was shown later says nothing of then, and that is said.
    let later = json_at(unseen);
    assert_eq!(later.status, 0, "{}", later.stdout);
    assert_eq!(later.json()["moment"]["evidence"]["is_later"], true);
    let told = of_platform(&["--at", &unseen.to_string()]).stdout;
    let arrived = evidence["arrived"].as_str().expect("text");
    let caution = format!("The evidence arrived on {arrived}, after {unseen}");
    assert!(told.contains(&caution), "{told}");

    // As TDX it goes by another name.
    let out = world.folder.text_path("both");
    world.happens(&format!("quote --platform one --kind tdx15-v5 --out {out}"));
    let quote = world.folder.text_path("both/quote.bin");
    let observed = world.administer(&["platform", "observe", "--quote", &quote]);
    assert_eq!(observed.status, 0, "{}", observed.stderr);
    let listed = world.administer(&["platform", "list", "--evidence", "--format", "json"]);
    let listed = listed.json()["evidence"].clone();
    for one in listed.as_array().expect("a list") {
        let name = one["qe_id"].as_str().expect("text");
        let story = explain(&world, &["--platform", name, "--format", "json"]).json();
        assert_eq!(story["moment"]["evidence"]["tee"], one["tee"]);
        assert_eq!(story["answer"]["evidence"]["tee"], one["tee"]);
    }
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    let nobody = "00".repeat(16);
    for (name, status) in [(nobody.as_str(), "404"), ("one", "400")] {
        let words = ["--platform", name, "--format", "json"];
        let (code, message) = error(&explain(&world, &words));
        assert_eq!(code, "ServiceRefused", "{name}");
        assert!(message.contains(status), "{message}");
    }
}

#[test]
fn what_cannot_be_known_is_not_guessed() {
    let world = World::new();
    world.observe();
    let at = between().to_string();
    let url = world.url();
    let ask = |words: &[&str]| error(&world.ask("explain", &url, words));
    // What was demanded is told to whoever has a token.
    let (code, message) = ask(&["--at", &at]);
    assert_eq!(code, "ArgumentInvalid");
    assert!(message.contains("--token-file"), "{message}");
    // Who brings a baseline needs none.
    world
        .folder
        .write("own.toml", "[sgx]\nnumber = \"standard\"\n");
    let own = world.folder.text_path("own.toml");
    let by_own = world.ask("explain", &url, &["--at", &at, "--baseline", &own]);
    assert_eq!(by_own.status, 0, "{}", by_own.stdout);
    assert_eq!(by_own.json()["answer"]["baseline"]["name"], "own");
    let moment = by_own.json()["moment"].clone();
    assert_eq!(moment["ring"], Value::Null);
    assert_eq!(
        moment["documents"][0]["document"],
        "tcb-info/sgx/FF53494D554C/3/1"
    );

    let token = world.folder.text_path("state/administrator-token");
    let future = ["--token-file", &token, "--at", "2999-01-01T00:00:00Z"];
    let (code, message) = ask(&future);
    assert_eq!(code, "ArgumentInvalid");
    assert!(message.contains("is to come"), "{message}");
    for words in [
        &["--ring", "prod"][..],
        &["--platform", "00"],
        &["--token-file", &token, "--ring", "a", "--baseline", &own],
    ] {
        assert_eq!(ask(words).0, "UsageInvalid", "{words:?}");
    }
    // A user may not ask: the names of platforms are an administrator's.
    let wrong = world.folder.write("wrong", "not-the-token\n");
    let wrong = wrong.to_str().expect("UTF-8");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(wrong, permissions).expect("a mode");
    let (code, message) = ask(&["--token-file", wrong]);
    assert_eq!(code, "ServiceRefused");
    assert!(message.contains("401"), "{message}");
}
