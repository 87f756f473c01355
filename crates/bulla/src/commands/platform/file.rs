//! Files with platforms that register, as Intel's tools write them.

use std::path::Path;

use bulla_protocol::pccs::{Refusal, Request, Route, RouteRules, Version};
use bulla_protocol::wire::RequestParts;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::input;

/// Largest file, in bytes: three hundred platforms with the largest manifest of 112,884 digits.
const MAX_SIZE: usize = 32 * 1024 * 1024;

/// Names of the columns of a CSV file, in their order; the last one may be absent.
const COLUMNS: [&str; 6] = [
    "enc_ppid",
    "pce_id",
    "cpu_svn",
    "pce_svn",
    "qe_id",
    "platform_manifest",
];

/// A platform, and the request that registers it.
pub(super) struct Entry {
    pub(super) qe_id: String,
    pub(super) pce_id: String,
    pub(super) request: RequestParts,
}

/// Most places of a file that are named as bad: whoever wrote a hundred wrong lines made one mistake.
const MOST_NAMED: usize = 10;

/// A platform as it stands in a file: where, and what it says or why it says nothing.
struct Found {
    place: String,
    object: std::result::Result<Value, String>,
}

/// Reads all platforms of a file; a single one that cannot be read spoils it, before anything is
/// sent.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let bytes = input::read("file of platforms", path, MAX_SIZE)?;
    let malformed = |reason: String| Error::PlatformFileMalformed {
        path: path.to_owned(),
        reason,
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| malformed(error.to_string()))?;
    entries(text).map_err(malformed)
}

fn entries(text: &str) -> std::result::Result<Vec<Entry>, String> {
    let found = match text.trim_start().starts_with(['{', '[']) {
        true => of_json(text)?,
        false => of_csv(text),
    };
    if found.is_empty() {
        return Err("it lists none".to_owned());
    }
    let mut entries = Vec::with_capacity(found.len());
    let mut bad = Vec::new();
    for Found { place, object } in found {
        match object.and_then(|object| entry(&object)) {
            Ok(entry) => entries.push(entry),
            Err(reason) => bad.push(format!("{place}: {reason}")),
        }
    }
    let rest = bad.len().saturating_sub(MOST_NAMED);
    bad.truncate(MOST_NAMED);
    match (bad.is_empty(), rest) {
        (true, _) => Ok(entries),
        (false, 0) => Err(bad.join("; ")),
        (false, _) => Err(format!("{}; and {rest} more", bad.join("; "))),
    }
}

/// `platform_list.json`, or one platform of it.
fn of_json(text: &str) -> std::result::Result<Vec<Found>, String> {
    let objects = match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Value::Array(objects) => objects,
        object => vec![object],
    };
    let objects = (1..).zip(objects);
    Ok(objects
        .map(|(number, object): (usize, Value)| Found {
            place: format!("platform {number}"),
            object: Ok(object),
        })
        .collect())
}

/// `pckid_retrieval.csv`: a platform on each line.
fn of_csv(text: &str) -> Vec<Found> {
    let lines = (1..).zip(text.lines());
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line): (usize, &str)| Found {
            place: format!("line {number}"),
            object: row(line),
        })
        .collect()
}

fn row(line: &str) -> std::result::Result<Value, String> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    if cells.len() < COLUMNS.len() - 1 || cells.len() > COLUMNS.len() {
        let names = COLUMNS.join(", ");
        return Err(format!("it has {} columns; there are {names}", cells.len()));
    }
    let pairs = COLUMNS.iter().zip(cells);
    let object: Map<_, _> = pairs
        .map(|(name, cell)| ((*name).to_owned(), json!(cell)))
        .collect();
    Ok(Value::Object(object))
}

/// The platform by the grammar of the interface itself, so that what is wrong is told here.
fn entry(object: &Value) -> std::result::Result<Entry, String> {
    let told = |refusal: Refusal| {
        let parts = refusal.write();
        let message = parts.headers.find("Error-Message");
        message.unwrap_or("it is not a platform").to_owned()
    };
    let body = object.to_string();
    let path = "/sgx/certification/v4/platforms";
    let route = Route::read("POST", path, RouteRules::default()).map_err(told)?;
    let request = route.request("", Some("application/json"), body.as_bytes());
    let request = request.map_err(told)?;
    let Request::AddPlatform { platform, .. } = &request else {
        return Err("it is not a platform".to_owned());
    };
    Ok(Entry {
        qe_id: platform.qe_id.to_string(),
        pce_id: platform.pce_id.to_string(),
        request: request.write(Version::V4),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> String {
        let (ppid, cpu_svn) = ("ab".repeat(384), "01".repeat(16));
        format!("{ppid},0000,{cpu_svn},0d00,{}", "cd".repeat(16))
    }

    fn reason(text: &str) -> String {
        entries(text).err().expect("a refusal")
    }

    #[test]
    fn csv_has_the_columns_of_intels_tool() {
        let good = entries(&format!("{}\r\n\n{},\n", line(), line())).expect("CSV");
        assert_eq!(good.len(), 2);
        assert_eq!(good[0].qe_id, "CD".repeat(16));
        assert_eq!(good[0].pce_id, "0000");
        assert_eq!(good[0].request.path, "/sgx/certification/v4/platforms");
        // Without an enclave the tool knows no more than the manifest.
        let manifest = "0a".repeat(9_000);
        let bare = entries(&format!(",0000,,,{},{manifest}", "ef".repeat(16))).expect("CSV");
        assert_eq!(bare[0].qe_id, "EF".repeat(16));
    }

    #[test]
    fn every_bad_line_is_named_by_its_number() {
        let text = format!("{}\n\na,b\n{}\n1,2,3,4,5,6,7\n", line(), line());
        let told = reason(&text);
        assert!(told.starts_with("line 3: it has 2 columns"), "{told}");
        assert!(told.contains("; line 5: it has 7 columns"), "{told}");
        let bad = line().replace(",0d00,", ",0d,");
        let told = reason(&format!("{}\n{bad}\n", line()));
        assert!(
            told.starts_with("line 2: ") && told.contains("pce_svn"),
            "{told}"
        );
        let without_any = format!(",0000,,,{}", "ef".repeat(16));
        assert!(reason(&without_any).starts_with("line 1: "));
        let told = reason(&"x\n".repeat(25));
        assert!(
            told.contains("line 10: ") && !told.contains("line 11: "),
            "{told}"
        );
        assert!(told.ends_with("; and 15 more"), "{told}");
    }

    #[test]
    fn json_is_one_platform_or_a_list() {
        let object = json!({"qe_id": "x", "pce_id": "0000", "cpu_svn": "01".repeat(16),
                            "pce_svn": "0d00", "enc_ppid": "ab".repeat(384),
                            "platform_manifest": "", "pckid_filename": "one.csv"});
        for text in [object.to_string(), json!([object]).to_string()] {
            assert_eq!(entries(&text).expect("JSON").len(), 1, "{text}");
        }
        let mut lacking = object.clone();
        lacking["cpu_svn"] = json!("");
        let told = reason(&json!([object, lacking]).to_string());
        assert!(
            told.starts_with("platform 2: ") && told.contains("cpu_svn"),
            "{told}"
        );
        for text in ["[]", "\n", "{\"qe_id\": 1", "[1]"] {
            assert!(entries(text).is_err(), "{text}");
        }
    }
}
