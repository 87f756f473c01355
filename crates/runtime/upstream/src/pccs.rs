//! Intel's cache as an upstream.
//!
//! What it has in common with the vendor it answers as the vendor does, but for parameters of media
//! types. Its CRLs are asked for as DER; versions that know no `encoding` send digits all the same.

use bulla_protocol::pcs::{Answer, Request};
use bulla_protocol::wire::{RequestParts, ResponseParts};

use crate::address::Address;
use crate::crl;
use crate::http::{self, Http};
use crate::settings::{SettingsError, UpstreamSettings};
use crate::trouble::Trouble;

/// Where a cache has the CRL of the root.
const ROOT_CRL_PATH: &str = "/sgx/certification/v4/rootcacrl";

#[derive(Clone, Debug)]
pub(crate) struct Pccs {
    http: Http,
    base: Address,
}

impl Pccs {
    pub(crate) fn new(url: &str, settings: &UpstreamSettings) -> Result<Self, SettingsError> {
        let base = Address::service(url, settings.insecure_http).map_err(|problem| {
            SettingsError::Value {
                name: settings.name.clone(),
                setting: "url",
                problem,
            }
        })?;
        Ok(Self {
            http: Http::new(settings, base.is_encrypted())?,
            base,
        })
    }

    /// Why it is not asked for this; `None` where it can be.
    pub(crate) fn cannot(request: &Request) -> Option<&'static str> {
        match request {
            Request::TcbInfo { .. }
            | Request::EnclaveIdentity { .. }
            | Request::PckCrl { .. }
            | Request::RootCaCrl(_) => None,
            // A cache knows platforms by the QE's id, which is not in the vendor's requests.
            Request::PckCertificate { .. }
            | Request::PckCertificates { .. }
            | Request::PckCertificatesConfig { .. } => {
                Some("a cache of Intel's kind does not know platforms by their PPID")
            }
            Request::Fmspcs(_)
            | Request::EvaluationDataNumbers(_)
            | Request::RegisterPlatform(_)
            | Request::AddPackage { .. } => Some("a cache of Intel's kind has nothing of this"),
        }
    }

    pub(crate) async fn exchange(&self, request: &Request) -> Result<Answer, Trouble> {
        let parts = asked(request);
        let url = self.base.of(&parts.path, &parts.query);
        answered(request, self.http.exchange(url, parts).await?)
    }
}

/// The request as a cache knows it.
fn asked(request: &Request) -> RequestParts {
    match request {
        Request::PckCrl { ca, .. } => crl::request(*ca).write(),
        Request::RootCaCrl(_) => RequestParts {
            path: ROOT_CRL_PATH.to_owned(),
            ..request.write()
        },
        _ => request.write(),
    }
}

/// The answer to it, in the vendor's terms.
fn answered(request: &Request, response: ResponseParts) -> Result<Answer, Trouble> {
    let success = response.status.is_success();
    match request {
        Request::RootCaCrl(file) if success => crl::converted(response.body, file.encoding())
            .map(Answer::RootCaCrl)
            .map_err(Trouble::Malformed),
        Request::PckCrl { ca, encoding } if success => crl::of_pck_ca(*ca, *encoding, response),
        _ => http::read(request, response),
    }
}
