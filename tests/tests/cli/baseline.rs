//! `bulla baseline`: planned, reviewed, applied, held, excepted and looked at, at a service that
//! runs.

use bulla_tests::workbench::{Answer, run};
use bulla_tests::world::World;
use serde_json::{Value, json};

const PLAN: &str = r#"
[baselines.level-1]
sgx = { number = 1, accepted_tcb_statuses = ["UpToDate", "SWHardeningNeeded"] }
[baselines.level-1.tdx]
number = "early"
floor = { pcesvn = 11 }
[baselines.level-1.families.00906ED50000]
sgx = { number = "standard" }

[rings.prod]
hosts = ["prod.example"]

[rings.canary]

[rollouts.canary-1]
ring = "canary"
baseline = "level-1"

[rollouts.prod-1]
ring = "prod"
baseline = "level-1"
from = "2999-01-15T06:00:00Z"
deadline = "2999-03-01T00:00:00Z"
"#;

/// `bulla baseline` at a service of its own, with a plan in `plan.toml`.
struct Desk {
    world: World,
}

impl Desk {
    fn new() -> Self {
        let world = World::new();
        world.folder.write("plan.toml", PLAN);
        Self { world }
    }

    /// `bulla baseline`, as an administrator.
    fn text(&self, words: &[&str]) -> Answer {
        self.world.administer(&[&["baseline"], words].concat())
    }

    /// The same in JSON, which is what it is for.
    #[track_caller]
    fn done(&self, words: &[&str]) -> Value {
        let answer = self.text(&[words, &["--format", "json"]].concat());
        assert_eq!(answer.status, 0, "{words:?}: {}", answer.stdout);
        let json = answer.json();
        assert_eq!(json["simulated"], true);
        assert!(json["service"].is_string());
        json
    }

    /// The same, refused with this code, and what is said.
    #[track_caller]
    fn refused(&self, words: &[&str], code: &str) -> String {
        let answer = self.text(&[words, &["--format", "json"]].concat());
        assert_eq!(answer.status, 2, "{words:?}: {}", answer.stdout);
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        error["message"].as_str().expect("text").to_owned()
    }

    fn plan(&self, name: &str, text: &str) -> String {
        self.world.folder.write(name, text);
        self.world.folder.text_path(name)
    }
}

#[track_caller]
fn contains(answer: &Answer, words: &[&str]) {
    assert_eq!(answer.status, 0, "{}", answer.stderr);
    for word in words {
        assert!(
            answer.stdout.contains(word),
            "no {word} in\n{}",
            answer.stdout
        );
    }
}

#[test]
fn what_was_reviewed_is_what_happens() {
    let desk = Desk::new();
    let at_first = desk.text(&["list"]);
    contains(
        &at_first,
        &["SIMULATED", "after 0 decisions", "default  standard"],
    );

    let file = desk.world.folder.text_path("plan.toml");
    let planned = desk.done(&["plan", "--file", &file]);
    assert_eq!(planned["state"], 0);
    let difference = planned["difference"].as_array().expect("lines");
    assert_eq!(difference.len(), 5, "{planned:#}");
    let digest = planned["digest"].as_str().expect("a digest").to_owned();
    let told = desk.text(&["plan", "--file", &file]);
    contains(&told, &["changes nothing yet", "+ ring prod", &digest]);
    assert_eq!(desk.done(&["list"])["decisions"], 0);

    let apply = |digest: &str| desk.text(&["apply", "--file", &file, "--digest", digest]);
    let moved = |answer: Answer| {
        assert_eq!(answer.status, 2, "{}", answer.stdout);
        assert!(answer.stderr.contains("plan-moved"), "{}", answer.stderr);
    };
    moved(apply(&"0".repeat(64)));
    let applied = apply(&digest);
    contains(&applied, &["decision 1 is in force", "+ baseline level-1"]);
    moved(apply(&digest));

    // From standard input as well.
    let input = desk
        .world
        .administer_with(&["baseline", "plan", "--file", "-"], b"[rings.lab]\n");
    contains(&input, &["+ ring lab: path /ring/lab"]);
}

