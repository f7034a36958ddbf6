//! From the errors of databases to those of the domain.

use std::fmt;
use std::sync::Arc;

use crypt_keeper_domain::ports::{BoxError, StoreError};
use diesel::result::{DatabaseErrorKind, Error as SqlError};

/// Why a database could not be opened, migrated or asked about itself. No text of it holds a
/// password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings cannot be right: the URL, a certificate file, a path.
    #[error("{0}")]
    Settings(String),
    /// The database cannot be reached, or answers that it is busy.
    #[error("the database is unavailable")]
    Unavailable(#[source] BoxError),
    /// The database was migrated by a newer version of this program.
    #[error(
        "the database is newer than this program: it has migration {version}, which this program \
         does not know. Run the version that migrated it, or a later one"
    )]
    Newer {
        /// The newest migration that is not known.
        version: String,
    },
    /// Anything else.
    #[error("the database failed")]
    Backend(#[source] BoxError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => Self::Unavailable(source),
            StoreError::Corrupt(source) | StoreError::Backend(source) => Self::Backend(source),
            StoreError::Conflict => Self::Backend(Box::new(StoreError::Conflict)),
        }
    }
}

impl From<SqlError> for OpenError {
    fn from(error: SqlError) -> Self {
        Failure::from(error).into_store().into()
    }
}

/// Why a piece of work on a connection failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The database said so, or the connection broke.
    Sql(SqlError),
    /// It took too long; the connection is in an unknown state.
    #[cfg(feature = "postgres")]
    TimedOut,
    /// Known in the domain's words already.
    Store(StoreError),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// Whether a unique index refused a row.
    pub(crate) fn is_unique_violation(error: &SqlError) -> bool {
        matches!(
            error,
            SqlError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
        )
    }

    /// The same in the domain's words.
    pub(crate) fn into_store(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            #[cfg(feature = "postgres")]
            Self::TimedOut => unavailable("the database did not answer in time"),
            Self::Sql(error) if Self::is_unique_violation(&error) => StoreError::Conflict,
            // Also if it is not found for want of a partition: that can be made.
            #[cfg(feature = "postgres")]
            Self::Sql(error) if is_without_partition(&error) => {
                StoreError::Unavailable(error.into())
            }
            Self::Sql(error) if is_passing(&error) => StoreError::Unavailable(error.into()),
            Self::Sql(error @ SqlError::DeserializationError(_)) => StoreError::corrupt(error),
            Self::Sql(error) => StoreError::Backend(error.into()),
        }
    }
}

/// [`StoreError::Unavailable`] for a reason of our own.
pub(crate) fn unavailable(reason: &'static str) -> StoreError {
    StoreError::Unavailable(reason.into())
}

/// What servers say when asking again later may help. diesel keeps the text of PostgreSQL's errors
/// and drops the SQLSTATE, so the text decides; SQLite's texts are fixed (sqlite3_errstr).
const PASSING: &[&str] = &[
    // PostgreSQL: class 57 (operator intervention), 53 (resources), 40P01, 55P03, 58030.
    "terminating connection",
    "canceling statement due to",
    "the database system is",
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "deadlock detected",
    "could not obtain lock",
    "out of memory",
    "out of shared memory",
    "could not open file",
    "could not extend file",
    "could not write",
    "could not read",
    "could not fsync",
    "No space left on device",
    "cannot execute",
    // SQLite: SQLITE_BUSY, _LOCKED, _FULL, _IOERR, _READONLY, _CANTOPEN.
    "database is locked",
    "database table is locked",
    "database or disk is full",
    "disk I/O error",
    "attempt to write a readonly database",
    "unable to open database file",
];

/// Whether nothing but words says what an error is: no kind of its own, no place in the statement,
/// no table, column or constraint.
#[cfg(feature = "postgres")]
pub(crate) fn is_vague(error: &SqlError) -> bool {
    match error {
        SqlError::DatabaseError(DatabaseErrorKind::Unknown, information) => {
            information.statement_position().is_none()
                && information.table_name().is_none()
                && information.column_name().is_none()
                && information.constraint_name().is_none()
        }
        _ => false,
    }
}

