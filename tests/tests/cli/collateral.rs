//! `bulla collateral` and `bulla platform`: a service and its fleet from outside, and documents
//! fetched into a directory.

use std::fs;
use std::path::Path;

use bulla_tests::daemon::{Daemon, found_vendor, with_tokens, write_token};
use bulla_tests::workbench::{Answer, Folder, run};
use serde_json::{Value, json};

const FMSPC: &str = "FF53494D554C";

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A vendor that runs, and a folder with its root.
fn vendor() -> (Folder, Daemon) {
    let folder = Folder::new();
    found_vendor(&folder);
    let vendor = Daemon::vendor(&folder);
    (folder, vendor)
}

fn set_faults(vendor: &Daemon, faults: &Value) {
    let body = faults.to_string();
    let set = vendor.send("PUT", "/simulation/faults", &[JSON], body.as_bytes());
    assert!(set.status() < 300, "{}", set.head);
}

/// The service of that vendor, with a user's and an administrator's token.
fn service(folder: &Folder, vendor: &Daemon) -> Daemon {
    let config = with_tokens(folder);
    let upstream = format!("http://{}", vendor.address);
    let root = folder.text_path("root.pem");
    Daemon::service(
        folder,
        &[
            "--config",
            &config,
            "--upstream",
            &upstream,
            "--trust-root",
            &root,
            "--simulated",
        ],
    )
}

/// A command to a service, answered in JSON.
fn ask(service: &Daemon, words: &[&str]) -> Answer {
    let url = format!("http://{}", service.address);
    run(&[words, &["--service", &url, "--format", "json"]].concat())
}

#[track_caller]
fn done(service: &Daemon, words: &[&str]) -> Value {
    let answer = ask(service, words);
    assert_eq!(answer.status, 0, "{words:?}: {}", answer.stdout);
    let answer = answer.json();
    assert_eq!(answer["simulated"], true);
    answer
}

#[track_caller]
fn error(answer: &Answer) -> String {
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    answer.json()["error"]["code"]
        .as_str()
        .expect("a code")
        .to_owned()
}

#[test]
fn a_collection_is_listed_with_its_history() {
    let (folder, vendor) = vendor();
    let service = service(&folder, &vendor);
    service.get(&format!("/sgx/certification/v4/tcb?fmspc={FMSPC}"));
    let listed = done(&service, &["collateral", "list"]);
    assert_eq!(listed["mode"], "lazy");
    assert_eq!(listed["trust_anchor"]["genuine"], false);
    let documents = listed["documents"].as_array().expect("a list");
    let name = format!("tcb-info/sgx/{FMSPC}/3/1");
    let tcb = documents
        .iter()
        .find(|document| document["slot"] == *name)
        .expect("what was asked for");
    assert_eq!(tcb["freshness"], "current");
    assert_eq!(tcb["selected_as"], json!(["standard"]));

    let url = format!("http://{}", service.address);
    let text = run(&["collateral", "list", "--service", &url]).stdout;
    assert!(text.starts_with("SIMULATED  "), "{text}");
    for part in ["selected as", "current", "| is ", "|.........", " days"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let family = format!("tcb-info/sgx/{FMSPC}/3 ");
    assert!(text.contains(&family), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "no colours outside of a terminal");

    let history = done(&service, &["collateral", "history", &name]);
    assert_eq!(history["issues"][0]["sha256"], tcb["sha256"]);
    let unknown = ask(&service, &["collateral", "history", "tcb-info"]);
    assert_eq!(error(&unknown), "ServiceRefused");
}

#[test]
fn a_refresh_takes_an_administrator() {
    let (folder, vendor) = vendor();
    let service = service(&folder, &vendor);
    let admin = folder.text_path("admin");
    let user = folder.text_path("user");
    service.get(&format!("/sgx/certification/v4/tcb?fmspc={FMSPC}"));
    let refresh = ["collateral", "refresh", "--token-file", &admin];
    let all = done(&service, &refresh);
    assert!(all["asked"].as_u64().expect("a number") > 1, "{all}");
    let one = [&refresh[..], &["root-ca-crl"]].concat();
    assert_eq!(done(&service, &one)["asked"], 1);

    let refused = ask(&service, &["collateral", "refresh", "--token-file", &user]);
    assert_eq!(error(&refused), "ServiceRefused");
    assert!(
        !refused.stdout.contains("user-of-the-test"),
        "a token is told"
    );
    let none = ask(&service, &["collateral", "refresh"]);
    assert_eq!(error(&none), "UsageInvalid");

    // What fails is told, and does no harm.
    let faults = json!([{"paths": "*/tcb", "fault": "wrong_signature"}]);
    set_faults(&vendor, &faults);
    let answer = ask(&service, &refresh);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    let failed = answer.json()["failed"].clone();
    let what = failed[0]["what"].as_str().expect("a name");
    assert!(what.starts_with("tcb-info/"), "{failed}");
    let refused = done(&service, &["collateral", "refused", "--token-file", &admin]);
    assert_eq!(
        refused["refused"][0]["code"], "DocumentSignatureInvalid",
        "{refused}"
    );
}

#[test]
fn a_token_stays_on_this_machine_unless_it_is_encrypted() {
    let folder = Folder::new();
    write_token(&folder, "admin", "admin-of-the-test");
    let token = folder.text_path("admin");
    let refused = |url: &str, token: &str| {
        let words = ["platform", "list", "--service", url, "--token-file", token];
        run(&[&words[..], &["--format", "json"]].concat())
    };
    let answer = refused("http://192.0.2.1:8081", &token);
    assert_eq!(error(&answer), "ArgumentInvalid");
    assert!(answer.stdout.contains("in clear"), "{}", answer.stdout);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let here = format!("http://{address}");
    assert_eq!(error(&refused(&here, &token)), "ServiceUnreachable");
    let open = folder.write("open", "token");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("a file");
    let open = open.to_str().expect("UTF-8");
    assert_eq!(error(&refused(&here, open)), "SecretExposed");
}

#[test]
fn what_is_no_service_of_bulla_is_told_so() {
    let (_folder, vendor) = vendor();
    let answer = ask(&vendor, &["collateral", "list"]);
    assert_eq!(error(&answer), "ServiceRefused");
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("404"), "{message}");
}

