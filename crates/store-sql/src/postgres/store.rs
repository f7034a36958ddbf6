use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError, StoreError};
use diesel_migrations::embed_migrations;
use futures_util::future::BoxFuture;

use super::database::Server;
use super::hot::{Access, Hot};
use super::queries::{Done, partitions};
use super::{Conn, PostgresOptions};
use crate::error::{Failure, OpenError};
use crate::migrate::{Migrations, SchemaStatus};
use crate::probe;
use crate::rows::Place;

const MIGRATIONS: Migrations = Migrations::new(&embed_migrations!("../../migrations/postgres"));

/// The connections that gather what requests ask.
const GATHERING: u16 = 4;
/// The least that is left for the rest: a long list must not keep administration waiting.
const LEAST_POOL: u16 = 2;

/// Documents, accounts, key registry and audit log in a PostgreSQL database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    server: Server,
    pub(super) hot: Arc<Hot>,
    pub(super) place: Place,
}

impl PostgresStore {
    /// Connects once, so that settings which cannot be right are said at once. See
    /// [`migrate`](Self::migrate) and [`schema_status`](Self::schema_status).
    ///
    /// # Errors
    /// [`OpenError::Settings`] if the URL or a certificate file is of no use, or the server refuses
    /// user or database; [`OpenError::Unavailable`].
    pub async fn connect(options: PostgresOptions) -> Result<Self, OpenError> {
        Self::connect_as(options, Access::Full).await
    }

    /// [`connect`](Self::connect) as a database role that may look up users, API keys and key pairs,
    /// and insert documents (deploy/postgres/roles.sql). It inserts by way of functions; the
    /// database refuses it what the role may not do, as [`StoreError::Backend`].
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_for_ingest(options: PostgresOptions) -> Result<Self, OpenError> {
        Self::connect_as(options, Access::Ingest).await
    }

    async fn connect_as(options: PostgresOptions, access: Access) -> Result<Self, OpenError> {
        let pool_size = options.pool_size.saturating_sub(GATHERING).max(LEAST_POOL);
        let server = Server::connect(&options, pool_size.into(), None, MIGRATIONS).await?;
        let hot = Arc::new(Hot::start(&server.connector(), server.runtime(), access));
        Ok(Self {
            server,
            hot,
            place: Place::Partitions,
        })
    }

    /// The copies of documents that legal holds keep, as a store of their own over the same
    /// connections.
    #[must_use]
    pub fn held(&self) -> Self {
        Self {
            place: Place::Held,
            ..self.clone()
        }
    }

    /// Applies the migrations that are missing, each whole or not at all, and gives their names. Then it
    /// enters the partitions of documents from before there was a catalogue of them. Those of documents
    /// to come are not made.
    ///
    /// # Errors
    /// [`OpenError::Newer`] if the database was migrated by a newer program.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let applied = self.server.migrate().await?;
        partitions::enter_what_is_there(self).await?;
        Ok(applied)
    }

    /// The names of the migrations that are missing.
    ///
    /// # Errors
    /// [`OpenError::Newer`] if the database was migrated by a newer program.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        self.schema_status().await?.into_pending()
    }

    /// How the database's tables compare with what this program needs; changes nothing.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`], [`OpenError::Backend`].
    pub async fn schema_status(&self) -> Result<SchemaStatus, OpenError> {
        self.server.schema_status().await
    }

    /// How many milliseconds the server's clock is ahead of `now`; negative if it is behind.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`], [`OpenError::Backend`].
    pub async fn clock_skew(&self, now: Timestamp) -> Result<i64, OpenError> {
        self.server.clock_skew(now).await
    }

    /// Answers what waits, then closes all connections. Later acts are refused as unavailable.
    pub async fn shutdown(&self) {
        self.hot.shut_down().await;
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
impl Probe for PostgresStore {
    fn part(&self) -> &'static str {
        "metadata"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        probe::judge(self.schema_status().await)
    }
}
