//! `bulla generate`: man pages and completions, as packages install them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use bulla_tests::workbench::{Folder, run};

/// What `bulla generate` writes, in a folder of the test.
fn generated() -> (Folder, BTreeSet<String>) {
    let folder = Folder::new();
    let share = folder.text_path("share");
    let answer = run(&["generate", &share, "--format", "json"]);
    assert_eq!(answer.status, 0, "{}", answer.stderr);
    let files = answer.json()["files"].take();
    let files = files.as_array().expect("a list").iter();
    let inside = |path: &str| {
        let path = Path::new(path).strip_prefix(&share).expect("below it");
        path.to_str().expect("UTF-8").to_owned()
    };
    let files = files.map(|file| inside(file.as_str().expect("a path")));
    let files = files.collect();
    (folder, files)
}

/// The commands below one, as its help lists them.
pub(super) fn below(words: &[String]) -> Vec<Vec<String>> {
    let help = [words, &["--help".to_owned()]].concat();
    let answer = run(&help);
    assert_eq!(answer.status, 0, "{words:?}: {}", answer.stderr);
    let Some((_, list)) = answer.stdout.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    list.lines()
        .take_while(|line| !line.is_empty())
        // What goes on in the next line stands further in.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_ascii_whitespace().next())
        .filter(|name| *name != "help")
        .map(|name| [words, &[name.to_owned()]].concat())
        .collect()
}

#[test]
fn each_command_has_its_page() {
    let (folder, files) = generated();
    let mut waiting = vec![Vec::new()];
    let mut expected = BTreeSet::new();
    while let Some(words) = waiting.pop() {
        let name = [&["bulla".to_owned()], &words[..]].concat().join("-");
        let page = format!("man/{name}.1");
        let text = fs::read_to_string(folder.path("share").join(&page)).expect("a page");
        for part in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(text.contains(part), "{page}: {part}");
        }
        expected.insert(page);
        waiting.extend(below(&words));
    }
    assert!(expected.len() > 40, "{expected:?}");
    let pages: BTreeSet<String> = files
        .into_iter()
        .filter(|file| file.starts_with("man/"))
        .collect();
    assert_eq!(pages, expected);
}

#[test]
fn what_is_written_is_the_same_each_time() {
    let (first, files) = generated();
    let (second, again) = generated();
    assert_eq!(files, again);
    for file in files {
        let read = |folder: &Folder| fs::read(folder.path("share").join(&file)).expect("a file");
        assert_eq!(read(&first), read(&second), "{file}");
    }
}

#[test]
fn bash_takes_the_completions_and_knows_the_commands_by_them() {
    let (folder, files) = generated();
    for shell in ["bulla.bash", "_bulla", "bulla.fish"] {
        assert!(files.contains(&format!("completions/{shell}")), "{files:?}");
    }
    let script = folder.text_path("share/completions/bulla.bash");
    let ask = "set -eu; . \"$1\"; COMP_WORDS=(bulla collateral exp); COMP_CWORD=2
               _bulla bulla exp collateral; echo \"${COMPREPLY[*]}\"";
    let output = Command::new("bash")
        .args(["-c", ask, "bash", &script])
        .output()
        .expect("bash");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(output.stdout, b"export\n", "{errors}");
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let folder = Folder::new();
    folder.write("file", "");
    let answer = run(&["generate", &folder.text_path("file"), "--format", "json"]);
    assert_eq!(answer.status, 2);
    assert_eq!(answer.json()["error"]["code"], "FileUnwritable");
}
