//! What TCB info and identities share: levels of a single SVN.

use std::cmp::Reverse;
use std::sync::Arc;

use bulla_pki::Timestamp;

use crate::json::{Advisories, DocumentError, Status, Time, UnknownFields, object};
use crate::status::TcbStatus;

/// A level of an enclave or a TDX module: reached from this `isvsvn` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsvLevel {
    /// The least ISVSVN of the level.
    pub isvsvn: u16,
    /// `tcbDate`: from when on the level closes what was known.
    pub date: Timestamp,
    /// `UpToDate`, `OutOfDate` or `Revoked`.
    pub status: TcbStatus,
    /// `advisoryIDs`; empty where the vendor lists none.
    pub advisory_ids: Arc<[Arc<str>]>,
}

/// Levels sorted by falling ISVSVN, at least one, no two alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsvLevels(Vec<IsvLevel>);

impl IsvLevels {
    /// The highest level that `isvsvn` reaches; `None` where it reaches none.
    pub fn reached_by(&self, isvsvn: u16) -> Option<&IsvLevel> {
        self.0.iter().find(|level| level.isvsvn <= isvsvn)
    }

    /// The levels, highest first.
    pub fn iter(&self) -> impl Iterator<Item = &IsvLevel> {
        self.0.iter()
    }

    /// Sorts the levels of `list`, whose document's order is never trusted.
    pub(crate) fn from_wire(
        list: &'static str,
        wire: Vec<IsvLevelWire>,
        unknown: &mut UnknownFields,
    ) -> Result<Self, DocumentError> {
        let mut levels = Vec::with_capacity(wire.len());
        for level in wire {
            unknown.absorb(level.unknown);
            unknown.absorb(level.tcb.unknown);
            let status = level.tcb_status.0;
            let allowed = [
                TcbStatus::UpToDate,
                TcbStatus::OutOfDate,
                TcbStatus::Revoked,
            ];
            if !allowed.contains(&status) {
                return Err(DocumentError::Field {
                    field: "tcbStatus",
                    problem: "of an enclave or module is none of UpToDate, OutOfDate, Revoked",
                });
            }
            levels.push(IsvLevel {
                isvsvn: level.tcb.isvsvn,
                date: level.tcb_date.0,
                status,
                advisory_ids: level.advisory_ids.unwrap_or_default().0,
            });
        }
        levels.sort_by_key(|level| Reverse(level.isvsvn));
        if levels.is_empty() {
            return Err(DocumentError::Field {
                field: list,
                problem: "is empty",
            });
        }
        if !levels.is_sorted_by(|high, low| high.isvsvn > low.isvsvn) {
            return Err(DocumentError::LevelRepeated { list });
        }
        Ok(Self(levels))
    }
}

object! {
    pub(crate) struct IsvLevelWire;
    required {
        tcb: IsvTcbWire = "tcb",
        tcb_date: Time = "tcbDate",
        tcb_status: Status = "tcbStatus",
    }
    optional {
        advisory_ids: Advisories = "advisoryIDs",
    }
}

object! {
    struct IsvTcbWire;
    required {
        isvsvn: u16 = "isvsvn",
    }
    optional {}
}
