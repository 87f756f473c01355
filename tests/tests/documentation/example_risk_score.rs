//! The example enclave, `examples/risk-score`: the image that was built, executed on the simulated
//! processor, against the real gate.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, Reply, exchange};
use bulla_tests::example;
use bulla_tests::gate_daemon::Grounds;
use bulla_tests::gatehouse::POLICY;
use bulla_tests::workbench::{Answer, Folder, run};

/// What the owner's two batches hold, and what is told of both.
const RECORDS: [&str; 2] = [
    "62,150,240,1,0\n71,165,210,0,1\n55,130,190,0,0\n",
    "48,120,180,1,0\n66,170,260,1,1\n",
];
const FIRST: &str = "records  3\nrefused  0\nmean     too few records to tell\n";
const BOTH: &str = "records  5\nrefused  0\nmean     47\nhigh     3\n";

/// A vendor with the platform `one`, the owner's gate, and the folder of whoever runs the enclave.
struct World {
    built: PathBuf,
    grounds: Grounds,
    gate: Daemon,
}

impl World {
    /// The image signed for, its policy in force, two batches sealed, and the key to be released once
    /// for each. `None` where the image is not there.
    fn new(test: &str) -> Option<Self> {
        let built = example::folder(test)?;
        let grounds = Grounds::new("place = \"owner\"\n");
        let gate = grounds.start();
        let world = Self {
            built,
            grounds,
            gate,
        };
        let image = fs::read(world.built.join("risk-score.sgxs")).expect("the image was built");
        world.grounds.folder.write("image", image);
        let mrsigner = world.sign("image", "signer.pem", &[]);
        let naming_root = fs::read_to_string(world.grounds.policy(&world.gate));
        let naming_root = naming_root.expect("a policy");
        let demands = format!("[sgx]\nmrsigner = [\"{mrsigner}\"]\nisvprodid = [7]\n");
        world
            .grounds
            .decree(&world.gate, &format!("{naming_root}{demands}"));
        world.grounds.folder.write("data.key", [0x5a; 32]);
        for (number, records) in (1..).zip(RECORDS) {
            world.seal(number, records);
            world.grant(number);
        }
        Some(world)
    }

    fn path(&self, name: &str) -> String {
        self.grounds.folder.text_path(name)
    }

    /// Signs an image as `NAME.sig`, by a key that is made if it is not there; gives MRSIGNER.
    fn sign(&self, image: &str, key: &str, options: &[&str]) -> String {
        let (key, file) = (self.path(key), self.path(image));
        let out = format!("{file}.sig");
        let mut line = vec!["enclave", "sign", &file, "--key", &key, "--out", &out];
        line.extend(["--product", "7", "--security-version", "1"]);
        line.extend(["--date", "2026-11-28", "--format", "json"]);
        line.extend(options);
        if !PathBuf::from(&key).exists() {
            line.push("--generate-key");
        }
        let signed = run(&line);
        assert_eq!(signed.status, 0, "{}{}", signed.stdout, signed.stderr);
        let mrsigner = signed.json()["mrsigner"].clone();
        mrsigner.as_str().expect("digits").to_owned()
    }

    /// Seals records with the owner's tool.
    fn seal(&self, number: u64, records: &str) {
        let input = self.grounds.folder.write("records.csv", records);
        let output = Command::new(self.built.join("owner"))
            .args([self.path("data.key"), number.to_string()])
            .stdin(fs::File::open(input).expect("our own file"))
            .output()
            .expect("the tool was built");
        assert!(output.status.success(), "{output:?}");
        self.grounds
            .folder
            .write(&format!("batch-{number}"), output.stdout);
    }

    /// Has the gate release the key for a batch once.
    fn grant(&self, number: u64) {
        let (secret, key) = (format!("batch-{number}"), self.path("data.key"));
        let words = ["secret", "set", &secret, "--policy", POLICY, "--file", &key];
        let words = [&words[..], &["--times", "1"]].concat();
        let put = self.grounds.gate(&self.gate, &words);
        assert_eq!(put.status, 0, "{}", put.stderr);
    }

    /// The command that runs an image under a policy, listening on any port.
    fn command(&self, image: &str, policy: &str, options: &[&str]) -> Command {
        let file = self.path(image);
        let mut command = bulla();
        command
            .args(["enclave", "run", &file])
            .args(["--sigstruct", &format!("{file}.sig")])
            .args(["--vendor", &self.path("box"), "--platform", "one"])
            .args(options)
            .args(["--", &self.gate.address, policy, "127.0.0.1:0"]);
        command
    }

