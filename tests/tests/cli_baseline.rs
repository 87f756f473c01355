//! `bulla baseline`: planned, reviewed, applied, held, excepted and looked at, at a service that
//! runs.

use bulla_tests::daemon::{Daemon, found_vendor};
use bulla_tests::workbench::{Answer, Folder, run, run_with_input};
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

/// A vendor in a box, and a service that asks it.
struct World {
    folder: Folder,
    _vendor: Daemon,
    service: Daemon,
}

impl World {
    fn new() -> Self {
        let folder = Folder::new();
        found_vendor(&folder);
        let vendor = Daemon::vendor(&folder);
        let upstream = format!("http://{}", vendor.address);
        let root = folder.text_path("root.pem");
        let arguments = [
            "--upstream",
            &upstream,
            "--trust-root",
            &root,
            "--simulated",
        ];
        let service = Daemon::service(&folder, &arguments);
        folder.write("plan.toml", PLAN);
        Self {
            folder,
            _vendor: vendor,
            service,
        }
    }

    /// `bulla baseline`, as an administrator.
    fn text(&self, words: &[&str]) -> Answer {
        self.with_input(words, b"")
    }

    fn with_input(&self, words: &[&str], input: &[u8]) -> Answer {
        let url = format!("http://{}", self.service.address);
        let token = self.folder.text_path("state/administrator-token");
        let rest = ["--service", &url, "--token-file", &token];
        run_with_input(&[&["baseline"], words, &rest].concat(), input)
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
        self.folder.write(name, text);
        self.folder.text_path(name)
    }

    /// Gives the service the quote of the vendor's platform.
    #[track_caller]
    fn observe(&self) {
        let url = format!("http://{}", self.service.address);
        let token = self.folder.text_path("state/administrator-token");
        let quote = self.folder.text_path("attested/quote.bin");
        let observe = ["platform", "observe", "--quote", &quote, "--service", &url];
        let observed = run(&[&observe[..], &["--token-file", &token]].concat());
        assert_eq!(observed.status, 0, "{}", observed.stderr);
    }

