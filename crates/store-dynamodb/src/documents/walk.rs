//! Walks over all documents, in order of class and id, read from the tables themselves: they decide
//! what may be destroyed.

use std::cmp::Reverse;

use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{
    DocumentId, DocumentState, Partition, PartitionState, RetentionClass, Serial, Timestamp,
};
use crypt_keeper_domain::ports::{StoreError, WalkStep, Walked, Wraps};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::catalogue::{Catalogue, condition_failed};
use crate::error::StoreOrCall;
use crate::expression::Expression;
use crate::items::{DocumentItem, ITEM, Reader, document_id, document_key, walk_shards};
use crate::query::Range;
use crate::store::{Core, Place};

/// Documents that are marked at once.
const AT_ONCE: usize = 8;

/// The documents of a step of a walk, and where the next one begins.
pub(super) struct Step {
    pub(super) documents: Vec<(DocumentId, DocumentItem)>,
    pub(super) next: Option<DocumentId>,
}

/// A table of documents of one class, or what one has of a class: its collections are in the order
/// of ids.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) table: String,
    pub(super) class: RetentionClass,
    /// `None` where held documents lie.
    partition: Option<Partition>,
}

impl Section {
    /// The sort key after which a walk goes on here; `None` at the beginning.
    pub(super) fn after(&self, after: Option<DocumentId>) -> Option<String> {
        let is_here = |id: &DocumentId| match self.partition {
            Some(partition) => id.partition() == partition,
            None => id.class() == self.class,
        };
        after.filter(is_here).map(|after| after.to_string())
    }

    /// Where it stands among others whose newest documents are read first: by the end of its period.
    /// Held documents are of all times, and imported ones of none.
    pub(super) fn newest_first(&self) -> (bool, Reverse<Timestamp>) {
        let end = self.partition.and_then(Partition::ends_at);
        let is_import = self.class == RetentionClass::IMPORT;
        (is_import, Reverse(end.unwrap_or(Timestamp::MAX)))
    }

    /// Whether each of its documents comes before `id` where the newest come first.
    pub(super) fn is_before(&self, id: DocumentId) -> bool {
        match id.created_at() {
            None => self.class != RetentionClass::IMPORT,
            Some(made) => self
                .partition
                .is_some_and(|of| self.class != RetentionClass::IMPORT && of.starts_at() > made),
        }
    }

    /// Whether each of its documents comes behind `id`, which is not among them, where the newest
    /// come first.
    pub(super) fn is_behind(&self, id: DocumentId) -> bool {
        match id.created_at() {
            None => false,
            Some(_) if self.class == RetentionClass::IMPORT => true,
            Some(made) => self
                .partition
                .and_then(Partition::ends_at)
                .is_some_and(|end| end <= made),
        }
    }
}

impl Core {
    /// What a walk has still to see.
    pub(super) async fn sections_from(
        &self,
        after: Option<DocumentId>,
    ) -> Result<Vec<Section>, StoreError> {
        if self.place == Place::Held {
            let classes = Catalogue::held(&self.calls).await?.into_iter();
            let classes = classes.filter(|class| after.is_none_or(|after| *class >= after.class()));
            let section = |class| Section {
                table: self.calls.tables.held(),
                class,
                partition: None,
            };
            return Ok(classes.map(section).collect());
        }
        let first = after.map(DocumentId::partition);
        let partitions = Catalogue::partitions(&self.calls).await?.into_iter();
        let partitions = partitions
            .filter(|one| one.is_made && one.entry.state < PartitionState::Dropped)
            .map(|one| one.entry.partition)
            .filter(|one| first.is_none_or(|first| *one >= first));
        let section = |partition: Partition| Section {
            table: self.calls.tables.documents(partition),
            class: partition.class(),
            partition: Some(partition),
        };
        Ok(partitions.map(section).collect())
    }

    /// What the answer of a read of a section means.
    pub(super) async fn judge_section<T>(
        &self,
        section: &Section,
        read: Result<T, StoreOrCall>,
        nothing: T,
    ) -> Result<T, StoreError> {
        match section.partition {
            Some(partition) => Catalogue::judge(&self.calls, partition, read, nothing).await,
            None => Ok(read?),
        }
    }

