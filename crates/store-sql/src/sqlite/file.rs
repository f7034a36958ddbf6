//! A database file and its connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{BoxError, StoreError};
use diesel_async::SimpleAsyncConnection as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::Conn;
use super::blocking::Blocking;
use super::open::{self, Access, Identity};
use super::queries::{Done, schema_version};
use crate::error::{Failure, OpenError, unavailable};
use crate::migrate::{Migrations, SchemaStatus};

/// Readers of lists and reports. The gathered reads of requests have a connection of their own.
const READERS: usize = 2;

#[derive(Clone)]
pub(super) struct File(Arc<Inner>);

struct Inner {
    path: PathBuf,
    runtime: Handle,
    migrations: Migrations,
    writer: Lane,
    readers: Vec<Lane>,
    next_reader: AtomicUsize,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lane")
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.path.display())
    }
}

impl File {
    /// Opens the file; makes it, empty, if it is not there.
    pub(super) async fn open(
        path: &Path,
        runtime: &Handle,
        migrations: Migrations,
    ) -> Result<Self, OpenError> {
        let path = path.to_owned();
        let inner = runtime.clone();
        let opened = runtime.spawn_blocking(move || {
            let path = open::create(&path)?;
            let writer = Lane::open(&path, Access::Write, &inner)?;
            let readers = (0..READERS)
                .map(|_| Lane::open(&path, Access::Read, &inner))
                .collect::<Result<_, _>>()?;
            Ok(Self(Arc::new(Inner {
                path,
                runtime: inner,
                migrations,
                writer,
                readers,
                next_reader: AtomicUsize::new(0),
            })))
        });
        opened
            .await
            .map_err(|error| OpenError::Backend(error.into()))?
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// The one connection that writes.
    pub(super) fn writer(&self) -> Lane {
        self.0.writer.clone()
    }

    /// One more connection that reads.
    pub(super) async fn another_reader(&self) -> Result<Lane, OpenError> {
        let inner = Arc::clone(&self.0);
        let opened = self
            .0
            .runtime
            .spawn_blocking(move || Lane::open(&inner.path, Access::Read, &inner.runtime));
        opened
            .await
            .map_err(|error| OpenError::Backend(error.into()))?
    }

    /// Runs work to its end on the store's runtime, whoever waits for it.
    async fn finish<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self.0.runtime.spawn(work).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_cancelled() => {
                Err(unavailable("the store's runtime has ended").into())
            }
            Err(error) => Err(StoreError::Backend(error.into()).into()),
        }
    }

    /// Runs one statement, or several that need not agree with each other.
    pub(super) async fn read<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    {
        let file = self.clone();
        self.finish(async move {
            let mut lane = file.any_reader().await?;
            act(lane.conn()?).await.map_err(Failure::into_store)
        })
        .await
    }

    /// Runs an act in a transaction of its own.
    pub(super) async fn write<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<Done<T>, Failure>> + Send + 'static,
    {
        let writer = self.writer();
        self.finish(async move {
            let mut lane = writer.lock().await?;
            let conn = lane.conn()?;
            transact(conn, act).await.map_err(Failure::into_store)
        })
        .await
    }

    async fn any_reader(&self) -> Result<Locked, StoreError> {
        let readers = &self.0.readers;
        for lane in readers {
            if let Some(locked) = lane.try_lock().await {
                return locked;
            }
        }
        let next = self.0.next_reader.fetch_add(1, Ordering::Relaxed);
        readers[next % readers.len()].lock().await
    }

    /// Applies the migrations that are missing, and gives their names.
    pub(super) async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let migrations = self.0.migrations;
        let writer = self.writer();
        self.finish(async move {
            let mut lane = writer.lock().await?;
            // The inner result is a migration's, the outer one the thread's.
            lane.conn()?
                .spawn_blocking(move |conn| {
                    Ok(conn.immediate_transaction(|conn| migrations.apply(conn)))
                })
                .await?
        })
        .await
    }

    pub(super) async fn schema_status(&self) -> Result<SchemaStatus, OpenError> {
        let file = self.clone();
        self.finish(async move {
            let mut lane = file.any_reader().await?;
            schema_version::schema_status(lane.conn()?, file.0.migrations).await
        })
        .await
    }

    pub(super) async fn clock_skew(&self, now: Timestamp) -> Result<i64, OpenError> {
        let file = self.clone();
        self.finish(async move {
            let mut lane = file.any_reader().await?;
            Ok(schema_version::clock_skew(lane.conn()?, now).await?)
        })
        .await
    }

    /// Closes every connection, after what it does now.
    pub(super) async fn close(&self) {
        for lane in self.0.readers.iter().chain([&self.0.writer]) {
            lane.close().await;
        }
    }
}

