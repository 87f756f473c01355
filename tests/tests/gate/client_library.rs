//! The library of the gate's client, against a gate that also lies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bulla_gate::blocking::Client;
use bulla_gate::{
    ConfigfsTsm, Evidence, EvidenceError, EvidenceFormat, EvidenceProvider, GateError, Settings,
    TokenKeys,
};
use bulla_tests::gate::{Gate, ISSUER, Mood};
use bulla_tests::site::{platform, vendor};
use bulla_tests::tsm::{BASE, Kernel};
use bulla_vendor::{QuoteKind, Selection, Subject};
use rustix::io::Errno;

const PATIENCE: Duration = Duration::from_secs(60);

/// A quote of a simulated platform.
fn quote(kind: QuoteKind, report_data: [u8; 64]) -> Vec<u8> {
    let vendor = vendor();
    let subject = Subject {
        kind,
        report_data,
        debug: false,
        launched: None,
    };
    let at = "2026-11-03T00:00:00Z".parse().expect("an instant");
    let attested = vendor.attest(platform(&vendor, "one"), &subject, Selection::Standard, at);
    attested.expect("a quote").quote
}

/// A simulated platform, which signs `change` of what it is asked to.
struct Simulated(fn([u8; 64]) -> [u8; 64]);

impl EvidenceProvider for Simulated {
    fn collect(&self, report_data: &[u8; 64]) -> Result<Evidence, EvidenceError> {
        Ok(Evidence {
            format: EvidenceFormat::DcapQuote,
            bytes: quote(QuoteKind::SgxV3, (self.0)(*report_data)),
            auxiliary: Vec::new(),
        })
    }
}

fn honest() -> Arc<dyn EvidenceProvider> {
    Arc::new(Simulated(|data| data))
}

fn settings(gate: &Gate) -> Settings {
    Settings {
        issuer: Some(ISSUER.to_owned()),
        audience: Some(ISSUER.to_owned()),
        ..Settings::new(gate.url(), "payroll")
    }
}

fn client(gate: &Gate) -> Client {
    Client::new(settings(gate), honest()).expect("a client")
}

#[test]
fn what_is_attested_gets_its_secret_and_its_permission() {
    let gate = Gate::open();
    let client = client(&gate);
    let attestation = client.attest().expect("attested");
    assert!(attestation.is_simulated());
    assert_eq!(attestation.status(), "warning");
    assert!(attestation.permission().get().is_ok());
    let secret = client.release(&attestation, "database").expect("released");
    assert_eq!(secret.get().expect("it stands"), b"open sesame");
    assert_eq!(secret.until(), attestation.until());
    for printed in [format!("{secret:?}"), format!("{attestation:?} {client:?}")] {
        let token = attestation.token().expect("it stands");
        assert!(
            !printed.contains("sesame") && !printed.contains(token),
            "{printed}"
        );
        assert!(!printed.contains("111, 112"), "{printed}");
    }
}

#[test]
fn asynchronous_programs_get_the_same() {
    let gate = Gate::open();
    let client = bulla_gate::Client::new(settings(&gate), honest()).expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let attestation = client.attest().await.expect("attested");
        let secret = client.release(&attestation, "database").await;
        assert_eq!(
            secret.expect("released").get().expect("it stands"),
            b"open sesame"
        );
    });
}

#[test]
fn a_guest_attests_through_the_interface_of_its_kernel() {
    let gate = Gate::open();
    let kernel = Kernel::new(
        "tdx_guest",
        Box::new(|data, _| {
            let data = data.try_into().map_err(|_| Errno::INVAL)?;
            Ok((quote(QuoteKind::Td15V5, data), Vec::new()))
        }),
    );
    let provider = Arc::new(ConfigfsTsm::over(BASE, kernel.clone()));
    let client = Client::new(settings(&gate), provider).expect("a client");
    assert!(client.attest().is_ok());
    assert_eq!((kernel.made(), kernel.entries()), (1, 0));
}