#[test]
fn rings_and_everything_of_a_name_are_shown_of_now_and_of_any_time() {
    let desk = Desk::new();
    desk.world.apply(PLAN);
    let listed = desk.text(&["list"]);
    let next = "level-1 from 2999-01-15T06:00:00Z";
    contains(
        &listed,
        &["canary   level-1   canary-1", next, "host prod.example"],
    );
    let json = desk.done(&["list"]);
    assert_eq!(json["rings"]["canary"]["demand"]["rollout"], "canary-1");
    let later = desk.done(&["list", "--at", "2999-01-15T06:00:00Z"]);
    assert_eq!(later["rings"]["prod"]["demand"]["rollout"], "prod-1");
    let before = desk.done(&["list", "--at", "1000000000"]);
    assert_eq!(before["decisions"], 0);

    let shown = desk.text(&["show", "level-1"]);
    let words = [
        "decision  1",
        "early",
        "UpToDate, SWHardeningNeeded",
        "00906ED50000",
        "pcesvn",
    ];
    contains(&shown, &words);
    let shown = desk.text(&["show", "prod-1"]);
    contains(
        &shown,
        &["planned", "2999-01-15T06:00:00Z", "2999-03-01T00:00:00Z"],
    );
    contains(
        &desk.text(&["show", "prod"]),
        &["/ring/prod", "prod.example", "follows"],
    );
    let json = desk.done(&["show", "level-1"]);
    assert_eq!(json["name"], "level-1");
    assert_eq!(json["baseline"]["tdx"]["floor"], json!({"pcesvn": 11}));
    assert_eq!(json["ring"], Value::Null);
    let unknown = desk.refused(&["show", "level-2"], "ArgumentInvalid");
    assert!(unknown.contains("`level-2`"), "{unknown}");
    let time = desk.refused(&["list", "--at", "tomorrow"], "TimeInvalid");
    assert!(time.contains("tomorrow"), "{time}");
}

#[test]
fn what_comes_stands_in_a_calendar() {
    let desk = Desk::new();
    desk.world.apply(PLAN);
    let reason = "OPS-4711: January, or later";
    let until = "2999-01-31T23:59:59Z";
    let words = [
        "exception",
        "grant",
        "rack-12",
        "--advisory",
        "INTEL-SA-00828",
    ];
    let why = ["--until", until, "--reason", reason, "--author", "k.lindt"];
    assert_eq!(desk.text(&[&words[..], &why].concat()).status, 0);
    let calendar = |words: &[&str]| {
        let answer = desk.text(&[&["calendar"], words].concat());
        assert_eq!(answer.status, 0, "{}", answer.stderr);
        let lines = answer.stdout.split_terminator("\r\n");
        assert!(
            lines
                .clone()
                .all(|line| line.len() <= 75 && !line.contains('\n'))
        );
        let unfolded = answer.stdout.replace("\r\n ", "");
        let lines = unfolded.split_terminator("\r\n").map(str::to_owned);
        lines.collect::<Vec<String>>()
    };
    let lines = calendar(&[]);
    let ends = [lines.first(), lines.last()];
    let expected = ["BEGIN:VCALENDAR", "END:VCALENDAR"];
    assert_eq!(
        ends.map(|line| line.map(String::as_str)),
        expected.map(Some)
    );
    let of = |lines: &[String], name: &str| -> Vec<String> {
        let values = lines.iter().filter_map(|line| line.strip_prefix(name));
        values.map(str::to_owned).collect()
    };
    assert_eq!(
        of(&lines, "DTSTART:"),
        ["29990115T060000Z", "29990131T235959Z"]
    );
    let summaries = [
        "SIMULATED prod: level-1 becomes mandatory",
        "SIMULATED exception rack-12 ends: INTEL-SA-00828",
    ];
    assert_eq!(of(&lines, "SUMMARY:"), summaries);
    assert_eq!(
        of(&lines, "DESCRIPTION:")[1],
        "OPS-4711: January\\, or later (k.lindt)"
    );

    // One that is held is expected at its deadline, under the same name.
    assert_eq!(desk.text(&["pause", "prod-1", "--reason", "a"]).status, 0);
    let held = calendar(&[]);
    assert_eq!(
        of(&held, "DTSTART:"),
        ["29990131T235959Z", "29990301T000000Z"]
    );
    assert_eq!(of(&held, "UID:")[1], of(&lines, "UID:")[0]);
    let nothing = calendar(&["--at", "2999-03-01T00:00:00Z"]);
    assert_eq!(of(&nothing, "DTSTART:"), Vec::<String>::new());
    let json = desk.done(&["calendar"]);
    assert_eq!(json["events"][1]["at"], "2999-03-01T00:00:00Z");
}

