//! Enclaves and the platforms that they run on, for black-box tests.

use serde_json::Value;

use crate::workbench::{Answer, Folder, run, run_with_input};

/// Founds a vendor in `box` with the platform `node-1`.
pub fn found_vendor(folder: &Folder) {
    let vendor = folder.text_path("box");
    let place = ["--platform", "node-1", "--public-url", "http://localhost"];
    let made = run(&[&["vendor", "init", "--dir", &vendor][..], &place].concat());
    assert_eq!(made.status, 0, "{}", made.stderr);
}

/// `bulla enclave`; arguments that begin with `@` are files of the folder.
pub fn enclave(folder: &Folder, arguments: &[&str], input: &[u8]) -> Answer {
    let mut line = vec!["enclave".to_owned()];
    line.extend(
        arguments
            .iter()
            .map(|argument| match argument.strip_prefix('@') {
                Some(name) => folder.text_path(name),
                None => (*argument).to_owned(),
            }),
    );
    run_with_input(&line, input)
}

/// Has the platform `node-1` quote `image`, with this SIGSTRUCT, and writes all to `out`.
#[track_caller]
pub fn quote(folder: &Folder, signature: &str, out: &str) -> Value {
    let line = [
        "quote",
        "@image",
        "--sigstruct",
        signature,
        "--vendor",
        "@box",
        "--platform",
        "node-1",
        "--report-data",
        "0102",
        "--out",
        out,
        "--format",
        "json",
    ];
    let answer = enclave(folder, &line, b"");
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    answer.json()
}

/// Verifies what was written to `out`, with these options beside quote and collateral.
pub fn verify(folder: &Folder, out: &str, options: &[&str]) -> Answer {
    let file = |name: &str| folder.text_path(&format!("{out}/{name}"));
    let mut line = vec!["verify".to_owned(), "--format".into(), "json".into()];
    for (option, name) in [
        ("--quote", "quote.bin"),
        ("--collateral", "collateral.json"),
    ] {
        line.extend([option.to_owned(), file(name)]);
    }
    line.extend(options.iter().map(|option| match option.strip_prefix('@') {
        Some(name) => file(name),
        None => (*option).to_owned(),
    }));
    run(&line)
}

/// The options that make the simulated root known and accepted.
pub const KNOWN: [&str; 5] = [
    "--trust-root",
    "@root.pem",
    "--simulated",
    "--policy",
    "@policy.toml",
];
