//! `bulla verify` as its users see it: what is decided, and what it looks like.

use std::fs;

use bulla_issuer::{QuoteKind, Scenario, StatusSpec, pem};
use bulla_tests::workbench::{
    AT, Answer, Folder, policy_naming, refusals, run, run_with_input, scenario, set_json, write_set,
};
use bulla_tests::{cases, vectors};
use serde_json::{Value, json};

const SGX: QuoteKind = QuoteKind::SgxV3;
const TDX: QuoteKind = QuoteKind::Td15V5;

/// The answer on a scenario, under a policy that names its root unless the options say else.
fn verify(scenario: &Scenario, options: &[&str]) -> Answer {
    let folder = Folder::new();
    folder.lay_out(scenario);
    folder.verify(&[options, &["--format", "json"]].concat())
}

#[track_caller]
fn assert_decided(answer: &Answer, verification: &str, appraisal: &str, codes: &[&str]) -> Value {
    let json = answer.json();
    assert_eq!(json["verification"], verification, "{json:#}");
    assert_eq!(json["appraisal"], appraisal, "{json:#}");
    assert_eq!(refusals(&json), codes);
    assert_eq!(answer.status, i32::from(appraisal == "refused"));
    assert_eq!(answer.stderr, "");
    json
}

#[test]
fn what_is_in_order_is_accepted() {
    for kind in QuoteKind::ALL {
        let answer = verify(&scenario(kind), &[]);
        let json = assert_decided(&answer, "ok", "accepted", &[]);
        assert_eq!(json["tcb"]["status"], "UpToDate");
        assert_eq!(json["trust_anchor"]["genuine"], false);
        assert_eq!(json["at"], AT);
    }
}

#[test]
fn what_is_no_quote_fails() {
    let folder = Folder::new();
    let scenario = scenario(SGX);
    folder.lay_out(&scenario);
    let quote = scenario.build().quote;
    let hex = hex::encode(&quote);
    let contents: [(&[u8], &str); 6] = [
        (&quote[..1000], "QuoteTruncated"),
        (&quote[..1], "QuoteTruncated"),
        (&[0; 5000], "QuoteVersionUnsupported"),
        (b"no quote at all!", "InputTextUnknown"),
        (&hex.as_bytes()[1..], "InputHexOdd"),
        (b"AwACA", "InputBase64Malformed"),
    ];
    for (content, code) in contents {
        folder.write("quote.bin", content);
        let answer = folder.verify(&["--format", "json"]);
        let json = answer.json();
        assert_eq!(refusals(&json)[0], code);
        assert_eq!(json["verification"], "failed");
        assert_eq!(json["appraisal"], "refused");
        assert_eq!(json["evidence"], Value::Null);
        assert_eq!(json["tcb"], Value::Null);
        assert_eq!(json["trust_anchor"], Value::Null);
        assert_eq!(answer.status, 1);
    }
}

#[test]
fn forged_and_revoked_evidence_fails() {
    let mut revoked = scenario(SGX);
    revoked
        .pck_crl
        .revoke(&revoked.pck_certificate.serial.clone());
    let codes = ["CertificateRevoked", "VerificationFailed"];
    let json = assert_decided(&verify(&revoked, &[]), "failed", "refused", &codes);
    assert_eq!(json["trust_anchor"], Value::Null);

    let mut revoked_ca = scenario(SGX);
    let serial = revoked_ca.vendor.processor_ca.certificate.serial.clone();
    revoked_ca.root_ca_crl.revoke(&serial);
    let answer = verify(&revoked_ca, &[]);
    assert!(refusals(&answer.json()).contains(&"CertificateRevoked"));
    assert_eq!(answer.status, 1);

    let folder = Folder::new();
    let untouched = scenario(TDX);
    folder.lay_out(&untouched);
    let mut quote = untouched.build().quote;
    quote[300] ^= 0x10;
    folder.write("quote.bin", &quote);
    let codes = ["QuoteSignatureInvalid", "VerificationFailed"];
    let answer = folder.verify(&["--format", "json"]);
    let json = assert_decided(&answer, "failed", "refused", &codes);
    assert_eq!(json["tcb"], Value::Null);
}

