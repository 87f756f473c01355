//! A vendor in a box with its service.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::{Server, bulla, now};

/// How long ago a vendor was founded, in seconds: two months, so that what it signs is signed anew.
const AGE: u64 = 60 * 86_400;

/// How many ports are tried: another process may take the one that was free.
const PORTS: usize = 3;

/// A vendor that was founded two months ago, with the platforms `one` and, of several packages,
/// `two`; its service runs until this is dropped.
pub struct Vendor {
    server: Option<Server>,
    folder: tempfile::TempDir,
}

impl Vendor {
    /// Founds a vendor and starts its service.
    pub fn founded() -> Self {
        let vendor = (0..PORTS).find_map(|_| Self::at(free_port()));
        vendor.expect("a service that runs")
    }

    /// None if the port is taken.
    fn at(port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let then = (now() - AGE).to_string();
        // The lists of revocations are fetched from where the certificates say.
        let url = format!("http://127.0.0.1:{port}");
        let steps: [&[&str]; 3] = [
            &["init", "--public-url", &url],
            &["platform", "add", "one"],
            &["platform", "add", "two", "--multi-package"],
        ];
        for step in steps {
            run(folder.path(), &[step, &["--at", &then]].concat());
        }
        let server = Server::start(command(folder.path(), &["serve"]))?;
        assert_eq!(server.url(), url);
        let server = Some(server);
        Some(Self { server, folder })
    }

    /// The service.
    ///
    /// # Panics
    ///
    /// If it was switched off.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("a service that runs")
    }

    /// Ends the service; what was founded stays.
    pub fn switch_off(&mut self) {
        self.server = None;
    }

    /// What `bulla vendor` answers to this about the vendor.
    pub fn run(&self, arguments: &[&str]) -> Value {
        run(self.folder.path(), arguments)
    }

    /// The directory of the vendor, for `--dir`.
    pub fn directory(&self) -> PathBuf {
        directory(self.folder.path())
    }

    /// A quote of a platform as it is now.
    pub fn quote(&self, platform: &str, kind: &str) -> Vec<u8> {
        let written = self.attested(platform, kind, "standard");
        fs::read(written.join("quote.bin")).expect("a quote")
    }

    /// The collateral of a set that the vendor writes beside a quote: texts and, for signatures and
    /// CRLs, hexadecimal digits.
    pub fn collateral(&self, platform: &str, kind: &str, set: &str) -> Value {
        let written = self.attested(platform, kind, set);
        let text = fs::read_to_string(written.join("collateral.json")).expect("collateral");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The root's certificate, DER.
    pub fn root(&self) -> Vec<u8> {
        let written = self.attested("one", "sgx-v3", "standard");
        let pem = fs::read_to_string(written.join("root.pem")).expect("the root's certificate");
        let digits: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        BASE64_STANDARD.decode(digits).expect("base64")
    }

    /// What a platform sends to ask for its certificates, and what is known of it.
    pub fn request_of(&self, platform: &str) -> PlatformRequest {
        let shown = self.run(&["platform", "show", platform]);
        let request = &shown["request"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        PlatformRequest {
            qe_id: text(&request["qe_id"]),
            encrypted_ppid: text(&request["encrypted_ppid"]),
            cpusvn: text(&request["cpusvn"]),
            pcesvn: text(&request["pcesvn"]),
            pceid: text(&request["pceid"]),
            fmspc: text(&shown["fmspc"]),
            ppid: text(&shown["ppid"]),
        }
    }

    /// The manifest of a platform of several packages.
    pub fn manifest_of(&self, platform: &str) -> Vec<u8> {
        fs::read(self.manifest_file(platform)).expect("a manifest")
    }

    /// Registers a platform of several packages: without that it has no certificates.
    pub fn register(&self, platform: &str) {
        let file = self.manifest_file(platform);
        self.run(&["platform", "register", file.to_str().expect("UTF-8")]);
    }

    fn manifest_file(&self, platform: &str) -> PathBuf {
        let file = self.folder.path().join("manifest");
        let out = file.to_str().expect("UTF-8");
        self.run(&["platform", "manifest", platform, "--out", out]);
        file
    }

    /// Sets these faults of the service and no others; a JSON list.
    pub fn set_faults(&self, faults: &str) {
        let response = reqwest::blocking::Client::new()
            .put(format!("{}/simulation/faults", self.server().url()))
            .header("Content-Type", "application/json")
            .body(faults.to_owned())
            .send()
            .expect("the service answers");
        assert!(response.status().is_success(), "{faults}");
    }

    /// Has a platform attest; the folder with what is written about it.
    fn attested(&self, platform: &str, kind: &str, set: &str) -> PathBuf {
        let out = self.folder.path().join("attested");
        let out_text = out.to_str().expect("UTF-8");
        self.run(&[
            "quote",
            "--platform",
            platform,
            "--kind",
            kind,
            "--set",
            set,
            "--out",
            out_text,
        ]);
        out
    }
}

/// What a platform sends to ask for its certificates, and what is known of it; hexadecimal digits
/// in lower case.
#[derive(Clone, Debug)]
pub struct PlatformRequest {
    /// Id of its quoting enclave.
    pub qe_id: String,
    /// Its PPID, encrypted to the vendor.
    pub encrypted_ppid: String,
    /// CPUSVN.
    pub cpusvn: String,
    /// PCESVN, the lower byte first.
    pub pcesvn: String,
    /// PCE-ID, the lower byte first.
    pub pceid: String,
    /// Its FMSPC.
    pub fmspc: String,
    /// Its PPID.
    pub ppid: String,
}

fn directory(folder: &Path) -> PathBuf {
    folder.join("box")
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = bulla();
    command
        .arg("vendor")
        .args(arguments)
        .arg("--dir")
        .arg(directory(folder))
        .args(["--format", "json"]);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Value {
    let output = command(folder, arguments).output().expect("bulla runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A port of loopback that nobody has just now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
