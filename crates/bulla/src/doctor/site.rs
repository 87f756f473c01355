//! The service itself: how it is reached, which interface it has, what it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use bulla_collateral::{Series, Slot, TcbInfoId};
use bulla_pki::TrustAnchor;
use bulla_protocol::pcs::{Answer, PlatformFilter, Request, Response};
use bulla_protocol::value::Fmspc;
use bulla_protocol::wire::RequestParts;
use bulla_service::want::Want;
use reqwest::Url;

use super::Question;
use super::finding::{Ailment, Finding};
use super::plan::{self, Dialect, Family};
use super::root;
use crate::args::DialectArg;
use crate::client::{self, Client, PATIENCE, Reach, Reply};
use crate::error::{Error, Result};
use crate::supply;

/// Intel's service, and where the certificates under its root say that the root's CRL is.
const INTELS: &str = "api.trustedservices.intel.com";
const INTELS_ROOT_CRL: &str = "https://certificates.trustedservices.intel.com";

/// How the way to a service is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// It does not leave this machine.
    Loopback,
    /// In plain text over a network.
    Clear,
    /// By TLS with a certificate that is trusted here.
    Tls,
    /// By TLS with one that is not.
    TlsUntrusted,
}

impl Transport {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Clear => "clear",
            Self::Tls => "tls",
            Self::TlsUntrusted => "tls_untrusted",
        }
    }
}

/// A service that answers.
pub(crate) struct Site {
    client: Client,
    /// Why TLS does not trust it, where that is so.
    distrust: Option<String>,
    pub(crate) base: Url,
    pub(crate) dialect: Dialect,
    pub(crate) transport: Transport,
    /// Whether it is a service of bulla.
    pub(crate) is_bulla: bool,
    /// Whether it answers Azure's client.
    pub(crate) speaks_azures: bool,
    listing: Option<serde_json::Value>,
}

/// A question and what came back, or why nothing did.
pub(super) struct Asked<'a> {
    pub(super) question: &'a Question,
    pub(super) target: String,
    pub(super) reply: std::result::Result<Reply, String>,
}

impl Site {
    /// Reaches it, and finds out what it is. Nothing secret is sent and everything is verified, so
    /// a certificate that is not trusted is a finding, not the end.
    pub(super) fn find(base: Url, ca_file: Option<&Path>, dialect: DialectArg) -> Result<Self> {
        let reach = |any_certificate: bool| Reach {
            ca_file: ca_file.filter(|_| !any_certificate),
            any_certificate,
            deadline: PATIENCE,
        };
        let is_tls = base.scheme() == "https";
        let open = |any| Client::new(base.clone(), reach(any));
        let (client, distrust) = match open(false).map(|client| (probe(&client), client)) {
            Ok((Ok(()), client)) => (client, None),
            Ok((Err(reason), _)) if is_tls => (open(true)?, Some(reason)),
            Ok((Err(reason), _)) => return Err(unreachable(&base, reason)),
            // Where the system has no CAs, nobody is trusted.
            Err(Error::ServiceUnreachable { reason, .. }) if is_tls && ca_file.is_none() => {
                (open(true)?, Some(reason))
            }
            Err(error) => return Err(error),
        };
        if let Some(first) = &distrust
            && probe(&client).is_err()
        {
            return Err(unreachable(&base, first.clone()));
        }
        let transport = match (&distrust, is_tls) {
            (None, true) => Transport::Tls,
            (Some(_), _) => Transport::TlsUntrusted,
            (None, false) if client::is_private(&base) => Transport::Loopback,
            (None, false) => Transport::Clear,
        };
        let mut site = Self {
            client,
            distrust,
            base,
            dialect: Dialect::Pccs,
            transport,
            is_bulla: false,
            speaks_azures: false,
            listing: None,
        };
        site.dialect = match dialect {
            DialectArg::Pccs => Dialect::Pccs,
            DialectArg::Pcs => Dialect::Pcs,
            DialectArg::Auto => site.guess(),
        };
        if site.dialect == Dialect::Pccs {
            site.listing = site.json("/collateral");
            let anchor = site
                .listing
                .as_ref()
                .and_then(|all| all.get("trust_anchor"));
            site.is_bulla = anchor.is_some();
            site.speaks_azures = site.is_there(AZURES);
        }
        Ok(site)
    }

    /// What is wrong with the way there.
    pub(super) fn findings(&self) -> Vec<Finding> {
        match (self.transport, &self.distrust) {
            (Transport::Clear, _) => {
                vec![Ailment::PlainHttp.of("service", "It is reached in plain text.".to_owned())]
            }
            (Transport::TlsUntrusted, Some(reason)) => {
                let message = format!("Its certificate is not trusted here: {reason}.");
                vec![Ailment::TlsUntrusted.of("service", message)]
            }
            _ => Vec::new(),
        }
    }

    fn guess(&self) -> Dialect {
        let kind = supply::service(client::shown(&self.base));
        let is_vendors = matches!(kind, bulla_upstream::Kind::Pcs { .. });
        let lists_families = || self.is_there("/sgx/certification/v4/fmspcs");
        match is_vendors || (!self.is_there(plan::ROOT_CRL) && lists_families()) {
            true => Dialect::Pcs,
            false => Dialect::Pccs,
        }
    }

