//! SQLite: one writer that commits for all who wait, readers apart, and other processes beside.

mod blocking;
mod dialect;
mod file;
mod hot;
mod key_store;
mod open;
mod partitions;
#[path = "../queries/mod.rs"]
#[cfg_attr(
    feature = "postgres",
    expect(
        clippy::duplicate_mod,
        reason = "compiled once for each database: diesel's generics over backends are worse"
    )
)]
mod queries;
mod rewraps;
mod store;
mod transfer;

use diesel::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

use key_store::SqlitePrivateKeys as KeyStore;
use store::SqliteStore as Store;

pub use key_store::SqlitePrivateKeys;
pub use store::SqliteStore;

/// diesel's name of the database.
type Database = diesel::sqlite::Sqlite;
/// A connection whose work is done on the runtime's blocking threads.
type Conn = SyncConnectionWrapper<SqliteConnection, blocking::Blocking>;

#[cfg(test)]
mod tests;
