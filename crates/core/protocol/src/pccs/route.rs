//! Methods and paths: what is wanted, and who may want it.

use crate::pcs::{Enclave, Tee};
use crate::wire::Method;

use super::{Reason, Refusal};

/// Version of the interface, as it stands in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Version {
    /// 3: the vendor has ended it; served from what is stored.
    V3,
    /// 4.
    V4,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Access {
    /// Whoever reaches the service.
    Anybody,
    /// Whoever sends the [user's token](super::USER_TOKEN).
    User,
    /// Whoever sends the [administrator's token](super::ADMIN_TOKEN).
    Administrator,
}

/// What can be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Operation {
    /// The PCK certificate for the TCB that a platform reports.
    PckCertificate,
    /// The CRL of one of the two PCK CAs.
    PckCrl,
    /// TCB info.
    TcbInfo(Tee),
    /// Identity of one of the vendor's enclaves; the appraisal enclave's is not served.
    EnclaveIdentity(Enclave),
    /// The CRL of the root.
    RootCaCrl,
    /// Any of the CRLs, by the URI of its distribution point.
    Crl,
    /// Addition of a platform.
    AddPlatform,
    /// The list of platforms. Where it lists those that wait, they are handed over with it.
    Platforms,
    /// Import of collateral.
    PutCollateral,
    /// Renewal of what is stored.
    Refresh,
    /// Storing an appraisal policy.
    PutAppraisalPolicy,
    /// The default appraisal policies of a family of platforms.
    AppraisalPolicy,
}

/// What an operator decides about routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteRules {
    /// Whether `GET /refresh` refreshes, as it does with Intel's cache; otherwise `POST` alone.
    pub refresh_by_get: bool,
}

impl RouteRules {
    /// The same with `GET /refresh` allowed or not.
    #[must_use]
    pub const fn refresh_by_get(mut self, allowed: bool) -> Self {
        self.refresh_by_get = allowed;
        self
    }
}

/// What a request is for, by its method and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Route {
    /// The version of the interface.
    pub version: Version,
    /// What is wanted.
    pub operation: Operation,
    /// Whether the answer goes without its body (`HEAD`).
    pub head: bool,
}

/// Where the paths of each version and technology begin.
const MOUNTS: [(&str, Tee, Version); 3] = [
    ("/sgx/certification/v4/", Tee::Sgx, Version::V4),
    ("/tdx/certification/v4/", Tee::Tdx, Version::V4),
    ("/sgx/certification/v3/", Tee::Sgx, Version::V3),
];

/// A path below a mount.
struct Place {
    name: &'static str,
    methods: &'static [Method],
    /// What each of the methods is for.
    operations: &'static [Operation],
}

const fn readable(name: &'static str, operation: &'static [Operation; 1]) -> Place {
    Place {
        name,
        methods: &[Method::Get],
        operations: operation,
    }
}

/// What there is below a mount for SGX, the most wanted first.
const SGX: [Place; 11] = [
    readable("tcb", &[Operation::TcbInfo(Tee::Sgx)]),
    readable("qe/identity", &[Operation::EnclaveIdentity(Enclave::SgxQe)]),
    readable("pckcrl", &[Operation::PckCrl]),
    readable("pckcert", &[Operation::PckCertificate]),
    readable("rootcacrl", &[Operation::RootCaCrl]),
    readable(
        "qve/identity",
        &[Operation::EnclaveIdentity(Enclave::SgxQve)],
    ),
    readable("crl", &[Operation::Crl]),
    Place {
        name: "platforms",
        methods: &[Method::Post, Method::Get],
        operations: &[Operation::AddPlatform, Operation::Platforms],
    },
    Place {
        name: "platformcollateral",
        methods: &[Method::Put],
        operations: &[Operation::PutCollateral],
    },
    Place {
        name: "refresh",
        methods: &[Method::Post, Method::Get],
        operations: &[Operation::Refresh, Operation::Refresh],
    },
    Place {
        name: "appraisalpolicy",
        methods: &[Method::Put, Method::Get],
        operations: &[Operation::PutAppraisalPolicy, Operation::AppraisalPolicy],
    },
];

/// The same for TDX.
const TDX: [Place; 2] = [
    readable("tcb", &[Operation::TcbInfo(Tee::Tdx)]),
    readable("qe/identity", &[Operation::EnclaveIdentity(Enclave::TdxQe)]),
];

const fn places(tee: Tee) -> &'static [Place] {
    match tee {
        Tee::Sgx => &SGX,
        Tee::Tdx => &TDX,
    }
}

