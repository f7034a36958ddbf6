//! Programs that a command runs, one after the other, and how it ends when one fails.

use std::fmt::Display;
use std::io::Write as _;
use std::process::{Command, ExitCode, ExitStatus};

use crypt_keeper_test_services::Error;

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Why a command ends early, and with which code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A program failed, and has said why.
    Ended(ExitStatus),
    /// Something else, in words.
    Said(String),
}

impl Failure {
    /// What is left to say.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::Ended(_) => None,
            Self::Said(message) => Some(message),
        }
    }

    /// The failed program's own code, if it has one.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Ended(status) => status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .filter(|code| *code != 0)
                .map_or(ExitCode::FAILURE, ExitCode::from),
            Self::Said(_) => ExitCode::FAILURE,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Said(format!("error: {error}"))
    }
}

/// Goes to the folder of the workspace, for good: paths are relative to it, and commands run in it.
pub(crate) fn enter_workspace() -> Result<()> {
    let workspace = crypt_keeper_test_services::workspace()?;
    std::env::set_current_dir(&workspace).map_err(|error| {
        Failure::Said(format!(
            "error: cannot enter {}: {error}",
            workspace.display()
        ))
    })
}

/// A cargo command.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    command
}

/// Runs a step whose output goes straight to the developer.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    tell(format!("==> {}", shown(command)));
    let status = command.status().map_err(|error| {
        Failure::Said(format!("error: cannot start {}: {error}", shown(command)))
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Ended(status))
    }
}

/// What a program says of the machine or the checkout; `unknown` if it fails.
pub(crate) fn said(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    match crypt_keeper_test_services::run(command.args(arguments)) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}

/// A line for the developer, on stderr.
pub(crate) fn tell(line: impl Display) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A line of a result, on stdout.
pub(crate) fn print(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn shown(command: &Command) -> String {
    let mut shown = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}
