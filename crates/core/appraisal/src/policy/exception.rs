//! Exceptions for documents that are past their window.

use std::str::FromStr;

use bulla_pki::Timestamp;
use serde::{Deserialize, Deserializer, de};

use super::value::{AnyOf, ValueError, from_text, instant};

/// The names of all documents and certificates that a verdict can rest on, as in
/// `collateral.expired` of a verdict.
pub const DOCUMENT_NAMES: [&str; 13] = [
    "tcb_info",
    "qe_identity",
    "pck_crl",
    "root_ca_crl",
    "pck_certificate",
    "pck_ca",
    "root_ca",
    "pck_crl_ca",
    "pck_crl_root_ca",
    "tcb_info_signer",
    "tcb_info_root_ca",
    "qe_identity_signer",
    "qe_identity_root_ca",
];

/// One of [`DOCUMENT_NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DocumentName(&'static str);

impl DocumentName {
    /// The name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for DocumentName {
    type Err = ValueError;

    fn from_str(name: &str) -> Result<Self, ValueError> {
        match DOCUMENT_NAMES.into_iter().find(|known| *known == name) {
            Some(known) => Ok(Self(known)),
            None => Err(ValueError::UnknownDocument {
                name: name.to_owned(),
            }),
        }
    }
}

impl<'de> Deserialize<'de> for DocumentName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// Documents and certificates that are tolerated past the end of their window for a while.
///
/// One that is not valid yet is never tolerated: it says that a clock is wrong, or that somebody
/// chose the collateral.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct ExpiryException {
    /// Which ones.
    pub documents: AnyOf<DocumentName>,
    /// The last second at which the exception counts.
    #[serde(deserialize_with = "instant")]
    pub until: Timestamp,
    /// Why it was granted, for whoever reads the decision; not blank when read from a file.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
}

impl ExpiryException {
    /// Whether the exception counts at this instant; its last second does.
    pub fn in_force(&self, at: Timestamp) -> bool {
        at <= self.until
    }

    /// Whether the exception is about this document.
    pub fn covers(&self, document: &str) -> bool {
        self.documents.iter().any(|name| name.as_str() == document)
    }
}

/// Reads the reason of an exception.
pub(crate) fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.trim().is_empty() {
        return Err(de::Error::custom(ValueError::BlankReason));
    }
    Ok(reason)
}
