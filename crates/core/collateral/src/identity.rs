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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::TcbStatus;

    const IDENTITY: &str = r#"{"id":"QE","version":2,"issueDate":"2026-01-01T00:00:00Z",
        "nextUpdate":"2026-01-31T00:00:00Z","tcbEvaluationDataNumber":19,
        "miscselect":"0000000a","miscselectMask":"0000000B",
        "attributes":"11000000000000000000000000000000",
        "attributesMask":"fbffffffffffffff0000000000000000",
        "mrsigner":"8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff",
        "isvprodid":1,"tcbLevels":[
        {"tcb":{"isvsvn":8},"tcbDate":"2025-08-13T00:00:00Z","tcbStatus":"UpToDate"}]}"#;

    fn read(from: &str, to: &str) -> Result<EnclaveIdentity, DocumentError> {
        assert!(IDENTITY.contains(from));
        EnclaveIdentity::parse(IDENTITY.replace(from, to).as_bytes())
    }

    #[test]
    fn each_field_finds_its_place() {
        let identity = read("", "").unwrap();
        assert_eq!(identity.window.from.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(identity.window.until.to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(identity.evaluation_data_number, 19);
        assert_eq!(identity.miscselect, [0, 0, 0, 10]);
        assert_eq!(identity.miscselect_mask, [0, 0, 0, 11]);
        assert_eq!(identity.attributes[..2], [0x11, 0]);
        assert_eq!(identity.attributes_mask[..2], [0xfb, 0xff]);
        assert_eq!(identity.mrsigner[..2], [0x8c, 0x4f]);
        assert_eq!(identity.isvprodid, 1);
        let statuses: Vec<TcbStatus> = identity.tcb_levels.iter().map(|l| l.status).collect();
        assert_eq!(statuses, [TcbStatus::UpToDate]);
        assert_eq!(identity.unknown_fields, [""; 0]);
    }

    #[test]
    fn unknown_fields_are_told_from_every_depth() {
        let identity = read(r#""isvsvn":8"#, r#""isvsvn":8,"new":1"#).unwrap();
        assert_eq!(identity.unknown_fields, ["new"]);
    }

    #[test]
    fn each_enclave_has_its_id_and_no_other_is_known() {
        for id in [
            EnclaveId::Qe,
            EnclaveId::TdQe,
            EnclaveId::Qve,
            EnclaveId::Qae,
        ] {
            assert_eq!(read("QE", id.as_str()).unwrap().id, id);
        }
        for id in ["", "qe", "PCE"] {
            assert!(read("QE", id).is_err(), "{id}");
        }
    }

    #[test]
    fn only_version_2_is_read() {
        for version in [0, 1, 3] {
            let error = DocumentError::VersionUnsupported { version };
            let other = format!("\"version\":{version}");
            assert_eq!(read("\"version\":2", &other), Err(error));
        }
    }
}
