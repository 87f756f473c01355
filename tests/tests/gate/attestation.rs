//! Evidence at the gate, end to end with a vendor in a box: accepted once, and refused with the
//! reason for whatever is wrong with it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bulla_collateral::TcbStatus;
use bulla_pki::digest::sha256;
use bulla_pki::hpke::KeyPair;
use bulla_service::keeper::Mode;
use bulla_tests::daemon::Reply;
use bulla_tests::front::{Front, ISSUER, JSON};
use bulla_tests::gatehouse::{Attempt, Gatehouse, POLICY, later, mrenclave};
use bulla_tests::site::{Clock, DAY, vendor};
use bulla_token::binding;
use bulla_vendor::{Event, Part, QuoteKind, Recovery, Revoked};
use serde_json::json;

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// The problem's code, and the codes of what was found.
#[track_caller]
fn refused(reply: &Reply) -> (String, Vec<String>) {
    assert_eq!(reply.status(), 403, "{}", reply.text());
    let problem = reply.json();
    let findings = problem["findings"].as_array().cloned().unwrap_or_default();
    let codes = findings.iter().map(|finding| {
        let message = finding["message"].as_str().expect("a message");
        assert!(message.len() > 10, "{message}");
        finding["code"].as_str().expect("a code").to_owned()
    });
    let code = problem["code"].as_str().expect("a code").to_owned();
    (code, codes.collect())
}

/// That evidence is refused for this one reason, which the operator sees as well.
#[track_caller]
fn refused_for(house: &Gatehouse, attempt: &Attempt, reason: &str) {
    let (code, mut findings) = refused(&house.attest(attempt));
    findings.dedup();
    assert_eq!(
        (&*code, findings),
        ("attestation-refused", vec![reason.to_owned()])
    );
    let last = house.last_decision();
    assert_eq!(
        (&last["outcome"], &last["code"]),
        (&"refused".into(), &reason.into())
    );
}

#[test]
fn good_evidence_is_accepted_once_and_the_result_says_what_it_rests_on() {
    let house = Gatehouse::open();
    for kind in [QuoteKind::SgxV3, QuoteKind::SgxV5, QuoteKind::Td10V4] {
        let key = key();
        let nonce = house.nonce();
        let quote = house.quote(kind, &nonce, &key);
        let attempt = Attempt::new(&nonce, &quote, &key);
        let reply = house.attest(&attempt);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let answer = reply.json();
        // Simulated hardware is never affirmed.
        assert_eq!(answer["status"], "warning");
        assert_eq!(answer["expires"], later(house.clock.now(), 300));

        let claims = house.claims(answer["token"].as_str().expect("a token"));
        assert_eq!((claims.iss.as_str(), claims.aud.as_str()), (ISSUER, ISSUER));
        assert_eq!(&claims.cnf.jwk.0.0, key.public_key());
        assert_eq!(claims.eat_nonce.0, nonce);
        assert_eq!(claims.iat, house.clock.now());
        assert_eq!(claims.bulla.evidence_sha256.0, sha256(&quote));
        assert!(claims.bulla.simulated && !claims.bulla.trust_anchor.genuine);
        let policy = &claims.bulla.policy;
        assert_eq!((policy.name.as_str(), policy.version), (POLICY, 1));
        assert_eq!(policy.sha256.0, sha256(house.naming_root("").as_bytes()));
        assert_eq!(claims.bulla.tcb.status, TcbStatus::UpToDate);
        for document in ["tcb_info", "qe_identity", "pck_crl", "root_ca_crl"] {
            assert!(claims.bulla.collateral.contains_key(document), "{document}");
        }
        let last = house.last_decision();
        assert_eq!(last["outcome"], "accepted");
        assert_eq!(last["platform"], hex::encode(claims.bulla.platform.0));

        let (code, _) = refused(&house.attest(&attempt));
        assert_eq!(code, "nonce-used");
    }
}

