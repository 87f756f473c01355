//! Enclave identities: what the vendor's own enclaves must be (Intel PCS API, "Get Quoting
//! Enclave Identity" and kin).

use bulla_pki::Window;

use crate::json::{self, DocumentError, Hex, Text, Time, object};
use crate::levels::{IsvLevelWire, IsvLevels};

/// Which of the vendor's enclaves an identity describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the vendor's list; a new one must break callers"
)]
pub enum EnclaveId {
    /// The quoting enclave for SGX enclaves.
    Qe,
    /// The quoting enclave for trust domains.
    TdQe,
    /// The quote verification enclave.
    Qve,
    /// The quote appraisal enclave.
    Qae,
}

impl EnclaveId {
    /// `QE`, `TD_QE`, `QVE` or `QAE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qe => "QE",
            Self::TdQe => "TD_QE",
            Self::Qve => "QVE",
            Self::Qae => "QAE",
        }
    }
}

/// An enclave identity of version 2, read from its signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnclaveIdentity {
    /// Which enclave.
    pub id: EnclaveId,
    /// `issueDate` to `nextUpdate`.
    pub window: Window,
    /// `tcbEvaluationDataNumber`: rises with every TCB recovery.
    pub evaluation_data_number: u32,
    /// MISCSELECT under the mask, in the byte order of the report.
    pub miscselect: [u8; 4],
    /// Bits of MISCSELECT that count.
    pub miscselect_mask: [u8; 4],
    /// ATTRIBUTES under the mask, in the byte order of the report.
    pub attributes: [u8; 16],
    /// Bits of ATTRIBUTES that count.
    pub attributes_mask: [u8; 16],
    /// MRSIGNER. An identity without one is refused: it would let any signer pass.
    pub mrsigner: [u8; 32],
    /// ISVPRODID.
    pub isvprodid: u16,
    /// The levels by ISVSVN.
    pub tcb_levels: IsvLevels,
    /// Names of fields that this version does not know, sorted.
    pub unknown_fields: Vec<String>,
}

impl EnclaveIdentity {
    /// Reads the signed text, the inner object of `{"enclaveIdentity":{...},"signature":"..."}`.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let wire: EnclaveIdentityWire<'_> = json::parse(body)?;
        let id = match &*wire.id.0 {
            "QE" => EnclaveId::Qe,
            "TD_QE" => EnclaveId::TdQe,
            "QVE" => EnclaveId::Qve,
            "QAE" => EnclaveId::Qae,
            _ => {
                return Err(DocumentError::Field {
                    field: "id",
                    problem: "is none of QE, TD_QE, QVE, QAE",
                });
            }
        };
        if wire.version != 2 {
            return Err(DocumentError::VersionUnsupported {
                version: wire.version,
            });
        }
        let mut unknown = wire.unknown;
        let tcb_levels = IsvLevels::from_wire("tcbLevels", wire.tcb_levels, &mut unknown)?;
        Ok(Self {
            id,
            window: Window {
                from: wire.issue_date.0,
                until: wire.next_update.0,
            },
            evaluation_data_number: wire.tcb_evaluation_data_number,
            miscselect: wire.miscselect.0,
            miscselect_mask: wire.miscselect_mask.0,
            attributes: wire.attributes.0,
            attributes_mask: wire.attributes_mask.0,
            mrsigner: wire.mrsigner.0,
            isvprodid: wire.isvprodid,
            tcb_levels,
            unknown_fields: unknown.0.into_iter().collect(),
        })
    }
}

object! {
    struct EnclaveIdentityWire<'de>;
    required {
        id: Text<'de> = "id",
        version: u64 = "version",
        issue_date: Time = "issueDate",
        next_update: Time = "nextUpdate",
        tcb_evaluation_data_number: u32 = "tcbEvaluationDataNumber",
        miscselect: Hex<4> = "miscselect",
        miscselect_mask: Hex<4> = "miscselectMask",
        attributes: Hex<16> = "attributes",
        attributes_mask: Hex<16> = "attributesMask",
        mrsigner: Hex<32> = "mrsigner",
        isvprodid: u16 = "isvprodid",
        tcb_levels: Vec<IsvLevelWire> = "tcbLevels",
    }
    optional {}
}
