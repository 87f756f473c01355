//! What every level of security in the vendor's documents says beside its SVNs.

use bulla_pki::{Timestamp, Window};

use crate::json::Object;

/// The status of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSpec {
    /// `tcbDate`: whoever reaches the level has every mitigation made public until then.
    pub date: Timestamp,
    /// `tcbStatus`: a word of the vendor's, or any other.
    pub word: String,
    /// `advisoryIDs`; left out of the document where there are none.
    pub advisory_ids: Vec<String>,
}

impl StatusSpec {
    /// `UpToDate` since `date`, without advisories.
    pub fn up_to_date(date: Timestamp) -> Self {
        Self {
            date,
            word: "UpToDate".to_owned(),
            advisory_ids: Vec::new(),
        }
    }

    /// `OutOfDate` since `date`, for an advisory of the simulated vendor.
    pub fn out_of_date(date: Timestamp) -> Self {
        let advisory_ids = vec!["SIMULATED-SA-00001".to_owned()];
        Self {
            date,
            word: "OutOfDate".to_owned(),
            advisory_ids,
        }
    }

    /// Adds the fields to a level, in the vendor's order.
    pub(crate) fn write(&self, level: Object) -> Object {
        self.write_without_advisories(level)
            .texts_if_any("advisoryIDs", &self.advisory_ids)
    }

    /// As [`Self::write`], for TCB info of version 2, which knows no advisories.
    pub(crate) fn write_without_advisories(&self, level: Object) -> Object {
        level
            .text("tcbDate", &self.date.to_string())
            .text("tcbStatus", &self.word)
    }
}

/// A level that one SVN decides: of an enclave identity or of a TDX module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsvLevelSpec {
    /// `isvsvn`: the level applies from this SVN on; at most 65,535 in a genuine document.
    pub isvsvn: u32,
    /// What holds there.
    pub status: StatusSpec,
}

impl IsvLevelSpec {
    /// Levels by which `isvsvn` is up to date and one below it, if there is one, out of date.
    pub fn up_to_date_from(isvsvn: u32, validity: Window) -> Vec<Self> {
        let date = midnight(validity.from);
        let mut levels = vec![Self {
            isvsvn,
            status: StatusSpec::up_to_date(date),
        }];
        if let Some(below) = isvsvn.checked_sub(1) {
            levels.push(Self {
                isvsvn: below,
                status: StatusSpec::out_of_date(date),
            });
        }
        levels
    }

    pub(crate) fn to_json(&self) -> String {
        let tcb = Object::new().number("isvsvn", self.isvsvn).end();
        self.status.write(Object::new().json("tcb", &tcb)).end()
    }
}

/// The start of the day: the vendor dates levels by the day.
pub(crate) fn midnight(at: Timestamp) -> Timestamp {
    at.saturating_sub(at.unix_seconds() % 86_400)
}