#[test]
fn a_platform_below_every_level_fails_without_a_level() {
    let mut scenario = scenario(SGX);
    for level in &mut scenario.tcb_info.levels {
        level.pcesvn += 100;
    }
    let codes = ["TcbLevelNotFound", "VerificationFailed"];
    let json = assert_decided(&verify(&scenario, &[]), "failed", "refused", &codes);
    assert_eq!(json["tcb"], Value::Null);
}

#[test]
fn a_status_is_a_fact_and_its_acceptance_a_policy() {
    let mut behind = scenario(SGX);
    let date = behind.tcb_info.validity.from;
    behind.tcb_info.levels[0].status = StatusSpec::out_of_date(date);
    let json = assert_decided(
        &verify(&behind, &[]),
        "ok",
        "refused",
        &["TcbStatusNotAccepted"],
    );
    assert_eq!(json["tcb"]["status"], "OutOfDate");
    assert_eq!(json["tcb"]["advisory_ids"], json!(["SIMULATED-SA-00001"]));
    let both = ["--accept-tcb-status", "UpToDate,OutOfDate"];
    assert_decided(&verify(&behind, &both), "ok", "accepted", &[]);

    // The option stands instead of the policy's list, not beside it.
    let folder = Folder::new();
    folder.lay_out(&scenario(SGX));
    let instead = ["--accept-tcb-status", "OutOfDate", "--format", "json"];
    assert_decided(
        &folder.verify(&instead),
        "ok",
        "refused",
        &["TcbStatusNotAccepted"],
    );

    let mut revoked = scenario(SGX);
    "Revoked".clone_into(&mut revoked.tcb_info.levels[0].status.word);
    let codes = ["TcbRevoked"];
    assert_decided(&verify(&revoked, &both), "ok", "refused", &codes);
}

