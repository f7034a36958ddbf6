//! The one writer of results: they go to stdout, all else to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;

use super::Failure;
use super::escape::escape_json;

/// Where a command says what it found and did.
pub struct Output {
    results: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
    results_written: usize,
    /// Whether notes are read by a person at a terminal.
    at_terminal: bool,
    /// Whether the terminal shows a line that is to be written over.
    line_is_open: bool,
}

impl Output {
    /// The process's own stdout and stderr.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            results: Box::new(io::stdout()),
            notes: Box::new(io::stderr()),
            results_written: 0,
            at_terminal: io::stderr().is_terminal(),
            line_is_open: false,
        }
    }

    /// A line, or lines, of the result.
    ///
    /// # Errors
    /// [`Failure::ReaderGone`], [`Failure::Output`].
    pub fn result(&mut self, text: impl Display) -> Result<(), Failure> {
        self.close_line();
        // One write a line: two processes that share a pipe do not cut each other's lines.
        let text = format!("{text}\n");
        self.results.write_all(text.as_bytes())?;
        self.results.flush()?;
        self.results_written += 1;
        Ok(())
    }

    /// How many results were written.
    pub(super) fn results_written(&self) -> usize {
        self.results_written
    }

    /// A result for scripts: one JSON value on one line.
    ///
    /// # Errors
    /// As [`result`](Self::result).
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string(value).map_err(io::Error::from)?;
        self.result(escape_json(&json))
    }

    /// Something for the person at the terminal, which is no part of the result. Nothing depends
    /// on its being read.
    pub fn note(&mut self, text: impl Display) {
        self.close_line();
        let text = format!("{text}\n");
        let _ = self.notes.write_all(text.as_bytes());
    }

    /// Whether a person at a terminal reads the notes.
    pub(super) fn at_terminal(&self) -> bool {
        self.at_terminal
    }

    /// How far something is, on one line of the terminal, over what it showed before.
    pub(super) fn progress(&mut self, text: impl Display) {
        // EL, erase in line (ECMA-48, 8.3.41).
        let text = format!("\r{text}\x1b[K");
        let _ = self.notes.write_all(text.as_bytes());
        let _ = self.notes.flush();
        self.line_is_open = true;
    }

    fn close_line(&mut self) {
        if std::mem::take(&mut self.line_is_open) {
            let _ = self.notes.write_all(b"\n");
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output")
    }
}

#[cfg(test)]
pub(super) mod recorded {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::Output;

    /// What was written to one of the two.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Recorded(Arc<Mutex<Vec<u8>>>);

    impl Recorded {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Recorded {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Output {
        /// One whose results and notes, in this order, can be read.
        pub(crate) fn recorded(at_terminal: bool) -> (Self, Recorded, Recorded) {
            let (results, notes) = (Recorded::default(), Recorded::default());
            let output = Self {
                results: Box::new(results.clone()),
                notes: Box::new(notes.clone()),
                results_written: 0,
                at_terminal,
                line_is_open: false,
            };
            (output, results, notes)
        }
    }
}
