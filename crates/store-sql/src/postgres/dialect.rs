//! What PostgreSQL says in its own way.

use crypt_keeper_domain::model::Timestamp;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, SmallInt};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::rows::KeyPairRow;
use crate::schema::{key_pairs, users};
use crate::sql_types::{Id, SqlUuid};

/// Locks a user's row against others who would do the same; whether it is there.
pub(super) async fn lock_user(conn: &mut Conn, id: SqlUuid) -> QueryResult<bool> {
    let found = users::table
        .find(id)
        .select(users::id)
        .for_no_key_update()
        .first::<SqlUuid>(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}

/// Locks key pairs in the order of their serials, in which inserts lock them too: so nobody waits
/// in a circle.
pub(super) async fn lock_pairs(conn: &mut Conn, serials: &[i64]) -> QueryResult<()> {
    key_pairs::table
        .filter(key_pairs::serial.eq_any(serials))
        .order(key_pairs::serial.asc())
        .select(key_pairs::serial)
        .for_no_key_update()
        .load::<i64>(conn)
        .await?;
    Ok(())
}

/// The pairs of these serials, locked against changes until our transaction has ended, in the order
/// in which everybody locks them.
pub(super) async fn share_pairs(conn: &mut Conn, serials: &[i64]) -> QueryResult<Vec<KeyPairRow>> {
    key_pairs::table
        .filter(key_pairs::serial.eq_any(serials))
        .order(key_pairs::serial.asc())
        .select(KeyPairRow::as_select())
        .for_share()
        .load(conn)
        .await
}

/// Locks those of `ids` that lie behind one key, up to another, in the order in which everybody
/// locks documents.
pub(super) async fn lock_documents(
    conn: &mut Conn,
    after: (i16, SqlUuid),
    last: (i16, SqlUuid),
    ids: &[SqlUuid],
) -> QueryResult<()> {
    diesel::sql_query(
        "SELECT FROM documents \
         WHERE (retention_class, id) > ($1, $2) AND (retention_class, id) <= ($3, $4) \
           AND id = ANY ($5) \
         ORDER BY retention_class, id FOR NO KEY UPDATE",
    )
    .bind::<SmallInt, _>(after.0)
    .bind::<Id, _>(after.1)
    .bind::<SmallInt, _>(last.0)
    .bind::<Id, _>(last.1)
    .bind::<Array<Id>, _>(ids)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a migration was ever applied.
pub(super) async fn has_migrations_table(conn: &mut Conn) -> QueryResult<bool> {
    diesel::select(sql::<Bool>(
        "to_regclass('__diesel_schema_migrations') IS NOT NULL",
    ))
    .get_result(conn)
    .await
}

/// The server's clock.
pub(super) async fn now(conn: &mut Conn) -> QueryResult<Timestamp> {
    let micros: i64 = diesel::select(sql::<BigInt>(
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    ))
    .get_result(conn)
    .await?;
    Ok(Timestamp::from_micros(micros))
}
