//! Time partitions: each has an item in the catalogue, and a table as long as it has rows.

mod advance;
mod check;
mod drop;
mod make;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    Lifetime, Partition, PartitionEntry, PartitionState, Record, Timestamp,
};
use crypt_keeper_domain::ports::{Change, Partitions, StoreError};

use crate::catalogue::Catalogue;
use crate::store::{Core, DynamoDbStore, on_runtime};
use crate::tables::BY_PRINCIPAL;

#[async_trait]
impl Partitions for DynamoDbStore {
    async fn list_partitions(&self) -> Result<Vec<PartitionEntry>, StoreError> {
        on_runtime!(self.list_partitions())
    }

    async fn find_partition(
        &self,
        partition: Partition,
    ) -> Result<Option<PartitionEntry>, StoreError> {
        on_runtime!(self.find_partition(partition))
    }

    async fn ensure_partition(
        &self,
        partition: Partition,
        lifetime: Lifetime,
        at: Timestamp,
    ) -> Result<PartitionEntry, StoreError> {
        on_runtime!(self.ensure_partition(partition, lifetime, at))
    }

    async fn advance_partition(
        &self,
        partition: Partition,
        to: PartitionState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        on_runtime!(self.advance_partition(partition, to, record))
    }

    async fn drop_partition(&self, partition: Partition) -> Result<(), StoreError> {
        on_runtime!(self.drop_partition(partition))
    }

    async fn estimate_documents(&self, partition: Partition) -> Result<Option<u64>, StoreError> {
        on_runtime!(self.estimate_documents(partition))
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        on_runtime!(self.ask_now())
    }
}

impl Core {
    pub(crate) async fn list_partitions(&self) -> Result<Vec<PartitionEntry>, StoreError> {
        let all = Catalogue::partitions(&self.calls).await?;
        Ok(all.into_iter().map(|one| one.entry).collect())
    }

    pub(crate) async fn find_partition(
        &self,
        partition: &Partition,
    ) -> Result<Option<PartitionEntry>, StoreError> {
        let found = Catalogue::partition(&self.calls, *partition).await?;
        Ok(found.map(|one| one.entry))
    }

    /// What DynamoDB counts by itself, every six hours. The index has an item of each document and
    /// entry; the table has those and one more of each document, and one more again of those that
    /// expire early, which so count twice.
    pub(crate) async fn estimate_documents(
        &self,
        partition: &Partition,
    ) -> Result<Option<u64>, StoreError> {
        let table = self.calls.tables.documents(*partition);
        let Some(found) = self.calls.describe(&table).await? else {
            return Ok(Some(0));
        };
        let mut indexes = found.global_secondary_indexes().iter();
        let index = indexes.find(|index| index.index_name() == Some(BY_PRINCIPAL));
        let counted = found
            .item_count()
            .zip(index.and_then(|index| index.item_count()));
        Ok(counted.map(|(all, listed)| u64::try_from(all - listed).unwrap_or_default()))
    }
}
