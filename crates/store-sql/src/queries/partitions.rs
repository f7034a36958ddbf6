//! Time partitions: their catalogue, which both databases keep alike. Where the rows of a partition
//! lie, and how the place is made and removed, each says in a `partitions` module of its own.

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    DocumentId, Lifetime, Partition, PartitionEntry, PartitionState, Record, Timestamp,
};
use crypt_keeper_domain::ports::{Change, Partitions, StoreError};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::super::{Conn, Store, dialect, partitions};
use super::{Done, between, holds, record};
use crate::error::Failure;
use crate::rows::{AuditRow, Key, PartitionRow, Place, named, partition_key};
use crate::schema::{documents, entries, partitions as catalogue};
use crate::sql_types::SqlUuid;

/// How many documents are removed in one transaction, where they are removed one by one: whoever
/// wants to write meanwhile waits no longer than that takes.
const BATCH: i64 = 5_000;

#[async_trait]
impl Partitions for Store {
    async fn list_partitions(&self) -> Result<Vec<PartitionEntry>, StoreError> {
        self.read(move |conn| {
            async move {
                let rows: Vec<PartitionRow> = catalogue::table
                    .order((catalogue::retention_class.asc(), catalogue::start.asc()))
                    .select(PartitionRow::as_select())
                    .load(conn)
                    .await?;
                let entries = rows.iter().map(PartitionEntry::try_from);
                Ok(entries.collect::<Result<_, _>>()?)
            }
            .boxed()
        })
        .await
    }

    async fn find_partition(
        &self,
        partition: Partition,
    ) -> Result<Option<PartitionEntry>, StoreError> {
        self.read(move |conn| {
            async move {
                let row = row(conn, partition).await?;
                Ok(row.as_ref().map(PartitionEntry::try_from).transpose()?)
            }
            .boxed()
        })
        .await
    }

    async fn ensure_partition(
        &self,
        partition: Partition,
        lifetime: Lifetime,
        at: Timestamp,
    ) -> Result<PartitionEntry, StoreError> {
        partitions::ensure(self, partition, lifetime, at).await
    }

    async fn advance_partition(
        &self,
        partition: Partition,
        to: PartitionState,
        act: &Record,
    ) -> Result<Change, StoreError> {
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| advance(conn, partition, to, audit).boxed())
            .await
    }

    async fn drop_partition(&self, partition: Partition) -> Result<(), StoreError> {
        let row = self
            .read(move |conn| async move { Ok(row(conn, partition).await?) }.boxed())
            .await?;
        let Some(row) = row else {
            return Err(StoreError::Conflict);
        };
        let state: PartitionState = named(&row.state)?;
        if state < PartitionState::Emptied {
            return Err(StoreError::Conflict);
        }
        partitions::remove(self, partition, row.table_suffix).await
    }

    async fn estimate_documents(&self, partition: Partition) -> Result<Option<u64>, StoreError> {
        self.read(move |conn| partitions::estimate(conn, partition).boxed())
            .await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.read(|conn| async move { Ok(dialect::now(conn).await?) }.boxed())
            .await
    }
}

/// The entry of a partition, as it is in the catalogue.
pub(in super::super) async fn row(
    conn: &mut Conn,
    partition: Partition,
) -> QueryResult<Option<PartitionRow>> {
    catalogue::table
        .find(partition_key(partition))
        .select(PartitionRow::as_select())
        .first(conn)
        .await
        .optional()
}

/// Enters an open partition, or raises the lifetime of one that is open; its entry as it is then.
pub(in super::super) async fn enter(
    conn: &mut Conn,
    partition: Partition,
    new: PartitionRow,
) -> Result<PartitionEntry, Failure> {
    let lifetime = new.lifetime_seconds;
    let entered = diesel::insert_into(catalogue::table)
        .values(&new)
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if entered == 0 {
        let open = catalogue::table
            .find(partition_key(partition))
            .filter(catalogue::state.eq(PartitionState::Open.as_str()))
            .filter(catalogue::lifetime_seconds.is_not_null());
        // One without limit is the longest.
        match lifetime {
            Some(seconds) => {
                diesel::update(open.filter(catalogue::lifetime_seconds.lt(seconds)))
                    .set(catalogue::lifetime_seconds.eq(seconds))
                    .execute(conn)
                    .await?
            }
            None => {
                diesel::update(open)
                    .set(catalogue::lifetime_seconds.eq(None::<i64>))
                    .execute(conn)
                    .await?
            }
        };
    }
    match row(conn, partition).await? {
        Some(row) => Ok(PartitionEntry::try_from(&row)?),
        None => Err(StoreError::Backend("an entry of the catalogue has gone".into()).into()),
    }
}

