//! `bulla verify --baseline`: a level that is demanded besides the policy.

use bulla_issuer::{QuoteKind, Scenario, StatusSpec};
use bulla_tests::workbench::{Answer, Folder, refusals, scenario};
use serde_json::{Value, json};

const SGX: QuoteKind = QuoteKind::SgxV3;
const TDX: QuoteKind = QuoteKind::Td15V5;

/// The one advisory that is open on what [`behind`] makes.
const ADVISORY: &str = "SIMULATED-SA-00001";

/// The scenario's answer under a baseline of this text.
fn verify(scenario: &Scenario, baseline: &str, options: &[&str]) -> Answer {
    let folder = Folder::new();
    folder.lay_out(scenario);
    let baseline = folder.write("level-20.toml", baseline);
    let baseline = baseline.to_str().expect("a path in UTF-8");
    folder.verify(&[&["--baseline", baseline], options].concat())
}

#[track_caller]
fn assert_refused(scenario: &Scenario, baseline: &str, options: &[&str], codes: &[&str]) -> Value {
    let answer = verify(
        scenario,
        baseline,
        &[options, &["--format", "json"]].concat(),
    );
    let json = answer.json();
    assert_eq!(refusals(&json), codes, "{baseline}\n{json:#}");
    assert_eq!(answer.status, i32::from(!codes.is_empty()), "{baseline}");
    json
}

/// A platform that is out of date for one advisory.
fn behind(kind: QuoteKind) -> Scenario {
    let mut scenario = scenario(kind);
    let date = scenario.tcb_info.validity.from;
    scenario.tcb_info.levels[0].status = StatusSpec::out_of_date(date);
    scenario
}

fn exception(until: &str, more: &str) -> String {
    format!(
        "[exceptions.rack-12]\nadvisory = \"{ADVISORY}\"\nuntil = \"{until}\"\n\
         reason = \"OPS-4711\"\nauthor = \"k.lindt\"\n{more}"
    )
}

#[test]
fn the_answer_names_the_baseline_and_what_it_asks_for() {
    let text = "[sgx]\nnumber = 3\n[tdx]\naccepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n\
                minimum_this_update = \"2026-01-01T00:00:00Z\"\nfloor = { pcesvn = 13 }\n";
    let json = assert_refused(&scenario(SGX), text, &[], &[]);
    let asked = json!({"name": "level-20", "number": 3, "accepted_tcb_statuses": ["UpToDate"]});
    assert_eq!(json["baseline"], asked);
    let json = assert_refused(&scenario(TDX), text, &[], &[]);
    let asked = json!({
        "name": "level-20",
        "number": "standard",
        "accepted_tcb_statuses": ["UpToDate", "OutOfDate"],
        "minimum_this_update": "2026-01-01T00:00:00Z",
        "floor": {"pcesvn": 13},
    });
    assert_eq!(json["baseline"], asked);

    let told = verify(&scenario(SGX), text, &[]);
    assert_eq!(told.status, 0, "{}", told.stderr);
    let (_, section) = told
        .stdout
        .split_once("\nbaseline demanded\n")
        .expect("it is named");
    assert!(section.starts_with("  name"), "{section}");
    for word in ["level-20", "number", "UpToDate"] {
        assert!(section.contains(word), "{section}");
    }
}

#[test]
fn without_a_baseline_there_is_none() {
    let folder = Folder::new();
    folder.lay_out(&scenario(SGX));
    let json = folder.verify(&["--format", "json"]).json();
    assert_eq!(json["baseline"], Value::Null);
}

#[test]
fn evidence_of_an_unknown_platform_is_under_the_baseline_too() {
    let folder = Folder::new();
    folder.lay_out(&scenario(SGX));
    folder.write("quote.bin", [0; 5000]);
    let baseline = folder.write("level-20.toml", "[sgx]\nnumber = 20\n");
    let baseline = baseline.to_str().expect("a path in UTF-8");
    let json = folder
        .verify(&["--baseline", baseline, "--format", "json"])
        .json();
    assert_eq!(json["appraisal"], "refused");
    assert_eq!(json["baseline"], json!({"name": "level-20"}));
}

