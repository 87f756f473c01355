//! What an owner demands of evidence before it counts.

mod anchor;
mod error;
pub(crate) mod exception;
mod flags;
mod sgx;
mod tcb;
mod tdx;
pub(crate) mod value;

use bulla_collateral::TcbStatus;
use bulla_pki::{Timestamp, TrustAnchor};
use serde::Deserialize;

use value::optional_instant;

pub use anchor::AnchorName;
pub use error::PolicyError;
pub use exception::{DOCUMENT_NAMES, DocumentName, ExpiryException};
pub use flags::{Demand, Tolerance};
pub use sgx::{SgxAttributeNames, SgxPolicy};
pub use tcb::{AcceptedStatuses, AdvisoryException, AdvisoryId};
pub use tdx::{Measurements, TdxPolicy};
pub use value::{AnyOf, HexBytes, ValueError};

/// What an owner demands of evidence before it counts.
///
/// The default is the strictest that needs no knowledge of the owner: a vendor's root, TCB status
/// `UpToDate`, every document in its window, no debugging, no profiling. A policy file changes
/// it field by field; a field that is left out keeps its default. `Revoked` is refused whatever
/// the policy says.
///
/// Exceptions have a last second and a reason. At `until` one still counts, a second later it
/// does not, and nothing needs to be done for that.
///
/// ```
/// use bulla_appraisal::Policy;
///
/// let policy = Policy::from_toml(r#"
/// trust_anchors = ["intel-sgx-root"]
/// accepted_tcb_statuses = ["UpToDate", "SWHardeningNeeded"]
/// rejected_advisories = ["INTEL-SA-00657"]
/// minimum_tcb_date = "2025-05-14T00:00:00Z"
/// minimum_evaluation_data_number = 19
/// equal_evaluation_data_numbers = true
/// minimum_issue_date = "2026-11-01T00:00:00Z"
/// minimum_crl_this_update = "2026-11-01T00:00:00Z"
/// report_data = [
///     "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
/// ]
///
/// [[allowed_advisories]]
/// id = "INTEL-SA-00828"
/// until = "2027-01-31T23:59:59Z"
/// reason = "OPS-4711: the firmware for rack 12 comes in January"
///
/// [[expired_documents]]
/// documents = ["pck_crl", "root_ca_crl"]
/// until = "2026-12-01T12:00:00Z"
/// reason = "OPS-4720: air gap, the courier is late"
///
/// [platforms]
/// ppid = ["00112233445566778899aabbccddeeff"]
/// platform_instance_id = ["ffeeddccbbaa99887766554433221100"]
///
/// [sgx]
/// mrenclave = ["1111111111111111111111111111111111111111111111111111111111111111"]
/// mrsigner = ["2222222222222222222222222222222222222222222222222222222222222222"]
/// isvprodid = [7]
/// minimum_isvsvn = 3
/// isvextprodid = ["00000000000000000000000000000000"]
/// isvfamilyid = ["00000000000000000000000000000000"]
/// configid = [
///     "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
/// ]
/// debug = "refused"                 # or "any"
/// required_attributes = ["KSS"]
/// forbidden_attributes = ["PROVISION_KEY"]
///
/// [tdx]
/// mrtd = ["333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333"]
/// mrseam = ["444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444444"]
/// mrsignerseam = ["000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"]
/// mrconfigid = ["000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"]
/// mrowner = ["000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"]
/// mrownerconfig = ["000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"]
/// rtmr0 = ["555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555555"]
/// rtmr1 = ["666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"]
/// rtmr2 = ["777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777"]
/// rtmr3 = ["888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888"]
/// mrservicetd = ["000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"]
/// xfam = ["e702060000000000"]
/// debug = "refused"                 # or "any"
/// profiling = "refused"             # or "any"
/// reserved_attributes = "refused"   # or "any"
/// sept_ve_disable = "required"      # or "any"
/// migratable = "refused"            # or "any"
/// service_td_extension = "refused"  # or "any"
/// service_td = "refused"            # or "any"
/// "#)?;
/// assert!(policy.sgx.is_some() && policy.tdx.is_some());
///
/// let error = Policy::from_toml("[sgx]\nmrenclave = [\"00\"]\n").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "line 2, column 14, `sgx.mrenclave[0]`: \
///      expected 64 hexadecimal digits (32 bytes), found 2 characters"
/// );
/// # Ok::<(), bulla_appraisal::PolicyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Policy {
    /// Roots that evidence may end in: names of vendors' roots, or SHA-256 of uncompressed public
    /// keys in 64 hexadecimal digits. A custom or simulated root can only be named by its digest.
    /// Absent: the vendors' roots, and no other.
    pub trust_anchors: Option<AnyOf<AnchorName>>,
    /// The TCB statuses that pass, in the vendor's spelling. `Revoked` is an error.
    /// Absent: `UpToDate`, or what the baseline accepts where one is demanded; present, both bind.
    pub accepted_tcb_statuses: Option<AcceptedStatuses>,
    /// Advisories that are tolerated for a while. Absent: none.
    ///
    /// A platform whose status is not accepted passes nevertheless when every advisory open on it
    /// has an exception in force, and when each of the levels behind the status (platform, TDX
    /// module, quoting enclave) whose own status is not accepted names at least one advisory. A
    /// level that is out of date and names none is refused: nobody could say what is tolerated.
    /// `Revoked` is refused always.
    pub allowed_advisories: Vec<AdvisoryException>,
    /// Advisories that are refused wherever they are open in the level of the launch, whatever the
    /// status. Absent: none.
    pub rejected_advisories: Vec<AdvisoryId>,
    /// The oldest `tcbDate` that passes, of the oldest level behind the status. Absent: any.
    #[serde(deserialize_with = "optional_instant")]
    pub minimum_tcb_date: Option<Timestamp>,
    /// The lowest `tcbEvaluationDataNumber` that passes, for TCB info and identity alike.
    /// Absent: any.
    pub minimum_evaluation_data_number: Option<u32>,
    /// Whether TCB info and identity must bear the same `tcbEvaluationDataNumber`. Absent: no.
    pub equal_evaluation_data_numbers: bool,
    /// The oldest `issueDate` that passes, for TCB info and identity alike. Absent: any.
    #[serde(deserialize_with = "optional_instant")]
    pub minimum_issue_date: Option<Timestamp>,
    /// The oldest `thisUpdate` that passes, for the PCK CRL and the root CA's CRL alike. (The
    /// vendor's CRL numbers do not rise, so that no least number can be asked for.) Absent: any.
    #[serde(deserialize_with = "optional_instant")]
    pub minimum_crl_this_update: Option<Timestamp>,
    /// Documents and certificates that are tolerated past their window for a while. Absent: none.
    pub expired_documents: Vec<ExpiryException>,
    /// Accepted report data, whole: 128 hexadecimal digits each. Absent: any; whoever binds a
    /// nonce or a key through it compares it itself.
    pub report_data: Option<AnyOf<HexBytes<64>>>,
    /// The machines that may attest. Absent: any.
    pub platforms: Option<PlatformPolicy>,
    /// What is demanded of SGX enclaves.
    ///
    /// With a table for one technology and none for the other, evidence of the other is refused:
    /// a list of enclaves would mean little if any TD passed beside it. An empty table admits
    /// a technology on the default terms. Both absent: both, on the default terms.
    pub sgx: Option<SgxPolicy>,
    /// What is demanded of TDs; see `sgx` for what absence means.
    pub tdx: Option<TdxPolicy>,
}

