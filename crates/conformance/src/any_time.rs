//! Partitions whose store takes every moment for come.

use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    Lifetime, Partition, PartitionEntry, PartitionState, Record, Timestamp,
};
use crypt_keeper_domain::ports::{Change, Partitions, StoreError};

/// A store whose clock is never behind. Partitions are removed by the earlier of the store's clock and
/// the caller's, and the clock of a real store cannot be set: over this one the caller's decides, so
/// that a test can be weeks ahead.
#[derive(Clone, Debug)]
pub struct AnyTime(
    /// The store.
    pub Arc<dyn Partitions>,
);

#[async_trait]
impl Partitions for AnyTime {
    async fn list_partitions(&self) -> Result<Vec<PartitionEntry>, StoreError> {
        self.0.list_partitions().await
    }

    async fn find_partition(
        &self,
        partition: Partition,
    ) -> Result<Option<PartitionEntry>, StoreError> {
        self.0.find_partition(partition).await
    }

    async fn ensure_partition(
        &self,
        partition: Partition,
        lifetime: Lifetime,
        at: Timestamp,
    ) -> Result<PartitionEntry, StoreError> {
        self.0.ensure_partition(partition, lifetime, at).await
    }

    async fn advance_partition(
        &self,
        partition: Partition,
        to: PartitionState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.0.advance_partition(partition, to, record).await
    }

    async fn drop_partition(&self, partition: Partition) -> Result<(), StoreError> {
        self.0.drop_partition(partition).await
    }

    async fn estimate_documents(&self, partition: Partition) -> Result<Option<u64>, StoreError> {
        self.0.estimate_documents(partition).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.0.now().await?;
        Ok(Timestamp::MAX)
    }
}
