use crypt_keeper_domain::model::{PartitionEntry, PartitionState};
use crypt_keeper_domain::ports::{PutOutcome, StoreError};

use crate::catalogue::{Catalogue, condition_failed, put_if_new};
use crate::error::OpenError;
use crate::expression::Expression;
use crate::items::{partition_item, partition_key, text, time};
use crate::store::Core;

impl Core {
    pub(crate) async fn put_partitions(
        &self,
        partitions: &[PartitionEntry],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(partitions.len());
        // One by one: DynamoDB makes few tables at once.
        for put in partitions {
            outcomes.push(self.put_partition(put).await?);
        }
        Ok(outcomes)
    }

    /// Its table is made first, as of any open partition, where there is to be one: then nothing can
    /// be in it yet.
    async fn put_partition(&self, put: &PartitionEntry) -> Result<PutOutcome, StoreError> {
        let there = self.find_partition(&put.partition).await?;
        if there.is_some_and(|there| there.says_the_same_as(put)) {
            return Ok(PutOutcome::Unchanged);
        }
        let is_open = there.is_none_or(|there| there.state == PartitionState::Open);
        if put.state >= PartitionState::Dropped {
            let catalogue = self.calls.tables.catalogue();
            let put = put_if_new(&self.calls, &catalogue, partition_item(put)).await;
            put.map_err(OpenError::from)?;
        } else if is_open {
            self.ensure_partition(&put.partition, &put.lifetime, &put.made_at)
                .await?;
            self.close_partition(put).await?;
        }
        let there = Catalogue::partition(&self.calls, put.partition).await?;
        let is_same = there.is_some_and(|there| there.entry.says_the_same_as(put));
        Ok(if is_same {
            PutOutcome::Stored
        } else {
            PutOutcome::Differs
        })
    }

    /// Takes one that is open as far as the one put.
    async fn close_partition(&self, put: &PartitionEntry) -> Result<(), StoreError> {
        if put.state == PartitionState::Open {
            return Ok(());
        }
        let closed = Expression::is_there()
            .and_is("state", Some(text(PartitionState::Open.as_str())))
            .set("state", Some(text(put.state.as_str())))
            .set("closed_at", put.closed_at.map(time));
        let catalogue = self.calls.tables.catalogue();
        let key = partition_key(put.partition);
        match self.calls.update(&catalogue, key, &closed).await {
            Ok(()) => self.catalogue.is_no_longer_open(put.partition),
            Err(error) if condition_failed(&error) => {}
            Err(error) => return Err(OpenError::from(error).into()),
        }
        Ok(())
    }
}