/// The machines that may attest: those of which one id is listed. At least one list must be given.
///
/// These ids are the only guard against keys taken from a genuine processor by physical attack:
/// everything else that such a key signs is in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct PlatformPolicy {
    /// Platform provisioning ids; 32 hexadecimal digits each.
    pub ppid: Option<AnyOf<HexBytes<16>>>,
    /// Ids of multi-package platform instances; 32 hexadecimal digits each.
    pub platform_instance_id: Option<AnyOf<HexBytes<16>>>,
}

impl Policy {
    /// Reads a policy file.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self =
            toml::from_str(text).map_err(|error| PolicyError::reading(text, &error))?;
        match policy.contradiction() {
            Some((field, message)) => Err(PolicyError::in_field(text, field, message)),
            None => Ok(policy),
        }
    }

    /// The same policy with these accepted TCB statuses instead of its own.
    pub fn with_accepted_statuses(mut self, statuses: Vec<TcbStatus>) -> Result<Self, ValueError> {
        self.accepted_tcb_statuses = Some(AcceptedStatuses::new(statuses)?);
        Ok(self)
    }

    /// Whether the policy has its own word on TCB levels: which statuses pass, or which open
    /// advisories are tolerated.
    pub fn judges_levels(&self) -> bool {
        self.accepted_tcb_statuses.is_some() || !self.allowed_advisories.is_empty()
    }

    /// Whether evidence may end in this root.
    pub fn accepts_anchor(&self, anchor: &TrustAnchor) -> bool {
        match &self.trust_anchors {
            Some(names) => names.iter().any(|name| name.names(anchor)),
            None => anchor.is_genuine(),
        }
    }

    /// A field that cannot be meant as it stands beside another, and why.
    fn contradiction(&self) -> Option<(&'static str, String)> {
        let both = self.rejected_advisories.iter().find(|id| {
            let mut allowed = self.allowed_advisories.iter();
            allowed.any(|exception| exception.id == **id)
        });
        if let Some(id) = both {
            let message =
                format!("{id} stands in `allowed_advisories` too; decide for one of them");
            return Some(("rejected_advisories", message));
        }
        if let Some(PlatformPolicy {
            ppid: None,
            platform_instance_id: None,
        }) = &self.platforms
        {
            let message = "no platform is listed, so none could pass; \
                           give `ppid` or `platform_instance_id`, or leave the table out";
            return Some(("platforms", message.to_owned()));
        }
        let sgx = self.sgx.as_ref()?;
        if sgx.required_attributes.flags() & sgx.forbidden_attributes.flags() != 0 {
            let message = "an attribute is both required and forbidden, so no enclave could pass";
            return Some(("sgx.forbidden_attributes", message.to_owned()));
        }
        None
    }
}

/// Values as an error message lists them: in backquotes, with commas.
fn allowed<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = values
        .into_iter()
        .map(|value| format!("`{value}`"))
        .collect();
    quoted.join(", ")
}
