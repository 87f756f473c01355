//! The vendor's JSON documents.

use bulla_collateral::{
    EnclaveIdentity, EvaluationDataNumbers, IsvLevel, IsvLevels, SignedKind, SignedText, TcbInfo,
    TcbLevel, TdxModule, TdxModuleIdentity,
};
use bulla_pki::digest::sha256;

use super::{Described, Description, Malformed};
use crate::describe::{Fields, Value};

const DOCUMENT: &str = "a document of the vendor";

/// A document with its signature, as services deliver it.
pub(super) fn wrapped(text: &[u8]) -> Described {
    let (kind, signed) =
        SignedText::from_wrapped(text).map_err(|error| Malformed::new(DOCUMENT, error))?;
    let signature = Some(signed.signature.as_str());
    match kind {
        SignedKind::TcbInfo => tcb_info(&signed.body, signature),
        SignedKind::EnclaveIdentity => enclave_identity(&signed.body, signature),
        SignedKind::EvaluationDataNumbers => evaluation_data_numbers(&signed.body, signature),
        _ => Err(Malformed::new(DOCUMENT, "its kind is unknown")),
    }
}

pub(super) fn tcb_info(body: &[u8], signature: Option<&str>) -> Described {
    let info = TcbInfo::parse(body).map_err(|error| Malformed::new("a TCB info", error))?;
    let levels: Vec<Fields> = info.tcb_levels.iter().map(level).collect();
    let identities: Vec<Fields> = info
        .tdx_module_identities
        .iter()
        .map(module_identity)
        .collect();
    let fields = Fields::new()
        .with("id", info.id.as_str())
        .with("version", info.version)
        .window("issue_date", "next_update", info.window)
        .hex("fmspc", info.fmspc)
        .hex("pce_id", info.pce_id)
        .with("evaluation_data_number", info.evaluation_data_number)
        .with("tdx_module", info.tdx_module.as_ref().map(module))
        .with("tdx_module_identities", identities)
        .with("tcb_levels", levels)
        .with("unknown_fields", info.unknown_fields)
        .and(signed(body, signature));
    Ok(Description::new("tcb_info", fields))
}

pub(super) fn enclave_identity(body: &[u8], signature: Option<&str>) -> Described {
    let identity = EnclaveIdentity::parse(body)
        .map_err(|error| Malformed::new("an enclave identity", error))?;
    let fields = Fields::new()
        .with("id", identity.id.as_str())
        .window("issue_date", "next_update", identity.window)
        .with("evaluation_data_number", identity.evaluation_data_number)
        .hex("mrsigner", identity.mrsigner)
        .with("isvprodid", identity.isvprodid)
        .hex("miscselect", identity.miscselect)
        .hex("miscselect_mask", identity.miscselect_mask)
        .hex("attributes", identity.attributes)
        .hex("attributes_mask", identity.attributes_mask)
        .with("tcb_levels", isv_levels(&identity.tcb_levels))
        .with("unknown_fields", identity.unknown_fields)
        .and(signed(body, signature));
    Ok(Description::new("enclave_identity", fields))
}

pub(super) fn evaluation_data_numbers(body: &[u8], signature: Option<&str>) -> Described {
    let list = EvaluationDataNumbers::parse(body)
        .map_err(|error| Malformed::new("evaluation data numbers", error))?;
    let numbers: Vec<Fields> = list
        .numbers
        .iter()
        .map(|entry| {
            Fields::new()
                .with("number", entry.number)
                .with("recovery_event_date", entry.recovery_event_date)
                .with("tcb_date", entry.tcb_date)
        })
        .collect();
    let fields = Fields::new()
        .with("id", list.id.as_str())
        .window("issue_date", "next_update", list.window)
        .with("numbers", numbers)
        .with("unknown_fields", list.unknown_fields)
        .and(signed(body, signature));
    Ok(Description::new("evaluation_data_numbers", fields))
}

/// What the signature is over, and the signature where there is one.
fn signed(body: &[u8], signature: Option<&str>) -> Fields {
    Fields::new()
        .with("signed_bytes", body.len())
        .hex("sha256", sha256(body))
        .with("signature", signature)
}

fn level(level: &TcbLevel) -> Fields {
    Fields::new()
        .with("status", level.status.as_str())
        .with("date", level.date)
        .with("advisory_ids", advisories(&level.advisory_ids))
        .with("sgx_components", level.sgx_components.to_vec())
        .with("pcesvn", level.pcesvn)
        .with("tdx_components", level.tdx_components.map(|c| c.to_vec()))
}

fn module(module: &TdxModule) -> Fields {
    Fields::new()
        .hex("mrsigner", module.mrsigner)
        .hex("attributes", module.attributes)
        .hex("attributes_mask", module.attributes_mask)
}

fn module_identity(identity: &TdxModuleIdentity) -> Fields {
    Fields::new()
        .with("module_version", identity.version)
        .and(module(&identity.module))
        .with("tcb_levels", isv_levels(&identity.tcb_levels))
}

fn isv_levels(levels: &IsvLevels) -> Vec<Fields> {
    let level = |level: &IsvLevel| {
        Fields::new()
            .with("isvsvn", level.isvsvn)
            .with("status", level.status.as_str())
            .with("date", level.date)
            .with("advisory_ids", advisories(&level.advisory_ids))
    };
    levels.iter().map(level).collect()
}

fn advisories(ids: &[std::sync::Arc<str>]) -> Value {
    ids.iter()
        .map(|id| id.to_string())
        .collect::<Vec<_>>()
        .into()
}
