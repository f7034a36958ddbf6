//! Errors that end a command, and how errors are written into one line.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crypt_keeper_domain::ports::BoxError;

use crate::config::ConfigError;
use crate::http::{ListenError, TlsError};

/// Why a command cannot begin, or go on: one readable line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A backend that this program does not have.
    #[error(
        "`{key}` = \"{backend}\", but this crypt-keeper was built without it: build it with \
         `--features {feature}`"
    )]
    NotCompiledIn {
        /// The configuration key.
        key: &'static str,
        /// The backend.
        backend: &'static str,
        /// Its cargo feature.
        feature: &'static str,
    },
    /// A command was run before there was anything to work on.
    #[error(
        "there is no database {}: start the service once, or run `crypt-keeper setup`; \
         `--data-dir` says where it is",
        .0.display()
    )]
    NoDatabase(PathBuf),
    /// The database needs migrations, and may not be migrated unasked.
    #[error(
        "the {part} lacks the migrations {}: run `crypt-keeper migrate`, or set \
         `metadata.migrate_on_start = true`",
        pending.join(", ")
    )]
    Outdated {
        /// Which database.
        part: &'static str,
        /// The names of the migrations.
        pending: Vec<String>,
    },
    /// A server of this role holds nothing that it would need for what it was asked.
    #[error(
        "`role` = \"ingest\" holds no master key and cannot reach private halves: do this with the \
         configuration of a full server"
    )]
    IngestRole,
    /// Master keys seal nothing where the private halves are in Vault.
    #[error(
        "no private half is sealed under a master key with `keys.backend` = \"{0}\": there is \
         nothing to do"
    )]
    OtherVault(&'static str),
    /// A backend other than the embedded default has no master key.
    #[error(
        "there is no master key: make one with `crypt-keeper master-key new FILE`, keep a copy \
         apart from the database's backups, and set `keys.master_key_file` = \"FILE\""
    )]
    NoMasterKey,
    /// The embedded default's master key was there, and is not any more.
    #[error(
        "the master key {} is gone, and nothing else opens the key store: put it back from your copy",
        .0.display()
    )]
    LostMasterKey(PathBuf),
    /// The master key is not the one that the private halves were sealed under, or the key store
    /// is another's.
    #[error(
        "no private half opens: {0}. Are this master key and this key store those of this database?"
    )]
    WrongMasterKey(String),
    /// A file or folder of the data folder.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A part cannot be opened.
    #[error("cannot open the {part}")]
    Part {
        /// Which part.
        part: &'static str,
        /// Why not.
        #[source]
        source: BoxError,
    },
    /// An act of the domain failed.
    #[error("cannot {doing}")]
    Act {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        #[source]
        source: crypt_keeper_domain::Error,
    },
    /// The log cannot be set up.
    #[error("cannot set up the log")]
    Log(#[source] BoxError),
    /// The operating system refuses threads, signals or sockets.
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// [`Self::Part`] as a function for `map_err`.
    pub(crate) fn part<E: Into<BoxError>>(part: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Part {
            part,
            source: error.into(),
        }
    }

    /// [`Self::File`] as a function for `map_err`.
    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            doing,
            path,
            source,
        }
    }

    /// [`Self::Act`] as a function for `map_err`.
    pub(crate) fn act(doing: &'static str) -> impl FnOnce(crypt_keeper_domain::Error) -> Self {
        move |source| Self::Act { doing, source }
    }
}

/// An error and the errors behind it, on one line: `cannot open it: it is locked`.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        let mut next = Some(self.0);
        while let Some(error) = next {
            let text = error.to_string();
            // Many errors repeat their source's words.
            if !shown.ends_with(&text) {
                if !shown.is_empty() {
                    shown.push_str(": ");
                }
                shown.push_str(&text);
            }
            next = error.source();
        }
        for (number, line) in shown.lines().map(str::trim).enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            f.write_str(line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn a_chain_is_one_line_without_repetitions() {
        let inner = Layer("disk\n  is full", None);
        let middle = Layer("write failed: disk\n  is full", Some(Box::new(inner)));
        let outer = Layer("cannot store", Some(Box::new(middle)));
        assert_eq!(
            Chain(&outer).to_string(),
            "cannot store: write failed: disk is full"
        );
    }
}
