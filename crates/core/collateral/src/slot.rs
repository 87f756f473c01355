//! Which document of the vendor: the name under which one issue follows another.

use std::fmt;
use std::str::FromStr;

use crate::identity::EnclaveId;
use crate::tcb_info::TcbInfoId;

/// The CA that certifies platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the vendor has these two")]
pub enum PckCa {
    /// Single-package platforms.
    Processor,
    /// Multi-package platforms, registered with the vendor.
    Platform,
}

impl PckCa {
    /// `processor` or `platform`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Platform => "platform",
        }
    }
}

/// One of the vendor's documents, whatever its issue. Issues of one slot replace each other.
///
/// As text a path, for example `tcb-info/sgx/00806F050000/3/17`: kind, technology, FMSPC, version,
/// evaluation data number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the vendor's list; a new one must break callers"
)]
pub enum Slot {
    /// TCB info or identity of one evaluation data number.
    Numbered(
        /// Of what.
        Series,
        /// `tcbEvaluationDataNumber`.
        u32,
    ),
    /// The list of evaluation data numbers.
    EvaluationDataNumbers(
        /// For which technology.
        TcbInfoId,
    ),
    /// The CRL of a PCK CA.
    PckCrl(
        /// Of which.
        PckCa,
    ),
    /// The CRL of the root.
    RootCaCrl,
}

/// What the vendor issues anew with every TCB recovery, under a higher number.
///
/// As text a path without the number, for example `enclave-identity/td-qe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the vendor's list; a new one must break callers"
)]
pub enum Series {
    /// TCB info of a family of platforms.
    TcbInfo {
        /// For which technology.
        id: TcbInfoId,
        /// The family; 6 bytes.
        fmspc: [u8; 6],
        /// `version` of the document: 2 is that of PCS v3, 3 that of PCS v4.
        version: u8,
    },
    /// Identity of one of the vendor's enclaves.
    EnclaveIdentity(
        /// Of which.
        EnclaveId,
    ),
}

/// Under which name the vendor gives out a number of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the vendor has these two")]
pub enum Selector {
    /// What the vendor enforces now: `update=standard`, the default.
    Standard,
    /// The newest, from the day of disclosure: `update=early`.
    Early,
}

impl Selector {
    /// `standard` or `early`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Early => "early",
        }
    }
}

/// The text names no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the name of a document, as `tcb-info/sgx/00806F050000/3/17`, `enclave-identity/qe/17`, \
     `evaluation-data-numbers/tdx`, `pck-crl/platform` or `root-ca-crl`"
)]
pub struct SlotError;

impl Slot {
    /// The series that the document stands in; absent for what has no number.
    pub const fn series(&self) -> Option<Series> {
        match self {
            Self::Numbered(series, _) => Some(*series),
            _ => None,
        }
    }

    /// Its `tcbEvaluationDataNumber`; absent for what has none.
    pub const fn number(&self) -> Option<u32> {
        match self {
            Self::Numbered(_, number) => Some(*number),
            _ => None,
        }
    }
}

const fn technology(id: TcbInfoId) -> &'static str {
    match id {
        TcbInfoId::Sgx => "sgx",
        TcbInfoId::Tdx => "tdx",
    }
}

const fn enclave(id: EnclaveId) -> &'static str {
    match id {
        EnclaveId::Qe => "qe",
        EnclaveId::TdQe => "td-qe",
        EnclaveId::Qve => "qve",
        EnclaveId::Qae => "qae",
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(series, number) => write!(f, "{series}/{number}"),
            Self::EvaluationDataNumbers(id) => {
                write!(f, "evaluation-data-numbers/{}", technology(*id))
            }
            Self::PckCrl(ca) => write!(f, "pck-crl/{}", ca.as_str()),
            Self::RootCaCrl => f.write_str("root-ca-crl"),
        }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TcbInfo { id, fmspc, version } => {
                let fmspc = hex::encode_upper(fmspc);
                write!(f, "tcb-info/{}/{fmspc}/{version}", technology(*id))
            }
            Self::EnclaveIdentity(id) => write!(f, "enclave-identity/{}", enclave(*id)),
        }
    }
}

impl FromStr for Slot {
    type Err = SlotError;

