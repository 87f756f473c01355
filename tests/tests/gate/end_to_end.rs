//! The gate from end to end: the real service, the real client and wrapper, and a vendor in a box.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulla_gate::{
    Evidence, EvidenceError, EvidenceFormat, EvidenceProvider, GateError, Settings, TokenKeys,
    blocking,
};
use bulla_tests::binary::bulla;
use bulla_tests::daemon::Daemon;
use bulla_tests::gate_daemon::Grounds;
use bulla_tests::gatehouse::POLICY;
use bulla_tests::workbench::now;
use bulla_vendor::{QuoteKind, Selection, StateDirectory, Subject};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// How long results count, in seconds: long enough for a machine that has much else to do.
const TOKEN_SECONDS: u64 = 16;

/// A gate that runs with a policy and the secret `database`.
struct Scene {
    grounds: Grounds,
    service: Daemon,
}

impl Scene {
    fn open(settings: &str) -> Self {
        let lifetime = format!("token_seconds = {TOKEN_SECONDS}\n");
        let grounds = Grounds::new(&format!("place = \"owner\"\n{lifetime}{settings}"));
        let service = grounds.start();
        grounds.furnish(&service, "database", &[]);
        Self { grounds, service }
    }

    fn url(&self) -> String {
        format!("http://{}", self.service.address)
    }

    /// `bulla gate ACTION` at this gate, from the vendor's platform.
    fn command(&self, action: &str, options: &[&str]) -> Command {
        let mut command = bulla();
        command
            .args(["gate", action, "--service", &self.url()])
            .args(["--policy", POLICY, "--simulated-platform", "one"])
            .args(["--dir", &self.grounds.folder.text_path("box")])
            .args(options)
            .stdin(Stdio::null());
        command
    }

    fn attest(&self, options: &[&str]) -> Output {
        let mut command = self.command("attest", &[options, &["--format", "json"]].concat());
        command.output().expect("bulla runs")
    }

    fn guarded(&self, options: &[&str], script: &str) -> Output {
        let mut command = self.command("run", options);
        let output = command.args(["--", "sh", "-c", script]).output();
        output.expect("bulla runs")
    }

    /// How often an action had this outcome, by the operator's list.
    fn decided(&self, action: &str, outcome: &str) -> usize {
        let list = ["decisions", "--limit", "1000", "--format", "json"];
        let decisions = self.grounds.gate(&self.service, &list).json()["decisions"].take();
        let decisions = decisions.as_array().expect("a list").iter();
        decisions
            .filter(|one| one["action"] == action && one["outcome"] == outcome)
            .count()
    }

    fn settings(&self) -> Settings {
        Settings::new(self.url(), POLICY)
    }

    fn provider(&self) -> Arc<dyn EvidenceProvider> {
        Arc::new(Platform(StateDirectory::new(
            self.grounds.folder.path("box"),
        )))
    }
}

/// The vendor's platform `one`, as a program that uses the library has it.
struct Platform(StateDirectory);

impl EvidenceProvider for Platform {
    fn collect(&self, report_data: &[u8; 64]) -> Result<Evidence, EvidenceError> {
        let vendor = self.0.read().expect("a vendor");
        let name = "one".parse().expect("a name");
        let platform = vendor.platform(&name, now()).expect("a platform");
        let subject = Subject {
            kind: QuoteKind::SgxV3,
            report_data: *report_data,
            debug: false,
            launched: None,
        };
        let attested = vendor.attest(platform, &subject, Selection::Standard, now());
        Ok(Evidence {
            format: EvidenceFormat::DcapQuote,
            bytes: attested.expect("a quote").quote,
            auxiliary: Vec::new(),
        })
    }
}

/// A script under the gate that goes on, and has said `ready`.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

/// A script that waits until it is told to end, and says so.
const WAITS: &str = "trap 'echo stopping; exit 5' TERM; echo ready; while :; do sleep 0.1; done";

