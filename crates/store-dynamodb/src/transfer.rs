//! Rows that are moved as they are. Each is a transaction, or an item, of its own; some are under way
//! at once.

mod documents;
mod partitions;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    ApiKey, AuditAction, AuditEntry, DocumentId, Hold, KeyPair, KeyState, Page, PageRequest,
    PartitionEntry, User,
};
use crypt_keeper_domain::ports::{
    DocumentWithEntries, HoldTransfer, MetadataTransfer, PutOutcome, StoreError,
};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::calls::call;
use crate::catalogue::condition_failed;
use crate::expression::Expression;
use crate::items::{
    ID, ITEM, Item, Reader, api_key, api_key_item, api_key_key, api_key_reference, audit_entry,
    audit_hash, audit_item, document_key, hold_item, key_pair, name_item, number, numbers,
    pair_item, pair_key, user, user_item, user_key,
};
use crate::key_registry::{active_item, seat};
use crate::store::{Core, DynamoDbStore, on_runtime};
use crate::transaction::{Committed, Transaction};

/// Rows that are read, or put, at once.
const AT_ONCE: usize = 16;

#[async_trait]
impl MetadataTransfer for DynamoDbStore {
    async fn identity(&self) -> Result<String, StoreError> {
        on_runtime!(self.identity())
    }

    async fn documents_with_entries(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<DocumentWithEntries, DocumentId>, StoreError> {
        on_runtime!(self.documents_with_entries(page))
    }

    async fn put_partitions(
        &self,
        partitions: &[PartitionEntry],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        on_runtime!(self.put_partitions(partitions))
    }

    async fn put_documents(
        &self,
        documents: &[DocumentWithEntries],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        on_runtime!(self.put_documents(documents))
    }

    async fn put_users(&self, users: &[User]) -> Result<Vec<PutOutcome>, StoreError> {
        on_runtime!(self.put_users(users))
    }

    async fn put_api_keys(&self, keys: &[ApiKey]) -> Result<Vec<PutOutcome>, StoreError> {
        on_runtime!(self.put_api_keys(keys))
    }

    async fn put_pairs(&self, pairs: &[KeyPair]) -> Result<Vec<PutOutcome>, StoreError> {
        on_runtime!(self.put_pairs(pairs))
    }

    async fn put_audit(&self, entries: &[AuditEntry]) -> Result<Vec<PutOutcome>, StoreError> {
        on_runtime!(self.put_audit(entries))
    }
}

#[async_trait]
impl HoldTransfer for DynamoDbStore {
    async fn put_holds(&self, holds: &[Hold]) -> Result<Vec<PutOutcome>, StoreError> {
        on_runtime!(self.put_holds(holds))
    }
}

/// The first part of a transaction is the row itself; what else it takes is told apart by nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Row,
    Other,
}

/// Puts several rows, some at once; their outcomes in their order.
async fn each(
    puts: Vec<BoxFuture<'_, Result<PutOutcome, StoreError>>>,
) -> Result<Vec<PutOutcome>, StoreError> {
    stream::iter(puts).buffered(AT_ONCE).try_collect().await
}

fn unchanged(is_same: bool) -> PutOutcome {
    if is_same {
        PutOutcome::Unchanged
    } else {
        PutOutcome::Differs
    }
}

impl Core {
    /// The table of the catalogue: its id, where the server gives one, and when it was made.
    pub(crate) async fn identity(&self) -> Result<String, StoreError> {
        let table = self.calls.tables.catalogue();
        let Some(found) = self.calls.describe(&table).await? else {
            return Err(StoreError::Unavailable(
                format!("there is no table {table}").into(),
            ));
        };
        let made = found.creation_date_time().map(|at| at.as_nanos());
        Ok(format!(
            "dynamodb {} {} {}",
            found.table_arn().unwrap_or_default(),
            found.table_id().unwrap_or_default(),
            made.unwrap_or_default()
        ))
    }

    pub(crate) async fn put_users(&self, users: &[User]) -> Result<Vec<PutOutcome>, StoreError> {
        let puts = users.iter().map(|one| Box::pin(self.put_user(one)) as _);
        each(puts.collect()).await
    }

    async fn put_user(&self, put: &User) -> Result<PutOutcome, StoreError> {
        let table = self.calls.tables.accounts();
        let committed = Transaction::new()
            .insert(Part::Row, &table, user_item(put))
            .insert(Part::Other, &table, name_item(put))
            .commit(&self.calls, None)
            .await?;
        if committed == Committed::Done {
            return Ok(PutOutcome::Stored);
        }
        let there = self.calls.get(&table, &user_key(put.id)).await?;
        let there = there.as_ref().map(user).transpose()?;
        Ok(unchanged(there.as_ref() == Some(put)))
    }

