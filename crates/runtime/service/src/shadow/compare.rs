//! Whether two answers mean the same to a client.

use std::fmt;

use bulla_protocol::percent;
use bulla_protocol::wire::{Headers, ResponseParts};
use serde_json::Value;

/// Headers that clients of Intel's cache look at.
pub(super) const NAMES: [&str; 8] = [
    "sgx-tcbm",
    "sgx-fmspc",
    "sgx-pck-certificate-ca-type",
    "sgx-pck-certificate-issuer-chain",
    "sgx-pck-crl-issuer-chain",
    "tcb-info-issuer-chain",
    "sgx-enclave-identity-issuer-chain",
    "content-type",
];

/// What differs first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// The status: ours, and the other's.
    Status(u16, u16),
    /// A header that both should have alike.
    Header(&'static str),
    /// The body.
    Body,
    /// The body is the same document, signed at another time.
    Issue,
}

impl Difference {
    pub(super) fn is_another_issue(&self) -> bool {
        *self == Self::Issue
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(ours, others) => write!(f, "status {others} instead of {ours}"),
            Self::Header(name) => write!(f, "another {name}"),
            Self::Body => f.write_str("another body"),
            Self::Issue => f.write_str("another issue of the same document"),
        }
    }
}

/// Compares an answer with the other cache's. Of refusals only the status counts.
pub(super) fn compare(
    status: u16,
    headers: &Headers,
    body: &[u8],
    others: &ResponseParts,
) -> Result<(), Difference> {
    let of_other = others.status.number();
    if status != of_other {
        return Err(Difference::Status(status, of_other));
    }
    if !others.status.is_success() {
        return Ok(());
    }
    for name in NAMES {
        let differs = match name.ends_with("chain") {
            true => chain(headers, name) != chain(&others.headers, name),
            false => headers.find(name) != others.headers.find(name),
        };
        if differs {
            return Err(Difference::Header(name));
        }
    }
    match body == others.body {
        true => Ok(()),
        false => Err(match (undated(body), undated(&others.body)) {
            (Some(ours), Some(others)) if ours == others => Difference::Issue,
            _ => Difference::Body,
        }),
    }
}

/// A chain without its blanks, as every client reads it.
fn chain(headers: &Headers, name: &str) -> Option<String> {
    let text = percent::decode(headers.find(name)?).ok()?;
    Some(text.split_whitespace().collect())
}

/// A signed document without what changes each time it is signed; absent where it is none.
fn undated(body: &[u8]) -> Option<Value> {
    let mut document: Value = serde_json::from_slice(body).ok()?;
    let inner = ["tcbInfo", "enclaveIdentity"]
        .into_iter()
        .find_map(|name| Some(document.get_mut(name)?.take()))?;
    let mut inner = inner;
    let fields = inner.as_object_mut()?;
    fields.remove("issueDate")?;
    fields.remove("nextUpdate")?;
    Some(inner)
}

#[cfg(test)]
mod tests {
    use bulla_protocol::wire::Status;

    use super::*;

    fn other(status: Status, headers: Headers, body: &str) -> ResponseParts {
        ResponseParts {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn blanks_of_chains_and_texts_of_refusals_do_not_count() {
        let ours = Headers::new().with("sgx-pck-crl-issuer-chain", "a%0Ab");
        let others = Headers::new().with("SGX-PCK-CRL-Issuer-Chain", "a%20b%0A");
        let same = compare(200, &ours, b"x", &other(Status::OK, others, "x"));
        assert_eq!(same, Ok(()));
        let refusal = other(Status::NOT_FOUND, Headers::new(), "other words");
        assert_eq!(compare(404, &ours, b"words", &refusal), Ok(()));
    }

    #[test]
    fn each_difference_is_named() {
        let none = Headers::new();
        let of = |ours: &str, others: &str| {
            let others = other(Status::OK, Headers::new(), others);
            compare(200, &Headers::new(), ours.as_bytes(), &others)
        };
        let gone = other(Status::GONE, Headers::new(), "");
        assert_eq!(
            compare(200, &none, b"", &gone),
            Err(Difference::Status(200, 410))
        );
        let named = Headers::new().with("sgx-tcbm", "00");
        let other = other(Status::OK, Headers::new(), "");
        assert_eq!(
            compare(200, &named, b"", &other),
            Err(Difference::Header("sgx-tcbm"))
        );
        assert_eq!(of("a", "b"), Err(Difference::Body));
        let document = |level: &str, date: &str| {
            format!(
                "{{\"tcbInfo\":{{\"issueDate\":\"{date}\",\"nextUpdate\":\"{date}\",\
                 \"level\":\"{level}\"}},\"signature\":\"{date}\"}}"
            )
        };
        assert_eq!(
            of(&document("a", "1"), &document("a", "2")),
            Err(Difference::Issue)
        );
        assert_eq!(
            of(&document("a", "1"), &document("b", "1")),
            Err(Difference::Body)
        );
    }
}
