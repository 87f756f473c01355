//! A gate that runs as a process, with a vendor in a box behind it, and what is sent to it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use bulla_pki::hpke::KeyPair;
use bulla_token::binding;
use serde_json::json;

use crate::binary::bulla;
use crate::cluster;
use crate::daemon::{Daemon, Reply, found_vendor};
use crate::gatehouse::{Attempt, POLICY};
use crate::workbench::{Answer, Folder, run, run_with_input};

/// A vendor in a box that runs, and the folder in which a gate keeps everything.
pub struct Grounds {
    /// The folder.
    pub folder: Folder,
    vendor: Daemon,
}

impl Grounds {
    /// A vendor, its root, and a configuration `gate.toml` with this table of the gate.
    pub fn new(gate: &str) -> Self {
        let folder = Folder::new();
        found_vendor(&folder);
        let vendor = Daemon::vendor(&folder);
        folder.write("gate.toml", format!("[gate]\nenabled = true\n{gate}"));
        Self { folder, vendor }
    }

    /// The arguments of a service here.
    pub fn arguments(&self) -> Vec<String> {
        let words = [
            "--config",
            &self.folder.text_path("gate.toml"),
            "--upstream",
            &format!("http://{}", self.vendor.address),
            "--trust-root",
            &self.folder.text_path("root.pem"),
            "--simulated",
        ];
        words.map(str::to_owned).to_vec()
    }

    /// A gate that runs.
    pub fn start(&self) -> Daemon {
        let arguments = self.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Daemon::service(&self.folder, &arguments)
    }

    /// The same, which goes on where the system says that a file must not grow: otherwise it would
    /// be ended by a signal, as on no full disk.
    pub fn start_unlimited(&self) -> Daemon {
        let program = bulla();
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(program.get_program())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--store", &self.folder.text_path("state")])
            .args(self.arguments());
        Daemon::start(&mut command, &self.folder.path("log"))
    }

    /// The administrator's token as a header's value.
    pub fn token(&self) -> String {
        let path = self.folder.path("state/administrator-token");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    /// `bulla gate`, as an administrator.
    pub fn gate(&self, service: &Daemon, words: &[&str]) -> Answer {
        self.gate_with_input(service, words, b"")
    }

    /// The same with something on standard input.
    pub fn gate_with_input(&self, service: &Daemon, words: &[&str], input: &[u8]) -> Answer {
        let url = format!("http://{}", service.address);
        let file = self.folder.text_path("state/administrator-token");
        let rest = ["--service", &url, "--token-file", &file];
        let arguments = [&["gate"], words, &rest].concat();
        match input.is_empty() {
            true => run(&arguments),
            false => run_with_input(&arguments, input),
        }
    }

    /// A file with a policy that names the root of a service.
    pub fn policy(&self, service: &Daemon) -> String {
        let key = service.told["trust_anchor"]["public_key_sha256"]
            .as_str()
            .unwrap();
        let text = format!("trust_anchors = [\"{key}\"]\n");
        self.folder.write("policy.toml", text);
        self.folder.text_path("policy.toml")
    }

    /// Puts a policy of this text in force as [`POLICY`].
    #[track_caller]
    pub fn decree(&self, service: &Daemon, text: &str) {
        self.folder.write("decreed.toml", text);
        let file = self.folder.text_path("decreed.toml");
        let put = self.gate(service, &["policy", "set", POLICY, "--file", &file]);
        assert_eq!(put.status, 0, "{}", put.stderr);
    }

    /// Revokes the platform, which the service learns at once.
    #[track_caller]
    pub fn revoke(&self, service: &Daemon) {
        let dir = self.folder.text_path("box");
        let revoked = run(&["vendor", "revoke", "--platform", "one", "--dir", &dir]);
        assert_eq!(revoked.status, 0, "{}", revoked.stderr);
        let url = format!("http://{}", service.address);
        let token = self.folder.text_path("state/administrator-token");
        let refresh = ["collateral", "refresh", "--service", &url];
        let refreshed = run(&[&refresh[..], &["--token-file", &token]].concat());
        assert_eq!(refreshed.status, 0, "{}", refreshed.stderr);
    }

    /// A token for a key, under [`POLICY`].
    #[track_caller]
    pub fn attest(&self, service: &Daemon, key: &KeyPair) -> String {
        let challenge = service.send("POST", "/challenge", &[], b"").json();
        let nonce = cluster::nonce(&challenge);
        let quote = quote(&self.folder, &nonce, key);
        let body = Attempt::new(&nonce, &quote, key).body.to_string();
        let reply = service.send("POST", "/attest", &[], body.as_bytes());
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// Puts the policy, and a secret with these options.
    #[track_caller]
    pub fn furnish(&self, service: &Daemon, secret: &str, options: &[&str]) {
        let policy = self.policy(service);
        let put = self.gate(service, &["policy", "set", POLICY, "--file", &policy]);
        assert_eq!(put.status, 0, "{}", put.stderr);
        let words = ["secret", "set", secret, "--policy", POLICY, "--file", "-"];
        let put = self.gate_with_input(service, &[&words, options].concat(), b"open sesame");
        assert_eq!(put.status, 0, "{}", put.stderr);
    }
}

/// The quote of the platform `one` of the vendor in the folder's `box`, for a nonce and a key.
#[track_caller]
pub fn quote(folder: &Folder, nonce: &[u8; 32], key: &KeyPair) -> Vec<u8> {
    let data = hex::encode(binding::report_data(nonce, key.public_key()));
    let (dir, out) = (folder.text_path("box"), folder.text_path("evidence"));
    let quote = ["vendor", "quote", "--platform", "one", "--kind", "sgx-v3"];
    let of = ["--report-data", &data, "--out", &out, "--dir", &dir];
    let answer = run(&[quote, of].concat());
    assert_eq!(answer.status, 0, "{}", answer.stderr);
    let quote = std::fs::read(folder.path("evidence/quote.bin")).unwrap();
    std::fs::remove_dir_all(folder.path("evidence")).unwrap();
    quote
}

/// The body of a wish for a secret.
pub fn wish(token: &str, secret: &str) -> Vec<u8> {
    json!({ "token": token, "secret": secret })
        .to_string()
        .into_bytes()
}

/// Sends a wish to an address where somebody may be killed; absent where no whole answer came.
pub fn try_release(address: &str, body: &[u8]) -> Option<Reply> {
    let head = format!(
        "POST /release HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    try_send(address, &[head.as_bytes(), body].concat())
}

/// Sends a request to an address where somebody may be killed; absent where no whole answer came.
pub fn try_send(address: &str, request: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(request).ok()?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).ok()?;
    let end = reply.windows(4).position(|part| part == b"\r\n\r\n")?;
    let reply = Reply {
        head: String::from_utf8(reply[..end].to_vec()).ok()?,
        body: reply[end + 4..].to_vec(),
    };
    let length: usize = reply.header("Content-Length")?.parse().ok()?;
    (reply.body.len() == length).then_some(reply)
}
