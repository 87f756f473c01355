//! Documents from a service or a directory, through `bulla-upstream`. Whoever supplies them is not
//! trusted: what comes is verified by whoever uses it.

use std::path::Path;

use bulla_collateral::{CollateralSet, EnclaveId, PckCa, Selector, Series, SignedText, TcbInfoId};
use bulla_evidence::Quote;
use bulla_pki::certificate::Certificate;
use bulla_pki::pem;
use bulla_protocol::pcs::{Answer, CrlFile, EncodedCrl, IssuedDocument, Request};
use bulla_service::judging::Need;
use bulla_service::want::{Choice, Want};
use bulla_upstream::{Failure, Kind, Proxy, UpstreamSettings, Upstreams};
use tokio::runtime::Runtime;

use crate::client;
use crate::error::{Error, Result};

/// What the enforced set is called.
const STANDARD: Choice = Choice::Selected(Selector::Standard);

/// Somebody who has documents.
pub(crate) struct Supplier {
    runtime: Runtime,
    upstreams: Upstreams,
    /// How he is called in messages.
    pub(crate) name: String,
}

/// How a supplier is reached, beside his address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way<'a> {
    pub(crate) ca_file: Option<&'a Path>,
    pub(crate) proxy: Proxy,
}

/// Who is meant by the text of an option: an address, or a kind, `=` and a place. An address alone
/// is of the kind that `bare` makes of it.
pub(crate) fn kind(text: &str, bare: impl FnOnce(String) -> Kind) -> Kind {
    match text.split_once('=') {
        Some(("pcs", url)) => Kind::Pcs { url: url.into() },
        Some(("pccs", url)) => Kind::Pccs { url: url.into() },
        Some(("directory", path)) => Kind::Directory { path: path.into() },
        _ => bare(text.to_owned()),
    }
}

/// A service by its address: the vendor's by its hosts, another bulla's interface of that kind by
/// its path, and everything else is a cache.
pub(crate) fn service(url: String) -> Kind {
    let is_vendors = url.contains("trustedservices.intel.com");
    let path = url.trim_end_matches('/');
    let path = path.strip_suffix("/sgx/certification/v4").unwrap_or(path);
    match is_vendors || path.ends_with("/pcs") {
        true => Kind::Pcs { url },
        false => Kind::Pccs { url },
    }
}

/// How somebody who has documents is called in messages.
pub(crate) fn shown(option: &'static str, kind: &Kind) -> Result<String> {
    Ok(match kind {
        Kind::Directory { path } => path.display().to_string(),
        Kind::Pcs { url } | Kind::Pccs { url } => client::shown(&client::address(option, url)?),
        _ => String::new(),
    })
}

/// One upstream under a name, for documents alone.
pub(crate) fn upstreams(
    option: &'static str,
    name: &str,
    kind: Kind,
    way: Way<'_>,
) -> Result<Upstreams> {
    let mut settings = UpstreamSettings::new(name, kind);
    settings.ca_file = way.ca_file.map(Path::to_owned);
    settings.proxy = way.proxy;
    // No name of a platform is sent, and what comes is signed.
    settings.insecure_http = true;
    Upstreams::new(vec![settings]).map_err(|error| Error::ArgumentInvalid {
        option,
        reason: error.to_string(),
    })
}

impl Supplier {
    /// Reaches nobody yet.
    pub(crate) fn open(option: &'static str, kind: Kind, way: Way<'_>) -> Result<Self> {
        let name = shown(option, &kind)?;
        let upstreams = upstreams(option, "service", kind, way)?;
        let runtime = client::runtime(&name)?;
        Ok(Self {
            runtime,
            upstreams,
            name,
        })
    }

    /// Asks for one thing.
    pub(crate) fn ask(&self, request: &Request) -> std::result::Result<Answer, Failure> {
        let asked = self.upstreams.ask(request, |supplied| Ok(supplied.answer));
        self.runtime.block_on(asked)
    }

    /// What a quote in binary form needs, by the certificate that it carries.
    pub(crate) fn need(quote: &[u8]) -> Result<Need> {
        let untold = |reason: String| Error::CollateralUntold { reason };
        let quote = Quote::parse(quote).map_err(|error| untold(error.to_string()))?;
        Need::of(&quote, STANDARD).map_err(|error| untold(error.to_string()))
    }

