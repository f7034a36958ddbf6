//! A partition is made in one transaction: its tables and its entry in the catalogue, all or nothing.
//!
//! CREATE TABLE and then ATTACH, which takes SHARE UPDATE EXCLUSIVE on the parent: nobody who reads or
//! writes rows waits for it, nor does it wait for them. Only others who attach or detach, and ANALYZE
//! of the parent, are in its way; it gives way to them soon, and tries again.

use std::time::Duration;

use crypt_keeper_domain::model::{Lifetime, Partition, PartitionEntry, PartitionState, Timestamp};
use crypt_keeper_domain::ports::StoreError;
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;

use super::super::queries::{Done, partitions as catalogue};
use super::super::{Conn, Store};
use super::tables::{FirstTables, KINDS, Kind, Table, bounds, bounds_of_class, look, own_suffix};
use crate::error::{Failure, is_lock_timeout, unavailable};
use crate::rows::PartitionRow;

/// Names the lock that those who make partitions take in turn: "ckpartit" in ASCII. It is held by a
/// transaction, since connection poolers break those that are held by a session.
const LOCK: i64 = 0x636b_7061_7274_6974;

/// How often locks are waited for, two seconds each.
const ATTEMPTS: u32 = 3;

pub(in super::super) async fn ensure(
    store: &Store,
    partition: Partition,
    lifetime: Lifetime,
    at: Timestamp,
) -> Result<PartitionEntry, StoreError> {
    let seen = store.read(move |conn| seen(conn, partition, lifetime).boxed());
    if let Some(entry) = seen.await? {
        return Ok(entry);
    }
    for attempt in 1..=ATTEMPTS {
        let made = store
            .write(move |conn| make(conn, partition, lifetime, at).boxed())
            .await?;
        if let Some(entry) = made {
            return Ok(entry);
        }
        tokio::time::sleep(Duration::from_millis(50) * attempt).await;
    }
    Err(unavailable(
        "a partition could not be made: somebody else attaches or detaches tables, or analyzes them",
    ))
}

/// The entry, if there is nothing to do.
async fn seen(
    conn: &mut Conn,
    partition: Partition,
    lifetime: Lifetime,
) -> Result<Option<PartitionEntry>, Failure> {
    let Some(row) = catalogue::row(conn, partition).await? else {
        return Ok(None);
    };
    let entry = PartitionEntry::try_from(&row)?;
    if entry.state == PartitionState::Open {
        if entry.lifetime < lifetime {
            return Ok(None);
        }
        must_be_there(conn, partition, &row).await?;
    }
    Ok(Some(entry))
}

/// `None` if a lock was waited for in vain.
async fn make(
    conn: &mut Conn,
    partition: Partition,
    lifetime: Lifetime,
    at: Timestamp,
) -> Result<Done<Option<PartitionEntry>>, Failure> {
    match make_alone(conn, partition, lifetime, at).await {
        Ok(entry) => Ok(Done::Keep(Some(entry))),
        Err(Failure::Sql(error)) if is_lock_timeout(&error) => Ok(Done::Undo(None)),
        Err(failure) => Err(failure),
    }
}

async fn make_alone(
    conn: &mut Conn,
    partition: Partition,
    lifetime: Lifetime,
    at: Timestamp,
) -> Result<PartitionEntry, Failure> {
    conn.batch_execute("SET LOCAL lock_timeout = '2s'").await?;
    diesel::sql_query(format!("SELECT pg_advisory_xact_lock({LOCK})"))
        .execute(conn)
        .await?;
    let suffix = match catalogue::row(conn, partition).await? {
        Some(row) => {
            if row.state == PartitionState::Open.as_str() {
                must_be_there(conn, partition, &row).await?;
            }
            row.table_suffix
        }
        None => match FirstTables::find(conn).await? {
            Some(first) if first.hold(partition) => Some(first.suffix),
            _ => {
                for kind in KINDS {
                    make_table(conn, kind, partition).await?;
                }
                Some(own_suffix(partition))
            }
        },
    };
    let row = PartitionRow::open(partition, lifetime, at, suffix);
    catalogue::enter(conn, partition, row).await
}

/// What is lost is not made again as if nothing had been in it.
async fn must_be_there(
    conn: &mut Conn,
    partition: Partition,
    row: &PartitionRow,
) -> Result<(), Failure> {
    let suffix = row.table_suffix.as_deref().unwrap_or_default();
    for kind in KINDS {
        let (table, parent) = (kind.table(suffix), kind.parent(partition.class()));
        if !matches!(look(conn, &table, &parent).await?, Table::Attached(_)) {
            return Err(StoreError::Unavailable(
                format!(
                    "partition {partition} is in the catalogue, but table {table} is not a partition \
                     of {parent}: it was dropped or detached past this program. Attach it again, or \
                     restore it from a backup"
                )
                .into(),
            )
            .into());
        }
    }
    Ok(())
}

async fn make_table(conn: &mut Conn, kind: Kind, partition: Partition) -> Result<(), Failure> {
    let class = partition.class();
    let parent = kind.parent(class);
    if class.period().is_some() {
        let bounds = bounds_of_class(class);
        let whole = kind.make_parent(class);
        make_if_absent(conn, &parent, kind.name, &bounds, &whole).await?;
    }
    let (table, bounds) = (kind.table(&own_suffix(partition)), bounds(partition));
    let whole = format!(
        "CREATE TABLE {table} (LIKE {} INCLUDING ALL); \
         ALTER TABLE {parent} ATTACH PARTITION {table} {bounds}",
        kind.name
    );
    make_if_absent(conn, &table, &parent, &bounds, &whole).await
}

/// A table that is there already is taken for what it should be if it is that; else nothing is done.
async fn make_if_absent(
    conn: &mut Conn,
    table: &str,
    parent: &str,
    bounds: &str,
    statements: &str,
) -> Result<(), Failure> {
    match look(conn, table, parent).await? {
        Table::Absent => Ok(conn.batch_execute(statements).await?),
        Table::Attached(of) if of == bounds => Ok(()),
        _ => Err(StoreError::Backend(
            format!(
                "table {table} is there, and is not the partition of {parent} {bounds} that is to \
                 be made under this name. Nothing was changed: rename the table, or drop it"
            )
            .into(),
        )
        .into()),
    }
}
