//! `bulla doctor` of a vendor's service that lies, lags behind, is slow or has no end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bulla_collateral::{Selector, TcbInfoId};
use bulla_protocol::pcs::{Request, Selection, Tee};
use bulla_protocol::wire::ResponseParts;
use bulla_service::want::Want;
use bulla_tests::doctor::{
    Findings, ask_crl, ask_qe, ask_root_crl, ask_tcb_info, changed, document, examine_at, family,
    forge, instead, liar, notes, now, processor, qe, refused, set, stranger, told, without_header,
    wrong,
};
use bulla_tests::liar::Liar;
use bulla_tests::service::{selected, tcb_info};
use bulla_tests::site::{DAY, vendor};
use bulla_vendor::{PLATFORM_FMSPC, PROCESSOR_FMSPC, Vendor};

fn early_family() -> String {
    selected(tcb_info(TcbInfoId::Sgx, PROCESSOR_FMSPC), Selector::Early).to_string()
}

/// Each lie: about which document, what is answered, what is found, and the state.
fn lies() -> Vec<(Liar, String, &'static [&'static str], &'static str)> {
    let ask = || ask_tcb_info(Tee::Sgx, PROCESSOR_FMSPC, Selection::Standard);
    let ask_early = || ask_tcb_info(Tee::Sgx, PROCESSOR_FMSPC, Selection::Early);
    let ago = |request: &Request, days: u64| {
        let at = now().saturating_sub(days * DAY);
        told(&vendor(), request, at)
    };
    let other = ask_tcb_info(Tee::Sgx, PLATFORM_FMSPC, Selection::Standard);
    let root_crl = Want::RootCaCrl.to_string();
    let busy = |parts: &mut ResponseParts| {
        *parts = ResponseParts {
            body: b"busy".to_vec(),
            ..refused(503)
        };
    };
    let unchained = |parts: &mut ResponseParts| {
        without_header(parts, "SGX-PCK-CRL-Issuer-Chain");
    };
    let untyped = |parts: &mut ResponseParts| without_header(parts, "Content-Type");
    vec![
        (
            instead(ask(), changed(&ask(), forge)),
            family(),
            &["DocumentSignatureInvalid"],
            "refused",
        ),
        (
            instead(ask_crl(), changed(&ask_crl(), forge)),
            processor(),
            &["CrlSignatureInvalid"],
            "refused",
        ),
        (
            instead(ask_root_crl(), changed(&ask_root_crl(), forge)),
            root_crl,
            &["CrlSignatureInvalid"],
            "refused",
        ),
        (
            instead(ask(), told(&vendor(), &other, now())),
            family(),
            &["DocumentNotAsked"],
            "refused",
        ),
        (
            instead(ask_qe(), told(&stranger(), &ask_qe(), now())),
            qe(),
            &["RootUntrusted"],
            "refused",
        ),
        (
            instead(ask(), ago(&ask(), 35)),
            family(),
            &["DocumentExpired"],
            "expired",
        ),
        (
            instead(ask_crl(), ago(&ask_crl(), 35)),
            processor(),
            &["DocumentExpired"],
            "expired",
        ),
        (
            instead(ask_crl(), ago(&ask_crl(), 25)),
            processor(),
            &["Overdue"],
            "overdue",
        ),
        (
            instead(ask_early(), ago(&ask_early(), 5)),
            early_family(),
            &["DocumentRolledBack"],
            "due",
        ),
        (
            instead(ask(), refused(404)),
            family(),
            &["Missing"],
            "absent",
        ),
        (
            instead(ask_crl(), changed(&ask_crl(), busy)),
            processor(),
            &["BodyWithUnavailable", "Unavailable"],
            "unavailable",
        ),
        (
            instead(ask(), refused(302)),
            family(),
            &["Redirected"],
            "unavailable",
        ),
        (
            instead(ask(), refused(500)),
            family(),
            &["UnexpectedStatus"],
            "unavailable",
        ),
        (
            instead(ask_crl(), changed(&ask_crl(), unchained)),
            processor(),
            &["ChainHeaderMissing"],
            "refused",
        ),
        (
            instead(ask_qe(), changed(&ask_qe(), untyped)),
            qe(),
            &["ContentTypeUnexpected"],
            "current",
        ),
    ]
}

#[test]
fn whatever_is_wrong_with_one_document_is_told_of_that_one_alone() {
    for (liar, name, codes, state) in lies() {
        let answer = examine_at(liar.address(), &["--dialect", "pcs"]);
        let expected: Vec<_> = codes.iter().map(|code| (*code, name.as_str())).collect();
        assert_eq!(wrong(&answer), set(&expected), "{name}");
        assert_eq!(document(&answer, &name)["state"], state, "{codes:?}");
        assert_eq!(answer.status, 1, "{codes:?}");
    }
}