    /// Runs an image until the test ends.
    fn start(&self, image: &str, policy: &str, options: &[&str]) -> Running {
        let mut child = self
            .command(image, policy, options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bulla starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        output.read_line(&mut line).expect("text");
        let address = line.trim().strip_prefix("listening on ");
        let address = address.unwrap_or_default().to_owned();
        let running = Running { child, address };
        assert_ne!(running.address, "", "the enclave ended: {line:?}");
        running
    }

    /// Runs the image that ships.
    fn enclave(&self) -> Running {
        self.start("image", POLICY, &[])
    }

    fn batch(&self, number: u64) -> Vec<u8> {
        fs::read(self.path(&format!("batch-{number}"))).expect("it was sealed")
    }

    /// Why the gate last refused, as its operator sees it.
    fn last_reason(&self) -> String {
        let words = ["decisions", "--limit", "1", "--format", "json"];
        let decisions = self.grounds.gate(&self.gate, &words).json();
        let last = &decisions["decisions"][0];
        assert_eq!(last["outcome"], "refused", "{decisions}");
        last["code"].as_str().expect("a code").to_owned()
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> Answer {
        let answer = run(words);
        assert_eq!(answer.status, 0, "{}{}", answer.stdout, answer.stderr);
        answer
    }

    /// A security event of the vendor's, known to the gate.
    fn recover(&self) {
        let dir = self.path("box");
        let recover = ["--raises", "microcode", "--advisory", "SIMULATED-SA-00002"];
        self.run(&[&["vendor", "recover", "--dir", &dir][..], &recover].concat());
        self.run(&["vendor", "promote", "2", "--dir", &dir]);
        let url = format!("http://{}", self.gate.address);
        let token = self.path("state/administrator-token");
        let refresh = ["collateral", "refresh", "--service", &url];
        self.run(&[&refresh[..], &["--token-file", &token]].concat());
    }
}

/// An enclave that runs, and ends with the test.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n\r\n",
            self.address
        );
        exchange(&self.address, &[head.as_bytes(), body].concat())
    }

    /// Computes a batch.
    #[track_caller]
    fn computes(&self, batch: &[u8], summary: &str) {
        let reply = self.ask("POST", "/batch", batch);
        assert_eq!((reply.status(), reply.text()), (200, summary));
    }

    /// Does not compute a batch, for a reason.
    #[track_caller]
    fn refuses(&self, batch: &[u8], status: u16, reason: &str) {
        let reply = self.ask("POST", "/batch", batch);
        assert_eq!(reply.status(), status, "{}", reply.text());
        assert!(reply.text().contains(reason), "{}", reply.text());
    }

    /// The state, sealed.
    #[track_caller]
    fn state(&self) -> Vec<u8> {
        let reply = self.ask("GET", "/state", b"");
        assert_eq!(reply.status(), 200);
        reply.body
    }

    /// Goes on with a state.
    #[track_caller]
    fn restore(&self, state: &[u8]) {
        let reply = self.ask("PUT", "/state", state);
        assert_eq!((reply.status(), reply.text()), (200, ""));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn batches_are_computed_over_a_restart_and_an_update_of_the_processor() {
    let Some(world) = World::new("batches_are_computed") else {
        return;
    };
    let first = world.enclave();
    first.computes(&world.batch(1), FIRST);
    let state = first.state();
    drop(first);

    world.recover();
    let behind = world.enclave();
    behind.restore(&state);
    behind.refuses(&world.batch(2), 403, "(TcbStatusNotAccepted)");
    drop(behind);

    let update = ["vendor", "platform", "update", "one", "--dir"];
    world.run(&[&update[..], &[&world.path("box")]].concat());
    let updated = world.enclave();
    updated.restore(&state);
    updated.computes(&world.batch(2), BOTH);

    // What the updated processor sealed says so.
    world.grounds.folder.write("state-before", &state);
    world.grounds.folder.write("state-after", updated.state());
    let cpusvn = |name: &str| {
        let info = world.run(&[
            "enclave",
            "seal-info",
            &world.path(name),
            "--format",
            "json",
        ]);
        info.json()["cpusvn"].as_str().expect("digits").to_owned()
    };
    assert_ne!(cpusvn("state-before"), cpusvn("state-after"));
}

#[test]
fn an_old_state_gets_no_key() {
    let Some(world) = World::new("an_old_state_gets_no_key") else {
        return;
    };
    let enclave = world.enclave();
    enclave.computes(&world.batch(1), FIRST);
    let old = enclave.state();
    enclave.computes(&world.batch(2), BOTH);

    enclave.restore(&old);
    enclave.refuses(&world.batch(2), 403, "no key for batch 2: the gate refuses");
    assert_eq!(world.last_reason(), "times-reached");
    drop(enclave);
    let fresh = world.enclave();
    fresh.refuses(&world.batch(1), 403, "no key for batch 1: the gate refuses");
    assert_eq!(world.last_reason(), "times-reached");

    // Unless the owner decides otherwise.
    world.grant(2);
    fresh.restore(&old);
    fresh.computes(&world.batch(2), BOTH);
}

#[test]
fn another_image_signer_or_build_gets_no_key() {
    let Some(world) = World::new("another_image_signer_or_build") else {
        return;
    };
    // A byte of the code: the image is another than was signed.
    let mut bytes = fs::read(world.path("image")).expect("our own file");
    let measured = bytes.windows(8).position(|tag| tag == b"EEXTEND\0");
    bytes[measured.expect("a record with content") + 64] ^= 1;
    world.grounds.folder.write("flipped", &bytes);
    fs::copy(world.path("image.sig"), world.path("flipped.sig")).expect("our own file");
    let ended = world.command("flipped", POLICY, &[]).output();
    let ended = ended.expect("bulla starts");
    assert_eq!(ended.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(errors.contains("EnclaveRefused"), "{errors}");

    // Signed again, by whoever has a key of his own.
    fs::copy(world.path("image"), world.path("resigned")).expect("our own file");
    world.sign("resigned", "other.pem", &[]);
    let resigned = world.start("resigned", POLICY, &[]);
    resigned.refuses(&world.batch(1), 403, "(MrsignerMismatch)");

    // Signed for debugging, by the right key.
    fs::copy(world.path("image"), world.path("debugged")).expect("our own file");
    world.sign("debugged", "signer.pem", &["--debug"]);
    let debugged = world.start("debugged", POLICY, &["--debug"]);
    debugged.refuses(&world.batch(1), 403, "(DebugEnclave)");

    // Neither opens what the right one sealed.
    let right = world.enclave();
    right.computes(&world.batch(1), FIRST);
    let state = right.state();
    for other in [resigned, debugged] {
        let reply = other.ask("PUT", "/state", &state);
        assert_eq!(reply.status(), 400);
        assert!(
            reply.text().contains("sealed elsewhere"),
            "{}",
            reply.text()
        );
    }
}

#[test]
fn nothing_simulated_passes_for_hardware() {
    let Some(world) = World::new("nothing_simulated_passes") else {
        return;
    };
    let file = world
        .grounds
        .folder
        .write("genuine.toml", "# As by default.\n");
    let file = file.to_str().expect("text").to_owned();
    let words = ["policy", "set", "genuine", "--file", &file];
    let put = world.grounds.gate(&world.gate, &words);
    assert_eq!(put.status, 0, "{}", put.stderr);
    let enclave = world.start("image", "genuine", &[]);
    enclave.refuses(&world.batch(1), 403, "(TrustAnchorNotAccepted)");
}

/// `docs/first-enclave.md`: its commands in their order, in an empty folder, on free ports; and every
/// line that it shows as an answer.
#[test]
fn the_page_can_be_followed() {
    let Some(built) = example::folder("the_page_can_be_followed") else {
        return;
    };
    let mut page = include_str!("../../../docs/first-enclave.md").to_owned();
    for port in [8081, 8181, 8700] {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let free = free.expect("a free port").to_string();
        page = page.replace(&format!("127.0.0.1:{port}"), &free);
    }
    let blocks = |language| {
        page.split(language)
            .skip(1)
            .filter_map(|rest| rest.split("\n```").next())
    };
    let commands: Vec<&str> = blocks("\n```bash\n").collect();
    assert!(commands.len() >= 6, "{commands:?}");
    // What runs in the background ends with the script.
    let start = "set -eu\ntrap 'kill $(jobs -p)' EXIT";
    let script = format!("{start}\n{}\n", commands.join("\n"));

    let folder = Folder::new();
    let binary = bulla();
    let beside = Path::new(binary.get_program()).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("timeout")
        .args(["900", "bash", "-c", &script])
        .env("PATH", format!("{}:{path}", beside.display()))
        .env("EXAMPLE", built)
        .current_dir(folder.path(""))
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let answers = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{answers}\n{errors}");
    let mut rest = answers.as_str();
    // The first one is the drawing.
    for line in blocks("\n```text\n").skip(1).flat_map(str::lines) {
        // Of a long line the beginning is shown.
        match rest.split_once(line.trim_end_matches("...")) {
            Some((_, behind)) => rest = behind,
            None => panic!("{line:?} is not in\n{answers}\n{errors}"),
        }
    }

    // The build takes too long for a test: CI does it before all tests.
    let ci = include_str!("../../../.ci/run");
    let build = blocks("\n```sh\n").map(str::trim).next();
    assert!(build.is_some_and(|build| ci.contains(build)));
}
