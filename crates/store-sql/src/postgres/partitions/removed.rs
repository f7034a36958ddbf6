//! The tables of a partition go at once, whatever the number of rows.
//!
//! DETACH CONCURRENTLY lets everybody go on meanwhile; it is no part of a transaction, and if it is
//! interrupted, FINALIZE ends it. Then the table is nobody's, and is dropped. Each step is found by
//! what the tables are at the time, so that whoever comes next goes on from there.

use crypt_keeper_domain::model::{Partition, RetentionClass};
use crypt_keeper_domain::ports::StoreError;
use diesel::sql_types::{Bool, Date, Text};
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;

use super::super::queries::partitions as catalogue;
use super::super::{Conn, Store};
use super::tables::{FirstTables, KINDS, Table, leaving, look, own_suffix};
use crate::error::{Failure, unavailable};

/// How often a step may fail, most likely since a lock was waited for in vain.
const FAILURES: u32 = 3;

/// `suffix` is that of the tables which hold the partition.
pub(in super::super) async fn remove(
    store: &Store,
    partition: Partition,
    suffix: Option<String>,
) -> Result<(), StoreError> {
    let suffix = suffix.unwrap_or_else(|| own_suffix(partition));
    match FirstTables::of(&suffix) {
        Some(first) => {
            catalogue::remove_rows(store, partition).await?;
            let unused = store.read({
                let first = first.clone();
                move |conn| are_unused(conn, first).boxed()
            });
            if unused.await? {
                remove_tables(store, partition.class(), &suffix).await?;
            }
            Ok(())
        }
        None => remove_tables(store, partition.class(), &suffix).await,
    }
}

async fn remove_tables(
    store: &Store,
    class: RetentionClass,
    suffix: &str,
) -> Result<(), StoreError> {
    // Whoever is in the middle of a partition's end has its documents for longer than their entries.
    for kind in KINDS.into_iter().rev() {
        let (table, parent) = (kind.table(suffix), kind.parent(class));
        let mut failures = 0;
        let mut before = None;
        loop {
            let names = (table.clone(), parent.clone());
            let seen = store
                .read(|conn| async move { Ok(look(conn, &names.0, &names.1).await?) }.boxed())
                .await?;
            if seen == Table::Absent {
                break;
            }
            // If it is another step's turn, somebody else was faster.
            if before.as_ref() != Some(&seen) {
                failures = 0;
            }
            before = Some(seen.clone());
            let names = (table.clone(), parent.clone());
            let stepped = store.read(move |conn| step(conn, seen, names).boxed());
            if let Err(error) = stepped.await {
                failures += 1;
                if failures == FAILURES {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// The next step of the end of a table, by what it is.
async fn step(
    conn: &mut Conn,
    seen: Table,
    (table, parent): (String, String),
) -> Result<(), Failure> {
    let statement = match seen {
        Table::Absent => return Ok(()),
        Table::Attached(_) => {
            // One at a time may leave, so whoever was interrupted there is helped out first.
            for other in leaving(conn, &parent).await? {
                finalize(conn, &other, &parent).await?;
            }
            format!("ALTER TABLE {parent} DETACH PARTITION {table} CONCURRENTLY")
        }
        Table::Leaving => return finalize(conn, &table, &parent).await,
        Table::Alone => format!("DROP TABLE {table}"),
        Table::Elsewhere => {
            return Err(StoreError::Backend(
                format!("table {table} is a partition, and not of {parent}: it is left alone")
                    .into(),
            )
            .into());
        }
    };
    Ok(conn.batch_execute(&statement).await?)
}

async fn finalize(conn: &mut Conn, table: &str, parent: &str) -> Result<(), Failure> {
    let statement = format!("ALTER TABLE {parent} DETACH PARTITION {table} FINALIZE");
    Ok(conn.batch_execute(&statement).await?)
}

#[derive(diesel::QueryableByName)]
struct Unused {
    #[diesel(sql_type = Bool)]
    unused: bool,
}

/// Whether the first tables are of no more use: no partition in them is still to be emptied, their
/// time has passed, and nothing is left in them.
async fn are_unused(conn: &mut Conn, first: FirstTables) -> Result<bool, Failure> {
    for kind in KINDS {
        let (table, parent) = (
            kind.table(&first.suffix),
            kind.parent(RetentionClass::DEFAULT),
        );
        match look(conn, &table, &parent).await? {
            Table::Attached(_) => {}
            // Somebody has begun to remove them.
            Table::Leaving | Table::Alone | Table::Absent => return Ok(true),
            Table::Elsewhere => {
                return Err(unavailable("a first table is a partition of another").into());
            }
        }
    }
    let found: Unused = diesel::sql_query(format!(
        "SELECT $2 < timezone('UTC', now())::date \
           AND NOT EXISTS (SELECT FROM partitions WHERE table_suffix = $1 \
             AND state IN ('open', 'closed', 'emptying')) \
           AND NOT EXISTS (SELECT FROM documents_{0}) AND NOT EXISTS (SELECT FROM entries_{0}) \
           AS unused",
        first.suffix
    ))
    .bind::<Text, _>(&first.suffix)
    .bind::<Date, _>(first.until)
    .get_result(conn)
    .await?;
    Ok(found.unused)
}
