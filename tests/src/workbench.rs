//! Folders, files and calls for black-box tests of `bulla`.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bulla_collateral::{CollateralSet, SignedText};
use bulla_issuer::{Attestation, DocumentKind, QuoteKind, Scenario, Seed, pem};
use bulla_pki::Timestamp;
use serde_json::{Value, json};

use crate::binary::bulla;

/// The instant of the simulated world.
pub const AT: &str = "2026-11-23T08:00:00Z";

/// A scenario at [`AT`].
pub fn scenario(kind: QuoteKind) -> Scenario {
    let at: Timestamp = AT.parse().expect("a time");
    Scenario::new(&Seed::from("black box"), kind, at)
}

/// What time it is, for whatever is asked by programs that go by the clock.
#[expect(clippy::disallowed_methods, reason = "its clients live now")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.expect("a clock after 1970").as_secs();
    Timestamp::from_unix_seconds(seconds).expect("a clock before 10000")
}

/// A folder of one test, gone when the test is.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// An empty folder in another, which is there.
    pub fn below(parent: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bulla-test-{}-{count}", std::process::id());
        let path = parent.join(name);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    /// The path of a file here, written or not.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file here.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file can be written");
        path
    }

    /// Makes a file of zeros that takes no room.
    pub fn zeros(&self, name: &str, size: u64) -> PathBuf {
        let path = self.path(name);
        let file = fs::File::create(&path).expect("a file can be made");
        file.set_len(size).expect("a file can be sparse");
        path
    }

    /// Writes quote, collateral, root and a policy that names the root, under their usual names.
    pub fn lay_out(&self, scenario: &Scenario) {
        self.lay_out_attestation(scenario, &scenario.build());
    }

    /// As [`Self::lay_out`], with quote and collateral as given.
    pub fn lay_out_attestation(&self, scenario: &Scenario, attestation: &Attestation) {
        let root = scenario.vendor.root_certificate();
        self.write("quote.bin", &attestation.quote);
        self.write("set.json", set_json(&attestation.collateral).to_string());
        self.write("root.pem", pem::block("CERTIFICATE", &root));
        self.write("policy.toml", policy_naming(scenario));
    }

    /// `bulla verify` of what [`Self::lay_out`] wrote, the simulated root known and named; later
    /// options win.
    pub fn verify(&self, options: &[&str]) -> Answer {
        let files = [
            ("--quote", "quote.bin"),
            ("--collateral", "set.json"),
            ("--trust-root", "root.pem"),
        ];
        let mut arguments = vec!["verify".to_owned(), "--simulated".to_owned()];
        for (option, name) in files {
            if !options.contains(&option) {
                arguments.extend([option.to_owned(), self.text_path(name)]);
            }
        }
        if !options.contains(&"--at") {
            arguments.extend(["--at".to_owned(), AT.to_owned()]);
        }
        if !options.contains(&"--policy") {
            arguments.extend(["--policy".to_owned(), self.text_path("policy.toml")]);
        }
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        run(&arguments)
    }

    /// The path of a file here as an argument.
    pub fn text_path(&self, name: &str) -> String {
        self.path(name)
            .to_str()
            .expect("a path in UTF-8")
            .to_owned()
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays is litter, not a failure.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A policy that accepts the scenario's root and is the default otherwise.
pub fn policy_naming(scenario: &Scenario) -> String {
    let key = scenario.vendor.root.key.public_key();
    let digest = hex::encode(bulla_pki::digest::sha256(&key));
    format!("trust_anchors = [\"{digest}\"]\n")
}

/// A set as the JSON object in common use.
pub fn set_json(set: &CollateralSet) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    json!({
        "tcb_info": text(&set.tcb_info.body),
        "tcb_info_signature": set.tcb_info.signature,
        "tcb_info_issuer_chain": text(&set.tcb_info_issuer_chain),
        "qe_identity": text(&set.qe_identity.body),
        "qe_identity_signature": set.qe_identity.signature,
        "qe_identity_issuer_chain": text(&set.qe_identity_issuer_chain),
        "pck_crl": hex::encode(&set.pck_crl),
        "pck_crl_issuer_chain": text(&set.pck_crl_issuer_chain),
        "root_ca_crl": hex::encode(&set.root_ca_crl),
        "pck_certificate_chain": set.pck_certificate_chain.as_deref().map(text),
    })
}

/// Writes a set as a directory.
pub fn write_set(folder: &Path, set: &CollateralSet) {
    let write = |name: &str, content: &[u8]| {
        fs::write(folder.join(name), content).expect("a file can be written");
    };
    let served = |kind: DocumentKind, text: &SignedText| kind.served(text);
    fs::create_dir_all(folder).expect("a folder can be made");
    write(
        "tcb-info.json",
        &served(DocumentKind::TcbInfo, &set.tcb_info),
    );
    write("tcb-info-issuer-chain.pem", &set.tcb_info_issuer_chain);
    write(
        "qe-identity.json",
        &served(DocumentKind::EnclaveIdentity, &set.qe_identity),
    );
    write(
        "qe-identity-issuer-chain.pem",
        &set.qe_identity_issuer_chain,
    );
    write("pck-crl.der", &set.pck_crl);
    write("pck-crl-issuer-chain.pem", &set.pck_crl_issuer_chain);
    write("root-ca-crl.der", &set.root_ca_crl);
    if let Some(chain) = &set.pck_certificate_chain {
        write("pck-certificate-chain.pem", chain);
    }
}

/// What `bulla` answered.
pub struct Answer {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `bulla` with nothing on standard input.
pub fn run(arguments: &[impl AsRef<OsStr>]) -> Answer {
    run_with_input(arguments, b"")
}

/// Runs `bulla` with this on standard input.
pub fn run_with_input(arguments: &[impl AsRef<OsStr>], input: &[u8]) -> Answer {
    let mut child = bulla()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bulla starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // A child that does not read closes its end, which is its right.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("bulla ends");
    writer.join().expect("the writer ends");
    Answer::from(output)
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output in UTF-8");
        Self {
            status: output.status.code().expect("no signal ended bulla"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Answer {
    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        let Self { stdout, stderr, .. } = self;
        serde_json::from_str(stdout).unwrap_or_else(|e| panic!("{e}:\n{stdout}\n{stderr}"))
    }

    /// Standard output as JSON Lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let value = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(value).collect()
    }
}

/// The codes of the findings that refuse, in their order.
pub fn refusals(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().expect("findings");
    let refuses =
        |finding: &&Value| matches!(finding["severity"].as_str(), Some("failure" | "refusal"));
    findings
        .iter()
        .filter(refuses)
        .filter_map(|finding| finding["code"].as_str())
        .collect()
}
