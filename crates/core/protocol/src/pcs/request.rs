//! What can be asked.

use std::fmt;
use std::str::FromStr;

use crate::value::{
    CpuSvn, EncryptedPpid, Fmspc, HeaderText, PceId, PceSvn, PlatformManifest, ValueError,
};

use super::{Enclave, Endpoint, PlatformFilter, Tee};

/// A request to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Request {
    /// The PCK certificate for one TCB of a platform.
    PckCertificate {
        /// Which platform.
        platform: PlatformKey,
        /// CPUSVN as the processor reports it.
        cpusvn: CpuSvn,
        /// SVN of the provisioning certification enclave.
        pcesvn: PceSvn,
        /// Its identity.
        pceid: PceId,
    },
    /// The PCK certificates for every TCB of a platform.
    PckCertificates {
        /// Which platform.
        platform: PlatformKey,
        /// Identity of the provisioning certification enclave.
        pceid: PceId,
    },
    /// The same, for the configuration that a CPUSVN has.
    PckCertificatesConfig {
        /// Which platform.
        platform: PlatformKey,
        /// A CPUSVN of the configuration.
        cpusvn: CpuSvn,
        /// Identity of the provisioning certification enclave.
        pceid: PceId,
    },
    /// The CRL of one of the two PCK CAs.
    PckCrl {
        /// Which of the two.
        ca: PckCa,
        /// In which form.
        encoding: CrlEncoding,
    },
    /// TCB info for the platforms of an FMSPC.
    TcbInfo {
        /// For which technology.
        tee: Tee,
        /// Which platforms.
        fmspc: Fmspc,
        /// Of which set.
        selection: Selection,
    },
    /// Identity of one of the vendor's enclaves.
    EnclaveIdentity {
        /// Which enclave.
        enclave: Enclave,
        /// Of which set.
        selection: Selection,
    },
    /// The FMSPCs that are supported.
    Fmspcs(
        /// Of which kinds of platforms.
        PlatformFilter,
    ),
    /// The evaluation numbers that are signed at present.
    EvaluationDataNumbers(
        /// For which technology.
        Tee,
    ),
    /// Registration of a platform, whose keys the vendor then keeps.
    RegisterPlatform(
        /// What it registers with.
        PlatformManifest,
    ),
    /// Addition of a package to a registered platform.
    AddPackage {
        /// The platform's request, opaque here.
        add_request: Vec<u8>,
        /// Without it the vendor refuses.
        key: SubscriptionKey,
    },
    /// The CRL of the root, at its distribution point.
    RootCaCrl(
        /// The name of the file.
        CrlFile,
    ),
}

impl Request {
    /// Where the request goes.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::PckCertificate { .. } => Endpoint::PckCertificate,
            Self::PckCertificates { .. } => Endpoint::PckCertificates,
            Self::PckCertificatesConfig { .. } => Endpoint::PckCertificatesConfig,
            Self::PckCrl { .. } => Endpoint::PckCrl,
            Self::TcbInfo { tee, .. } => Endpoint::TcbInfo(*tee),
            Self::EnclaveIdentity { enclave, .. } => Endpoint::EnclaveIdentity(*enclave),
            Self::Fmspcs(_) => Endpoint::Fmspcs,
            Self::EvaluationDataNumbers(tee) => Endpoint::EvaluationDataNumbers(*tee),
            Self::RegisterPlatform(_) => Endpoint::RegisterPlatform,
            Self::AddPackage { .. } => Endpoint::AddPackage,
            Self::RootCaCrl(_) => Endpoint::RootCaCrl,
        }
    }
}

/// How a platform is named to the vendor.
#[derive(Clone, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum PlatformKey {
    /// By its PPID, which only the vendor can decrypt: sent with `GET`.
    EncryptedPpid(Box<EncryptedPpid>),
    /// By its manifest, for platforms that have not registered directly: sent with `POST`.
    Manifest(PlatformManifest),
}

impl fmt::Debug for PlatformKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EncryptedPpid(_) => f.write_str("EncryptedPpid"),
            Self::Manifest(manifest) => manifest.fmt(f),
        }
    }
}

/// Which set of TCB info and identities, all of one evaluation number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Selection {
    /// The set that the vendor enforces (`update=standard`, and the default).
    #[default]
    Standard,
    /// The newest set (`update=early`).
    Early,
    /// The set of this number (`tcbEvaluationDataNumber`). A number beyond 32 bits in a request
    /// reads as the largest: nothing is there either.
    Number(u32),
}

/// The CA that certifies platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum PckCa {
    /// For platforms of one package.
    Processor,
    /// For platforms of several packages, which register.
    Platform,
}

impl PckCa {
    /// The vendor's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Platform => "platform",
        }
    }
}

impl FromStr for PckCa {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "processor" => Ok(Self::Processor),
            "platform" => Ok(Self::Platform),
            _ => Err(ValueError::Word("processor, platform")),
        }
    }
}

/// The form of a CRL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum CrlEncoding {
    /// PEM, the default.
    #[default]
    Pem,
    /// DER.
    Der,
}

impl CrlEncoding {
    /// The vendor's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pem => "pem",
            Self::Der => "der",
        }
    }
}

impl FromStr for CrlEncoding {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "pem" => Ok(Self::Pem),
            "der" => Ok(Self::Der),
            _ => Err(ValueError::Word("pem, der")),
        }
    }
}

/// Name of the file at the distribution point of the root's CRL: `IntelSGXRootCA.der` is the
/// vendor's. The file stands at the root of its host; `.der` is DER, `.crl` is PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CrlFile(String);

impl CrlFile {
    /// Takes a name of letters and digits that ends in `.der` or `.crl`.
    pub fn new(name: &str) -> Result<Self, ValueError> {
        let stem = name.strip_suffix(".der").or(name.strip_suffix(".crl"));
        match stem {
            Some(stem) if (1..=64).contains(&stem.len()) && is_plain(stem) => {
                Ok(Self(name.to_owned()))
            }
            _ => Err(ValueError::Word("the names of CRL files")),
        }
    }

    /// The file at a path, if that names one.
    pub fn at(path: &str) -> Option<Self> {
        Self::new(path.strip_prefix('/')?).ok()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that the file has.
    pub fn encoding(&self) -> CrlEncoding {
        match self.0.ends_with(".der") {
            true => CrlEncoding::Der,
            false => CrlEncoding::Pem,
        }
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What a customer of the vendor names himself with (`Ocp-Apim-Subscription-Key`). A secret: it is
/// not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionKey(HeaderText);

impl SubscriptionKey {
    /// Takes text that can stand in a header.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        HeaderText::new(text.to_owned()).map(Self)
    }

    /// The secret itself, to be sent to the vendor.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for SubscriptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscriptionKey")
    }
}
