use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crypt_keeper_crypto::{MasterKeyError, MasterKeyId, OpenSslError};
use crypt_keeper_domain::ports::{BoxError, StoreError, VaultError};

use super::LONGEST;

/// Why there is no master key. Never anything of its text.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeySourceError {
    /// There is no such file.
    #[error(
        "there is no master key file {}: make one with `crypt-keeper master-key new`, or name the \
         one that was made",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the master key file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// It is a folder, a socket or the like.
    #[error("the master key file {} is not a file", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// Others than its owner may read or write the file.
    #[error("others may access the master key file (mode {mode:04o}): run `chmod 600 {quoted}`")]
    TooWide {
        /// The file's name, quoted for a shell.
        quoted: String,
        /// Its mode.
        mode: u32,
    },
    /// There is a file of that name already.
    #[error("{} is there already, and is not overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot make the master key file {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// Somebody else is changing the file.
    #[error(
        "another command is changing the master key file {} at this moment: run this again when \
         it has ended",
        path.display()
    )]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be changed; it is as it was.
    #[error(
        "cannot change the master key file {}, which is as it was (a secret that is mounted is \
         changed where it comes from, see docs/operations.md)",
        path.display()
    )]
    Change {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// A key cannot be made.
    #[error("cannot make a master key")]
    Generate(#[from] OpenSslError),
    /// There is more text than a ring has.
    #[error("{origin} is no ring of master keys: it is longer than {LONGEST} bytes")]
    TooLong {
        /// Where the text came from.
        origin: String,
    },
    /// The text is no ring.
    #[error("{origin} is no ring of master keys")]
    Ring {
        /// Where the text came from.
        origin: String,
        /// What is wrong with it.
        source: MasterKeyError,
    },
    /// The keys of a file are sealed, and do not open.
    #[error("the master keys in {} do not open", path.display())]
    Unseal {
        /// The file.
        path: PathBuf,
        /// What does not answer, or refuses.
        source: BoxError,
    },
    /// A new key cannot be sealed.
    #[error("the new master key cannot be sealed")]
    Seal(#[source] BoxError),
    /// The command line of the command is empty, or a quote in it is not closed.
    #[error(
        "the master key command is not a command line: give a program and its arguments, quoted as \
         for a shell"
    )]
    NoCommand,
    /// The command cannot be run.
    #[error("cannot run the master key command `{program}`")]
    Run {
        /// The program.
        program: String,
        /// The operating system's word.
        source: io::Error,
    },
    /// The command failed.
    #[error("the master key command `{program}` failed ({status}); its own words are above")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The command takes too long.
    #[error("the master key command `{program}` has not ended within {} s", limit.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// How long it was given.
        limit: Duration,
    },
}

/// Why a ring that was read again does not come into force; the one in force stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It cannot be read.
    #[error("the master keys cannot be read again")]
    Source(#[from] MasterKeySourceError),
    /// It lacks a key that is needed.
    #[error(
        "the ring lacks master key {0}, which private halves are still sealed under: put its line \
         back, and run `crypt-keeper master-key rotate` before it is taken out"
    )]
    StillNeeded(MasterKeyId),
    /// Whether it lacks a key that is needed cannot be known.
    #[error("the key store does not say which master keys are needed")]
    Store(#[from] StoreError),
}

impl From<ReloadError> for VaultError {
    fn from(error: ReloadError) -> Self {
        match error {
            ReloadError::Source(_) => Self::Unavailable(Box::new(error)),
            ReloadError::StillNeeded(_) => Self::Backend(Box::new(error)),
            ReloadError::Store(error) => error.into(),
        }
    }
}
