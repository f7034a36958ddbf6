use crypt_keeper_domain::model::{
    Document, Entry, PartitionState, Record, RetentionClass, WrappedKey,
};
use crypt_keeper_domain::ports::{InsertOutcome, StoreError};

use crate::items::{Item, document_item, early_key, entry_item, walk_item};
use crate::store::{Core, Place};
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
        let seen = self.clock.now();
        let may_have_wrapped = self.may_have_wrapped(&document.wrapped_key).await?;
        if !document.id.may_be_inserted_at(self.stores_now()) {
            return Ok(InsertOutcome::OutsideWindow);
        }
        // What is brought over was wrapped by whoever brings it, and says nothing of when.
        if document.id.class() != RetentionClass::IMPORT {
            self.require_young_wrap(document.created_at, seen)?;
        }
        let early = self
            .ready_for_document(document, PartitionState::Closed)
            .await?;
        self.ready_for(record).await?;
        if !may_have_wrapped {
            return self.refuse_or_conflict(document).await;
        }
        let table = self.table_of(document.id);
        let mut act = Transaction::new()
            .insert(Part::Document, &table, document_item(document))
            .insert(Part::Entry, &table, entry_item(owner_entry))
            .insert(Part::Walk, &table, walk_item(document.id));
        if let Some(early) = early {
            act = act.put(&table, early);
        }
        let committed = act
            .record(&self.calls.tables.audit(), record, 0)
            .commit(&self.calls, Some(self.pair_state_holds(seen)))
            .await?;
        match committed {
            Committed::Done => Ok(InsertOutcome::Inserted),
            Committed::Refused(_) => Err(StoreError::Conflict),
        }
    }

    /// Sees to it that a document can be put where it belongs, unless its partition has come as far as
    /// `until`, and is found there; the item that it has among those that expire early.
    pub(crate) async fn ready_for_document(
        &self,
        document: &Document,
        until: PartitionState,
    ) -> Result<Option<Item>, StoreError> {
        let (id, catalogue) = (document.id, &self.catalogue);
        if self.place == Place::Held {
            catalogue.ensure_held(&self.calls, id.class()).await?;
            return Ok(None);
        }
        let now = self.clock.now();
        catalogue
            .require_before(until, &self.calls, id.partition(), now)
            .await?;
        let is_early = document.expires_early && !document.hold;
        let Some(end) = document.expires_at.filter(|_| is_early) else {
            return Ok(None);
        };
        catalogue.ensure_early(&self.calls, id.partition()).await?;
        Ok(Some(early_key(id, end)))
    }

    /// Whether the pair that a wrap names is active, and of the wrap's scope and algorithm.
    pub(crate) async fn may_have_wrapped(&self, wrapped: &WrappedKey) -> Result<bool, StoreError> {
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
