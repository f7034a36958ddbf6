//! Walks over all documents, in order of class and id, read from the tables themselves: they decide
//! what may be destroyed.

use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{DocumentId, DocumentState, Partition, Serial};
use crypt_keeper_domain::ports::{StoreError, WalkStep, Walked, Wraps};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::catalogue::{Catalogue, condition_failed};
use crate::error::StoreOrCall;
use crate::expression::Expression;
use crate::items::{DocumentItem, ITEM, Reader, document_id, document_key, walk_shards};
use crate::query::Range;
use crate::store::Core;

/// Documents that are marked at once.
const AT_ONCE: usize = 8;

/// The documents of a step of a walk, and where the next one begins.
pub(super) struct Step {
    pub(super) documents: Vec<(DocumentId, DocumentItem)>,
    pub(super) next: Option<DocumentId>,
}

impl Core {
    /// The partitions that a walk has still to see.
    pub(super) async fn partitions_from(
        &self,
        after: Option<DocumentId>,
    ) -> Result<Vec<Partition>, StoreError> {
        let mut partitions = Catalogue::partitions(&self.calls).await?;
        partitions.retain(|one| after.is_none_or(|after| *one >= after.partition()));
        Ok(partitions)
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
        for partition in self.partitions_from(after).await? {
            let left = examine - step.documents.len();
            let read = self.read_step(partition, after, left).await;
            let read = Catalogue::judge(&self.calls, partition, read, Vec::new()).await?;
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
        partition: Partition,
        after: Option<DocumentId>,
        count: usize,
    ) -> Result<Vec<(DocumentId, DocumentItem)>, StoreOrCall> {
        let table = self.calls.tables.documents(partition);
        let mut range = Range::of_table(table.clone(), walk_shards());
        range.after = after
            .filter(|after| after.partition() == partition)
            .map(|after| after.to_string());
        let mut ids = Vec::new();
        for item in range.merge(&self.calls).take(count).await? {
            ids.push(document_id(Reader::new("a walk", &item).text(ITEM)?)?);
        }
        self.read_documents(&table, &ids).await
    }

    /// The documents of the ids, in their order; ids without a document are left out.
    pub(super) async fn read_documents(
        &self,
        table: &str,
        ids: &[DocumentId],
    ) -> Result<Vec<(DocumentId, DocumentItem)>, StoreOrCall> {
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
        let mut count = 0;
        for (_, item) in &step.documents {
            count += u64::from(needs(item, *serial)?);
        }
        Ok(Walked {
            count,
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
        let mut found = Vec::new();
        for (id, item) in step.documents {
            if needs(&item, *serial)? {
                found.push((id, item.wrapped_key(pair.as_ref())));
            }
        }
        Ok(Wraps {
            found,
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
            if item.was_ever_under(*serial)? && !item.key_exposed()? {
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
        let table = self.calls.tables.documents(id.partition());
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

/// Whether a document would be lost with a pair.
fn needs(item: &DocumentItem, serial: Serial) -> Result<bool, StoreError> {
    Ok(item.serial()? == serial && item.state()? != DocumentState::Deleted)
}