    /// Plans and applies.
    #[track_caller]
    fn apply(&self, text: &str) -> Value {
        let file = self.plan("applied.toml", text);
        let planned = self.done(&["plan", "--file", &file]);
        let digest = planned["digest"].as_str().expect("a digest");
        self.done(&["apply", "--file", &file, "--digest", digest])
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
    let world = World::new();
    let at_first = world.text(&["list"]);
    contains(
        &at_first,
        &["SIMULATED", "after 0 decisions", "default  standard"],
    );

    let file = world.folder.text_path("plan.toml");
    let planned = world.done(&["plan", "--file", &file]);
    assert_eq!(planned["state"], 0);
    let difference = planned["difference"].as_array().expect("lines");
    assert_eq!(difference.len(), 5, "{planned:#}");
    let digest = planned["digest"].as_str().expect("a digest").to_owned();
    let told = world.text(&["plan", "--file", &file]);
    contains(&told, &["changes nothing yet", "+ ring prod", &digest]);
    assert_eq!(world.done(&["list"])["decisions"], 0);

    let apply = |digest: &str| world.text(&["apply", "--file", &file, "--digest", digest]);
    let moved = |answer: Answer| {
        assert_eq!(answer.status, 2, "{}", answer.stdout);
        assert!(answer.stderr.contains("plan-moved"), "{}", answer.stderr);
    };
    moved(apply(&"0".repeat(64)));
    let applied = apply(&digest);
    contains(&applied, &["decision 1 is in force", "+ baseline level-1"]);
    moved(apply(&digest));

    // From standard input as well.
    let input = world.with_input(&["plan", "--file", "-"], b"[rings.lab]\n");
    contains(&input, &["+ ring lab: path /ring/lab"]);
}

#[test]
fn rings_and_everything_of_a_name_are_shown_of_now_and_of_any_time() {
    let world = World::new();
    world.apply(PLAN);
    let listed = world.text(&["list"]);
    let next = "level-1 from 2999-01-15T06:00:00Z";
    contains(
        &listed,
        &["canary   level-1   canary-1", next, "host prod.example"],
    );
    let json = world.done(&["list"]);
    assert_eq!(json["rings"]["canary"]["demand"]["rollout"], "canary-1");
    let later = world.done(&["list", "--at", "2999-01-15T06:00:00Z"]);
    assert_eq!(later["rings"]["prod"]["demand"]["rollout"], "prod-1");
    let before = world.done(&["list", "--at", "1000000000"]);
    assert_eq!(before["decisions"], 0);

    let shown = world.text(&["show", "level-1"]);
    let words = [
        "decision  1",
        "early",
        "UpToDate, SWHardeningNeeded",
        "00906ED50000",
        "pcesvn",
    ];
    contains(&shown, &words);
    let shown = world.text(&["show", "prod-1"]);
    contains(
        &shown,
        &["planned", "2999-01-15T06:00:00Z", "2999-03-01T00:00:00Z"],
    );
    contains(
        &world.text(&["show", "prod"]),
        &["/ring/prod", "prod.example", "follows"],
    );
    let json = world.done(&["show", "level-1"]);
    assert_eq!(json["name"], "level-1");
    assert_eq!(json["baseline"]["tdx"]["floor"], json!({"pcesvn": 11}));
    assert_eq!(json["ring"], Value::Null);
    let unknown = world.refused(&["show", "level-2"], "ArgumentInvalid");
    assert!(unknown.contains("`level-2`"), "{unknown}");
    let time = world.refused(&["list", "--at", "tomorrow"], "TimeInvalid");
    assert!(time.contains("tomorrow"), "{time}");
}

#[test]
fn rollouts_are_held_and_go_on_and_rings_go_back() {
    let world = World::new();
    world.apply(PLAN);
    let paused = world.text(&["pause", "prod-1", "--reason", "OPS-1: a freeze"]);
    contains(&paused, &["decision 2 is in force", "prod-1"]);
    contains(
        &world.text(&["show", "prod-1"]),
        &["held", "OPS-1: a freeze"],
    );
    assert_eq!(world.done(&["resume", "prod-1"])["decision"], 3);
    let back = world.done(&["rollback", "canary", "--reason", "OPS-2"]);
    assert_eq!(back["decision"], 4);
    let rings = world.done(&["list"])["rings"].clone();
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
        let said = world.text(words).stderr;
        assert!(said.contains("422, decision-refused"), "{said}");
        assert!(said.contains(reason), "{said}");
    }

    let told = world.text(&["history"]);
    contains(&told, &["4 decisions at", "4  ", "+ ring prod", "ago) by"]);
    let history = world.done(&["history", "--limit", "1"]);
    assert_eq!(history["history"][0]["decision"], 4);
    assert_eq!(history["history"].as_array().map(Vec::len), Some(1));
}

