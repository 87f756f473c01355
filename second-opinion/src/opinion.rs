//! What a verifier says about a case, in words that both have.

use std::collections::BTreeSet;
use std::fmt;

/// The opinion of one verifier.
#[derive(Clone, Debug)]
pub(crate) enum Opinion {
    /// Genuine, and good enough for the policy that both were given.
    Accepts(Box<Facts>),
    /// Not genuine or not good enough.
    Rejects(Vec<Reason>),
    /// It did not return.
    Panics(String),
}

/// Why a verifier rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The verifier's own name for it: for bulla the code and what was looked at,
    /// `FmspcMismatch@tcb_info`; for the other side the whole error text.
    pub(crate) name: String,
    /// A sentence; empty for the other side.
    pub(crate) text: String,
}

/// What both verifiers say about evidence that they accept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) status: String,
    pub(crate) advisories: BTreeSet<String>,
    pub(crate) evaluation_number: u32,
    pub(crate) tcb_date: u64,
    pub(crate) fmspc: Vec<u8>,
    pub(crate) ppid: Vec<u8>,
    pub(crate) pce_id: Vec<u8>,
    pub(crate) pcesvn: u16,
    pub(crate) cpusvn: Vec<u8>,
    pub(crate) platform_instance_id: Option<[u8; 16]>,
    pub(crate) dynamic_platform: Option<bool>,
    pub(crate) cached_keys: Option<bool>,
    pub(crate) smt_enabled: Option<bool>,
    pub(crate) pck_crl_number: u64,
    pub(crate) root_ca_crl_number: u64,
    pub(crate) earliest_issue: u64,
    pub(crate) latest_issue: u64,
    pub(crate) earliest_expiration: u64,
}

/// A fact on which two verifiers differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactDifference {
    pub(crate) field: &'static str,
    pub(crate) bulla: String,
    pub(crate) other: String,
}

impl Facts {
    /// The facts in which `self`, bulla's, differ from the other side's.
    pub(crate) fn differences(&self, other: &Self) -> Vec<FactDifference> {
        if self == other {
            return Vec::new();
        }
        self.fields()
            .into_iter()
            .zip(other.fields())
            .filter(|((_, bulla), (_, other))| bulla != other)
            .map(|((field, bulla), (_, other))| FactDifference {
                field,
                bulla,
                other,
            })
            .collect()
    }

    /// The names of the facts.
    #[cfg(test)]
    pub(crate) fn names() -> Vec<&'static str> {
        Self::default()
            .fields()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let advisories: Vec<&str> = self.advisories.iter().map(String::as_str).collect();
        vec![
            ("status", self.status.clone()),
            ("advisories", advisories.join(",")),
            ("evaluation_number", self.evaluation_number.to_string()),
            ("tcb_date", self.tcb_date.to_string()),
            ("fmspc", hex::encode(&self.fmspc)),
            ("ppid", hex::encode(&self.ppid)),
            ("pce_id", hex::encode(&self.pce_id)),
            ("pcesvn", self.pcesvn.to_string()),
            ("cpusvn", hex::encode(&self.cpusvn)),
            (
                "platform_instance_id",
                format!("{:?}", self.platform_instance_id.map(hex::encode)),
            ),
            ("dynamic_platform", format!("{:?}", self.dynamic_platform)),
            ("cached_keys", format!("{:?}", self.cached_keys)),
            ("smt_enabled", format!("{:?}", self.smt_enabled)),
            ("pck_crl_number", self.pck_crl_number.to_string()),
            ("root_ca_crl_number", self.root_ca_crl_number.to_string()),
            ("earliest_issue", self.earliest_issue.to_string()),
            ("latest_issue", self.latest_issue.to_string()),
            ("earliest_expiration", self.earliest_expiration.to_string()),
        ]
    }
}

impl fmt::Display for Opinion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts(facts) => {
                write!(f, "accepts:")?;
                facts
                    .fields()
                    .iter()
                    .try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
            Self::Rejects(reasons) => {
                write!(f, "rejects:")?;
                reasons
                    .iter()
                    .try_for_each(|reason| write!(f, " [{reason}]"))
            }
            Self::Panics(message) => write!(f, "panics: {message}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.as_str() {
            "" => f.write_str(&self.name),
            text => write!(f, "{}: {text}", self.name),
        }
    }
}