    pub(super) async fn step(
        &self,
        after: Option<DocumentId>,
        examine: usize,
    ) -> Result<Step, StoreError> {
        let mut step = Step {
            documents: Vec::new(),
            next: None,
        };
        for section in self.sections_from(after).await? {
            let left = examine - step.documents.len();
            let read = self.read_step(&section, after, left).await;
            let read = self.judge_section(&section, read, Vec::new()).await?;
            step.documents.extend(read);
            if step.documents.len() >= examine {
                step.next = step.documents.last().map(|(id, _)| *id);
                break;
            }
        }
        Ok(step)
    }

    async fn read_step(
        &self,
        section: &Section,
        after: Option<DocumentId>,
        count: usize,
    ) -> Result<Vec<(DocumentId, DocumentItem)>, StoreOrCall> {
        let mut range = Range::of_table(section.table.clone(), walk_shards(section.class));
        range.after = section.after(after);
        let mut walk = range.merge(&self.calls);
        let mut found = Vec::new();
        while found.len() < count {
            let items = walk.take(count - found.len()).await?;
            if items.is_empty() {
                break;
            }
            let mut ids = Vec::with_capacity(items.len());
            for item in items {
                ids.push(document_id(Reader::new("a walk", &item).text(ITEM)?)?);
            }
            // One that is being removed at this moment is not there, and the next takes its place.
            found.extend(self.read_documents(&section.table, &ids).await?);
        }
        Ok(found)
    }

    /// The documents of the ids, in order of those and each once; ids without a document are left out.
    pub(crate) async fn read_documents(
        &self,
        table: &str,
        ids: &[DocumentId],
    ) -> Result<Vec<(DocumentId, DocumentItem)>, StoreOrCall> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let keys = ids.iter().map(|id| document_key(*id)).collect();
        let mut found = Vec::with_capacity(ids.len());
        for item in self.calls.get_all(table, keys).await? {
            let item = DocumentItem(item);
            found.push((item.id()?, item));
        }
        found.sort_by_key(|(id, _)| *id);
        Ok(found)
    }

    pub(crate) async fn count_wrapped_by(
        &self,
        serial: &Serial,
        step: &WalkStep,
    ) -> Result<Walked, StoreError> {
        let step = self.step(step.after, step.examine.get() as usize).await?;
        let needing = step
            .documents
            .iter()
            .filter(|(_, item)| needs(item, *serial));
        Ok(Walked {
            count: needing.count() as u64,
            next: step.next,
        })
    }

    pub(crate) async fn wraps_under(
        &self,
        serial: &Serial,
        step: &WalkStep,
    ) -> Result<Wraps, StoreError> {
        let step = self.step(step.after, step.examine.get() as usize).await?;
        let pair = self.pair(*serial).await?;
        let needing = step
            .documents
            .iter()
            .filter(|(_, item)| needs(item, *serial));
        let wrap = |(id, item): &(DocumentId, DocumentItem)| (*id, item.wrapped_key(pair.as_ref()));
        Ok(Wraps {
            found: needing.map(wrap).collect(),
            next: step.next,
        })
    }

    pub(crate) async fn mark_exposed(
        &self,
        serial: &Serial,
        step: &WalkStep,
    ) -> Result<Walked, StoreError> {
        let step = self.step(step.after, step.examine.get() as usize).await?;
        let mut marked = Vec::new();
        for (id, item) in &step.documents {
            // One of which that cannot be read may have been.
            let was_under = item.was_ever_under(*serial).unwrap_or(true);
            if was_under && !item.key_exposed().unwrap_or(false) {
                marked.push(*id);
            }
        }
        let marks: Vec<_> = marked.into_iter().map(|id| self.mark(id)).collect();
        let marks = stream::iter(marks).buffer_unordered(AT_ONCE);
        let marks: Vec<bool> = marks.try_collect().await?;
        Ok(Walked {
            count: marks.into_iter().map(u64::from).sum(),
            next: step.next,
        })
    }

    /// Marks a document; whether it was not marked before.
    async fn mark(&self, id: DocumentId) -> Result<bool, StoreError> {
        let table = self.table_of(id);
        let change = Expression::is_there()
            .and_is("key_exposed", Some(AttributeValue::Bool(false)))
            .set("key_exposed", Some(AttributeValue::Bool(true)));
        match self.calls.update(&table, document_key(id), &change).await {
            Ok(()) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a document would be lost with a pair. One of which that cannot be read might be.
fn needs(item: &DocumentItem, serial: Serial) -> bool {
    let is_of_another = item.serial().is_ok_and(|of| of != serial);
    let is_deleted = item
        .state()
        .is_ok_and(|state| state == DocumentState::Deleted);
    !is_of_another && !is_deleted
}
