//! Reading a request, after its route.

use crate::pccs::query::{Query, missing};
use crate::pccs::read::{form, qeid, selection};
use crate::pccs::{CrlForm, QeId, Refusal, crl_uri};
use crate::pcs::{Enclave, PckCa, Selection, Tee};
use crate::value::{CpuSvn, EncryptedPpid, Fmspc, PceId, PceSvn};

use super::custom_parameter::CustomParameter;
use super::{CrlPlace, Operation, Route};

/// A request in Azure's dialect; borrows from the query where it can.
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
        /// By which the vendor knows the platform; absent where the client keeps it to itself.
        encrypted_ppid: Option<Box<EncryptedPpid>>,
        /// Whether the request bears a sign of Azure's client: `clientid`, `api-version`, or the path
        /// of the agent. Without one it is Intel's client, which wants the certificate as Intel's
        /// cache gives it.
        is_azures: bool,
    },
    /// The CRL of one of the two PCK CAs.
    PckCrl {
        /// Which of the two.
        ca: PckCa,
        /// In which form.
        form: CrlForm,
    },
    /// The CRL of the root.
    RootCaCrl,
    /// A CRL by its distribution point.
    Crl {
        /// Which.
        place: CrlPlace,
        /// Whether it is sent as DER, as Intel's client wants it of `crl`; otherwise as PEM.
        der: bool,
    },
    /// TCB info for the platforms of an FMSPC.
    TcbInfo {
        /// For which technology.
        tee: Tee,
        /// Which platforms.
        fmspc: Fmspc,
        /// Version of the document, 2 or 3.
        version: u8,
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
}

impl Route {
    /// Reads what follows the route: the query without its question mark.
    ///
    /// Of several parameters of one name the first counts, those of unknown names are ignored. A
    /// set is named by `customParameter`, or as Intel's services have it.
    pub fn request(self, query: &str) -> Result<Request<'_>, Refusal> {
        let query = Query::new(query)?;
        let signs = [query.find("clientid")?, query.find("api-version")?];
        match self.operation {
            Operation::PckCertificate => Ok(Request::PckCertificate {
                qeid: qeid(query)?,
                cpusvn: query.required("cpusvn")?,
                pcesvn: query.required("pcesvn")?,
                pceid: query.required("pceid")?,
                encrypted_ppid: query.optional("encrypted_ppid")?.map(Box::new),
                is_azures: self.at_agent || signs.iter().any(Option::is_some),
            }),
            Operation::PckCrl => match (query.find("uri")?, query.find("ca")?) {
                (Some(uri), None) => Ok(Request::Crl {
                    place: CrlPlace::read(&uri)?,
                    der: false,
                }),
                (None, Some(name)) => Ok(Request::PckCrl {
                    ca: crl_uri::ca(&name)
                        .ok_or_else(|| Refusal::invalid("ca is not processor or platform"))?,
                    form: form(query)?,
                }),
                (Some(_), Some(_)) => Err(Refusal::invalid("ca and uri exclude each other")),
                (None, None) => Err(missing("ca, or uri,")),
            },
            Operation::RootCaCrl => Ok(Request::RootCaCrl),
            Operation::Crl => {
                let uri = query.find("uri")?.ok_or_else(|| missing("uri"))?;
                Ok(Request::Crl {
                    place: CrlPlace::read(&uri)?,
                    der: true,
                })
            }
            Operation::TcbInfo(tee) => Ok(Request::TcbInfo {
                tee,
                fmspc: match self.fmspc {
                    Some(fmspc) => fmspc,
                    None => query.required("fmspc")?,
                },
                version: self.tcb_info_version,
                selection: chosen(query)?,
            }),
            Operation::EnclaveIdentity(enclave) => Ok(Request::EnclaveIdentity {
                enclave,
                selection: chosen(query)?,
            }),
        }
    }
}

/// The set by whichever of the selectors is there; two of them exclude each other.
fn chosen(query: Query<'_>) -> Result<Selection, Refusal> {
    let custom = match query.find("customParameter")? {
        Some(text) => CustomParameter::read(&text)?.number,
        None => None,
    };
    let by_intels = ["update", "tcbEvaluationDataNumber"];
    let has_intels = query.find(by_intels[0])?.is_some() || query.find(by_intels[1])?.is_some();
    match custom {
        None => selection(query),
        Some(_) if has_intels => Err(Refusal::invalid(
            "customParameter with a number excludes update and tcbEvaluationDataNumber",
        )),
        Some(number) => Ok(Selection::Number(number)),
    }
}
