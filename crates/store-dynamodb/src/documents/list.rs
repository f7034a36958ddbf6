use std::collections::HashMap;

use crypt_keeper_domain::model::{
    Document, DocumentId, DocumentState, KeyPair, Page, PageRequest, Partition, Serial,
};
use crypt_keeper_domain::ports::{DocumentFilter, StoreError};

use crate::catalogue::Catalogue;
use crate::error::StoreOrCall;
use crate::items::{DocumentItem, ID, Reader, document_id, owner_shards, principal_shards};
use crate::query::{Merged, Range};
use crate::store::Core;

/// Documents that are read at once while most of them are not what is looked for.
const CHUNK: usize = 200;

type Listed = Vec<(DocumentId, DocumentItem)>;

impl Core {
    /// Documents of an owner or of principals are found through the index, which lags behind the
    /// tables, usually by less than a second; all others by a walk, which sees everything.
    pub(crate) async fn list(
        &self,
        filter: &DocumentFilter,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Document, DocumentId>, StoreError> {
        let wanted = page.limit.get() + 1;
        let items = match filter {
            DocumentFilter::OwnedBy(owner) => {
                let shards = owner_shards(*owner);
                self.list_by_index(filter, shards, page.after, wanted)
                    .await?
            }
            DocumentFilter::VisibleTo(principals) => {
                let mut principals = principals.clone();
                principals.sort_unstable();
                principals.dedup();
                let shards = principals.into_iter().flat_map(principal_shards).collect();
                self.list_by_index(filter, shards, page.after, wanted)
                    .await?
            }
            DocumentFilter::Every
            | DocumentFilter::WrappedBy(_)
            | DocumentFilter::KeyExposed
            | DocumentFilter::PendingBefore(_) => {
                self.list_by_walk(filter, page.after, wanted).await?
            }
        };
        let documents = self.whole(items).await?;
        Ok(Page::cut(documents, page.limit, |document: &Document| {
            document.id
        }))
    }

    async fn list_by_walk(
        &self,
        filter: &DocumentFilter,
        mut after: Option<DocumentId>,
        wanted: usize,
    ) -> Result<Listed, StoreError> {
        let mut listed = Vec::new();
        let chunk = match filter {
            DocumentFilter::Every => wanted,
            _ => wanted.max(CHUNK),
        };
        while listed.len() < wanted {
            let step = self.step(after, chunk).await?;
            for (id, item) in step.documents {
                if listed.len() < wanted && selects(filter, &item)? {
                    listed.push((id, item));
                }
            }
            after = step.next;
            if after.is_none() {
                break;
            }
        }
        Ok(listed)
    }

    async fn list_by_index(
        &self,
        filter: &DocumentFilter,
        shards: Vec<String>,
        after: Option<DocumentId>,
        wanted: usize,
    ) -> Result<Listed, StoreError> {
        let mut listed = Vec::new();
        if shards.is_empty() {
            return Ok(listed);
        }
        for partition in self.partitions_from(after).await? {
            let left = wanted - listed.len();
            let read = self
                .read_index(partition, filter, &shards, after, left)
                .await;
            listed.extend(Catalogue::judge(&self.calls, partition, read, Vec::new()).await?);
            if listed.len() >= wanted {
                break;
            }
        }
        Ok(listed)
    }

    async fn read_index(
        &self,
        partition: Partition,
        filter: &DocumentFilter,
        shards: &[String],
        after: Option<DocumentId>,
        wanted: usize,
    ) -> Result<Listed, StoreOrCall> {
        let table = self.calls.tables.documents(partition);
        let mut range = Range::of_table(table.clone(), shards.to_vec());
        range.by_principal = true;
        range.after = after
            .filter(|after| after.partition() == partition)
            .map(|after| after.to_string());
        let mut merged = range.merge(&self.calls);
        let mut listed = Vec::new();
        let mut last = None;
        while listed.len() < wanted {
            let ids = next_ids(&mut merged, wanted - listed.len(), &mut last).await?;
            if ids.is_empty() {
                break;
            }
            for (id, item) in self.read_documents(&table, &ids).await? {
                if selects(filter, &item)? {
                    listed.push((id, item));
                }
            }
        }
        Ok(listed)
    }

    /// The documents, each with the scope of its key pair.
    async fn whole(&self, items: Listed) -> Result<Vec<Document>, StoreError> {
        let mut pairs: HashMap<Serial, Option<KeyPair>> = HashMap::new();
        let mut documents = Vec::with_capacity(items.len());
        for (_, item) in items {
            let serial = item.serial()?;
            let pair = match pairs.get(&serial) {
                Some(pair) => pair.clone(),
                None => {
                    let pair = self.pair(serial).await?;
                    pairs.insert(serial, pair.clone());
                    pair
                }
            };
            documents.push(item.document(pair.as_ref())?);
        }
        Ok(documents)
    }
}

/// The next ids of the index, each once: several principals may have an entry of one document.
async fn next_ids(
    merged: &mut Merged,
    count: usize,
    last: &mut Option<DocumentId>,
) -> Result<Vec<DocumentId>, StoreOrCall> {
    let mut ids = Vec::new();
    while ids.is_empty() {
        let items = merged.take(count).await?;
        if items.is_empty() {
            break;
        }
        for item in items {
            let id = document_id(Reader::new("the index", &item).text(ID)?)?;
            if *last != Some(id) {
                ids.push(id);
                *last = Some(id);
            }
        }
    }
    Ok(ids)
}

fn selects(filter: &DocumentFilter, item: &DocumentItem) -> Result<bool, StoreError> {
    Ok(match filter {
        // The index says so.
        DocumentFilter::Every | DocumentFilter::VisibleTo(_) => true,
        DocumentFilter::OwnedBy(owner) => item.owner()? == *owner,
        DocumentFilter::WrappedBy(serial) => item.serial()? == *serial,
        DocumentFilter::KeyExposed => item.key_exposed()?,
        DocumentFilter::PendingBefore(moment) => {
            item.state()? == DocumentState::Pending && item.created_at()? < *moment
        }
    })
}
