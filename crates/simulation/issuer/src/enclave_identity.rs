//! Identities of the vendor's enclaves (Intel: API of the Provisioning Certification Service,
//! "Get SGX QE Identity" and its siblings).

use bulla_evidence::layout::{SgxReportBody, sgx_attributes};
use bulla_pki::Window;

use crate::json::Object;
use crate::level::IsvLevelSpec;

/// An enclave identity before it is signed; every field may be changed to something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnclaveIdentitySpec {
    /// `id`: `QE`, `TD_QE`, `QVE` or `QAE`.
    pub id: String,
    /// `version`; 2 today.
    pub version: u32,
    /// `issueDate` and `nextUpdate`.
    pub validity: Window,
    /// `tcbEvaluationDataNumber`.
    pub evaluation_data_number: u32,
    /// `miscselect`, in the byte order of the report.
    pub miscselect: [u8; 4],
    /// `miscselectMask`: which bits of `miscselect` count.
    pub miscselect_mask: [u8; 4],
    /// `attributes`: flags and XFRM, in the byte order of the report.
    pub attributes: [u8; 16],
    /// `attributesMask`: which bits of `attributes` count.
    pub attributes_mask: [u8; 16],
    /// `mrsigner`.
    pub mrsigner: [u8; 32],
    /// `isvprodid`: at most 65,535 in a genuine document.
    pub isvprodid: u32,
    /// `tcbLevels`, in the order in which they are written.
    pub levels: Vec<IsvLevelSpec>,
}

impl EnclaveIdentitySpec {
    /// The identity by which the enclave of this report is up to date; one SVN below it is out of
    /// date.
    ///
    /// The masks are the vendor's: of the attributes, every flag but `MODE64` counts and XFRM does
    /// not.
    pub fn of(
        id: &str,
        enclave: &SgxReportBody,
        validity: Window,
        evaluation_data_number: u32,
    ) -> Self {
        let (flags, mask) = (enclave.attributes.flags.get(), !sgx_attributes::MODE64);
        Self {
            id: id.to_owned(),
            version: 2,
            validity,
            evaluation_data_number,
            miscselect: enclave.miscselect.to_bytes(),
            miscselect_mask: [0xff; 4],
            attributes: attributes(flags & mask),
            attributes_mask: attributes(mask),
            mrsigner: enclave.mrsigner,
            isvprodid: enclave.isvprodid.get().into(),
            levels: IsvLevelSpec::up_to_date_from(enclave.isvsvn.get().into(), validity),
        }
    }

    /// The body: one JSON object in the vendor's form, to be signed as it is.
    pub fn to_json(&self) -> String {
        Object::new()
            .text("id", &self.id)
            .number("version", self.version)
            .text("issueDate", &self.validity.from.to_string())
            .text("nextUpdate", &self.validity.until.to_string())
            .number("tcbEvaluationDataNumber", self.evaluation_data_number)
            .hex("miscselect", &self.miscselect)
            .hex("miscselectMask", &self.miscselect_mask)
            .hex("attributes", &self.attributes)
            .hex("attributesMask", &self.attributes_mask)
            .hex("mrsigner", &self.mrsigner)
            .number("isvprodid", self.isvprodid)
            .array("tcbLevels", self.levels.iter().map(IsvLevelSpec::to_json))
            .end()
    }
}

/// Attributes with these flags and an XFRM of zero, little-endian as in a report.
fn attributes(flags: u64) -> [u8; 16] {
    u128::from(flags).to_le_bytes()
}
