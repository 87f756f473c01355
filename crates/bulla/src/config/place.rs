//! Where in a configuration something stands.

use std::fmt;

use bulla_appraisal::TomlPlace;

/// A line, a column and a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigPlace(TomlPlace);

impl ConfigPlace {
    /// No place in particular.
    pub(crate) fn none() -> Self {
        Self(TomlPlace::default())
    }

    /// Where the reader of TOML stopped.
    pub(super) fn of(text: &str, error: &toml::de::Error) -> Self {
        Self(TomlPlace::of(text, error))
    }

    /// Where a field stands, or else the nearest around it.
    pub(super) fn of_field(text: &str, path: &str) -> Self {
        Self(TomlPlace::of_field(text, path))
    }
}

impl fmt::Display for ConfigPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.0.position {
            write!(f, "line {line}, column {column}, ")?;
        }
        match &self.0.field {
            Some(field) => write!(f, "`{field}`"),
            None => f.write_str("the text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_place_is_told() {
        let place = |path| ConfigPlace::of_field("a = 1\nb = 2\n", path).to_string();
        assert_eq!(place("b"), "line 2, column 1, `b`");
        assert_eq!(place("trust.root"), "`trust.root`");
        assert_eq!(ConfigPlace::none().to_string(), "the text");
    }
}
