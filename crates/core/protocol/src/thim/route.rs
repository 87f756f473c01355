//! Methods and paths: what is wanted.

use crate::pccs::Refusal;
use crate::pcs::{Enclave, Tee};
use crate::value::Fmspc;
use crate::wire::Method;

/// What can be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Operation {
    /// The PCK certificate for the TCB that a platform reports.
    PckCertificate,
    /// The CRL of a PCK CA; by the URI of its distribution point also that of the root.
    PckCrl,
    /// The CRL of the root.
    RootCaCrl,
    /// Any of the CRLs, by the URI of its distribution point.
    Crl,
    /// TCB info.
    TcbInfo(Tee),
    /// Identity of one of the vendor's enclaves; the appraisal enclave's is not served.
    EnclaveIdentity(Enclave),
}

/// What a request is for, by its method and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Route {
    /// What is wanted.
    pub operation: Operation,
    /// The version of TCB info that goes with the version in the path: 2 for `v2` and `v3`, 3 for
    /// `v4`.
    pub tcb_info_version: u8,
    /// Whether the path is that of the agent on the host, which only Azure's client asks.
    pub at_agent: bool,
    /// The family where the path names it, as one of the older spellings does.
    pub(super) fmspc: Option<Fmspc>,
}

/// In front of the paths of the agent on the host.
const AGENT: &str = "/metadata/THIM";

/// Where the paths for SGX begin; a version follows.
const SGX: &str = "/sgx/certification/";
/// Where the older spellings begin (threads of Azure-DCAP-Client): that of the CRLs has no version, that
/// of TCB info has the family behind its name.
const OLDER: &str = "/sgx/certificates/";
/// The same for TDX.
const TDX: &str = "/tdx/certification/";

/// What there is below a version for SGX, the most wanted first.
const SGX_PLACES: [(&str, Operation); 7] = [
    ("tcb", Operation::TcbInfo(Tee::Sgx)),
    ("qe/identity", Operation::EnclaveIdentity(Enclave::SgxQe)),
    ("pckcrl", Operation::PckCrl),
    ("pckcert", Operation::PckCertificate),
    ("rootcacrl", Operation::RootCaCrl),
    ("qve/identity", Operation::EnclaveIdentity(Enclave::SgxQve)),
    ("crl", Operation::Crl),
];

/// The same for TDX, of version 4 alone.
const TDX_PLACES: [(&str, Operation); 2] = [
    ("tcb", Operation::TcbInfo(Tee::Tdx)),
    ("qe/identity", Operation::EnclaveIdentity(Enclave::TdxQe)),
];

/// The versions of the interface that the client can be set to, and of the TCB info in each.
const VERSIONS: [(&str, u8); 3] = [("v4", 3), ("v3", 2), ("v2", 2)];

impl Route {
    /// Reads method and path, the latter as received. Each path has one spelling, but for the
    /// `/metadata/THIM` of the agent, which may stand in front of it.
    pub fn read(method: &str, path: &str) -> Result<Self, Refusal> {
        let agents = path.strip_prefix(AGENT);
        let below = agents.unwrap_or(path);
        let route = match below.strip_prefix(OLDER) {
            Some(rest) => Self::older(rest),
            None => Self::current(below),
        };
        let route = route.ok_or_else(|| Refusal::not_found(method, path, &[]))?;
        match method.parse() {
            Ok(Method::Get | Method::Head) => Ok(Self {
                at_agent: agents.is_some(),
                ..route
            }),
            _ => Err(Refusal::not_found(method, path, &[Method::Get])),
        }
    }

    fn current(path: &str) -> Option<Self> {
        let (places, rest): (&[_], &str) = match path.strip_prefix(SGX) {
            Some(rest) => (&SGX_PLACES, rest),
            None => (&TDX_PLACES, path.strip_prefix(TDX)?),
        };
        let (version, name) = rest.split_once('/')?;
        let is_tdx = places.len() == TDX_PLACES.len();
        let tcb_info_version = tcb_info_version(version)?;
        let (_, operation) = places.iter().find(|(other, _)| *other == name)?;
        (!is_tdx || version == "v4").then_some(Self {
            operation: *operation,
            tcb_info_version,
            at_agent: false,
            fmspc: None,
        })
    }

    fn older(rest: &str) -> Option<Self> {
        let (operation, tcb_info_version, fmspc) = match rest.split_once("/tcb/") {
            Some((version, fmspc)) => (
                Operation::TcbInfo(Tee::Sgx),
                tcb_info_version(version)?,
                Some(fmspc.parse().ok()?),
            ),
            None if rest == "pckcrl" => (Operation::PckCrl, 3, None),
            None => return None,
        };
        Some(Self {
            operation,
            tcb_info_version,
            at_agent: false,
            fmspc,
        })
    }

    /// The path of every route, with `{version}` where the version stands in those that have more
    /// than one, and `{fmspc}` where the family does. The method is `GET`; `HEAD` goes with it.
    pub fn every() -> impl Iterator<Item = String> {
        let sgx = SGX_PLACES
            .iter()
            .map(|(name, _)| format!("{SGX}{{version}}/{name}"));
        let tdx = TDX_PLACES.iter().map(|(name, _)| format!("{TDX}v4/{name}"));
        let older = ["pckcrl", "{version}/tcb/{fmspc}"].into_iter();
        sgx.chain(tdx)
            .chain(older.map(|name| format!("{OLDER}{name}")))
    }
}

fn tcb_info_version(version: &str) -> Option<u8> {
    let known = VERSIONS.iter().find(|(other, _)| *other == version);
    known.map(|(_, of_tcb_info)| *of_tcb_info)
}
