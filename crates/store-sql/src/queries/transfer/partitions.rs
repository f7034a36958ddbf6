//! The catalogue of partitions.

use crypt_keeper_domain::model::{PartitionEntry, PartitionState};
use crypt_keeper_domain::ports::{Partitions as _, PutOutcome, StoreError};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::super::{Conn, Store, dialect};
use super::super::{Done, partitions};
use crate::error::Failure;
use crate::rows::{PartitionRow, named, partition_key, sql_time};
use crate::schema::partitions as catalogue;

/// Its place is made first, as of any open partition, where there is to be one: then nothing can be in
/// it yet.
pub(super) async fn put_partition(
    store: &Store,
    put: PartitionEntry,
) -> Result<PutOutcome, StoreError> {
    let there = store.find_partition(put.partition).await?;
    if there.is_some_and(|there| there.says_the_same_as(&put)) {
        return Ok(PutOutcome::Unchanged);
    }
    let is_open = there.is_none_or(|there| there.state == PartitionState::Open);
    if is_open && put.state < PartitionState::Dropped {
        store
            .ensure_partition(put.partition, put.lifetime, put.made_at)
            .await?;
    }
    store.write(move |conn| settle(conn, put).boxed()).await
}

async fn settle(conn: &mut Conn, put: PartitionEntry) -> Result<Done<PutOutcome>, Failure> {
    let key = partition_key(put.partition);
    match dialect::lock_partition(conn, put.partition).await? {
        None => {
            diesel::insert_into(catalogue::table)
                .values(PartitionRow::without_place(&put))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
        }
        Some(state) => {
            let state: PartitionState = named(&state)?;
            if state == PartitionState::Open && put.state < PartitionState::Dropped {
                diesel::update(catalogue::table.find(key))
                    .set((
                        catalogue::state.eq(put.state.as_str()),
                        catalogue::closed_at.eq(put.closed_at.map(sql_time)),
                    ))
                    .execute(conn)
                    .await?;
            }
        }
    }
    let row = partitions::row(conn, put.partition).await?;
    let there = row.as_ref().map(PartitionEntry::try_from).transpose()?;
    Ok(Done::Keep(
        if there.is_some_and(|there| there.says_the_same_as(&put)) {
            PutOutcome::Stored
        } else {
            PutOutcome::Differs
        },
    ))
}
