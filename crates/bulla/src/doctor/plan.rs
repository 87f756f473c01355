//! What a cache is asked for.

use bulla_collateral::{EnclaveId, PckCa, Selector, Series, TcbInfoId};
use bulla_protocol::pcs::{CrlFile, Request};
use bulla_protocol::value::Fmspc;
use bulla_protocol::wire::RequestParts;
use bulla_service::want::{Choice, Want};

use crate::error::Result;

/// Which interface a cache has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Pccs,
    Pcs,
}

impl Dialect {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pccs => "pccs",
            Self::Pcs => "pcs",
        }
    }
}

/// One document to ask for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) want: Want,
    /// Whether a client must be able to have it.
    pub(super) is_needed: bool,
}

/// Most families that are examined in one run: the vendor lists some 80, of which each is four
/// questions, and a list can be of any length.
pub(super) const MOST_FAMILIES: usize = 256;

/// A family of platforms whose TCB info a client must be able to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) fmspc: Fmspc,
    /// Whether TCB info for TDX is known to exist: not every family has trust domains.
    pub(super) has_tdx: bool,
}

impl Family {
    /// A family by its digits.
    pub(super) fn named(text: &str) -> Result<Self> {
        let fmspc = crate::commands::collateral::fmspc(text)?;
        Ok(Self::new(fmspc))
    }

    /// A family of which nothing else is known.
    pub(super) fn new(fmspc: Fmspc) -> Self {
        Self {
            fmspc,
            has_tdx: false,
        }
    }
}

/// What is in force, and whether it stands under this name.
pub(super) const STANDARD: Choice = Choice::Selected(Selector::Standard);
const EARLY: Choice = Choice::Selected(Selector::Early);

/// Everything that is asked for, the CRL of the root last: the root comes with
/// the others.
pub(super) fn questions(dialect: Dialect, families: &[Family]) -> Vec<Question> {
    let is_vendors = dialect == Dialect::Pcs;
    let enclaves = [
        EnclaveId::Qe,
        EnclaveId::TdQe,
        EnclaveId::Qve,
        EnclaveId::Qae,
    ];
    let technologies = [TcbInfoId::Sgx, TcbInfoId::Tdx];
    let mut questions = Vec::new();
    let mut ask = |want, is_needed| questions.push(Question { want, is_needed });
    for id in enclaves {
        // Intel's cache has no identity of the appraisal enclave.
        if id == EnclaveId::Qae && !is_vendors {
            continue;
        }
        let series = Series::EnclaveIdentity(id);
        ask(Want::Series(series, STANDARD), id != EnclaveId::Qae);
        ask(Want::Series(series, EARLY), false);
    }
    for family in families {
        for id in technologies {
            let series = Series::TcbInfo {
                id,
                fmspc: family.fmspc.0,
                version: 3,
            };
            let is_needed = id == TcbInfoId::Sgx || family.has_tdx;
            ask(Want::Series(series, STANDARD), is_needed);
            ask(Want::Series(series, EARLY), false);
        }
    }
    if is_vendors {
        for id in technologies {
            ask(Want::EvaluationDataNumbers(id), true);
        }
    }
    ask(Want::PckCrl(PckCa::Processor), true);
    ask(Want::PckCrl(PckCa::Platform), true);
    ask(Want::RootCaCrl, true);
    questions
}

/// How a document is asked for; absent for what nobody can be asked for. The vendor has the root's
/// CRL in a file, whose name the root says.
pub(super) fn request(
    want: Want,
    dialect: Dialect,
    root_crl: Option<CrlFile>,
) -> Option<RequestParts> {
    let request = match (want.request()?, root_crl) {
        (Request::RootCaCrl(_), Some(file)) => Request::RootCaCrl(file),
        (request, _) => request,
    };
    let mut parts = request.write();
    if want == Want::RootCaCrl && dialect == Dialect::Pccs {
        parts.path = ROOT_CRL.to_owned();
    }
    Some(parts)
}

/// Where a cache has the CRL of the root.
pub(super) const ROOT_CRL: &str = "/sgx/certification/v4/rootcacrl";
