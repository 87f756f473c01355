//! What a result says, when there is none, and when it ends.

use bulla_collateral::TcbStatus;
use bulla_evidence::layout::sgx_attributes;
use bulla_issuer::{QuoteBody, QuoteKind, Scenario, StatusSpec};
use bulla_token::claims::Measurement;
use bulla_token::{ResultError, Status};
use bulla_verifier::Verdict;

use crate::support::{
    KEY, LIFETIME, NONCE, claims, genuine, now, policy, result, result_under, simulated, terms,
};

fn vector(verdict: &Verdict, policy: &str) -> String {
    let submod = result(verdict, policy).unwrap().submods.bulla;
    serde_json::to_string(&submod.ear_trustworthiness_vector).unwrap()
}

fn out_of_date(scenario: &mut Scenario) {
    for level in &mut scenario.tcb_info.levels {
        level.status = StatusSpec::out_of_date(level.status.date);
    }
}

fn debug(scenario: &mut Scenario) {
    if let QuoteBody::Sgx(body) = &mut scenario.quote.body {
        body.attributes.flags |= sgx_attributes::DEBUG;
    }
}

/// The claims as they go onto the wire: other programs rely on these names.
#[test]
fn a_result_has_these_claims() {
    let claims = serde_json::to_value(claims()).unwrap();
    let names = |path: &str| -> Vec<String> {
        let object = claims.pointer(path).unwrap().as_object().unwrap();
        let mut names: Vec<String> = object.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(
        names(""),
        [
            "aud",
            "bulla",
            "cnf",
            "ear_status",
            "ear_verifier_id",
            "eat_nonce",
            "eat_profile",
            "exp",
            "iat",
            "iss",
            "jti",
            "nbf",
            "submods",
        ]
    );
    assert_eq!(
        names("/bulla"),
        [
            "collateral",
            "evidence_sha256",
            "measurement",
            "platform",
            "policy",
            "simulated",
            "tcb",
            "trust_anchor",
        ]
    );
    assert_eq!(claims["eat_profile"], "tag:ietf.org,2026:rats/ear#04");
    assert_eq!(claims["cnf"]["jwk"]["crv"], "X25519");
    let submod = &claims["submods"]["bulla"];
    assert_eq!(
        submod["ear_appraisal_policy_ids"],
        serde_json::json!(["strict@3"])
    );
    assert_eq!(submod["ear_trustworthiness_vector"]["hardware"], 2);
    assert_eq!(claims["bulla"]["measurement"]["tee"], "tdx");
    assert_eq!(claims["bulla"]["trust_anchor"]["name"], "intel-sgx-root");
}

#[test]
fn a_result_names_every_document_and_the_bound_key() {
    let verdict = genuine(QuoteKind::Td15V5, |_| {}, 0);
    let claims = result(&verdict, "").unwrap();
    assert_eq!((claims.eat_nonce.0, claims.cnf.jwk.0.0), (NONCE, KEY));
    let documents = &verdict.collateral.documents;
    assert_eq!(claims.bulla.collateral.len(), documents.len());
    for document in documents {
        assert_eq!(claims.bulla.collateral[document.name].0, document.sha256);
    }
    let ppid = verdict.evidence.unwrap().platform.unwrap().ppid;
    assert_eq!(
        claims.bulla.platform.0,
        bulla_pki::digest::sha256(&ppid),
        "as the fleet names platforms"
    );
}

#[test]
fn hardware_is_affirmed_only_for_a_vendors_root_and_up_to_date() {
    for kind in QuoteKind::ALL {
        let verdict = genuine(kind, |_| {}, 0);
        assert_eq!(vector(&verdict, ""), r#"{"configuration":2,"hardware":2}"#);
        assert_eq!(result(&verdict, "").unwrap().ear_status, Status::Affirming);

        let verdict = genuine(kind, out_of_date, 0);
        let accepting = r#"accepted_tcb_statuses = ["UpToDate", "OutOfDate"]"#;
        assert_eq!(
            vector(&verdict, accepting),
            r#"{"configuration":2,"hardware":32}"#
        );
        let claims = result(&verdict, accepting).unwrap();
        assert_eq!(claims.ear_status, Status::Warning);
        assert_eq!(claims.bulla.tcb.status, TcbStatus::OutOfDate);
    }
}

#[test]
fn nothing_is_affirmed_of_a_simulated_platform() {
    for kind in QuoteKind::ALL {
        let verdict = simulated(kind, |_| {}, 0);
        let pinned = format!("[sgx]\nmrenclave = [\"{}\"]", mrenclave(&verdict));
        let text = if kind == QuoteKind::SgxV3 {
            &pinned
        } else {
            ""
        };
        let claims = result(&verdict, text).unwrap();
        assert_eq!(vector(&verdict, text), r#"{"configuration":32}"#);
        assert_eq!(claims.ear_status, Status::Warning);
        assert_eq!(claims.submods.bulla.ear_status, Status::Warning);
        assert!(claims.bulla.simulated && !claims.bulla.trust_anchor.genuine);
    }
}

fn mrenclave(verdict: &Verdict) -> String {
    let body = verdict.evidence.as_ref().unwrap().body.borrow();
    body.sgx()
        .map_or_else(String::new, |body| hex::encode(body.mrenclave))
}

#[test]
fn executables_are_claimed_where_the_policy_pins_them() {
    let verdict = genuine(QuoteKind::SgxV3, |_| {}, 0);
    let body = verdict.evidence.as_ref().unwrap().body.borrow();
    let signer = hex::encode(body.sgx().unwrap().mrsigner);
    let product = body.sgx().unwrap().isvprodid.get();
    let claimed = r#"{"configuration":2,"executables":2,"hardware":2}"#;
    let enclave = format!("[sgx]\nmrenclave = [\"{}\"]", mrenclave(&verdict));
    assert_eq!(vector(&verdict, &enclave), claimed);
    let only_signer = format!("[sgx]\nmrsigner = [\"{signer}\"]");
    assert_eq!(
        vector(&verdict, &only_signer),
        r#"{"configuration":2,"hardware":2}"#
    );
    let product = format!("{only_signer}\nisvprodid = [{product}]");
    assert_eq!(vector(&verdict, &product), claimed);

    let verdict = genuine(QuoteKind::Td15V5, |_| {}, 0);
    let body = verdict.evidence.as_ref().unwrap().body.borrow();
    let td = body.td10().unwrap();
    let field = |name: &str, digest: [u8; 48]| format!("{name} = [\"{}\"]\n", hex::encode(digest));
    let firmware = format!("[tdx]\n{}", field("mrtd", td.mrtd));
    assert_eq!(
        vector(&verdict, &firmware),
        r#"{"configuration":2,"hardware":2}"#
    );
    let all = firmware + &field("rtmr1", td.rtmr1) + &field("rtmr2", td.rtmr2);
    assert_eq!(vector(&verdict, &all), claimed);
}

#[test]
fn a_debug_enclave_that_is_tolerated_is_a_warning_and_nothing_is_claimed_of_its_code() {
    let verdict = genuine(QuoteKind::SgxV3, debug, 0);
    let text = format!(
        "[sgx]\ndebug = \"any\"\nmrenclave = [\"{}\"]",
        mrenclave(&verdict)
    );
    assert_eq!(
        vector(&verdict, &text),
        r#"{"configuration":32,"hardware":2}"#
    );
    let measurement = result(&verdict, &text).unwrap().bulla.measurement;
    assert!(matches!(measurement, Measurement::Sgx { debug: true, .. }));
    assert_eq!(result(&verdict, ""), Err(ResultError::NotAccepted));
}

#[test]
fn there_is_no_result_for_what_failed_was_refused_or_is_bound_to_something_else() {
    let verdict = genuine(QuoteKind::SgxV3, |_| {}, 0);
    assert!(result(&verdict, "").is_ok());
    for refused in [
        genuine(QuoteKind::SgxV3, out_of_date, 0),
        genuine(
            QuoteKind::SgxV3,
            |s| s.pck_crl.revoke(&s.pck_certificate.serial),
            0,
        ),
    ] {
        assert_eq!(result(&refused, ""), Err(ResultError::NotAccepted));
    }
    let mut without_platform = verdict.clone();
    without_platform.evidence.as_mut().unwrap().platform = None;
    assert_eq!(result(&without_platform, ""), Err(ResultError::NotAccepted));

    let strict = policy("", &verdict);
    let (mut other_nonce, mut other_key) = (terms(), terms());
    other_nonce.nonce[31] ^= 1;
    other_key.key[0] ^= 1;
    for terms in [other_nonce, other_key] {
        let result = result_under(&verdict, &strict, &terms, None);
        assert_eq!(result, Err(ResultError::BindingMismatch));
    }
}

#[test]
fn a_simulated_platform_has_no_result_under_a_policy_that_does_not_name_its_root() {
    let verdict = simulated(QuoteKind::SgxV3, |_| {}, 0);
    let vendors = bulla_appraisal::Policy::default();
    assert_eq!(
        result_under(&verdict, &vendors, &terms(), None),
        Err(ResultError::NotAccepted)
    );
}

#[test]
fn a_result_ends_with_the_first_of_what_it_rests_on() {
    let verdict = genuine(QuoteKind::SgxV3, |_| {}, 0);
    let strict = policy("", &verdict);
    let lifetime = now().saturating_add(LIFETIME.into());
    assert_eq!(result(&verdict, "").unwrap().exp, lifetime);

    // The demand.
    let until = now().saturating_add(10);
    let claims = result_under(&verdict, &strict, &terms(), Some(until)).unwrap();
    assert_eq!(claims.exp, until);
    assert_eq!(
        result_under(&verdict, &strict, &terms(), Some(now())),
        Err(ResultError::Ended { end: now() })
    );

    // The collateral: judged shortly before its end, and at its last second.
    let end = verdict.collateral.earliest_expiration().unwrap();
    let last = end.unix_seconds() - now().unix_seconds();
    let shortly_before = genuine(QuoteKind::SgxV3, |_| {}, last - 20);
    assert_eq!(result(&shortly_before, "").unwrap().exp, end);
    let at_the_end = genuine(QuoteKind::SgxV3, |_| {}, last);
    assert_eq!(result(&at_the_end, ""), Err(ResultError::Ended { end }));
}

#[test]
fn a_result_does_not_outlive_the_exception_that_let_it_pass() {
    let in_order = genuine(QuoteKind::SgxV3, |_| {}, 0);
    let end = in_order.collateral.earliest_expiration().unwrap();
    let past = end.unix_seconds() - now().unix_seconds() + 60;
    let verdict = genuine(QuoteKind::SgxV3, |_| {}, past);
    assert_eq!(result(&verdict, ""), Err(ResultError::NotAccepted));

    let names: Vec<String> = verdict
        .collateral
        .expired
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    let until = end.saturating_add(100);
    let text = format!(
        "[[expired_documents]]\ndocuments = [{}]\nuntil = \"{until}\"\nreason = \"courier\"",
        names.join(", ")
    );
    let claims = result(&verdict, &text).unwrap();
    assert_eq!(
        claims.exp,
        until.saturating_add(1),
        "its last second counts"
    );
    assert_eq!(
        vector(&verdict, &text),
        r#"{"configuration":32,"hardware":32}"#
    );
}
