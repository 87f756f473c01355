//! bulla's collateral service, with a vendor in a box behind it.

use std::fs::{self, File};
use std::path::PathBuf;

use serde_json::Value;

use crate::{Server, Vendor, bulla};

/// A service with an empty store that asks one vendor, under its root; it runs until this is
/// dropped.
pub struct Service {
    server: Server,
    folder: tempfile::TempDir,
}

impl Service {
    /// Starts the service of a vendor whose own runs.
    pub fn of(vendor: &Vendor) -> Self {
        Self::configured(vendor, "")
    }

    /// The same with a configuration.
    pub fn configured(vendor: &Vendor, configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = |name| folder.path().join(name);
        fs::write(place("root.der"), vendor.root()).expect("the root's certificate");
        fs::write(place("bulla.toml"), configuration).expect("a configuration");
        let mut command = bulla();
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--upstream", vendor.server().url()])
            .arg("--config")
            .arg(place("bulla.toml"))
            .arg("--trust-root")
            .arg(place("root.der"))
            .arg("--simulated")
            .arg("--store")
            .arg(place("state"))
            .args(["--format", "json"])
            .stderr(File::create(place("log")).expect("a log"));
        let server = Server::start(command).unwrap_or_else(|| {
            let log = fs::read_to_string(place("log")).expect("a log");
            panic!("the service ended: {log}")
        });
        Self { server, folder }
    }

    /// Where it is reached.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A place in the folder of the service.
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file with the administrator's token.
    pub fn token_file(&self) -> PathBuf {
        self.place("state/administrator-token")
    }

    /// Has the vendor asked anew for every document that is there.
    pub fn refresh(&self) {
        self.post("/sgx/certification/v4/refresh", "");
    }

    /// Plans changes of baselines, and applies them.
    pub fn decide(&self, plan: &str) {
        let planned: Value =
            serde_json::from_str(&self.post("/baselines/plan", plan)).expect("JSON");
        let digest = planned["digest"].as_str().expect("a digest");
        self.post(&format!("/baselines/apply?digest={digest}"), plan);
    }

    /// Posts something as an administrator; gives the answer.
    fn post(&self, target: &str, body: &str) -> String {
        let token = fs::read_to_string(self.token_file()).expect("a token");
        let response = reqwest::blocking::Client::new()
            .post(format!("{}{target}", self.server.url()))
            .header("admin-token", token.trim())
            .body(body.to_owned())
            .send()
            .expect("the service answers");
        let status = response.status();
        let text = response.text().expect("text");
        assert!(status.is_success(), "{target}: {status}: {text}");
        text
    }
}
