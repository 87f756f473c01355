//! The vendor's service as an upstream, or another bulla, which speaks the same.

use bulla_protocol::pcs::{Answer, Request, SubscriptionKey};
use bulla_protocol::wire::RequestParts;
use reqwest::Url;

use crate::address::Address;
use crate::crl;
use crate::http::{self, Http, SUBSCRIPTION_KEY};
use crate::settings::{SettingsError, UpstreamSettings};
use crate::trouble::Trouble;

/// The hosts of Intel's service: production, test, early access.
const INTELS: [&str; 3] = [
    PRODUCTION,
    "sbx.api.trustedservices.intel.com",
    "validation.api.trustedservices.intel.com",
];
const PRODUCTION: &str = "api.trustedservices.intel.com";

/// Where the certificates under Intel's root say that its CRL is.
const INTELS_ROOT_CRL: &str = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";

#[derive(Clone, Debug)]
pub(crate) struct Pcs {
    http: Http,
    base: Address,
    root_crl: RootCrl,
    key: Option<SubscriptionKey>,
}

/// Where the CRL of the root is.
#[derive(Clone, Debug)]
enum RootCrl {
    /// At the address of the service, under the file's name.
    Beside,
    /// Elsewhere, where the key is not sent.
    At(Address),
    /// Nobody said.
    Unknown,
}

impl Pcs {
    pub(crate) fn new(url: &str, settings: &UpstreamSettings) -> Result<Self, SettingsError> {
        let wrong = |setting, problem| SettingsError::Value {
            name: settings.name.clone(),
            setting,
            problem,
        };
        let insecure = settings.insecure_http;
        let base = Address::service(url, insecure).map_err(|problem| wrong("url", problem))?;
        if settings.api_key.is_some() && !base.is_encrypted() && !base.is_this_machine() {
            let problem = "is a secret, and would be sent in clear over a network: use https";
            return Err(wrong("api_key", problem.to_owned()));
        }
        let root_crl = match &settings.root_crl_url {
            Some(url) => RootCrl::At(
                Address::file(url, insecure).map_err(|problem| wrong("root_crl_url", problem))?,
            ),
            None if base.host() == PRODUCTION => RootCrl::At(
                Address::file(INTELS_ROOT_CRL, false)
                    .map_err(|problem| wrong("root_crl_url", problem))?,
            ),
            None if is_intels(&base) => RootCrl::Unknown,
            None => RootCrl::Beside,
        };
        let elsewhere = matches!(&root_crl, RootCrl::At(address) if address.is_encrypted());
        Ok(Self {
            http: Http::new(settings, base.is_encrypted() || elsewhere)?,
            base,
            root_crl,
            key: settings.api_key.clone(),
        })
    }

    /// Whether this is the source, unless the settings say otherwise.
    pub(crate) fn is_intels(&self) -> bool {
        is_intels(&self.base)
    }

    /// Why it is not asked for this; `None` where it can be.
    pub(crate) fn cannot(&self, request: &Request) -> Option<&'static str> {
        let unknown = matches!(self.root_crl, RootCrl::Unknown);
        (unknown && matches!(request, Request::RootCaCrl(_)))
            .then_some("where its root's CRL is was not said: set root_crl_url")
    }

    pub(crate) async fn exchange(&self, request: &Request) -> Result<Answer, Trouble> {
        let mut parts = request.write();
        let url = match (&self.root_crl, request) {
            (RootCrl::At(address), Request::RootCaCrl(_)) => address.url(),
            _ => self.target(&mut parts),
        };
        let response = self.http.exchange(url, parts).await?;
        if let Request::RootCaCrl(file) = request
            && response.status.is_success()
        {
            return crl::converted(response.body, file.encoding())
                .map(Answer::RootCaCrl)
                .map_err(Trouble::Malformed);
        }
        http::read(request, response)
    }

    /// The address of a request at the service itself, where the key belongs. A request that has
    /// somebody's key already keeps it.
    fn target(&self, parts: &mut RequestParts) -> Url {
        if let Some(key) = &self.key
            && parts.headers.find(SUBSCRIPTION_KEY).is_none()
        {
            parts.headers.add(SUBSCRIPTION_KEY, key.expose());
        }
        self.base.of(&parts.path, &parts.query)
    }
}

fn is_intels(address: &Address) -> bool {
    INTELS.contains(&address.host())
}
