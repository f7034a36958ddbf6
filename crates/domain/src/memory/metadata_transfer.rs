use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use super::key_registry::another_is_active;
use super::metadata_store::pair_of;
use super::store::{Place, Rows};
use crate::model::{
    ApiKey, AuditEntry, DocumentId, Hold, KeyPair, Page, PageRequest, PartitionEntry,
    PartitionState, Record, User,
};
use crate::ports::{DocumentWithEntries, HoldTransfer, MetadataTransfer, PutOutcome, StoreError};

#[async_trait]
impl MetadataTransfer for MemoryStore {
    /// Where it lies in memory.
    async fn identity(&self) -> Result<String, StoreError> {
        drop(self.rows()?);
        Ok(format!("memory {:p}", self.address()))
    }

    async fn documents_with_entries(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<DocumentWithEntries, DocumentId>, StoreError> {
        let (rows, place) = (self.rows()?, self.place);
        let after = page
            .after
            .map_or(Bound::Unbounded, |id| Bound::Excluded((id.class(), id)));
        let items = rows
            .shelf(place)
            .documents
            .range((after, Bound::Unbounded))
            .take(page.limit.get() + 1)
            .map(|(_, document)| {
                pair_of(&rows, document)?;
                Ok(DocumentWithEntries {
                    document: document.clone(),
                    entries: rows.shelf(place).entries(document.id).to_vec(),
                    rewrapped: None,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Page::cut(items, page.limit, |one: &DocumentWithEntries| {
            one.document.id
        }))
    }

    async fn put_partitions(
        &self,
        partitions: &[PartitionEntry],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        let mut rows = self.rows()?;
        let put = |put: &PartitionEntry| put_partition(&mut rows, put);
        Ok(partitions.iter().map(put).collect())
    }

    async fn put_documents(
        &self,
        documents: &[DocumentWithEntries],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        let mut rows = self.rows()?;
        documents
            .iter()
            .map(|one| put_document(&mut rows, self.place, one))
            .collect()
    }

    async fn put_users(&self, users: &[User]) -> Result<Vec<PutOutcome>, StoreError> {
        let mut rows = self.rows()?;
        Ok(users.iter().map(|user| put_user(&mut rows, user)).collect())
    }

    async fn put_api_keys(&self, keys: &[ApiKey]) -> Result<Vec<PutOutcome>, StoreError> {
        let mut rows = self.rows()?;
        Ok(keys.iter().map(|key| put_api_key(&mut rows, key)).collect())
    }

    async fn put_pairs(&self, pairs: &[KeyPair]) -> Result<Vec<PutOutcome>, StoreError> {
        let mut rows = self.rows()?;
        Ok(pairs.iter().map(|pair| put_pair(&mut rows, pair)).collect())
    }

    async fn put_audit(&self, entries: &[AuditEntry]) -> Result<Vec<PutOutcome>, StoreError> {
        let mut rows = self.rows()?;
        let put = |entry: &AuditEntry| match rows.audit.get(&entry.id) {
            Some(there) => unchanged(there == entry),
            None => {
                rows.audit.insert(entry.id, entry.clone());
                PutOutcome::Stored
            }
        };
        Ok(entries.iter().map(put).collect())
    }
}

#[async_trait]
impl HoldTransfer for MemoryStore {
    async fn put_holds(&self, holds: &[Hold]) -> Result<Vec<PutOutcome>, StoreError> {
        let mut rows = self.rows()?;
        let put = |hold: &Hold| {
            let key = (hold.document.class(), hold.document);
            match rows.holds.get(&key) {
                Some(there) => unchanged(there == hold),
                None if hold.completed_at.is_none() => PutOutcome::Differs,
                None => {
                    rows.holds.insert(key, hold.clone());
                    PutOutcome::Stored
                }
            }
        };
        Ok(holds.iter().map(put).collect())
    }
}

fn unchanged(is_same: bool) -> PutOutcome {
    if is_same {
        PutOutcome::Unchanged
    } else {
        PutOutcome::Differs
    }
}

fn put_partition(rows: &mut Rows, put: &PartitionEntry) -> PutOutcome {
    let Some(there) = rows.partitions.get_mut(&put.partition) else {
        rows.partitions.insert(put.partition, *put);
        return PutOutcome::Stored;
    };
    if there.says_the_same_as(put) {
        return PutOutcome::Unchanged;
    }
    if there.state == PartitionState::Open && put.state < PartitionState::Dropped {
        there.lifetime = there.lifetime.max(put.lifetime);
        there.state = put.state;
        there.closed_at = put.closed_at;
    }
    if there.says_the_same_as(put) {
        PutOutcome::Stored
    } else {
        PutOutcome::Differs
    }
}

fn put_document(
    rows: &mut Rows,
    place: Place,
    put: &DocumentWithEntries,
) -> Result<PutOutcome, StoreError> {
    let document = &put.document;
    if let Some(there) = rows.shelf(place).document(document.id) {
        let there = DocumentWithEntries {
            document: there.clone(),
            entries: rows.shelf(place).entries(document.id).to_vec(),
            rewrapped: None,
        };
        return Ok(unchanged(there.is_same(put)));
    }
    // A document is whole with its pair alone.
    if pair_of(rows, document).is_err() {
        return Ok(PutOutcome::Differs);
    }
    if let Some(audit) = &put.rewrapped {
        rows.record(&[Record::from(audit.clone())])?;
    }
    let key = (document.id.class(), document.id);
    let shelf = rows.shelf_mut(place);
    shelf.documents.insert(key, document.clone());
    shelf.entries.insert(document.id, put.entries.clone());
    Ok(PutOutcome::Stored)
}

fn put_user(rows: &mut Rows, user: &User) -> PutOutcome {
    if let Some(there) = rows.users.get(&user.id) {
        return unchanged(there == user);
    }
    if rows.users.values().any(|other| other.name == user.name) {
        return PutOutcome::Differs;
    }
    rows.users.insert(user.id, user.clone());
    PutOutcome::Stored
}

fn put_api_key(rows: &mut Rows, key: &ApiKey) -> PutOutcome {
    if let Some(there) = rows.api_keys.get(&key.id) {
        return unchanged(there == key);
    }
    if !rows.users.contains_key(&key.user) {
        return PutOutcome::Differs;
    }
    rows.api_keys.insert(key.id, key.clone());
    PutOutcome::Stored
}

fn put_pair(rows: &mut Rows, pair: &KeyPair) -> PutOutcome {
    if let Some(there) = rows.pairs.get(&pair.serial) {
        return unchanged(there == pair);
    }
    if another_is_active(&rows.pairs, pair) {
        return PutOutcome::Differs;
    }
    rows.pairs.insert(pair.serial, pair.clone());
    PutOutcome::Stored
}
