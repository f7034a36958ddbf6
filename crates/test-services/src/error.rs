//! What can go wrong while a server is found, installed, started or stopped.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server cannot be had. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program that an installation needs is missing.
    #[error("`{tool}` is not on the PATH: {hint}")]
    ToolMissing {
        /// The program's name.
        tool: String,
        /// What to install, or which variable to set instead.
        hint: String,
    },
    /// A helper program ended with an error.
    #[error("`{command}` ended with {status}; it said:\n{output}")]
    Command {
        /// The command line. It holds no secret: secrets travel in the environment.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of what it wrote.
        output: String,
    },
    /// A server ended before it answered.
    #[error("{service} ended at start with {status}; the last lines of {}:\n{output}", log.display())]
    EndedAtStart {
        /// The server's name.
        service: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        output: String,
    },
    /// A server runs and does not answer.
    #[error(
        "{service} was not ready within {seconds} s ({reason}); the last lines of {}:\n{output}",
        log.display()
    )]
    NotReady {
        /// The server's name.
        service: String,
        /// How long it was given, in seconds.
        seconds: u64,
        /// What the last probe met.
        reason: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        output: String,
    },
    /// A server outlived its stop signal and the kill that followed.
    #[error("{service} (process {pid}) is still there {seconds} s after it was killed")]
    WillNotStop {
        /// The server's name.
        service: String,
        /// Its process id.
        pid: u32,
        /// How long it was given, in seconds.
        seconds: u64,
    },
    /// No port could be reserved.
    #[error("no free TCP port between {first} and {last} on 127.0.0.1: stop some servers")]
    NoPort {
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// A file or folder could not be used.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// The act, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// PostgreSQL refused an administrator's statement.
    #[error("PostgreSQL at {server}: {message}")]
    Database {
        /// Host and port.
        server: String,
        /// What was refused, and why.
        message: String,
    },
    /// A variable of the environment makes no sense.
    #[error("{variable} is {problem}")]
    Setting {
        /// The variable's name.
        variable: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl Error {
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}
