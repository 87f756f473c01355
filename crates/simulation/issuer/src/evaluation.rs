//! The list of TCB evaluation data numbers that the vendor still serves (Intel: API of the
//! Provisioning Certification Service, version 4, "Get TCB Evaluation Data Numbers").

use bulla_pki::{Timestamp, Window};

use crate::json::Object;

/// The list before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationNumbersSpec {
    /// `id`: `SGX` or `TDX`.
    pub id: String,
    /// `version`; 1 today.
    pub version: u32,
    /// `issueDate` and `nextUpdate`.
    pub validity: Window,
    /// `tcbEvalNumbers`, in the order in which they are written; the vendor's begin with the
    /// newest.
    pub numbers: Vec<EvaluationNumberSpec>,
}

/// One number of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationNumberSpec {
    /// `tcbEvaluationDataNumber`.
    pub number: u32,
    /// `tcbRecoveryEventDate`: when the event became public.
    pub recovery_event_date: Timestamp,
    /// `tcbDate`: the date of the levels that the event made up to date.
    pub tcb_date: Timestamp,
}

impl EvaluationNumbersSpec {
    /// The body: one JSON object in the vendor's form, to be signed as it is.
    pub fn to_json(&self) -> String {
        Object::new()
            .text("id", &self.id)
            .number("version", self.version)
            .text("issueDate", &self.validity.from.to_string())
            .text("nextUpdate", &self.validity.until.to_string())
            .array(
                "tcbEvalNumbers",
                self.numbers.iter().map(EvaluationNumberSpec::to_json),
            )
            .end()
    }
}

impl EvaluationNumberSpec {
    fn to_json(&self) -> String {
        Object::new()
            .number("tcbEvaluationDataNumber", self.number)
            .text(
                "tcbRecoveryEventDate",
                &self.recovery_event_date.to_string(),
            )
            .text("tcbDate", &self.tcb_date.to_string())
            .end()
    }
}
