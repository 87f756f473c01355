//! `bulla gate run` and `bulla gate attest`, as their users see them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bulla_tests::binary::bulla;
use bulla_tests::gate::{Gate, ISSUER, Mood};
use bulla_tests::workbench::{Folder, run};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    /// A vendor in a box with the platform `node-1`, for one test, and gone with its thread.
    static VENDOR: Folder = {
        let folder = Folder::new();
        let made = run(&[
            "vendor", "init", "--dir", &folder.text_path("box"), "--platform", "node-1",
            "--public-url", "http://127.0.0.1:8181",
        ]);
        assert_eq!(made.status, 0, "{}", made.stderr);
        folder
    };
}

fn vendor() -> String {
    VENDOR.with(|folder| folder.text_path("box"))
}

/// `bulla gate ACTION` at a gate.
fn gate_command(gate: &Gate, action: &str) -> Command {
    let mut command = bulla();
    command
        .args([
            "gate",
            action,
            "--service",
            &gate.url(),
            "--policy",
            "payroll",
        ])
        .args(["--issuer", ISSUER, "--audience", ISSUER])
        .args(["--simulated-platform", "node-1", "--dir", &vendor()])
        .stdin(Stdio::null());
    command
}

/// Runs a script of a shell under the gate.
fn guarded(gate: &Gate, options: &[&str], script: &str) -> Output {
    let mut command = gate_command(gate, "run");
    command.args(options).args(["--", "sh", "-c", script]);
    command.output().expect("bulla runs")
}

/// A script under the gate that goes on, and has said `ready`.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(gate: &Gate, options: &[&str], script: &str) -> Self {
        let mut command = gate_command(gate, "run");
        command.args(options).args(["--", "sh", "-c", script]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("bulla runs");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut running = Self { child, output };
        assert_eq!(running.line(), "ready");
        running
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Its status, what else it wrote, and what bulla said.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut output, mut told) = (String::new(), String::new());
        self.output.read_to_string(&mut output).expect("text");
        let mut stderr = self.child.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut told).expect("text");
        (self.child.wait().expect("it ends").code(), output, told)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A script that waits for a signal, and says so when it is told to end.
const WAITS: &str = "trap 'echo stopping; exit 5' TERM; echo ready; while :; do sleep 0.05; done";

/// A script that does not end when it is told to.
const STAYS: &str = "trap '' TERM; echo ready; while :; do sleep 0.05; done";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_secret_reaches_the_command_in_a_file_or_in_its_environment_and_nowhere_else() {
    let gate = Gate::open();
    let file = guarded(
        &gate,
        &["--secret", "database=file:KEY"],
        "cat \"$KEY\"; echo; echo \"$KEY\"; stat -Lc %a \"$KEY\"",
    );
    let output = text(&file.stdout);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(file.status.code(), Some(0), "{}", text(&file.stderr));
    assert_eq!(lines[0], "open sesame");
    assert!(lines[1].starts_with("/proc/self/fd/"), "{output}");
    assert_eq!(lines[2], "600");
    let environment = guarded(
        &gate,
        &["--secret", "database=env:KEY"],
        "printf %s \"$KEY\"",
    );
    assert_eq!(text(&environment.stdout), "open sesame");
    for told in [file.stderr, environment.stderr] {
        let told = text(&told);
        assert!(told.contains("SIMULATED"), "{told}");
        assert!(!told.contains("sesame"), "{told}");
    }
}

#[test]
fn no_secret_stands_in_an_argument_or_is_left_in_a_file() {
    let gate = Gate::open();
    let folder = Folder::new();
    let place = folder.path("temporary");
    fs::create_dir(&place).expect("a directory");
    let mut command = gate_command(&gate, "run");
    for variable in ["TMPDIR", "XDG_RUNTIME_DIR", "HOME"] {
        command.env(variable, &place);
    }
    let script = "tr '\\0' ' ' < /proc/$$/cmdline; tr '\\0' ' ' < /proc/$PPID/cmdline; \
                  tr '\\0' ' ' < /proc/$PPID/environ; echo; ls -A \"$HOME\"";
    let answer = command
        .args([
            "--secret",
            "database=file:KEY",
            "--secret",
            "database=env:OTHER",
        ])
        .args(["--", "sh", "-c", script])
        .output()
        .expect("bulla runs");
    let output = text(&answer.stdout);
    assert_eq!(answer.status.code(), Some(0), "{}", text(&answer.stderr));
    assert!(
        output.contains("gate run") && !output.contains("sesame"),
        "{output}"
    );
    assert_eq!(fs::read_dir(&place).expect("a directory").count(), 0);
}