#[test]
fn rollouts_are_held_and_go_on_and_rings_go_back() {
    let desk = Desk::new();
    desk.world.apply(PLAN);
    let paused = desk.text(&["pause", "prod-1", "--reason", "OPS-1: a freeze"]);
    contains(&paused, &["decision 2 is in force", "prod-1"]);
    contains(
        &desk.text(&["show", "prod-1"]),
        &["held", "OPS-1: a freeze"],
    );
    assert_eq!(desk.done(&["resume", "prod-1"])["decision"], 3);
    let back = desk.done(&["rollback", "canary", "--reason", "OPS-2"]);
    assert_eq!(back["decision"], 4);
    let rings = desk.done(&["list"])["rings"].clone();
    assert_eq!(rings["canary"]["demand"]["baseline"], "standard");
    for (words, reason) in [
        (
            &["pause", "none", "--reason", "a"][..],
            "there is no such rollout",
        ),
        (&["resume", "prod-1"], "it is not held"),
        (
            &["rollback", "prod", "--reason", "a"],
            "no rollout has begun",
        ),
    ] {
        let said = desk.text(words).stderr;
        assert!(said.contains("422, decision-refused"), "{said}");
        assert!(said.contains(reason), "{said}");
    }

    let told = desk.text(&["history"]);
    contains(&told, &["4 decisions at", "4  ", "+ ring prod", "ago) by"]);
    let history = desk.done(&["history", "--limit", "1"]);
    assert_eq!(history["history"][0]["decision"], 4);
    assert_eq!(history["history"].as_array().map(Vec::len), Some(1));
}

#[test]
fn exceptions_are_granted_listed_and_ended() {
    let desk = Desk::new();
    let grant = |name: &str, more: &[&str]| {
        let words = [
            "exception",
            "grant",
            name,
            "--advisory",
            "INTEL-SA-00828",
            "--until",
            "2999-01-31T23:59:59Z",
            "--reason",
            "OPS-4711: \"January\"",
            "--author",
            "k.lindt",
        ];
        desk.text(&[&words, more].concat())
    };
    let platform = "0f".repeat(32);
    let group = [
        "--family",
        "00806f050000",
        "--family",
        "00906ED50000",
        "--platform",
        &platform,
    ];
    contains(
        &grant("rack-12", &group),
        &["decision 1 is in force", "rack-12"],
    );
    let listed = desk.text(&["exception", "list"]);
    let words = [
        "rack-12",
        "in force",
        "INTEL-SA-00828",
        "OPS-4711: \"January\"",
        "k.lindt",
    ];
    contains(&listed, &words);
    let shown = desk.done(&["show", "rack-12"])["exception"].clone();
    assert_eq!(
        shown["group"]["families"],
        json!(["00806F050000", "00906ED50000"])
    );
    assert_eq!(shown["group"]["platforms"], json!([platform]));
    let ended = desk.text(&["exception", "list", "--at", "2999-02-01T00:00:00Z"]);
    contains(&ended, &["ended"]);
    contains(
        &desk.text(&["show", "rack-12"]),
        &["00806F050000", &platform],
    );

    // What is wrong is said before anybody is asked.
    for (more, field) in [
        (&["--family", "0080"][..], "group.families"),
        (&["--platform", "00"], "group.platforms"),
    ] {
        let refused = grant("a", more);
        assert_eq!(refused.status, 2);
        assert!(refused.stderr.contains(field), "{}", refused.stderr);
    }
    assert_eq!(desk.done(&["exception", "end", "rack-12"])["decision"], 2);
    assert_eq!(desk.done(&["list"])["exceptions"], json!({}));
    let gone = desk.text(&["exception", "end", "rack-12"]);
    assert!(
        gone.stderr.contains("there is no such object"),
        "{}",
        gone.stderr
    );
}