/// Fetches into the folder's `documents`.
fn fetch(folder: &Folder, upstream: &str, more: &[&str]) -> Answer {
    let (out, root) = (folder.text_path("documents"), folder.text_path("root.pem"));
    let words = ["collateral", "fetch", "--upstream", upstream, "--out", &out];
    let by = ["--trust-root", &root, "--simulated", "--format", "json"];
    run(&[&words[..], &by, more].concat())
}

/// What became of a document.
fn outcome(answer: &Answer, document: &str) -> Value {
    let answer = answer.json();
    let documents = answer["documents"].as_array().expect("a list").clone();
    let found = documents
        .into_iter()
        .find(|one| one["document"] == *document);
    found.unwrap_or_else(|| panic!("{document}: {answer}"))
}

fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(
                    path.strip_prefix(folder)
                        .expect("below")
                        .display()
                        .to_string(),
                ),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_directory_that_was_fetched_serves_a_service_without_a_network() {
    let (folder, vendor) = vendor();
    let upstream = format!("http://{}", vendor.address);
    let answer = fetch(&folder, &upstream, &["--early"]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    assert_eq!(answer.json()["simulated"], true);
    let tcb = format!("tcb-info/sgx/{FMSPC}/3/standard");
    assert_eq!(outcome(&answer, &tcb)["outcome"], "written");
    assert_eq!(outcome(&answer, "root-ca-crl")["outcome"], "written");
    let written = names(&folder.path("documents"));
    for name in [
        "fmspcs/all.json",
        "identity/td-qe/early.json",
        "pck-crl/platform.der",
        "pck-crl/platform.issuer-chain.pem",
        "root-ca-crl.der",
        "tcb-info/tdx/FF53494D554C/standard.issuer-chain.pem",
    ] {
        assert!(written.iter().any(|one| one == name), "{name}: {written:?}");
    }
    drop(vendor);

    let root = folder.text_path("root.pem");
    let from = format!("directory={}", folder.text_path("documents"));
    let offline = ["--upstream", &from, "--trust-root", &root, "--simulated"];
    let service = Daemon::service(&folder, &offline);
    let quote = folder.text_path("attested/quote.bin");
    let policy = folder.text_path("attested/policy.toml");
    let url = format!("http://{}", service.address);
    let verdict = run(&[
        "verify",
        "--quote",
        &quote,
        "--service",
        &url,
        "--trust-root",
        &root,
        "--simulated",
        "--policy",
        &policy,
        "--format",
        "json",
    ]);
    assert_eq!(verdict.status, 0, "{}", verdict.stdout);
}

#[test]
fn documents_come_from_a_cache_and_from_a_directory_too() {
    let (folder, vendor) = vendor();
    let service = service(&folder, &vendor);
    let cache = format!("pccs=http://{}", service.address);
    assert_eq!(error(&fetch(&folder, &cache, &[])), "ArgumentInvalid");
    let answer = fetch(&folder, &cache, &["--fmspc", FMSPC]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    let again = fetch(&folder, &cache, &["--fmspc", FMSPC]);
    assert_eq!(again.status, 0, "{}", again.stdout);
    let tcb = format!("tcb-info/sgx/{FMSPC}/3/standard");
    assert_eq!(outcome(&again, &tcb)["outcome"], "unchanged");

    let bulla = format!("http://{}/pcs", service.address);
    let answer = fetch(&folder, &bulla, &["--fmspc", FMSPC]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    assert_eq!(
        outcome(&answer, "evaluation-data-numbers/tdx")["outcome"],
        "written"
    );
    let unknown = fetch(&folder, &bulla, &["--fmspc", "FF0000000000"]);
    assert_eq!(unknown.status, 2, "{}", unknown.stdout);
    let unknown = outcome(&unknown, "tcb-info/sgx/FF0000000000/3/standard");
    assert_eq!(unknown["outcome"], "unavailable");
}

#[test]
fn what_is_refused_is_named_and_not_written() {
    let (folder, vendor) = vendor();
    let upstream = format!("http://{}", vendor.address);
    let faults = json!([
        {"paths": "/sgx/certification/v4/tcb", "fault": "wrong_signature"},
        {"paths": "/tdx/certification/v4/qe/identity", "fault": {"status": 404}},
        {"paths": "*/pckcrl?*platform*", "fault": "wrong_signature"},
    ]);
    set_faults(&vendor, &faults);
    let answer = fetch(&folder, &upstream, &["--fmspc", FMSPC]);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    let tcb = outcome(&answer, &format!("tcb-info/sgx/{FMSPC}/3/standard"));
    assert_eq!(tcb["outcome"], "refused");
    assert_eq!(tcb["code"], "DocumentSignatureInvalid");
    assert!(tcb["reason"].as_str().expect("words").len() > 20);
    assert_eq!(outcome(&answer, "pck-crl/platform")["outcome"], "refused");
    assert_eq!(
        outcome(&answer, "enclave-identity/td-qe/standard")["outcome"],
        "absent"
    );
    let written = names(&folder.path("documents"));
    assert!(
        !written.iter().any(|name| name.starts_with("tcb-info/sgx")),
        "{written:?}"
    );
    assert!(
        written.iter().any(|name| name.starts_with("tcb-info/tdx")),
        "{written:?}"
    );

    let out = folder.text_path("documents");
    let root = folder.text_path("root.pem");
    let text = run(&[
        "collateral",
        "fetch",
        "--upstream",
        &upstream,
        "--out",
        &out,
        "--trust-root",
        &root,
        "--simulated",
        "--fmspc",
        FMSPC,
    ]);
    assert_eq!(text.status, 1, "{}", text.stderr);
    assert!(text.stdout.starts_with("SIMULATED  "), "{}", text.stdout);
    assert!(
        text.stdout.contains("DocumentSignatureInvalid"),
        "{}",
        text.stdout
    );

    // Under another root nothing of it counts.
    let other = Folder::new();
    found_vendor(&other);
    let answer = fetch(&other, &upstream, &["--fmspc", FMSPC]);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    for one in answer.json()["documents"].as_array().expect("a list") {
        assert!(
            one["outcome"] == "refused" || one["outcome"] == "absent",
            "{one}"
        );
    }
    assert_eq!(names(&other.path("documents")), Vec::<String>::new());
}

#[test]
fn nothing_in_the_directory_goes_back() {
    let (folder, vendor) = vendor();
    let upstream = format!("http://{}", vendor.address);
    let directory = folder.text_path("box");
    let change = |words: &[&str]| {
        let answer = run(&[&["vendor"], words, &["--dir", &directory]].concat());
        assert_eq!(answer.status, 0, "{}", answer.stderr);
    };
    assert_eq!(fetch(&folder, &upstream, &["--fmspc", FMSPC]).status, 0);
    let before = folder.text_path("before");
    let copied = std::process::Command::new("cp")
        .args(["-r", &folder.text_path("documents"), &before])
        .status();
    assert!(copied.expect("cp runs").success());
    change(&["recover", "--raises", "microcode"]);
    change(&["promote", "2"]);
    let answer = fetch(&folder, &upstream, &["--fmspc", FMSPC]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    let tcb = format!("tcb-info/sgx/{FMSPC}/3/standard");
    let now = outcome(&answer, &tcb);
    assert_eq!(now["slot"], format!("tcb-info/sgx/{FMSPC}/3/2"));

    let file = folder.path(&format!("documents/tcb-info/sgx/{FMSPC}/standard.json"));
    let newest = fs::read(&file).expect("a document");
    let old = format!("directory={before}");
    let answer = fetch(&folder, &old, &["--fmspc", FMSPC]);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    assert_eq!(outcome(&answer, &tcb)["code"], "SelectionMovedBack");
    assert_eq!(fs::read(&file).expect("a document"), newest);
}

#[test]
fn platforms_register_are_observed_listed_and_removed() {
    let (folder, vendor) = vendor();
    let service = service(&folder, &vendor);
    let (user, admin) = (folder.text_path("user"), folder.text_path("admin"));
    let directory = folder.text_path("box");
    let shown = run(&[
        "vendor", "platform", "show", "one", "--dir", &directory, "--format", "json",
    ]);
    let request = shown.json()["request"].clone();
    let field = |name: &str| request[name].as_str().expect("text").to_owned();
    let csv = format!(
        "{},{},{},{},{}\n",
        field("encrypted_ppid"),
        field("pceid"),
        field("cpusvn"),
        field("pcesvn"),
        field("qe_id")
    );
    let csv = folder.write("platform.csv", csv);
    let csv = csv.to_str().expect("UTF-8");
    let register = ["platform", "register", "--file", csv, "--token-file", &user];
    let registered = done(&service, &register);
    assert_eq!(registered["registered"], 1, "{registered}");
    assert!(!registered.to_string().contains(&field("encrypted_ppid")));

    let list = ["platform", "list", "--token-file", &admin];
    let listed = done(&service, &list);
    let qe_id = field("qe_id").to_uppercase();
    assert_eq!(listed["platforms"][0]["qe_id"], qe_id, "{listed}");
    assert_eq!(listed["platforms"][0]["fmspc"], FMSPC);
    let other = [&list[..], &["--fmspc", "FF0000000000"]].concat();
    assert_eq!(done(&service, &other)["platforms"], json!([]));
    assert_eq!(
        error(&ask(&service, &["platform", "list", "--token-file", &user])),
        "ServiceRefused"
    );

    let quote = folder.text_path("attested/quote.bin");
    for token in [&user, &admin] {
        let observe = [
            "platform",
            "observe",
            "--quote",
            &quote,
            "--token-file",
            token,
        ];
        let observed = done(&service, &observe);
        assert_eq!(observed["tcb_status"], "UpToDate");
        assert_eq!(observed["genuine"], false);
    }
    let replace = |token| {
        let words = ["platform", "observe", "--replace", "--quote", &quote];
        ask(&service, &[&words[..], &["--token-file", token]].concat())
    };
    assert_eq!(error(&replace(&user)), "ServiceRefused");
    let replaced = replace(&admin);
    assert_eq!(replaced.status, 0, "{}", replaced.stderr);
    assert_eq!(replaced.json()["regressed"], false, "it is the same state");
    let evidence = done(&service, &[&list[..], &["--evidence"]].concat());
    assert_eq!(evidence["evidence"][0]["tcb_status"], "UpToDate");
    let mut forged = fs::read(&quote).expect("a quote");
    forged[100] ^= 1;
    let forged = folder.write("forged.bin", forged);
    let forged = forged.to_str().expect("UTF-8");
    let answer = ask(
        &service,
        &[
            "platform",
            "observe",
            "--quote",
            forged,
            "--token-file",
            &user,
        ],
    );
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    assert_eq!(answer.json()["error"]["code"], "ServiceRefused");

    let remove = ["platform", "remove", &qe_id, "--token-file", &admin];
    assert_eq!(done(&service, &remove)["removed"], qe_id);
    assert_eq!(done(&service, &list)["platforms"], json!([]));
    assert_eq!(error(&ask(&service, &remove)), "ServiceRefused");
}

#[test]
fn files_of_platforms_are_checked_before_anything_is_sent() {
    let folder = Folder::new();
    write_token(&folder, "user", "user-of-the-test");
    let token = folder.text_path("user");
    for text in [
        "a,b,c\n",
        "[]",
        "{}",
        "{\"qe_id\": 1",
        "[{\"qe_id\": \"x\", \"pce_id\": \"0000\"}]",
    ] {
        let file = folder.write("platforms", text);
        let file = file.to_str().expect("UTF-8");
        let words = [
            "platform",
            "register",
            "--file",
            file,
            "--token-file",
            &token,
        ];
        let answer = run(&[&words[..], &["--format", "json"]].concat());
        assert_eq!(
            error(&answer),
            "PlatformFileMalformed",
            "{text}: {}",
            answer.stdout
        );
    }
}
