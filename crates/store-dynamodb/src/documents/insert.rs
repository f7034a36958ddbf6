use crypt_keeper_domain::model::{Document, Entry, Record, RetentionClass, WrappedKey};
use crypt_keeper_domain::ports::{InsertOutcome, StoreError};

use crate::items::{document_item, entry_item, walk_item};
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug)]
enum Part {
    Document,
    Entry,
    Walk,
}

impl Core {
    /// Document, entry and record in one transaction. The key pair is read just before it and not
    /// checked in it: every upload would write to that one item.
    pub(crate) async fn insert_document(
        &self,
        document: &Document,
        owner_entry: &Entry,
        record: &Record,
    ) -> Result<InsertOutcome, StoreError> {
        let now = self.clock.now();
        if !document.id.may_be_inserted_at(now) {
            return Ok(InsertOutcome::OutsideWindow);
        }
        // What is brought over was wrapped by whoever brings it, and says nothing of when.
        if document.id.class() != RetentionClass::IMPORT {
            self.require_young_wrap(document.created_at, now)?;
        }
        let partition = document.id.partition();
        self.catalogue
            .ensure_partition(&self.calls, partition)
            .await?;
        self.ready_for(record).await?;
        let seen = self.clock.now();
        if !self.may_have_wrapped(&document.wrapped_key).await? {
            return self.refuse_or_conflict(document).await;
        }
        let table = self.calls.tables.documents(partition);
        let committed = Transaction::new()
            .insert(Part::Document, &table, document_item(document))
            .insert(Part::Entry, &table, entry_item(owner_entry))
            .insert(Part::Walk, &table, walk_item(document.id))
            .record(&self.calls.tables.audit(), record, 0)
            .commit(&self.calls, Some(self.pair_state_holds(seen)))
            .await?;
        match committed {
            Committed::Done => Ok(InsertOutcome::Inserted),
            Committed::Refused(_) => Err(StoreError::Conflict),
        }
    }

    /// Whether the pair that a wrap names is active, and of the wrap's scope and algorithm.
    pub(super) async fn may_have_wrapped(&self, wrapped: &WrappedKey) -> Result<bool, StoreError> {
        let pair = self.pair(wrapped.serial).await?;
        Ok(pair.is_some_and(|pair| {
            pair.state.may_wrap()
                && pair.scope == wrapped.scope
                && pair.algorithm == wrapped.algorithm
        }))
    }

    /// A repetition of an insert that took place is told so, whatever the pair has become since.
    async fn refuse_or_conflict(&self, document: &Document) -> Result<InsertOutcome, StoreError> {
        match self.document_item(document.id).await? {
            Some(_) => Err(StoreError::Conflict),
            None => Ok(InsertOutcome::KeyPairNotActive),
        }
    }
}