impl Running {
    fn start(scene: &Scene) -> Self {
        let mut command = scene.command("run", &["--secret", "database=file:KEY"]);
        command.args(["--", "sh", "-c", WAITS]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("bulla runs");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut running = Self { child, output };
        let mut line = String::new();
        running.output.read_line(&mut line).expect("text");
        assert_eq!(line, "ready\n");
        running
    }

    /// Its status, what else it wrote, and what bulla said.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut output, mut told) = (String::new(), String::new());
        self.output.read_to_string(&mut output).expect("text");
        let mut stderr = self.child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut told).expect("text");
        (self.child.wait().expect("it ends").code(), output, told)
    }

    /// That it was stopped, with time to end by itself, and for this reason.
    #[track_caller]
    fn ends_stopped_for(self, reason: &str) {
        let (status, output, told) = self.end();
        assert_eq!(status, Some(124), "{told}");
        assert_eq!(output, "stopping\n", "{told}");
        let line = told.lines().find(|line| line.contains("stopping the"));
        assert!(line.is_some_and(|line| line.contains(reason)), "{told}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

#[test]
fn client_and_wrapper_get_from_the_service_what_they_are_owed() {
    let scene = Scene::open("");
    let attested = scene.attest(&[]);
    assert_eq!(
        attested.status.code(),
        Some(0),
        "{}",
        text(&attested.stderr)
    );
    let told = json(&attested);
    assert_eq!(
        (&told["attested"], &told["simulated"], &told["status"]),
        (&true.into(), &true.into(), &"warning".into())
    );
    let token = told["token"].as_str().expect("a token");
    let claims = bulla_tests::gatehouse::unverified(token);
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&scene.url().into(), &scene.url().into())
    );
    assert_eq!(claims["bulla"]["policy"]["name"], POLICY);

    for (option, script) in [
        ("database=file:KEY", "cat \"$KEY\""),
        ("database=env:KEY", "printf %s \"$KEY\""),
    ] {
        let answer = scene.guarded(&["--secret", option], script);
        let told = text(&answer.stderr);
        assert_eq!(answer.status.code(), Some(0), "{told}");
        assert_eq!(text(&answer.stdout), "open sesame");
        assert!(
            told.contains("SIMULATED") && !told.contains("sesame"),
            "{told}"
        );
    }
    assert_eq!(scene.decided("attest", "accepted"), 3);
    assert_eq!(scene.decided("release", "released"), 2);

    // Keys that were fetched before and elsewhere serve as well.
    let keys = scene.service.get("/.well-known/jwks.json").body;
    scene.grounds.folder.write("keys.json", &keys);
    let keys = scene.grounds.folder.text_path("keys.json");
    assert_eq!(scene.attest(&["--keys", &keys]).status.code(), Some(0));
    let rotated = scene.grounds.gate(&scene.service, &["keys", "rotate"]);
    assert_eq!(rotated.status, 0, "{}", rotated.stderr);
    let unknown = scene.attest(&["--keys", &keys]);
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(json(&unknown)["error"]["code"], "TokenRefused");
    assert_eq!(scene.attest(&[]).status.code(), Some(0));
}

#[test]
fn what_the_service_refuses_is_neither_attested_nor_started() {
    let scene = Scene::open("");
    let refused = |code: &str, reason: &str| {
        let answer = scene.attest(&[]);
        let told = json(&answer);
        assert_eq!(
            (answer.status.code(), &told["code"]),
            (Some(1), &code.into())
        );
        let message = told["message"].as_str().expect("a message");
        assert!(message.contains(reason), "{message}");
        let never = scene.guarded(&["--secret", "database=env:KEY"], "echo started");
        assert_eq!(
            (never.status.code(), text(&never.stdout)),
            (Some(1), String::new())
        );
        assert!(
            text(&never.stderr).contains(reason),
            "{}",
            text(&never.stderr)
        );
    };
    scene.grounds.decree(&scene.service, "# the default\n");
    refused("attestation-refused", "TrustAnchorNotAccepted");
    let removed = scene
        .grounds
        .gate(&scene.service, &["policy", "remove", POLICY]);
    assert_eq!(removed.status, 0, "{}", removed.stderr);
    refused("policy-unknown", "no policy of this name");

    // A secret that there is none of: the machine is accepted, and the command not started.
    scene.grounds.furnish(&scene.service, "database", &[]);
    let never = scene.guarded(&["--secret", "other=env:KEY"], "echo started");
    assert_eq!(
        (never.status.code(), text(&never.stdout)),
        (Some(1), String::new())
    );
    assert!(text(&never.stderr).contains("release-refused"));
    assert_eq!(scene.guarded(&[], "exit 7").status.code(), Some(7));
}