#[test]
fn who_would_fall_out_is_told_before_and_fails_a_pipeline() {
    let desk = Desk::new();
    desk.world
        .happens("recover --raises microcode --advisory SIMULATED-SA-00002");
    let nobody = desk.done(&["preview", "--number", "early", "--fail-if-below", "100%"]);
    assert_eq!(
        (&nobody["share"], &nobody["enough"]),
        (&json!(10_000), &json!(true))
    );
    desk.world.observe();

    let told = desk.text(&["preview"]);
    contains(
        &told,
        &["under standard at", "1 pass (100.00 %)", "0 fall out"],
    );
    let early = desk.text(&["preview", "--number", "early"]);
    let words = [
        "0 pass (0.00 %), 1 fall out, 0 unknown",
        "SGX component 1 has ",
        ": update the microcode",
        "which closes SIMULATED-SA-00002",
        "sgx of FF53494D554C: falls out, OutOfDate",
        "OutOfDate",
    ];
    contains(&early, &words);
    let all = desk.done(&["preview", "--number", "early", "--all"]);
    assert_eq!(all["platforms"].as_array().map(Vec::len), Some(1));
    assert_eq!(all["next"], Value::Null);
    for (share, status) in [("0%", 0), ("0.01%", 1), ("99%", 1)] {
        let words = ["preview", "--number", "2", "--fail-if-below", share];
        let answer = desk.text(&words);
        assert_eq!(answer.status, status, "{share}");
        let is_said = answer.stdout.contains("fewer pass than");
        assert_eq!(is_said, status == 1);
    }
    let json = desk.text(&[
        "preview",
        "--number",
        "early",
        "--fail-if-below",
        "99%",
        "--format",
        "json",
    ]);
    assert_eq!(json.status, 1);
    assert_eq!(json.json()["enough"], false);
    assert_eq!(json.json()["counts"]["fall_out"], 1);
    let unknown = desk.refused(&["preview", "--ring", "nowhere"], "ServiceRefused");
    assert!(
        unknown.contains("there is no ring of this name"),
        "{unknown}"
    );
    desk.refused(&["preview", "--fail-if-below", "99"], "UsageInvalid");

    let text = "[baselines.level-2]\nsgx.number = \"early\"\n[rollouts.all]\nring = \"default\"\n\
                baseline = \"level-2\"\nfrom = \"2999-01-15T06:00:00Z\"\n";
    let file = desk.plan("two.toml", text);
    let planned = desk.text(&["plan", "--file", &file]);
    let words = [
        "ring default under level-2 from 2999-01-15T06:00:00Z",
        "1 fall out",
        "digest",
    ];
    contains(&planned, &words);
    let json = desk.done(&["plan", "--file", &file]);
    assert_eq!(json["previews"][0]["counts"]["fall_out"], 1);
}

#[test]
fn what_is_wrong_with_a_plan_is_said_with_its_place() {
    let desk = Desk::new();
    let file = desk.plan("wrong.toml", "[rings.prod]\nhost = []\n");
    let message = desk.refused(&["plan", "--file", &file], "PlanMalformed");
    assert!(
        message.contains("line 2, column 1, `rings.prod.host`"),
        "{message}"
    );
    let digest = "0".repeat(64);
    let apply = ["apply", "--file", &file, "--digest", &digest];
    assert_eq!(desk.refused(&apply, "PlanMalformed"), message);
    let empty = desk.plan("empty.toml", "\n");
    desk.refused(&["plan", "--file", &empty], "InputEmpty");
    desk.refused(&["plan", "--file", "nowhere.toml"], "FileNotFound");

    let file = desk.plan(
        "impossible.toml",
        "[baselines.standard]\n[rollouts.a]\nring = \"x\"\nbaseline = \"y\"\n",
    );
    let message = desk.refused(&["plan", "--file", &file], "ServiceRefused");
    for word in [
        "`baselines.standard`",
        "`rollouts.a.ring`",
        "`rollouts.a.baseline`",
    ] {
        assert!(message.contains(word), "{message}");
    }
    let file = desk.world.folder.text_path("plan.toml");
    let message = desk.refused(
        &["apply", "--file", &file, "--digest", "abc"],
        "ServiceRefused",
    );
    assert!(message.contains("digest"), "{message}");
    let no_token = [
        "baseline",
        "list",
        "--service",
        "http://127.0.0.1:1",
        "--token-file",
        "none",
    ];
    assert_eq!(run(&no_token).status, 2);
}
