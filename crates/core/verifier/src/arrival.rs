//! The vendor's documents one by one, as they arrive at whoever keeps them.
//!
//! A verifier gets a set and a quote, and says of the set what is wrong with it. A service gets one
//! document at a time, and must not keep what does not hold by itself: the chain ends in a trust
//! anchor, the signature is over the received bytes, all windows contain the present, nobody in the
//! chain is revoked. [`receive`] checks that and gives what is to be kept; what fails is a
//! [`Refusal`].

mod chain;
mod pck;

use std::fmt;

use bulla_collateral::{
    EnclaveIdentity, EvaluationDataNumbers, Series, SignedKind, SignedText, Slot, TcbInfo,
};
use bulla_pki::crl::Revocation;
use bulla_pki::digest::sha256;
use bulla_pki::{Signature, Timestamp, TrustAnchor, TrustAnchors, Window};

use crate::finding::{Code, Finding, Findings, Severity, Stage};
use crate::prepare;
use chain::IssuerChain;

pub use pck::{PckArrival, PckExpectation, PckLeaf, receive_pck_certificates};

/// How far in the future a document may begin, in seconds: five minutes, by which the clocks of
/// vendor and receiver may differ; the vendor signs documents at the moment of asking.
pub const CLOCK_SKEW: u64 = 300;

/// The longest document that Intel's client (QCNL) takes together with its issuer chain, in bytes:
/// it counts them in 16 bits and adds a zero to each.
const LONGEST_WITH_CHAIN: usize = 65_533;

/// What arrived: bytes, and the chain that came with them.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the three forms that there are")]
pub enum Received<'a> {
    /// TCB info, an identity or evaluation data numbers.
    Signed {
        /// JSON with its signature around it, as services deliver it.
        document: &'a [u8],
        /// PEM: TCB signing certificate and root.
        issuer_chain: &'a [u8],
    },
    /// The CRL of a PCK CA.
    PckCrl {
        /// DER, PEM or hexadecimal DER.
        crl: &'a [u8],
        /// PEM: the PCK CA and the root.
        issuer_chain: &'a [u8],
    },
    /// The CRL of the root, which comes without a chain.
    RootCaCrl {
        /// DER, PEM or hexadecimal DER.
        crl: &'a [u8],
        /// PEM: a chain that ends in the root, or the root alone.
        root: &'a [u8],
    },
}

/// Whom a root has revoked, by its CRL that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationList(Vec<Revocation>);

/// A document that holds by itself under one trust anchor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Arrival {
    /// Which document.
    pub slot: Slot,
    /// The trust anchor that its chain ends in.
    pub anchor: TrustAnchor,
    /// From when until when the document itself is current.
    pub window: Window,
    /// The earliest end of a certificate in its chain.
    pub chain_until: Timestamp,
    /// What is to be kept: JSON as received, or the DER of a CRL.
    pub body: Vec<u8>,
    /// SHA-256 of `body`.
    pub sha256: [u8; 32],
    /// PEM: the issuer first, the root last.
    pub issuer_chain: Vec<u8>,
    /// Of the root's CRL whom it revokes; absent for everything else.
    pub revocations: Option<RevocationList>,
    /// What an operator may want to know; nothing of it speaks against the document.
    pub notes: Vec<Finding>,
}

/// Why something cannot be kept.
#[derive(Clone, Debug)]
pub struct Refusal {
    findings: Vec<Finding>,
}

impl Refusal {
    /// Everything that is wrong, in the order of the checks; at least one finding.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The stable name of the first reason.
    pub fn code(&self) -> Code {
        self.failures()
            .next()
            .map_or(Code::DocumentMalformed, |finding| finding.code)
    }

    fn failures(&self) -> impl Iterator<Item = &Finding> {
        let is_failure = |finding: &&Finding| finding.severity == Severity::Failure;
        self.findings.iter().filter(is_failure)
    }
}

/// The first reason, with both sides where there are two, and how many more there are.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut failures = self.failures();
        let Some(first) = failures.next() else {
            return f.write_str("The document cannot be kept.");
        };
        write!(f, "{} ({})", first.message, first.subject)?;
        if let (Some(expected), Some(actual)) = (&first.expected, &first.actual) {
            write!(f, " Expected {expected}, found {actual}.")?;
        }
        match failures.count() {
            0 => Ok(()),
            more => write!(f, " And {more} more."),
        }
    }
}

impl std::error::Error for Refusal {}

/// Checks a document that arrives at the instant `at`.
///
/// `root_ca_crl` is whom the root has revoked, where that is known already; without it nobody
/// counts as revoked, and what was kept is to be checked again once it is known.
pub fn receive(
    received: Received<'_>,
    anchors: &TrustAnchors,
    root_ca_crl: Option<&RevocationList>,
    at: Timestamp,
) -> Result<Arrival, Refusal> {
    match received {
        Received::Signed {
            document,
            issuer_chain,
        } => receive_signed(document, issuer_chain, anchors, root_ca_crl, at),
        Received::PckCrl { crl, issuer_chain } => {
            let mut findings = Findings::new(Stage::PckChain);
            let chain =
                IssuerChain::of_pck_ca(issuer_chain, anchors, root_ca_crl, at, &mut findings);
            receive_crl(crl, "pck_crl", chain, at, findings)
        }
        Received::RootCaCrl { crl, root } => {
            let mut findings = Findings::new(Stage::PckChain);
            let chain = IssuerChain::of_root(root, anchors, at, &mut findings);
            receive_crl(crl, "root_ca_crl", chain, at, findings)
        }
    }
}