#[test]
fn issuer_and_audience_are_those_of_the_configuration() {
    let (issuer, audience) = ("https://gate.test.example", "https://payroll.test.example");
    let named = format!("issuer = \"{issuer}\"\naudience = \"{audience}\"\n");
    let scene = Scene::open(&named);
    let secret = ["--secret", "database=env:KEY"];
    let run = |options: &[&str]| {
        let answer = scene.guarded(&[&secret, options].concat(), "printf %s \"$KEY\"");
        (
            answer.status.code(),
            text(&answer.stdout),
            text(&answer.stderr),
        )
    };
    let (status, output, told) = run(&["--issuer", issuer, "--audience", audience]);
    assert_eq!(
        (status, output.as_str()),
        (Some(0), "open sesame"),
        "{told}"
    );
    // Whoever expects another is not satisfied.
    for options in [
        vec![],
        vec!["--issuer", audience, "--audience", audience],
        vec!["--issuer", issuer],
    ] {
        let (status, output, told) = run(&options);
        assert_eq!((status, output.as_str()), (Some(2), ""), "{options:?}");
        assert!(told.contains("TokenRefused"), "{told}");
    }
    // A result for somebody else counts there, and opens nothing here.
    let elsewhere = [
        "--issuer",
        issuer,
        "--audience",
        "https://other.test.example",
    ];
    assert_eq!(scene.attest(&elsewhere).status.code(), Some(0));
    let (status, output, told) = run(&elsewhere);
    assert_eq!((status, output.as_str()), (Some(1), ""));
    assert!(told.contains("release-refused"), "{told}");
}

#[test]
fn a_command_goes_on_while_its_platform_is_good_and_is_stopped_when_that_is_revoked() {
    let scene = Scene::open("");
    let running = Running::start(&scene);
    let end = Instant::now() + PATIENCE;
    // Twice more: so the second result, too, was followed by another in time.
    while scene.decided("attest", "accepted") < 3 {
        assert!(Instant::now() < end, "it attests again");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(scene.decided("release", "released"), 1, "once for all");
    scene.grounds.revoke(&scene.service);
    running.ends_stopped_for("CertificateRevoked");
}

#[test]
fn a_command_is_stopped_when_the_policy_asks_for_more() {
    let scene = Scene::open("");
    let running = Running::start(&scene);
    let policy = std::fs::read_to_string(scene.grounds.folder.path("policy.toml"));
    let policy = policy.expect("a policy");
    let demanding = format!("{policy}[sgx]\nmrenclave = [\"{}\"]\n", "00".repeat(32));
    scene.grounds.decree(&scene.service, &demanding);
    running.ends_stopped_for("MrenclaveMismatch");
}

#[test]
fn a_command_is_stopped_when_the_gate_is_gone_until_the_result_has_ended() {
    let scene = Scene::open("");
    let running = Running::start(&scene);
    let Scene { grounds, service } = scene;
    assert!(service.end().success());
    running.ends_stopped_for("cannot be asked");
    drop(grounds);
}

#[test]
fn programs_that_use_the_library_get_the_same_from_the_service() {
    let scene = Scene::open("");
    let client = blocking::Client::new(scene.settings(), scene.provider()).expect("a client");
    let attestation = client.attest().expect("attested");
    assert!(attestation.is_simulated());
    let mut secret = client.release(&attestation, "database").expect("released");
    assert_eq!(secret.get().expect("it stands"), b"open sesame");
    let permission = attestation.permission();
    assert!(permission.get().is_ok());

    let keys = scene.service.get("/.well-known/jwks.json").body;
    let settings = Settings {
        keys: TokenKeys::Given(keys),
        ..scene.settings()
    };
    let client = bulla_gate::Client::new(settings, scene.provider()).expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let later = client.attest().await.expect("attested");
        let again = client.release(&later, "database").await.expect("released");
        assert_eq!(again.get().expect("it stands"), b"open sesame");
        let refused = client.release(&later, "other").await.expect_err("refused");
        assert_eq!(refused.refusal_code(), Some("release-refused"));
        // The first goes with the first result, unless the later one extends it.
        secret.extend(&later).expect("the same policy");
        std::thread::sleep(Duration::from_secs(TOKEN_SECONDS));
        assert!(permission.get().is_err() && again.get().is_err());
        assert!(later.token().is_err());
        let fresh = client.attest().await.expect("attested");
        secret.extend(&fresh).expect("the same policy");
        assert!(secret.get().is_ok());
    });

    scene.grounds.decree(&scene.service, "# the default\n");
    let client = blocking::Client::new(scene.settings(), scene.provider()).expect("a client");
    let refused = client.attest().expect_err("refused");
    assert!(
        matches!(&refused, GateError::Refused { code, reason }
            if code == "attestation-refused" && reason.contains("TrustAnchorNotAccepted")),
        "{refused}"
    );
}
