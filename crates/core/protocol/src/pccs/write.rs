//! Writing a request, and what all answers of a version carry.

use serde::Serialize;

use crate::pcs::Selection;
use crate::percent;
use crate::value::Fmspc;
use crate::wire::{Headers, RequestParts, header};

use super::platform::Fields;
use super::{
    CrlForm, ListedPlatform, Operation, RefreshedDocuments, Request, Route, Source, Version,
};

/// What answers of version 3 warn of.
const VERSION_3: &str = "299 - \"PCS API version 3 is no longer available. Cached collateral \
    downloaded from API version 3 is deprecated, will not be refreshed, and may expire. Please \
    migrate to API version 4.\"";

/// Adds the warning of version 3.
pub(super) fn warn(headers: &mut Headers, version: Option<Version>) {
    if version == Some(Version::V3) {
        headers.add(header::WARNING, VERSION_3);
    }
}

impl Request<'_> {
    /// The request as it goes onto the wire; a token is added by whoever has one. What has a
    /// default is written out all the same. Version 3 knows nothing of TDX: what is for TDX is
    /// asked of version 4.
    pub fn write(&self, version: Version) -> RequestParts {
        let (method, path) = Route::spelling(version, self.operation());
        let query: Vec<String> = self
            .parameters()
            .into_iter()
            .map(|(name, value)| format!("{name}={}", percent::encode(&value)))
            .collect();
        let body = self.body(version);
        let mut headers = Headers::new();
        if body.is_some() {
            headers.add(header::CONTENT_TYPE, "application/json");
        }
        RequestParts {
            method: method.as_str().to_owned(),
            path,
            query: query.join("&"),
            headers,
            body: body.unwrap_or_default(),
        }
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::PckCertificate {
                qeid,
                cpusvn,
                pcesvn,
                pceid,
                encrypted_ppid,
            } => {
                let mut all = vec![
                    ("qeid", qeid.to_string()),
                    ("cpusvn", cpusvn.to_string()),
                    ("pcesvn", pcesvn.to_string()),
                    ("pceid", pceid.to_string()),
                ];
                if let Some(ppid) = encrypted_ppid {
                    all.push(("encrypted_ppid", ppid.to_string()));
                }
                all
            }
            Self::PckCrl { ca, form } => {
                let mut all = vec![("ca", ca.as_str().to_owned())];
                if *form == CrlForm::Der {
                    all.push(("encoding", "der".to_owned()));
                }
                all
            }
            Self::TcbInfo {
                fmspc, selection, ..
            } => vec![("fmspc", fmspc.to_string()), selector(*selection)],
            Self::EnclaveIdentity { selection, .. } => vec![selector(*selection)],
            Self::RootCaCrl | Self::PutCollateral(_) | Self::PutAppraisalPolicy(_) => Vec::new(),
            Self::Crl(uri) => vec![("uri", uri.as_str().to_owned())],
            Self::AddPlatform { update, .. } => vec![("update", update.as_str().to_owned())],
            Self::Platforms(source) => vec![("source", written(source))],
            Self::Refresh(refresh) => {
                let mut all = Vec::new();
                if refresh.documents == RefreshedDocuments::PckCertificates {
                    all.push(("type", "certs".to_owned()));
                }
                if !refresh.fmspcs.is_empty() {
                    all.push(("fmspc", list(&refresh.fmspcs)));
                }
                all
            }
            Self::AppraisalPolicy(fmspc) => vec![("fmspc", fmspc.to_string())],
        }
    }

    fn body(&self, version: Version) -> Option<Vec<u8>> {
        match self {
            Self::AddPlatform { platform, .. } => {
                let listed = ListedPlatform::from((**platform).clone());
                Some(json(&Fields::of_listed(&listed)))
            }
            Self::PutCollateral(collateral) => Some(collateral.write(version)),
            Self::PutAppraisalPolicy(policy) => Some(policy.write()),
            _ => None,
        }
    }
}

impl Operation {
    /// Whether requests carry a body.
    pub const fn has_body(self) -> bool {
        matches!(
            self,
            Self::AddPlatform | Self::PutCollateral | Self::PutAppraisalPolicy
        )
    }
}

fn selector(selection: Selection) -> (&'static str, String) {
    match selection {
        Selection::Standard => ("update", "standard".to_owned()),
        Selection::Early => ("update", "early".to_owned()),
        Selection::Number(number) => ("tcbEvaluationDataNumber", number.to_string()),
    }
}

fn written(source: &Source) -> String {
    match source {
        Source::Waiting => "reg".to_owned(),
        Source::NotAvailable => "reg_na".to_owned(),
        Source::Cached(fmspcs) => format!("[{}]", list(fmspcs)),
    }
}

fn list(fmspcs: &[Fmspc]) -> String {
    let texts: Vec<String> = fmspcs.iter().map(Fmspc::to_string).collect();
    texts.join(",")
}

/// Compact JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("lists of strings and numbers are JSON")
}