fn receive_signed(
    document: &[u8],
    issuer_chain: &[u8],
    anchors: &TrustAnchors,
    root_ca_crl: Option<&RevocationList>,
    at: Timestamp,
) -> Result<Arrival, Refusal> {
    let mut findings = Findings::new(Stage::TcbInfo);
    let chain = IssuerChain::of_signer(issuer_chain, anchors, root_ca_crl, at, &mut findings);
    let read = SignedText::from_wrapped(document).and_then(|(kind, text)| {
        let (slot, window, unknown) = identify(kind, &text.body)?;
        Ok((slot, window, unknown, text))
    });
    let (slot, window, unknown, text) = match read {
        Ok(read) => read,
        Err(error) => {
            prepare::malformed("document", &error.to_string(), &mut findings);
            return Err(refusal(findings));
        }
    };
    prepare::note_unknown_fields(&unknown, "document", &mut findings);
    check_window("document", window, at, &mut findings);
    match (Signature::from_hex(&text.signature), &chain) {
        (Err(_), _) => findings.fail(
            Code::DocumentSignatureMalformed,
            "document",
            "The signature is not 128 hexadecimal digits of two numbers in range.",
        ),
        // Without an issuer its chain has failed already.
        (Ok(_), None) => {}
        (Ok(signature), Some(chain)) => {
            let holds = chain.key.as_ref().map_err(|error| *error);
            if let Err(error) =
                holds.and_then(|key| key.verify_digest(&sha256(&text.body), &signature))
            {
                findings.fail(
                    Code::DocumentSignatureInvalid,
                    "document",
                    format!("The received text is not signed by the key of its signer: {error}."),
                );
            }
        }
    }
    arrive(slot, window, document.to_vec(), None, chain, findings)
}

/// Which document it is, from when until when it is current, and names of unknown fields.
fn identify(
    kind: SignedKind,
    body: &[u8],
) -> Result<(Slot, Window, Vec<String>), bulla_collateral::DocumentError> {
    Ok(match kind {
        SignedKind::TcbInfo => {
            let info = TcbInfo::parse(body)?;
            let series = Series::TcbInfo {
                id: info.id,
                fmspc: info.fmspc,
                version: info.version,
            };
            let slot = Slot::Numbered(series, info.evaluation_data_number);
            (slot, info.window, info.unknown_fields)
        }
        SignedKind::EnclaveIdentity => {
            let identity = EnclaveIdentity::parse(body)?;
            let series = Series::EnclaveIdentity(identity.id);
            let slot = Slot::Numbered(series, identity.evaluation_data_number);
            (slot, identity.window, identity.unknown_fields)
        }
        _ => {
            let numbers = EvaluationDataNumbers::parse(body)?;
            let slot = Slot::EvaluationDataNumbers(numbers.id);
            (slot, numbers.window, numbers.unknown_fields)
        }
    })
}

fn receive_crl(
    bytes: &[u8],
    name: &'static str,
    chain: Option<IssuerChain>,
    at: Timestamp,
    mut findings: Findings,
) -> Result<Arrival, Refusal> {
    let Some(der) = prepare::decode_crl(bytes, name, &mut findings) else {
        return Err(refusal(findings));
    };
    let Some(crl) = prepare::parse_crl(&der, name, &mut findings) else {
        return Err(refusal(findings));
    };
    let issuer = chain.as_ref().map(IssuerChain::issuer);
    prepare::check_crl(&crl, issuer.as_ref(), name, &mut findings);
    let window = crl.window();
    check_window(name, window, at, &mut findings);
    let (slot, revocations) = match chain.as_ref().and_then(|chain| chain.pck_ca) {
        Some(ca) => (Slot::PckCrl(ca), None),
        None => {
            let list = RevocationList(crl.into_revoked());
            (Slot::RootCaCrl, Some(list))
        }
    };
    arrive(slot, window, der.into_owned(), revocations, chain, findings)
}

/// What is kept, if nothing failed.
fn arrive(
    slot: Slot,
    window: Window,
    body: Vec<u8>,
    revocations: Option<RevocationList>,
    chain: Option<IssuerChain>,
    mut findings: Findings,
) -> Result<Arrival, Refusal> {
    let chain = match chain {
        Some(chain) if !findings.failed() => chain,
        _ => return Err(refusal(findings)),
    };
    let together = body.len().saturating_add(chain.pem.len());
    if together > LONGEST_WITH_CHAIN {
        findings.note(
            Code::DocumentTooLongForClients,
            "document",
            format!(
                "Document and chain have {together} bytes; Intel's client takes \
                 {LONGEST_WITH_CHAIN} at most."
            ),
        );
    }
    Ok(Arrival {
        slot,
        anchor: chain.anchor,
        window,
        chain_until: chain.until,
        sha256: sha256(&body),
        body,
        issuer_chain: chain.pem,
        revocations,
        notes: findings.into_list(),
    })
}

fn refusal(findings: Findings) -> Refusal {
    Refusal {
        findings: findings.into_list(),
    }
}

/// Expired and not yet valid are two things, with two remedies.
fn check_window(name: &'static str, window: Window, at: Timestamp, findings: &mut Findings) {
    if at > window.until {
        findings.fail(
            Code::DocumentExpired,
            name,
            format!("The document ended on {}; it is {at}.", window.until),
        );
    }
    if at.saturating_add(CLOCK_SKEW) < window.from {
        findings.fail(
            Code::DocumentNotYetValid,
            name,
            format!("The document begins on {}; it is {at}.", window.from),
        );
    }
}
