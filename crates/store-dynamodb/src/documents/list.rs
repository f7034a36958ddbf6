use std::collections::HashMap;

use crypt_keeper_domain::model::{
    Document, DocumentId, DocumentState, KeyPair, Page, PageLimit, PageRequest, Principal,
    RetentionClass, Serial,
};
use crypt_keeper_domain::ports::{DocumentFilter, StoreError};

use super::walk::Section;
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
                let shards = |class| owner_shards(*owner, class);
                self.list_by_index(filter, shards, page.after, wanted)
                    .await?
            }
            DocumentFilter::VisibleTo(principals) => {
                let mut principals = principals.clone();
                principals.sort_unstable();
                principals.dedup();
                let shards = |class| {
                    let of = |principal: &Principal| principal_shards(*principal, class);
                    principals.iter().flat_map(of).collect()
                };
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
        self.readable(items, page.limit).await
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
                if listed.len() < wanted && selects(filter, &item) {
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

    /// The newest come first. Tables are read from the one whose period ends last on, each backwards,
    /// until none is left that could hold anything newer than what the page ends with.
    async fn list_by_index(
        &self,
        filter: &DocumentFilter,
        shards: impl Fn(RetentionClass) -> Vec<String>,
        after: Option<DocumentId>,
        wanted: usize,
    ) -> Result<Listed, StoreError> {
        let mut sections = self.sections_from(None).await?;
        sections.retain(|section| after.is_none_or(|after| !section.is_before(after)));
        sections.sort_by_key(Section::newest_first);
        let mut listed: Listed = Vec::new();
        for section in sections {
            let last = listed.get(wanted - 1).map(|(id, _)| *id);
            let shards = shards(section.class);
            if shards.is_empty() || last.is_some_and(|last| section.is_behind(last)) {
                break;
            }
            let read = self.read_index(&section, filter, shards, (after, last), wanted);
            let read = read.await;
            listed.extend(self.judge_section(&section, read, Vec::new()).await?);
            listed.sort_by_key(|(id, _)| id.newest_first());
            listed.truncate(wanted);
        }
        Ok(listed)
    }

    /// The newest documents of a section between two, of which the first is the newer.
    async fn read_index(
        &self,
        section: &Section,
        filter: &DocumentFilter,
        shards: Vec<String>,
        (from, to): (Option<DocumentId>, Option<DocumentId>),
        wanted: usize,
    ) -> Result<Listed, StoreOrCall> {
        let is_import = |class| class == RetentionClass::IMPORT;
        // Imported documents come behind all others, whatever their ids.
        let bound = |id: Option<DocumentId>| {
            id.filter(|id| is_import(id.class()) == is_import(section.class))
                .map(|id| id.to_string())
        };
        let mut range = Range::of_table(section.table.clone(), shards);
        range.by_principal = true;
        range.descending = true;
        range.before = bound(from);
        range.after = bound(to);
        let mut merged = range.merge(&self.calls);
        let mut listed = Vec::new();
        let mut last = None;
        while listed.len() < wanted {
            let ids = next_ids(&mut merged, wanted - listed.len(), &mut last).await?;
            if ids.is_empty() {
                break;
            }
            for (id, item) in self.read_documents(&section.table, &ids).await? {
                if selects(filter, &item) {
                    listed.push((id, item));
                }
            }
        }
        Ok(listed)
    }

    /// The page up to the first document that cannot be read: what stands before it is not hidden by
    /// it. It is the first of the next page, whose error names it.
    async fn readable(
        &self,
        mut listed: Listed,
        limit: PageLimit,
    ) -> Result<Page<Document, DocumentId>, StoreError> {
        let mut more = listed.len() > limit.get();
        // Behind the page, it is only counted.
        listed.truncate(limit.get());
        let mut pairs = HashMap::new();
        let mut items: Vec<Document> = Vec::with_capacity(listed.len());
        for (_, item) in listed {
            match self.whole(&item, &mut pairs).await {
                Ok(document) => items.push(document),
                Err(StoreError::Corrupt(_)) if !items.is_empty() => {
                    more = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let next = items.last().filter(|_| more).map(|document| document.id);
        Ok(Page { items, next })
    }

    /// The document, with the scope of its key pair.
    async fn whole(
        &self,
        item: &DocumentItem,
        pairs: &mut HashMap<Serial, Option<KeyPair>>,
    ) -> Result<Document, StoreError> {
        let serial = item.serial()?;
        let pair = match pairs.get(&serial) {
            Some(pair) => pair.clone(),
            None => {
                let pair = self.pair(serial).await?;
                pairs.insert(serial, pair.clone());
                pair
            }
        };
        item.document(pair.as_ref())
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

/// Whether a document is listed. One of which that cannot be read is: it is not hidden.
fn selects(filter: &DocumentFilter, item: &DocumentItem) -> bool {
    let or_unreadable = |answer: Result<bool, StoreError>| answer.unwrap_or(true);
    match filter {
        // The index says so.
        DocumentFilter::Every | DocumentFilter::VisibleTo(_) => true,
        DocumentFilter::OwnedBy(owner) => or_unreadable(item.owner().map(|of| of == *owner)),
        DocumentFilter::WrappedBy(serial) => or_unreadable(item.serial().map(|of| of == *serial)),
        DocumentFilter::KeyExposed => or_unreadable(item.key_exposed()),
        DocumentFilter::PendingBefore(moment) => {
            let is_pending = item.state().map(|state| state == DocumentState::Pending);
            let is_before = item.created_at().map(|at| at < *moment);
            or_unreadable(is_pending) && or_unreadable(is_before)
        }
    }
}
