//! Collateral sets: each document in turn, and what is wrong with one beside the others.

use bulla_collateral::CollateralSet;

use super::{Described, Description, Malformed, document, x509};
use crate::collateral::{self, Directory};
use crate::describe::{Fields, Value};
use crate::error::Result;

const KIND: &str = "collateral_set";

/// A set as one JSON object.
pub(super) fn json(text: &[u8]) -> Described {
    let set = CollateralSet::from_json(text)
        .map_err(|error| Malformed::new("a collateral set", error))?;
    let tcb_info = document::tcb_info(&set.tcb_info.body, Some(&set.tcb_info.signature));
    let qe_identity =
        document::enclave_identity(&set.qe_identity.body, Some(&set.qe_identity.signature));
    let chain = set.pck_certificate_chain.as_deref();
    let fields = Fields::new()
        .with("tcb_info", inner(tcb_info))
        .with(
            "tcb_info_issuer_chain",
            certificates(&set.tcb_info_issuer_chain),
        )
        .with("qe_identity", inner(qe_identity))
        .with(
            "qe_identity_issuer_chain",
            certificates(&set.qe_identity_issuer_chain),
        )
        .with("pck_crl", or_reason(x509::crl_fields(&set.pck_crl)))
        .with(
            "pck_crl_issuer_chain",
            certificates(&set.pck_crl_issuer_chain),
        )
        .with("root_ca_crl", or_reason(x509::crl_fields(&set.root_ca_crl)))
        .with("pck_certificate_chain", chain.map(certificates));
    Ok(Description::new(KIND, fields))
}

/// A set as a directory, whole or not.
pub(super) fn directory(directory: &Directory<'_>) -> Description {
    let file = |names: &[&str], read: fn(&[u8]) -> Value| {
        let name = names.iter().find(|name| directory.has(name));
        name.map(|name| directory.file(name))
            .map(|bytes| in_file(bytes, read))
    };
    let wrapped = |bytes: &[u8]| inner(document::wrapped(bytes));
    let crl = |bytes: &[u8]| or_reason(x509::crl_fields(bytes));
    let fields = Fields::new()
        .with("tcb_info", file(&[collateral::TCB_INFO], wrapped))
        .with(
            "tcb_info_issuer_chain",
            file(&[collateral::TCB_INFO_ISSUER_CHAIN], certificates),
        )
        .with("qe_identity", file(&[collateral::QE_IDENTITY], wrapped))
        .with(
            "qe_identity_issuer_chain",
            file(&[collateral::QE_IDENTITY_ISSUER_CHAIN], certificates),
        )
        .with("pck_crl", file(&collateral::PCK_CRL, crl))
        .with(
            "pck_crl_issuer_chain",
            file(&[collateral::PCK_CRL_ISSUER_CHAIN], certificates),
        )
        .with("root_ca_crl", file(&collateral::ROOT_CA_CRL, crl))
        .with(
            "pck_certificate_chain",
            file(&[collateral::PCK_CERTIFICATE_CHAIN], certificates),
        );
    Description::new(KIND, fields)
}

fn in_file(bytes: Result<Vec<u8>>, read: fn(&[u8]) -> Value) -> Value {
    match bytes {
        Ok(bytes) => read(&bytes),
        Err(error) => unreadable(error),
    }
}

fn certificates(text: &[u8]) -> Value {
    or_reason(x509::certificates(text))
}

fn inner(described: Described) -> Value {
    or_reason(described.map(|description| description.fields))
}

fn or_reason<T: Into<Value>>(read: std::result::Result<T, Malformed>) -> Value {
    match read {
        Ok(value) => value.into(),
        Err(Malformed { reason, .. }) => unreadable(reason),
    }
}

fn unreadable(reason: impl std::fmt::Display) -> Value {
    format!("unreadable: {reason}").into()
}