#[test]
fn evidence_is_the_last_of_its_platform_in_the_fleet_also_where_the_policy_refuses_it() {
    let house = Gatehouse::open();
    let key = key();
    house.put_policy(POLICY, &house.naming_root("[tdx]\n"));
    refused_for(&house, &house.attempt(&key), "TechnologyNotAccepted");
    let fleet = || {
        house
            .front
            .administrate("GET", "/platforms/evidence")
            .json()
    };
    let first = fleet();
    assert_eq!(first.as_array().expect("a list").len(), 1);
    assert_eq!(first[0]["tee"], "sgx");
    assert_eq!(first[0]["ppid_sha256"], house.last_decision()["platform"]);
    // Within the hour it is not written again, and after that it is.
    house.clock.pass(60);
    refused_for(&house, &house.attempt(&key), "TechnologyNotAccepted");
    assert_eq!(fleet(), first);
    house.clock.pass(3_600);
    refused_for(&house, &house.attempt(&key), "TechnologyNotAccepted");
    assert_eq!(fleet()[0]["arrived"], house.clock.now().to_string());
}

#[test]
fn what_the_policy_does_not_allow_is_refused_with_the_reason() {
    let house = Gatehouse::open();
    let key = key();
    let good = mrenclave(&house.quote(QuoteKind::SgxV3, &[0; 32], &key));
    let other = "00".repeat(32);
    for (demands, reason) in [
        (format!("[sgx]\nmrenclave = [\"{good}\"]\n"), None),
        (
            format!("[sgx]\nmrenclave = [\"{other}\"]\n"),
            Some("MrenclaveMismatch"),
        ),
        (
            format!("[sgx]\nmrsigner = [\"{other}\"]\n"),
            Some("MrsignerMismatch"),
        ),
        (
            "[sgx]\nminimum_isvsvn = 9\n".to_owned(),
            Some("IsvsvnTooLow"),
        ),
        (
            "minimum_evaluation_data_number = 2\n".to_owned(),
            Some("EvaluationNumberTooLow"),
        ),
        (
            format!("[platforms]\nppid = [\"{}\"]\n", "00".repeat(16)),
            Some("PlatformNotListed"),
        ),
    ] {
        house.put_policy(POLICY, &house.naming_root(&demands));
        let attempt = house.attempt(&key);
        match reason {
            Some(reason) => refused_for(&house, &attempt, reason),
            None => drop(house.token_of(&attempt)),
        }
    }
}

#[test]
fn debugging_is_refused_for_enclaves_and_trust_domains() {
    let house = Gatehouse::open();
    for (kind, reason) in [
        (QuoteKind::SgxV3, "DebugEnclave"),
        (QuoteKind::Td10V4, "DebugTd"),
    ] {
        let (key, nonce) = (key(), house.nonce());
        let data = binding::report_data(&nonce, key.public_key());
        let quote = house.quote_with("one", kind, true, data);
        refused_for(&house, &Attempt::new(&nonce, &quote, &key), reason);
    }
}

#[test]
fn a_revoked_platform_is_not_genuine_any_more() {
    let mut vendor = vendor();
    let yesterday = Clock::at("2026-11-22T00:00:00Z").now();
    let of = Revoked::Platform("one".parse().expect("a name"));
    vendor
        .record(yesterday, Event::Revocation { of })
        .expect("a revocation");
    let house = Gatehouse::with(vendor);
    let key = key();
    refused_for(&house, &house.attempt(&key), "CertificateRevoked");
    // Its neighbour is.
    let nonce = house.nonce();
    let data = binding::report_data(&nonce, key.public_key());
    let quote = house.quote_with("twin", QuoteKind::SgxV3, false, data);
    drop(house.token_of(&Attempt::new(&nonce, &quote, &key)));
}

#[test]
fn a_tcb_below_the_policy_is_refused_and_accepted_where_the_policy_allows_it() {
    let mut vendor = vendor();
    let day = |text: &str| Clock::at(text).now();
    let recovery = Recovery {
        number: 2,
        date: day("2026-11-10T00:00:00Z"),
        raises: [Part::Pce].into(),
        below: TcbStatus::OutOfDate,
        advisory_ids: Default::default(),
    };
    vendor
        .record(day("2026-11-20T00:00:00Z"), Event::Recovery(recovery))
        .expect("a recovery");
    vendor
        .record(day("2026-11-21T00:00:00Z"), Event::Promotion { number: 2 })
        .expect("a promotion");
    let house = Gatehouse::with(vendor);
    let key = key();
    refused_for(&house, &house.attempt(&key), "TcbStatusNotAccepted");
    let accepting = "accepted_tcb_statuses = [\"UpToDate\", \"OutOfDate\"]\n";
    house.put_policy(POLICY, &house.naming_root(accepting));
    let claims = house.claims(&house.token(&key));
    assert_eq!(claims.bulla.tcb.status, TcbStatus::OutOfDate);
}