    fn is_there(&self, target: &str) -> bool {
        let reply = self.get(target);
        reply.is_ok_and(|reply| reply.parts.status.is_success())
    }

    fn json(&self, target: &str) -> Option<serde_json::Value> {
        let reply = self.get(target).ok()?;
        let is_answer = reply.parts.status.is_success();
        is_answer
            .then(|| serde_json::from_slice(&reply.parts.body).ok())
            .flatten()
    }

    /// `GET`, and never anything else.
    pub(super) fn get(&self, target: &str) -> std::result::Result<Reply, String> {
        self.client.send(&get(target))
    }

    /// The families that it lists, if it lists any.
    pub(super) fn families(&self) -> Vec<Family> {
        let listed = match self.dialect {
            Dialect::Pcs => self.families_of_vendor(),
            Dialect::Pccs => self.families_of_bulla(),
        };
        listed.unwrap_or_default()
    }

    fn families_of_vendor(&self) -> Option<Vec<Family>> {
        let request = Request::Fmspcs(PlatformFilter::All);
        let reply = self.client.send(&request.write()).ok()?;
        match Response::read(&request, reply.parts).ok()?.outcome.ok()? {
            Answer::Fmspcs(list) => {
                let families: BTreeSet<Fmspc> =
                    list.iter().map(|platform| platform.fmspc).collect();
                Some(families.into_iter().map(Family::new).collect())
            }
            _ => None,
        }
    }

    fn families_of_bulla(&self) -> Option<Vec<Family>> {
        let documents = self.listing.as_ref()?.get("documents")?.as_array()?;
        let slots = documents.iter().filter_map(|row| row.get("slot")?.as_str());
        let slots = slots.filter_map(|text| text.parse::<Slot>().ok());
        let mut families: BTreeMap<Fmspc, Family> = BTreeMap::new();
        for series in slots.filter_map(|slot| slot.series()) {
            if let Series::TcbInfo { id, fmspc, .. } = series {
                let fmspc = Fmspc(fmspc);
                let family = families.entry(fmspc).or_insert(Family::new(fmspc));
                family.has_tdx |= id == TcbInfoId::Tdx;
            }
        }
        Some(families.into_values().collect())
    }

    /// Asks one question after the other, as a single client would.
    pub(super) fn ask_all<'a>(
        &self,
        questions: &'a [Question],
        anchor: &TrustAnchor,
    ) -> Vec<Asked<'a>> {
        let shown = io::stderr().is_terminal();
        let mut all: Vec<Asked<'a>> = Vec::with_capacity(questions.len());
        for question in questions {
            if shown {
                let (done, count) = (all.len(), questions.len());
                // Progress that cannot be shown is no reason to stop.
                let _ = write!(io::stderr(), "\r\x1b[K{done} of {count}: {}", question.want);
            }
            let file = match question.want {
                Want::RootCaCrl => root::certificates(&all, anchor)
                    .iter()
                    .find_map(|root| supply::crl_file(root)),
                _ => None,
            };
            let Some(request) = plan::request(question.want, self.dialect, file) else {
                continue;
            };
            all.push(Asked {
                question,
                target: request.target(),
                reply: self.put(question.want, &request),
            });
        }
        if shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        all
    }

    /// Puts a question where it is answered: the vendor's root CRL is on a host of its own.
    fn put(&self, want: Want, request: &RequestParts) -> std::result::Result<Reply, String> {
        if want != Want::RootCaCrl || self.base.host_str() != Some(INTELS) {
            return self.client.send(request);
        }
        let elsewhere = Url::parse(INTELS_ROOT_CRL).map_err(|error| error.to_string())?;
        let reach = Reach {
            ca_file: None,
            any_certificate: false,
            deadline: PATIENCE,
        };
        let client = Client::new(elsewhere, reach).map_err(|error| error.to_string())?;
        client.send(request)
    }
}

/// What Azure's client asks for, and Intel's cache does not know.
const AZURES: &str = "/sgx/certification/v4/pckcrl?uri=https%3a%2f%2fcertificates.trustedservices.\
                      intel.com%2fintelsgxrootca.crl&clientid=production_client&api-version=\
                      2018-10-01-preview";

fn get(target: &str) -> RequestParts {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    RequestParts {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..RequestParts::default()
    }
}

/// Whether anything answers there; two questions, as one of them may be what is broken.
fn probe(client: &Client) -> std::result::Result<(), String> {
    let first = client.send(&get("/sgx/certification/v4/qe/identity"));
    let Err(reason) = first else {
        return Ok(());
    };
    let second = client.send(&get(
        "/sgx/certification/v4/pckcrl?ca=processor&encoding=der",
    ));
    second.map(|_| ()).map_err(|_| reason)
}

fn unreachable(base: &Url, reason: String) -> Error {
    Error::ServiceUnreachable {
        url: client::shown(base),
        reason,
    }
}
