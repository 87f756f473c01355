//! `bulla vendor`: the whole life of a vendor, and what goes wrong in its directory.

use std::fs;
use std::path::Path;
use std::process::Command;

use bulla_tests::binary::bulla;
use bulla_tests::workbench::{Answer, Folder, run};
use serde_json::Value;

/// When everything begins.
const FOUNDED: &str = "2026-11-02T10:00:00Z";

/// Every form of a quote.
const KINDS: [&str; 7] = [
    "sgx-v3",
    "sgx-v4",
    "sgx-v5",
    "tdx10-v4",
    "tdx10-v5",
    "tdx15-v5",
    "tdx15-ex-v5",
];

/// A folder with a vendor in `box`, which has the platforms `one` and, of several packages, `two`.
struct Bench(Folder);

impl Bench {
    fn new() -> Self {
        let bench = Self(Folder::new());
        bench.done(&format!(
            "init --public-url http://127.0.0.1:8181 --seed rehearsal --at {FOUNDED}"
        ));
        bench.done(&format!("platform add one --at {FOUNDED}"));
        bench.done(&format!("platform add two --multi-package --at {FOUNDED}"));
        bench
    }

    fn vendor(&self, words: &str) -> Answer {
        vendor(words, &self.0.text_path("box"))
    }

    /// What a command answered that succeeded.
    #[track_caller]
    fn done(&self, words: &str) -> Value {
        let answer = self.vendor(words);
        let json = answer.json();
        assert_eq!(answer.status, 0, "{words}: {json}");
        assert_eq!(json["simulated"], true);
        json
    }

    /// A command fails with this code, a message that holds these words, and in both formats.
    #[track_caller]
    fn fails(&self, words: &str, code: &str, message: &[&str]) {
        fails(words, &self.0.text_path("box"), code, message);
    }

    /// What `bulla verify` says of a quote, given the root and a policy that names it.
    #[track_caller]
    fn judged(&self, platform: &str, kind: &str, more: &str, at: &str) -> Value {
        self.attested(platform, kind, more, at);
        self.verify(
            &[
                "--trust-root",
                "root.pem",
                "--simulated",
                "--policy",
                "policy.toml",
            ],
            at,
        )
    }

    #[track_caller]
    fn attested(&self, platform: &str, kind: &str, more: &str, at: &str) {
        let out = self.0.text_path("out");
        self.done(&format!(
            "quote --platform {platform} --kind {kind} --out {out} --at {at} {more}"
        ));
    }

    /// `bulla verify` of what lies in `out`; names of files are of files there.
    #[track_caller]
    fn verify(&self, options: &[&str], at: &str) -> Value {
        let file = |name: &str| self.0.text_path(&format!("out/{name}"));
        let mut arguments = vec!["verify".to_owned()];
        arguments.extend(["--quote".to_owned(), file("quote.bin")]);
        arguments.extend(["--collateral".to_owned(), file("collateral.json")]);
        for option in options {
            let is_file = option.ends_with(".pem") || option.ends_with(".toml");
            arguments.push(if is_file {
                file(option)
            } else {
                (*option).to_owned()
            });
        }
        arguments.extend(["--at", at, "--format", "json"].map(str::to_owned));
        run(&arguments).json()
    }

    fn state(&self) -> Vec<u8> {
        fs::read(self.0.path("box/vendor.state")).expect("a state")
    }
}

fn arguments<'a>(words: &'a str, directory: &'a str) -> Vec<&'a str> {
    ["vendor"]
        .into_iter()
        .chain(words.split_ascii_whitespace())
        .chain(["--dir", directory])
        .collect()
}

fn vendor(words: &str, directory: &str) -> Answer {
    run(&[&arguments(words, directory)[..], &["--format", "json"]].concat())
}

