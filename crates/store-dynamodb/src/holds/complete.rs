use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{DocumentId, KeyState, ObjectKey, Record, Timestamp, WrappedKey};
use crypt_keeper_domain::ports::{Change, StoreError};

use crate::documents::is_still;
use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{
    DocumentItem, ENDING, ENTRIES, GRANTS, INCOMPLETE_HOLDS, Item, REMOVING, document_key, entry,
    entry_key, hold_key, number, numbers, partition_key, text, time, walk_item, wrap_attributes,
};
use crate::retry::Retry;
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

/// Entries that are copied in one transaction of 100 items. Each is checked, too: one that is taken
/// back meanwhile is not copied.
const ENTRIES_AT_ONCE: usize = 45;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Hold,
    Document,
    Entry,
    Partition,
}

/// The hold has begun, is not complete, and is not being taken off.
fn is_open() -> Expression {
    Expression::is_there()
        .and_is("completed_at", None)
        .and_is(ENDING, None)
}

impl Core {
    /// Entries that are too many for one transaction are copied before the document: who looks into
    /// the held place sees the document last.
    pub(crate) async fn complete_hold(
        &self,
        id: &DocumentId,
        wrapped: &WrappedKey,
        object_key: &ObjectKey,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        self.catalogue.ensure_held(&self.calls, id.class()).await?;
        let mut retry = Retry::new();
        for round in 0.. {
            match self.hold_item(*id).await? {
                Some(found) if found.hold.completed_at.is_some() => return Ok(Change::Unchanged),
                Some(found) if !found.is_ending => {}
                _ => return Ok(Change::Missing),
            }
            let Some(document) = self.document_item(*id).await? else {
                return Ok(Change::Missing);
            };
            if !self.may_have_wrapped(wrapped).await? {
                return Ok(Change::Stale);
            }
            let copy = self.held_copy(&document, wrapped, object_key).await?;
            let table = self.table_of(*id);
            let entries = self
                .calls
                .beginning_with(&table, &id.to_string(), ENTRIES)
                .await?;
            let last = entries.len().saturating_sub(ENTRIES_AT_ONCE);
            let (before, last) = entries.split_at(last);
            let committed = if self.copy_entries_before(*id, before).await? {
                self.completing(*id, &document, copy, record.audit.at)?
                    .and_copies(self, *id, last)?
                    .record(&self.calls.tables.audit(), record, round)
                    .commit(&self.calls, None)
                    .await?
                    == Committed::Done
            } else {
                false
            };
            if committed {
                return Ok(Change::Changed);
            }
            // The document or one of its entries was changed, or the hold is being taken off.
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same document all the time"))
    }

    /// The document's item as it is held.
    async fn held_copy(
        &self,
        document: &DocumentItem,
        wrapped: &WrappedKey,
        object_key: &ObjectKey,
    ) -> Result<Item, StoreError> {
        let left = document.serial()?;
        let pair = self.pair(left).await?;
        let mut copy = document.0.clone();
        copy.remove(REMOVING);
        copy.remove(GRANTS);
        copy.extend(wrap_attributes(wrapped));
        copy.insert("object_key".to_owned(), text(object_key.as_str()));
        // As after any rewrap: the pair that it leaves may turn out to be compromised, or is.
        let former = copy.remove("former_serials");
        let mut former = match former {
            Some(AttributeValue::Ns(former)) => former,
            _ => Vec::new(),
        };
        if let AttributeValue::Ns(left) = numbers([left.as_i64()]) {
            former.retain(|one| !left.contains(one));
            former.extend(left);
        }
        copy.insert("former_serials".to_owned(), AttributeValue::Ns(former));
        if pair.is_some_and(|pair| pair.state == KeyState::Compromised) {
            copy.insert("key_exposed".to_owned(), AttributeValue::Bool(true));
        }
        Ok(copy)
    }

    /// Whether all of them are copied.
    async fn copy_entries_before(
        &self,
        id: DocumentId,
        entries: &[Item],
    ) -> Result<bool, StoreError> {
        let held = self.calls.tables.held();
        for batch in entries.chunks(ENTRIES_AT_ONCE) {
            let committed = Transaction::new()
                .check(Part::Hold, &held, hold_key(id), &is_open())
                .and_copies(self, id, batch)?
                .commit(&self.calls, None)
                .await?;
            if committed != Committed::Done {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn completing(
        &self,
        id: DocumentId,
        document: &DocumentItem,
        copy: Item,
        at: Timestamp,
    ) -> Result<Transaction<Part>, StoreError> {
        let tables = &self.calls.tables;
        let held = tables.held();
        let complete = is_open().set("completed_at", Some(time(at)));
        let is_as_seen = Expression::is_there()
            .and_is("version", Some(number(document.version()?)))
            .and_is(GRANTS, document.0.get(GRANTS).cloned())
            .and_is("key_serial", Some(number(document.serial()?.as_i64())))
            .and_is(
                "key_exposed",
                Some(AttributeValue::Bool(document.key_exposed()?)),
            );
        let counted = Expression::is_there().add(INCOMPLETE_HOLDS, number(-1));
        let partition = partition_key(id.partition());
        Ok(Transaction::new()
            .update(Part::Hold, &held, hold_key(id), &complete)
            .check(
                Part::Document,
                &self.table_of(id),
                document_key(id),
                &is_as_seen,
            )
            .put(&held, copy)
            .put(&held, walk_item(id))
            .update(Part::Partition, &tables.catalogue(), partition, &counted))
    }
}

impl Transaction<Part> {
    /// Copies entries that are still as they were seen.
    fn and_copies(
        mut self,
        core: &Core,
        id: DocumentId,
        entries: &[Item],
    ) -> Result<Self, StoreError> {
        let (table, held) = (core.table_of(id), core.calls.tables.held());
        for item in entries {
            let seen = entry(item)?;
            let key = entry_key(id, seen.principal);
            self = self
                .check(Part::Entry, &table, key, &is_still(&seen))
                .put(&held, item.clone());
        }
        Ok(self)
    }
}
