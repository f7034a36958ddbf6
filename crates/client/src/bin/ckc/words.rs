//! What is printed: the result on standard output, in the words that were asked for; all else on
//! standard error.

use crate::old_command_line::python_json;
use crypt_keeper_client::Error;
use crypt_keeper_client::terminal::{escaped, escaped_json};
use serde::Serialize;
use std::io::{self, Write};

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Sentences for people.
    Plain,
    /// The bare result.
    Quiet,
    /// JSON.
    Json,
    /// The sentences of the 2017 command.
    Old,
    /// The JSON of the 2017 command.
    OldJson,
}

/// The one writer of both outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    pub(crate) style: Style,
    pub(crate) quiet: bool,
}

impl Words {
    /// Prints a result: one line on standard output.
    pub(crate) fn result(self, line: &str) -> Result<(), Error> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")
            .and_then(|()| stdout.flush())
            .map_err(Error::Output)
    }

    /// Prints a result as JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<(), Error> {
        let text = match self.style {
            Style::OldJson => python_json(value),
            _ => serde_json::to_string(value).map_err(io::Error::from),
        };
        self.result(&escaped_json(&text.map_err(Error::Output)?))
    }

    /// Says something beside the result, unless quiet was asked for.
    pub(crate) fn note(self, line: &str) {
        if !self.quiet {
            to_stderr(line);
        }
    }

    /// Says what must not go unsaid.
    pub(crate) fn warn(self, line: &str) {
        to_stderr(&format!("warning: {line}"));
    }
}

/// Tells an error as a chain that ends in what to do.
pub(crate) fn tell(error: &Error) {
    to_stderr(&format!("error: {error}"));
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        to_stderr(&format!("  because: {}", escaped(&cause.to_string())));
        source = cause.source();
    }
    if let Some(id) = error.request_id() {
        to_stderr(&format!("  request id: {}", escaped(id)));
    }
    if let Some(hint) = error.hint() {
        to_stderr(&format!("  hint: {hint}"));
    }
}

/// When standard error is gone there is nobody left to tell.
pub(crate) fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