#[track_caller]
fn fails(words: &str, directory: &str, code: &str, message: &[&str]) {
    let json = vendor(words, directory);
    assert_eq!((json.status, json.stderr.as_str()), (2, ""), "{words}");
    let error = &json.json()["error"];
    assert_eq!(error["code"], code, "{error}");
    let said = error["message"].as_str().expect("a message");
    for word in message {
        assert!(said.contains(word), "{said}");
    }
    let text = run(&arguments(words, directory));
    assert_eq!((text.status, text.stdout.as_str()), (2, ""));
    assert!(text.stderr.starts_with("error: "), "{}", text.stderr);
    assert!(text.stderr.contains(code), "{}", text.stderr);
}

fn codes(verdict: &Value) -> Vec<&str> {
    bulla_tests::workbench::refusals(verdict)
}

#[test]
fn quotes_of_every_form_verify_completely_and_only_under_the_root_that_is_named() {
    let bench = Bench::new();
    let at = "2026-11-10T12:00:00Z";
    for kind in KINDS {
        for platform in ["one", "two"] {
            let accepted = bench.judged(platform, kind, "--report-data c0ffee", at);
            assert_eq!(accepted["verification"], "ok", "{accepted}");
            assert_eq!(accepted["appraisal"], "accepted", "{accepted}");
            assert_eq!(accepted["tcb"]["status"], "UpToDate");
            assert_eq!(accepted["trust_anchor"]["genuine"], false);
            let data = accepted["evidence"]["report_data"]
                .as_str()
                .expect("report data");
            assert!(data.starts_with("c0ffee00"), "{data}");

            let by_default = bench.verify(&[], at);
            assert_eq!(by_default["verification"], "failed", "{kind}");
            assert!(
                codes(&by_default).contains(&"RootUntrusted"),
                "{by_default}"
            );

            let unnamed = bench.verify(&["--trust-root", "root.pem", "--simulated"], at);
            assert_eq!(unnamed["verification"], "ok");
            assert_eq!(unnamed["appraisal"], "refused");
            assert_eq!(codes(&unnamed), ["TrustAnchorNotAccepted"]);
        }
    }
}

