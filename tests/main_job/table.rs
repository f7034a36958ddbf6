//! What became of each cell, as a table.

use std::any::Any;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::cell::Cell;
use crate::suite::{self, Done};

/// How much of a failure's message the table has room for, in characters.
const MESSAGE: usize = 200;

/// A cell, and what became of it.
pub(crate) struct Row {
    cell: Cell,
    outcome: Outcome,
    took: Duration,
}

enum Outcome {
    Done(Done),
    /// A server could not be had: the reason has been said.
    NotRun,
    Failed(String),
}

impl Row {
    /// Does the main job in the cell.
    pub(crate) fn of(cell: Cell) -> Self {
        let began = Instant::now();
        let outcome = match catch_unwind(AssertUnwindSafe(|| suite::main_job(cell))) {
            Ok(Some(done)) => Outcome::Done(done),
            Ok(None) => Outcome::NotRun,
            Err(panic) => Outcome::Failed(message(panic.as_ref())),
        };
        Self {
            cell,
            outcome,
            took: began.elapsed(),
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

/// One line a cell.
pub(crate) fn text(rows: &[Row]) -> String {
    let head = "metadata  blobs      keys           documents       bytes   seconds  result";
    let mut table = format!("\n{head}\n");
    for row in rows {
        let (documents, bytes, result) = match &row.outcome {
            Outcome::Done(done) => (done.documents, done.bytes, "ok".to_owned()),
            Outcome::NotRun => (0, 0, "not run: a server cannot be had".to_owned()),
            Outcome::Failed(message) => (0, 0, format!("FAILED: {message}")),
        };
        let seconds = row.took.as_secs_f64();
        writeln!(
            table,
            "{}  {documents:>9} {bytes:>11} {seconds:>9.1}  {result}",
            row.cell
        )
        .unwrap();
    }
    let is_done = |row: &&Row| matches!(row.outcome, Outcome::Done(_));
    let done = rows.iter().filter(is_done).count();
    let (of, all) = (rows.len(), Cell::all().len());
    writeln!(
        table,
        "done in {done} of {of} cells; the whole matrix has {all}"
    )
    .unwrap();
    table
}

/// Which cells failed, and why.
pub(crate) fn failures(failed: &[&Row]) -> String {
    let mut text = format!("{} cells failed:\n", failed.len());
    for row in failed {
        if let Outcome::Failed(message) = &row.outcome {
            writeln!(text, "{}  {message}", row.cell).unwrap();
        }
    }
    text
}

/// What a panic said, in one line.
fn message(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    let words: Vec<&str> = said.split_whitespace().collect();
    words.join(" ").chars().take(MESSAGE).collect()
}

#[test]
fn a_failed_cell_is_told_in_one_line_of_the_matrix() {
    let failed = |cell, said: &str| Row {
        cell,
        outcome: Outcome::Failed(message(&said.to_owned())),
        took: Duration::from_millis(1_250),
    };
    let cells = Cell::covering();
    let done = Row {
        cell: cells[0],
        outcome: Outcome::Done(Done {
            documents: 15,
            bytes: 16_777_216,
        }),
        took: Duration::from_secs(3),
    };
    let rows = [done, failed(cells[5], "not\n  the same")];
    insta::assert_snapshot!(text(&rows), @r"

    metadata  blobs      keys           documents       bytes   seconds  result
    sqlite    local      sealed                15    16777216       3.0  ok
    postgres  versitygw  sealed                 0           0       1.2  FAILED: not the same
    done in 1 of 2 cells; the whole matrix has 27
    ");
    assert!(rows[1].has_failed() && !rows[0].has_failed());
    insta::assert_snapshot!(failures(&[&rows[1]]), @r"
    1 cells failed:
    postgres  versitygw  sealed         not the same
    ");
}
