//! `bulla explain`: the same answer as `bulla verify`, and why.

use bulla_issuer::{QuoteKind, StatusSpec};
use bulla_tests::workbench::{AT, Answer, Folder, run, scenario};
use serde_json::{Value, json};

fn explain(folder: &Folder, format: &str) -> Answer {
    explain_with(folder, format, &[])
}

fn explain_with(folder: &Folder, format: &str, more: &[&str]) -> Answer {
    let paths = ["quote.bin", "set.json", "root.pem", "policy.toml"];
    let paths = paths.map(|name| folder.text_path(name));
    let [quote, set, root, policy] = paths.each_ref().map(String::as_str);
    let arguments = [
        "explain",
        "--quote",
        quote,
        "--collateral",
        set,
        "--trust-root",
        root,
        "--simulated",
        "--policy",
        policy,
        "--at",
        AT,
        "--format",
        format,
    ];
    run(&[&arguments, more].concat())
}

#[test]
fn the_level_that_is_demanded_is_told() {
    let folder = Folder::new();
    folder.lay_out(&scenario(QuoteKind::SgxV3));
    folder.write(
        "level-20.toml",
        "[sgx]\nnumber = 20\nfloor = { pcesvn = 14 }\n",
    );
    let baseline = folder.text_path("level-20.toml");
    let told = explain_with(&folder, "text", &["--baseline", &baseline]);
    assert_eq!(told.status, 1);
    let (_, demanded) = told
        .stdout
        .split_once("the level that is demanded\n")
        .expect("a part");
    let (demanded, _) = demanded.split_once("\n\n").expect("a blank line");
    for word in ["level-20", "20", "UpToDate", "pcesvn  14"] {
        assert!(demanded.contains(word), "{demanded}");
    }
    let story = explain_with(&folder, "json", &["--baseline", &baseline]).json();
    assert_eq!(story["answer"]["baseline"]["number"], 20);
    assert!(!explain(&folder, "text").stdout.contains("is demanded"));
}

/// The lines of the drawing.
fn drawing(text: &str) -> impl Iterator<Item = &str> {
    let (_, drawn) = text.split_once("the chain, drawn\n").expect("a drawing");
    let (drawn, _) = drawn
        .split_once("\nthe chain of trust")
        .expect("the steps below");
    drawn.lines()
}

fn held(story: &Value) -> Vec<(String, Value)> {
    let steps = story["steps"].as_array().expect("steps");
    let link = |step: &Value| step["link"].as_str().expect("a name").to_owned();
    steps
        .iter()
        .map(|step| (link(step), step["held"].clone()))
        .collect()
}

#[test]
fn every_link_holds_and_the_answer_is_that_of_verify() {
    let folder = Folder::new();
    folder.lay_out(&scenario(QuoteKind::Td15V5));
    let answer = explain(&folder, "json");
    assert_eq!(answer.status, 0);
    let story = answer.json();
    assert_eq!(held(&story).len(), 8);
    assert!(
        held(&story).iter().all(|(_, held)| *held == true),
        "{story:#}"
    );
    assert_eq!(
        story["shortfalls"],
        json!({"next": null, "best": null, "parts": []})
    );
    assert_eq!(story["answer"], folder.verify(&["--format", "json"]).json());
    assert_eq!(story["decides"], Value::Null);
    let text = explain(&folder, "text").stdout;
    assert!(text.starts_with("ACCEPTED  SIMULATED"), "{text}");
    let nodes = [
        "you",
        "root",
        "CA of platforms",
        "processor",
        "quoting enclave",
        "attestation key",
        "quote",
        "root",
        "collateral",
        "level",
    ];
    let drawn: Vec<&str> = drawing(&text)
        .filter(|line| !line.is_empty() && !line.starts_with("    "))
        .collect();
    assert_eq!(drawn.len(), nodes.len(), "{drawn:#?}");
    for (line, node) in drawn.iter().zip(nodes) {
        assert!(line.trim_start().starts_with(node), "{line} is not {node}");
    }
    assert!(drawing(&text).all(|line| !line.contains("BROKEN")));
    assert!(text.contains("SIMULATED: no processor stands behind it"));
}

