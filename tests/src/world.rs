//! A vendor in a box and a service that asks it, both as processes, and `bulla` as people use it
//! against them.

use bulla_pki::Timestamp;
use serde_json::Value;

use crate::daemon::{Daemon, found_vendor_at};
use crate::workbench::{Answer, Folder, now, run, run_with_input};

/// A vendor with a platform that has attested, and a service that asks it.
pub struct World {
    /// Where everything is: `box`, `attested`, `root.pem`, `state`.
    pub folder: Folder,
    /// The vendor.
    pub vendor: Daemon,
    /// The service, with an administrator's token in `state/administrator-token`.
    pub service: Daemon,
}

impl World {
    /// A vendor that is founded now.
    pub fn new() -> Self {
        Self::founded(now(), &[])
    }

    /// A vendor that was founded then, and to whom this happened before anybody asked him.
    pub fn founded(at: Timestamp, events: &[&str]) -> Self {
        let folder = Folder::new();
        found_vendor_at(&folder, at);
        for words in events {
            happen(&folder, words);
        }
        let vendor = Daemon::vendor(&folder);
        let service = Daemon::service_of(&folder, &vendor);
        Self {
            folder,
            vendor,
            service,
        }
    }

    /// The address of the service.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.address)
    }

    /// Something that happens to the vendor, in words with blanks between them. The service learns of it
    /// when it asks next.
    #[track_caller]
    pub fn happens(&self, words: &str) {
        happen(&self.folder, words);
    }

    /// A command to the service, as its administrator.
    pub fn administer(&self, words: &[&str]) -> Answer {
        self.administer_with(words, b"")
    }

    /// The same with this on standard input.
    pub fn administer_with(&self, words: &[&str], input: &[u8]) -> Answer {
        let url = self.url();
        let token = self.folder.text_path("state/administrator-token");
        let place = ["--service", &url, "--token-file", &token];
        run_with_input(&[words, &place].concat(), input)
    }

    /// Plans and applies.
    #[track_caller]
    pub fn apply(&self, plan: &str) -> Value {
        self.folder.write("applied.toml", plan);
        let file = self.folder.text_path("applied.toml");
        let done = |words: &[&str]| {
            let common = ["--file", &file, "--format", "json"];
            let answer = self.administer(&[&["baseline"], words, &common].concat());
            assert_eq!(answer.status, 0, "{}", answer.stdout);
            answer.json()
        };
        let planned = done(&["plan"]);
        let digest = planned["digest"].as_str().expect("a digest");
        done(&["apply", "--digest", digest])
    }

    /// Gives the service the quote of the vendor's platform.
    #[track_caller]
    pub fn observe(&self) {
        let quote = self.folder.text_path("attested/quote.bin");
        let observed = self.administer(&["platform", "observe", "--quote", &quote]);
        assert_eq!(observed.status, 0, "{}", observed.stderr);
    }

    /// A command about evidence, by the vendor's root and the policy that names it.
    pub fn judge(&self, command: &str, words: &[&str]) -> Answer {
        let root = self.folder.text_path("root.pem");
        let policy = self.folder.text_path("attested/policy.toml");
        let terms = ["--trust-root", &root, "--simulated", "--policy", &policy];
        run(&[&[command], words, &terms].concat())
    }

    /// The same in JSON, about the quote, with collateral from this service.
    pub fn ask(&self, command: &str, service: &str, more: &[&str]) -> Answer {
        let quote = self.folder.text_path("attested/quote.bin");
        let common = ["--quote", &quote, "--service", service, "--format", "json"];
        self.judge(command, &[&common, more].concat())
    }
}

#[track_caller]
fn happen(folder: &Folder, words: &str) {
    let directory = folder.text_path("box");
    let words: Vec<&str> = words.split(' ').collect();
    let answer = run(&[&["vendor"], &words[..], &["--dir", &directory]].concat());
    assert_eq!(answer.status, 0, "{}", answer.stderr);
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
