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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(levels: &[(u16, &str)]) -> Result<IsvLevels, DocumentError> {
        let levels: Vec<String> = levels
            .iter()
            .map(|(svn, status)| {
                format!(
                    r#"{{"tcb":{{"isvsvn":{svn}}},"tcbDate":"2025-08-13T00:00:00Z",
                        "tcbStatus":"{status}","advisoryIDs":["INTEL-SA-{svn:05}"]}}"#
                )
            })
            .collect();
        let wire = json::parse(format!("[{}]", levels.join(",")).as_bytes())?;
        IsvLevels::from_wire("tcbLevels", wire, &mut UnknownFields::default())
    }

    #[test]
    fn the_highest_level_that_is_reached_counts_in_whatever_order_they_stand() {
        let levels = read(&[(2, "Revoked"), (8, "UpToDate"), (4, "OutOfDate")]).unwrap();
        let order: Vec<u16> = levels.iter().map(|level| level.isvsvn).collect();
        assert_eq!(order, [8, 4, 2]);
        let reached = |svn| levels.reached_by(svn).map(|level| level.isvsvn);
        assert_eq!(reached(1), None);
        assert_eq!(
            [2, 3, 4, 7].map(reached),
            [Some(2), Some(2), Some(4), Some(4)]
        );
        assert_eq!([8, u16::MAX].map(reached), [Some(8); 2]);
        let level = levels.reached_by(4).unwrap();
        assert_eq!(level.status, TcbStatus::OutOfDate);
        assert_eq!(level.date.to_string(), "2025-08-13T00:00:00Z");
        assert_eq!(*level.advisory_ids, ["INTEL-SA-00004".into()]);
    }

    #[test]
    fn no_level_two_alike_and_words_for_platforms_are_refused() {
        let list = "tcbLevels";
        let problem = "is empty";
        let empty = DocumentError::Field {
            field: list,
            problem,
        };
        assert_eq!(read(&[]), Err(empty));
        let repeated = Err(DocumentError::LevelRepeated { list });
        assert_eq!(read(&[(8, "UpToDate"), (8, "OutOfDate")]), repeated);
        assert_eq!(
            read(&[(8, "UpToDate"), (4, "OutOfDate"), (8, "UpToDate")]),
            repeated
        );
        for status in TcbStatus::ALL {
            let usual = [
                TcbStatus::UpToDate,
                TcbStatus::OutOfDate,
                TcbStatus::Revoked,
            ];
            let is_read = read(&[(8, status.as_str())]).is_ok();
            assert_eq!(is_read, usual.contains(&status), "{status}");
        }
    }
}