    fn from_str(text: &str) -> Result<Self, SlotError> {
        if text == "root-ca-crl" {
            return Ok(Self::RootCaCrl);
        }
        let (front, last) = text.rsplit_once('/').ok_or(SlotError)?;
        match front {
            "evaluation-data-numbers" => read_technology(last).map(Self::EvaluationDataNumbers),
            "pck-crl" => match last {
                "processor" => Ok(Self::PckCrl(PckCa::Processor)),
                "platform" => Ok(Self::PckCrl(PckCa::Platform)),
                _ => Err(SlotError),
            },
            _ => Ok(Self::Numbered(front.parse()?, read_number(last)?)),
        }
    }
}

impl FromStr for Series {
    type Err = SlotError;

    fn from_str(text: &str) -> Result<Self, SlotError> {
        let parts: Vec<&str> = text.split('/').collect();
        match *parts.as_slice() {
            ["tcb-info", id, digits, version] => {
                let mut fmspc = [0; 6];
                hex::decode_to_slice(digits, &mut fmspc).map_err(|_| SlotError)?;
                let version = match version {
                    "2" => 2,
                    "3" => 3,
                    _ => return Err(SlotError),
                };
                let id = read_technology(id)?;
                Ok(Self::TcbInfo { id, fmspc, version })
            }
            ["enclave-identity", name] => [
                EnclaveId::Qe,
                EnclaveId::TdQe,
                EnclaveId::Qve,
                EnclaveId::Qae,
            ]
            .into_iter()
            .find(|id| enclave(*id) == name)
            .map(Self::EnclaveIdentity)
            .ok_or(SlotError),
            _ => Err(SlotError),
        }
    }
}

fn read_technology(text: &str) -> Result<TcbInfoId, SlotError> {
    match text {
        "sgx" => Ok(TcbInfoId::Sgx),
        "tdx" => Ok(TcbInfoId::Tdx),
        _ => Err(SlotError),
    }
}

/// A number as it is written: digits without sign or leading zero.
fn read_number(text: &str) -> Result<u32, SlotError> {
    let number: u32 = text.parse().map_err(|_| SlotError)?;
    match number.to_string() == text {
        true => Ok(number),
        false => Err(SlotError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_every_kind_reads_back() {
        let fmspc = [0x00, 0x80, 0x6F, 0x05, 0x00, 0x00];
        let tcb_info = |id, version| Series::TcbInfo { id, fmspc, version };
        let slots = [
            (
                Slot::Numbered(tcb_info(TcbInfoId::Sgx, 3), 17),
                "tcb-info/sgx/00806F050000/3/17",
            ),
            (
                Slot::Numbered(tcb_info(TcbInfoId::Tdx, 2), 0),
                "tcb-info/tdx/00806F050000/2/0",
            ),
            (
                Slot::Numbered(Series::EnclaveIdentity(EnclaveId::TdQe), u32::MAX),
                "enclave-identity/td-qe/4294967295",
            ),
            (
                Slot::EvaluationDataNumbers(TcbInfoId::Tdx),
                "evaluation-data-numbers/tdx",
            ),
            (Slot::PckCrl(PckCa::Processor), "pck-crl/processor"),
            (Slot::PckCrl(PckCa::Platform), "pck-crl/platform"),
            (Slot::RootCaCrl, "root-ca-crl"),
        ];
        for (slot, text) in slots {
            assert_eq!(slot.to_string(), text);
            assert_eq!(text.parse(), Ok(slot));
        }
    }

    #[test]
    fn only_numbered_documents_have_a_series_and_a_number() {
        let series = Series::EnclaveIdentity(EnclaveId::Qe);
        let slot = Slot::Numbered(series, 17);
        assert_eq!((slot.series(), slot.number()), (Some(series), Some(17)));
        let slot = Slot::RootCaCrl;
        assert_eq!((slot.series(), slot.number()), (None, None));
    }

    #[test]
    fn nothing_else_is_a_name() {
        for text in [
            "",
            "root-ca-crl/",
            "/root-ca-crl",
            "pck-crl/PLATFORM",
            "evaluation-data-numbers/snp",
            "enclave-identity/qe",
            "enclave-identity/qe/",
            "enclave-identity/qe/+1",
            "enclave-identity/qe/01",
            "enclave-identity/qe/4294967296",
            "tcb-info/sgx/00806F0500/3/17",
            "tcb-info/sgx/00806F050000/4/17",
            "tcb-info/sgx/00806F050000/3/17/1",
        ] {
            assert_eq!(text.parse::<Slot>(), Err(SlotError), "{text}");
        }
    }
}