async fn transact<T, F>(conn: &mut Conn, act: F) -> Result<T, Failure>
where
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<Done<T>, Failure>>,
{
    conn.batch_execute("BEGIN IMMEDIATE").await?;
    let outcome = match act(conn).await {
        Ok(Done::Keep(value)) => match conn.batch_execute("COMMIT").await {
            Ok(()) => return Ok(value),
            Err(error) => Err(error.into()),
        },
        Ok(Done::Undo(value)) => Ok(value),
        Err(failure) => Err(failure),
    };
    // Fails if SQLite has rolled back by itself, e.g. because the disk is full: no matter.
    let _ = conn.batch_execute("ROLLBACK").await;
    outcome
}

/// A connection that one act uses at a time, in the order of arrival.
#[derive(Clone)]
pub(super) struct Lane(Arc<Mutex<Session>>);

/// A lane that an act has for itself.
pub(super) struct Locked(OwnedMutexGuard<Session>);

struct Session {
    path: PathBuf,
    access: Access,
    runtime: Handle,
    /// Absent once the store is shut down, or while the file cannot be opened.
    conn: Option<Conn>,
    identity: Option<Identity>,
    closed: bool,
}

impl Lane {
    /// Blocks.
    fn open(path: &Path, access: Access, runtime: &Handle) -> Result<Self, OpenError> {
        let mut session = Session {
            path: path.to_owned(),
            access,
            runtime: runtime.clone(),
            conn: None,
            identity: None,
            closed: false,
        };
        session.connect()?;
        Ok(Self(Arc::new(Mutex::new(session))))
    }

    pub(super) async fn lock(&self) -> Result<Locked, StoreError> {
        Locked(Arc::clone(&self.0).lock_owned().await)
            .checked()
            .await
    }

    async fn try_lock(&self) -> Option<Result<Locked, StoreError>> {
        let locked = Arc::clone(&self.0).try_lock_owned().ok()?;
        Some(Locked(locked).checked().await)
    }

    pub(super) async fn close(&self) {
        let mut session = self.0.lock().await;
        session.closed = true;
        session.disconnect().await;
    }
}

impl Locked {
    pub(super) fn conn(&mut self) -> Result<&mut Conn, StoreError> {
        self.0
            .conn
            .as_mut()
            .ok_or_else(|| unavailable("the store is shut down"))
    }

    /// A file that was removed or replaced goes on living nameless in the connections that have it
    /// open: what is written to it would be lost. So the name is looked at before each act.
    async fn checked(mut self) -> Result<Self, StoreError> {
        let session = &mut *self.0;
        if session.closed {
            return Err(unavailable("the store is shut down"));
        }
        let identity = Identity::of(&session.path).map_err(gone)?;
        if session.identity != Some(identity) {
            session.disconnect().await;
            session.reconnect().await?;
        }
        Ok(self)
    }
}

impl Session {
    /// Blocks.
    fn connect(&mut self) -> Result<(), OpenError> {
        let identity = Identity::of(&self.path).map_err(gone)?;
        let conn = open::connect(&self.path, self.access)?;
        self.conn = Some(Conn::with_runtime(conn, Blocking(self.runtime.clone())));
        self.identity = Some(identity);
        Ok(())
    }

    async fn reconnect(&mut self) -> Result<(), StoreError> {
        let (path, access) = (self.path.clone(), self.access);
        let opened = self.runtime.spawn_blocking(move || {
            let identity = Identity::of(&path).map_err(gone)?;
            Ok((identity, open::connect(&path, access)?))
        });
        let (identity, conn) = match opened.await {
            Ok(opened) => {
                opened.map_err(|error: OpenError| StoreError::Unavailable(error.into()))?
            }
            Err(error) => return Err(StoreError::Unavailable(error.into())),
        };
        self.conn = Some(Conn::with_runtime(conn, Blocking(self.runtime.clone())));
        self.identity = Some(identity);
        Ok(())
    }

    async fn disconnect(&mut self) {
        self.identity = None;
        if let Some(conn) = self.conn.take() {
            // Closing the last connection writes the log back into the file.
            let _ = self.runtime.spawn_blocking(move || drop(conn)).await;
        }
    }
}

fn gone(error: std::io::Error) -> StoreError {
    StoreError::Unavailable(BoxError::from(format!(
        "the database file is not there: {error}"
    )))
}
