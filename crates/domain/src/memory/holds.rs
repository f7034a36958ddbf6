use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use super::metadata_store::may_have_wrapped;
use super::partitions::incomplete;
use super::store::Place;
use crate::model::{
    DocumentId, DocumentState, Hold, ObjectKey, Page, PageRequest, Partition, PartitionState,
    Record, WrappedKey,
};
use crate::ports::{Change, HoldOutcome, Holds, StoreError};

#[async_trait]
impl Holds for MemoryStore {
    async fn begin_hold(&self, hold: &Hold, record: &Record) -> Result<HoldOutcome, StoreError> {
        let mut rows = self.rows()?;
        let id = hold.document;
        let key = (id.class(), id);
        if rows.holds.contains_key(&key) {
            return Ok(HoldOutcome::AlreadyHeld);
        }
        let partition = rows.partitions.get(&id.partition());
        if partition.is_some_and(|entry| entry.state >= PartitionState::Emptying) {
            return Ok(HoldOutcome::TooLate);
        }
        match rows.shelf(Place::Partitions).document(id) {
            Some(document) if document.state != DocumentState::Deleted => {}
            _ => return Ok(HoldOutcome::Missing),
        }
        rows.record(std::slice::from_ref(record))?;
        let begun = Hold {
            completed_at: None,
            ..hold.clone()
        };
        rows.holds.insert(key, begun);
        if let Some(document) = rows.shelf_mut(Place::Partitions).document_mut(id) {
            document.hold = true;
            document.version += 1;
        }
        Ok(HoldOutcome::Begun)
    }

    async fn complete_hold(
        &self,
        id: DocumentId,
        wrapped: &WrappedKey,
        object_key: &ObjectKey,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        let key = (id.class(), id);
        match rows.holds.get(&key) {
            None => return Ok(Change::Missing),
            Some(hold) if hold.completed_at.is_some() => return Ok(Change::Unchanged),
            Some(_) => {}
        }
        let shelf = rows.shelf(Place::Partitions);
        let Some(document) = shelf.document(id) else {
            return Ok(Change::Missing);
        };
        if !may_have_wrapped(&rows, wrapped) {
            return Ok(Change::Stale);
        }
        let mut copy = document.clone();
        copy.wrapped_key = wrapped.clone();
        copy.object_key = object_key.clone();
        let entries = shelf.entries(id).to_vec();
        rows.record(std::slice::from_ref(record))?;
        let held = rows.shelf_mut(Place::Held);
        held.documents.insert(key, copy);
        held.entries.insert(id, entries);
        if let Some(hold) = rows.holds.get_mut(&key) {
            hold.completed_at = Some(record.audit.at);
        }
        Ok(Change::Changed)
    }

    async fn end_hold(&self, id: DocumentId, record: &Record) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        let key = (id.class(), id);
        if !rows.holds.contains_key(&key) {
            return Ok(Change::Missing);
        }
        rows.record(std::slice::from_ref(record))?;
        rows.holds.remove(&key);
        rows.shelf_mut(Place::Held).remove(id);
        if let Some(document) = rows.shelf_mut(Place::Partitions).document_mut(id) {
            document.hold = false;
            document.version += 1;
        }
        Ok(Change::Changed)
    }

    async fn find_hold(&self, id: DocumentId) -> Result<Option<Hold>, StoreError> {
        Ok(self.rows()?.holds.get(&(id.class(), id)).cloned())
    }

    async fn list_holds(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Hold, DocumentId>, StoreError> {
        let rows = self.rows()?;
        let after = page
            .after
            .map_or(Bound::Unbounded, |id| Bound::Excluded((id.class(), id)));
        let holds = rows.holds.range((after, Bound::Unbounded));
        let items = holds.map(|(_, hold)| hold.clone());
        let items = items.take(page.limit.get() + 1).collect();
        Ok(Page::cut(items, page.limit, |hold: &Hold| hold.document))
    }

    async fn incomplete_holds(&self, partition: Partition) -> Result<u64, StoreError> {
        Ok(incomplete(&*self.rows()?, partition))
    }
}
