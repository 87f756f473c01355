//! Documents one by one, as a service receives them: what is kept, and why one is refused.

mod changes;
mod documents;
mod lengths;
mod pck;
mod refusals;

use bulla_collateral::SignedText;
use bulla_issuer::{DocumentKind, QuoteKind, Scenario, Seed, pem};
use bulla_pki::{Timestamp, TrustAnchors, Window};
use bulla_verifier::arrival::{Arrival, CLOCK_SKEW, Received, Refusal, RevocationList, receive};
use bulla_verifier::{Code, Severity};

const DAY: u64 = 86_400;

fn now() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().expect("a time")
}

fn scenario(kind: QuoteKind) -> Scenario {
    Scenario::new(&Seed::from("arrival"), kind, now())
}

fn anchors(scenario: &Scenario) -> TrustAnchors {
    TrustAnchors::vendors()
        .with_simulated(&scenario.vendor.root_certificate())
        .expect("a simulated root")
}

/// Everything for which something was refused; empty where it was kept.
fn failures<T>(result: Result<T, Refusal>) -> Vec<Code> {
    let Err(refusal) = result else {
        return Vec::new();
    };
    let failures = refusal
        .findings()
        .iter()
        .filter(|finding| finding.severity == Severity::Failure);
    let codes: Vec<Code> = failures.map(|finding| finding.code).collect();
    assert_eq!(codes.first(), Some(&refusal.code()));
    codes
}

/// A document with the issuer chain of TCB info, at this instant.
fn signed(
    scenario: &Scenario,
    kind: DocumentKind,
    text: &SignedText,
    revoked: Option<&RevocationList>,
    at: Timestamp,
) -> Result<Arrival, Refusal> {
    let received = Received::Signed {
        document: &kind.served(text),
        issuer_chain: &scenario.documents().collateral.tcb_info_issuer_chain,
    };
    receive(received, &anchors(scenario), revoked, at)
}

fn tcb_info(
    scenario: &Scenario,
    revoked: Option<&RevocationList>,
    at: Timestamp,
) -> Result<Arrival, Refusal> {
    let text = scenario.documents().collateral.tcb_info;
    signed(scenario, DocumentKind::TcbInfo, &text, revoked, at)
}

fn pck_crl(
    scenario: &Scenario,
    crl: &[u8],
    revoked: Option<&RevocationList>,
    at: Timestamp,
) -> Result<Arrival, Refusal> {
    let issuer_chain = &scenario.documents().collateral.pck_crl_issuer_chain;
    let received = Received::PckCrl { crl, issuer_chain };
    receive(received, &anchors(scenario), revoked, at)
}

fn root_ca_crl(scenario: &Scenario, crl: &[u8], at: Timestamp) -> Result<Arrival, Refusal> {
    let root = &pem::chain(&[&scenario.vendor.root_certificate()]);
    receive(
        Received::RootCaCrl { crl, root },
        &anchors(scenario),
        None,
        at,
    )
}

/// The codes of what was noted of it.
fn notes(arrival: &Arrival) -> Vec<Code> {
    arrival.notes.iter().map(|note| note.code).collect()
}

/// Asks at both ends of a window and just beyond; a vendor's clock may be a little ahead.
fn assert_ends(
    window: Window,
    failures: impl Fn(Timestamp) -> Vec<Code>,
    expired: Code,
    context: &str,
) {
    let earliest = window.from.saturating_sub(CLOCK_SKEW);
    assert_eq!(failures(earliest), [], "{context}");
    assert_eq!(failures(window.until), [], "{context}");
    let early = failures(earliest.saturating_sub(1));
    assert_eq!(early, [Code::DocumentNotYetValid], "{context}");
    let late = failures(window.until.saturating_add(1));
    assert_eq!(late, [expired], "{context}");
}
