//! Bad input: an error that says what, where and what to do, after no more than can be used was read.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use bulla_collateral::MAX_SET_SIZE;
use bulla_evidence::input::MAX_TEXT_SIZE;
use bulla_issuer::QuoteKind;
use bulla_tests::binary::bulla;
use bulla_tests::workbench::{Answer, Folder, run, scenario, write_set};

fn laid_out() -> Folder {
    let folder = Folder::new();
    folder.lay_out(&scenario(QuoteKind::SgxV3));
    folder
}

/// The error comes as JSON on standard output and as text on standard error, never as both.
#[track_caller]
fn assert_error(folder: &Folder, options: &[&str], code: &str, words: &[&str]) {
    let json = folder.verify(&[options, &["--format", "json"]].concat());
    let error = json.json()["error"].clone();
    assert_eq!(error["code"], code, "{error}");
    assert_eq!((json.status, json.stderr.as_str()), (2, ""));
    let message = error["message"].as_str().expect("a message");
    for word in words {
        assert!(message.contains(word), "{message}");
    }

    let text = folder.verify(options);
    assert_eq!((text.status, text.stdout.as_str()), (2, ""));
    assert!(text.stderr.starts_with("error: "), "{}", text.stderr);
    assert!(
        text.stderr.contains(code) && text.stderr.contains(words[0]),
        "{}",
        text.stderr
    );
    assert!(!text.stderr.contains('\u{1b}'));
}

#[test]
fn quotes_that_cannot_be_read() {
    let folder = laid_out();
    let path = |name: &str| folder.text_path(name);
    let directory = path("");
    folder.write("empty", "");
    folder.write("blank", " \n\t\n");
    folder.zeros("zeros", 100_000_000);
    let too_large = ["zeros", "bytes"];
    assert_error(
        &folder,
        &["--quote", &path("gone")],
        "FileNotFound",
        &["gone", "check the path"],
    );
    assert_error(
        &folder,
        &["--quote", &directory],
        "FileIsDirectory",
        &["directory"],
    );
    assert_error(
        &folder,
        &["--quote", &path("empty")],
        "InputEmpty",
        &["empty"],
    );
    assert_error(
        &folder,
        &["--quote", &path("blank")],
        "InputEmpty",
        &["blank"],
    );
    assert_error(
        &folder,
        &["--quote", &path("zeros")],
        "InputTooLarge",
        &too_large,
    );
}

/// Nobody reads on who has more than he can use: neither time nor memory go with what is sent.
#[test]
fn of_input_without_end_no_more_is_read_than_can_be_used() {
    let folder = laid_out();
    let paths = ["quote.bin", "set.json"].map(|name| folder.text_path(name));
    let [quote, set] = paths.each_ref().map(String::as_str);
    // What a pipe holds, and what was written when its reader ends.
    let underway = 256 * 1_024;
    for (files, limit) in [
        (
            [("--quote", "/dev/stdin"), ("--collateral", set)],
            MAX_TEXT_SIZE,
        ),
        ([("--quote", "-"), ("--collateral", set)], MAX_TEXT_SIZE),
        (
            [("--quote", quote), ("--collateral", "/dev/stdin")],
            MAX_SET_SIZE,
        ),
    ] {
        let mut command = bulla();
        command.args(["verify", "--format", "json"]);
        command.args(files.iter().flat_map(|(option, file)| [option, file]));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bulla starts");
        let mut input = child.stdin.take().expect("a pipe");
        let taken = (0..4_096)
            .take_while(|_| input.write_all(&[0; 32 * 1_024]).is_ok())
            .count();
        drop(input);
        let output = child.wait_with_output().expect("bulla ends");
        let answer = Answer::from(output);
        assert_eq!(answer.status, 2, "{files:?}: {}", answer.stdout);
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], "InputTooLarge", "{error}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(&limit.to_string()), "{message}");
        let taken = taken * 32 * 1_024;
        assert!(taken <= limit + underway, "{files:?}: {taken} of {limit}");
    }
}

#[test]
fn collateral_that_cannot_be_read() {
    let folder = laid_out();
    let path = |name: &str| folder.text_path(name);
    folder.write("empty", "");
    folder.write("text", "not JSON");
    folder.write("nested", "[".repeat(1_000_000));
    folder.write(
        "nested-field",
        format!("{{\"note\":{}", "[".repeat(1_000_000)),
    );
    folder.zeros("zeros", 100_000_000);
    let malformed = "CollateralMalformed";
    let missing = path("gone.json");
    assert_error(
        &folder,
        &["--collateral", &missing],
        "FileNotFound",
        &["gone.json"],
    );
    assert_error(
        &folder,
        &["--collateral", &path("empty")],
        "InputEmpty",
        &["empty"],
    );
    assert_error(
        &folder,
        &["--collateral", &path("text")],
        malformed,
        &["text"],
    );
    assert_error(
        &folder,
        &["--collateral", &path("nested")],
        malformed,
        &["nested"],
    );
    let nested_field = path("nested-field");
    assert_error(
        &folder,
        &["--collateral", &nested_field],
        malformed,
        &["line 1"],
    );
    assert_error(
        &folder,
        &["--collateral", &path("zeros")],
        "InputTooLarge",
        &["zeros"],
    );
}

