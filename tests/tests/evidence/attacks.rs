//! What a hostile reviewer tried: forged chains and mixed vendors, tricks in every encoding, input
//! that would write output of its own.

use std::fs::OpenOptions;
use std::process::Stdio;
use std::sync::Arc;

use bulla_collateral::{CollateralSet, EnclaveIdentity, TcbStatus};
use bulla_issuer::{
    Certification, Documents, QuoteKind, Scenario, Seed, SigningKey, extension, pem,
};
use bulla_pki::TrustAnchors;
use bulla_tests::binary::bulla;
use bulla_tests::scenarios::{
    assert_fails, assert_genuine, assert_status, changed, failures, isv_level, judge, judge_at,
    judge_bytes, judge_tampered, judge_tcb_info_text, module_levels, now, scenario, trusting,
};
use bulla_tests::workbench::{self, AT, Answer, Folder, run, set_json};
use bulla_verifier::{Code, KnownPlatforms, PreparedCollateral, Verification};
use serde_json::{Value, json};

/// A scenario of another vendor.
fn other(kind: QuoteKind) -> Scenario {
    Scenario::new(&Seed::from("another vendor"), kind, now())
}

fn both(a: &Scenario, b: &Scenario) -> TrustAnchors {
    trusting(&a.vendor.root_certificate())
        .with_simulated(&b.vendor.root_certificate())
        .expect("two simulated roots")
}

fn set_chain(documents: &mut Documents, certificates: &[&[u8]]) {
    documents.quote.certification = Certification::PckChain(pem::chain(certificates));
}

// --- memory --------------------------------------------------------------------------------------

/// What a prepared set found is copied into the verdict on every quote: hostile documents must not
/// make that large.
#[test]
fn findings_quote_little_of_hostile_bytes() {
    let size = |verdict: &bulla_verifier::Verdict| -> usize {
        let side = |side: &Option<String>| side.as_ref().map_or(0, String::len);
        let findings = verdict.findings.iter();
        findings
            .map(|f| f.message.len() + side(&f.expected) + side(&f.actual))
            .sum()
    };
    let base = scenario(QuoteKind::SgxV3);
    // A key identifier of 400,000 bytes.
    let verdict = judge_tampered(&base, |documents| {
        let mut crl = base.pck_crl.clone();
        let mut authority = extension::authority_key_identifier([7; 20]);
        authority.value = bulla_issuer::tlv::sequence(&[bulla_issuer::tlv::context_primitive(
            0,
            &vec![7; 400_000],
        )]);
        crl.extensions.set(authority);
        documents.collateral.pck_crl = crl.sign(&base.vendor.processor_ca.key);
    });
    let of_crl = size(&verdict);
    // A word of 100,000 characters where a number is expected.
    let verdict = judge_tampered(&base, |documents| {
        let word = "\\u0001".repeat(20_000);
        documents.collateral.tcb_info.body = format!("{{\"version\":\"{word}\"}}").into_bytes();
    });
    let of_text = size(&verdict);
    assert!(
        of_crl < 4 * 1024 && of_text < 4 * 1024,
        "{of_crl} and {of_text} bytes of findings"
    );
}

// --- what the command line says ------------------------------------------------------------------

fn lines_as_text(folder: &Folder, text: &str) -> Answer {
    folder.write("quotes.jsonl", text);
    let quotes = folder.text_path("quotes.jsonl");
    folder.verify(&["--quote", &quotes, "--format", "text"])
}

/// A line of input must not write lines of output that look like the answers on other quotes.
#[test]
fn a_line_of_input_forges_no_line_of_output() {
    let folder = Folder::new();
    folder.lay_out(&workbench::scenario(QuoteKind::SgxV3));
    let forged = "ACCEPTED  forged";
    let by_field = json!({"quote": "00", format!("x`\n{forged}\u{1b}]0;title\u{7}"): 1});
    let by_time = json!({"quote": "00", "at": format!("\n{forged}")});
    for line in [by_field, by_time] {
        let answer = lines_as_text(&folder, &format!("{line}\n"));
        assert_eq!(answer.status, 2);
        assert!(
            !answer.stdout.lines().any(|line| line.starts_with(forged)),
            "{}",
            answer.stdout
        );
    }
}