#[test]
fn exceptions_are_granted_listed_and_ended() {
    let world = World::new();
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
        world.text(&[&words, more].concat())
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
    let listed = world.text(&["exception", "list"]);
    let words = [
        "rack-12",
        "in force",
        "INTEL-SA-00828",
        "OPS-4711: \"January\"",
        "k.lindt",
    ];
    contains(&listed, &words);
    let shown = world.done(&["show", "rack-12"])["exception"].clone();
    assert_eq!(
        shown["group"]["families"],
        json!(["00806F050000", "00906ED50000"])
    );
    assert_eq!(shown["group"]["platforms"], json!([platform]));
    let ended = world.text(&["exception", "list", "--at", "2999-02-01T00:00:00Z"]);
    contains(&ended, &["ended"]);
    contains(
        &world.text(&["show", "rack-12"]),
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
    assert_eq!(world.done(&["exception", "end", "rack-12"])["decision"], 2);
    assert_eq!(world.done(&["list"])["exceptions"], json!({}));
    let gone = world.text(&["exception", "end", "rack-12"]);
    assert!(
        gone.stderr.contains("there is no such object"),
        "{}",
        gone.stderr
    );
}

#[test]
fn who_would_fall_out_is_told_before_and_fails_a_pipeline() {
    let world = World::new();
    let directory = world.folder.text_path("box");
    let advisory = ["--advisory", "SIMULATED-SA-00002", "--dir", &directory];
    let recover = ["vendor", "recover", "--raises", "microcode"];
    assert_eq!(run(&[&recover[..], &advisory].concat()).status, 0);
    let nobody = world.done(&["preview", "--number", "early", "--fail-if-below", "100%"]);
    assert_eq!(
        (&nobody["share"], &nobody["enough"]),
        (&json!(10_000), &json!(true))
    );
    world.observe();

    let told = world.text(&["preview"]);
    contains(
        &told,
        &["under standard at", "1 pass (100.00 %)", "0 fall out"],
    );
    let early = world.text(&["preview", "--number", "early"]);
    let words = [
        "0 pass (0.00 %), 1 fall out, 0 unknown",
        "SGX component 1 has ",
        ": update the microcode",
        "which closes SIMULATED-SA-00002",
        "sgx of FF53494D554C: falls out, OutOfDate",
        "OutOfDate",
    ];
    contains(&early, &words);
    for (share, status) in [("0%", 0), ("0.01%", 1), ("99%", 1)] {
        let words = ["preview", "--number", "2", "--fail-if-below", share];
        let answer = world.text(&words);
        assert_eq!(answer.status, status, "{share}");
        let is_said = answer.stdout.contains("fewer pass than");
        assert_eq!(is_said, status == 1);
    }
    let json = world.text(&[
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
    let unknown = world.refused(&["preview", "--ring", "nowhere"], "ServiceRefused");
    assert!(
        unknown.contains("there is no ring of this name"),
        "{unknown}"
    );
    world.refused(&["preview", "--fail-if-below", "99"], "UsageInvalid");

    let text = "[baselines.level-2]\nsgx.number = \"early\"\n[rollouts.all]\nring = \"default\"\n\
                baseline = \"level-2\"\nfrom = \"2999-01-15T06:00:00Z\"\n";
    let file = world.plan("two.toml", text);
    let planned = world.text(&["plan", "--file", &file]);
    let words = [
        "ring default under level-2 from 2999-01-15T06:00:00Z",
        "1 fall out",
        "digest",
    ];
    contains(&planned, &words);
    let json = world.done(&["plan", "--file", &file]);
    assert_eq!(json["previews"][0]["counts"]["fall_out"], 1);
}

#[test]
fn what_is_wrong_with_a_plan_is_said_with_its_place() {
    let world = World::new();
    let file = world.plan("wrong.toml", "[rings.prod]\nhost = []\n");
    let message = world.refused(&["plan", "--file", &file], "PlanMalformed");
    assert!(
        message.contains("line 2, column 1, `rings.prod.host`"),
        "{message}"
    );
    let digest = "0".repeat(64);
    let apply = ["apply", "--file", &file, "--digest", &digest];
    assert_eq!(world.refused(&apply, "PlanMalformed"), message);
    let empty = world.plan("empty.toml", "\n");
    world.refused(&["plan", "--file", &empty], "InputEmpty");
    world.refused(&["plan", "--file", "nowhere.toml"], "FileNotFound");

    let file = world.plan(
        "impossible.toml",
        "[baselines.standard]\n[rollouts.a]\nring = \"x\"\nbaseline = \"y\"\n",
    );
    let message = world.refused(&["plan", "--file", &file], "ServiceRefused");
    for word in [
        "`baselines.standard`",
        "`rollouts.a.ring`",
        "`rollouts.a.baseline`",
    ] {
        assert!(message.contains(word), "{message}");
    }
    let file = world.folder.text_path("plan.toml");
    let message = world.refused(
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