#[test]
fn the_broken_link_is_named() {
    let folder = Folder::new();
    let mut revoked = scenario(QuoteKind::SgxV3);
    revoked
        .pck_crl
        .revoke(&revoked.pck_certificate.serial.clone());
    folder.lay_out(&revoked);
    let answer = explain(&folder, "json");
    assert_eq!(answer.status, 1);
    let broken: Vec<String> = held(&answer.json())
        .into_iter()
        .filter(|(_, held)| *held == false)
        .map(|(link, _)| link)
        .collect();
    assert_eq!(broken, ["pck_certificate"]);
    let decides = &answer.json()["decides"];
    assert_eq!(decides["link"], "pck_certificate");
    assert_eq!(decides["code"], "CertificateRevoked");
    assert_eq!(decides["short"], json!([]));
    let text = explain(&folder, "text").stdout;
    let lines: Vec<&str> = drawing(&text).collect();
    let at = lines.iter().position(|line| line.contains("BROKEN"));
    let below = lines[at.expect("a broken line") + 1];
    assert!(below.starts_with("  processor"), "{below}");

    folder.write("quote.bin", [3, 0, 2, 0]);
    let links = held(&explain(&folder, "json").json());
    let seen: Vec<&(String, Value)> = links.iter().filter(|(_, held)| !held.is_null()).collect();
    assert_eq!(
        seen,
        [
            &("collateral".to_owned(), json!(true)),
            &("evidence".to_owned(), json!(false))
        ]
    );
}

#[test]
fn what_is_short_of_the_next_level_is_told() {
    let folder = Folder::new();
    let mut behind = scenario(QuoteKind::SgxV3);
    let date = behind.tcb_info.validity.from;
    let mut higher = behind.tcb_info.levels[0].clone();
    higher.sgx_components[1].svn += 2;
    higher.pcesvn += 1;
    behind.tcb_info.levels[0].status = StatusSpec::out_of_date(date);
    behind.tcb_info.levels.insert(0, higher);
    folder.lay_out(&behind);
    let answer = explain(&folder, "json");
    let story = answer.json();
    assert_eq!(story["answer"]["tcb"]["status"], "OutOfDate");
    assert_eq!(story["shortfalls"]["best"], Value::Null);
    let next = &story["shortfalls"]["next"];
    assert_eq!(next["status"], "UpToDate");
    let gaps: Vec<(&Value, i64)> = next["gaps"]
        .as_array()
        .expect("gaps")
        .iter()
        .map(|gap| {
            let svn = |name: &str| gap[name].as_i64().expect("an SVN");
            (&gap["component"], svn("needs") - svn("has"))
        })
        .collect();
    let pce = json!("provisioning certification enclave");
    assert_eq!(gaps, [(&json!("SGX component 2"), 2), (&pce, 1)]);
    let decides = &story["decides"];
    assert_eq!(decides["link"], Value::Null);
    assert_eq!(decides["code"], "TcbStatusNotAccepted");
    let first = &decides["short"][0];
    assert_eq!(first["part"], json!({"sgx-component": 2}));
    assert_eq!((&first["has"], &first["needs"]), (&json!(7), &json!(9)));
    let text = explain(&folder, "text").stdout;
    let (_, decides) = text.split_once("what decides\n").expect("a part");
    assert!(decides.contains("first part that is too low: SGX component 2"));
    assert!(text.contains("SGX component 2 has 7, needs 9"));

    // What the terms accept is not short of them.
    let tolerated = ["--accept-tcb-status", "OutOfDate"];
    let story = explain_with(&folder, "json", &tolerated).json();
    assert_eq!(story["decides"], Value::Null);
}

#[test]
fn several_quotes_are_no_story() {
    let folder = Folder::new();
    folder.lay_out(&scenario(QuoteKind::SgxV3));
    folder.write("quote.bin", "{\"quote\": \"00\"}\n");
    let answer = explain(&folder, "json");
    assert_eq!(answer.status, 2);
    assert_eq!(answer.json()["error"]["code"], "Unexplainable");
}
