//! The pages of the documentation: what they show, and the commands in it as they run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binary::bulla;
use crate::workbench::Folder;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the repository")
}

/// A file of the repository, by its path there.
///
/// # Panics
///
/// If it cannot be read.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All pages: those in the root and those in `docs`.
pub fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [root().to_owned(), root().join("docs")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

/// The fenced blocks of a page in one of these languages.
pub fn blocks(page: &str, languages: &[&str]) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let content: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if languages.contains(&language) {
            blocks.push(content.join("\n"));
        }
    }
    blocks
}

/// The commands of a block: one on each line, after `$ ` in a session; a backslash goes on.
pub fn commands(block: &str) -> Vec<String> {
    let joined = block.replace("\\\n", " ");
    let is_session = joined.lines().any(|line| line.starts_with("$ "));
    joined
        .lines()
        .filter_map(|line| match is_session {
            true => line.strip_prefix("$ "),
            false => Some(line),
        })
        .map(|line| line.split(" # ").next().unwrap_or(line).trim().to_owned())
        .collect()
}

/// The same command for the shell; none where it is not about `bulla`.
pub fn runnable(command: &str) -> Option<String> {
    if let Some(arguments) = command.strip_prefix("cargo run --release -- ") {
        return Some(format!("bulla {arguments}"));
    }
    command.starts_with("bulla ").then(|| command.to_owned())
}

/// Runs a command in the folder, `bulla` being the binary of this workspace.
pub fn run_in(folder: &Folder, command: &str) -> (i32, String, String) {
    let binary = bulla();
    let beside = Path::new(binary.get_program()).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", command])
        .env("PATH", format!("{}:{path}", beside.display()))
        .current_dir(folder.path(""))
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let status = output.status.code().expect("no signal");
    (status, text(output.stdout), text(output.stderr))
}
