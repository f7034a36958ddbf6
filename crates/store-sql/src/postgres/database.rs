//! A database and its pool.

use std::time::Duration;

use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::StoreError;
use diesel::RunQueryDsl as _;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncConnection, TransactionManager};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

use super::connect::{Connector, Purpose};
use super::pool::Pool;
use super::queries::{Done, schema_version};
use super::{Conn, PostgresOptions};
use crate::error::{Failure, OpenError, unavailable};
use crate::migrate::{Migrations, SchemaStatus};

/// How long an act may take; the server gives up on each of its statements before.
const ACT_WITHIN: Duration = Duration::from_secs(25);
/// How long a readiness check may take.
const CHECK_WITHIN: Duration = Duration::from_secs(3);

/// Names the lock that processes which migrate take in turn: "ckmigrat" in ASCII. It is held by a
/// transaction, since connection poolers break those that are held by a session.
const MIGRATION_LOCK: i64 = 0x636b_6d69_6772_6174;

#[derive(Clone, Debug)]
pub(super) struct Server {
    connector: Connector,
    pool: Pool,
    runtime: Handle,
    migrations: Migrations,
}

impl Server {
    /// Reads the settings, and connects once: so that settings which cannot be right are said at
    /// once.
    pub(super) async fn connect(
        options: &PostgresOptions,
        pool_size: usize,
        schema: Option<&'static str>,
        migrations: Migrations,
    ) -> Result<Self, OpenError> {
        let url = options.url.clone();
        let runtime = options.runtime.clone();
        let connector = runtime
            .spawn_blocking(move || Connector::new(&url, schema))
            .await
            .map_err(|error| OpenError::Backend(error.into()))??;
        let server = Self {
            pool: Pool::new(connector.clone(), pool_size)?,
            connector,
            runtime,
            migrations,
        };
        let pool = server.pool.clone();
        server
            .finish(async move {
                pool.get().await?.give_back(&Ok(()));
                Ok::<_, OpenError>(())
            })
            .await?;
        Ok(server)
    }

    pub(super) fn connector(&self) -> Connector {
        self.connector.clone()
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
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
        match self.runtime.spawn(work).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_cancelled() => {
                Err(unavailable("the store's runtime has ended").into())
            }
            Err(error) => Err(StoreError::Backend(error.into()).into()),
        }
    }

    async fn with_conn<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    {
        let (pool, connector) = (self.pool.clone(), self.connector.clone());
        self.finish(async move {
            let mut pooled = pool.get_to_act().await?;
            let outcome = tokio::time::timeout(ACT_WITHIN, act(pooled.conn()?))
                .await
                .unwrap_or(Err(Failure::TimedOut));
            pooled.give_back(&outcome);
            outcome.map_err(|failure| connector.judge(failure).into_store())
        })
        .await
    }

    /// Runs one statement, or several that need not agree with each other.
    pub(super) async fn read<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Failure>> + Send + 'static,
    {
        self.with_conn(act).await
    }

    /// Runs an act in a transaction of its own.
    pub(super) async fn write<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<Done<T>, Failure>> + Send + 'static,
    {
        self.with_conn(move |conn| Box::pin(transact(conn, act)))
            .await
    }

    /// Applies the migrations that are missing, and gives their names.
    pub(super) async fn migrate(&self) -> Result<Vec<String>, OpenError> {
        let server = self.clone();
        self.finish(async move {
            let conn = server.connector.connect(Purpose::Migration).await?;
            // diesel's migrations block.
            tokio::task::spawn_blocking(move || server.apply(conn))
                .await
                .map_err(|error| OpenError::Backend(error.into()))?
        })
        .await
    }

    fn apply(&self, conn: Conn) -> Result<Vec<String>, OpenError> {
        let mut conn: AsyncConnectionWrapper<Conn> = conn.into();
        let mut names = Vec::new();
        // Each in a transaction of its own, so that what one locks is free before the next begins.
        loop {
            let applied = diesel::Connection::transaction(&mut conn, |conn| {
                let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
                diesel::sql_query(lock).execute(conn)?;
                if let Some(schema) = self.connector.schema() {
                    let schema = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
                    diesel::sql_query(schema).execute(conn)?;
                }
                self.migrations.apply_next(conn)
            })?;
            match applied {
                Some(name) => names.push(name),
                None => return Ok(names),
            }
        }
    }

    pub(super) async fn schema_status(&self) -> Result<SchemaStatus, OpenError> {
        let server = self.clone();
        self.finish(async move {
            let mut pooled = server.pool.get().await?;
            let checked = tokio::time::timeout(
                CHECK_WITHIN,
                schema_version::schema_status(pooled.conn()?, server.migrations),
            );
            // If it took too long, or failed, the connection is closed.
            let status = checked.await.map_err(|_| too_slow())??;
            pooled.give_back(&Ok(()));
            Ok(status)
        })
        .await
    }

    pub(super) async fn clock_skew(&self, now: Timestamp) -> Result<i64, OpenError> {
        let server = self.clone();
        self.finish(async move {
            let mut pooled = server.pool.get().await?;
            let asked = tokio::time::timeout(
                CHECK_WITHIN,
                schema_version::clock_skew(pooled.conn()?, now),
            );
            let skew = asked.await.map_err(|_| too_slow())??;
            pooled.give_back(&Ok(()));
            Ok(skew)
        })
        .await
    }

    /// Closes the pool. Later acts are refused as unavailable.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

fn too_slow() -> OpenError {
    Failure::TimedOut.into_store().into()
}

type Transactions = <Conn as AsyncConnection>::TransactionManager;

async fn transact<T, F>(conn: &mut Conn, act: F) -> Result<T, Failure>
where
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<Done<T>, Failure>>,
{
    Transactions::begin_transaction(conn).await?;
    match act(conn).await {
        Ok(Done::Keep(value)) => {
            Transactions::commit_transaction(conn).await?;
            Ok(value)
        }
        Ok(Done::Undo(value)) => {
            Transactions::rollback_transaction(conn).await?;
            Ok(value)
        }
        Err(failure) => {
            // If that fails too, the connection is broken, and found to be so.
            let _ = Transactions::rollback_transaction(conn).await;
            Err(failure)
        }
    }
}
