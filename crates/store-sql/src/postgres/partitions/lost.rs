//! Partitions that are in the catalogue, and whose tables are not in the database: what was in them
//! is not missing, it is out of reach.

use std::collections::HashSet;

use chrono::NaiveDate;
use crypt_keeper_domain::model::{DocumentId, Partition};
use crypt_keeper_domain::ports::StoreError;
use diesel::QueryResult;
use diesel::sql_types::{Array, Date, SmallInt, Text};
use diesel_async::RunQueryDsl as _;
use futures_util::FutureExt as _;

use super::super::{Conn, Store};
use crate::error::{Failure, OpenError};
use crate::rows::{Key, Place, named, partition_key};

/// The tables that are not in the database, of each partition of the catalogue whose rows are not
/// being removed: of one where they are, tables may be gone. What was detached is not there either,
/// nor what is a partition of a table that was.
const LOST: &str = "SELECT p.retention_class, p.start, \
       kinds.name || coalesce('_' || p.table_suffix, '') AS lacks \
     FROM partitions p CROSS JOIN (VALUES ('documents'), ('entries')) AS kinds (name) \
     WHERE p.state IN ('open', 'closed', 'emptying') \
       AND NOT EXISTS (SELECT FROM pg_inherits i \
         WHERE i.inhrelid = to_regclass(kinds.name || '_' || p.table_suffix) \
           AND NOT i.inhdetachpending \
           AND (i.inhparent = to_regclass(kinds.name) \
             OR EXISTS (SELECT FROM pg_inherits o WHERE o.inhrelid = i.inhparent \
               AND o.inhparent = to_regclass(kinds.name) AND NOT o.inhdetachpending)))";

/// Those of the tables with the copies of legal holds that are not in the database, or were detached.
const LOST_COPIES: &str = "SELECT kinds.name || '_held' AS lacks \
     FROM (VALUES ('documents'), ('entries')) AS kinds (name) \
     WHERE NOT EXISTS (SELECT FROM pg_inherits i \
       WHERE i.inhrelid = to_regclass(kinds.name || '_held') \
         AND i.inhparent = to_regclass(kinds.name) AND NOT i.inhdetachpending)";

#[derive(diesel::QueryableByName)]
struct LostCopies {
    #[diesel(sql_type = Text)]
    lacks: String,
}

#[derive(diesel::QueryableByName)]
struct Lost {
    #[diesel(sql_type = SmallInt)]
    retention_class: i16,
    #[diesel(sql_type = Date)]
    start: NaiveDate,
    #[diesel(sql_type = Text)]
    lacks: String,
}

/// What is answered for such a partition.
pub(in super::super) fn error(partition: Partition) -> StoreError {
    StoreError::Unavailable(
        format!(
            "the tables of partition {partition} are not all in the database: they were dropped or \
             detached past this program. Attach them again, or restore them from a backup; \
             `crypt-keeper doctor` names them"
        )
        .into(),
    )
}

/// The tables with the copies of legal holds that are lost.
async fn lost_copies(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let query = diesel::sql_query(format!("{LOST_COPIES} ORDER BY 1"));
    let lost: Vec<LostCopies> = query.load(conn).await?;
    Ok(lost.into_iter().map(|lost| lost.lacks).collect())
}

/// Whether a table with the copies of legal holds is lost.
pub(in super::super) async fn are_copies_lost(conn: &mut Conn) -> QueryResult<bool> {
    Ok(!lost_copies(conn).await?.is_empty())
}

/// What is answered of the copies that legal holds keep, if a table of theirs is lost.
pub(in super::super) fn error_of_copies() -> StoreError {
    StoreError::Unavailable(
        "the tables with the copies that legal holds keep are not all in the database: they were \
         dropped or detached past this program. Attach them again, or restore them from a backup; \
         `crypt-keeper doctor` names them"
            .into(),
    )
}

/// Refuses what went over the copies that legal holds keep, if a table of theirs is lost.
pub(super) async fn copies_must_be_whole(conn: &mut Conn) -> Result<(), Failure> {
    if are_copies_lost(conn).await? {
        return Err(error_of_copies().into());
    }
    Ok(())
}

/// Whether a row is one of the copies that legal holds keep.
pub(in super::super) fn is_copy(key: Key) -> bool {
    DocumentId::from_uuid(key.1.0).is_ok_and(|id| Place::Held.key(id) == key)
}

/// The partition that a row is in. The copies that legal holds keep are in none.
pub(in super::super) fn partition_of(key: Key) -> Option<Partition> {
    let id = DocumentId::from_uuid(key.1.0).ok()?;
    (Place::Partitions.key(id) == key).then(|| id.partition())
}

/// Refuses what is out of reach, where a document was not found.
pub(in super::super) async fn must_be_in_reach(conn: &mut Conn, key: Key) -> Result<(), Failure> {
    must_all_be_in_reach(conn, &[key]).await
}

/// The same of several documents.
pub(in super::super) async fn must_all_be_in_reach(
    conn: &mut Conn,
    keys: &[Key],
) -> Result<(), Failure> {
    if keys.iter().copied().any(is_copy) {
        copies_must_be_whole(conn).await?;
    }
    let partitions = keys.iter().copied().filter_map(partition_of).collect();
    match among(conn, partitions).await?.into_iter().next() {
        Some(lost) => Err(error(lost).into()),
        None => Ok(()),
    }
}

/// Those of some partitions that are lost.
pub(in super::super) async fn among(
    conn: &mut Conn,
    partitions: HashSet<Partition>,
) -> QueryResult<HashSet<Partition>> {
    if partitions.is_empty() {
        return Ok(partitions);
    }
    let (classes, starts): (Vec<_>, Vec<_>) = partitions.iter().copied().map(partition_key).unzip();
    let lost: Vec<Lost> = diesel::sql_query(format!(
        "{LOST} AND (p.retention_class, p.start) IN (SELECT * FROM unnest($1, $2))"
    ))
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

/// All that are lost.
pub(super) async fn all(conn: &mut Conn) -> Result<Vec<Partition>, Failure> {
    let lost: Vec<Lost> = diesel::sql_query(LOST).load(conn).await?;
    let partition = |lost: Lost| {
        let start = lost.start.format("%Y%m%d");
        named(&format!("{}/{start}", lost.retention_class))
    };
    Ok(lost
        .into_iter()
        .map(partition)
        .collect::<Result<_, StoreError>>()?)
}

impl Store {
    /// The tables of partitions that the catalogue has and the database lacks, or that were detached,
    /// and those with the copies of legal holds: documents in them are out of reach, and acts that
    /// would have to go over them are refused as [`StoreError::Unavailable`]. Those of partitions whose rows are being removed are not missed.
    ///
    /// # Errors
    /// [`OpenError::Unavailable`], [`OpenError::Backend`].
    pub async fn lost_tables(&self) -> Result<Vec<String>, OpenError> {
        let lost = self.read(|conn| {
            async move {
                let query = diesel::sql_query(format!("{LOST} ORDER BY 1, 2, 3"));
                let lost: Vec<Lost> = query.load(conn).await?;
                // The first tables hold several partitions.
                let mut seen = HashSet::new();
                let mut tables: Vec<_> = lost.into_iter().map(|lost| lost.lacks).collect();
                tables.retain(|table| seen.insert(table.clone()));
                tables.extend(lost_copies(conn).await?);
                Ok(tables)
            }
            .boxed()
        });
        Ok(lost.await?)
    }
}
