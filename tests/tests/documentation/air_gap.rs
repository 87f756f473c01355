//! The commands of `docs/air-gap.md` run, in their order, on both sides of an air gap.

use std::collections::BTreeSet;
use std::fs;

use bulla_tests::gap::{Gap, insist};
use bulla_tests::pages::{blocks, commands, read, run_in};

const PAGE: &str = "docs/air-gap.md";

#[test]
fn every_command_shown_for_an_air_gap_runs() {
    let gap = Gap::new();
    // The page makes the keys, and all files of both sides lie in one folder.
    for name in ["archive.key", "archive.key.pub"] {
        fs::remove_file(gap.outside.path(name)).expect("the keys of the test");
    }
    for token in ["user", "admin"] {
        for (site, folder) in [("outside", &gap.outside), ("inside", &gap.inside)] {
            let to = gap.outside.path(&format!("{site}-{token}"));
            fs::copy(folder.path(token), to).expect("a token");
        }
    }
    gap.outside.write("pckid_retrieval.csv", gap.csv());
    let addresses = [
        ("https://outside.example:8081", &gap.open.address),
        ("https://inside.example:8081", &gap.closed.address),
    ];
    let mut count = 0;
    for block in blocks(&read(PAGE), &["sh air-gap"]) {
        for command in commands(&block) {
            let placed = addresses.iter().fold(command, |command, (name, address)| {
                command.replace(name, &format!("http://{address}"))
            });
            insist(|| match run_in(&gap.outside, &placed) {
                (0, answer, _) => Ok(answer),
                (_, answer, errors) => Err(format!("{placed}\n{answer}{errors}")),
            });
            count += 1;
        }
    }
    assert_eq!(count, 10);
    assert_eq!(gap.verify().status, 0, "{}", gap.verify().stdout);
}

#[test]
fn every_refusal_of_an_archive_is_documented() {
    let page = read(PAGE);
    let codes = |path: &str| -> BTreeSet<String> {
        let source = read(path);
        let words = source.split('"').skip(1).step_by(2);
        let named = words.filter(|word| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            word.bytes().all(is_name) && word.to_ascii_lowercase().starts_with("archive")
        });
        named.map(str::to_owned).collect()
    };
    let mut all = codes("crates/core/archive/src/error.rs");
    all.extend(codes(
        "crates/runtime/service/src/administration/archive.rs",
    ));
    // What the service says where the client would have: one of those of the first file.
    all.remove("archive-refused");
    assert!(all.len() >= 12, "{all:?}");
    for code in all {
        assert!(
            page.contains(&format!("| `{code}`")) || page.contains(&format!(", `{code}`")),
            "{code}"
        );
    }
}
