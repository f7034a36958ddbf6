use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{DocumentId, Record};
use crypt_keeper_domain::ports::{Change, StoreError};

use crate::catalogue::condition_failed;
use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{
    ENDING, INCOMPLETE_HOLDS, document_key, hold_key, number, partition_key, time, walk_item,
};
use crate::retry::Retry;
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug)]
enum Part {
    Hold,
    Document,
    Partition,
}

impl Core {
    /// Marks the hold first, so that nothing is copied any more; the copy's entries are removed, and
    /// the hold last, with the record. Interrupted, it is still there, and may be taken off again.
    pub(crate) async fn end_hold(
        &self,
        id: &DocumentId,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        let tables = &self.calls.tables;
        let (table, held) = (self.table_of(*id), tables.held());
        let mut retry = Retry::new();
        for round in 0.. {
            if !self.mark_ending(*id).await? {
                return Ok(Change::Missing);
            }
            // Whether it is complete is decided by now.
            let Some(found) = self.hold_item(*id).await? else {
                return Ok(Change::Missing);
            };
            let completed_at = found.hold.completed_at;
            self.take_no_entries(&held, *id, Expression::is_there())
                .await?;
            let is_as_seen = Expression::is_there().and_is("completed_at", completed_at.map(time));
            let mut act = Transaction::new()
                .delete(Part::Hold, &held, hold_key(*id), &is_as_seen)
                .remove(&held, document_key(*id))
                .remove(&held, walk_item(*id));
            for entry in self.remove_entries_but_last(&held, *id).await? {
                act = act.remove(&held, entry);
            }
            if let Some(document) = self.document_item(*id).await? {
                let version = document.version()?;
                let unmark = Expression::is_there()
                    .and_is("version", Some(number(version)))
                    .set("version", Some(number(version + 1)))
                    .set("hold", Some(AttributeValue::Bool(false)));
                act = act.update(Part::Document, &table, document_key(*id), &unmark);
                if let Some(early) = document.early_key()? {
                    self.catalogue
                        .ensure_early(&self.calls, id.partition())
                        .await?;
                    act = act.put(&table, early);
                }
            }
            if completed_at.is_none() {
                let counted = Expression::is_there().add(INCOMPLETE_HOLDS, number(-1));
                let partition = partition_key(id.partition());
                act = act.update(Part::Partition, &tables.catalogue(), partition, &counted);
            }
            let committed = act
                .record(&tables.audit(), record, round)
                .commit(&self.calls, None)
                .await?;
            if matches!(committed, Committed::Done) {
                return Ok(Change::Changed);
            }
            // The document has changed, or somebody else has taken the hold off.
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same document all the time"))
    }

    /// Whether there is a hold, which is marked then.
    async fn mark_ending(&self, id: DocumentId) -> Result<bool, StoreError> {
        let mark = Expression::is_there().set(ENDING, Some(AttributeValue::Bool(true)));
        let held = self.calls.tables.held();
        match self.calls.update(&held, hold_key(id), &mark).await {
            Ok(()) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
