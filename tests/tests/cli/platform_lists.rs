//! Lists of platforms in the forms of Intel's tools, across an air gap and back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bulla_tests::gap::{Gap, ask, certificate, done, insist};
use bulla_tests::workbench::Answer;
use serde_json::{Value, json};

/// The list of platforms of the inner service, in a file of the inner folder.
fn list(gap: &Gap, name: &str, more: &[&str]) -> (Answer, Value) {
    let (output, admin) = (gap.inside.text_path(name), gap.inside.text_path("admin"));
    let words = [
        "platform",
        "export",
        "--output",
        &output,
        "--token-file",
        &admin,
    ];
    let answer = ask(&gap.closed, &[&words[..], more].concat());
    let listed = fs::read(gap.inside.path(name)).unwrap_or_default();
    (answer, serde_json::from_slice(&listed).unwrap_or_default())
}

/// Registers the platforms of a file inside, as a user.
fn register(gap: &Gap, name: &str, content: &str) -> Answer {
    let file = gap.inside.write(name, content);
    let file = file.to_str().expect("UTF-8");
    let user = gap.inside.text_path("user");
    let words = ["platform", "register", "--file", file];
    ask(
        &gap.closed,
        &[&words[..], &["--token-file", &user]].concat(),
    )
}

#[test]
fn a_platform_inside_gets_its_certificates_from_outside() {
    let gap = Gap::new();
    let request = gap.request();
    let answer = register(&gap, "pckid_retrieval.csv", &gap.csv());
    assert_eq!(answer.status, 0, "{}", answer.stdout);

    let (answer, listed) = list(&gap, "platform_list.json", &[]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    assert_eq!(answer.json()["platforms"], 1);
    assert!(
        !answer
            .stdout
            .contains(request["encrypted_ppid"].as_str().expect("text"))
    );
    let platform = &listed[0];
    for (key, name) in [
        ("enc_ppid", "encrypted_ppid"),
        ("pce_id", "pceid"),
        ("cpu_svn", "cpusvn"),
        ("pce_svn", "pcesvn"),
        ("qe_id", "qe_id"),
    ] {
        let text = |value: &Value| value.as_str().expect("text").to_uppercase();
        assert_eq!(text(&platform[key]), text(&request[name]), "{key}");
    }
    assert_eq!(platform["platform_manifest"], "");
    let mode = fs::metadata(gap.inside.path("platform_list.json")).expect("a file");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    // Whoever has it has a week.
    assert_eq!(list(&gap, "again.json", &[]).1, json!([]));

    let file = gap.inside.text_path("platform_list.json");
    let user = gap.outside.text_path("user");
    let register = [
        "platform",
        "register",
        "--file",
        &file,
        "--token-file",
        &user,
    ];
    insist(|| done(ask(&gap.open, &register)));
    let exported = gap.export("archive", &[]);
    assert_eq!(exported.status, 0, "{}", exported.stdout);
    let imported = gap.import("archive");
    assert_eq!(
        imported.json()["platforms"]["brought"],
        1,
        "{}",
        imported.stdout
    );
    let outside = certificate(&gap.open, &request);
    assert_eq!(outside.0, 200);
    assert_eq!(certificate(&gap.closed, &request), outside);

    let (_, cached) = list(&gap, "cached.json", &["--source", "cached"]);
    assert_eq!(cached[0]["qe_id"], platform["qe_id"], "{cached}");
    let other = ["--source", "cached", "--fmspc", "FF0000000000"];
    assert_eq!(list(&gap, "other.json", &other).1, json!([]));
    let (_, none) = list(&gap, "none.json", &["--source", "not-available"]);
    assert_eq!(none, json!([]));
}

#[test]
fn a_list_that_cannot_be_written_is_not_handed_out() {
    let gap = Gap::new();
    let registered = register(&gap, "pckid_retrieval.csv", &gap.csv());
    assert_eq!(registered.status, 0, "{}", registered.stdout);
    for (name, more, code) in [
        ("nowhere/list.json", &[][..], "FileUnwritable"),
        ("list.json", &["--fmspc", "FF0000000000"], "ArgumentInvalid"),
        (
            "list.json",
            &["--source", "cached", "--fmspc", "x"],
            "ArgumentInvalid",
        ),
    ] {
        let (answer, _) = list(&gap, name, more);
        assert_eq!(answer.status, 2, "{}", answer.stdout);
        assert_eq!(answer.json()["error"]["code"], code, "{}", answer.stdout);
    }
    assert_eq!(list(&gap, "list.json", &[]).0.json()["platforms"], 1);
}

#[test]
fn a_bad_line_is_named_and_nothing_is_sent() {
    let gap = Gap::new();
    let good = gap.csv();
    let answer = register(&gap, "list.csv", &format!("{good}{good},0000\n"));
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], "PlatformFileMalformed");
    let told = error["message"].as_str().expect("text");
    assert!(told.contains("line 3: it has 2 columns"), "{told}");
    assert_eq!(list(&gap, "list.json", &[]).1, json!([]));
}