#[test]
fn a_directory_without_some_document_names_all_that_are_missing() {
    let folder = laid_out();
    let set = folder.text_path("set");
    write_set(
        &folder.path("set"),
        &scenario(QuoteKind::SgxV3).build().collateral,
    );
    let file = |name: &str| folder.path("set").join(name);
    fs::copy(file("qe-identity.json"), file("tcb-info.json")).expect("a copy");
    let swapped = ["tcb-info.json", "an enclave identity, not a TCB info"];
    assert_error(
        &folder,
        &["--collateral", &set],
        "CollateralMalformed",
        &swapped,
    );
    for name in ["tcb-info.json", "pck-crl.der"] {
        fs::remove_file(file(name)).expect("a file to remove");
    }
    let names = ["`tcb-info.json`", "`pck-crl.der`", "`pck-crl.pem`"];
    assert_error(
        &folder,
        &["--collateral", &set],
        "CollateralFileMissing",
        &names,
    );
}

#[test]
fn arguments_that_make_no_sense() {
    let folder = laid_out();
    let path = |name: &str| folder.text_path(name);
    for time in ["noon", "2026-11-23", "-1", "253402300800"] {
        let at = format!("--at={time}");
        let json = folder.verify(&["--at", "0", "--format", "json"]);
        assert_eq!(json.status, 1, "the first second of 1970 is a time");
        let answer = folder_with_time(&folder, &at);
        assert_eq!(answer.json()["error"]["code"], "TimeInvalid");
        assert_eq!(answer.status, 2);
    }
    let list = ["--accept-tcb-status", "UpToDate,Fine"];
    assert_error(
        &folder,
        &list,
        "TcbStatusInvalid",
        &["`Fine`", "SWHardeningNeeded"],
    );
    let list = ["--accept-tcb-status", "Revoked"];
    assert_error(&folder, &list, "TcbStatusInvalid", &["never"]);

    folder.write("bad.toml", "sgx = 3\n");
    let policy = path("bad.toml");
    assert_error(
        &folder,
        &["--policy", &policy],
        "PolicyMalformed",
        &["bad.toml", "line 1"],
    );
    folder.write("binary.toml", [0xff, 0xfe]);
    assert_error(
        &folder,
        &["--policy", &path("binary.toml")],
        "PolicyMalformed",
        &["UTF-8"],
    );

    let root = ["--trust-root", &path("set.json")];
    assert_error(&folder, &root, "TrustRootInvalid", &["set.json"]);
}

fn folder_with_time(folder: &Folder, at: &str) -> Answer {
    let paths = ["quote.bin", "set.json"].map(|name| folder.text_path(name));
    let [quote, set] = paths.each_ref().map(String::as_str);
    run(&[
        "verify",
        "--quote",
        quote,
        "--collateral",
        set,
        at,
        "--format",
        "json",
    ])
}

#[test]
fn usage_errors_come_in_the_format_that_was_asked_for() {
    let lines = [
        "verify",
        "verify --oops",
        "oops",
        "verify --quote a --simulated --collateral b",
    ];
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let json = run(&[&words[..], &["--format", "json"]].concat());
        assert_eq!(json.json()["error"]["code"], "UsageInvalid", "{line}");
        assert_eq!((json.status, json.stderr.as_str()), (2, ""));
        let text = run(&words);
        assert_eq!((text.status, text.stdout.as_str()), (2, ""));
        assert!(text.stderr.starts_with("error: "), "{}", text.stderr);
    }
}

#[test]
fn a_quote_without_collateral_says_what_to_add() {
    let folder = laid_out();
    let quote = folder.text_path("quote.bin");
    let answer = run(&["verify", "--quote", &quote]);
    assert_eq!(answer.status, 2);
    assert!(answer.stderr.contains("--collateral"), "{}", answer.stderr);
}

#[test]
fn help_and_version_are_no_errors() {
    for words in [
        &["--help"][..],
        &["help", "verify"],
        &["verify", "--help"],
        &["--version"],
    ] {
        let answer = run(words);
        assert_eq!((answer.status, answer.stderr.as_str()), (0, ""));
        assert!(answer.stdout.contains("bulla"));
        assert!(!answer.stdout.contains('\u{1b}'));
    }
    let help = run(&["help", "verify"]).stdout;
    for word in [
        "--accept-tcb-status",
        "tcb-info.json",
        "Exit status",
        "Examples",
    ] {
        assert!(help.contains(word), "{word}");
    }
    assert!(run(&["--version"]).stdout.starts_with("bulla 0."));
}
