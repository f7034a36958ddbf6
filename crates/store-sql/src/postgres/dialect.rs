//! What PostgreSQL says in its own way.

use crypt_keeper_domain::model::{Partition, Timestamp};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, SmallInt, Text};
use diesel_async::RunQueryDsl;

use super::{Conn, Database};
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

/// The classes that have tables: there can be documents of no others. `None` where all lie in one
/// table, as they do before the tables are partitioned.
pub(super) async fn classes_with_tables(conn: &mut Conn) -> QueryResult<Option<Vec<i16>>> {
    // What holds several classes is the table of held copies.
    let classes = diesel::select(sql::<Array<SmallInt>>(
        "ARRAY(SELECT one[1]::smallint FROM pg_inherits i \
           JOIN pg_class c ON c.oid = i.inhrelid, \
           regexp_match(pg_get_expr(c.relpartbound, c.oid), 'IN \\(''?(\\d+)''?\\)') AS one \
         WHERE i.inhparent = 'documents'::regclass AND one IS NOT NULL)",
    ));
    let classes: Vec<i16> = classes.get_result(conn).await?;
    Ok(Some(classes).filter(|classes| !classes.is_empty()))
}

/// Those of an owner, the greatest id first. The whole key of the index by owner is compared, and
/// the order is the index's: no other index gives it, whatever the statistics say of the owner. By
/// `owner = $1` the primary key would, and leave out the documents of all others one by one.
pub(super) fn of_owner(
    query: documents::BoxedQuery<'static, Database, Id>,
    owner: SqlUuid,
    class: i16,
    (above, below): (SqlUuid, SqlUuid),
) -> documents::BoxedQuery<'static, Database, Id> {
    let key = "(documents.owner, documents.retention_class, documents.id)";
    query
        .filter(
            sql::<Bool>(&format!("{key} > ("))
                .bind::<Id, _>(owner)
                .sql(&format!(", {class}, "))
                .bind::<Id, _>(above)
                .sql(&format!(") AND {key} < ("))
                .bind::<Id, _>(owner)
                .sql(&format!(", {class}, "))
                .bind::<Id, _>(below)
                .sql(")"),
        )
        .order((documents::owner.desc(), documents::id.desc()))
}

/// Those that somebody has an entry of, the greatest id first: likewise.
pub(super) fn of_reader(
    query: entries::BoxedQuery<'static, Database, Id>,
    reader: SqlUuid,
    kind: &'static str,
    class: i16,
    (above, below): (SqlUuid, SqlUuid),
) -> entries::BoxedQuery<'static, Database, Id> {
    let key = "(entries.principal_id, entries.principal_kind, entries.retention_class, \
               entries.document_id)";
    query
        .filter(entries::principal_kind.eq(kind))
        .filter(
            sql::<Bool>(&format!("{key} > ("))
                .bind::<Id, _>(reader)
                .sql(", ")
                .bind::<Text, _>(kind)
                .sql(&format!(", {class}, "))
                .bind::<Id, _>(above)
                .sql(&format!(") AND {key} < ("))
                .bind::<Id, _>(reader)
                .sql(", ")
                .bind::<Text, _>(kind)
                .sql(&format!(", {class}, "))
                .bind::<Id, _>(below)
                .sql(")"),
        )
        .order((entries::principal_id.desc(), entries::document_id.desc()))
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
