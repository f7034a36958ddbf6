//! Time partitions in one table: the catalogue is all there is to make, and rows are removed one by
//! one, some in each transaction.

use crypt_keeper_domain::model::{
    DocumentId, Lifetime, Partition, PartitionEntry, PartitionState, Timestamp,
};
use crypt_keeper_domain::ports::{Partitions as _, StoreError};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::queries::{Done, partitions as catalogue};
use super::{Conn, Store};
use crate::error::Failure;
use crate::rows::{Key, PartitionRow, Place, partition_key};
use crate::schema::documents;

pub(super) async fn ensure(
    store: &Store,
    partition: Partition,
    lifetime: Lifetime,
    at: Timestamp,
) -> Result<PartitionEntry, StoreError> {
    // Most often there is nothing to write.
    if let Some(entry) = store.find_partition(partition).await?
        && (entry.state != PartitionState::Open || lifetime <= entry.lifetime)
    {
        return Ok(entry);
    }
    let new = PartitionRow::open(partition, lifetime, at, None);
    store
        .write(move |conn| {
            async move { Ok(Done::Keep(catalogue::enter(conn, partition, new).await?)) }.boxed()
        })
        .await
}

pub(super) async fn remove(
    store: &Store,
    partition: Partition,
    _: Option<String>,
) -> Result<(), StoreError> {
    catalogue::remove_rows(store, partition).await
}

/// Nothing to look for: there is one table, here and below.
#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn must_be_in_reach(_: &mut Conn, _: Key) -> Result<(), Failure> {
    Ok(())
}

#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn must_all_be_in_reach(_: &mut Conn, _: &[Key]) -> Result<(), Failure> {
    Ok(())
}

#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn must_be_whole(_: &mut Conn, _: Key, _: Key) -> Result<(), Failure> {
    Ok(())
}

#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn must_be_whole_newest_first(
    _: &mut Conn,
    _: Place,
    _: Option<DocumentId>,
    _: Option<DocumentId>,
) -> Result<(), Failure> {
    Ok(())
}

#[expect(clippy::unused_async, reason = "PostgreSQL's twin waits")]
pub(super) async fn keep_attached(_: &mut Conn) -> QueryResult<()> {
    Ok(())
}

/// Nothing leaves a table while it is read.
pub(super) async fn at_one_moment<T, F>(conn: &mut Conn, read: F) -> Result<T, Failure>
where
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Failure>>,
{
    read(conn).await
}

/// Counted, in the primary key's index.
pub(super) async fn estimate(
    conn: &mut Conn,
    partition: Partition,
) -> Result<Option<u64>, Failure> {
    let (class, (first, after)) = (partition_key(partition).0, catalogue::ids(partition));
    let count: i64 = documents::table
        .filter(documents::retention_class.eq(class))
        .filter(documents::id.ge(first))
        .filter(documents::id.lt(after))
        .count()
        .get_result(conn)
        .await?;
    Ok(Some(count.unsigned_abs()))
}
