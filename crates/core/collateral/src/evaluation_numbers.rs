//! TCB evaluation data numbers: which sets of collateral the vendor keeps (Intel PCS API, "Get TCB
//! Evaluation Data Numbers").

use bulla_pki::{Timestamp, Window};

use crate::json::{self, DocumentError, Text, Time, object};
use crate::tcb_info::TcbInfoId;

/// The list of evaluation data numbers of one technology, read from its signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationDataNumbers {
    /// The technology.
    pub id: TcbInfoId,
    /// `issueDate` to `nextUpdate`.
    pub window: Window,
    /// The numbers, newest first, at least one, no two alike.
    pub numbers: Vec<EvaluationDataNumber>,
    /// Names of fields that this version does not know, sorted.
    pub unknown_fields: Vec<String>,
}

/// One number: the TCB recovery that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationDataNumber {
    /// `tcbEvaluationDataNumber`.
    pub number: u32,
    /// When the TCB recovery was made public.
    pub recovery_event_date: Timestamp,
    /// The `tcbDate` of the level that closes what it is about.
    pub tcb_date: Timestamp,
}

impl EvaluationDataNumbers {
    /// Reads the signed text, the inner object of
    /// `{"tcbEvaluationDataNumbers":{...},"signature":"..."}`.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let wire: NumbersWire<'_> = json::parse(body)?;
        let id = match &*wire.id.0 {
            "SGX" => TcbInfoId::Sgx,
            "TDX" => TcbInfoId::Tdx,
            _ => {
                return Err(DocumentError::Field {
                    field: "id",
                    problem: "is neither SGX nor TDX",
                });
            }
        };
        if wire.version != 1 {
            return Err(DocumentError::VersionUnsupported {
                version: wire.version,
            });
        }
        let mut unknown = wire.unknown;
        let mut numbers: Vec<EvaluationDataNumber> = wire
            .tcb_eval_numbers
            .into_iter()
            .map(|entry| {
                unknown.absorb(entry.unknown);
                EvaluationDataNumber {
                    number: entry.tcb_evaluation_data_number,
                    recovery_event_date: entry.tcb_recovery_event_date.0,
                    tcb_date: entry.tcb_date.0,
                }
            })
            .collect();
        numbers.sort_by_key(|entry| std::cmp::Reverse(entry.number));
        let list = "tcbEvalNumbers";
        if numbers.is_empty() {
            return Err(DocumentError::Field {
                field: list,
                problem: "is empty",
            });
        }
        if !numbers.is_sorted_by(|high, low| high.number > low.number) {
            return Err(DocumentError::LevelRepeated { list });
        }
        Ok(Self {
            id,
            window: Window {
                from: wire.issue_date.0,
                until: wire.next_update.0,
            },
            numbers,
            unknown_fields: unknown.0.into_iter().collect(),
        })
    }
}

object! {
    struct NumbersWire<'de>;
    required {
        id: Text<'de> = "id",
        version: u64 = "version",
        issue_date: Time = "issueDate",
        next_update: Time = "nextUpdate",
        tcb_eval_numbers: Vec<NumberWire> = "tcbEvalNumbers",
    }
    optional {}
}

object! {
    struct NumberWire;
    required {
        tcb_evaluation_data_number: u32 = "tcbEvaluationDataNumber",
        tcb_recovery_event_date: Time = "tcbRecoveryEventDate",
        tcb_date: Time = "tcbDate",
    }
    optional {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: &str = r#"{"id":"SGX","version":1,"issueDate":"2026-01-01T00:00:00Z",
        "nextUpdate":"2026-01-31T00:00:00Z","tcbEvalNumbers":[
        {"tcbEvaluationDataNumber":17,"tcbRecoveryEventDate":"2024-11-12T00:00:00Z",
         "tcbDate":"2024-11-13T00:00:00Z"},
        {"tcbEvaluationDataNumber":19,"tcbRecoveryEventDate":"2025-08-12T00:00:00Z",
         "tcbDate":"2025-08-13T00:00:00Z"}]}"#;

    fn read(from: &str, to: &str) -> Result<EvaluationDataNumbers, DocumentError> {
        assert!(NUMBERS.contains(from));
        EvaluationDataNumbers::parse(NUMBERS.replace(from, to).as_bytes())
    }

    #[test]
    fn numbers_come_newest_first_with_their_dates() {
        let at = |text: &str| text.parse().unwrap();
        let list = read("", "").unwrap();
        assert_eq!(list.id, TcbInfoId::Sgx);
        assert_eq!(list.window.from, at("2026-01-01T00:00:00Z"));
        assert_eq!(list.window.until, at("2026-01-31T00:00:00Z"));
        let newest = EvaluationDataNumber {
            number: 19,
            recovery_event_date: at("2025-08-12T00:00:00Z"),
            tcb_date: at("2025-08-13T00:00:00Z"),
        };
        let numbers: Vec<u32> = list.numbers.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [19, 17]);
        assert_eq!(list.numbers[0], newest);
        assert_eq!(read("SGX", "TDX").unwrap().id, TcbInfoId::Tdx);
    }

    #[test]
    fn other_ids_and_versions_and_repeated_numbers_are_refused() {
        assert!(read("SGX", "SEV").is_err());
        let version = |version| Err(DocumentError::VersionUnsupported { version });
        assert_eq!(read(r#""version":1"#, r#""version":2"#), version(2));
        assert_eq!(read(r#""version":1"#, r#""version":0"#), version(0));
        let list = "tcbEvalNumbers";
        assert_eq!(
            read(":19", ":17"),
            Err(DocumentError::LevelRepeated { list })
        );
    }

    #[test]
    fn an_empty_list_is_refused() {
        let (before, _) = NUMBERS.split_once('[').unwrap();
        let text = format!("{before}[]}}");
        assert!(matches!(
            EvaluationDataNumbers::parse(text.as_bytes()),
            Err(DocumentError::Field {
                problem: "is empty",
                ..
            })
        ));
    }
}
