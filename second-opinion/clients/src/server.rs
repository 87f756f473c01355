//! A server under test: a process, and where it is reached.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A service that runs until this is dropped.
pub struct Server {
    process: Child,
    url: String,
    told: Value,
}

impl Server {
    /// Starts a service and waits until it answers: until it has said where, as an object with the
    /// member `address`. None if it ends before, for which its own message says why.
    pub fn start(mut command: Command) -> Option<Self> {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut told = String::new();
        while !told.ends_with("\n}\n") {
            if output.read_line(&mut told).expect("text") == 0 {
                process.wait().expect("it ends");
                return None;
            }
        }
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let address = told["address"].as_str().expect("an address");
        Some(Self {
            process,
            url: format!("http://{address}"),
            told,
        })
    }

    /// Where it is reached, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it said when it was there.
    pub fn told(&self) -> &Value {
        &self.told
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
