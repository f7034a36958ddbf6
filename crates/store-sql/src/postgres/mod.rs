//! PostgreSQL: a pool for what is rare, and for what every request asks a connection that gathers.

mod connect;
mod database;
mod dialect;
mod hot;
mod key_store;
mod partitions;
mod pool;
#[path = "../queries/mod.rs"]
#[cfg_attr(
    feature = "sqlite",
    expect(
        clippy::duplicate_mod,
        reason = "compiled once for each database: diesel's generics over backends are worse"
    )
)]
mod queries;
mod rewraps;
mod store;
mod tls;
mod transfer;
mod url;

use crypt_keeper_secret::SecretString;
use diesel_async::AsyncPgConnection;
use tokio::runtime::Handle;

use key_store::PostgresPrivateKeys as KeyStore;
use store::PostgresStore as Store;

pub use key_store::PostgresPrivateKeys;
pub use store::PostgresStore;

/// diesel's name of the database.
type Database = diesel::pg::Pg;
/// A connection.
type Conn = AsyncPgConnection;

#[cfg(test)]
mod tests;

/// How to reach a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS`.
    ///
    /// `sslmode` means what it means to libpq (PostgreSQL's documentation, 34.19): `disable`,
    /// `prefer` (the default: TLS if the server has it, nothing is verified), `require` (TLS,
    /// verified only if `sslrootcert` is given), `verify-ca` (the certificate is by a CA of
    /// `sslrootcert`), `verify-full` (and it is for this host). `sslrootcert` names a PEM file, or
    /// is `system` for the CAs this machine trusts; `sslcert` and `sslkey` name those of a client
    /// certificate. The other parameters are those of the tokio-postgres crate.
    pub url: SecretString,
    /// The most connections at once. A metadata store needs four for what every request asks and
    /// two for the rest, and takes them even if this is less; a key store needs one.
    pub pool_size: u16,
    /// The runtime that connections live on.
    pub runtime: Handle,
}
