//! Several nodes of the service with one PostgreSQL, and a vendor in a box behind them.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_pki::digest::sha512;
use bulla_vendor::StateDirectory;
use serde_json::Value;

use crate::daemon::{Daemon, found_vendor};
use crate::host::Host;
use crate::postgres::{PASSWORD, Server};
use crate::relay::Relay;
use crate::workbench::{Folder, now, run};

/// The token of administrators and users at every node.
pub const TOKEN: &str = "a-token-of-tests";

/// How long a test waits for what is to happen by itself. A vendor that signs in a test's build, on a machine that is busy, takes seconds for each answer.
const PATIENCE: Duration = Duration::from_secs(180);

/// A database, a vendor, and what the nodes have in common.
pub struct Cluster {
    /// The server of the database.
    pub server: Server,
    /// The way of all nodes to the vendor.
    pub vendor: Relay,
    /// Where all of it is.
    pub folder: Folder,
    /// The name of the database of the nodes that start from now on.
    pub database: String,
    _vendor: Daemon,
}

impl Cluster {
    /// No node yet; `None` after one line that says what is skipped, where there is no PostgreSQL.
    pub fn open(test: &str) -> Option<Self> {
        let server = Server::start(test)?;
        let folder = Folder::new();
        found_vendor(&folder);
        let vendor = Daemon::vendor(&folder);
        let database = server.database();
        let key = folder.write("gate-key", "5a".repeat(32));
        let password = folder.write("password", PASSWORD);
        let token = folder.write("token", TOKEN);
        for file in [key, password, token] {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        Some(Self {
            vendor: Relay::to(vendor.address.parse().unwrap()),
            server,
            folder,
            database,
            _vendor: vendor,
        })
    }

    /// A node of this name with its own way to the database.
    pub fn way(&self) -> Relay {
        Relay::to(([127, 0, 0, 1], self.server.port()).into())
    }

    /// Starts a node that reaches the database through a relay.
    pub fn start(&self, name: &str, way: &Relay) -> Daemon {
        Daemon::start(&mut self.command(name, way), &self.log_of(name))
    }

    /// The same, with a clock that is so many seconds ahead of this machine's.
    pub fn start_ahead(&self, name: &str, way: &Relay, seconds: i64, clocks: &Clocks) -> Daemon {
        let mut command = self.command(name, way);
        clocks.set(&mut command, seconds);
        Daemon::start(&mut command, &self.log_of(name))
    }

    fn command(&self, name: &str, way: &Relay) -> Command {
        let address = Server::address_through(way.address().port(), &self.database);
        let hash = hex::encode(sha512(TOKEN.as_bytes()));
        let token = format!("name = \"tests\"\nsha512 = \"{hash}\"\n");
        let configuration = format!(
            "[store]\npath = \"{name}\"\npostgres = \"{address}\"\npassword_file = \"password\"\n\
             [[tokens.users]]\n{token}[[tokens.administrators]]\n{token}\
             [gate]\nenabled = true\nkey_file = \"gate-key\"\n\
             [[upstream]]\nname = \"box\"\nurl = \"http://{}\"\ndeadline = 60\n",
            self.vendor.address()
        );
        let file = self.folder.write(&format!("{name}.toml"), configuration);
        let mut command = crate::binary::bulla();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(file)
            .args([
                "--trust-root",
                &self.folder.text_path("root.pem"),
                "--simulated",
            ]);
        command
    }

    /// What a node has written into its log.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_of(name)).unwrap()
    }

    fn log_of(&self, name: &str) -> PathBuf {
        self.folder.path(&format!("{name}.log"))
    }

    /// A new platform, of one package, with the host on it.
    pub fn host(&self, name: &str) -> Host {
        let at = now();
        let dir = self.folder.text_path("box");
        if name != "one" {
            let made = run(&["vendor", "platform", "add", name, "--dir", &dir]);
            assert_eq!(made.status, 0, "{}", made.stderr);
        }
        let vendor = StateDirectory::new(&dir).read().unwrap();
        Host::of(&vendor, name, at)
    }
}

/// The library that gives a program another clock than the machine's: Debian's `libfaketime`.
pub struct Clocks(PathBuf);

impl Clocks {
    /// The one of this machine; `None` after one line that says what is skipped, where there is none.
    ///
    /// # Panics
    ///
    /// If there is none although `BULLA_REQUIRE` demands `faketime`.
    pub fn find(test: &str) -> Option<Self> {
        let required = std::env::var("BULLA_REQUIRE")
            .is_ok_and(|list| list.split(',').any(|need| need == "faketime"));
        let folders = std::fs::read_dir("/usr/lib").unwrap();
        let found = folders
            .filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketime.so.1")))
            .find(|file| file.is_file());
        if found.is_none() {
            assert!(!required, "libfaketime is required; install it");
            eprintln!("{test}: skipped, there is no libfaketime");
        }
        found.map(Self)
    }

    /// Gives a command a clock that is so many seconds ahead of this machine's, or behind it.
    pub fn set(&self, command: &mut Command, seconds: i64) {
        command
            .env("LD_PRELOAD", &self.0)
            .env("FAKETIME", format!("{seconds:+}"))
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

/// The nonce in the answer to a challenge.
pub fn nonce(challenge: &Value) -> [u8; 32] {
    let nonce = URL_SAFE_NO_PAD.decode(challenge["nonce"].as_str().unwrap());
    nonce.unwrap().try_into().unwrap()
}

/// Waits until something is so.
///
/// # Panics
///
/// If it does not become so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "it does not come to this: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A condition of readiness, by its name: whether it is met, and what is said of it.
pub fn condition(node: &Daemon, name: &str) -> (bool, String) {
    let ready = node.get("/readyz").json();
    let conditions = ready["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|one| one["name"] == name).unwrap();
    let detail = found["detail"].as_str().unwrap_or_default();
    (found["met"] == true, detail.to_owned())
}

/// A count of a node; absent where there is none of this name.
pub fn count(node: &Daemon, name: &str) -> Option<i64> {
    let counts = node.get("/metrics");
    let line = counts
        .text()
        .lines()
        .find(|line| line.starts_with(&format!("bulla_{name}{{")))?;
    line.rsplit_once(' ')?.1.parse().ok()
}
