use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError, StoreError};
use diesel_migrations::embed_migrations;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use super::Conn;
use super::file::{File, Lane};
use super::hot::{Reads, Writes};
use super::queries::{Done, partitions};
use crate::batch::{Batcher, QUEUE_LIMIT};
use crate::error::{Failure, OpenError};
use crate::migrate::{Migrations, SchemaStatus};
use crate::probe;
use crate::rows::Place;

const MIGRATIONS: Migrations = Migrations::new(&embed_migrations!("../../migrations/sqlite"));

/// Documents, accounts, key registry and audit log in a SQLite file. Other processes may use the
/// file at the same time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    file: File,
    pub(super) reads: Arc<Batcher<Reads>>,
    pub(super) writes: Arc<Batcher<Writes>>,
    request_reader: Lane,
    pub(super) place: Place,
}

impl SqliteStore {
    /// Opens a database file, and makes it, empty and with mode 0600, if it is not there; its
    /// folder must be. See [`migrate`](Self::migrate) and [`schema_status`](Self::schema_status).
    ///
    /// # Errors
    /// [`OpenError::Settings`] if the path is of no use, [`OpenError::Unavailable`],
    /// [`OpenError::Backend`] if the file is no database.
    pub async fn open(path: &Path, runtime: Handle) -> Result<Self, OpenError> {
        let file = File::open(path, &runtime, MIGRATIONS).await?;
        let request_reader = file.another_reader().await?;
        let reads = Reads::new(request_reader.clone());
        let writes = Writes::new(file.writer());
        Ok(Self {
            reads: Arc::new(Batcher::start(reads, file.runtime(), QUEUE_LIMIT)),
            writes: Arc::new(Batcher::start(writes, file.runtime(), QUEUE_LIMIT)),
            file,
            request_reader,
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

    /// Applies the migrations that are missing, all or none, and gives their names. Then it enters the
    /// partitions of documents from before there was a catalogue of them. Those of documents to come
    /// are not made.
    ///
    /// # Errors
    /// [`OpenError::Newer`] if the file was migrated by a newer program.
    pub async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let applied = self.file.migrate().await?;
        partitions::enter_what_is_there(self).await?;
        Ok(applied)
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

    /// How many milliseconds the database's clock, here the machine's, is ahead of `now`; negative
    /// if it is behind.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`], [`OpenError::Backend`].
    pub async fn clock_skew(&self, now: Timestamp) -> Result<i64, OpenError> {
        self.file.clock_skew(now).await
    }

    /// Answers what waits, then closes the file. Later acts are refused as unavailable.
    pub async fn shutdown(&self) {
        self.reads.shut_down().await;
        self.writes.shut_down().await;
        self.request_reader.close().await;
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
impl Probe for SqliteStore {
    fn part(&self) -> &'static str {
        "metadata"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        probe::judge(self.schema_status().await)
    }
}
