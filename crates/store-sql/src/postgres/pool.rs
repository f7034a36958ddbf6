//! Connections for what is rare.

use std::time::Duration;

use crypt_keeper_domain::ports::StoreError;
use deadpool::Runtime;
use deadpool::managed::{
    self, Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType,
};
use diesel::result::{DatabaseErrorKind, Error as SqlError};
use diesel_async::pooled_connection::PoolableConnection as _;

use super::Conn;
use super::connect::{Connector, Purpose};
use crate::error::{Failure, OpenError, unavailable};

/// How long a free connection is waited for.
const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Manager(Connector);

impl managed::Manager for Manager {
    type Type = Conn;
    type Error = OpenError;

    async fn create(&self) -> Result<Conn, OpenError> {
        self.0.connect(Purpose::Pooled).await
    }

    /// Without a query: a closed connection is known to be closed, and one that only seems to be
    /// open fails one act.
    async fn recycle(&self, conn: &mut Conn, _: &Metrics) -> RecycleResult<OpenError> {
        if conn.is_broken() {
            return Err(RecycleError::message("the connection is broken"));
        }
        Ok(())
    }
}

#[derive(Clone)]
pub(super) struct Pool(managed::Pool<Manager>);

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({:?})", self.0.status())
    }
}

impl Pool {
    pub(super) fn new(connector: Connector, size: usize) -> Result<Self, OpenError> {
        managed::Pool::builder(Manager(connector))
            .max_size(size)
            // Making a connection takes as long as the connector lets it.
            .wait_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map(Self)
            .map_err(|error| OpenError::Backend(Box::new(error)))
    }

    /// A connection; for its first use, with the server's words against it.
    pub(super) async fn get(&self) -> Result<Pooled, OpenError> {
        match self.0.get().await {
            Ok(conn) => Ok(Pooled(Some(conn))),
            Err(PoolError::Backend(error)) => Err(error),
            Err(PoolError::Closed) => Err(unavailable("the store is shut down").into()),
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                Err(unavailable("all connections to the database are busy").into())
            }
            Err(error) => Err(OpenError::Backend(Box::new(error))),
        }
    }

    /// A connection for an act: then whatever the server says against it may pass.
    pub(super) async fn get_to_act(&self) -> Result<Pooled, StoreError> {
        self.get().await.map_err(|error| match error {
            OpenError::Unavailable(source) => StoreError::Unavailable(source),
            other => StoreError::Unavailable(Box::new(other)),
        })
    }

    /// Closes all connections, those in use when they come back.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

/// A connection of the pool. It goes back only if it is given back: if an act is cancelled, or
/// fails in a way that says the connection is of no more use, it is closed.
pub(super) struct Pooled(Option<Object<Manager>>);

impl Pooled {
    pub(super) fn conn(&mut self) -> Result<&mut Conn, StoreError> {
        // Absent only after it was given back, which consumes it.
        self.0
            .as_deref_mut()
            .ok_or_else(|| unavailable("the connection was given back"))
    }

    /// Gives the connection back, if what became of its act leaves it usable.
    pub(super) fn give_back<T>(mut self, outcome: &Result<T, Failure>) {
        let usable = match outcome {
            Ok(_) => true,
            Err(failure) => !breaks_connection(failure),
        };
        if usable {
            drop(self.0.take());
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            // Out of the pool, and closed.
            drop(Object::take(object));
        }
    }
}

/// Whether a failure says that the connection it happened on is of no more use.
pub(super) fn breaks_connection(failure: &Failure) -> bool {
    match failure {
        Failure::TimedOut => true,
        Failure::Store(_) => false,
        Failure::Sql(error) => matches!(
            error,
            SqlError::BrokenTransactionManager
                | SqlError::DatabaseError(
                    DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                    _
                )
                // A server that became a standby: another connection may reach the new primary.
                | SqlError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)
        ),
    }
}
