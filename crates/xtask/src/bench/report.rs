//! Markdown tables, and their place in docs/performance.md.

use std::fmt::Write as _;
use std::fs;

use super::failed;
use crate::step::{Result, tell};

const PAPER: &str = "docs/performance.md";

/// A table that is filled row by row.
#[derive(Debug)]
pub(super) struct Table {
    text: String,
}

impl Table {
    /// The first column is aligned left, the others right.
    pub(super) fn new(columns: &[&str]) -> Self {
        let mut text = format!("| {} |\n|---|", columns.join(" | "));
        for _ in columns.iter().skip(1) {
            text.push_str("--:|");
        }
        text.push('\n');
        Self { text }
    }

    pub(super) fn row<C: AsRef<str>>(&mut self, cells: &[C]) {
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        let _infallible = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A number of things a second, in three digits or more: `4,630`.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 100.0 {
        return format!("{per_second:.1}");
    }
    let digits = format!("{per_second:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One number over another: `0.82`.
pub(super) fn ratio(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.2}", part / whole)
    } else {
        "-".to_owned()
    }
}

/// Puts the text of a part into the paper, between its markers.
pub(super) fn write(part: &str, text: &str) -> Result<()> {
    let paper = fs::read_to_string(PAPER)
        .map_err(|error| failed(format!("cannot read {PAPER}: {error}")))?;
    let paper = replace(&paper, part, text).ok_or_else(|| {
        failed(format!(
            "{PAPER} has no place for {part}: put the lines {} and {} where it belongs",
            begin(part),
            end(part)
        ))
    })?;
    fs::write(PAPER, paper).map_err(|error| failed(format!("cannot write {PAPER}: {error}")))?;
    tell(format!("wrote {part} into {PAPER}"));
    Ok(())
}

fn begin(part: &str) -> String {
    format!("<!-- bench {part} -->")
}

fn end(part: &str) -> String {
    format!("<!-- end of bench {part} -->")
}

fn replace(paper: &str, part: &str, text: &str) -> Option<String> {
    let (before, rest) = paper.split_once(&begin(part))?;
    let (_, after) = rest.split_once(&end(part))?;
    Some(format!(
        "{before}{}\n{}\n{}{after}",
        begin(part),
        text.trim_end(),
        end(part)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_and_the_rest_of_the_paper_stays() {
        let paper =
            "before\n<!-- bench a -->\nold\n<!-- end of bench a -->\nafter <!-- bench b -->";
        let new = replace(paper, "a", "new\n\n").unwrap();
        assert_eq!(
            new,
            "before\n<!-- bench a -->\nnew\n<!-- end of bench a -->\nafter <!-- bench b -->"
        );
        assert_eq!(replace(&new, "a", "new").unwrap(), new, "again");
        assert_eq!(replace(paper, "b", "new"), None, "no end, no place");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(rate(1_234_567.8), "1,234,568");
        assert_eq!(rate(999.4), "999");
        assert_eq!(rate(7.25), "7.2");
        assert_eq!(ratio(1.0, 4.0), "0.25");
        assert_eq!(ratio(1.0, 0.0), "-");
    }

    #[test]
    fn a_table_has_as_many_columns_in_each_line() {
        let mut table = Table::new(&["what", "how much"]);
        table.row(&["a", "1"]);
        assert_eq!(
            table.finish(),
            "| what | how much |\n|---|--:|\n| a | 1 |\n"
        );
    }
}
