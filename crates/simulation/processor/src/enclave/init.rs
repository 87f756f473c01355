//! `EINIT` (Intel SDM volume 3D).

use bulla_evidence::layout::sgx_attributes;

use super::{Enclave, EnclaveBuild};
use crate::error::{ErrorCode, Failure, require};
use crate::sigstruct::Sigstruct;

/// What the owner of the platform permits an enclave, as access to device files does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Keys that identify the platform: `/dev/sgx_provision` in Linux.
    pub provisioning: bool,
    /// The key of launch tokens; no system with flexible launch control grants it.
    pub launch: bool,
}

impl EnclaveBuild {
    /// `EINIT`: makes the measurement final and lets the enclave run, if it is the one that was
    /// signed.
    ///
    /// Launch is flexible: any signer will do, and no token is needed. On failure the enclave is
    /// gone; clone it before, to try again.
    ///
    /// # Errors
    ///
    /// In this order: 1 for the form of the SIGSTRUCT, 8 for its signature, 4 for the measurement,
    /// 2 for attributes, `MISCSELECT`, and what was not granted.
    pub fn einit(mut self, sigstruct: &Sigstruct, grants: Grants) -> Result<Enclave, Failure> {
        sigstruct.check_format()?;
        let has_kss = self.secs.has(sgx_attributes::KSS);
        require(
            has_kss || (sigstruct.isvfamilyid == [0; 16] && sigstruct.isvextprodid == [0; 16]),
            ErrorCode::InvalidSigStruct,
            "ISVFAMILYID and ISVEXTPRODID need KSS",
        )?;
        sigstruct.check_signature()?;
        let mrenclave = self.measurement.mrenclave();
        require(
            mrenclave == sigstruct.enclavehash,
            ErrorCode::InvalidMeasurement,
            "the enclave is not the one that was signed",
        )?;
        self.check_attributes(sigstruct, grants)?;

        self.secs.mrenclave = mrenclave;
        self.secs.mrsigner = sigstruct.mrsigner();
        self.secs.isvprodid = sigstruct.isvprodid;
        self.secs.isvsvn = sigstruct.isvsvn;
        self.secs.isvfamilyid = sigstruct.isvfamilyid;
        self.secs.isvextprodid = sigstruct.isvextprodid;
        self.secs.attributes.flags |= sgx_attributes::INIT;
        Ok(Enclave {
            secs: self.secs,
            pages: self.pages,
        })
    }

    fn check_attributes(&self, sigstruct: &Sigstruct, grants: Grants) -> Result<(), Failure> {
        let check = |condition, reason| require(condition, ErrorCode::InvalidAttribute, reason);
        let (is, signed) = (&self.secs.attributes, &sigstruct.attributes);
        let mask = &sigstruct.attribute_mask;
        check(
            (is.flags ^ signed.flags) & mask.flags == 0,
            "attributes are not those that were signed",
        )?;
        check(
            (is.xfrm ^ signed.xfrm) & mask.xfrm == 0,
            "XFRM is not what was signed",
        )?;
        check(
            (self.secs.miscselect ^ sigstruct.miscselect) & sigstruct.misc_mask == 0,
            "MISCSELECT is not what was signed",
        )?;
        check(
            (self.secs.cet_attributes ^ sigstruct.cet_attributes) & sigstruct.cet_attributes_mask
                == 0,
            "attributes of CET are not those that were signed",
        )?;
        check(
            grants.provisioning || !self.secs.has(sgx_attributes::PROVISION_KEY),
            "PROVISION_KEY was not granted",
        )?;
        check(
            grants.launch || !self.secs.has(sgx_attributes::EINITTOKEN_KEY),
            "EINITTOKEN_KEY was not granted",
        )
    }
}