#[test]
fn a_nonce_is_taken_once_before_its_end_and_only_from_this_service() {
    let house = Gatehouse::open();
    let key = key();
    // Never given.
    let nonce = [7; 32];
    let quote = house.quote(QuoteKind::SgxV3, &nonce, &key);
    let (code, _) = refused(&house.attest(&Attempt::new(&nonce, &quote, &key)));
    assert_eq!(code, "nonce-unknown");
    // By another service.
    let other = Gatehouse::open();
    let (code, _) = refused(&house.attest(&other.attempt(&key)));
    assert_eq!(code, "nonce-unknown");
    // Too late.
    let attempt = house.attempt(&key);
    house.clock.pass(121);
    let (code, _) = refused(&house.attest(&attempt));
    assert_eq!(code, "nonce-expired");
    // In its last second.
    let attempt = house.attempt(&key);
    house.clock.pass(120);
    drop(house.token_of(&attempt));
    // It is used also by evidence that is refused.
    let (nonce, stranger) = (house.nonce(), self::key());
    let quote = house.quote(QuoteKind::SgxV3, &nonce, &key);
    let (code, _) = refused(&house.attest(&Attempt::new(&nonce, &quote, &stranger)));
    assert_eq!(code, "binding-mismatch");
    let (code, _) = refused(&house.attest(&Attempt::new(&nonce, &quote, &key)));
    assert_eq!(code, "nonce-used");
}

#[test]
fn many_at_once_use_a_nonce_once() {
    let house = Gatehouse::open();
    let attempt = house.attempt(&key());
    let accepted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| house.attest(&attempt).status()))
            .collect();
        let all = threads
            .into_iter()
            .map(|thread| thread.join().expect("a status"));
        all.filter(|status| *status == 200).count()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn evidence_is_bound_to_its_nonce_and_its_key() {
    let house = Gatehouse::open();
    let (victim, thief) = (key(), key());
    // Another key than that in the evidence: whoever relays it gets nothing for his own.
    let nonce = house.nonce();
    let quote = house.quote(QuoteKind::SgxV3, &nonce, &victim);
    let (code, _) = refused(&house.attest(&Attempt::new(&nonce, &quote, &thief)));
    assert_eq!(code, "binding-mismatch");
    // Another nonce: evidence that was recorded.
    let old = house.nonce();
    let recorded = house.quote(QuoteKind::SgxV3, &old, &victim);
    drop(house.token_of(&Attempt::new(&old, &recorded, &victim)));
    let (code, _) = refused(&house.attest(&Attempt::new(&house.nonce(), &recorded, &victim)));
    assert_eq!(code, "binding-mismatch");
    // Nonce and key as they are, without the formula.
    let nonce = house.nonce();
    let mut data = [0; 64];
    data[..32].copy_from_slice(&nonce);
    data[32..].copy_from_slice(victim.public_key());
    let quote = house.quote_with("one", QuoteKind::SgxV3, false, data);
    let (code, _) = refused(&house.attest(&Attempt::new(&nonce, &quote, &victim)));
    assert_eq!(code, "binding-mismatch");
}

#[test]
fn a_bit_of_the_quote_that_changes_is_no_evidence() {
    let house = Gatehouse::open();
    let key = key();
    let nonce = house.nonce();
    let quote = house.quote(QuoteKind::SgxV3, &nonce, &key);
    // In MRENCLAVE: the report data stay, so that only the signature can tell.
    let mut changed = quote.clone();
    changed[48 + 64] ^= 1;
    refused_for(
        &house,
        &Attempt::new(&nonce, &changed, &key),
        "QuoteSignatureInvalid",
    );
    let nonce = house.nonce();
    let quote = house.quote(QuoteKind::SgxV3, &nonce, &key);
    let cut = &quote[..600];
    refused_for(&house, &Attempt::new(&nonce, cut, &key), "QuoteMalformed");
}

#[test]
fn expired_collateral_is_refused_unless_the_policy_has_a_dated_exception() {
    let house = Gatehouse::open();
    let key = key();
    drop(house.token(&key));
    house.site.set(&["* reset"]);
    // The documents are good for 30 days.
    house.clock.pass(31 * DAY);
    let (code, findings) = refused(&house.attest(&house.attempt(&key)));
    assert_eq!(code, "attestation-refused");
    let expired = |finding: &String| finding == "CollateralExpired";
    assert!(
        !findings.is_empty() && findings.iter().all(expired),
        "{findings:?}"
    );

    let until = house.clock.now().saturating_add(200);
    let exception = format!(
        "[[expired_documents]]\ndocuments = [\"tcb_info\", \"qe_identity\", \"pck_crl\", \
         \"root_ca_crl\"]\nuntil = \"{until}\"\nreason = \"the courier is late\"\n"
    );
    house.put_policy(POLICY, &house.naming_root(&exception));
    // A result ends with what it rests on, the last second of which counts.
    let claims = house.claims(&house.token(&key));
    assert_eq!(claims.exp, until.saturating_add(1));
}

