//! Fields as text: names aligned, one value to a line, what belongs together indented.

use anstream::adapter::strip_str;

use crate::describe::{Fields, Value};
use crate::render::style::{FAINT, PLAIN, WIDTH, harmless, paint};

/// How much further an inner block stands to the right.
const INDENT: usize = 2;

/// Longest list that is written on one line, in characters.
const INLINE_LIST: usize = 72;

/// Appends the fields to `text`, `indent` columns from the left.
pub(crate) fn write(fields: &Fields, indent: usize, text: &mut String) {
    let inline = |value: &Value| one_line(value).is_some();
    let width = fields
        .iter()
        .filter(|(_, value)| inline(value))
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0);
    let margin = " ".repeat(indent);
    for (name, value) in fields.iter() {
        if let Some(line) = one_line(value) {
            let name = paint(FAINT, format!("{name:width$}"));
            text.push_str(&format!("{margin}{name}  {line}\n"));
        } else {
            text.push_str(&format!("{margin}{}\n", paint(FAINT, name)));
            write_block(value, indent.saturating_add(INDENT), text);
        }
    }
}

fn write_block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Fields(fields) => write(fields, indent, text),
        Value::List(values) => {
            if let Some(table) = table(values, indent) {
                text.push_str(&table);
                return;
            }
            for (number, value) in (1..).zip(values) {
                let margin = " ".repeat(indent);
                match one_line(value) {
                    Some(line) => text.push_str(&format!("{margin}{line}\n")),
                    None => {
                        let number = paint(FAINT, format!("[{number}]"));
                        text.push_str(&format!("{margin}{number}\n"));
                        write_block(value, indent.saturating_add(INDENT), text);
                    }
                }
            }
        }
        other => text.push_str(&one_line(other).unwrap_or_default()),
    }
}

/// A list of alike records with short values, one to a line below the names of their fields.
fn table(values: &[Value], indent: usize) -> Option<String> {
    let mut rows: Vec<Vec<String>> = Vec::with_capacity(values.len().saturating_add(1));
    for value in values {
        let Value::Fields(fields) = value else {
            return None;
        };
        let names: Vec<String> = fields.iter().map(|(name, _)| name.to_owned()).collect();
        match rows.first() {
            None => rows.push(names),
            Some(header) if *header == names => {}
            Some(_) => return None,
        }
        rows.push(
            fields
                .iter()
                .map(|(_, value)| one_line(value))
                .collect::<Option<_>>()?,
        );
    }
    let columns = rows.first()?.len();
    let cell = |row: &Vec<String>, column: usize| {
        let text = row.get(column).map_or("", String::as_str);
        strip_str(text).to_string()
    };
    let width = |column| {
        rows.iter()
            .map(|row| cell(row, column).chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let total = widths.iter().sum::<usize>().saturating_add(2 * columns);
    if total.saturating_add(indent) > WIDTH {
        return None;
    }
    let margin = " ".repeat(indent);
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = widths.iter().enumerate();
        let line: Vec<String> = cells
            .map(|(column, width)| format!("{:width$}", cell(row, column)))
            .collect();
        let line = line.join("  ");
        let style = if number == 0 { FAINT } else { PLAIN };
        text.push_str(&format!("{margin}{}\n", paint(style, line.trim_end())));
    }
    Some(text)
}

/// The value where it fits one line.
pub(crate) fn one_line(value: &Value) -> Option<String> {
    match value {
        Value::Absent => Some(paint(FAINT, "-")),
        Value::Flag(flag) => Some(if *flag { "yes" } else { "no" }.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Text(text) => Some(harmless(text)),
        Value::List(values) if values.is_empty() => Some(paint(FAINT, "none")),
        Value::List(values) => {
            let simple = |value: &Value| !matches!(value, Value::List(_) | Value::Fields(_));
            let all_simple = values.iter().all(simple);
            let parts: Vec<String> = values.iter().filter_map(one_line).collect();
            let line = parts.join(", ");
            (all_simple && line.chars().count() <= INLINE_LIST).then_some(line)
        }
        Value::Fields(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_align_and_blocks_are_indented() {
        let inner = Fields::new()
            .with("b", vec![1_u8, 2])
            .with("longer", Value::Absent);
        let fields = Fields::new()
            .with("one", true)
            .with("inner", inner)
            .with(
                "table",
                vec![Fields::new().with("x", "a\u{7}").with("y", true)],
            )
            .with("list", vec![Fields::new().with("x", "z".repeat(WIDTH))]);
        let mut text = String::new();
        write(&fields, 0, &mut text);
        let plain = strip_str(&text).to_string();
        let long = "z".repeat(WIDTH);
        assert_eq!(
            plain,
            format!(
                "one  yes\ninner\n  b       1, 2\n  longer  -\ntable\n  x       y\n  a\\u{{7}}  yes\n\
                 list\n  [1]\n    x  {long}\n"
            )
        );
    }
}
