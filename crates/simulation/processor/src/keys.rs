//! Which fields the keys of an enclave depend on (Intel SDM volume 3D, "EGETKEY").

use bulla_evidence::layout::SgxAttributes;
use zerocopy::FromZeros;

use crate::fuses::Fuses;
use crate::kdf::{Key, KeyDependencies};
use crate::structures::{KeyRequest, Secs, TargetInfo, key_name, key_policy};

/// Attributes that always count: `INIT` and `DEBUG` (unchecked).
const REQUIRED_ATTRIBUTES: u64 = 3;

/// The key that authenticates launch tokens.
pub(crate) fn einittoken_key(
    fuses: &Fuses,
    secs: &Secs,
    request: &KeyRequest,
    owner_epoch: [u8; 16],
) -> Key {
    fuses.seal_key(&KeyDependencies {
        isvprodid: secs.isvprodid,
        mrsigner: secs.mrsigner,
        owner_epoch,
        keyid: request.keyid,
        ..masked(secs, request)
    })
}

/// The key that the vendor can derive too.
pub(crate) fn provisioning_key(fuses: &Fuses, secs: &Secs, request: &KeyRequest) -> Key {
    fuses.provisioning_key(&KeyDependencies {
        isvprodid: secs.isvprodid,
        mrsigner: secs.mrsigner,
        ..masked(secs, request)
    })
}

/// The sealing key that does not change with the owner. It is always of the signer, and never of
/// the measurement.
pub(crate) fn provisioning_seal_key(fuses: &Fuses, secs: &Secs, request: &KeyRequest) -> Key {
    fuses.seal_key(&KeyDependencies {
        mrenclave: [0; 32],
        mrsigner: secs.mrsigner,
        ..by_policy(secs, request)
    })
}

/// The sealing key.
pub(crate) fn seal_key(
    fuses: &Fuses,
    secs: &Secs,
    request: &KeyRequest,
    owner_epoch: [u8; 16],
) -> Key {
    fuses.seal_key(&KeyDependencies {
        owner_epoch,
        keyid: request.keyid,
        ..by_policy(secs, request)
    })
}

/// The key that authenticates reports for this target. `EREPORT` derives it for another enclave,
/// `EGETKEY` for the one that asks.
pub(crate) fn report_key(
    fuses: &Fuses,
    target: &TargetInfo,
    cpusvn: [u8; 16],
    keyid: [u8; 32],
    owner_epoch: [u8; 16],
) -> Key {
    fuses.seal_key(&KeyDependencies {
        key_name: key_name::REPORT.into(),
        cpusvn,
        configsvn: target.configsvn,
        cet_attributes: target.cet_attributes,
        miscselect: target.miscselect,
        attributes: target.attributes,
        owner_epoch,
        mrenclave: target.mrenclave,
        configid: target.configid,
        keyid,
        ..KeyDependencies::new_zeroed()
    })
}

/// What every requested key depends on: its name, the requested versions, masked attributes.
fn masked(secs: &Secs, request: &KeyRequest) -> KeyDependencies {
    let mask = &request.attribute_mask;
    KeyDependencies {
        key_name: request.key_name,
        cpusvn: request.cpusvn,
        isvsvn: request.isvsvn,
        cet_attributes: secs.cet_attributes & request.cet_attributes_mask,
        cet_attributes_mask: request.cet_attributes_mask,
        miscselect: secs.miscselect & request.misc_mask,
        misc_mask: request.misc_mask,
        attributes: SgxAttributes {
            flags: secs.attributes.flags & (mask.flags | REQUIRED_ATTRIBUTES),
            xfrm: secs.attributes.xfrm & mask.xfrm,
        },
        attribute_mask: *mask,
        ..KeyDependencies::new_zeroed()
    }
}

/// As [`masked`], with what the policy adds or takes away.
fn by_policy(secs: &Secs, request: &KeyRequest) -> KeyDependencies {
    let policy = request.key_policy;
    let when = |bit: u16| policy.get() & bit != 0;
    KeyDependencies {
        key_policy: policy,
        isvprodid: match when(key_policy::NOISVPRODID) {
            true => 0.into(),
            false => secs.isvprodid,
        },
        mrenclave: kept(when(key_policy::MRENCLAVE), secs.mrenclave),
        mrsigner: kept(when(key_policy::MRSIGNER), secs.mrsigner),
        configid: kept(when(key_policy::CONFIGID), secs.configid),
        configsvn: match when(key_policy::CONFIGID) {
            true => request.configsvn,
            false => 0.into(),
        },
        isvfamilyid: kept(when(key_policy::ISVFAMILYID), secs.isvfamilyid),
        isvextprodid: kept(when(key_policy::ISVEXTPRODID), secs.isvextprodid),
        ..masked(secs, request)
    }
}

/// The value, or zeros where the key is not to depend on it.
fn kept<const N: usize>(condition: bool, value: [u8; N]) -> [u8; N] {
    match condition {
        true => value,
        false => [0; N],
    }
}
