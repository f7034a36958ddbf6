use async_trait::async_trait;

use super::MemoryStore;
use super::store::{Place, Rows};
use crate::model::{
    DocumentId, Lifetime, Partition, PartitionEntry, PartitionState, Record, Timestamp,
};
use crate::ports::{Change, Partitions, StoreError};

#[async_trait]
impl Partitions for MemoryStore {
    async fn list_partitions(&self) -> Result<Vec<PartitionEntry>, StoreError> {
        Ok(self.rows()?.partitions.values().copied().collect())
    }

    async fn find_partition(
        &self,
        partition: Partition,
    ) -> Result<Option<PartitionEntry>, StoreError> {
        Ok(self.rows()?.partitions.get(&partition).copied())
    }

    async fn ensure_partition(
        &self,
        partition: Partition,
        lifetime: Lifetime,
        at: Timestamp,
    ) -> Result<PartitionEntry, StoreError> {
        let mut rows = self.rows()?;
        let entry = rows.partitions.entry(partition).or_insert(PartitionEntry {
            partition,
            state: PartitionState::Open,
            lifetime,
            made_at: at,
            closed_at: None,
        });
        if entry.state == PartitionState::Open {
            entry.lifetime = entry.lifetime.max(lifetime);
        }
        Ok(*entry)
    }

    async fn advance_partition(
        &self,
        partition: Partition,
        to: PartitionState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        let Some(entry) = rows.partitions.get(&partition) else {
            return Ok(Change::Missing);
        };
        if entry.state >= to {
            return Ok(Change::Unchanged);
        }
        let is_before = entry.state.next() == Some(to);
        if !is_before || (to == PartitionState::Emptying && incomplete(&rows, partition) > 0) {
            return Ok(Change::Stale);
        }
        rows.record(std::slice::from_ref(record))?;
        if let Some(entry) = rows.partitions.get_mut(&partition) {
            entry.state = to;
            if to == PartitionState::Closed {
                entry.closed_at = Some(record.audit.at);
            }
        }
        Ok(Change::Changed)
    }

    async fn drop_partition(&self, partition: Partition) -> Result<(), StoreError> {
        let mut rows = self.rows()?;
        let emptied = rows
            .partitions
            .get(&partition)
            .is_some_and(|entry| entry.state >= PartitionState::Emptied);
        if !emptied {
            return Err(StoreError::Conflict);
        }
        let shelf = rows.shelf_mut(Place::Partitions);
        let within = |id: DocumentId| id.partition() == partition;
        shelf.documents.retain(|(_, id), _| !within(*id));
        shelf.entries.retain(|id, _| !within(*id));
        Ok(())
    }

    async fn estimate_documents(&self, partition: Partition) -> Result<Option<u64>, StoreError> {
        let rows = self.rows()?;
        let documents = rows.shelf(Place::Partitions).documents.keys();
        let within = documents.filter(|(_, id)| id.partition() == partition);
        Ok(Some(within.count() as u64))
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        drop(self.rows()?);
        Ok(self.clock.now())
    }
}

/// How many holds of the partition's documents are begun and not complete.
pub(super) fn incomplete(rows: &Rows, partition: Partition) -> u64 {
    let holds = rows.holds.values();
    let incomplete =
        holds.filter(|hold| hold.completed_at.is_none() && hold.document.partition() == partition);
    incomplete.count() as u64
}
