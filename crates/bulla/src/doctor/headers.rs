//! The headers of an answer, as clients need them.

use bulla_protocol::percent;
use bulla_protocol::wire::{Headers, header};
use bulla_service::want::Want;

use super::finding::{Ailment, Finding};
use super::plan::Dialect;

/// Longest headers that clients in Node.js take, in bytes, names and line ends with them.
const LONGEST: usize = 16 * 1024;

/// The name that TCB info has its chain under, of version 4 and of version 3.
const TCB_INFO_CHAINS: [&str; 2] = ["TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"];

/// Where the chain of a document stands, the usual name first; none for what has no chain.
fn chain_names(want: Want) -> &'static [&'static str] {
    use bulla_collateral::Series;
    match want {
        Want::Series(Series::TcbInfo { .. }, _) => &TCB_INFO_CHAINS,
        Want::Series(Series::EnclaveIdentity(_), _) => &["SGX-Enclave-Identity-Issuer-Chain"],
        Want::EvaluationDataNumbers(_) => &["TCB-Evaluation-Data-Numbers-Issuer-Chain"],
        Want::PckCrl(_) => &["SGX-PCK-CRL-Issuer-Chain"],
        Want::RootCaCrl => &[],
    }
}

/// The chain as PEM, or why it is none; absent where no header has it.
pub(super) fn chain(headers: &Headers, want: Want) -> Option<Result<String, String>> {
    let names = chain_names(want).iter();
    let value = names.filter_map(|name| headers.find(name)).next()?;
    // What is left of a header with a raw line end in it: the rest was lost on the way.
    if value.contains("-----BEGIN ") {
        return Some(Err(
            "it stands there as it is, with its line ends".to_owned()
        ));
    }
    Some(percent::decode(value).map_err(|error| error.to_string()))
}

/// Names and values with `: ` and the end of the line, as they went over the wire.
pub(super) fn size(headers: &Headers) -> usize {
    let sizes = headers.iter().map(|(name, value)| {
        let both = name.len().saturating_add(value.len());
        both.saturating_add(": \r\n".len())
    });
    sizes.fold(0, usize::saturating_add)
}

/// What is wrong with the headers of an answer that has a document.
pub(super) fn examine(
    subject: &str,
    headers: &Headers,
    want: Want,
    dialect: Dialect,
    findings: &mut Vec<Finding>,
) {
    let names = chain_names(want);
    let has = |name: &&str| headers.find(name).is_some();
    if !names.is_empty() && !names.iter().any(has) {
        let message = format!("There is no header {}.", names.join(" or "));
        findings.push(Ailment::ChainHeaderMissing.of(subject, message));
    } else if let [version_4, version_3] = names {
        let lacks =
            |ailment: Ailment, name| ailment.of(subject, format!("There is no header {name}."));
        if !has(version_4) {
            findings.push(lacks(Ailment::ChainHeaderOfVersion4Missing, version_4));
        }
        if !has(version_3) {
            findings.push(lacks(Ailment::ChainHeaderOfVersion3Missing, version_3));
        }
    }
    if let Some(Err(reason)) = chain(headers, want) {
        let message = format!("The chain is not percent-encoded: {reason}.");
        findings.push(Ailment::ChainNotEncoded.of(subject, message));
    }
    let size = size(headers);
    if size > LONGEST {
        let message = format!("The headers have {size} bytes.");
        findings.push(Ailment::HeadersTooLong.of(subject, message));
    }
    content_type(subject, headers, want, dialect, findings);
}

fn content_type(
    subject: &str,
    headers: &Headers,
    want: Want,
    dialect: Dialect,
    findings: &mut Vec<Finding>,
) {
    let expected = match want {
        Want::PckCrl(_) => "application/pkix-crl",
        // A file server's.
        Want::RootCaCrl => return,
        _ => "application/json",
    };
    let found = headers.find(header::CONTENT_TYPE).unwrap_or("none");
    let bare = found.split(';').next().unwrap_or(found).trim();
    let is_right = match dialect {
        Dialect::Pcs => found.eq_ignore_ascii_case(expected),
        // Intel's own adds a character set.
        Dialect::Pccs => bare.eq_ignore_ascii_case(expected),
    };
    if !is_right {
        let message = format!("The type is {found}, not {expected}.");
        findings.push(Ailment::ContentTypeUnexpected.of(subject, message));
    }
}
