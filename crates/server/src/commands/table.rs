//! Aligned columns for people.

use std::fmt::{self, Display};

use super::escape::escaped;

/// Rows under a line of headings, columns two spaces apart. Unsafe characters of cells are
/// escaped.
#[derive(Debug)]
pub(super) struct Table<const COLUMNS: usize> {
    headings: Option<[&'static str; COLUMNS]>,
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(headings: [&'static str; COLUMNS]) -> Self {
        Self {
            headings: Some(headings),
            rows: Vec::new(),
        }
    }

    /// A table that goes on from another one, or has names in its first column.
    pub(super) fn without_headings() -> Self {
        Self {
            headings: None,
            rows: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.map(|cell| match cell.as_str() {
            // So that every row has as many words as there are columns, for `awk`.
            "" => "-".to_owned(),
            text => escaped(text).to_string(),
        }));
    }

    fn widths(&self) -> [usize; COLUMNS] {
        let mut widths = self
            .headings
            .map_or([0; COLUMNS], |headings| headings.map(str::len));
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }
}

impl<const COLUMNS: usize> Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let mut first = true;
        let mut line = |cells: &[&str; COLUMNS]| {
            let mut text = String::new();
            for (cell, width) in cells.iter().zip(widths) {
                text.push_str(&format!("{cell:width$}  "));
            }
            let end = if first { "" } else { "\n" };
            first = false;
            write!(f, "{end}{}", text.trim_end())
        };
        if let Some(headings) = &self.headings {
            line(headings)?;
        }
        for row in &self.rows {
            line(&row.each_ref().map(String::as_str))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["NAME", "STATE"]);
        table.push(["é".to_owned(), "active".to_owned()]);
        table.push(["longer".to_owned(), String::new()]);
        table.push(["a\u{1b}[2J".to_owned(), "x".to_owned()]);
        assert_eq!(
            table.to_string(),
            "NAME        STATE\n\
             é           active\n\
             longer      -\n\
             a\\u{1b}[2J  x"
        );
    }
}
