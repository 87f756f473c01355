//! Services of `bulla` that run while a test asks them.

use std::fs::{File, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bulla_pki::Timestamp;
use serde_json::Value;

use crate::binary::bulla;
use crate::workbench::{Folder, now, run};

/// How long a service may take to end, far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service that runs, and ends with the test.
pub struct Daemon {
    child: Child,
    /// What it said at its start.
    pub told: Value,
    /// The first address that it listens on.
    pub address: String,
}

impl Daemon {
    /// Starts a command that says as JSON where it listens, and goes on. What it writes to standard
    /// error is added to the file `log`.
    ///
    /// # Panics
    ///
    /// If it ends instead; with what it said, and its log.
    #[track_caller]
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log);
        let child = command
            .args(["--format", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file.expect("a log"))
            .spawn()
            .expect("bulla starts");
        let mut daemon = Self {
            child,
            told: Value::Null,
            address: String::new(),
        };
        let said = daemon.first_words();
        match serde_json::from_str::<Value>(&said) {
            Ok(told) if told["error"].is_null() => daemon.told = told,
            // An error comes where everything else for programs comes.
            _ => {
                let log = std::fs::read_to_string(log).expect("a log in UTF-8");
                panic!("{command:?} did not start: {said}\n{log}");
            }
        }
        let address = daemon.told["address"].as_str();
        daemon.address = address.unwrap_or_default().to_owned();
        daemon
    }

    /// The first object on standard output, or what came until the end.
    fn first_words(&mut self) -> String {
        let mut said = String::new();
        let mut output = BufReader::new(self.child.stdout.take().expect("a pipe"));
        while !said.ends_with("\n}\n") && output.read_line(&mut said).expect("text") > 0 {}
        said
    }

    /// The vendor in the folder's `box`, on any port.
    pub fn vendor(folder: &Folder) -> Self {
        let mut command = bulla();
        command.args(["vendor", "serve", "--listen", "127.0.0.1:0"]);
        command.args(["--dir", &folder.text_path("box")]);
        Self::start(&mut command, &folder.path("vendor-log"))
    }

    /// The collateral service on any port, with its store in the folder's `state`, and its log
    /// added to the file `log`.
    pub fn service(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = bulla();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--store", &folder.text_path("state")]);
        Self::start(command.args(arguments), &folder.path("log"))
    }

    /// The same, which asks a vendor, under the root in the folder's `root.pem`.
    pub fn service_of(folder: &Folder, vendor: &Self) -> Self {
        let upstream = format!("http://{}", vendor.address);
        let root = folder.text_path("root.pem");
        let place = ["--upstream", &upstream, "--trust-root", &root];
        Self::service(folder, &[&place[..], &["--simulated"]].concat())
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks for something.
    pub fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[], b"")
    }

    /// Sends a request on a connection of its own.
    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        exchange(&self.address, &[head.as_bytes(), body].concat())
    }

    /// Sends a signal, for example `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success(), "{name}");
    }

    /// Tells it to end, and waits until it has.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn end(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until it has ended, which it was told before.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the service goes on");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends bytes on a connection of their own, and reads what comes until it is closed.
///
/// # Panics
///
/// If nobody listens, or no answer comes.
#[track_caller]
pub fn exchange(address: &str, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).expect("the service listens");
    // Who is refused before all was sent may see the connection closed.
    let sent = stream.write_all(request);
    let mut reply = Vec::new();
    let received = stream.read_to_end(&mut reply);
    let end = reply.windows(4).position(|part| part == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {sent:?}, {received:?}"));
    Reply {
        head: String::from_utf8(reply[..end].to_vec()).expect("text"),
        body: reply[end + 4..].to_vec(),
    }
}

/// What was answered.
pub struct Reply {
    /// Status and headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The status.
    pub fn status(&self) -> u16 {
        let word = self.head.split(' ').nth(1).expect("a status");
        word.parse().expect("a number")
    }

    /// The value of a header; the first where there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The names of the headers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| Some(line.split_once(':')?.0))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// Writes a token into a file of the folder, for its owner alone.
///
/// # Panics
///
/// If it cannot be written.
pub fn write_token(folder: &Folder, name: &str, token: &str) {
    let path = folder.write(name, format!("{token}\n"));
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("a file");
}

/// Writes a configuration with tokens of a user and an administrator, which are in the files `user` and
/// `admin`; gives its path.
pub fn with_tokens(folder: &Folder) -> String {
    let of = |name: &str| {
        let token = format!("{name}-of-the-test");
        write_token(folder, name, &token);
        hex::encode(bulla_pki::digest::sha512(token.as_bytes()))
    };
    let text = format!(
        "[tokens]\nusers = [{{ name = \"u\", sha512 = \"{}\" }}]\n\
         administrators = [{{ name = \"a\", sha512 = \"{}\" }}]\n",
        of("user"),
        of("admin"),
    );
    folder.write("bulla.toml", text);
    folder.text_path("bulla.toml")
}

/// A vendor in the folder's `box`, founded now, with the platform `one` that has attested; its root is
/// in `root.pem`.
pub fn found_vendor(folder: &Folder) {
    found_vendor_at(folder, now());
}

/// The same, founded then.
pub fn found_vendor_at(folder: &Folder, at: Timestamp) {
    let vendor = |words: &str| {
        let directory = folder.text_path("box");
        let words: Vec<&str> = words.split_ascii_whitespace().collect();
        let answer = run(&[&["vendor"], &words[..], &["--dir", &directory]].concat());
        assert_eq!(answer.status, 0, "{}", answer.stderr);
    };
    vendor(&format!(
        "init --public-url http://vendor.test.invalid --at {at}"
    ));
    vendor(&format!("platform add one --at {at}"));
    let out = folder.text_path("attested");
    vendor(&format!("quote --platform one --kind sgx-v3 --out {out}"));
    std::fs::copy(folder.path("attested/root.pem"), folder.path("root.pem")).expect("a root");
}