fn explain(folder: &Folder) -> Value {
    let path = |name: &str| folder.text_path(name);
    let answer = run(&[
        "explain",
        "--simulated",
        "--quote",
        &path("quote.bin"),
        "--collateral",
        &path("set.json"),
        "--trust-root",
        &path("root.pem"),
        "--policy",
        &path("policy.toml"),
        "--at",
        AT,
        "--format",
        "json",
    ]);
    assert_eq!(answer.status, 1, "{}", answer.stderr);
    answer.json()
}

fn held(story: &Value, link: &str) -> Value {
    let steps = story["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["link"] == link);
    step.expect("the link")["held"].clone()
}

/// "That report fits the identity" cannot be said where no identity could be read.
#[test]
fn explain_says_nothing_about_an_unread_identity() {
    let scenario = workbench::scenario(QuoteKind::SgxV3);
    let mut documents = scenario.documents();
    documents.collateral.qe_identity.body = b"{}".to_vec();
    let folder = Folder::new();
    folder.lay_out_attestation(&scenario, &documents.assemble());
    let story = explain(&folder);
    assert_ne!(held(&story, "quoting_enclave"), true, "{story:#}");
}

/// Where a CRL failed, the CA of a quote without a root is still held against the set's own root.
#[test]
fn a_forged_ca_is_named_also_where_a_crl_failed() {
    let scenario = workbench::scenario(QuoteKind::SgxV3);
    let mut documents = scenario.documents();
    let stranger = SigningKey::derive(&Seed::from("forger"), "ca");
    let mut ca = scenario.vendor.processor_ca.certificate.clone();
    ca.public_key = stranger.public_key();
    // Signed by the forger, not by the root; so is the PCK certificate.
    let forged_ca = ca.sign(&stranger);
    let leaf = scenario.pck_certificate_spec().sign(&stranger);
    set_chain(&mut documents, &[&leaf, &forged_ca]);
    let last = documents.collateral.pck_crl.len() - 1;
    documents.collateral.pck_crl[last] ^= 1;
    let folder = Folder::new();
    folder.lay_out_attestation(&scenario, &documents.assemble());
    let story = explain(&folder);
    assert_ne!(held(&story, "pck_ca"), true, "{story:#}");
}

/// Without the damaged CRL the same forgery is found.
#[test]
fn a_forged_ca_without_a_root_in_the_quote() {
    let base = scenario(QuoteKind::SgxV3);
    let stranger = SigningKey::derive(&Seed::from("forger"), "ca");
    let mut ca = base.vendor.processor_ca.certificate.clone();
    ca.public_key = stranger.public_key();
    let forged_ca = ca.sign(&stranger);
    let leaf = base.pck_certificate_spec().sign(&stranger);
    let verdict = judge_tampered(&base, |d| set_chain(d, &[&leaf, &forged_ca]));
    assert_fails(
        &verdict,
        &[
            (Code::CertificateSignatureInvalid, "pck_ca"),
            (Code::CrlIssuerMismatch, "pck_crl"),
        ],
    );
    assert!(verdict.trust_anchor.is_none());
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let folder = Folder::new();
    folder.lay_out(&workbench::scenario(QuoteKind::SgxV3));
    for format in ["text", "json"] {
        let full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let status = bulla()
            .args(["verify", "--simulated", "--at", AT, "--format", format])
            .arg("--quote")
            .arg(folder.path("quote.bin"))
            .arg("--collateral")
            .arg(folder.path("set.json"))
            .arg("--trust-root")
            .arg(folder.path("root.pem"))
            .arg("--policy")
            .arg(folder.path("policy.toml"))
            .stdout(Stdio::from(full))
            .stderr(Stdio::null())
            .status()
            .expect("bulla runs");
        assert_eq!(status.code(), Some(2), "{format}");
    }
}

#[test]
fn lines_with_a_name_twice_by_escapes_are_errors() {
    let folder = Folder::new();
    let scenario = workbench::scenario(QuoteKind::SgxV3);
    folder.lay_out(&scenario);
    let quote = hex::encode(scenario.build().quote);
    let bad = [
        format!(r#"{{"quote":"{quote}","quot\u0065":"{quote}"}}"#),
        format!(r#"{{"quote":"{quote}","at":-1}}"#),
        format!(r#"{{"quote":"{quote}","at":1795420800.5}}"#),
        format!(r#"{{"quote":"{quote}","at":1e3}}"#),
        format!(r#"{{"quote":"{quote}","at":[1795420800]}}"#),
        format!(r#"{{"quote":["{quote}"]}}"#),
        format!(r#"{{"quote":"{quote}","collateral":[]}}"#),
        format!(r#"{{"quote":"{quote}"}} {{}}"#),
        "{".repeat(100_000),
        format!(r#"{{"quote":"{quote}","at":{}}}"#, "[".repeat(100_000)),
    ];
    folder.write("quotes.jsonl", bad.join("\n"));
    let quotes = folder.text_path("quotes.jsonl");
    let answer = folder.verify(&["--quote", &quotes]);
    let answers = answer.json_lines();
    assert_eq!(answers.len(), bad.len());
    assert!(
        answers.iter().all(|a| a["error"].is_object()),
        "{answers:?}"
    );
    assert_eq!(answer.status, 2);
}

/// No name stands twice in an answer: the flattened parts do not collide.
#[test]
fn answers_have_no_name_twice() {
    for kind in [QuoteKind::SgxV3, QuoteKind::Td15ExV5] {
        let folder = Folder::new();
        folder.lay_out(&workbench::scenario(kind));
        let text = folder.verify(&["--format", "json"]).stdout;
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let again = serde_json::to_string(&value).expect("JSON");
        let names = |text: &str| text.matches("\":").count();
        assert_eq!(names(&text), names(&again), "{text}");
    }
}

// --- anchors -------------------------------------------------------------------------------------

/// Every way to put pieces of one vendor beside those of another, both trusted.
#[test]
fn pieces_of_two_trusted_vendors_are_never_genuine_together() {
    let (a, b) = (scenario(QuoteKind::SgxV3), other(QuoteKind::SgxV3));
    let anchors = both(&a, &b);
    let (of_a, of_b) = (a.build(), b.build());
    for (quote, set) in [
        (&of_a.quote, &of_a.collateral),
        (&of_b.quote, &of_b.collateral),
    ] {
        assert_genuine(&judge_bytes(quote, set, &anchors, now()));
    }
    type Swap = fn(&mut CollateralSet, &CollateralSet);
    let swaps: [Swap; 6] = [
        |set, b| {
            set.tcb_info = b.tcb_info.clone();
            set.tcb_info_issuer_chain
                .clone_from(&b.tcb_info_issuer_chain);
        },
        |set, b| {
            set.qe_identity = b.qe_identity.clone();
            set.qe_identity_issuer_chain
                .clone_from(&b.qe_identity_issuer_chain);
        },
        |set, b| {
            set.pck_crl.clone_from(&b.pck_crl);
            set.pck_crl_issuer_chain.clone_from(&b.pck_crl_issuer_chain);
        },
        |set, b| set.root_ca_crl.clone_from(&b.root_ca_crl),
        |set, b| {
            set.pck_crl.clone_from(&b.pck_crl);
            set.pck_crl_issuer_chain.clone_from(&b.pck_crl_issuer_chain);
            set.root_ca_crl.clone_from(&b.root_ca_crl);
        },
        |set, b| *set = b.clone(),
    ];
    let mut without_root = a.documents();
    let (leaf, ca) = (
        without_root.pck_certificate.clone(),
        without_root.pck_ca_certificate.clone(),
    );
    set_chain(&mut without_root, &[&leaf, &ca]);
    for (number, swap) in swaps.into_iter().enumerate() {
        let mut set = of_a.collateral.clone();
        swap(&mut set, &of_b.collateral);
        for quote in [&of_a.quote, &without_root.clone().assemble().quote] {
            let verdict = judge_bytes(quote, &set, &anchors, now());
            assert_eq!(verdict.verification(), Verification::Failed, "{number}");
            assert_eq!(verdict.tcb, None);
        }
    }
    // The CA of one vendor below the root of the other.
    let root_b = b.vendor.root_certificate();
    for chain in [[&leaf, &ca, &root_b], [&root_b, &leaf, &ca]] {
        let chain = chain.map(Vec::as_slice);
        let mut documents = a.documents();
        set_chain(&mut documents, &chain);
        let quote = documents.assemble().quote;
        for set in [&of_a.collateral, &of_b.collateral] {
            let verdict = judge_bytes(&quote, set, &anchors, now());
            assert_eq!(verdict.verification(), Verification::Failed);
            assert!(verdict.trust_anchor.is_none());
        }
    }
}

/// A remembered platform is worth nothing under another collateral, nor with one byte changed.
#[test]
fn the_memory_covers_every_byte_of_the_auth_data() {
    let base = scenario(QuoteKind::SgxV3);
    let attestation = base.build();
    let anchors = trusting(&base.vendor.root_certificate());
    let prepared = Arc::new(PreparedCollateral::new(&attestation.collateral, &anchors));
    let known = KnownPlatforms::new(Arc::clone(&prepared), 4.try_into().expect("not zero"));
    assert_genuine(&known.verify(&attestation.quote, now()));
    for index in (0..attestation.quote.len()).step_by(31) {
        let mut quote = attestation.quote.clone();
        quote[index] ^= 0x20;
        let cold = format!("{:?}", prepared.verify(&quote, now()));
        assert_eq!(
            format!("{:?}", known.verify(&quote, now())),
            cold,
            "{index}"
        );
        assert!(known.len() <= 4);
    }
}

/// Revocation is looked up anew for a platform that was remembered, by number and not by bytes.
#[test]
fn serial_numbers_are_compared_as_numbers() {
    let scenario = changed(QuoteKind::SgxV3, |s| {
        // 160 bits, the first set: 21 octets of contents in DER.
        s.pck_certificate.serial = vec![0xff; 20];
        for serial in [&[0xff; 20][..], &[1], &[0xff; 19]] {
            s.pck_crl.revoke(serial);
        }
    });
    assert_fails(
        &judge(&scenario),
        &[(Code::CertificateRevoked, "pck_certificate")],
    );
    let scenario = changed(QuoteKind::SgxV3, |s| {
        s.pck_certificate.serial = vec![0, 0, 5];
        // Unsorted, one of them twice.
        for serial in [&[9][..], &[0, 5], &[1], &[9]] {
            s.pck_crl.revoke(serial);
        }
    });
    assert_fails(
        &judge(&scenario),
        &[(Code::CertificateRevoked, "pck_certificate")],
    );
}

/// Another certificate of the CA's key, revoked, stands in the quote; the set's own is not.
#[test]
fn a_revoked_certificate_of_the_same_ca_key() {
    let mut base = scenario(QuoteKind::SgxV3);
    let mut second = base.vendor.processor_ca.certificate.clone();
    second.serial = vec![0x77; 19];
    let second = second.sign(&base.vendor.root.key);
    let with_second = |s: &Scenario| {
        judge_tampered(s, |d| {
            let (leaf, root) = (d.pck_certificate.clone(), d.root_certificate.clone());
            set_chain(d, &[&leaf, &second, &root]);
        })
    };
    assert_genuine(&with_second(&base));
    base.root_ca_crl.revoke(&[0x77; 19]);
    assert_fails(&with_second(&base), &[(Code::CertificateRevoked, "pck_ca")]);
}

/// A window that ends before it begins holds no instant.
#[test]
fn inverted_windows_hold_no_instant() {
    let scenario = changed(QuoteKind::SgxV3, |s| {
        let window = &mut s.tcb_info.validity;
        std::mem::swap(&mut window.from, &mut window.until);
    });
    let window = scenario.tcb_info.validity;
    for at in [window.until, now(), window.from] {
        let verdict = judge_at(&scenario, at);
        assert!(verdict.collateral.expired.contains(&"tcb_info"), "{at}");
    }
}

// --- documents -----------------------------------------------------------------------------------

#[test]
fn json_tricks_in_signed_documents() {
    let base = scenario(QuoteKind::SgxV3);
    let text = base.tcb_info.to_json();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let tricks = [
        text.replacen('{', r#"{"tcbTyp\u0065":0,"#, 1),
        text.replacen('{', "{\"x\":{\"a\":1,\"\\u0061\":2},", 1),
        text.replacen('{', &format!("{{\"x\":{deep},"), 1),
        text.replacen('{', "{\"x\":1e999,", 1),
        text.replacen("\"tcbType\":0", "\"tcbType\":0.0", 1),
        text.replacen("\"tcbType\":0", "\"tcbType\":-0", 1),
        text.replacen("\"tcbType\":0", "\"tcbType\":18446744073709551616", 1),
        text.replacen("\"version\":3", "\"version\":3.0", 1),
        text.replacen("\"version\":3", "\"version\":\"3\"", 1),
        text.replacen('{', "{\"tdxModule\":null,", 1),
        format!("\u{feff}{text}"),
        format!("[{text}]"),
        format!("{text}\0"),
        format!("{text}//"),
    ];
    for trick in tricks {
        let shown: String = trick.chars().take(60).collect();
        let verdict = judge_tcb_info_text(&base, |_| trick);
        assert_eq!(
            failures(&verdict),
            [(Code::DocumentMalformed, "tcb_info")],
            "{shown}"
        );
    }
    assert!(EnclaveIdentity::parse(b"{\"mrsigner\":\"\"}").is_err());
    assert!(CollateralSet::from_json(b"\xef\xbb\xbf{}").is_err());
}

#[test]
fn hexadecimal_forms_of_revocation_lists() {
    let base = scenario(QuoteKind::SgxV3);
    let hex = |d: &Documents| hex::encode(&d.collateral.pck_crl);
    type Form = fn(String) -> String;
    let good: [Form; 3] = [|h| h.to_uppercase(), |h| format!(" \n{h}\r\n"), |h| h];
    for form in good {
        assert_genuine(&judge_tampered(&base, |d| {
            d.collateral.pck_crl = form(hex(d)).into_bytes();
        }));
    }
    let bad: [Form; 6] = [
        |h| format!("0x{h}"),
        |h| format!("{h}0"),
        |h| format!("{h}00"),
        |h| format!("{} {}", &h[..10], &h[10..]),
        |h| format!("{h}\0"),
        |h| h[2..].to_owned(),
    ];
    for (number, form) in bad.into_iter().enumerate() {
        let verdict = judge_tampered(&base, |d| {
            d.collateral.pck_crl = form(hex(d)).into_bytes();
        });
        let expected = [(Code::CrlMalformed, "pck_crl")];
        assert_eq!(failures(&verdict), expected, "{number}");
    }
}

// --- TDX -----------------------------------------------------------------------------------------

/// What the verifier says where a TD runs on an older module than it was launched on, as after a
/// migration: launch's status, as Intel's library. The appraisal looks at `status` alone.
#[test]
fn a_current_level_below_that_of_the_launch() {
    let scenario = changed(QuoteKind::Td15V5, |s| {
        let bulla_issuer::QuoteBody::Td15(body) = &mut s.quote.body else {
            panic!("a TD report 1.5");
        };
        let isvsvn = body.td10.tee_tcb_svn[0];
        body.tee_tcb_svn2 = body.td10.tee_tcb_svn;
        body.tee_tcb_svn2[0] = isvsvn - 1;
        *module_levels(s) = vec![
            isv_level(isvsvn.into(), TcbStatus::UpToDate),
            isv_level(0, TcbStatus::OutOfDate),
        ];
    });
    let verdict = judge(&scenario);
    assert_status(&verdict, TcbStatus::UpToDate);
    let tcb = assert_genuine(&verdict);
    assert_eq!(tcb.current_status, TcbStatus::OutOfDate);
    let policy = bulla_tests::scenarios::policy(&scenario, "");
    let refusals = |policy| {
        let decision = bulla_appraisal::appraise(&verdict, policy);
        let checks: Vec<String> = decision.refusals().map(|f| f.check.clone()).collect();
        checks
    };
    assert_eq!(refusals(&policy), ["tcb.current_status"]);
    let tolerant = bulla_tests::scenarios::policy(
        &scenario,
        "accepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]",
    );
    assert_eq!(refusals(&tolerant), [""; 0]);
}

/// The set of `set_json` is the set that `from_json` reads.
#[test]
fn sets_survive_their_json() {
    let set = scenario(QuoteKind::SgxV3).build().collateral;
    let read = CollateralSet::from_json(set_json(&set).to_string().as_bytes()).expect("a set");
    assert_eq!(read.tcb_info, set.tcb_info);
}
