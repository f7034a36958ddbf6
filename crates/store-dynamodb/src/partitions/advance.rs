use crypt_keeper_domain::model::{Partition, PartitionState, Record};
use crypt_keeper_domain::ports::{Change, StoreError};

use crate::catalogue::Catalogue;
use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{INCOMPLETE_HOLDS, number, partition_key, text, time};
use crate::retry::Retry;
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug)]
struct ThePartition;

impl Core {
    pub(crate) async fn advance_partition(
        &self,
        partition: &Partition,
        to: &PartitionState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        let catalogue = self.calls.tables.catalogue();
        let mut retry = Retry::new();
        for round in 0.. {
            let Some(found) = Catalogue::partition(&self.calls, *partition).await? else {
                return Ok(Change::Missing);
            };
            let seen = found.entry.state;
            if seen >= *to {
                return Ok(Change::Unchanged);
            }
            let is_emptying = *to == PartitionState::Emptying;
            if seen.next() != Some(*to) || (is_emptying && found.incomplete_holds > 0) {
                return Ok(Change::Stale);
            }
            let mut step = Expression::is_there()
                .and_is("state", Some(text(seen.as_str())))
                .set("state", Some(text(to.as_str())));
            if is_emptying {
                step = step.and_is(INCOMPLETE_HOLDS, Some(number(0)));
            }
            if *to == PartitionState::Closed {
                step = step.set("closed_at", Some(time(record.audit.at)));
            }
            let committed = Transaction::new()
                .update(ThePartition, &catalogue, partition_key(*partition), &step)
                .record(&self.calls.tables.audit(), record, round)
                .commit(&self.calls, None)
                .await?;
            if matches!(committed, Committed::Done) {
                self.catalogue.is_no_longer_open(*partition);
                return Ok(Change::Changed);
            }
            // Somebody else has taken a step, or a hold has begun.
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same partition all the time"))
    }
}
