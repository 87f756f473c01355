//! The enclaves that every platform has: one that certifies, and two that quote.
//!
//! They follow the interfaces of the vendor's enclaves and are not those: their measurement and
//! their signer are the model's own.

mod certification;
mod quoting;

use bulla_evidence::Tee;
use bulla_evidence::layout::{SgxReportBody, sgx_attributes};
use thiserror::Error;
use zerocopy::FromZeros;

use crate::enclave::Enclave;
use crate::error::Failure;
use crate::fuses::Fuses;
use crate::kdf::Key;
use crate::keys;
use crate::signer::EnclaveSigner;
use crate::small::SmallEnclave;
use crate::structures::{KeyRequest, Secs, key_name};

pub use certification::{CertificationEnclave, PceInfo};
pub(crate) use quoting::CertifiedKey;
pub use quoting::QuotingEnclave;

/// MRSIGNER of the model's own architectural enclaves. Their signing key follows from a public
/// seed, so that anybody can build them again: it vouches for nothing.
pub const MRSIGNER: [u8; 32] = [
    0xcb, 0x80, 0xb2, 0x7c, 0xac, 0x11, 0x87, 0xa9, 0x48, 0x1c, 0xdf, 0x1d, 0x30, 0x85, 0xbb, 0x6c,
    0x25, 0xc8, 0xd2, 0x66, 0x98, 0xda, 0x9c, 0x68, 0xd1, 0x3b, 0xc4, 0x48, 0x84, 0x06, 0x65, 0xfc,
];

/// Id of the provisioning certification enclave in certificates, quotes and collateral.
pub const PCE_ID: u16 = 0;

/// An architectural enclave by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Certifies the keys of quoting enclaves.
    Certification,
    /// Quotes enclaves.
    QuotingEnclaves,
    /// Quotes trust domains.
    QuotingDomains,
}

impl Role {
    /// The role of the enclave that quotes what this technology yields.
    pub fn quoting(tee: Tee) -> Self {
        match tee {
            Tee::Sgx => Self::QuotingEnclaves,
            Tee::Tdx => Self::QuotingDomains,
        }
    }

    /// The enclave of this role and security version. Each version has a measurement of its own,
    /// as builds have.
    pub fn enclave(self, isvsvn: u16) -> SmallEnclave {
        let (name, isvprodid) = match self {
            Self::Certification => ("provisioning certification", 1),
            Self::QuotingEnclaves => ("quoting", 1),
            Self::QuotingDomains => ("trust domain quoting", 2),
        };
        SmallEnclave {
            flags: sgx_attributes::PROVISION_KEY,
            isvprodid,
            isvsvn,
            ..SmallEnclave::new(&format!("bulla model {name} enclave, version {isvsvn}\n"))
        }
    }

    /// What a report says of the enclave of this role and security version, on a processor of
    /// this security version: what identities of quoting enclaves are made from.
    pub fn report(self, cpusvn: [u8; 16], isvsvn: u16) -> SgxReportBody {
        self.secs(isvsvn).report_body(cpusvn, [0; 64])
    }

    fn start(self, signer: &EnclaveSigner, isvsvn: u16) -> Result<Enclave, Failure> {
        self.enclave(isvsvn).start(signer)
    }

    /// The control structure as initialisation leaves it, without address and size.
    fn secs(self, isvsvn: u16) -> Secs {
        let enclave = self.enclave(isvsvn);
        let mut secs = Secs {
            ssa_frame_size: 1.into(),
            attributes: enclave.parameters().attributes,
            mrenclave: enclave.image().mrenclave().expect("the size is known"),
            mrsigner: MRSIGNER,
            isvprodid: enclave.isvprodid.into(),
            isvsvn: isvsvn.into(),
            ..Secs::new_zeroed()
        };
        secs.attributes.flags |= sgx_attributes::INIT;
        secs
    }
}

/// The provisioning key that the certification enclave is given for these security versions of
/// processor and enclave, whatever its own is.
///
/// Computed from the outside, as a vendor does who knows the fuses.
pub(crate) fn provisioning_key(fuses: &Fuses, cpusvn: [u8; 16], pcesvn: u16) -> Key {
    let request = KeyRequest::architectural(key_name::PROVISION, 0).at(cpusvn, pcesvn);
    keys::provisioning_key(fuses, &Role::Certification.secs(pcesvn), &request)
}

/// Why an architectural enclave refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An instruction failed: a report that does not hold, a key of a later security version.
    #[error(transparent)]
    Instruction(#[from] Failure),
    /// The report is of an enclave that may not ask for certification.
    #[error("only an enclave with PROVISION_KEY is certified")]
    NotPermitted,
    /// The report does not name the key that the PPID is to be encrypted to.
    #[error("the report data is not of this provisioning key")]
    ReportData,
    /// A digest in a TD report is not of what stands beside it.
    #[error("`{0}` of the TD report is not the digest of its {1}")]
    TdReportDigest(&'static str, &'static str),
    /// Quotes of this kind have no place for what was reported.
    #[error("{0}")]
    Unsupported(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_what_the_enclave_reports_once_it_runs() {
        let signer = EnclaveSigner::architectural();
        for role in [
            Role::Certification,
            Role::QuotingEnclaves,
            Role::QuotingDomains,
        ] {
            let enclave = role.start(&signer, 8).expect("it starts");
            assert_eq!(
                enclave.secs().report_body([3; 16], [0; 64]),
                role.report([3; 16], 8)
            );
        }
    }
}
