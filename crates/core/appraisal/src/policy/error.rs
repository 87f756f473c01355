//! Why a policy file cannot be used, and where in it.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

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
        let offset = error.span().map_or(text.len(), |span| span.start);
        let field = fields(text)
            .into_iter()
            .filter(|field| field.spans.iter().any(|span| span.contains(&offset)))
            .max_by_key(|field| field.path.len())
            .map(|field| field.path);
        Self::at(text, offset, field, error.message().to_owned())
    }

    /// An error that shows only when several fields are read together.
    pub(crate) fn in_field(text: &str, path: &str, message: String) -> Self {
        let offset = fields(text)
            .into_iter()
            .find(|field| field.path == path)
            .and_then(|field| field.spans.first().map(|span| span.start))
            .unwrap_or(0);
        Self::at(text, offset, Some(path.to_owned()), message)
    }

    fn at(text: &str, offset: usize, field: Option<String>, message: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or(before);
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            field,
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
