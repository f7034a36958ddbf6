//! A document's entries, removed before it, for they may be more than one transaction takes.

use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::DocumentId;
use crypt_keeper_domain::ports::StoreError;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::calls::call;
use crate::catalogue::condition_failed;
use crate::error::CallError;
use crate::expression::Expression;
use crate::items::{ENTRIES, ID, ITEM, Item, REMOVING, Reader, document_key, key};
use crate::store::Core;

/// Entries that are removed together with what they hang on: a transaction has 100 items.
const LAST: usize = 90;
/// Entries that are removed at once before that.
const AT_ONCE: usize = 8;

impl Core {
    /// Marks a document, if it is as it has to be, as one that takes no new entries: so none is left
    /// behind that was granted while it was removed. Whether it was as it has to be.
    pub(crate) async fn take_no_entries(
        &self,
        table: &str,
        id: DocumentId,
        when: Expression,
    ) -> Result<bool, StoreError> {
        let mark = when.set(REMOVING, Some(AttributeValue::Bool(true)));
        match self.calls.update(table, document_key(id), &mark).await {
            Ok(()) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes all entries of a document but the last few, and gives the keys of those.
    pub(crate) async fn remove_entries_but_last(
        &self,
        table: &str,
        id: DocumentId,
    ) -> Result<Vec<Item>, StoreError> {
        let id = id.to_string();
        let entries = self.calls.beginning_with(table, &id, ENTRIES).await?;
        let mut keys = Vec::with_capacity(entries.len());
        for entry in &entries {
            let reader = Reader::new("an entry", entry);
            keys.push(key(reader.text(ID)?, reader.text(ITEM)?));
        }
        let last = keys.split_off(keys.len().saturating_sub(LAST));
        let removals = keys.into_iter().map(|key| async move {
            let request = self.calls.client.delete_item();
            let request = request.table_name(table).set_key(Some(key));
            call("DeleteItem", table, || request.clone().send()).await
        });
        let removals: Vec<_> = removals.collect();
        stream::iter(removals)
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok::<_, CallError>(()) })
            .await?;
        Ok(last)
    }
}
