//! The enclaves that every platform has: provisioning certification, and quoting.

use bulla_evidence::layout::sgx_attributes;
use zerocopy::FromZeros;

use crate::fuses::Fuses;
use crate::kdf::Key;
use crate::keys;
use crate::structures::{KeyRequest, Secs, key_name};

/// Product id of the provisioning certification enclave.
pub const PCE_PRODID: u16 = 1;

/// MRSIGNER of the model's own architectural enclaves. Their signing key follows from a public
/// seed, so that anybody can build them again: it vouches for nothing.
pub const MRSIGNER: [u8; 32] = [
    0xcb, 0x80, 0xb2, 0x7c, 0xac, 0x11, 0x87, 0xa9, 0x48, 0x1c, 0xdf, 0x1d, 0x30, 0x85, 0xbb, 0x6c,
    0x25, 0xc8, 0xd2, 0x66, 0x98, 0xda, 0x9c, 0x68, 0xd1, 0x3b, 0xc4, 0x48, 0x84, 0x06, 0x65, 0xfc,
];

/// The provisioning key that the provisioning certification enclave is given for these security
/// versions of processor and enclave.
///
/// Computed from the outside, as a vendor does that knows the fuses.
pub(crate) fn provisioning_key(fuses: &Fuses, cpusvn: [u8; 16], pcesvn: u16) -> Key {
    let request = KeyRequest::architectural(key_name::PROVISION, 0).at(cpusvn, pcesvn);
    let mut pce = Secs::new_zeroed();
    pce.attributes.flags =
        (sgx_attributes::INIT | sgx_attributes::MODE64 | sgx_attributes::PROVISION_KEY).into();
    pce.mrsigner = MRSIGNER;
    pce.isvprodid = PCE_PRODID.into();
    keys::provisioning_key(fuses, &pce, &request)
}
