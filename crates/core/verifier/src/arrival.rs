//! The vendor's documents one by one, as they arrive at whoever keeps them.
//!
//! A verifier gets a set and a quote, and says of the set what is wrong with it. A service gets one
//! document at a time, and must not keep what does not hold by itself: the chain ends in a trust
//! anchor, the signature is over the received bytes, all windows contain the present, nobody in the
//! chain is revoked. [`receive`] checks that and gives what is to be kept; what fails is a
//! [`Refusal`].

mod chain;
mod length;
mod pck;
mod refusal;
mod revocations;
mod succession;

use bulla_collateral::{
    DocumentError, EnclaveIdentity, EvaluationDataNumbers, Series, SignedKind, SignedText, Slot,
    TcbInfo,
};
use bulla_pki::digest::sha256;
use bulla_pki::{Timestamp, TrustAnchor, TrustAnchors, Window};

use crate::document;
use crate::finding::{Code, Finding, Findings, Stage};
use chain::IssuerChain;

pub use pck::{PckArrival, PckExpectation, PckIssuer, PckLeaf, receive_pck_certificates};
pub use refusal::Refusal;
pub use revocations::RevocationList;
pub use succession::{
    Known, RESIGNING_SPREAD, Selection, SelectorStep, Succession, selector_step, succession,
};

/// How far in the future a document may begin, in seconds: five minutes, by which the clocks of
/// vendor and receiver may differ; the vendor signs documents at the moment of asking.
pub const CLOCK_SKEW: u64 = 300;

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
        /// PEM: a chain that holds the root, or the root alone; or the root in DER.
        root: &'a [u8],
    },
}

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
    /// What is to be kept: the JSON that was signed, byte for byte, with its signature and nothing
    /// else around it; or the DER of a CRL.
    pub body: Vec<u8>,
    /// SHA-256 of `body`.
    pub sha256: [u8; 32],
    /// PEM: the issuer first, the root last.
    pub issuer_chain: Vec<u8>,
    /// Whom a CRL revokes; absent for everything else.
    pub revocations: Option<RevocationList>,
    /// What an operator may want to know; nothing of it speaks against the document.
    pub notes: Vec<Finding>,
}

/// Checks a document that arrives at the instant `at`.
///
/// `root_ca_crl` is whom the root has revoked, where that is known already; without it, or with the
/// list of another root, nobody counts as revoked, and what was kept is to be checked again once it
/// is known.
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
            // A chain without a PCK CA has failed already.
            let ca = chain.as_ref().and_then(|chain| chain.pck_ca);
            let slot = ca.map(Slot::PckCrl);
            receive_crl(crl, "pck_crl", slot, chain, at, findings)
        }
        Received::RootCaCrl { crl, root } => {
            let mut findings = Findings::new(Stage::PckChain);
            let chain = IssuerChain::of_root(root, anchors, at, &mut findings);
            let slot = Some(Slot::RootCaCrl);
            receive_crl(crl, "root_ca_crl", slot, chain, at, findings)
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
    let name = "document";
    let wrapped = SignedText::from_wrapped(document);
    let stage = match &wrapped {
        Ok((SignedKind::EnclaveIdentity, _)) => Stage::QeIdentity,
        _ => Stage::TcbInfo,
    };
    let mut findings = Findings::new(stage);
    let chain = IssuerChain::of_signer(issuer_chain, anchors, root_ca_crl, at, &mut findings);
    let read = wrapped.and_then(|(kind, text)| Ok((identify(kind, &text.body)?, text)));
    let (identified, text) = match read {
        Ok(read) => read,
        Err(error) => {
            document::malformed(name, &error.to_string(), &mut findings);
            return Err(Refusal::new(findings));
        }
    };
    document::note_unknown_fields(&identified.unknown_fields, name, &mut findings);
    check_window(name, identified.window, at, &mut findings);
    let key = chain.as_ref().map(|chain| &chain.key);
    document::check_text(&text, &sha256(&text.body), key, name, &mut findings);
    let Identified { slot, window, .. } = identified;
    let body = wrap(identified.field, &text);
    arrive(Some(slot), window, body, None, chain, findings)
}

/// What a signed document says that it is.
struct Identified {
    slot: Slot,
    window: Window,
    unknown_fields: Vec<String>,
    /// The field that it stands in as served.
    field: &'static str,
}

fn identify(kind: SignedKind, body: &[u8]) -> Result<Identified, DocumentError> {
    Ok(match kind {
        SignedKind::TcbInfo => {
            let info = TcbInfo::parse(body)?;
            let series = Series::TcbInfo {
                id: info.id,
                fmspc: info.fmspc,
                version: info.version,
            };
            Identified {
                slot: Slot::Numbered(series, info.evaluation_data_number),
                window: info.window,
                unknown_fields: info.unknown_fields,
                field: "tcbInfo",
            }
        }
        SignedKind::EnclaveIdentity => {
            let identity = EnclaveIdentity::parse(body)?;
            let series = Series::EnclaveIdentity(identity.id);
            Identified {
                slot: Slot::Numbered(series, identity.evaluation_data_number),
                window: identity.window,
                unknown_fields: identity.unknown_fields,
                field: "enclaveIdentity",
            }
        }
        _ => {
            let numbers = EvaluationDataNumbers::parse(body)?;
            Identified {
                slot: Slot::EvaluationDataNumbers(numbers.id),
                window: numbers.window,
                unknown_fields: numbers.unknown_fields,
                field: "tcbEvaluationDataNumbers",
            }
        }
    })
}

/// A signed document as the vendor serves it. Whatever else stood around it nobody has signed, and
/// nobody shall be served with it; so one issue has one form, whoever brings it.
fn wrap(field: &str, text: &SignedText) -> Vec<u8> {
    let signature = text.signature.to_ascii_lowercase();
    let mut document = format!("{{\"{field}\":").into_bytes();
    document.extend_from_slice(&text.body);
    document.extend_from_slice(format!(",\"signature\":\"{signature}\"}}").as_bytes());
    document
}

fn receive_crl(
    bytes: &[u8],
    name: &'static str,
    slot: Option<Slot>,
    chain: Option<IssuerChain>,
    at: Timestamp,
    mut findings: Findings,
) -> Result<Arrival, Refusal> {
    let Some(der) = document::decode_crl(bytes, name, &mut findings) else {
        return Err(Refusal::new(findings));
    };
    let Some(crl) = document::parse_crl(&der, name, &mut findings) else {
        return Err(Refusal::new(findings));
    };
    let issuer = chain.as_ref().map(IssuerChain::issuer);
    document::check_crl(&crl, issuer.as_ref(), name, &mut findings);
    let window = crl.window();
    check_window(name, window, at, &mut findings);
    let key = chain.as_ref().map(|chain| chain.key_bytes);
    let revocations = key.map(|key| RevocationList::new(key, crl.into_revoked()));
    arrive(slot, window, der.into_owned(), revocations, chain, findings)
}

/// What is kept, if nothing failed.
fn arrive(
    slot: Option<Slot>,
    window: Window,
    body: Vec<u8>,
    revocations: Option<RevocationList>,
    chain: Option<IssuerChain>,
    mut findings: Findings,
) -> Result<Arrival, Refusal> {
    let (slot, chain) = match (slot, chain) {
        (Some(slot), Some(chain)) if !findings.failed() => (slot, chain),
        _ => return Err(Refusal::new(findings)),
    };
    length::note(slot, &body, &chain.pem, &mut findings);
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
