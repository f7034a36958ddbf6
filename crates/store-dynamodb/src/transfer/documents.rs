use crypt_keeper_domain::model::{DocumentId, Page, PageRequest, PartitionState, Record};
use crypt_keeper_domain::ports::{DocumentFilter, DocumentWithEntries, PutOutcome, StoreError};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{AT_ONCE, Part, each, unchanged};
use crate::calls::call;
use crate::error::CallError;
use crate::items::{document_item, entry_item, numbers, walk_item};
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

/// Entries that are put together with their document, in a transaction of 100 items at most: the
/// document, what makes it appear on walks, and its record are the others.
const ENTRIES_WITH_DOCUMENT: usize = 90;

impl Core {
    pub(crate) async fn documents_with_entries(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<DocumentWithEntries, DocumentId>, StoreError> {
        let listed = self.list(&DocumentFilter::Every, page).await?;
        let whole = listed.items.into_iter().map(|document| async move {
            let entries = self.entries(&document.id).await?;
            Ok::<_, StoreError>(DocumentWithEntries {
                document,
                entries,
                rewrapped: None,
            })
        });
        let whole: Vec<_> = whole.collect();
        let whole = stream::iter(whole).buffered(AT_ONCE);
        Ok(Page {
            items: whole.try_collect().await?,
            next: listed.next,
        })
    }

    pub(crate) async fn put_documents(
        &self,
        documents: &[DocumentWithEntries],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        for document in documents {
            if let Some(audit) = &document.rewrapped {
                self.ready_for(&Record::from(audit.clone())).await?;
            }
        }
        let puts = documents
            .iter()
            .map(|one| Box::pin(self.put_document(one)) as _);
        each(puts.collect()).await
    }

    async fn put_document(&self, put: &DocumentWithEntries) -> Result<PutOutcome, StoreError> {
        let document = &put.document;
        if let Some(there) = self.document_item(document.id).await? {
            return self.compare_document(put, &there).await;
        }
        let pair = self.pair(document.wrapped_key.serial).await?;
        let algorithm = document.wrapped_key.algorithm;
        // A document is whole with its pair alone.
        if pair.is_none_or(|pair| pair.algorithm != algorithm) {
            return Ok(PutOutcome::Differs);
        }
        // Its partition may be closed: only where the rows are gone it has no place.
        let early = self
            .ready_for_document(document, PartitionState::Dropped)
            .await?;
        let table = self.table_of(document.id);
        let mut item = document_item(document);
        if let Some(left) = put.rewrapped.as_ref().and_then(|audit| audit.serial) {
            item.insert("former_serials".to_owned(), numbers([left.as_i64()]));
        }
        let with_document = put.entries.len().min(ENTRIES_WITH_DOCUMENT);
        let (together, before) = put.entries.split_at(with_document);
        self.put_entries_before(&table, put, before.len()).await?;
        let mut act = Transaction::new().insert(Part::Row, &table, item).insert(
            Part::Other,
            &table,
            walk_item(document.id),
        );
        for entry in together {
            act = act.insert(Part::Other, &table, entry_item(entry));
        }
        if let Some(early) = early {
            act = act.put(&table, early);
        }
        if let Some(audit) = &put.rewrapped {
            let record = Record::from(audit.clone());
            act = act.record(&self.calls.tables.audit(), &record, 0);
            act = act.never_repeated();
        }
        match act.commit(&self.calls, None).await? {
            Committed::Done => Ok(PutOutcome::Stored),
            // Somebody else was faster, or this very call, whose answer was lost.
            Committed::Refused(_) => match self.document_item(document.id).await? {
                Some(there) => self.compare_document(put, &there).await,
                None => Err(StoreError::Conflict),
            },
        }
    }

    /// A document is there once its own item is: entries that are too many for one transaction come
    /// before it. So do none that an interrupted put of another access list has left.
    async fn put_entries_before(
        &self,
        table: &str,
        put: &DocumentWithEntries,
        count: usize,
    ) -> Result<(), StoreError> {
        let before = &put.entries[put.entries.len() - count..];
        for stale in self.entries(&put.document.id).await? {
            if !before.contains(&stale) {
                let key = crate::items::entry_key(stale.document, stale.principal);
                let request = self.calls.client.delete_item();
                let request = request.table_name(table).set_key(Some(key));
                call("DeleteItem", table, || request.clone().send()).await?;
            }
        }
        let puts = before.iter().map(|entry| async move {
            let item = Some(entry_item(entry));
            let request = self.calls.client.put_item();
            let request = request.table_name(table).set_item(item);
            call("PutItem", table, || request.clone().send()).await
        });
        let puts: Vec<_> = puts.collect();
        let puts = stream::iter(puts).buffer_unordered(AT_ONCE);
        puts.try_for_each(|_| async { Ok::<_, CallError>(()) })
            .await?;
        Ok(())
    }

    async fn compare_document(
        &self,
        put: &DocumentWithEntries,
        there: &crate::items::DocumentItem,
    ) -> Result<PutOutcome, StoreError> {
        let pair = self.pair(there.serial()?).await?;
        let there = DocumentWithEntries {
            document: there.document(pair.as_ref())?,
            entries: self.entries(&put.document.id).await?,
            rewrapped: None,
        };
        Ok(unchanged(there.is_same(put)))
    }
}
