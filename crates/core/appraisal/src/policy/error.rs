//! Why a policy file cannot be used, and where in it.

use std::fmt;

use crate::place::TomlPlace;

/// A policy file that cannot be used: what is wrong, where, and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    line: usize,
    column: usize,
    field: Option<String>,
    message: String,
}

impl PolicyError {
    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The character in the line, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The field, for example `sgx.mrenclave[0]`; absent where the text is not TOML.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What is wrong and what is allowed.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// An error of the TOML reader.
    pub(crate) fn reading(text: &str, error: &toml::de::Error) -> Self {
        Self::at(TomlPlace::of(text, error), error.message().to_owned())
    }

    /// An error that shows only when several fields are read together.
    pub(crate) fn in_field(text: &str, path: &str, message: String) -> Self {
        Self::at(TomlPlace::of_field(text, path), message)
    }

    fn at(place: TomlPlace, message: String) -> Self {
        // What stands nowhere is missing from the whole.
        let (line, column) = place.position.unwrap_or((1, 1));
        Self {
            line,
            column,
            field: place.field,
            message,
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if let Some(field) = &self.field {
            write!(f, ", `{field}`")?;
        }
        write!(f, ": {}", self.message)
    }
}
