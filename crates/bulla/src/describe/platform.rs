//! What the vendor certifies about a platform.

use bulla_pki::SgxExtension;
use bulla_verifier::PlatformFacts;

use super::Fields;

/// The platform behind a verdict; every field is there, absent values where nothing is known.
pub(crate) fn facts(platform: Option<&PlatformFacts>) -> Fields {
    let hex = |bytes: &[u8]| hex::encode(bytes);
    Fields::new()
        .with("fmspc", platform.map(|p| hex(&p.fmspc)))
        .with("pce_id", platform.map(|p| hex(&p.pce_id)))
        .with("ppid", platform.map(|p| hex(&p.ppid)))
        .with(
            "platform_instance_id",
            platform
                .and_then(|p| p.platform_instance_id)
                .map(hex::encode),
        )
        .with("pck_ca", platform.map(|p| p.ca.as_str()))
        .with("pck_cpusvn", platform.map(|p| hex(&p.components)))
        .with("pcesvn", platform.map(|p| p.pcesvn))
        .with(
            "dynamic_platform",
            platform.and_then(|p| p.dynamic_platform),
        )
        .with("cached_keys", platform.and_then(|p| p.cached_keys))
        .with("smt_enabled", platform.and_then(|p| p.smt_enabled))
}

/// The SGX extension of a PCK certificate.
pub(crate) fn extension(sgx: &SgxExtension) -> Fields {
    let platform = sgx.platform;
    let sgx_type = match sgx.sgx_type {
        0 => "standard",
        1 => "scalable",
        _ => "scalable with integrity",
    };
    Fields::new()
        .hex("fmspc", sgx.fmspc)
        .hex("pce_id", sgx.pce_id)
        .hex("ppid", sgx.ppid)
        .hex("cpusvn", sgx.cpusvn)
        .with("tcb_components", sgx.components.to_vec())
        .with("pcesvn", sgx.pcesvn)
        .with("sgx_type", sgx_type)
        .with(
            "platform_instance_id",
            platform.map(|p| hex::encode(p.platform_instance_id)),
        )
        .with("dynamic_platform", platform.map(|p| p.dynamic_platform))
        .with("cached_keys", platform.map(|p| p.cached_keys))
        .with("smt_enabled", platform.map(|p| p.smt_enabled))
}