impl Place {
    fn operation(&self, wanted: Method) -> Option<Operation> {
        let mut rows = self.methods.iter().zip(self.operations);
        rows.find(|(method, _)| **method == wanted)
            .map(|(_, operation)| *operation)
    }
}

impl Route {
    /// Reads method and path, the latter as received: neither decoded nor normalised.
    ///
    /// Letter case does not count, and there may be one slash at the end. Every other spelling
    /// (empty segments, dots, anything percent-encoded) is another path, and there is none.
    pub fn read(method: &str, path: &str, rules: RouteRules) -> Result<Self, Refusal> {
        let refused = |allowed| Refusal::not_found(method, path, allowed);
        let (tee, version, name) = below_mount(path).ok_or_else(|| refused(&[]))?;
        let name = name.strip_suffix('/').unwrap_or(name);
        let place = places(tee)
            .iter()
            .find(|place| name.eq_ignore_ascii_case(place.name))
            .ok_or_else(|| refused(&[]))?;
        let asked: Option<Method> = method.parse().ok();
        let head = asked == Some(Method::Head);
        let operation = asked
            .map(|method| if head { Method::Get } else { method })
            .and_then(|method| place.operation(method))
            .ok_or_else(|| refused(place.methods).version(version))?;
        let by_get = head || asked == Some(Method::Get);
        let allowed: Option<&[Method]> = match operation {
            Operation::Refresh if by_get && !rules.refresh_by_get => Some(&[Method::Post]),
            Operation::Refresh | Operation::Platforms if head => Some(place.methods),
            _ => None,
        };
        match allowed {
            Some(allowed) => {
                let reason = Reason::MethodNotAllowed { allowed };
                Err(Refusal::new(reason).version(version))
            }
            None => Ok(Self {
                version,
                operation,
                head,
            }),
        }
    }

    /// Every route with its method and its path in the usual spelling. `HEAD`, which goes with
    /// `GET`, is left out; `GET /refresh` is there, whatever the [`RouteRules`] say.
    pub fn every() -> impl Iterator<Item = (Method, String, Self)> {
        MOUNTS.iter().flat_map(|(mount, tee, version)| {
            places(*tee).iter().flat_map(move |place| {
                let rows = place.methods.iter().zip(place.operations);
                rows.map(move |(method, operation)| {
                    let route = Self {
                        version: *version,
                        operation: *operation,
                        head: false,
                    };
                    (*method, format!("{mount}{}", place.name), route)
                })
            })
        })
    }

    /// Who may use the route.
    pub const fn access(self) -> Access {
        match self.operation {
            Operation::AddPlatform => Access::User,
            Operation::Platforms
            | Operation::PutCollateral
            | Operation::Refresh
            | Operation::PutAppraisalPolicy => Access::Administrator,
            Operation::PckCertificate
            | Operation::PckCrl
            | Operation::TcbInfo(_)
            | Operation::EnclaveIdentity(_)
            | Operation::RootCaCrl
            | Operation::Crl
            | Operation::AppraisalPolicy => Access::Anybody,
        }
    }

    /// Method and path of an operation, in the usual spelling. Version 3 has no path for TDX and
    /// gets that of version 4. The cache has no identity of the appraisal enclave; it is asked for
    /// where the vendor has it.
    pub(super) fn spelling(version: Version, operation: Operation) -> (Method, String) {
        let tee = match operation {
            Operation::TcbInfo(tee) => tee,
            Operation::EnclaveIdentity(Enclave::TdxQe) => Tee::Tdx,
            _ => Tee::Sgx,
        };
        let mount = MOUNTS
            .iter()
            .filter(|(_, other, _)| *other == tee)
            .find(|(.., other)| *other == version || tee == Tee::Tdx)
            .map_or("/", |(mount, ..)| *mount);
        let (name, method) = places(tee)
            .iter()
            .find_map(|place| {
                let mut rows = place.methods.iter().zip(place.operations);
                let (method, _) = rows.find(|(_, other)| **other == operation)?;
                Some((place.name, *method))
            })
            .unwrap_or(("qae/identity", Method::Get));
        (method, format!("{mount}{name}"))
    }
}

fn below_mount(path: &str) -> Option<(Tee, Version, &str)> {
    MOUNTS.iter().find_map(|(mount, tee, version)| {
        let (front, place) = path.split_at_checked(mount.len())?;
        front
            .eq_ignore_ascii_case(mount)
            .then_some((*tee, *version, place))
    })
}