#[test]
fn a_report_of_sev_snp_is_told_apart_before_it_is_sent() {
    let gate = Gate::open();
    let provider = Arc::new(ConfigfsTsm::over(BASE, Kernel::echoing("sev_guest")));
    let client = Client::new(settings(&gate), provider).expect("a client");
    let error = client.attest().expect_err("no gate takes it");
    assert!(matches!(error, GateError::Setting { .. }), "{error:?}");
    assert_eq!(gate.asked("/attest"), 0);
}

type IsExpected = fn(&GateError) -> bool;

#[test]
fn a_token_that_is_not_about_this_attestation_is_not_taken() {
    let cases: [(Mood, IsExpected); 8] = [
        (Mood::SignWithOtherKey, |error| {
            matches!(error, GateError::Token(_))
        }),
        (Mood::NameOtherAudience, |error| {
            matches!(error, GateError::Token(_))
        }),
        (Mood::SignWhatEnded, |error| {
            matches!(error, GateError::Token(_))
        }),
        (Mood::ConfirmOtherKey, |error| {
            matches!(error, GateError::OtherToken { .. })
        }),
        (Mood::AnswerOtherNonce, |error| {
            matches!(error, GateError::OtherToken { .. })
        }),
        (Mood::NameOtherPolicy, |error| {
            matches!(error, GateError::OtherToken { .. })
        }),
        (Mood::Garble, |error| {
            matches!(error, GateError::Answer { .. })
        }),
        (Mood::Busy, |error| {
            matches!(error, GateError::Unavailable { .. })
        }),
    ];
    let gate = Gate::open();
    let client = client(&gate);
    for (mood, is_expected) in cases {
        gate.set(mood);
        let error = client.attest().expect_err("it lies");
        assert!(is_expected(&error), "{mood:?}: {error:?}");
        assert!(!error.is_refusal(), "{mood:?}");
        assert_eq!(error.may_pass(), mood == Mood::Busy, "{mood:?}");
        gate.set(Mood::Accept);
        assert!(client.attest().is_ok(), "{mood:?}");
    }
}

#[test]
fn a_key_that_was_withdrawn_on_the_way_costs_another_attestation() {
    let gate = Gate::open();
    let client = client(&gate);
    gate.set(Mood::WithdrawOnce);
    let start = Instant::now();
    let attestation = client.attest().expect("attested by the next key");
    assert_eq!(gate.asked("/attest"), 2);
    // Not before another node of a gate has heard of the key.
    assert!(start.elapsed() > Duration::from_secs(1));
    assert!(client.release(&attestation, "database").is_ok());

    // One more is enough: a gate that never publishes its key is not asked for ever.
    gate.set(Mood::SignWithOtherKey);
    assert!(client.attest().is_err());
    assert_eq!(gate.asked("/attest"), 4);
    // Whoever was given the keys would only see the same again.
    let settings = Settings {
        keys: TokenKeys::Given(gate.keys()),
        ..settings(&gate)
    };
    let pinned = Client::new(settings, honest()).expect("a client");
    assert!(pinned.attest().is_err());
    assert_eq!(gate.asked("/attest"), 5);
}

#[test]
fn a_secret_that_is_sealed_otherwise_does_not_open() {
    let gate = Gate::open();
    let client = client(&gate);
    let attestation = client.attest().expect("attested");
    for mood in [Mood::SealForOtherName, Mood::SealToOtherKey] {
        gate.set(mood);
        let error = client
            .release(&attestation, "database")
            .expect_err("another");
        assert!(
            matches!(error, GateError::Key { .. }),
            "{mood:?}: {error:?}"
        );
    }
    gate.set(Mood::GiveOtherSecret);
    let error = client
        .release(&attestation, "database")
        .expect_err("another");
    assert!(matches!(error, GateError::Answer { .. }), "{error:?}");
    gate.set(Mood::Accept);
    // Another attestation has another key.
    let other = client.attest().expect("attested");
    assert!(client.release(&attestation, "database").is_ok());
    assert!(client.release(&other, "database").is_ok());
}

