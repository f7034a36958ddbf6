//! Metadata of Crypt-Keeper on PostgreSQL and SQLite, by diesel.
//!
//! Each store implements the domain's `MetadataStore`, `Accounts`, `AuditLog`, `KeyRegistry` and
//! `Probe`; a key store implements `PrivateKeys` and lies in a database, or at least a schema, of
//! its own, so that it has backups of its own.
//!
//! - `queries/` holds the statements that both databases understand, a file a port; it is compiled
//!   once for each.
//! - `sqlite/` and `postgres/` hold what differs: connections, locks, and the statements of every
//!   request, gathered by the batcher of `batch.rs`.
//! - `rows/` is the way from rows to the domain and back: a row that cannot be is `Corrupt`.
//!
//! Connections live on the runtime whose handle the constructors take, and every act runs there to
//! its end, even if whoever asked goes away. That runtime should have several threads, none of
//! which is ever blocked. Call `shutdown` before it ends: it answers what waits.

// A server on another metadata store has neither database; what they share is then of no use.
#![cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    expect(dead_code, unused_imports, reason = "no database")
)]

mod batch;
mod error;
mod migrate;
mod probe;
mod rows;
mod schema;
mod sql_types;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::OpenError;
pub use migrate::SchemaStatus;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresPrivateKeys, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqlitePrivateKeys, SqliteStore};
