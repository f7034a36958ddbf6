//! Partitions that are in the catalogue, and whose tables are not in the database: what was in them
//! is not missing, it is out of reach.

use std::collections::HashSet;

use chrono::NaiveDate;
use crypt_keeper_domain::model::{DocumentId, Partition};
use crypt_keeper_domain::ports::StoreError;
use diesel::QueryResult;
use diesel::sql_types::{Array, Date, SmallInt};
use diesel_async::RunQueryDsl as _;

use super::super::Conn;
use crate::error::Failure;
use crate::rows::{Key, Place, partition_key};

#[derive(diesel::QueryableByName)]
struct Lost {
    #[diesel(sql_type = SmallInt)]
    retention_class: i16,
    #[diesel(sql_type = Date)]
    start: NaiveDate,
}

/// What is answered for such a partition.
pub(in super::super) fn error(partition: Partition) -> StoreError {
    StoreError::Unavailable(
        format!("the tables of partition {partition} are not in the database").into(),
    )
}

/// The partition that a row is in. The copies that legal holds keep are in none.
pub(in super::super) fn partition_of(key: Key) -> Option<Partition> {
    let id = DocumentId::from_uuid(key.1.0).ok()?;
    (Place::Partitions.key(id) == key).then(|| id.partition())
}

/// Refuses what is out of reach, where a document was not found.
pub(in super::super) async fn must_be_in_reach(conn: &mut Conn, key: Key) -> Result<(), Failure> {
    let partitions = partition_of(key).into_iter().collect();
    match among(conn, partitions).await?.into_iter().next() {
        Some(lost) => Err(error(lost).into()),
        None => Ok(()),
    }
}

/// Those of some partitions that are lost. Of one whose rows are being removed, tables may be gone.
pub(in super::super) async fn among(
    conn: &mut Conn,
    partitions: HashSet<Partition>,
) -> QueryResult<HashSet<Partition>> {
    if partitions.is_empty() {
        return Ok(partitions);
    }
    let (classes, starts): (Vec<_>, Vec<_>) = partitions.iter().copied().map(partition_key).unzip();
    let lost: Vec<Lost> = diesel::sql_query(
        "SELECT p.retention_class, p.start FROM unnest($1, $2) AS asked (class, start) \
         JOIN partitions p ON p.retention_class = asked.class AND p.start = asked.start \
         WHERE p.state IN ('open', 'closed', 'emptying') \
           AND EXISTS (SELECT FROM (VALUES ('documents_'), ('entries_')) AS kinds (name) \
             WHERE NOT EXISTS (SELECT FROM pg_inherits i \
               WHERE i.inhrelid = to_regclass(kinds.name || p.table_suffix) \
                 AND NOT i.inhdetachpending))",
    )
    .bind::<Array<SmallInt>, _>(classes)
    .bind::<Array<Date>, _>(starts)
    .load(conn)
    .await?;
    let lost: HashSet<_> = lost
        .into_iter()
        .map(|lost| (lost.retention_class, lost.start))
        .collect();
    let is_lost = |partition: &Partition| lost.contains(&partition_key(*partition));
    Ok(partitions.into_iter().filter(is_lost).collect())
}