#[test]
fn collateral_of_a_lower_number_is_refused_and_of_a_higher_one_counts() {
    let of_number = |number| {
        let mut scenario = scenario(TDX);
        scenario.tcb_info.evaluation_data_number = number;
        scenario.qe_identity.evaluation_data_number = number;
        scenario
    };
    let demanded = "[tdx]\nnumber = 20\n";
    let low = ["EvaluationNumberTooLow", "EvaluationNumberTooLow"];
    assert_refused(&of_number(19), demanded, &[], &low);
    assert_refused(&of_number(20), demanded, &[], &[]);
    assert_refused(&of_number(21), demanded, &[], &[]);
    // What the vendor calls so today, files cannot tell.
    for word in ["standard", "early"] {
        let demanded = format!("[tdx]\nnumber = \"{word}\"\n");
        assert_refused(&of_number(1), &demanded, &[], &[]);
    }
    // The number for the other technology asks for nothing here.
    assert_refused(&of_number(19), "[sgx]\nnumber = 20\n", &[], &[]);
}

#[test]
fn statuses_of_the_baseline_take_the_place_of_the_default_and_bind_beside_the_policy() {
    let refused = ["TcbStatusNotAccepted"];
    assert_refused(&behind(SGX), "[sgx]\n", &[], &refused);
    let lenient = "[sgx]\naccepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n";
    assert_refused(&behind(SGX), lenient, &[], &[]);
    assert_refused(&behind(TDX), lenient, &[], &refused);
    let own = ["--accept-tcb-status", "UpToDate"];
    assert_refused(&behind(SGX), lenient, &own, &refused);
    let own = ["--accept-tcb-status", "UpToDate,OutOfDate"];
    assert_refused(&behind(SGX), "[sgx]\n", &own, &refused);
}

#[test]
fn an_exception_holds_until_its_last_second_and_not_a_second_longer() {
    let until = "2026-11-25T12:00:00Z";
    let ended = ["TcbStatusNotAccepted", "AdvisoryNotAccepted"];
    for kind in [SGX, TDX] {
        let at = ["--at", until];
        let json = assert_refused(&behind(kind), &exception(until, ""), &at, &[]);
        let findings = json["findings"].as_array().expect("findings");
        assert!(findings.iter().any(|f| f["code"] == "ExceptionApplied"));
        let after = ["--at", "2026-11-25T12:00:01Z"];
        assert_refused(&behind(kind), &exception(until, ""), &after, &ended);
    }
    // It is for its group alone, and tolerates its advisory alone.
    let group =
        |fmspc: &str| exception(until, &format!("group = {{ families = [\"{fmspc}\"] }}\n"));
    let fmspc = hex::encode(bulla_issuer::SIMULATED_FMSPC);
    assert_refused(&behind(SGX), &group(&fmspc), &[], &[]);
    let without = ["TcbStatusNotAccepted"];
    assert_refused(&behind(SGX), &group("00806F050000"), &[], &without);
    let of_another = exception(until, "").replace(ADVISORY, "SIMULATED-SA-00002");
    assert_refused(&behind(SGX), &of_another, &[], &ended);
}

#[test]
fn a_platform_that_is_revoked_passes_under_none() {
    let mut revoked = scenario(SGX);
    "Revoked".clone_into(&mut revoked.tcb_info.levels[0].status.word);
    let until = "2026-12-31T00:00:00Z";
    assert_refused(&revoked, &exception(until, ""), &[], &["TcbRevoked"]);
}