#[test]
fn documents_out_of_their_window_are_named_and_refused() {
    let scenario = scenario(SGX);
    let late = ["--at", "2027-02-01T00:00:00Z"];
    let json = verify(&scenario, &late).json();
    assert_eq!(json["verification"], "ok");
    assert_eq!(json["appraisal"], "refused");
    assert_eq!(
        json["collateral"]["expired"],
        json!(["pck_crl", "tcb_info", "qe_identity"])
    );
    assert!(
        refusals(&json)
            .iter()
            .all(|code| *code == "CollateralExpired")
    );

    let early = ["--at", "2026-11-01T00:00:00Z"];
    assert!(refusals(&verify(&scenario, &early).json()).contains(&"CollateralNotYetValid"));

    let folder = Folder::new();
    folder.lay_out(&scenario);
    let exception = "[[expired_documents]]\n\
        documents = [\"pck_crl\", \"tcb_info\", \"qe_identity\"]\n\
        until = \"2027-03-01T00:00:00Z\"\nreason = \"the courier is late\"\n";
    folder.write("policy.toml", policy_naming(&scenario) + exception);
    let options = ["--at", "2027-02-01T00:00:00Z", "--format", "json"];
    let json = assert_decided(&folder.verify(&options), "ok", "accepted", &[]);
    assert_eq!(
        json["collateral"]["expired"].as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn debugging_and_measurements_are_facts_for_the_policy() {
    let mut debug = scenario(SGX);
    let report = debug.quote.body.sgx_mut().expect("an enclave");
    report.attributes.flags |= 2;
    assert_decided(&verify(&debug, &[]), "ok", "refused", &["DebugEnclave"]);

    let folder = Folder::new();
    let untouched = scenario(SGX);
    folder.lay_out(&untouched);
    let other = format!("[sgx]\nmrenclave = [\"{}\"]\n", "00".repeat(32));
    folder.write("policy.toml", policy_naming(&untouched) + &other);
    let answer = folder.verify(&["--format", "json"]);
    assert_decided(&answer, "ok", "refused", &["MrenclaveMismatch"]);
}

#[test]
fn a_root_counts_only_where_it_is_given_and_named() {
    let folder = Folder::new();
    folder.lay_out(&scenario(SGX));
    let quote = folder.text_path("quote.bin");
    let set = folder.text_path("set.json");
    let files = [
        "verify",
        "--quote",
        &quote,
        "--collateral",
        &set,
        "--at",
        AT,
    ];
    let json_format = ["--format", "json"];

    let answer = run(&[&files[..], &json_format].concat());
    let json = answer.json();
    assert_eq!(
        (&json["verification"], answer.status),
        (&json!("failed"), 1)
    );
    assert!(refusals(&json).contains(&"RootUntrusted"));
    assert_eq!(json["trust_anchor"], Value::Null);

    let root = folder.text_path("root.pem");
    let given = ["--trust-root", &root, "--simulated"];
    let answer = run(&[&files[..], &given, &json_format].concat());
    let json = assert_decided(&answer, "ok", "refused", &["TrustAnchorNotAccepted"]);
    assert_eq!(json["trust_anchor"]["genuine"], false);
    assert_eq!(json["trust_anchor"]["kind"], "simulated");

    let answer = run(&[&files[..], &["--trust-root", &root], &json_format].concat());
    assert_eq!(answer.status, 2);
    assert_eq!(answer.json()["error"]["code"], "TrustRootInvalid");
    assert!(
        answer.json()["error"]["message"]
            .to_string()
            .contains("--simulated")
    );
}

#[test]
fn no_environment_variable_lets_a_simulated_root_pass() {
    let folder = Folder::new();
    folder.lay_out(&scenario(SGX));
    let root = folder.path("root.pem");
    let mut command = bulla_tests::binary::bulla();
    command
        .args(["verify", "--at", AT, "--quote"])
        .arg(folder.path("quote.bin"))
        .arg("--collateral")
        .arg(folder.path("set.json"))
        .current_dir(root.parent().expect("a folder"))
        .env("HOME", root.parent().expect("a folder"))
        .env("BULLA_POLICY", folder.path("policy.toml"))
        .env("BULLA_SIMULATED", "1");
    for name in [
        "BULLA_TRUST_ROOT",
        "BULLA_ROOT",
        "TRUST_ROOT",
        "SSL_CERT_FILE",
    ] {
        command.env(name, &root);
    }
    let answer = Answer::from(command.output().expect("bulla runs"));
    assert_eq!(answer.status, 1);
    assert!(answer.stdout.contains("RootUntrusted"));
}

#[test]
fn collateral_of_another_platform_or_technology_fails() {
    let folder = Folder::new();
    let sgx = scenario(SGX);
    folder.lay_out(&sgx);
    let tdx = scenario(TDX).build();
    folder.write("set.json", set_json(&tdx.collateral).to_string());
    let json = folder.verify(&["--format", "json"]).json();
    assert_eq!(json["verification"], "failed");
    let codes = refusals(&json);
    for code in [
        "CrlIssuerMismatch",
        "TcbInfoTeeMismatch",
        "QeIdentityMismatch",
    ] {
        assert!(codes.contains(&code), "{codes:?}");
    }

    let mut other = scenario(SGX);
    other.tcb_info.fmspc = [1, 2, 3, 4, 5, 6];
    let codes = ["FmspcMismatch", "VerificationFailed"];
    assert_decided(&verify(&other, &[]), "failed", "refused", &codes);
}

#[test]
fn a_revocation_list_without_content_never_passes() {
    let folder = Folder::new();
    folder.lay_out(&scenario(SGX));
    let empty = "-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n";
    for field in ["pck_crl", "root_ca_crl"] {
        let mut set = set_json(&scenario(SGX).build().collateral);
        set[field] = json!(empty);
        folder.write("set.json", set.to_string());
        let answer = folder.verify(&["--format", "json"]);
        assert_eq!(answer.status, 1, "{field}");
        assert_eq!(answer.json()["verification"], "failed", "{field}");
    }
}

#[test]
fn every_form_of_quote_and_collateral_gives_the_same_answer() {
    let folder = Folder::new();
    let scenario = scenario(TDX);
    folder.lay_out(&scenario);
    let attestation = scenario.build();
    let expected = folder.verify(&["--format", "json"]).json();
    assert_eq!(expected["appraisal"], "accepted");

    let directory = folder.path("set");
    write_set(&directory, &attestation.collateral);
    let set = folder.text_path("set");
    let from_directory = || {
        folder
            .verify(&["--collateral", &set, "--format", "json"])
            .json()
    };
    assert_eq!(from_directory(), expected);

    let crl = &attestation.collateral.pck_crl;
    let encodings = [
        ("pck-crl.hex", hex::encode(crl)),
        ("pck-crl.pem", pem::block("X509 CRL", crl)),
    ];
    fs::remove_file(directory.join("pck-crl.der")).expect("a file to remove");
    for (name, text) in encodings {
        fs::write(directory.join(name), text).expect("a file can be written");
        assert_eq!(from_directory(), expected, "{name}");
        fs::remove_file(directory.join(name)).expect("a file to remove");
    }
    let mut json = set_json(&attestation.collateral);
    json["pck_crl"] = json!(pem::block("X509 CRL", crl));
    json["a_note"] = json!("of another program");
    folder.write("set.json", json.to_string());
    assert_eq!(folder.verify(&["--format", "json"]).json(), expected);

    let base64 = base64_of(&attestation.quote);
    for text in [hex::encode(&attestation.quote), base64] {
        folder.write("quote.bin", format!("{text}\n"));
        assert_eq!(folder.verify(&["--format", "json"]).json(), expected);
    }
    let arguments = verify_arguments(&folder, "-");
    assert_eq!(
        run_with_input(&arguments, &attestation.quote).json(),
        expected
    );
    for time in ["2026-11-23T09:00:00+01:00", "1795420800"] {
        let answer = folder.verify(&["--at", time, "--format", "json"]);
        assert_eq!(answer.json(), expected, "{time}");
    }
}

fn verify_arguments(folder: &Folder, quote: &str) -> Vec<String> {
    let named = [
        ("--quote", quote.to_owned()),
        ("--collateral", folder.text_path("set.json")),
        ("--trust-root", folder.text_path("root.pem")),
        ("--policy", folder.text_path("policy.toml")),
        ("--at", AT.to_owned()),
        ("--format", "json".to_owned()),
    ];
    let words = named
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value]);
    ["verify", "--simulated"]
        .map(str::to_owned)
        .into_iter()
        .chain(words)
        .collect()
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_quote_without_a_chain_needs_one_beside_it() {
    let mut scenario = scenario(SGX);
    scenario.certification = bulla_issuer::CertificationKind::PpidClear;
    assert_decided(&verify(&scenario, &[]), "ok", "accepted", &[]);

    let folder = Folder::new();
    folder.lay_out(&scenario);
    let mut set = set_json(&scenario.build().collateral);
    set["pck_certificate_chain"] = Value::Null;
    folder.write("set.json", set.to_string());
    let json = folder.verify(&["--format", "json"]).json();
    assert!(refusals(&json).contains(&"PckChainMissing"));
}

#[test]
fn json_has_a_shape_that_programs_rely_on() {
    let sgx = verify(&scenario(SGX), &[]).json();
    let keys = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    // serde_json sorts the names here; in the text they stand in the order of the contract.
    let sorted = |names: &str| {
        let mut names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
        names.sort();
        names
    };
    let top = "verification appraisal at trust_anchor evidence tcb baseline collateral findings";
    assert_eq!(keys(&sgx), sorted(top));
    assert_eq!(sgx["baseline"], Value::Null, "none was asked for");
    assert_eq!(
        keys(&sgx["trust_anchor"]),
        sorted("name genuine kind public_key_sha256")
    );
    let platform = "tee quote_version body fmspc pce_id ppid platform_instance_id pck_ca \
        pck_cpusvn pcesvn dynamic_platform cached_keys smt_enabled qe report_data";
    let enclave = "mrenclave mrsigner isvprodid isvsvn attributes attribute_names xfrm miscselect \
        cet_attributes cpusvn isvextprodid isvfamilyid configid configsvn";
    assert_eq!(
        keys(&sgx["evidence"]),
        sorted(&format!("{platform} {enclave}"))
    );
    let domain = "mrtd rtmr0 rtmr1 rtmr2 rtmr3 mrconfigid mrowner mrownerconfig tdattributes \
        tdattribute_names xfam mrseam mrsignerseam seamattributes tee_tcb_svn tee_tcb_svn2 \
        mrservicetd";
    let tdx = verify(&scenario(TDX), &[]).json();
    assert_eq!(
        keys(&tdx["evidence"]),
        sorted(&format!("{platform} {domain}"))
    );
    let tcb = "status launch_status current_status date advisory_ids evaluation_data_numbers \
        platform tdx_module qe";
    assert_eq!(keys(&sgx["tcb"]), sorted(tcb));
    assert_eq!(
        keys(&sgx["tcb"]["evaluation_data_numbers"]),
        sorted("tcb_info qe_identity")
    );
    let collateral = "earliest_issue latest_issue earliest_expiration earliest_next_update \
        pck_crl_number root_ca_crl_number expired sha256 documents";
    assert_eq!(keys(&sgx["collateral"]), sorted(collateral));
    assert_eq!(
        keys(&sgx["collateral"]["documents"][0]),
        sorted("name kind from until sha256")
    );
    let finding = "code severity check message expected actual";
    assert_eq!(keys(&sgx["findings"][0]), sorted(finding));

    let text = verify(&scenario(SGX), &[]).stdout;
    let places: Vec<Option<usize>> = top
        .split_whitespace()
        .map(|name| text.find(&format!("\n  \"{name}\": ")))
        .collect();
    assert!(
        places.is_sorted() && places.iter().all(Option::is_some),
        "{places:?}"
    );
}

#[test]
fn text_says_first_what_matters_and_has_no_escape_codes() {
    let folder = Folder::new();
    folder.lay_out(&scenario(SGX));
    let answer = folder.verify(&["--format", "text"]);
    let first = answer.stdout.lines().next().expect("a line");
    assert!(
        first.starts_with("ACCEPTED  SIMULATED  SGX enclave"),
        "{first}"
    );
    assert!(!answer.stdout.contains('\u{1b}'));
    assert!(answer.stdout.contains("TrustAnchorNotGenuine"));

    let root = folder.text_path("root.pem");
    let mut quote = fs::read(folder.path("quote.bin")).expect("a quote");
    quote[100] ^= 1;
    folder.write("quote.bin", quote);
    let answer = folder.verify(&["--trust-root", &root]);
    assert!(
        answer
            .stdout
            .starts_with("REFUSED   SIMULATED  SGX enclave"),
        "{}",
        answer.stdout
    );
    assert!(answer.stdout.contains("claimed, not proven"));
}

#[test]
fn a_genuine_quote_is_accepted_at_its_time() {
    let Some(vectors) = vectors::folder("a_genuine_quote_is_accepted_at_its_time") else {
        return;
    };
    let case = cases::read_all(&vectors)
        .into_iter()
        .find(|case| case.expect.quote == "STATUS_OK" && case.expect.pck_chain == "STATUS_OK")
        .expect("an up to date case");
    let folder = Folder::new();
    let quote = folder.write("quote.bin", case.quote(&vectors));
    let set = folder.write("set.json", set_json(&case.collateral(&vectors)).to_string());
    let at = case.at().to_string();
    let mut arguments: Vec<std::ffi::OsString> = vec!["verify".into(), "--quote".into()];
    arguments.extend([quote.into(), "--collateral".into(), set.into()]);
    arguments.extend(["--at", &at, "--format", "json"].map(Into::into));
    let json = assert_decided(&run(&arguments), "ok", "accepted", &[]);
    assert_eq!(json["trust_anchor"]["genuine"], true);
    assert_eq!(json["trust_anchor"]["name"], "intel-sgx-root");
    assert_eq!(json["tcb"]["status"], "UpToDate");
}