#[test]
fn a_refusal_says_why_and_is_not_taken_for_an_outage() {
    let gate = Gate::open();
    let client = client(&gate);
    let attestation = client.attest().expect("attested");
    let unknown = client
        .release(&attestation, "payroll")
        .expect_err("no such");
    assert_eq!(unknown.refusal_code(), Some("release-refused"));
    gate.set(Mood::Refuse);
    let error = client.attest().expect_err("refused");
    assert!(error.is_refusal() && !error.may_pass());
    assert_eq!(error.refusal_code(), Some("attestation-refused"));
    assert!(error.to_string().contains("OutOfDate"), "{error}");
}

#[test]
fn evidence_that_is_bound_to_anything_else_is_refused() {
    let gate = Gate::open();
    let flipped = Simulated(|mut data| {
        data[63] ^= 1;
        data
    });
    let client = Client::new(settings(&gate), Arc::new(flipped)).expect("a client");
    let error = client.attest().expect_err("not bound");
    assert_eq!(error.refusal_code(), Some("binding-mismatch"));
}

#[test]
fn a_gate_that_cannot_be_reached_may_come_back() {
    let gate = Gate::open();
    let client = client(&gate);
    drop(gate);
    let error = client.attest().expect_err("nobody listens");
    assert!(matches!(error, GateError::Unreachable { .. }), "{error:?}");
    assert!(error.may_pass() && !error.is_refusal());
}

#[test]
fn given_keys_count_instead_of_published_ones() {
    let gate = Gate::open();
    let with_keys = |keys| {
        let settings = Settings {
            keys: TokenKeys::Given(keys),
            ..settings(&gate)
        };
        Client::new(settings, honest())
    };
    let pinned = with_keys(gate.keys()).expect("a client");
    assert!(pinned.attest().is_ok());
    assert_eq!(gate.asked("/.well-known/jwks.json"), 0);
    let of_another = with_keys(Gate::open().keys()).expect("a client");
    let error = of_another.attest().expect_err("another's keys");
    assert!(matches!(error, GateError::Token(_)), "{error:?}");
    assert!(matches!(
        with_keys(b"{}".to_vec()),
        Err(GateError::Setting { .. })
    ));
}

/// Waits until something is so.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn secret_and_permission_end_with_the_token_and_live_on_with_a_later_one() {
    let gate = Gate::open();
    let client = client(&gate);
    gate.state().token_seconds = 2;
    let attestation = client.attest().expect("attested");
    let mut secret = client.release(&attestation, "database").expect("released");
    let permission = attestation.permission();
    eventually("the secret ends", || secret.get().is_err());
    eventually("the permission ends", || permission.get().is_err());
    assert!(attestation.token().is_err() && attestation.left().is_err());
    let asked = gate.asked("/release");
    let error = client.release(&attestation, "database").expect_err("ended");
    assert!(matches!(error, GateError::Ended(_)), "{error:?}");
    assert_eq!(gate.asked("/release"), asked, "not even asked");

    gate.state().token_seconds = 300;
    let later = client.attest().expect("attested");
    secret.extend(&later).expect("the same policy");
    assert_eq!(secret.get().expect("it stands again"), b"open sesame");

    gate.state().policy_text = "second".to_owned();
    let under_another = client.attest().expect("attested");
    assert!(secret.extend(&under_another).is_err());
    assert_eq!(secret.until(), later.until());
}

#[test]
fn settings_that_cannot_be_used_are_told_at_once() {
    let gate = Gate::open();
    let of = |change: fn(&mut Settings)| {
        let mut settings = settings(&gate);
        change(&mut settings);
        Client::new(settings, honest())
    };
    let changes: [fn(&mut Settings); 5] = [
        |settings| settings.service = "http://gate.test.example".to_owned(),
        |settings| settings.service = "gate".to_owned(),
        |settings| settings.policy = "../etc".to_owned(),
        |settings| settings.audience = Some(String::new()),
        |settings| settings.certificates = Some(b"none".to_vec()),
    ];
    for change in changes {
        assert!(matches!(of(change), Err(GateError::Setting { .. })));
    }
    assert!(of(|_| ()).is_ok());
    assert_eq!(gate.asked("/challenge"), 0);
}
