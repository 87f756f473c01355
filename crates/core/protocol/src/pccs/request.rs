//! What can be asked.

use crate::pcs::{Enclave, PckCa, Selection, Tee};
use crate::value::{CpuSvn, EncryptedPpid, Fmspc, PceId, PceSvn};

use super::{CrlUri, Operation, PlatformCollateral, QeId, RegisteredPlatform, SubmittedPolicy};

/// A request to the cache; borrows from the query where it can.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Request<'a> {
    /// The PCK certificate for the TCB that a platform reports.
    PckCertificate {
        /// Name of the platform.
        qeid: QeId<'a>,
        /// CPUSVN as the processor reports it.
        cpusvn: CpuSvn,
        /// SVN of the provisioning certification enclave.
        pcesvn: PceSvn,
        /// Its identity.
        pceid: PceId,
        /// By which the vendor knows the platform; absent where not sent. Intel's client sends
        /// zeros when it makes a quote ([`EncryptedPpid::is_zero`]): nobody's PPID.
        encrypted_ppid: Option<Box<EncryptedPpid>>,
    },
    /// The CRL of one of the two PCK CAs.
    PckCrl {
        /// Which of the two.
        ca: PckCa,
        /// In which form.
        form: CrlForm,
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
    /// The CRL of the root.
    RootCaCrl,
    /// A CRL by its distribution point.
    Crl(
        /// Which.
        CrlUri<'a>,
    ),
    /// Addition of a platform.
    AddPlatform {
        /// The platform.
        platform: Box<RegisteredPlatform>,
        /// Which sets shall be fetched with it.
        update: UpdateScope,
    },
    /// The list of platforms.
    Platforms(
        /// Which of them.
        Source,
    ),
    /// Import of collateral.
    PutCollateral(
        /// What is imported.
        Box<PlatformCollateral>,
    ),
    /// Renewal of what is stored.
    Refresh(
        /// Of what.
        Refresh,
    ),
    /// Storing an appraisal policy.
    PutAppraisalPolicy(
        /// The policy.
        SubmittedPolicy,
    ),
    /// The default appraisal policies of a family of platforms.
    AppraisalPolicy(
        /// Which family.
        Fmspc,
    ),
}

impl Request<'_> {
    /// What is wanted.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::PckCertificate { .. } => Operation::PckCertificate,
            Self::PckCrl { .. } => Operation::PckCrl,
            Self::TcbInfo { tee, .. } => Operation::TcbInfo(*tee),
            Self::EnclaveIdentity { enclave, .. } => Operation::EnclaveIdentity(*enclave),
            Self::RootCaCrl => Operation::RootCaCrl,
            Self::Crl(_) => Operation::Crl,
            Self::AddPlatform { .. } => Operation::AddPlatform,
            Self::Platforms(_) => Operation::Platforms,
            Self::PutCollateral(_) => Operation::PutCollateral,
            Self::Refresh(_) => Operation::Refresh,
            Self::PutAppraisalPolicy(_) => Operation::PutAppraisalPolicy,
            Self::AppraisalPolicy(_) => Operation::AppraisalPolicy,
        }
    }
}

/// The form of a CRL in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum CrlForm {
    /// Lower-case hexadecimal digits of the DER: the default, and also what `pem` gives.
    #[default]
    Hex,
    /// DER (`encoding=der`).
    Der,
}

/// Which sets shall be fetched for a platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum UpdateScope {
    /// The one that the vendor enforces (`update=standard`, and the default).
    #[default]
    Standard,
    /// The newest (`update=early`).
    Early,
    /// Both (`update=all`).
    All,
}

impl UpdateScope {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Early => "early",
            Self::All => "all",
        }
    }
}

/// Which platforms a list shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Source {
    /// Those that wait for collateral (`reg`, and the default); listing hands them over.
    #[default]
    Waiting,
    /// Those for whose TCB the vendor had no certificate (`reg_na`); listing hands them over.
    NotAvailable,
    /// Those that are cached, of these families (`[F1,F2]`); none given (`[]`) means all.
    Cached(Vec<Fmspc>),
}

/// What shall be fetched anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refresh {
    /// Which kind of documents.
    pub documents: RefreshedDocuments,
    /// Of these families alone; empty means of all.
    pub fmspcs: Vec<Fmspc>,
}

impl Refresh {
    /// Documents of a kind, of these families alone; none given means of all.
    pub const fn new(documents: RefreshedDocuments, fmspcs: Vec<Fmspc>) -> Self {
        Self { documents, fmspcs }
    }
}

/// A kind of documents that are fetched anew together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum RefreshedDocuments {
    /// TCB info, identities and CRLs: the default.
    #[default]
    Collateral,
    /// PCK certificates (`type=certs`).
    PckCertificates,
}
