//! Several quotes as JSON Lines.

use bulla_issuer::QuoteKind;
use bulla_tests::workbench::{AT, Answer, Folder, refusals, run, scenario, set_json};
use serde_json::{Value, json};

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

fn verify(folder: &Folder, text: &str, options: &[&str]) -> Answer {
    folder.write("quotes.jsonl", text);
    let quotes = folder.text_path("quotes.jsonl");
    folder.verify(&[&["--quote", &quotes], options].concat())
}

/// As [`verify`], without a time given for all quotes.
fn verify_at_times_of_the_lines(folder: &Folder, text: &str) -> Answer {
    folder.write("quotes.jsonl", text);
    let files = ["quotes.jsonl", "set.json", "root.pem", "policy.toml"];
    let [quotes, set, root, policy] = files.map(|name| folder.text_path(name));
    run(&[
        "verify",
        "--quote",
        &quotes,
        "--collateral",
        &set,
        "--trust-root",
        &root,
        "--simulated",
        "--policy",
        &policy,
    ])
}

fn laid_out() -> (Folder, String) {
    let folder = Folder::new();
    let scenario = scenario(QuoteKind::SgxV3);
    folder.lay_out(&scenario);
    (folder, hex::encode(scenario.build().quote))
}

#[test]
fn one_answer_for_each_line_in_order() {
    let (folder, quote) = laid_out();
    let mut forged = quote.clone();
    let digit = if forged.remove(300) == '0' { '1' } else { '0' };
    forged.insert(300, digit);
    let text = lines(&[
        json!({"id": "first", "quote": quote, "at": AT}),
        json!({"quote": forged, "at": AT}),
        json!({"id": "late", "quote": quote, "at": "2027-02-01T00:00:00Z"}),
        json!({"id": "seconds", "quote": quote, "at": 1_795_420_800}),
    ]);
    let answer = verify_at_times_of_the_lines(&folder, &format!("\n{text}\n"));
    let answers = answer.json_lines();
    let column = |name: &str| answers.iter().map(|a| a[name].clone()).collect::<Vec<_>>();
    assert_eq!(
        column("id"),
        [json!("first"), json!(3), json!("late"), json!("seconds")]
    );
    assert_eq!(
        column("appraisal"),
        ["accepted", "refused", "refused", "accepted"]
    );
    assert_eq!(column("at"), [AT, AT, "2027-02-01T00:00:00Z", AT]);
    assert!(refusals(&answers[1]).contains(&"QuoteSignatureInvalid"));
    assert_eq!(answer.status, 1);
    assert_eq!(answer.stderr, "");
    assert!(
        answer
            .stdout
            .starts_with(r#"{"id":"first","verification":"ok""#)
    );

    let accepted = lines(&[json!({"quote": quote})]);
    assert_eq!(verify(&folder, &accepted, &[]).status, 0);
}

#[test]
fn a_bad_line_is_an_error_of_its_own_and_the_rest_goes_on() {
    let (folder, quote) = laid_out();
    let bad = [
        "{\"quote\": \"00".to_owned(),
        json!({"id": "no quote"}).to_string(),
        json!({"id": "empty", "quote": " "}).to_string(),
        json!({"id": "type", "quote": 3}).to_string(),
        json!({"id": "misspelt", "quote": quote, "colateral": {}}).to_string(),
        json!({"id": "set", "quote": quote, "collateral": {}}).to_string(),
        json!({"id": "time", "quote": quote, "at": "noon"}).to_string(),
        json!([quote]).to_string(),
        format!("{{\"id\":\"twice\",\"quote\":\"{quote}\",\"quote\":\"{quote}\"}}"),
        json!({"id": "long", "quote": "0".repeat(600_000)}).to_string(),
        format!("{{\"quote\":{}", "[".repeat(200_000)),
    ];
    let good = json!({"id": "good", "quote": quote}).to_string();
    let text = format!("{}\n{good}\n", bad.join("\n"));
    let answer = verify(&folder, &text, &[]);
    let answers = answer.json_lines();
    assert_eq!(answer.status, 2);
    assert_eq!(answers.len(), bad.len() + 1);
    let codes: Vec<&Value> = answers
        .iter()
        .map(|answer| &answer["error"]["code"])
        .collect();
    let malformed = "LineMalformed";
    let expected = [
        malformed, malformed, malformed, malformed, malformed, malformed, malformed, malformed,
        malformed, malformed, malformed,
    ];
    assert_eq!(codes[..bad.len()], expected);
    assert_eq!(answers[bad.len()]["appraisal"], "accepted");
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids[0], 1);
    assert_eq!(ids[1], "no quote");
    assert_eq!(ids[4], "misspelt");
    assert_eq!(ids[7], 8);
}

#[test]
fn what_the_command_line_says_is_not_for_a_line_to_change() {
    let (folder, quote) = laid_out();
    let own = set_json(&scenario(QuoteKind::SgxV3).build().collateral);
    let text = lines(&[
        json!({"quote": quote, "at": AT}),
        json!({"quote": quote, "collateral": own}),
        json!({"quote": quote, "at": null}),
        json!({"quote": quote, "collateral": null}),
    ]);
    let answer = verify(&folder, &text, &[]);
    for line in answer.json_lines() {
        assert_eq!(line["error"]["code"], "LineMalformed", "{line}");
    }
    let answer = verify_at_times_of_the_lines(
        &folder,
        &lines(&[
            json!({"quote": quote, "at": "noon"}),
            json!({"quote": quote, "at": null}),
        ]),
    );
    let codes: Vec<Value> = answer
        .json_lines()
        .iter()
        .map(|line| line["error"]["code"].clone())
        .collect();
    assert_eq!(codes, ["TimeInvalid", "LineMalformed"]);
}

#[test]
fn a_line_may_bring_its_own_collateral() {
    let (folder, quote) = laid_out();
    let own = set_json(&scenario(QuoteKind::SgxV3).build().collateral);
    let text = lines(&[
        json!({"id": "own", "quote": quote, "collateral": own}),
        json!({"id": "none", "quote": quote}),
    ]);
    folder.write("quotes.jsonl", text);
    let paths = ["quotes.jsonl", "root.pem", "policy.toml"].map(|name| folder.text_path(name));
    let [quotes, root, policy] = paths.each_ref().map(String::as_str);
    let answer = run(&[
        "verify",
        "--quote",
        quotes,
        "--trust-root",
        root,
        "--simulated",
        "--policy",
        policy,
        "--at",
        AT,
    ]);
    let answers = answer.json_lines();
    assert_eq!(answers[0]["appraisal"], "accepted");
    assert_eq!(answers[1]["error"]["code"], "CollateralNotGiven");
    assert_eq!(answer.status, 2);
}

#[test]
fn people_get_one_line_for_each_quote() {
    let (folder, quote) = laid_out();
    let text = lines(&[
        json!({"id": "rack 12\u{1b}[2J", "quote": quote}),
        json!({"id": 7}),
    ]);
    let answer = verify(&folder, &text, &["--format", "text"]);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("ACCEPTED  SIMULATED  SGX enclave"),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains("rack 12"));
    assert!(lines[1].starts_with("ERROR"));
    assert!(!answer.stdout.contains('\u{1b}'));
}

#[test]
fn remembered_platforms_change_no_answer() {
    let (folder, quote) = laid_out();
    let text = lines(&vec![json!({"id": "same", "quote": quote}); 20]);
    let answer = verify(&folder, &text, &[]);
    let mut answers: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(answers.len(), 20);
    answers.dedup();
    assert_eq!(answers.len(), 1);
}
