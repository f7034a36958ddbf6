//! What PostgreSQL says in its own way.

use crypt_keeper_domain::model::{Partition, Timestamp};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, SmallInt};
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::rows::{DocumentRow, HoldRow, Key, KeyPairRow, partition_key};
use crate::schema::{documents, entries, holds, key_pairs, partitions, users};
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

/// Keeps a document where it is until our transaction has ended; whether it is there.
pub(super) async fn keep_document(conn: &mut Conn, key: Key) -> QueryResult<bool> {
    let found = documents::table
        .find(key)
        .select(documents::id)
        .for_key_share()
        .first::<SqlUuid>(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}

/// A document, locked against every change of it, and against grants.
pub(super) async fn lock_document(conn: &mut Conn, key: Key) -> QueryResult<Option<DocumentRow>> {
    documents::table
        .find(key)
        .select(DocumentRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()
}

/// Locks the entries of a document against revokes.
pub(super) async fn share_entries(conn: &mut Conn, (class, id): Key) -> QueryResult<()> {
    entries::table
        .filter(entries::retention_class.eq(class))
        .filter(entries::document_id.eq(id))
        .select(entries::principal_id)
        .for_share()
        .load::<SqlUuid>(conn)
        .await?;
    Ok(())
}

/// A hold, locked against others who would complete it or take it off.
pub(super) async fn lock_hold(conn: &mut Conn, key: Key) -> QueryResult<Option<HoldRow>> {
    holds::table
        .find(key)
        .select(HoldRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()
}

/// The state of a partition, if it is in the catalogue; it stays that until our transaction has
/// ended.
pub(super) async fn share_partition(
    conn: &mut Conn,
    partition: Partition,
) -> QueryResult<Option<String>> {
    let class = i16::from(partition.class().number());
    partitions::table
        .find((class, partition.start()))
        .select(partitions::state)
        .for_share()
        .first(conn)
        .await
        .optional()
}

/// The same, locked against whoever would take the partition further, or begin a hold in it.
pub(super) async fn lock_partition(
    conn: &mut Conn,
    partition: Partition,
) -> QueryResult<Option<String>> {
    partitions::table
        .find(partition_key(partition))
        .select(partitions::state)
        .for_update()
        .first(conn)
        .await
        .optional()
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
