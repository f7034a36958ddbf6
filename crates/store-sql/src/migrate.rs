//! Migrations: which are compiled in, which a database has, and how it gets the rest.

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::error::OpenError;

/// How a database's tables compare with what this program needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaStatus {
    /// Nothing is missing.
    UpToDate,
    /// These migrations, by name, are still to be applied; all of them if the database is empty.
    NeedsMigration(Vec<String>),
    /// A newer program has migrated the database: it must not be used by this one.
    Newer {
        /// The newest migration that is not known.
        version: String,
    },
}

impl SchemaStatus {
    /// `Ok` with the names of what is still to be applied.
    pub(crate) fn into_pending(self) -> Result<Vec<String>, OpenError> {
        match self {
            Self::UpToDate => Ok(Vec::new()),
            Self::NeedsMigration(names) => Ok(names),
            Self::Newer { version } => Err(OpenError::Newer { version }),
        }
    }
}

/// A set of migrations for one database.
#[derive(Clone, Copy)]
pub(crate) struct Migrations(&'static EmbeddedMigrations);

impl std::fmt::Debug for Migrations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Migrations")
    }
}

impl Migrations {
    pub(crate) const fn new(embedded: &'static EmbeddedMigrations) -> Self {
        Self(embedded)
    }

    fn all<DB: Backend>(self) -> Result<Vec<Box<dyn Migration<DB>>>, OpenError> {
        let mut all = MigrationSource::<DB>::migrations(self.0).map_err(OpenError::Backend)?;
        all.sort_unstable_by(|one, other| one.name().version().cmp(&other.name().version()));
        Ok(all)
    }

    /// Compares with the versions that a database has.
    pub(crate) fn status<DB: Backend>(self, applied: &[String]) -> Result<SchemaStatus, OpenError> {
        let all = self.all::<DB>()?;
        let known: Vec<_> = all
            .iter()
            .map(|migration| migration.name().version().to_string())
            .collect();
        if let Some(version) = applied.iter().filter(|one| !known.contains(one)).max() {
            let version = version.clone();
            return Ok(SchemaStatus::Newer { version });
        }
        let missing: Vec<_> = all
            .iter()
            .zip(known)
            .filter(|(_, version)| !applied.contains(version))
            .map(|(migration, _)| migration.name().to_string())
            .collect();
        Ok(if missing.is_empty() {
            SchemaStatus::UpToDate
        } else {
            SchemaStatus::NeedsMigration(missing)
        })
    }

    /// Applies the first that is missing, and gives its name. The caller holds a lock, in a
    /// transaction of this one migration: what it locks is free again before the next begins.
    #[cfg(feature = "postgres")]
    pub(crate) fn apply_next<C, DB>(self, conn: &mut C) -> Result<Option<String>, OpenError>
    where
        C: MigrationHarness<DB>,
        DB: Backend,
    {
        let applied = applied(conn)?;
        let pending = self.status::<DB>(&applied)?.into_pending()?;
        let Some(name) = pending.into_iter().next() else {
            return Ok(None);
        };
        for migration in self.all::<DB>()? {
            if migration.name().to_string() == name {
                conn.run_migration(&*migration).map_err(backend)?;
            }
        }
        Ok(Some(name))
    }

    /// Applies what is missing, in order, and gives the names. The caller holds a lock, in a
    /// transaction, so that all is applied or nothing, and once.
    #[cfg(feature = "sqlite")]
    pub(crate) fn apply<C, DB>(self, conn: &mut C) -> Result<Vec<String>, OpenError>
    where
        C: MigrationHarness<DB>,
        DB: Backend,
    {
        let applied = applied(conn)?;
        let names = self.status::<DB>(&applied)?.into_pending()?;
        for migration in self.all::<DB>()? {
            if names.contains(&migration.name().to_string()) {
                conn.run_migration(&*migration).map_err(backend)?;
            }
        }
        Ok(names)
    }
}

/// The versions that a database has.
fn applied<C, DB>(conn: &mut C) -> Result<Vec<String>, OpenError>
where
    C: MigrationHarness<DB>,
    DB: Backend,
{
    let applied = conn.applied_migrations().map_err(backend)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// diesel's migrations box whatever went wrong; what SQL said is classified as elsewhere.
fn backend(error: Box<dyn std::error::Error + Send + Sync>) -> OpenError {
    match error.downcast::<diesel::result::Error>() {
        Ok(error) => OpenError::from(*error),
        Err(error) => OpenError::Backend(error),
    }
}
