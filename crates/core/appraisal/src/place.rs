//! Where in a TOML text something stands: in a policy, a baseline, a plan, a configuration.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// A line, a column and a field of a TOML text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TomlPlace {
    /// Line, and character in it, each counted from 1; absent where no field stands around it.
    pub position: Option<(usize, usize)>,
    /// For example `sgx.mrenclave[0]`; absent where the text is not TOML.
    pub field: Option<String>,
}

impl TomlPlace {
    /// Where the reader of TOML stopped.
    pub fn of(text: &str, error: &toml::de::Error) -> Self {
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
    pub fn of_field(text: &str, path: &str) -> Self {
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
        let position = |path| TomlPlace::of_field(TEXT, path).position;
        assert_eq!(position("mode"), Some((1, 1)));
        assert_eq!(position("upstream[0].url"), Some((5, 1)));
        assert_eq!(position("upstream[0].proxy"), Some((3, 1)));
        assert_eq!(position("trust.root"), None);
    }

    #[test]
    fn the_reader_stops_at_a_line() {
        let text = "a = 1\nb = = 2\n";
        let error = toml::from_str::<toml::Table>(text).unwrap_err();
        let place = TomlPlace::of(text, &error);
        assert_eq!(place.position.map(|(line, _)| line), Some(2));
        assert_eq!(place.field, None);
    }
}
