//! Where in a configuration something stands.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// A line, a column and a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigPlace {
    /// Line and character in it, counted from 1; absent where there is no text.
    position: Option<(usize, usize)>,
    /// For example `upstream[0].url`; absent where the text is not TOML.
    field: Option<String>,
}

impl ConfigPlace {
    /// No place in particular.
    pub(crate) fn none() -> Self {
        Self {
            position: None,
            field: None,
        }
    }

    /// Where the reader of TOML stopped.
    pub(super) fn of(text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(text.len(), |span| span.start);
        let field = fields(text)
            .into_iter()
            .filter(|field| field.spans.iter().any(|span| span.contains(&offset)))
            .max_by_key(|field| field.path.len());
        Self {
            position: Some(position(text, offset)),
            field: field.map(|field| field.path),
        }
    }

    /// Where a field stands, or else the nearest around it.
    pub(super) fn of_field(text: &str, path: &str) -> Self {
        let found = fields(text)
            .into_iter()
            .filter(|field| path.starts_with(field.path.as_str()))
            .max_by_key(|field| field.path.len());
        let offset = found.and_then(|field| field.spans.first().map(|span| span.start));
        Self {
            position: offset.map(|offset| position(text, offset)),
            field: Some(path.to_owned()),
        }
    }
}

impl fmt::Display for ConfigPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.position {
            write!(f, "line {line}, column {column}, ")?;
        }
        match &self.field {
            Some(field) => write!(f, "`{field}`"),
            None => f.write_str("the text"),
        }
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or(before);
    let number = before.matches('\n').count().saturating_add(1);
    (number, line.chars().count().saturating_add(1))
}

/// A field of a TOML text: its path, and the spans of its key and its value.
struct Field {
    path: String,
    spans: Vec<Range<usize>>,
}

/// All fields of the text; none where it is not TOML.
fn fields(text: &str) -> Vec<Field> {
    let mut found = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        visit_table("", table.get_ref(), &mut found);
    }
    found
}

fn visit_table(path: &str, table: &DeTable<'_>, found: &mut Vec<Field>) {
    for (key, value) in table {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{}", key.get_ref());
        found.push(Field {
            path: path.clone(),
            spans: vec![key.span(), value.span()],
        });
        visit_value(&path, value.get_ref(), found);
    }
}

fn visit_value(path: &str, value: &DeValue<'_>, found: &mut Vec<Field>) {
    match value {
        DeValue::Table(table) => visit_table(path, table, found),
        DeValue::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                let path = format!("{path}[{index}]");
                found.push(Field {
                    path: path.clone(),
                    spans: vec![value.span()],
                });
                visit_value(&path, value.get_ref(), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "mode = \"lazy\"\n\n[[upstream]]\nname = \"a\"\nurl = \"x\"\n";

    #[test]
    fn a_field_is_found_or_the_nearest_around_it() {
        let place = |path| ConfigPlace::of_field(TEXT, path).to_string();
        assert_eq!(place("mode"), "line 1, column 1, `mode`");
        assert_eq!(
            place("upstream[0].url"),
            "line 5, column 1, `upstream[0].url`"
        );
        assert_eq!(
            place("upstream[0].proxy"),
            "line 3, column 1, `upstream[0].proxy`"
        );
        assert_eq!(place("trust.root"), "`trust.root`");
    }

    #[test]
    fn the_reader_stops_at_a_field() {
        let error = toml::from_str::<toml::Table>("a = 1\nb = = 2\n").unwrap_err();
        let place = ConfigPlace::of("a = 1\nb = = 2\n", &error).to_string();
        assert!(place.starts_with("line 2, column "), "{place}");
    }
}