#[test]
fn nothing_in_the_environment_makes_a_simulated_quote_pass() {
    let bench = Bench::new();
    bench.attested("one", "sgx-v3", "", "2026-11-10T12:00:00Z");
    let file = |name: &str| bench.0.text_path(&format!("out/{name}"));
    let root = file("root.pem");
    let output = bulla()
        .args(["verify", "--quote", &file("quote.bin")])
        .args(["--collateral", &file("collateral.json")])
        .args(["--at", "2026-11-10T12:00:00Z"])
        .envs(
            [
                "BULLA_TRUST_ROOT",
                "TRUST_ROOT",
                "BULLA_SIMULATED",
                "BULLA_POLICY",
                "BULLA_CONFIG",
                "SSL_CERT_FILE",
                "XDG_CONFIG_HOME",
                "HOME",
            ]
            .map(|name| (name, root.as_str())),
        )
        .current_dir(bench.0.path("out"))
        .output()
        .expect("bulla runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("RootUntrusted"), "{text}");
}

#[test]
fn a_recovery_is_disclosed_promoted_installed_and_its_predecessor_retired() {
    let bench = Bench::new();
    let recovery = bench.done(
        "recover --raises microcode,qe --advisory SIMULATED-SA-00002 --at 2026-11-03T09:00:00Z",
    );
    assert_eq!(recovery["number"], 2);
    let status = |set: &str, at: &str| {
        let verdict = bench.judged("one", "sgx-v5", &format!("--set {set}"), at);
        let tcb = &verdict["tcb"];
        let number = &tcb["evaluation_data_numbers"]["tcb_info"];
        (
            tcb["status"].as_str().map(str::to_owned),
            number.as_u64(),
            tcb["advisory_ids"].clone(),
        )
    };
    let none = serde_json::json!([]);
    let advisory = serde_json::json!(["SIMULATED-SA-00002"]);
    let up_to_date = |number, ids: &Value| (Some("UpToDate".to_owned()), Some(number), ids.clone());
    let out_of_date = |number| (Some("OutOfDate".to_owned()), Some(number), advisory.clone());

    // Disclosed: early only. The time before it stays as it was.
    assert_eq!(
        status("early", "2026-11-03T08:59:59Z"),
        up_to_date(1, &none)
    );
    assert_eq!(status("early", "2026-11-03T09:00:00Z"), out_of_date(2));
    assert_eq!(
        status("standard", "2026-11-03T09:00:00Z"),
        up_to_date(1, &none)
    );

    bench.fails(
        "retire 1 --at 2026-11-04T00:00:00Z",
        "EventImpossible",
        &["number 1 is still needed"],
    );
    bench.done("promote 2 --at 2026-11-05T00:00:00Z");
    assert_eq!(status("standard", "2026-11-05T00:00:00Z"), out_of_date(2));
    assert_eq!(status("1", "2026-11-05T00:00:00Z"), up_to_date(1, &none));

    bench.done("retire 1 --at 2026-11-06T00:00:00Z");
    let out = bench.0.text_path("gone");
    let quote = format!("quote --platform one --kind sgx-v3 --out {out}");
    bench.fails(
        &format!("{quote} --set 1 --at 2026-11-06T00:00:00Z"),
        "SetUnavailable",
        &["not signed any more"],
    );
    bench.fails(
        &format!("{quote} --set 3 --at 2026-11-06T00:00:00Z"),
        "SetUnavailable",
        &["not disclosed"],
    );
    assert!(!Path::new(&out).exists());

    bench.done("platform update one --part microcode --at 2026-11-07T00:00:00Z");
    let shown = bench.done("platform list --at 2026-11-07T00:00:00Z");
    assert_eq!(shown["platforms"][0]["lacks"], serde_json::json!(["qe"]));
    assert_eq!(status("standard", "2026-11-07T00:00:00Z"), out_of_date(2));
    bench.done("platform update one --at 2026-11-08T00:00:00Z");
    assert_eq!(
        status("standard", "2026-11-08T00:00:00Z"),
        up_to_date(2, &none)
    );
}

#[test]
fn a_trust_domain_from_before_the_update_is_advised_to_start_again() {
    let bench = Bench::new();
    bench.done("recover --raises tdx-module --at 2026-11-03T00:00:00Z");
    bench.done("promote 2 --at 2026-11-03T00:00:00Z");
    bench.done("platform update two --at 2026-11-04T00:00:00Z");
    let at = "2026-11-05T00:00:00Z";
    let launched = format!("--launched {FOUNDED}");
    let verdict = bench.judged("two", "tdx15-v5", &launched, at);
    assert_eq!(verdict["tcb"]["status"], "TDRelaunchAdvised", "{verdict}");
    let verdict = bench.judged("two", "tdx15-v5", "", at);
    assert_eq!(verdict["tcb"]["status"], "UpToDate");
}

#[test]
fn revocations_count_from_their_instant_on() {
    let before = "2026-11-10T11:59:59Z";
    let at = "2026-11-10T12:00:00Z";
    let cases = [
        ("--platform one", "one", "two"),
        ("--ca platform", "two", "one"),
    ];
    for (what, hit, spared) in cases {
        let bench = Bench::new();
        bench.done(&format!("revoke {what} --at {at}"));
        assert_eq!(
            bench.judged(hit, "sgx-v4", "", before)["appraisal"],
            "accepted"
        );
        let verdict = bench.judged(hit, "sgx-v4", "", at);
        assert_eq!(verdict["verification"], "failed", "{verdict}");
        assert!(codes(&verdict).contains(&"CertificateRevoked"), "{verdict}");
        assert_eq!(
            bench.judged(spared, "sgx-v4", "", at)["appraisal"],
            "accepted"
        );
        bench.fails(
            &format!("revoke {what} --at {at}"),
            "EventImpossible",
            &["revoked by an earlier event"],
        );
    }
}

#[test]
fn after_the_signer_is_revoked_nothing_verifies_until_there_is_another() {
    let bench = Bench::new();
    bench.done("revoke --signer --at 2026-11-10T00:00:00Z");
    let verdict = bench.judged("one", "sgx-v3", "", "2026-11-10T00:00:00Z");
    assert!(codes(&verdict).contains(&"CertificateRevoked"), "{verdict}");
    bench.done("rotate-signer --at 2026-11-11T00:00:00Z");
    let verdict = bench.judged("one", "sgx-v3", "", "2026-11-11T00:00:00Z");
    assert_eq!(verdict["appraisal"], "accepted", "{verdict}");
}

#[test]
fn a_signer_that_follows_in_the_second_of_a_revocation_is_not_the_one_revoked() {
    let bench = Bench::new();
    let at = "2026-11-10T00:00:00Z";
    for _ in 0..2 {
        bench.done(&format!("revoke --signer --at {at}"));
        let verdict = bench.judged("one", "sgx-v3", "", at);
        assert!(codes(&verdict).contains(&"CertificateRevoked"), "{verdict}");
        bench.done(&format!("rotate-signer --at {at}"));
        let verdict = bench.judged("one", "sgx-v3", "", at);
        assert_eq!(verdict["appraisal"], "accepted", "{verdict}");
    }
}

#[test]
fn debugging_shows_and_is_refused() {
    let bench = Bench::new();
    let at = "2026-11-10T00:00:00Z";
    for (kind, code) in [("sgx-v3", "DebugEnclave"), ("tdx10-v4", "DebugTd")] {
        let verdict = bench.judged("one", kind, "--debug", at);
        assert_eq!(verdict["verification"], "ok");
        assert_eq!(codes(&verdict), [code]);
    }
}

#[test]
fn platforms_of_several_packages_register_with_their_own_vendor_once_in_one_way() {
    let bench = Bench::new();
    let manifest = bench.0.text_path("manifest");
    bench.done(&format!(
        "platform manifest two --out {manifest} --at {FOUNDED}"
    ));
    assert_eq!(fs::read(&manifest).expect("a manifest").len(), 8_431);
    let register = format!("platform register {manifest} --at {FOUNDED}");
    let registered = bench.done(&format!("{register} --indirect"));
    assert_eq!(registered["registration"], "indirect");
    bench.fails(&register, "ManifestRefused", &["keys are not kept"]);
    let later = "2026-11-05T00:00:00Z";
    bench.done(&format!(
        "platform add three --multi-package --at {FOUNDED}"
    ));
    let third = bench.0.text_path("third");
    bench.done(&format!(
        "platform manifest three --out {third} --at {FOUNDED}"
    ));
    bench.done(&format!(
        "platform register {third} --indirect --at {later}"
    ));
    bench.fails(
        &format!("platform register {third} --at {FOUNDED}"),
        "ManifestRefused",
        &["too early", later],
    );

    bench.fails(
        &format!("platform manifest one --out {manifest} --at {FOUNDED}"),
        "PlatformRefused",
        &["has one package"],
    );

    let other = bench.0.text_path("other");
    let init = format!("init --public-url http://127.0.0.1:8182 --at {FOUNDED}");
    assert_eq!(vendor(&init, &other).status, 0);
    fails(
        &register,
        &other,
        "ManifestRefused",
        &["made for the vendor", "this is"],
    );

    let mut damaged = fs::read(&manifest).expect("a manifest");
    damaged[8_000] ^= 1;
    fs::write(&manifest, damaged).expect("written");
    bench.fails(&register, "ManifestRefused", &["damaged"]);
    fs::write(&manifest, [0x5a; 9_000]).expect("written");
    bench.fails(
        &register,
        "ManifestRefused",
        &["not the manifest of a simulated platform"],
    );
    fs::write(&manifest, vec![0; 60_000]).expect("written");
    bench.fails(&register, "InputTooLarge", &["56442"]);
}

#[test]
fn the_same_seed_and_story_give_the_same_bytes() {
    let told = || {
        let bench = Bench::new();
        bench.done("recover --raises pce --at 2026-11-03T00:00:00Z");
        let shown = bench.done("platform show one --at 2026-11-04T00:00:00Z");
        bench.attested("two", "tdx15-v5", "", "2026-11-04T00:00:00Z");
        let files = ["quote.bin", "collateral.json", "root.pem", "policy.toml"];
        let files = files.map(|name| fs::read(bench.0.path("out").join(name)).expect("written"));
        (bench.state(), shown, files)
    };
    assert_eq!(told(), told());

    // Without a seed nothing is the same.
    let folder = Folder::new();
    let root = |name: &str| {
        let init = format!("init --public-url http://127.0.0.1:1 --at {FOUNDED}");
        let answer = vendor(&init, &folder.text_path(name)).json();
        answer["root_public_key_sha256"].as_str().map(str::to_owned)
    };
    assert_ne!(root("a"), root("b"));
}

#[test]
fn arguments_that_make_no_sense() {
    let bench = Bench::new();
    let state = bench.state();
    let cases: [(&str, &str, &[&str]); 21] = [
        (
            "platform add One",
            "ArgumentInvalid",
            &["`One`", "lower-case"],
        ),
        (
            "platform add ../x",
            "ArgumentInvalid",
            &["cannot be the name"],
        ),
        ("platform add one", "PlatformRefused", &["already"]),
        (
            "platform add x --fmspc 00906ed50000",
            "PlatformRefused",
            &["begin with ff"],
        ),
        (
            "platform add x --fmspc ff53494d554d",
            "PlatformRefused",
            &["several packages"],
        ),
        (
            "platform add x --fmspc ff",
            "ArgumentInvalid",
            &["12 hexadecimal"],
        ),
        (
            "platform add x --number 2",
            "PlatformRefused",
            &["not disclosed"],
        ),
        (
            "platform add x --at 2020-01-01T00:00:00Z",
            "PlatformRefused",
            &["too early"],
        ),
        (
            "platform update three",
            "PlatformRefused",
            &["no platform three"],
        ),
        (
            "platform update one --to 7",
            "PlatformRefused",
            &["not disclosed"],
        ),
        (
            "platform update one --part bios",
            "ArgumentInvalid",
            &["`bios` is no part"],
        ),
        ("recover --raises component-8", "EventImpossible", &["255"]),
        (
            "recover --raises qe --below SWHardeningNeeded",
            "EventImpossible",
            &["OutOfDate or Revoked"],
        ),
        (
            "recover --raises pce --below UpToDate",
            "EventImpossible",
            &["no status for platforms"],
        ),
        (
            "recover --raises pce --advisory a_b",
            "EventImpossible",
            &["`a_b`"],
        ),
        ("promote 1", "EventImpossible", &["only rises"]),
        ("promote 9", "EventImpossible", &["not disclosed"]),
        (
            "promote 2 --at 2026-11-01T00:00:00Z",
            "EventImpossible",
            &["is before"],
        ),
        (
            "revoke --platform three",
            "EventImpossible",
            &["no platform three"],
        ),
        (
            "quote --platform one --kind tdx15-v5 --out x --at 2026-11-10T00:00:00Z \
             --launched 2026-11-10T00:00:01Z",
            "ArgumentInvalid",
            &["--launched", "was launched before"],
        ),
        (
            "revoke --platform one --signer",
            "UsageInvalid",
            &["cannot be used with"],
        ),
    ];
    for (words, code, message) in cases {
        let json = bench.vendor(words);
        let error = &json.json()["error"];
        assert_eq!(
            (json.status, &error["code"]),
            (2, &Value::from(code)),
            "{words}: {error}"
        );
        let said = error["message"].as_str().expect("a message");
        assert!(
            message.iter().all(|word| said.contains(word)),
            "{words}: {said}"
        );
    }
    assert_eq!(bench.state(), state, "none of them changed anything");
}

#[test]
fn directories_that_are_no_vendor_or_one_already() {
    let bench = Bench::new();
    let init = "init --public-url http://127.0.0.1:8181";
    bench.fails(
        init,
        "VendorExists",
        &["there is a vendor in this directory already"],
    );

    let folder = Folder::new();
    fails(
        "show",
        &folder.text_path("gone"),
        "VendorNotFound",
        &["gone", "bulla vendor init"],
    );
    fails(
        "promote 2",
        &folder.text_path("gone"),
        "VendorNotFound",
        &["gone"],
    );
    assert!(!folder.path("gone").exists());
    folder.write("notes", "mine");
    fails(
        init,
        &folder.text_path(""),
        "DirectoryNotEmpty",
        &["not empty"],
    );
    fails(
        init,
        &folder.text_path("notes"),
        "StateUnwritable",
        &["notes"],
    );
    assert_eq!(
        fs::read(folder.path("notes")).expect("still there"),
        b"mine"
    );
    fails(
        "init --public-url ftp://x",
        &folder.text_path("new"),
        "ArgumentInvalid",
        &["http://"],
    );
    assert!(!folder.path("new").exists());
}

#[test]
fn files_that_are_damaged_missing_or_of_another_vendor() {
    let bench = Bench::new();
    let other = Bench(Folder::new());
    other.done(&format!(
        "init --public-url http://127.0.0.1:1 --at {FOUNDED}"
    ));
    other.done(&format!("platform add one --at {FOUNDED}"));
    for name in ["vendor.state", "seed.secret", "platforms/one.fuses"] {
        let path = bench.0.path("box").join(name);
        let good = fs::read(&path).expect("a file");
        let text = String::from_utf8(good.clone()).expect("text");
        let with = |content: &[u8], code: &str, words: &[&str]| {
            fs::write(&path, content).expect("written");
            let words = [&[name][..], words].concat();
            bench.fails("show", code, &words);
        };
        let mut flipped = good.clone();
        *flipped.last_mut().expect("not empty") ^= 0x10;
        with(
            &flipped,
            "StateDamaged",
            &["damaged", "copy of the directory"],
        );
        with(&good[..good.len() - 3], "StateDamaged", &["checksum"]);
        with(b"", "StateUnrecognised", &["not the"]);
        with(b"\xff\xfe\n", "StateUnrecognised", &["not the"]);
        with(
            b"SIMULATED bulla vendor\n",
            "StateUnrecognised",
            &["not the"],
        );
        let newer = text.replacen(" 1 sha256", " 2 sha256", 1);
        with(
            newer.as_bytes(),
            "StateFormatUnknown",
            &["format 2", "newer bulla"],
        );
        if name != "vendor.state" {
            let foreign = fs::read(other.0.path("box").join(name)).expect("a file");
            with(&foreign, "StateMixed", &["another vendor or platform"]);
            let aside = bench.0.path("aside");
            fs::rename(&path, &aside).expect("moved");
            bench.fails("show", "StateIncomplete", &[name, "missing"]);
            fs::rename(&aside, &path).expect("moved back");
        }
        fs::write(&path, &good).expect("written");
        bench.done("show");
    }
    let state = bench.0.path("box/vendor.state");
    let seed = bench.0.path("box/seed.secret");
    fs::copy(seed, state).expect("copied");
    bench.fails(
        "show",
        "StateUnrecognised",
        &["state of a simulated vendor"],
    );
}

#[cfg(unix)]
#[test]
fn secrets_that_others_can_read_are_not_used() {
    use std::os::unix::fs::PermissionsExt;

    let bench = Bench::new();
    for name in ["vendor.state", "seed.secret", "platforms/one.fuses"] {
        let path = bench.0.path("box").join(name);
        let mode =
            |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        let written = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(written & 0o777, 0o600, "{name}");
        mode(0o640);
        bench.fails("show", "SecretExposed", &[name, "mode 640", "chmod 600"]);
        mode(0o600);
    }
    bench.done("show");
}

#[test]
fn one_process_changes_a_vendor_at_a_time_and_reading_goes_on() {
    let bench = Bench::new();
    let lock = fs::File::open(bench.0.path("box/lock")).expect("a lock");
    lock.try_lock().expect("nobody holds it");
    let state = bench.state();
    bench.fails("rotate-signer", "VendorBusy", &["another process"]);
    bench.done("show");
    assert_eq!(bench.state(), state);
    // Not by closing it: a process that another test is starting may have it open too.
    lock.unlock().expect("unlocked");
    bench.done("rotate-signer");
}

/// A limit on the size of files stands for a full disk: writing fails in the middle.
#[cfg(unix)]
#[test]
fn what_cannot_be_written_leaves_everything_as_it_was() {
    let bench = Bench::new();
    let state = bench.state();
    assert!(state.len() > 1_024, "more than the limit of two blocks");
    let limited = |words: &str, directory: &str| {
        let mut script = "trap '' XFSZ; ulimit -f 2; exec".to_owned();
        script.push_str(" \"$0\" \"$@\" --format json");
        Command::new("sh")
            .args(["-c", &script])
            .arg(bulla().get_program())
            .args(arguments(words, directory))
            .output()
            .expect("a shell")
    };
    let directory = bench.0.text_path("box");
    for words in ["rotate-signer", "platform add three"] {
        let output = limited(words, &directory);
        let error: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(error["error"]["code"], "StateUnwritable", "{error}");
        let message = error["error"]["message"].as_str().expect("a message");
        assert!(message.contains("nothing was changed"), "{message}");
        assert_eq!(bench.state(), state);
    }
    let at = "2026-11-10T00:00:00Z";
    bench.attested("one", "sgx-v3", "", at);
    let outputs = ["collateral.json", "policy.toml", "quote.bin", "root.pem"];
    let attested = || outputs.map(|name| fs::read(bench.0.path("out").join(name)).expect("a file"));
    let before = attested();
    let out = bench.0.text_path("out");
    let quote = format!("quote --platform two --kind tdx15-v5 --out {out} --at {at}");
    let output = limited(&quote, &directory);
    let error: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(error["error"]["code"], "FileUnwritable", "{error}");
    assert!(
        attested() == before,
        "the earlier quote and what belongs to it stay"
    );

    let files = |directory: &str| {
        let entries = fs::read_dir(bench.0.path(directory)).expect("a directory");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    let kept = ["lock", "platforms", "seed.secret", "vendor.state"];
    assert_eq!(files("box"), kept);
    assert_eq!(files("box/platforms"), ["one.fuses", "two.fuses"]);
    assert_eq!(files("out"), outputs);
    bench.done("platform add three");
}

#[test]
fn people_are_told_on_every_answer_that_it_is_simulated() {
    let bench = Bench::new();
    let directory = bench.0.text_path("box");
    for words in [
        "show",
        "platform list",
        "platform show one",
        "rotate-signer",
    ] {
        let answer = run(&arguments(words, &directory));
        assert_eq!(answer.status, 0, "{}", answer.stderr);
        assert!(
            answer.stdout.starts_with("SIMULATED  "),
            "{}",
            answer.stdout
        );
    }
    for file in ["vendor.state", "seed.secret", "platforms/two.fuses"] {
        let content = fs::read(bench.0.path("box").join(file)).expect("a file");
        assert!(content.starts_with(b"SIMULATED bulla vendor "), "{file}");
    }
}
