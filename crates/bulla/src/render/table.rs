//! Tables for people: columns aligned, two spaces between them, no lines.

use anstream::adapter::strip_str;

use crate::render::style::{FAINT, paint};

/// Appends a table to `text`. Cells may be painted; what came from outside must be harmless
/// already. Without rows there is no table.
pub(crate) fn write<const N: usize>(titles: [&str; N], rows: &[[String; N]], text: &mut String) {
    if rows.is_empty() {
        return;
    }
    let width = |cell: &str| strip_str(cell).to_string().chars().count();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(column, title)| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| width(cell))
                .max()
                .unwrap_or(0)
                .max(width(title))
        })
        .collect();
    let titles = titles.map(|title| paint(FAINT, title));
    for row in [&titles].into_iter().chain(rows) {
        let mut line = String::new();
        let mut gap = 0;
        for (cell, full) in row.iter().zip(&widths) {
            line.push_str(&" ".repeat(gap));
            line.push_str(cell);
            gap = full.saturating_sub(width(cell)).saturating_add(2);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::style::BAD;

    #[test]
    fn columns_align_whatever_is_painted() {
        let mut text = String::new();
        let rows = [
            ["a".to_owned(), paint(BAD, "long one"), String::new()],
            ["bcd".to_owned(), "x".to_owned(), "y".to_owned()],
        ];
        write(["n", "two", "3"], &rows, &mut text);
        let plain = strip_str(&text).to_string();
        let lines: Vec<&str> = plain.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            ["n    two       3", "a    long one", "bcd  x         y"]
        );
    }
}