/// The partition's row is locked before holds are counted: whoever begins one shares the row, and so
/// is counted, or sees how far the partition is.
async fn advance(
    conn: &mut Conn,
    partition: Partition,
    to: PartitionState,
    audit: AuditRow,
) -> Result<Done<Change>, Failure> {
    let Some(state) = dialect::lock_partition(conn, partition).await? else {
        return Ok(Done::Undo(Change::Missing));
    };
    let state: PartitionState = named(&state)?;
    if state >= to {
        return Ok(Done::Undo(Change::Unchanged));
    }
    if state.next() != Some(to)
        || (to == PartitionState::Emptying && holds::incomplete(conn, partition).await? > 0)
    {
        return Ok(Done::Undo(Change::Stale));
    }
    let entry = catalogue::table.find(partition_key(partition));
    let state = catalogue::state.eq(to.as_str());
    if to == PartitionState::Closed {
        diesel::update(entry)
            .set((state, catalogue::closed_at.eq(audit.at)))
            .execute(conn)
            .await?;
    } else {
        diesel::update(entry).set(state).execute(conn).await?;
    }
    record(conn, &[audit]).await?;
    Ok(Done::Keep(Change::Changed))
}

/// The ids of a partition, from one to the one after the last.
pub(in super::super) fn ids(partition: Partition) -> (SqlUuid, SqlUuid) {
    // Every id of class `import` is of version 4: none is the last of all.
    let (first, after) = partition.id_range().unwrap_or((Uuid::nil(), Uuid::max()));
    (SqlUuid(first), SqlUuid(after))
}

/// Removes the documents and entries of a partition, some in each transaction.
pub(in super::super) async fn remove_rows(
    store: &Store,
    partition: Partition,
) -> Result<(), StoreError> {
    while store
        .write(move |conn| remove_some(conn, partition).boxed())
        .await?
    {}
    Ok(())
}

/// Whether there may be more.
async fn remove_some(conn: &mut Conn, partition: Partition) -> Result<Done<bool>, Failure> {
    let (class, (first, after)) = (partition_key(partition).0, ids(partition));
    let last: Option<SqlUuid> = documents::table
        .filter(documents::retention_class.eq(class))
        .filter(documents::id.ge(first))
        .filter(documents::id.lt(after))
        .order(documents::id.asc())
        .select(documents::id)
        .offset(BATCH - 1)
        .first(conn)
        .await
        .optional()?;
    let until = last.map_or(after, |last| {
        SqlUuid(Uuid::from_u128(last.0.as_u128().saturating_add(1)))
    });
    diesel::delete(
        entries::table
            .filter(entries::retention_class.eq(class))
            .filter(entries::document_id.ge(first))
            .filter(entries::document_id.lt(until)),
    )
    .execute(conn)
    .await?;
    diesel::delete(
        documents::table
            .filter(documents::retention_class.eq(class))
            .filter(documents::id.ge(first))
            .filter(documents::id.lt(until)),
    )
    .execute(conn)
    .await?;
    Ok(Done::Keep(last.is_some()))
}

/// Enters the partitions of documents that are there from before there was a catalogue. Such documents
/// were promised no end.
pub(in super::super) async fn enter_what_is_there(store: &Store) -> Result<(), StoreError> {
    let mut after = Place::Partitions.first();
    while let Some(first) = store
        .read(move |conn| async move { Ok(first_behind(conn, after).await?) }.boxed())
        .await?
    {
        after = first;
        let id = DocumentId::from_uuid(first.1.0).ok();
        // A row that cannot be is in no partition, and nobody reads it.
        let Some(id) = id.filter(|id| Place::Partitions.key(*id) == first) else {
            continue;
        };
        let partition = id.partition();
        if store.find_partition(partition).await?.is_none() {
            let now = store
                .read(move |conn| async move { Ok(dialect::now(conn).await?) }.boxed())
                .await?;
            store
                .ensure_partition(partition, Lifetime::UNLIMITED, now)
                .await?;
        }
        let behind = ids(partition).1.0.as_u128();
        after.1 = SqlUuid(Uuid::from_u128(behind.saturating_sub(1)));
    }
    Ok(())
}

/// The key of the first document behind another.
async fn first_behind(conn: &mut Conn, after: Key) -> QueryResult<Option<Key>> {
    documents::table
        .filter(between!(after, Place::Partitions.last()))
        .order((documents::retention_class.asc(), documents::id.asc()))
        .select((documents::retention_class, documents::id))
        .first(conn)
        .await
        .optional()
}
