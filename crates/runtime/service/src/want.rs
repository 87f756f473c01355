//! What the service can be in want of, and how it asks the vendor for it.

use std::fmt;
use std::str::FromStr;

use bulla_collateral::{EnclaveId, PckCa, Selector, Series, Slot, SlotError, TcbInfoId};
use bulla_protocol::pcs::{self, CrlEncoding, CrlFile, Enclave, Request, Selection, Tee};
use bulla_protocol::value::Fmspc;

/// A document by the way it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    /// TCB info or an identity.
    Series(Series, Choice),
    /// The list of evaluation data numbers.
    EvaluationDataNumbers(TcbInfoId),
    /// The CRL of a PCK CA.
    PckCrl(PckCa),
    /// The CRL of the root.
    RootCaCrl,
}

/// Which of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// What the vendor gives out under this name.
    Selected(Selector),
    /// This number.
    Number(u32),
}

impl Want {
    /// How the vendor is asked; absent for what it no longer has, which is TCB info of version 2.
    pub fn request(&self) -> Option<Request> {
        Some(match *self {
            Self::Series(Series::TcbInfo { id, fmspc, version }, choice) => {
                if version != 3 {
                    return None;
                }
                Request::TcbInfo {
                    tee: tee(id),
                    fmspc: Fmspc(fmspc),
                    selection: choice.into(),
                }
            }
            Self::Series(Series::EnclaveIdentity(id), choice) => Request::EnclaveIdentity {
                enclave: enclave(id),
                selection: choice.into(),
            },
            Self::EvaluationDataNumbers(id) => Request::EvaluationDataNumbers(tee(id)),
            Self::PckCrl(ca) => Request::PckCrl {
                ca: match ca {
                    PckCa::Processor => pcs::PckCa::Processor,
                    PckCa::Platform => pcs::PckCa::Platform,
                },
                encoding: CrlEncoding::Der,
            },
            Self::RootCaCrl => Request::RootCaCrl(CrlFile::new("IntelSGXRootCA.der").ok()?),
        })
    }

    /// What is in a slot.
    pub fn of(slot: Slot) -> Self {
        match slot {
            Slot::Numbered(series, number) => Self::Series(series, Choice::Number(number)),
            Slot::EvaluationDataNumbers(id) => Self::EvaluationDataNumbers(id),
            Slot::PckCrl(ca) => Self::PckCrl(ca),
            Slot::RootCaCrl => Self::RootCaCrl,
        }
    }

    /// Where it stands, if `selected` knows the number that is given out under a selector.
    pub fn slot(&self, selected: impl FnOnce(Series, Selector) -> Option<u32>) -> Option<Slot> {
        Some(match *self {
            Self::Series(series, Choice::Number(number)) => Slot::Numbered(series, number),
            Self::Series(series, Choice::Selected(selector)) => {
                Slot::Numbered(series, selected(series, selector)?)
            }
            Self::EvaluationDataNumbers(id) => Slot::EvaluationDataNumbers(id),
            Self::PckCrl(ca) => Slot::PckCrl(ca),
            Self::RootCaCrl => Slot::RootCaCrl,
        })
    }

    /// Whether a document is what is wanted.
    pub fn is_met_by(&self, slot: Slot) -> bool {
        match (*self, slot) {
            (Self::Series(series, choice), Slot::Numbered(other, number)) => {
                series == other && (choice == Choice::Number(number) || choice.is_selected())
            }
            (Self::EvaluationDataNumbers(id), Slot::EvaluationDataNumbers(other)) => id == other,
            (Self::PckCrl(ca), Slot::PckCrl(other)) => ca == other,
            (Self::RootCaCrl, Slot::RootCaCrl) => true,
            _ => false,
        }
    }

    /// The selector by which it is wanted; absent where there is no choice, or a number chose.
    pub fn selector(&self) -> Option<Selector> {
        match self {
            Self::Series(_, Choice::Selected(selector)) => Some(*selector),
            _ => None,
        }
    }
}

impl Choice {
    /// What the vendor enforces.
    pub const STANDARD: Self = Self::Selected(Selector::Standard);

    fn is_selected(self) -> bool {
        matches!(self, Self::Selected(_))
    }
}

impl From<Choice> for Selection {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Selected(Selector::Standard) => Self::Standard,
            Choice::Selected(Selector::Early) => Self::Early,
            Choice::Number(number) => Self::Number(number),
        }
    }
}

impl From<Selection> for Choice {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::Standard => Self::Selected(Selector::Standard),
            Selection::Early => Self::Selected(Selector::Early),
            Selection::Number(number) => Self::Number(number),
        }
    }
}

/// As it stands in logs and messages: `tcb-info/tdx/00806F050000/3/standard`.
impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Series(series, Choice::Selected(selector)) => {
                write!(f, "{series}/{}", selector.as_str())
            }
            Self::Series(series, Choice::Number(number)) => write!(f, "{series}/{number}"),
            Self::EvaluationDataNumbers(id) => Slot::EvaluationDataNumbers(*id).fmt(f),
            Self::PckCrl(ca) => Slot::PckCrl(*ca).fmt(f),
            Self::RootCaCrl => Slot::RootCaCrl.fmt(f),
        }
    }
}

