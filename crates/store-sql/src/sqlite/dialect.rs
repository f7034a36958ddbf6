//! What SQLite says in its own way. A write transaction is alone (BEGIN IMMEDIATE): rows need no
//! locks.

use crypt_keeper_domain::model::Timestamp;
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::rows::KeyPairRow;
use crate::schema::{key_pairs, users};
use crate::sql_types::SqlUuid;

/// Whether there is such a user; in a write transaction nobody changes him meanwhile.
pub(super) async fn lock_user(conn: &mut Conn, id: SqlUuid) -> QueryResult<bool> {
    diesel::select(exists(users::table.find(id)))
        .get_result(conn)
        .await
}

/// Nothing to do: see above.
#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn lock_pairs(_: &mut Conn, _: &[i64]) -> QueryResult<()> {
    Ok(())
}

/// Nothing to do: see above.
#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn lock_documents(
    _: &mut Conn,
    _: (i16, SqlUuid),
    _: (i16, SqlUuid),
    _: &[SqlUuid],
) -> QueryResult<()> {
    Ok(())
}

/// The pairs of these serials; in a write transaction nobody changes them meanwhile.
pub(super) async fn share_pairs(conn: &mut Conn, serials: &[i64]) -> QueryResult<Vec<KeyPairRow>> {
    key_pairs::table
        .filter(key_pairs::serial.eq_any(serials))
        .select(KeyPairRow::as_select())
        .load(conn)
        .await
}

/// Whether a migration was ever applied.
pub(super) async fn has_migrations_table(conn: &mut Conn) -> QueryResult<bool> {
    let tables: i64 = diesel::select(sql::<BigInt>(
        "(SELECT count(*) FROM sqlite_schema WHERE name = '__diesel_schema_migrations')",
    ))
    .get_result(conn)
    .await?;
    Ok(tables > 0)
}

/// SQLite's clock: the machine's, in milliseconds.
pub(super) const NOW_MILLIS: &str = "CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER)";

/// The database's clock.
pub(super) async fn now(conn: &mut Conn) -> QueryResult<Timestamp> {
    let millis: i64 = diesel::select(sql::<BigInt>(NOW_MILLIS))
        .get_result(conn)
        .await?;
    Ok(Timestamp::from_millis(millis.unsigned_abs()))
}