#[test]
fn without_attestation_the_command_never_starts() {
    let gate = Gate::open();
    let folder = Folder::new();
    let mark = folder.text_path("mark");
    let script = format!("touch '{mark}'");
    let never = |options: &[&str], status: i32, said: &str| {
        let answer = guarded(&gate, options, &script);
        let told = text(&answer.stderr);
        assert_eq!(answer.status.code(), Some(status), "{told}");
        assert!(told.contains(said), "{told}");
        assert!(!Path::new(&mark).exists(), "{said}");
    };
    gate.set(Mood::Refuse);
    never(&[], 1, "attestation-refused");
    gate.set(Mood::Busy);
    never(&[], 2, "GateUnavailable");
    gate.set(Mood::Garble);
    never(&[], 2, "ServiceAnswerUnknown");
    for mood in [Mood::ConfirmOtherKey, Mood::SignWithOtherKey] {
        gate.set(mood);
        never(&[], 2, "TokenRefused");
    }
    gate.set(Mood::SealToOtherKey);
    never(&["--secret", "database=env:KEY"], 2, "SecretUnreadable");
    gate.set(Mood::Accept);
    never(&["--secret", "other=env:KEY"], 1, "release-refused");
    let twice = [
        "--secret",
        "database=env:KEY",
        "--secret",
        "database=file:KEY",
    ];
    never(&twice, 2, "two secrets");
    gate.state()
        .secrets
        .insert("zero".to_owned(), b"a\0b".to_vec());
    never(&["--secret", "zero=env:KEY"], 2, "zero byte");

    let mut elsewhere = bulla();
    elsewhere.args([
        "gate",
        "run",
        "--service",
        "http://127.0.0.1:1",
        "--issuer",
        ISSUER,
    ]);
    elsewhere.args(["--simulated-platform", "node-1", "--dir", &vendor()]);
    let answer = elsewhere
        .args(["--", "touch", &mark])
        .output()
        .expect("bulla runs");
    assert_eq!(answer.status.code(), Some(2));
    assert!(text(&answer.stderr).contains("ServiceUnreachable"));
    assert!(!Path::new(&mark).exists());

    // The nearest case in which it does start.
    assert_eq!(guarded(&gate, &[], &script).status.code(), Some(0));
    assert!(Path::new(&mark).exists());
}

#[test]
fn without_the_interface_of_the_kernel_there_is_no_evidence_and_nothing_simulated_steps_in() {
    let gate = Gate::open();
    let folder = Folder::new();
    let mut command = bulla();
    command.args(["gate", "run", "--service", &gate.url(), "--issuer", ISSUER]);
    command.args(["--tsm-reports", &folder.text_path("none")]);
    let answer = command.args(["--", "true"]).output().expect("bulla runs");
    let told = text(&answer.stderr);
    assert_eq!(answer.status.code(), Some(2), "{told}");
    assert!(
        told.contains("EvidenceUnavailable") && told.contains("Linux 6.7"),
        "{told}"
    );
    assert_eq!(gate.asked("/attest"), 0);
}

#[test]
fn the_status_of_the_command_is_passed_on() {
    let gate = Gate::open();
    for (script, status) in [("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137)] {
        assert_eq!(
            guarded(&gate, &[], script).status.code(),
            Some(status),
            "{script}"
        );
    }
    let folder = Folder::new();
    let plain = folder.write("plain", "no program");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o600)).expect("permissions");
    for (program, status) in [(plain.as_path(), 126), (&folder.path("none"), 127)] {
        let mut command = gate_command(&gate, "run");
        let answer = command.arg("--").arg(program).output().expect("bulla runs");
        assert_eq!(
            answer.status.code(),
            Some(status),
            "{}",
            text(&answer.stderr)
        );
        assert!(text(&answer.stderr).contains("cannot be run"));
    }
}

#[test]
fn signals_are_passed_on() {
    let gate = Gate::open();
    let running = Running::start(&gate, &[], WAITS);
    running.signal("TERM");
    let (status, output, told) = running.end();
    assert_eq!((status, output.as_str()), (Some(5), "stopping\n"), "{told}");

    let script = "trap 'echo hung up' HUP; trap 'exit 6' USR1; echo ready; \
                  while :; do sleep 0.05; done";
    let mut running = Running::start(&gate, &[], script);
    running.signal("HUP");
    assert_eq!(running.line(), "hung up");
    running.signal("USR1");
    assert_eq!(running.end().0, Some(6));
}