#[test]
fn without_collateral_there_is_no_verdict_and_a_time_to_come_again() {
    let house = Gatehouse::open();
    house.site.set(&["* reset"]);
    let reply = house.attest(&house.attempt(&key()));
    assert_eq!(reply.status(), 503, "{}", reply.text());
    assert!(reply.header("Retry-After").is_some());
    // Where nobody may be asked at all.
    let alone = Front::open(&house.clock, Vec::new(), Mode::Offline);
    let alone = Gatehouse {
        front: alone,
        ..house
    };
    alone.put_policy(POLICY, &alone.naming_root(""));
    let reply = alone.attest(&alone.attempt(&key()));
    assert_eq!(
        (reply.status(), &reply.json()["code"]),
        (503, &"collateral-missing".into())
    );
    assert!(reply.header("Retry-After").is_some());
}

#[test]
fn a_simulated_platform_is_refused_where_the_policy_does_not_name_its_root() {
    let house = Gatehouse::open();
    let key = key();
    for policy in [
        "# the default\n".to_owned(),
        "trust_anchors = [\"intel-sgx-root\"]\n".to_owned(),
        // Another simulated vendor's.
        format!("trust_anchors = [\"{}\"]\n", "5a".repeat(32)),
    ] {
        house.put_policy(POLICY, &policy);
        refused_for(&house, &house.attempt(&key), "TrustAnchorNotAccepted");
    }
}

#[test]
fn a_policy_that_is_not_there_costs_no_nonce() {
    let house = Gatehouse::open();
    let attempt = house.attempt(&key()).with("policy", "nobody");
    let reply = house.attest(&attempt);
    assert_eq!(
        (reply.status(), &reply.json()["code"]),
        (404, &"policy-unknown".into())
    );
    drop(house.token_of(&attempt.with("policy", POLICY)));
}

#[test]
fn a_result_is_for_the_audience_that_was_asked_for() {
    let house = Gatehouse::open();
    let key = key();
    let attempt = house
        .attempt(&key)
        .with("audience", "https://database.example");
    let token = house.token_of(&attempt);
    let claims = bulla_tests::gatehouse::unverified(&token);
    assert_eq!(claims["aud"], "https://database.example");
    assert_eq!(claims["iss"], ISSUER);
}

#[test]
fn a_quote_comes_in_either_alphabet_padded_or_not() {
    let house = Gatehouse::open();
    let key = key();
    for encode in [
        |quote: &[u8]| STANDARD.encode(quote),
        |quote: &[u8]| STANDARD.encode(quote).replace('=', ""),
        |quote: &[u8]| URL_SAFE_NO_PAD.encode(quote),
    ] {
        let nonce = house.nonce();
        let quote = house.quote(QuoteKind::SgxV3, &nonce, &key);
        let evidence = json!({ "format": "dcap-quote", "quote": encode(&quote) });
        drop(house.token_of(&Attempt::new(&nonce, &quote, &key).with("evidence", evidence)));
    }
}

#[test]
fn what_was_decided_is_counted_by_its_first_reason() {
    let house = Gatehouse::open();
    let key = key();
    drop(house.token(&key));
    house.put_policy(POLICY, "# the default\n");
    let _refused = house.attest(&house.attempt(&key));
    let body = "{}".as_bytes();
    let _no_request = house.front.send("POST", "/attest", &[JSON], body);
    let text = house.front.get("/metrics").text().to_owned();
    for (line, count) in [
        ("bulla_gate_challenges_total", 2),
        ("outcome=\"accepted\",reason=\"\"", 1),
        ("reason=\"TrustAnchorNotAccepted\"", 1),
    ] {
        let found = text
            .lines()
            .find(|found| found.contains(line) && !found.starts_with('#'));
        let found = found.unwrap_or_else(|| panic!("{line}: {text}"));
        assert!(found.ends_with(&format!(" {count}")), "{found}");
    }
}
