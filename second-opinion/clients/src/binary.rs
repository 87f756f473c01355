//! The `bulla` that is tried.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// A command of the `bulla` of this checkout, built as it is now; the environment variable
/// `BULLA_BINARY` names another one.
///
/// Built with optimisation: with it the keys of a platform are made in a tenth of the time.
pub fn bulla() -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let given = || std::env::var_os("BULLA_BINARY").map(PathBuf::from);
    Command::new(BINARY.get_or_init(|| given().unwrap_or_else(build)))
}

fn build() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--package", "bulla"])
        .args(["--message-format", "json"])
        .current_dir(workspace)
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo runs");
    let mut messages = String::new();
    let mut output = cargo.stdout.take().expect("a pipe");
    output.read_to_string(&mut messages).expect("text");
    let ended = cargo.wait().expect("cargo ends");
    assert!(ended.success(), "bulla cannot be built");
    let executable = messages.lines().rev().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executable.expect("an executable")
}
