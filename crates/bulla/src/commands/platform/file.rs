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

/// Reads all platforms of a file; a single one that cannot be read spoils it, before anything is
/// sent.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let bytes = input::read("file of platforms", path, MAX_SIZE)?;
    let malformed = |reason: String| Error::PlatformFileMalformed {
        path: path.to_owned(),
        reason,
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| malformed(error.to_string()))?;
    let objects = match text.trim_start().starts_with(['{', '[']) {
        true => of_json(text),
        false => of_csv(text),
    };
    let objects = objects.map_err(malformed)?;
    if objects.is_empty() {
        return Err(malformed("it lists none".to_owned()));
    }
    (1..)
        .zip(&objects)
        .map(|(number, object)| {
            entry(object)
                .map_err(|reason: String| malformed(format!("platform {number}: {reason}")))
        })
        .collect()
}

fn of_json(text: &str) -> std::result::Result<Vec<Value>, String> {
    match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Value::Array(objects) => Ok(objects),
        object => Ok(vec![object]),
    }
}

fn of_csv(text: &str) -> std::result::Result<Vec<Value>, String> {
    let lines = (1..).zip(text.lines());
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            if cells.len() < COLUMNS.len() - 1 || cells.len() > COLUMNS.len() {
                return Err(format!(
                    "line {number} has {} columns; there are {}",
                    cells.len(),
                    COLUMNS.join(", ")
                ));
            }
            let pairs = COLUMNS.iter().zip(cells);
            let object: Map<_, _> = pairs
                .map(|(name, cell)| ((*name).to_owned(), json!(cell)))
                .collect();
            Ok(Value::Object(object))
        })
        .collect()
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

    #[test]
    fn csv_has_the_columns_of_intels_tool() {
        let ppid = "ab".repeat(384);
        let text = format!(
            "{ppid},0000,{},0d00,{}\r\n\n",
            "01".repeat(16),
            "cd".repeat(16)
        );
        let objects = of_csv(&text).expect("CSV");
        assert_eq!(objects.len(), 1);
        let entry = entry(&objects[0]).expect("a platform");
        assert_eq!(entry.qe_id, "CD".repeat(16));
        assert_eq!(entry.pce_id, "0000");
        assert_eq!(entry.request.path, "/sgx/certification/v4/platforms");
        for text in ["a,b", "1,2,3,4,5,6,7"] {
            assert!(of_csv(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_is_one_platform_or_a_list() {
        let object = json!({"qe_id": "x", "pce_id": "0000", "cpu_svn": "01".repeat(16),
                            "pce_svn": "0d00", "enc_ppid": "ab".repeat(384),
                            "platform_manifest": ""});
        assert_eq!(of_json(&object.to_string()), Ok(vec![object.clone()]));
        assert_eq!(
            of_json(&json!([object]).to_string()),
            Ok(vec![object.clone()])
        );
        assert!(entry(&object).is_ok());
        let mut lacking = object;
        lacking["cpu_svn"] = json!("");
        let reason = entry(&lacking).err().expect("a refusal");
        assert!(reason.contains("cpu_svn"), "{reason}");
    }
}
