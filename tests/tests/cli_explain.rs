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
    let text = explain(&folder, "text").stdout;
    assert!(text.starts_with("ACCEPTED  SIMULATED"), "{text}");
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
    assert!(
        explain(&folder, "text")
            .stdout
            .contains("SGX component 2 has 7, needs 9")
    );
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
