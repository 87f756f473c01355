//! bulla's gate, as an administrator and an attester have it through the `bulla` command.

use std::ffi::OsStr;
use std::fs;

use serde_json::Value;

use crate::{Service, Vendor, bulla};

/// What a gate calls itself.
pub const ISSUER: &str = "https://gate.test.example";

/// The policy of a gate, which accepts what the vendor's root stands behind.
const POLICY: &str = "payroll";

/// A gate that trusts a vendor; it runs until this is dropped.
pub struct Gate<'a> {
    vendor: &'a Vendor,
    service: Service,
}

impl<'a> Gate<'a> {
    /// Starts the gate of a vendor whose service runs; `settings` stand in the table of the gate.
    pub fn of(vendor: &'a Vendor, settings: &str) -> Self {
        let table =
            format!("[gate]\nenabled = true\nplace = \"owner\"\nissuer = \"{ISSUER}\"\n{settings}");
        let service = Service::configured(vendor, &table);
        let told = service.server().told();
        let root = told["trust_anchor"]["public_key_sha256"].as_str();
        let text = format!("trust_anchors = [\"{}\"]\n", root.expect("a digest"));
        let policy = service.place("policy.toml");
        fs::write(&policy, text).expect("a policy");
        let gate = Self { vendor, service };
        let words = ["policy", "set", POLICY, "--file"].map(OsStr::new);
        gate.administer(&[&words, [policy.as_os_str()].as_slice()].concat());
        gate
    }

    /// What `bulla gate` answers an administrator.
    pub fn administer(&self, words: &[impl AsRef<OsStr>]) -> Value {
        let mut command = bulla();
        command.arg("gate").args(words);
        command.arg("--token-file").arg(self.service.token_file());
        self.answer(command)
    }

    /// A token of the gate for this audience, about the platform `one`.
    pub fn attest(&self, audience: &str) -> String {
        let mut command = bulla();
        command
            .args(["gate", "attest", "--policy", POLICY])
            .args(["--issuer", ISSUER, "--audience", audience])
            .args(["--simulated-platform", "one", "--dir"])
            .arg(self.vendor.directory());
        let told = self.answer(command);
        told["token"].as_str().expect("a token").to_owned()
    }

    /// The keys that it publishes, as they are served.
    pub fn published(&self) -> String {
        let url = format!("{}/.well-known/jwks.json", self.service.server().url());
        let response = reqwest::blocking::get(url).expect("the gate answers");
        assert!(response.status().is_success(), "{}", response.status());
        response.text().expect("a text")
    }

    fn answer(&self, mut command: std::process::Command) -> Value {
        command.args(["--service", self.service.server().url()]);
        let output = command.args(["--format", "json"]).output();
        let output = output.expect("bulla runs");
        let told = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {told}{errors}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}