#[test]
fn the_command_is_stopped_when_the_gate_refuses_later() {
    let gate = Gate::open();
    gate.state().token_seconds = 4;
    let running = Running::start(&gate, &[], WAITS);
    gate.set(Mood::Refuse);
    let (status, output, told) = running.end();
    assert_eq!(status, Some(124), "{told}");
    assert_eq!(output, "stopping\n", "it had time to end by itself");
    assert!(told.contains("attestation-refused"), "{told}");
}

#[test]
fn a_signing_key_that_is_withdrawn_stops_nothing() {
    let gate = Gate::open();
    gate.state().token_seconds = 8;
    let running = Running::start(&gate, &[], WAITS);
    let attested = gate.asked("/attest");
    {
        let mut state = gate.state();
        (state.token_seconds, state.mood) = (300, Mood::WithdrawOnce);
    }
    eventually("it attests twice", || gate.asked("/attest") > attested + 1);
    running.signal("TERM");
    let (status, _, told) = running.end();
    assert_eq!(status, Some(5), "the script's own: {told}");
    assert!(!told.contains("stopping"), "{told}");
}

#[test]
fn a_command_that_does_not_end_is_killed_with_what_it_started() {
    let gate = Gate::open();
    gate.state().token_seconds = 4;
    let script = format!("(trap '' TERM; sleep 600) & echo $! >&2; {STAYS}");
    let running = Running::start(&gate, &["--grace", "1"], &script);
    gate.set(Mood::Refuse);
    // Reading to the end waits for everybody who has the pipe, so also for the one started.
    let (status, _, told) = running.end();
    assert_eq!(status, Some(124), "{told}");
}

#[test]
fn the_command_is_stopped_when_nobody_answers_until_the_token_ends() {
    let gate = Gate::open();
    gate.state().token_seconds = 6;
    let running = Running::start(&gate, &[], WAITS);
    let asked = gate.asked("/challenge");
    gate.set(Mood::Busy);
    let (status, output, told) = running.end();
    assert!(gate.asked("/challenge") > asked + 1, "it was tried again");
    assert_eq!(
        (status, output.as_str()),
        (Some(124), "stopping\n"),
        "{told}"
    );
    assert_eq!(told.matches("is tried until").count(), 1, "once: {told}");
}

#[test]
fn an_outage_that_passes_before_the_token_ends_stops_nothing() {
    let gate = Gate::open();
    gate.state().token_seconds = 8;
    let running = Running::start(&gate, &[], WAITS);
    let (asked, attested) = (gate.asked("/challenge"), gate.asked("/attest"));
    gate.set(Mood::Busy);
    eventually("it asks again", || gate.asked("/challenge") > asked);
    gate.state().token_seconds = 300;
    gate.set(Mood::Accept);
    eventually("it attests again", || gate.asked("/attest") > attested);
    running.signal("TERM");
    let (status, _, told) = running.end();
    assert_eq!(status, Some(5), "the script's own: {told}");
    assert!(told.contains("is tried until"), "{told}");
}

#[test]
fn a_command_does_not_outlive_its_guard() {
    let gate = Gate::open();
    let mut running = Running::start(&gate, &[], &format!("echo ready; echo $$; {WAITS}"));
    let id = running.line();
    let alive = || {
        // An ended process that nobody has waited for is still listed, with nothing in this file.
        fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
    };
    assert!(alive(), "{id}");
    running.signal("KILL");
    eventually("the command ends", || !alive());
}

#[test]
fn attest_gives_the_token_and_says_that_it_is_simulated() {
    let gate = Gate::open();
    let folder = Folder::new();
    let out = folder.text_path("token.jwt");
    let mut command = gate_command(&gate, "attest");
    let answer = command
        .args(["--out", &out, "--format", "json"])
        .output()
        .expect("it runs");
    assert_eq!(answer.status.code(), Some(0), "{}", text(&answer.stderr));
    let told: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    assert_eq!(told["attested"], true);
    assert_eq!(told["simulated"], true);
    assert_eq!(told["status"], "warning");
    let token = fs::read_to_string(&out).expect("a file");
    assert_eq!(told["token"], token.trim_end());
    let mode = fs::metadata(&out).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let people = gate_command(&gate, "attest").output().expect("it runs");
    assert!(text(&people.stdout).starts_with("SIMULATED  attested\n"));

    gate.set(Mood::Refuse);
    let mut command = gate_command(&gate, "attest");
    let refused = command
        .args(["--format", "json"])
        .output()
        .expect("it runs");
    assert_eq!(refused.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&refused.stdout).expect("JSON");
    assert_eq!(told["attested"], false);
    assert_eq!(told["code"], "attestation-refused");
}
