//! The named root as it came, whatever else a service gives out for one.

use bulla_pki::certificate::Certificate;
use bulla_pki::{TrustAnchor, pem};

use super::headers;
use super::site::Asked;

/// Most certificates in a chain: the issuer and the root; one more for who sends too many.
const MOST: usize = 3;

/// The certificates of the anchor's root, in DER, each once, in the order in which answers brought
/// them. Those of other keys, and those that the root did not sign itself, are left out: whoever
/// sends another chain first must not make the root's CRL look refused.
pub(super) fn certificates(asked: &[Asked<'_>], anchor: &TrustAnchor) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let chains = asked.iter().filter_map(chain);
    for der in chains.flat_map(|chain| blocks(&chain)) {
        if !found.contains(&der) && is_of(&der, anchor) {
            found.push(der);
        }
    }
    found
}

/// The chain of an answer with a document.
fn chain(asked: &Asked<'_>) -> Option<String> {
    let parts = &asked.reply.as_ref().ok()?.parts;
    headers::chain(&parts.headers, asked.question.want)
        .filter(|_| parts.status.is_success())?
        .ok()
}

/// What no client could read is no chain.
fn blocks(chain: &str) -> Vec<Vec<u8>> {
    pem::decode(chain.as_bytes(), "CERTIFICATE", MOST).unwrap_or_default()
}

fn is_of(der: &[u8], anchor: &TrustAnchor) -> bool {
    Certificate::parse(der).is_ok_and(|certificate| {
        certificate.public_key_bytes() == anchor.public_key().uncompressed()
            && certificate.verify_signature(anchor.public_key()).is_ok()
    })
}