    pub(crate) async fn put_api_keys(
        &self,
        keys: &[ApiKey],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(keys.len());
        // One by one: two of a user would meet on his item.
        for key in keys {
            outcomes.push(self.put_api_key(key).await?);
        }
        Ok(outcomes)
    }

    async fn put_api_key(&self, put: &ApiKey) -> Result<PutOutcome, StoreError> {
        let table = self.calls.tables.accounts();
        let counted = Expression::is_there().add("api_keys_made", number(1));
        let committed = Transaction::new()
            .insert(Part::Row, &table, api_key_item(put))
            .insert(Part::Other, &table, api_key_reference(put))
            .update(Part::Other, &table, user_key(put.user), &counted)
            .commit(&self.calls, None)
            .await?;
        if committed == Committed::Done {
            return Ok(PutOutcome::Stored);
        }
        let there = self.calls.get(&table, &api_key_key(put.id)).await?;
        let there = there.as_ref().map(api_key).transpose()?;
        Ok(unchanged(there.as_ref() == Some(put)))
    }

    pub(crate) async fn put_pairs(&self, pairs: &[KeyPair]) -> Result<Vec<PutOutcome>, StoreError> {
        let puts = pairs.iter().map(|one| Box::pin(self.put_pair(one)) as _);
        each(puts.collect()).await
    }

    async fn put_pair(&self, put: &KeyPair) -> Result<PutOutcome, StoreError> {
        let table = self.calls.tables.key_pairs();
        let mut act = Transaction::new().insert(Part::Row, &table, pair_item(put));
        if put.state == KeyState::Active {
            act = act.insert(Part::Other, &table, active_item(&seat(put), put.serial));
        }
        if act.commit(&self.calls, None).await? == Committed::Done {
            return Ok(PutOutcome::Stored);
        }
        let there = self.calls.get(&table, &pair_key(put.serial)).await?;
        let there = there.as_ref().map(key_pair).transpose()?;
        Ok(unchanged(there.as_ref() == Some(put)))
    }

    pub(crate) async fn put_holds(&self, holds: &[Hold]) -> Result<Vec<PutOutcome>, StoreError> {
        let puts = holds.iter().map(|one| Box::pin(self.put_hold(one)) as _);
        each(puts.collect()).await
    }

    async fn put_hold(&self, put: &Hold) -> Result<PutOutcome, StoreError> {
        if put.completed_at.is_none() {
            let there = self.find_hold(&put.document).await?;
            return Ok(unchanged(there.as_ref() == Some(put)));
        }
        let table = self.calls.tables.held();
        if self.put_new(&table, hold_item(put)).await? {
            return Ok(PutOutcome::Stored);
        }
        let there = self.find_hold(&put.document).await?;
        Ok(unchanged(there.as_ref() == Some(put)))
    }

    pub(crate) async fn put_audit(
        &self,
        entries: &[AuditEntry],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        for entry in entries {
            let (month, _) = audit_hash(entry.id);
            self.catalogue.ensure_month(&self.calls, &month).await?;
        }
        let puts = entries
            .iter()
            .map(|one| Box::pin(self.put_audit_entry(one)) as _);
        each(puts.collect()).await
    }

    async fn put_audit_entry(&self, put: &AuditEntry) -> Result<PutOutcome, StoreError> {
        let table = self.calls.tables.audit();
        let item = audit_item(put);
        let is_new = match (put.action, put.document, put.serial) {
            // The document remembers the pairs that it was ever wrapped under.
            (AuditAction::DocumentRewrapped, Some(id), Some(left))
                if self.document_item(id).await?.is_some() =>
            {
                let documents = self.table_of(id);
                let remembers =
                    Expression::is_there().add("former_serials", numbers([left.as_i64()]));
                let committed = Transaction::new()
                    .insert(Part::Row, &table, item.clone())
                    .update(Part::Other, &documents, document_key(id), &remembers)
                    .commit(&self.calls, None)
                    .await?;
                committed == Committed::Done
            }
            _ => self.put_new(&table, item.clone()).await?,
        };
        if is_new {
            return Ok(PutOutcome::Stored);
        }
        let reader = Reader::new("the audit log", &item);
        let key = crate::items::key(reader.text(ID)?, reader.text(ITEM)?);
        let there = self.calls.get(&table, &key).await?;
        let there = there.as_ref().map(audit_entry).transpose()?;
        Ok(unchanged(there.as_ref() == Some(put)))
    }

    /// Whether the item was not there.
    async fn put_new(&self, table: &str, item: Item) -> Result<bool, StoreError> {
        let request = self
            .calls
            .client
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(id)");
        match call("PutItem", table, || request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