/// Whether PostgreSQL has found no partition for a row. It counts that among the violations of
/// checks, of which it names the table and no constraint, in whatever language.
#[cfg(feature = "postgres")]
pub(crate) fn is_without_partition(error: &SqlError) -> bool {
    match error {
        SqlError::DatabaseError(DatabaseErrorKind::CheckViolation, information) => {
            information.table_name().is_some() && information.constraint_name().is_none()
        }
        _ => false,
    }
}

/// Whether PostgreSQL has given up waiting for a lock.
#[cfg(feature = "postgres")]
pub(crate) fn is_lock_timeout(error: &SqlError) -> bool {
    match error {
        SqlError::DatabaseError(DatabaseErrorKind::Unknown, information) => {
            information.message().contains("due to lock timeout")
        }
        _ => false,
    }
}

fn is_passing(error: &SqlError) -> bool {
    match error {
        SqlError::BrokenTransactionManager => true,
        SqlError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::ReadOnlyTransaction => true,
            DatabaseErrorKind::Unknown => PASSING
                .iter()
                .any(|words| information.message().contains(words)),
            _ => false,
        },
        _ => false,
    }
}

/// One error for many who wait for the same batch.
#[derive(Clone, Debug)]
pub(crate) struct SharedError(Arc<dyn std::error::Error + Send + Sync>);

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// A [`StoreError`] that can be handed to many.
#[derive(Clone, Debug)]
pub(crate) enum SharedFailure {
    Conflict,
    Unavailable(SharedError),
    Corrupt(SharedError),
    Backend(SharedError),
}

impl SharedFailure {
    /// The error, once more.
    pub(crate) fn to_store(&self) -> StoreError {
        match self.clone() {
            Self::Conflict => StoreError::Conflict,
            Self::Unavailable(error) => StoreError::Unavailable(Box::new(error)),
            Self::Corrupt(error) => StoreError::Corrupt(Box::new(error)),
            Self::Backend(error) => StoreError::Backend(Box::new(error)),
        }
    }
}

impl From<StoreError> for SharedFailure {
    fn from(error: StoreError) -> Self {
        let share = |source: BoxError| SharedError(Arc::from(source));
        match error {
            StoreError::Conflict => Self::Conflict,
            StoreError::Unavailable(source) => Self::Unavailable(share(source)),
            StoreError::Corrupt(source) => Self::Corrupt(share(source)),
            StoreError::Backend(source) => Self::Backend(share(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database_error(kind: DatabaseErrorKind, message: &str) -> StoreError {
        Failure::from(SqlError::DatabaseError(kind, Box::new(message.to_owned()))).into_store()
    }

    #[test]
    fn what_may_pass_is_unavailable_and_what_will_not_is_not() {
        for (kind, message) in [
            (DatabaseErrorKind::UnableToSendCommand, "connection closed"),
            (
                DatabaseErrorKind::SerializationFailure,
                "could not serialize",
            ),
            (
                DatabaseErrorKind::ReadOnlyTransaction,
                "cannot execute INSERT",
            ),
            (
                DatabaseErrorKind::Unknown,
                "terminating connection due to administrator command",
            ),
            (DatabaseErrorKind::Unknown, "deadlock detected"),
            (
                DatabaseErrorKind::Unknown,
                "canceling statement due to statement timeout",
            ),
            (DatabaseErrorKind::Unknown, "database is locked"),
            (DatabaseErrorKind::Unknown, "database or disk is full"),
        ] {
            let error = database_error(kind, message);
            assert!(
                matches!(error, StoreError::Unavailable(_)),
                "{message}: {error:?}"
            );
        }
        assert!(matches!(
            database_error(DatabaseErrorKind::Unknown, "no such table: documents"),
            StoreError::Backend(_)
        ));
        assert!(matches!(
            database_error(DatabaseErrorKind::CheckViolation, "deadlock detected"),
            StoreError::Backend(_)
        ));
        assert!(matches!(
            database_error(DatabaseErrorKind::UniqueViolation, "duplicate key"),
            StoreError::Conflict
        ));
    }

    #[test]
    fn a_shared_error_keeps_its_kind_and_its_words() {
        let shared = SharedFailure::from(unavailable("gone"));
        for _ in 0..2 {
            let StoreError::Unavailable(source) = shared.to_store() else {
                panic!("another kind");
            };
            assert_eq!(source.to_string(), "gone");
        }
    }
}
