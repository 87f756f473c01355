//! Documents that a service had at an instant, from its own routes.

use bulla_collateral::{CollateralSet, SignedText};
use bulla_pki::Timestamp;
use bulla_service::judging::Need;
use bulla_service::want::Want;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::service::{Service, Told};
use crate::time;

/// Where a document of an instant is.
const DOCUMENT: &str = "/collateral/document";

/// An issue of a document.
#[derive(Deserialize)]
pub(crate) struct Issue {
    pub(crate) slot: String,
    pub(crate) issued: String,
    pub(crate) arrived: String,
    /// A signed document.
    document: Option<String>,
    /// A CRL in DER.
    document_hex: Option<String>,
    issuer_chain: String,
}

/// An instant that is to come has no documents.
pub(crate) fn has_come(at: Timestamp) -> Result<()> {
    match at <= time::now()? {
        true => Ok(()),
        false => Err(wrong_at(format!(
            "{at} is to come, and nobody has its documents; `bulla baseline preview --at` says who \
             would fall out"
        ))),
    }
}

pub(crate) fn wrong_at(reason: String) -> Error {
    Error::ArgumentInvalid {
        option: "--at",
        reason,
    }
}

/// The documents that a service had, for what a quote needs.
pub(crate) fn set(
    service: &Service,
    at: Timestamp,
    need: Need,
) -> Result<(CollateralSet, [Issue; 4])> {
    let [tcb_info, identity, pck_crl, root_ca_crl] = need.wants();
    let issues = [
        issue(service, at, tcb_info)?,
        issue(service, at, identity)?,
        issue(service, at, pck_crl)?,
        issue(service, at, root_ca_crl)?,
    ];
    let [tcb_info, identity, pck_crl, root_ca_crl] = &issues;
    let set = CollateralSet {
        tcb_info: signed(service, tcb_info)?,
        tcb_info_issuer_chain: tcb_info.issuer_chain.clone().into_bytes(),
        qe_identity: signed(service, identity)?,
        qe_identity_issuer_chain: identity.issuer_chain.clone().into_bytes(),
        pck_crl: der(service, pck_crl)?,
        pck_crl_issuer_chain: pck_crl.issuer_chain.clone().into_bytes(),
        root_ca_crl: der(service, root_ca_crl)?,
        pck_certificate_chain: None,
    };
    Ok((set, issues))
}

fn issue(service: &Service, at: Timestamp, want: Want) -> Result<Issue> {
    let slot = want.to_string();
    let told = service.get_at(DOCUMENT, &[("slot", &slot)], Some(at));
    match told {
        Ok(Told { value, .. }) => Ok(value),
        Err(Error::ServiceRefused {
            status: 404,
            code,
            reason,
            url,
        }) => match code == "not-found" {
            true => Err(Error::CollateralUnavailable {
                url,
                what: format!("{slot} of that instant"),
                reason: format!(
                    "{reason}; give another --at (`bulla collateral history` lists what is kept), or \
                     without --service the documents of then by --collateral, and what was demanded \
                     then by --baseline"
                ),
            }),
            false => Err(wrong_at(format!(
                "{url} is not asked about the past: that takes the address of a service of bulla, \
                 without the base path of a ring or an interface"
            ))),
        },
        Err(error) => Err(error),
    }
}

fn signed(service: &Service, issue: &Issue) -> Result<SignedText> {
    let document = issue.document.as_deref().unwrap_or_default();
    SignedText::from_wrapped(document.as_bytes())
        .map(|(_, text)| text)
        .map_err(|error| unknown(service, issue, &error))
}

fn der(service: &Service, issue: &Issue) -> Result<Vec<u8>> {
    let digits = issue.document_hex.as_deref().unwrap_or_default();
    hex::decode(digits).map_err(|error| unknown(service, issue, &error))
}

fn unknown(service: &Service, issue: &Issue, error: &dyn std::error::Error) -> Error {
    Error::ServiceAnswerUnknown {
        url: format!("{}{DOCUMENT}", service.url),
        reason: format!("{}: {error}", issue.slot),
    }
}