#[test]
fn floors_hold_component_by_component() {
    let below = ["TcbBelowFloor"];
    for (floor, codes) in [
        (
            "sgx_components = \"07070202040100ff0000000000000000\"",
            &[][..],
        ),
        (
            "sgx_components = \"08070202040100ff0000000000000000\"",
            &below,
        ),
        ("tdx_components = \"05010400000000000000000000000000\"", &[]),
        (
            "tdx_components = \"05010400000000000000000000000001\"",
            &["TcbBelowFloor"; 2],
        ),
        ("pcesvn = 13", &[]),
        ("pcesvn = 14", &below),
        ("qe_isvsvn = 4", &[]),
        ("qe_isvsvn = 5", &below),
    ] {
        assert_refused(
            &scenario(TDX),
            &format!("[tdx.floor]\n{floor}\n"),
            &[],
            codes,
        );
        assert_refused(&scenario(SGX), &format!("[tdx.floor]\n{floor}\n"), &[], &[]);
    }
}

#[test]
fn revocation_lists_must_not_be_older_than_the_baseline_says() {
    // The list of the root is 50 days old, that of the CA one day.
    let since = |day: &str| format!("[sgx]\nminimum_this_update = \"{day}T08:00:00Z\"\n");
    assert_refused(&scenario(SGX), &since("2026-10-04"), &[], &[]);
    assert_refused(&scenario(SGX), &since("2026-10-05"), &[], &["CrlTooOld"]);
    assert_refused(&scenario(SGX), &since("2026-11-23"), &[], &["CrlTooOld"; 2]);
}

#[test]
fn what_is_wrong_with_a_baseline_is_said_with_its_place() {
    let folder = Folder::new();
    folder.lay_out(&scenario(SGX));
    let error = |name: &str, content: &[u8]| {
        let path = folder.write(name, content);
        let path = path.to_str().expect("a path in UTF-8");
        let answer = folder.verify(&["--baseline", path, "--format", "json"]);
        assert_eq!(answer.status, 2, "{}", answer.stdout);
        let json = answer.json();
        let text = |field: &str| json["error"][field].as_str().expect("text").to_owned();
        (text("code"), text("message"))
    };
    for (content, code, words) in [
        (
            "[sgx]\nnumber = \"latest\"\n",
            "BaselineMalformed",
            "line 2, column 10, `sgx.number`",
        ),
        (
            "[sgx]\nnumbr = 20\n",
            "BaselineMalformed",
            "line 2, column 1, `sgx.numbr`",
        ),
        (
            "[tdx]\naccepted_tcb_statuses = [\"Revoked\"]\n",
            "BaselineMalformed",
            "`tdx.accepted_tcb_statuses[0]`",
        ),
        (
            "[tdx.floor]\ntdx_components = \"05\"\n",
            "BaselineMalformed",
            "32 hexadecimal digits",
        ),
        ("[families.0080.sgx]\n", "BaselineMalformed", "line 1"),
        (
            "[exceptions.a]\nadvisory = \"INTEL-SA-1\"\n",
            "BaselineMalformed",
            "`exceptions.a`",
        ),
        ("[sgx]\nnumber = 20\n\0", "BaselineMalformed", "line 3"),
        ("\n", "InputEmpty", "the baseline is empty"),
    ] {
        let (found, message) = error("level-20.toml", content.as_bytes());
        assert_eq!(found, code, "{message}");
        assert!(message.contains(words), "{message}");
        assert!(message.contains("level-20.toml"), "{message}");
    }
    let (code, message) = error("level-20.toml", b"[sgx]\n# \xff\n");
    assert_eq!(code, "BaselineMalformed");
    assert!(
        message.contains("the baseline is not UTF-8 text at byte 8"),
        "{message}"
    );
    let (code, message) = error("Level 20.toml", b"[sgx]\n");
    assert_eq!(code, "ArgumentInvalid");
    assert!(
        message.contains("--baseline") && message.contains("`Level 20`"),
        "{message}"
    );

    let missing = folder.text_path("missing.toml");
    let answer = folder.verify(&["--baseline", &missing, "--format", "json"]);
    assert_eq!(answer.json()["error"]["code"], "FileNotFound");
}
