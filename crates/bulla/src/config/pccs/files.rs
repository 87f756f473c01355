//! The files of the cache's configuration, as its library reads them: one over the other.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Became, Setting, json};
use crate::config::ConfigPlace;
use crate::error::{Error, Result};
use crate::input;

/// Largest file, in bytes: Intel's has 1,500.
const MAX_SIZE: usize = 256 * 1024;

/// The files in the order in which each overrides those before. The cache's unit says that the deployment
/// is `production` (`NODE_ENV`).
const NAMES: [&str; 4] = [
    "default.json",
    "production.json",
    "local.json",
    "local-production.json",
];

/// What the files say together.
pub(super) struct Files {
    directory: PathBuf,
    used: Vec<PathBuf>,
    /// Whether everybody on the machine can read one of them.
    open: bool,
    all: Map<String, Value>,
}

impl Files {
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let directory = std::path::absolute(directory).map_err(|source| Error::FileUnreadable {
            what: "directory of Intel's cache",
            path: directory.to_owned(),
            source,
        })?;
        let mut files = Self {
            used: Vec::new(),
            open: false,
            all: Map::new(),
            directory,
        };
        for (place, name) in NAMES.iter().enumerate() {
            let path = files.directory.join("config").join(name);
            // Only the first must be there.
            if place > 0 && !path.exists() {
                continue;
            }
            let bytes = input::read("configuration of Intel's cache", &path, MAX_SIZE)?;
            let value = serde_json::from_slice(&json::plain(&bytes)).map_err(|error| {
                invalid(&path, &format!("it is no JSON that is read here: {error}"))
            })?;
            let Value::Object(over) = value else {
                return Err(invalid(&path, "it is no JSON object"));
            };
            let metadata = std::fs::metadata(&path);
            files.open |= metadata.is_ok_and(|it| it.permissions().mode() & 0o004 != 0);
            lay_over(&mut files.all, over);
            files.used.push(path);
        }
        Ok(files)
    }

    /// The files that were read.
    pub(super) fn used(&self) -> Vec<Setting> {
        let used = self.used.iter();
        used.map(|path| {
            let name = path.strip_prefix(&self.directory).unwrap_or(path);
            Setting::new(name.display().to_string(), "", Became::TakenOver, "read")
        })
        .collect()
    }

    pub(super) fn first(&self) -> PathBuf {
        self.directory.join("config").join("default.json")
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn are_open(&self) -> bool {
        self.open
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// A text; absent where there is none.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        match self.all.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(_) => Err(self.wrong(name, "it is no text")),
        }
    }

    /// A number, which may stand in quotes; absent where there is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>> {
        let number = match self.all.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_u64().and_then(|it| u32::try_from(it).ok()),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number
            .map(Some)
            .ok_or_else(|| self.wrong(name, "it is no number"))
    }

    /// A setting for people; of one with settings inside, which may be secret, that it is there.
    pub(super) fn shown(&self, name: &str) -> Option<String> {
        Some(match self.all.get(name)? {
            Value::String(text) => text.clone(),
            Value::Object(_) | Value::Array(_) => "set".to_owned(),
            other => other.to_string(),
        })
    }

    /// The database of SQLite; absent where the cache is set to another.
    pub(super) fn database(&self) -> Option<PathBuf> {
        let kind = self.all.get("DB_CONFIG").and_then(Value::as_str);
        if kind.is_some_and(|kind| kind != "sqlite") {
            return None;
        }
        let storage = self.all.get("sqlite").map(|it| &it["options"]["storage"]);
        let storage = storage.and_then(Value::as_str).unwrap_or("pckcache.db");
        Some(self.directory.join(storage))
    }

    pub(super) fn wrong(&self, name: &str, reason: &str) -> Error {
        let last = self.used.last().cloned();
        let path = last.unwrap_or_else(|| self.first());
        invalid(&path, &format!("{name}: {reason}"))
    }
}

fn invalid(path: &Path, reason: &str) -> Error {
    Error::ConfigurationInvalid {
        path: path.to_owned(),
        place: ConfigPlace::none(),
        reason: reason.to_owned(),
    }
}

/// Objects are laid over one another member by member; everything else is replaced.
fn lay_over(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Object(under)), Value::Object(over)) => lay_over(under, over),
            (_, value) => drop(under.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_laid_over_one_another_and_all_else_is_replaced() {
        let object = |value: Value| value.as_object().cloned().expect("an object");
        let mut all = object(json!({ "a": { "b": 1, "c": [1, 2] }, "d": "e", "f": { "g": 1 } }));
        let over = json!({ "a": { "c": [3], "h": null }, "d": { "i": 1 }, "f": 2 });
        lay_over(&mut all, object(over));
        let expected = json!({ "a": { "b": 1, "c": [3], "h": null }, "d": { "i": 1 }, "f": 2 });
        assert_eq!(Value::Object(all), expected);
    }
}