#[test]
fn what_is_due_is_noted_with_its_dates_and_wrong_is_nothing() {
    let issued = now().saturating_sub(5 * DAY);
    let liar = instead(ask_crl(), told(&vendor(), &ask_crl(), issued));
    let answer = examine_at(liar.address(), &["--dialect", "pcs"]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    assert_eq!(wrong(&answer), Findings::new());
    let due = ("Due".to_owned(), processor());
    assert!(notes(&answer).contains(&due), "{}", answer.stdout);
    let json = answer.json();
    let mut all = json["findings"].as_array().expect("findings").iter();
    let note = all.find(|one| one["code"] == "Due" && one["subject"] == processor().as_str());
    let message = note.expect("a note")["message"].as_str().expect("text");
    for date in ["2026-12-15", "2026-12-16", "2027-01-14"] {
        assert!(message.contains(date), "{message}");
    }
}

/// Whoever answers first with another chain must not decide by what the root's CRL is judged.
#[test]
fn the_crl_of_the_root_is_checked_by_the_named_root_alone() {
    let chain = |vendor: &Vendor| {
        let parts = told(vendor, &ask_qe(), now());
        let chain = parts.headers.find("SGX-Enclave-Identity-Issuer-Chain");
        chain.expect("a chain").to_owned()
    };
    let foreign = chain(&stranger());
    let with_foreign_chain = move |parts: &mut ResponseParts| {
        without_header(parts, "SGX-Enclave-Identity-Issuer-Chain");
        let headers = std::mem::take(&mut parts.headers);
        parts.headers = headers.with("SGX-Enclave-Identity-Issuer-Chain", &foreign);
    };
    // Every identity, all of which are asked for before anything else.
    let first = liar(move |request| {
        matches!(request, Request::EnclaveIdentity { .. })
            .then(|| changed(request, &with_foreign_chain))
    });
    let answer = examine_at(first.address(), &["--dialect", "pcs"]);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    let root_crl = Want::RootCaCrl.to_string();
    assert_eq!(document(&answer, &root_crl)["state"], "current");
    let wrong = wrong(&answer);
    let is_of_identity = |(code, subject): &(String, String)| {
        code == "RootUntrusted" && subject.starts_with("enclave-identity/")
    };
    assert!(wrong.iter().all(is_of_identity), "{wrong:?}");
    assert!(wrong.len() >= 6, "{wrong:?}");

    // All of another vendor: there is nothing to judge its CRL by, not even its own root.
    let other = stranger();
    let all = Liar::answering(move |request| match request {
        Request::RootCaCrl(_) => told(&other, &ask_root_crl(), now()),
        _ => told(&other, request, now()),
    });
    let answer = examine_at(all.address(), &["--dialect", "pcs"]);
    assert_eq!(document(&answer, &root_crl)["state"], "refused");
    let untrusted = ("RootUntrusted".to_owned(), root_crl);
    assert!(
        self::wrong(&answer).contains(&untrusted),
        "{}",
        answer.stdout
    );
}

/// However many families a service claims to have, the questions have an end.
#[test]
fn a_list_without_end_is_not_followed_to_its_end() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let endless = liar(move |request| {
        counter.fetch_add(1, Ordering::SeqCst);
        match request {
            Request::Fmspcs(_) => {
                let row = |n: u32| format!("{{\"fmspc\":\"{n:012X}\",\"platform\":\"E5\"}}");
                let rows: Vec<String> = (0..5_000).map(row).collect();
                Some(changed(request, |parts| {
                    parts.body = format!("[{}]", rows.join(",")).into_bytes();
                }))
            }
            Request::TcbInfo { .. } => Some(refused(404)),
            _ => None,
        }
    });
    let answer = examine_at(endless.address(), &["--dialect", "pcs"]);
    assert_eq!(answer.status, 1);
    let told = ("FamiliesTooMany".to_owned(), "tcb-info".to_owned());
    assert!(notes(&answer).contains(&told));
    let count = count.load(Ordering::SeqCst);
    assert!((1_024..1_100).contains(&count), "{count}");
}

#[test]
fn what_takes_longer_than_the_limit_is_slow() {
    let liar = liar(|request| {
        if *request == ask_qe() {
            std::thread::sleep(Duration::from_millis(300));
        }
        None
    });
    let slow = ("Slow".to_owned(), qe());
    let hurried = examine_at(liar.address(), &["--dialect", "pcs", "--slow-after", "299"]);
    assert!(wrong(&hurried).contains(&slow), "{}", hurried.stdout);
    assert_eq!(hurried.status, 1);
    let took = document(&hurried, &qe())["milliseconds"].as_u64();
    assert!(took >= Some(300), "{took:?}");
    let patient = examine_at(liar.address(), &["--dialect", "pcs"]);
    assert_eq!(wrong(&patient), Findings::new(), "{}", patient.stdout);
    assert_eq!(patient.status, 0);
}
