use std::path::Path;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError, StoreError};
use diesel_migrations::embed_migrations;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use super::Conn;
use super::file::File;
use super::queries::Done;
use crate::error::{Failure, OpenError};
use crate::migrate::{Migrations, SchemaStatus};
use crate::probe;

const MIGRATIONS: Migrations =
    Migrations::new(&embed_migrations!("../../migrations/private-keys/sqlite"));

/// Sealed private halves in a SQLite file of their own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqlitePrivateKeys {
    file: File,
}

impl SqlitePrivateKeys {
    /// Opens a key store, and makes it, empty and with mode 0600, if it is not there; its folder
    /// must be.
    ///
    /// # Errors
    /// As [`SqliteStore::open`](crate::SqliteStore::open).
    pub async fn open(path: &Path, runtime: Handle) -> Result<Self, OpenError> {
        let file = File::open(path, &runtime, MIGRATIONS).await?;
        Ok(Self { file })
    }

    /// Applies the migrations that are missing, all or none, and gives their names.
    ///
    /// # Errors
    /// [`OpenError::Newer`] if the file was migrated by a newer program.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        self.file.migrate().await
    }

    /// The names of the migrations that are missing.
    ///
    /// # Errors
    /// [`OpenError::Newer`] if the file was migrated by a newer program.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        self.schema_status().await?.into_pending()
    }

    /// How the file's tables compare with what this program needs; changes nothing.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`], [`OpenError::Backend`].
    pub async fn schema_status(&self) -> Result<SchemaStatus, OpenError> {
        self.file.schema_status().await
    }

    /// Closes the file, after what is done now. Later acts are refused as unavailable.
    pub async fn shutdown(&self) {
        self.file.close().await;
    }

    pub(super) async fn read<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    {
        self.file.read(act).await
    }

    pub(super) async fn write<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<Done<T>, Failure>> + Send + 'static,
    {
        self.file.write(act).await
    }
}

#[async_trait]
impl Probe for SqlitePrivateKeys {
    fn part(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        probe::judge(self.schema_status().await)
    }
}