/// The name of a document, or of a series with `standard` or `early` in place of the number.
impl FromStr for Want {
    type Err = SlotError;

    fn from_str(text: &str) -> Result<Self, SlotError> {
        let selected = text.rsplit_once('/').and_then(|(series, word)| {
            let mut known = [Selector::Standard, Selector::Early].into_iter();
            let selector = known.find(|known| known.as_str() == word)?;
            Some((series, Choice::Selected(selector)))
        });
        match selected {
            Some((series, choice)) => Ok(Self::Series(series.parse()?, choice)),
            None => text.parse().map(Self::of),
        }
    }
}

/// The technology, as the vendor's interface names it.
pub fn tee(id: TcbInfoId) -> Tee {
    match id {
        TcbInfoId::Sgx => Tee::Sgx,
        TcbInfoId::Tdx => Tee::Tdx,
    }
}

/// The technology, as the documents name it.
pub fn tcb_info_id(tee: Tee) -> TcbInfoId {
    match tee {
        Tee::Sgx => TcbInfoId::Sgx,
        Tee::Tdx => TcbInfoId::Tdx,
    }
}

/// The CA, as the documents name it.
pub fn pck_ca(ca: pcs::PckCa) -> PckCa {
    match ca {
        pcs::PckCa::Processor => PckCa::Processor,
        pcs::PckCa::Platform => PckCa::Platform,
    }
}

fn enclave(id: EnclaveId) -> Enclave {
    match id {
        EnclaveId::Qe => Enclave::SgxQe,
        EnclaveId::TdQe => Enclave::TdxQe,
        EnclaveId::Qve => Enclave::SgxQve,
        EnclaveId::Qae => Enclave::SgxQae,
    }
}

/// The enclave, as the documents name it.
pub fn enclave_id(enclave: Enclave) -> EnclaveId {
    match enclave {
        Enclave::SgxQe => EnclaveId::Qe,
        Enclave::TdxQe => EnclaveId::TdQe,
        Enclave::SgxQve => EnclaveId::Qve,
        Enclave::SgxQae => EnclaveId::Qae,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: Series = Series::TcbInfo {
        id: TcbInfoId::Tdx,
        fmspc: [0, 0x80, 0x6F, 5, 0, 0],
        version: 3,
    };

    #[test]
    fn a_number_is_met_by_that_number_alone() {
        let wanted = Want::Series(FAMILY, Choice::Number(17));
        assert!(wanted.is_met_by(Slot::Numbered(FAMILY, 17)));
        assert!(!wanted.is_met_by(Slot::Numbered(FAMILY, 18)));
        let standard = Want::Series(FAMILY, Choice::Selected(Selector::Standard));
        assert!(standard.is_met_by(Slot::Numbered(FAMILY, 18)));
        let identity = Series::EnclaveIdentity(EnclaveId::TdQe);
        assert!(!standard.is_met_by(Slot::Numbered(identity, 18)));
        assert!(!Want::PckCrl(PckCa::Platform).is_met_by(Slot::PckCrl(PckCa::Processor)));
        assert!(Want::RootCaCrl.is_met_by(Slot::RootCaCrl));
    }

    #[test]
    fn the_text_of_every_want_reads_back() {
        let identity = Series::EnclaveIdentity(EnclaveId::TdQe);
        for wanted in [
            Want::Series(FAMILY, Choice::Number(17)),
            Want::Series(FAMILY, Choice::Selected(Selector::Standard)),
            Want::Series(identity, Choice::Selected(Selector::Early)),
            Want::EvaluationDataNumbers(TcbInfoId::Sgx),
            Want::PckCrl(PckCa::Processor),
            Want::RootCaCrl,
        ] {
            assert_eq!(wanted.to_string().parse(), Ok(wanted));
        }
        for text in [
            "standard",
            "pck-crl/early",
            "enclave-identity/qe/latest",
            "root-ca-crl/standard",
        ] {
            assert_eq!(text.parse::<Want>(), Err(SlotError), "{text}");
        }
    }

    #[test]
    fn the_vendor_has_no_tcb_info_of_version_2() {
        let Series::TcbInfo { id, fmspc, .. } = FAMILY else {
            unreachable!()
        };
        let old = Series::TcbInfo {
            id,
            fmspc,
            version: 2,
        };
        let choice = Choice::Selected(Selector::Standard);
        assert_eq!(Want::Series(old, choice).request(), None);
        let parts = Want::Series(FAMILY, choice).request().unwrap().write();
        assert!(parts.target().contains("fmspc=00806F050000"));
    }

    #[test]
    fn the_file_of_the_root_crl_has_a_name() {
        assert!(Want::RootCaCrl.request().is_some());
    }
}
