//! Documents that expire before their partition. Each has an item in its partition's table, in order
//! of the moment, and the catalogue knows the partitions that ever had one.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{
    DocumentId, Page, PageRequest, Partition, PartitionState, Record, Timestamp,
};
use crypt_keeper_domain::ports::{Change, ExpiredDocument, StoreError, Sweeps};

use crate::catalogue::Catalogue;
use crate::error::{StoreOrCall, unavailable};
use crate::expression::Expression;
use crate::items::{
    DocumentItem, ITEM, Item, Reader, document_key, early_document, early_shards, early_sort,
    early_until, number, walk_item,
};
use crate::query::Range;
use crate::retry::Retry;
use crate::store::{Core, DynamoDbStore, on_runtime};
use crate::transaction::{Committed, Transaction};

#[async_trait]
impl Sweeps for DynamoDbStore {
    async fn expired_early(
        &self,
        at: Timestamp,
        page: &PageRequest<ExpiredDocument>,
    ) -> Result<Page<ExpiredDocument, ExpiredDocument>, StoreError> {
        let partitioned = self.partitioned();
        on_runtime!(partitioned.expired_early(at, page))
    }

    async fn remove_document(
        &self,
        id: DocumentId,
        seen_version: i64,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let partitioned = self.partitioned();
        on_runtime!(partitioned.remove_document(id, seen_version, record))
    }
}

#[derive(Clone, Copy, Debug)]
struct TheDocument;

impl Core {
    /// In order of the partition, and in each of the moment.
    pub(crate) async fn expired_early(
        &self,
        at: &Timestamp,
        page: &PageRequest<ExpiredDocument>,
    ) -> Result<Page<ExpiredDocument, ExpiredDocument>, StoreError> {
        let wanted = page.limit.get() + 1;
        let first = page.after.map(|after| after.id.partition());
        let mut expired = Vec::new();
        let partitions = Catalogue::partitions(&self.calls).await?;
        let at = (*at).min(self.stores_now());
        for one in partitions {
            let partition = one.entry.partition;
            let is_over = one.entry.state >= PartitionState::Dropped;
            if is_over || !one.has_early || first.is_some_and(|first| partition < first) {
                continue;
            }
            let after = page.after.filter(|_| first == Some(partition));
            let left = wanted - expired.len();
            let read = self.read_expired(partition, at, after, left).await;
            expired.extend(Catalogue::judge(&self.calls, partition, read, Vec::new()).await?);
            if expired.len() >= wanted {
                break;
            }
        }
        Ok(Page::cut(expired, page.limit, |expired| *expired))
    }

    async fn read_expired(
        &self,
        partition: Partition,
        at: Timestamp,
        after: Option<ExpiredDocument>,
        wanted: usize,
    ) -> Result<Vec<ExpiredDocument>, StoreOrCall> {
        let table = self.calls.tables.documents(partition);
        let mut range = Range::of_table(table.clone(), early_shards());
        range.after = after.map(|after| early_sort(after.id, after.expired_at));
        range.before = Some(early_until(at));
        let mut merged = range.merge(&self.calls);
        let mut expired = Vec::new();
        while expired.len() < wanted {
            let found = merged.take(wanted - expired.len()).await?;
            if found.is_empty() {
                break;
            }
            let mut ids = Vec::with_capacity(found.len());
            for item in &found {
                ids.push(early_document(item)?);
            }
            let documents = self.read_documents(&table, &ids).await?;
            let documents: HashMap<_, _> = documents.into_iter().collect();
            for (item, id) in found.iter().zip(ids) {
                let document = documents.get(&id);
                match document.map_or(Ok(None), |document| as_expired(document, item)) {
                    Ok(one) => expired.extend(one),
                    // It keeps nobody else.
                    Err(error) => tracing::warn!(%error, document = %id, "not swept"),
                }
            }
        }
        Ok(expired)
    }

    pub(crate) async fn remove_document(
        &self,
        id: &DocumentId,
        seen_version: &i64,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        let table = self.table_of(*id);
        let is_as_seen = Expression::is_there()
            .and_is("version", Some(number(*seen_version)))
            .and_is("hold", Some(AttributeValue::Bool(false)));
        let mut retry = Retry::new();
        for round in 0.. {
            let Some(seen) = self.document_item(*id).await? else {
                return Ok(Change::Missing);
            };
            if seen.hold()? || seen.version()? != *seen_version {
                return Ok(Change::Stale);
            }
            if self
                .take_no_entries(&table, *id, is_as_seen.clone())
                .await?
            {
                let mut act = Transaction::new()
                    .delete(TheDocument, &table, document_key(*id), &is_as_seen)
                    .remove(&table, walk_item(*id));
                if let Some(early) = seen.early_key()? {
                    act = act.remove(&table, early);
                }
                for entry in self.remove_entries_but_last(&table, *id).await? {
                    act = act.remove(&table, entry);
                }
                let committed = act
                    .record(&self.calls.tables.audit(), record, round)
                    .commit(&self.calls, None)
                    .await?;
                if matches!(committed, Committed::Done) {
                    return Ok(Change::Changed);
                }
            }
            // Somebody has changed it, or removed it, meanwhile.
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same document all the time"))
    }
}

/// What a sweep says of a document, if it still is what its place among the expired says.
fn as_expired(
    document: &DocumentItem,
    place: &Item,
) -> Result<Option<ExpiredDocument>, StoreError> {
    let is_there = match document.early_key()? {
        Some(key) => {
            let sort = |item| {
                Reader::new("what expires early", item)
                    .text(ITEM)
                    .map(str::to_owned)
            };
            sort(&key)? == sort(place)?
        }
        None => false,
    };
    let end = document.expires_at()?.filter(|_| is_there);
    if document.hold()? {
        return Ok(None);
    }
    let version = document.version()?;
    let id = document.id()?;
    Ok(end.map(|expired_at| ExpiredDocument {
        expired_at,
        id,
        version,
    }))
}
