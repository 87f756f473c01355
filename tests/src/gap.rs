//! Two sites with an air gap between them.

#![allow(clippy::new_without_default, reason = "it starts services")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::daemon::{Daemon, found_vendor, with_tokens};
use crate::workbench::{Answer, Folder, run};

/// The family of the vendor's platform `one`.
pub const FMSPC: &str = "FF53494D554C";

/// A site outside, where there is a vendor, and one inside, where there is none.
pub struct Gap {
    /// The files outside: the vendor, its root, the keys and archives.
    pub outside: Folder,
    /// The vendor.
    pub vendor: Daemon,
    /// The service outside, which asks the vendor.
    pub open: Daemon,
    /// The files inside.
    pub inside: Folder,
    /// The service inside, which asks nobody.
    pub closed: Daemon,
}

impl Gap {
    /// Both, with a pair of keys for archives.
    pub fn new() -> Self {
        let outside = Folder::new();
        found_vendor(&outside);
        let vendor = Daemon::vendor(&outside);
        let upstream = format!("http://{}", vendor.address);
        let open = service(&outside, &outside, &["--upstream", &upstream]);
        let inside = Folder::new();
        let closed = service(&inside, &outside, &["--mode", "offline"]);
        let gap = Self {
            outside,
            vendor,
            open,
            inside,
            closed,
        };
        let key = gap.outside.text_path("archive.key");
        let made = run(&["collateral", "keygen", &key, "--format", "json"]);
        assert_eq!(made.status, 0, "{}", made.stderr);
        gap
    }

    /// What the vendor's platform `one` asks for its certificate with.
    pub fn request(&self) -> Value {
        let directory = self.outside.text_path("box");
        let words = ["vendor", "platform", "show", "one", "--dir", &directory];
        let shown = run(&[&words[..], &["--format", "json"]].concat());
        shown.json()["request"].clone()
    }

    /// The line that Intel's tool writes on it.
    pub fn csv(&self) -> String {
        let request = self.request();
        let field = |name: &str| request[name].as_str().expect("text").to_owned();
        let columns = ["encrypted_ppid", "pceid", "cpusvn", "pcesvn", "qe_id"];
        columns.map(field).join(",") + "\n"
    }

    /// Has the vendor do something.
    pub fn change(&self, words: &[&str]) {
        let directory = self.outside.text_path("box");
        let answer = run(&[&["vendor"], words, &["--dir", &directory]].concat());
        assert_eq!(answer.status, 0, "{}", answer.stderr);
    }

    /// Has the outer service fetch the TCB info of the vendor's platform, of one technology.
    pub fn fetch(&self, tee: &str) {
        let target = format!("/{tee}/certification/v4/tcb?fmspc={FMSPC}");
        insist(|| match self.open.get(&target) {
            reply if reply.status() == 200 => Ok(reply.head),
            reply => Err(reply.head),
        });
    }

    /// Has the outer service ask for everything that it keeps.
    pub fn refresh(&self) {
        let token = token(&self.outside);
        let words = ["collateral", "refresh", "--token-file", &token];
        insist(|| done(ask(&self.open, &words)));
    }

    /// Writes what the outer service keeps into a file of the outer folder.
    pub fn export(&self, name: &str, more: &[&str]) -> Answer {
        let (key, token) = (self.outside.text_path("archive.key"), token(&self.outside));
        let output = self.outside.text_path(name);
        let words = ["collateral", "export", "--key", &key, "--output", &output];
        ask(
            &self.open,
            &[&words[..], &["--token-file", &token], more].concat(),
        )
    }

    /// Gives the inner service a file of the outer folder.
    pub fn import(&self, name: &str) -> Answer {
        let signer = self.outside.text_path("archive.key.pub");
        self.import_of(name, &signer)
    }

    /// The same of another signer.
    pub fn import_of(&self, name: &str, signer: &str) -> Answer {
        let (archive, token) = (self.outside.text_path(name), token(&self.inside));
        let words = ["collateral", "import", &archive, "--signer", signer];
        ask(
            &self.closed,
            &[&words[..], &["--token-file", &token]].concat(),
        )
    }

    /// What the inner service keeps: documents by name and digest.
    pub fn kept(&self) -> Vec<(String, String)> {
        let listed = ask(&self.closed, &["collateral", "list"]).json();
        let rows = listed["documents"].as_array().expect("a list");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        rows.iter()
            .map(|row| (text(&row["slot"]), text(&row["sha256"])))
            .collect()
    }

    /// Verifies the platform's quote with what the inner service gives.
    pub fn verify(&self) -> Answer {
        let (root, policy) = (
            self.outside.text_path("root.pem"),
            self.outside.text_path("attested/policy.toml"),
        );
        let quote = self.outside.text_path("attested/quote.bin");
        let words = ["verify", "--quote", &quote, "--policy", &policy];
        let by = ["--trust-root", &root, "--simulated"];
        ask(&self.closed, &[&words[..], &by].concat())
    }
}

/// A service under the root of the folder `world`, with its store in `folder`.
pub fn service(folder: &Folder, world: &Folder, more: &[&str]) -> Daemon {
    let root = world.text_path("root.pem");
    let config = with_tokens(folder);
    let by = ["--config", &config, "--trust-root", &root, "--simulated"];
    Daemon::service(folder, &[more, &by].concat())
}

/// The file with the token of an administrator.
pub fn token(folder: &Folder) -> String {
    folder.text_path("admin")
}

/// A command to a service, answered in JSON.
pub fn ask(service: &Daemon, words: &[&str]) -> Answer {
    let url = format!("http://{}", service.address);
    run(&[words, &["--service", &url, "--format", "json"]].concat())
}

/// Tries something until it succeeds: on a busy machine the vendor may answer later than the service
/// outside waits for it.
///
/// # Panics
///
/// If it does not within a minute.
#[track_caller]
pub fn insist<T: std::fmt::Debug>(mut attempt: impl FnMut() -> Result<T, T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(failed) => assert!(Instant::now() < end, "{failed:?}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Registers the vendor's platform `one` at a service; gives what it asks with.
pub fn register(gap: &Gap, service: &Daemon, token: &str) -> Value {
    let request = gap.request();
    let platform = json!({
        "qe_id": request["qe_id"], "pce_id": request["pceid"], "cpu_svn": request["cpusvn"],
        "pce_svn": request["pcesvn"], "enc_ppid": request["encrypted_ppid"], "platform_manifest": "",
    });
    let file = gap.outside.write("platform.json", platform.to_string());
    let file = file.to_str().expect("UTF-8");
    let words = [
        "platform",
        "register",
        "--file",
        file,
        "--token-file",
        token,
    ];
    insist(|| done(ask(service, &words)));
    request
}

/// Whether a command did what it was asked for; what it said.
pub fn done(answer: Answer) -> Result<String, String> {
    match answer.status {
        0 => Ok(answer.stdout),
        _ => Err(answer.stdout + &answer.stderr),
    }
}

/// The PCK certificate that a quoting host is given.
pub fn certificate(service: &Daemon, request: &Value) -> (u16, Vec<u8>) {
    let field = |name: &str| request[name].as_str().expect("text").to_owned();
    let reply = service.get(&format!(
        "/sgx/certification/v4/pckcert?qeid={}&cpusvn={}&pcesvn={}&pceid={}",
        field("qe_id"),
        field("cpusvn"),
        field("pcesvn"),
        field("pceid")
    ));
    (reply.status(), reply.body)
}