    /// The set that is in force now for a need.
    pub(crate) fn set(&self, need: Need) -> Result<CollateralSet> {
        let enclave = match need.id {
            TcbInfoId::Sgx => EnclaveId::Qe,
            TcbInfoId::Tdx => EnclaveId::TdQe,
        };
        let family = Series::TcbInfo {
            id: need.id,
            fmspc: need.fmspc,
            version: 3,
        };
        let tcb_info = self.document(Want::Series(family, need.choice))?;
        let identity = Want::Series(Series::EnclaveIdentity(enclave), need.choice);
        let identity = self.document(identity)?;
        let (pck_crl, pck_crl_issuer_chain) = self.pck_crl(need.ca)?;
        let chain = identity.issuer_chain.into_bytes();
        let root_ca_crl = self.root_ca_crl(&chain)?;
        Ok(CollateralSet {
            tcb_info: self.text("TCB info", &tcb_info.document)?,
            tcb_info_issuer_chain: tcb_info.issuer_chain.into_bytes(),
            qe_identity: self.text("identity", &identity.document)?,
            qe_identity_issuer_chain: chain,
            pck_crl,
            pck_crl_issuer_chain,
            root_ca_crl,
            pck_certificate_chain: None,
        })
    }

    fn document(&self, want: Want) -> Result<IssuedDocument> {
        match self.wanted(want)? {
            Answer::TcbInfo(issued) | Answer::EnclaveIdentity(issued) => Ok(issued),
            _ => Err(self.lacks(want.to_string(), "the answer is something else".to_owned())),
        }
    }

    fn pck_crl(&self, ca: PckCa) -> Result<(Vec<u8>, Vec<u8>)> {
        let want = Want::PckCrl(ca);
        match self.wanted(want)? {
            Answer::PckCrl { crl, issuer_chain } => Ok((bytes(crl), issuer_chain.into_bytes())),
            _ => Err(self.lacks(want.to_string(), "the answer is something else".to_owned())),
        }
    }

    fn root_ca_crl(&self, chain: &[u8]) -> Result<Vec<u8>> {
        let want = Want::RootCaCrl;
        let answer = match root_crl_file(chain) {
            Some(file) => self.answer(want, &Request::RootCaCrl(file))?,
            None => self.wanted(want)?,
        };
        match answer {
            Answer::RootCaCrl(crl) => Ok(bytes(crl)),
            _ => Err(self.lacks(want.to_string(), "the answer is something else".to_owned())),
        }
    }

    fn wanted(&self, want: Want) -> Result<Answer> {
        let request = want.request();
        let request = request
            .ok_or_else(|| self.lacks(want.to_string(), "nobody can be asked".to_owned()))?;
        self.answer(want, &request)
    }

    fn answer(&self, want: Want, request: &Request) -> Result<Answer> {
        self.ask(request)
            .map_err(|failure| self.lacks(want.to_string(), failure.to_string()))
    }

    fn text(&self, what: &str, document: &[u8]) -> Result<SignedText> {
        SignedText::from_wrapped(document)
            .map(|(_, text)| text)
            .map_err(|error| self.lacks(what.to_owned(), error.to_string()))
    }

    fn lacks(&self, what: String, reason: String) -> Error {
        Error::CollateralUnavailable {
            url: self.name.clone(),
            what,
            reason,
        }
    }
}

/// The file of the root's CRL, as the root in a chain names it. Nobody is asked there: the name
/// alone is used, at the supplier's own address.
pub(crate) fn root_crl_file(chain: &[u8]) -> Option<CrlFile> {
    let blocks = pem::decode(chain, "CERTIFICATE", 3).ok()?;
    crl_file(blocks.last()?)
}

/// The same, as a root in DER names it.
pub(crate) fn crl_file(root: &[u8]) -> Option<CrlFile> {
    let root = Certificate::parse(root).ok()?;
    let uri = root.extensions().crl_distribution_point??;
    CrlFile::new(uri.rsplit_once('/')?.1).ok()
}

pub(crate) fn bytes(crl: EncodedCrl) -> Vec<u8> {
    match crl {
        EncodedCrl::Pem(text) => text.into_bytes(),
        EncodedCrl::Der(der) => der,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_a_cache_unless_it_says_otherwise() {
        let is_pcs = |text: &str| matches!(kind(text, service), Kind::Pcs { .. });
        for text in [
            "https://api.trustedservices.intel.com",
            "http://127.0.0.1:8081/pcs",
            "http://127.0.0.1:8081/pcs/sgx/certification/v4/",
            "pcs=http://127.0.0.1:8181",
        ] {
            assert!(is_pcs(text), "{text}");
        }
        for text in ["http://127.0.0.1:8081", "pccs=http://127.0.0.1:8081/pcs"] {
            assert!(!is_pcs(text), "{text}");
        }
    }
}
