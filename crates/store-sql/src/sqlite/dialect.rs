//! What SQLite says in its own way. A write transaction is alone (BEGIN IMMEDIATE): rows need no
//! locks.

use crypt_keeper_domain::model::{Partition, Timestamp};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::{Conn, Database};
use crate::rows::{DocumentRow, HoldRow, Key, KeyPairRow};
use crate::schema::{documents, entries, holds, key_pairs, partitions, users};
use crate::sql_types::{Id, SqlUuid};

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

/// Whether there is such a document; in a write transaction nobody removes it meanwhile.
pub(super) async fn keep_document(conn: &mut Conn, key: Key) -> QueryResult<bool> {
    diesel::select(exists(documents::table.find(key)))
        .get_result(conn)
        .await
}

/// A document; in a write transaction nobody changes it meanwhile.
pub(super) async fn lock_document(conn: &mut Conn, key: Key) -> QueryResult<Option<DocumentRow>> {
    documents::table
        .find(key)
        .select(DocumentRow::as_select())
        .first(conn)
        .await
        .optional()
}

/// Nothing to do: see above.
#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn share_entries(_: &mut Conn, _: Key) -> QueryResult<()> {
    Ok(())
}

/// A hold; in a write transaction nobody changes it meanwhile.
pub(super) async fn lock_hold(conn: &mut Conn, key: Key) -> QueryResult<Option<HoldRow>> {
    holds::table
        .find(key)
        .select(HoldRow::as_select())
        .first(conn)
        .await
        .optional()
}

/// The state of a partition, if it is in the catalogue; in a write transaction nobody changes it
/// meanwhile.
pub(super) async fn share_partition(
    conn: &mut Conn,
    partition: Partition,
) -> QueryResult<Option<String>> {
    let class = i16::from(partition.class().number());
    partitions::table
        .find((class, partition.start()))
        .select(partitions::state)
        .first(conn)
        .await
        .optional()
}

/// The same: in a write transaction nobody else does anything.
pub(super) async fn lock_partition(
    conn: &mut Conn,
    partition: Partition,
) -> QueryResult<Option<String>> {
    share_partition(conn, partition).await
}

/// `None`: all classes lie in one table.
#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn classes_with_tables(_: &mut Conn) -> QueryResult<Option<Vec<i16>>> {
    Ok(None)
}

/// Those of an owner, the greatest id first: the index by owner is the nearest.
pub(super) fn of_owner(
    query: documents::BoxedQuery<'static, Database, Id>,
    owner: SqlUuid,
    _: i16,
    _: (SqlUuid, SqlUuid),
) -> documents::BoxedQuery<'static, Database, Id> {
    query
        .filter(documents::owner.eq(owner))
        .order(documents::id.desc())
}

/// Those that somebody has an entry of, the greatest id first: likewise.
pub(super) fn of_reader(
    query: entries::BoxedQuery<'static, Database, Id>,
    reader: SqlUuid,
    kind: &'static str,
    _: i16,
    _: (SqlUuid, SqlUuid),
) -> entries::BoxedQuery<'static, Database, Id> {
    query
        .filter(entries::principal_id.eq(reader))
        .filter(entries::principal_kind.eq(kind))
        .order(entries::document_id.desc())
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
