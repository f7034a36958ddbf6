//! What can be wrong with settings.

use crate::terminal::escaped;
use std::io;

/// A setting that a command cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Address of the service.
    Url,
    /// Name of the user.
    User,
    /// The user's API key.
    ApiKey,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Url => "address of the service",
            Self::User => "user name",
            Self::ApiKey => "API key",
        })
    }
}

/// Why a file with settings could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsProblem {
    /// It cannot be opened or read.
    #[error("{0}")]
    Unreadable(io::Error),
    /// It cannot be written.
    #[error("{0}")]
    Unwritable(io::Error),
    /// Others than its owner may read it.
    #[error("others may read it (mode {0:04o}), and it holds an API key")]
    TooWide(u32),
    /// It is no TOML, or has keys that mean nothing.
    #[error("{0}")]
    Malformed(String),
    /// It has no profile of that name.
    #[error("it has no profile '{}' (it has: {})", escaped(name), escaped(known))]
    NoSuchProfile {
        /// The name that was asked for.
        name: String,
        /// The names it has.
        known: String,
    },
    /// A file of certificates holds none.
    #[error("it holds no PEM certificate")]
    NoCertificate,
}
