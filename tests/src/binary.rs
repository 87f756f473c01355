//! The `bulla` binary, for tests that see only what its users see.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;

/// A command that runs the `bulla` of this workspace, as it is now.
///
/// Cargo gives a test the binaries of its own package only, so the first call has `bulla` built,
/// in the profile and target folder of the running test; where nothing changed that is quick.
///
/// # Panics
///
/// If there is no binary and none can be built.
pub fn bulla() -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    Command::new(BINARY.get_or_init(find))
}

fn find() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/[triple/]<profile>/deps/<test>
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test lies in its profile's folder");
    let beside = profile.join(format!("bulla{}", std::env::consts::EXE_SUFFIX));
    match build(profile) {
        Some(built) => built,
        None if beside.is_file() => beside,
        None => panic!("there is no `bulla`; run `cargo build -p bulla` first"),
    }
}

/// Has cargo build the binary; `None` where it cannot, for example where there is no cargo.
fn build(profile: &Path) -> Option<PathBuf> {
    let name = match profile.file_name()?.to_str()? {
        "debug" => "dev",
        name => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from(env!("CARGO")));
    let output = Command::new(cargo)
        .args(["build", "--package", "bulla", "--bin", "bulla"])
        .args(["--profile", name, "--message-format", "json"])
        .arg("--target-dir")
        .arg(target(profile)?)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let messages = String::from_utf8(output.stdout).ok()?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .next_back()
}

/// The target folder, above the folder of a target triple if there is one.
fn target(profile: &Path) -> Option<&Path> {
    let parent = profile.parent()?;
    let marked = |folder: &Path| folder.join("CACHEDIR.TAG").is_file();
    match parent.parent() {
        Some(above) if !marked(parent) && marked(above) => Some(above),
        _ => Some(parent),
    }
}

/// What matters of cargo's messages.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}
