use async_trait::async_trait;

use super::MemoryStore;
use super::store::Place;
use crate::model::{DocumentId, Page, PageRequest, Record, Timestamp};
use crate::ports::{Change, ExpiredDocument, StoreError, Sweeps};

#[async_trait]
impl Sweeps for MemoryStore {
    async fn expired_early(
        &self,
        at: Timestamp,
        page: &PageRequest<ExpiredDocument>,
    ) -> Result<Page<ExpiredDocument, ExpiredDocument>, StoreError> {
        let at = at.min(self.clock.now());
        let rows = self.rows()?;
        let mut expired: Vec<ExpiredDocument> = rows
            .shelf(Place::Partitions)
            .documents
            .values()
            .filter(|document| document.expires_early && document.is_expired(at))
            .filter_map(|document| {
                Some(ExpiredDocument {
                    expired_at: document.expires_at?,
                    id: document.id,
                    version: document.version,
                })
            })
            .filter(|document| page.after.is_none_or(|after| *document > after))
            .collect();
        expired.sort();
        Ok(Page::cut(expired, page.limit, |document| *document))
    }

    async fn remove_document(
        &self,
        id: DocumentId,
        seen_version: i64,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        match rows.shelf(Place::Partitions).document(id) {
            None => return Ok(Change::Missing),
            Some(document) if document.hold || document.version != seen_version => {
                return Ok(Change::Stale);
            }
            Some(_) => rows.record(std::slice::from_ref(record))?,
        }
        rows.shelf_mut(Place::Partitions).remove(id);
        Ok(Change::Changed)
    }
}
