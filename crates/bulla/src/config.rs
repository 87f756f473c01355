//! The configuration of `bulla serve`: a TOML file that was given by name, and arguments, which
//! override it.
//!
//! A configuration can name a root to trust. So none is ever looked for: not in a default place,
//! not through the environment.

pub(crate) mod database;
mod file;
mod gate;
mod listen;
pub(crate) mod pccs;
mod place;
mod secret;
mod settle;
mod tokens;
mod upstream;

pub(crate) use file::{Configuration, ModeWord};
pub(crate) use place::ConfigPlace;
pub(crate) use secret::{check as check_secret, read_line as read_secret};
pub(crate) use settle::{Overrides, Settled, settle};

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::input;

/// Largest configuration file. One with a hundred upstreams and listeners has 50 KB.
const MAX_SIZE: usize = 1024 * 1024;

/// A configuration and where it stands.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Absent where there is no file.
    path: Option<PathBuf>,
    text: String,
    /// What it says.
    pub(crate) configuration: Configuration,
}

impl Source {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = input::read_or_empty("configuration", path, MAX_SIZE)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            Error::ConfigurationInvalid {
                path: path.to_owned(),
                place: ConfigPlace::none(),
                reason: format!("this is no UTF-8 text from byte {offset} on"),
            }
        })?;
        let configuration = toml::from_str(&text).map_err(|error| Error::ConfigurationInvalid {
            path: path.to_owned(),
            place: ConfigPlace::of(&text, &error),
            reason: error.message().to_owned(),
        })?;
        Ok(Self {
            path: Some(path.to_owned()),
            text,
            configuration,
        })
    }

    /// What is wrong with a field, for example `upstream[0].url`.
    pub(crate) fn wrong(&self, field: &str, reason: impl Into<String>) -> Error {
        Error::ConfigurationInvalid {
            path: self.path.clone().unwrap_or_default(),
            place: ConfigPlace::of_field(&self.text, field),
            reason: reason.into(),
        }
    }

    /// A path in the configuration: relative ones start where the file is.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        match self.path.as_deref().and_then(Path::parent) {
            Some(directory) => directory.join(path),
            None => path.to_owned(),
        }
    }
}
