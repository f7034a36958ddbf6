//! Helper programs: found on the PATH, run to their end, quoted when they fail.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::settings;

/// How many lines of a program's output an error quotes.
const QUOTED_LINES: usize = 25;

/// The program's place on the PATH.
pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    settings::search_path()
        .into_iter()
        .map(|folder| folder.join(tool))
        .find(|path| path.is_file())
}

/// The program's place on the PATH, or an error that says what to do.
pub(crate) fn need(tool: &str, hint: &str) -> Result<PathBuf> {
    find(tool).ok_or_else(|| Error::ToolMissing {
        tool: tool.to_owned(),
        hint: hint.to_owned(),
    })
}

/// Runs a command to its end and gives what it wrote to stdout.
///
/// # Errors
/// [`Error::Command`] with the last lines of its output if it fails.
pub fn run(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::file("start", Path::new(command.get_program()), source))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(Error::Command {
        command: shown,
        status: output.status,
        output: last_lines(&said),
    })
}

/// The last lines of a log file, or a word about why there are none.
pub(crate) fn last_lines_of(log: &Path) -> String {
    match std::fs::read(log) {
        Ok(bytes) if bytes.is_empty() => "(the log is empty)".to_owned(),
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes)),
        Err(error) => format!("(the log cannot be read: {error})"),
    }
}

/// Tells the developer what takes long. Written past libtest's capture, so that it is seen at once.
pub(crate) fn announce(message: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{message}");
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}

fn shown(command: &Command) -> String {
    let mut shown = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_quoted_with_both_of_its_outputs() {
        let error = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]))
            .expect_err("the command fails");
        let message = error.to_string();
        assert!(message.contains("exit status: 3"), "{message}");
        assert!(message.contains("out\nerr"), "{message}");
    }

    #[test]
    fn only_the_last_lines_are_quoted() {
        let text: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let quoted = last_lines(&text);
        assert!(
            quoted.starts_with("line 75\n") && quoted.ends_with("line 99"),
            "{quoted}"
        );
    }

    #[test]
    fn a_missing_tool_is_named_with_its_remedy() {
        let error = need("no-such-tool-anywhere", "install it").expect_err("there is none");
        assert_eq!(
            error.to_string(),
            "`no-such-tool-anywhere` is not on the PATH: install it"
        );
    }
}
