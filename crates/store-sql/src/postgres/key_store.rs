use async_trait::async_trait;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError, StoreError};
use diesel_migrations::embed_migrations;
use futures_util::future::BoxFuture;

use super::database::Server;
use super::queries::Done;
use super::{Conn, PostgresOptions};
use crate::error::{Failure, OpenError};
use crate::migrate::{Migrations, SchemaStatus};
use crate::probe;

const MIGRATIONS: Migrations =
    Migrations::new(&embed_migrations!("../../migrations/private-keys/postgres"));

/// Where the table is, in whatever database: apart from the metadata if that is the same.
const SCHEMA: &str = "crypt_keeper_keys";

/// Sealed private halves in a PostgreSQL database, in the schema `crypt_keeper_keys`. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct PostgresPrivateKeys {
    server: Server,
}

impl PostgresPrivateKeys {
    /// Connects once, so that settings which cannot be right are said at once.
    ///
    /// # Errors
    /// As [`PostgresStore::connect`](crate::PostgresStore::connect).
    pub async fn connect(options: PostgresOptions) -> Result<Self, OpenError> {
        let pool_size = usize::from(options.pool_size.max(1));
        let server = Server::connect(&options, pool_size, Some(SCHEMA), MIGRATIONS).await?;
        Ok(Self { server })
    }

    /// Makes the schema if it is not there, applies the migrations that are missing, all or none,
    /// and gives their names.
    ///
    /// # Errors
    /// [`OpenError::Newer`] if the database was migrated by a newer program.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        self.server.migrate().await
    }

    /// The names of the migrations that are missing.
    ///
    /// # Errors
    /// [`OpenError::Newer`] if the database was migrated by a newer program.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        self.schema_status().await?.into_pending()
    }

    /// How the schema's tables compare with what this program needs; changes nothing.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`], [`OpenError::Backend`].
    pub async fn schema_status(&self) -> Result<SchemaStatus, OpenError> {
        self.server.schema_status().await
    }

    /// Closes all connections. Later acts are refused as unavailable.
    #[expect(clippy::unused_async, reason = "as every store's")]
    pub async fn shutdown(&self) {
        self.server.close();
    }

    pub(super) async fn read<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    {
        self.server.read(act).await
    }

    pub(super) async fn write<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<Done<T>, Failure>> + Send + 'static,
    {
        self.server.write(act).await
    }
}

#[async_trait]
impl Probe for PostgresPrivateKeys {
    fn part(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        probe::judge(self.schema_status().await)
    }
}
